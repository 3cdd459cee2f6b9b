//! What a screen plays, and what it has played.
//!
//! Owns five subjects, one per file: hours of a day, the facts that criteria read, the programme a marketer set, the plan made of it, and the
//! proof of play. The node plans, the player draws: whatever decides is here.
pub mod day_part;
pub mod facts;
pub mod plan;
pub mod play;
pub mod schedule;

pub use facts::Facts;
pub use plan::{Inputs, Loop, next_deadline, plan};
pub use play::PlayLog;
pub use schedule::Programme;
