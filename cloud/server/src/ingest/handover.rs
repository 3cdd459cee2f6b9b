//! A customer has one open visit: which of several ends, and when (DOMAIN 8 rows 8 and 9, V1).
//!
//! Owns the pure rule. Takes when a visit was opened, and the customer's other visits that are open or were opened later; emits which of
//! them to close, and whether the new one had ended before it was heard of. Order of arrival does not matter: an opening is a fact, and a
//! visit's end is at most the opening of the person's next one.

use aisle_schemas::ids::VisitId;
use aisle_store::visit::OtherVisit;
use chrono::{DateTime, Utc};

/// What the opening of a visit does to the customer's visits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Visits to close, and when each ended.
    pub close: Vec<(VisitId, DateTime<Utc>)>,
    /// The new visit had ended by then, because a later one is known.
    pub ended_at: Option<DateTime<Utc>>,
    /// The visit that the new one follows, if it cut it short.
    pub previous: Option<VisitId>,
}

/// Decides for a visit opened at `opened_at`; `others` are oldest first.
pub fn plan(opened_at: DateTime<Utc>, others: &[OtherVisit]) -> Plan {
    let earlier = || others.iter().filter(|other| other.opened_at <= opened_at && other.closed_at.is_none());
    Plan {
        close: earlier().map(|other| (other.visit, other.seen_at.min(opened_at).max(other.opened_at))).collect(),
        ended_at: others.iter().map(|other| other.opened_at).filter(|later| *later > opened_at).min(),
        previous: earlier().next_back().map(|other| other.visit),
    }
}

#[cfg(test)]
mod tests {
    use aisle_schemas::ids::{NodeId, StoreId, VisitToken};

    use super::*;

    fn at(s: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + s, 0).unwrap()
    }

    fn other(n: u8, opened: i64, seen: i64, closed: Option<i64>) -> OtherVisit {
        OtherVisit {
            visit: VisitId::new(0, [n; 10]),
            node: NodeId::parse("t.s1.n1").unwrap(),
            store: StoreId::parse("s1").unwrap(),
            token: VisitToken::from_random([n; 16]),
            opened_at: at(opened),
            seen_at: at(seen),
            closed_at: closed.map(at),
        }
    }

    #[test]
    fn alone_a_visit_changes_nothing() {
        assert_eq!(plan(at(0), &[]), Plan { close: vec![], ended_at: None, previous: None });
    }

    #[test]
    fn an_earlier_open_visit_ends_when_it_was_last_seen_and_at_most_at_the_new_opening() {
        let seen_before = other(1, 0, 50, None);
        assert_eq!(
            plan(at(100), std::slice::from_ref(&seen_before)),
            Plan { close: vec![(seen_before.visit, at(50))], ended_at: None, previous: Some(seen_before.visit) }
        );
        let seen_after = other(1, 0, 150, None);
        assert_eq!(plan(at(100), std::slice::from_ref(&seen_after)).close, [(seen_after.visit, at(100))]);
    }

    #[test]
    fn a_visit_heard_of_late_had_ended_by_the_next_opening() {
        let (next, after_next) = (other(1, 200, 220, Some(230)), other(2, 300, 300, None));
        let plan = plan(at(100), &[next, after_next]);
        assert_eq!(plan, Plan { close: vec![], ended_at: Some(at(200)), previous: None });
    }
}
