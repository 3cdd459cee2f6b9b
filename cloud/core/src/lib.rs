//! Pure rules of the cloud: visits, consent, identity, eligibility, ranking, the message gate, the home screen.

pub mod consent;
pub mod eligibility;
pub mod gate;
pub mod home;
pub mod identity;
pub mod ids;
pub mod local_time;
pub mod ranking;
pub mod visit;
