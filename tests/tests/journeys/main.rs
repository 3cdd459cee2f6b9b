//! Journeys from end to end: what people, stores and machines go through, on real parts.

mod a_day_in_a_store;
mod alarms;
mod bad_input;
mod broker_and_shared_state;
mod chaos;
mod cut_line;
mod documents;
mod doors;
mod enrolment;
mod faults;
mod installation;
mod killed_node;
mod outside_checks;
mod owner_failover;
mod quarantine;
mod rollout;
mod start_up;
mod strangers;
