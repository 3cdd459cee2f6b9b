//! On which parts a world stands: everything embedded, or real servers.

use crate::process::services_are_skipped;

/// What stands behind cloud and nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// SQLite, the embedded broker, shared state in memory: what `aisle demo` runs on.
    Embedded,
    /// PostgreSQL, mosquitto and Redis.
    Services,
}

impl Profile {
    /// All profiles that this machine is asked to test.
    pub fn all() -> Vec<Self> {
        if services_are_skipped() { vec![Self::Embedded] } else { vec![Self::Embedded, Self::Services] }
    }
}
