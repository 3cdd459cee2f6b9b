//! What a screen plays, and what it has played.
//!
//! Owns one subject per file: hours of a day, events that come again, the facts that criteria read, the programme a marketer set, emergencies,
//! what of all this is on, the order of a loop, the plan made of it, and the proof of play. The node plans, the player draws: whatever decides
//! is here.
pub mod candidate;
pub mod day_part;
pub mod emergency;
pub mod facts;
pub mod label;
pub mod plan;
pub mod play;
pub mod recurrence;
pub mod schedule;
pub mod weave;

pub use emergency::Emergency;
pub use facts::Facts;
pub use plan::{Inputs, Loop, next_deadline, plan};
pub use play::PlayLog;
pub use schedule::Programme;
