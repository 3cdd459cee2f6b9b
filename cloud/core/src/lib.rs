//! Pure rules of the cloud.
//!
//! Owns what decides: visits, consent, identity, eligibility, ranking, the message gate, offers, campaigns, the home screen. Takes plain
//! values loaded from rows, the instant and any randomness as arguments; emits values. No IO, no clock, no randomness of its own.

pub mod campaign;
pub mod consent;
pub mod consultation;
pub mod eligibility;
pub mod gate;
pub mod home;
pub mod identity;
pub mod ids;
pub mod local_time;
pub mod offer;
pub mod product;
pub mod ranking;
pub mod rollout;
pub mod visit;
