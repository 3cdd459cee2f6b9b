//! Pure rules of the cloud: visits, consent, identity, the message gate, the home screen.

pub mod consent;
pub mod gate;
pub mod home;
pub mod identity;
pub mod ids;
pub mod local_time;
pub mod visit;
