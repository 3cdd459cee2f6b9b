//! Pure rules of the cloud: consent, identity, home screen.

pub mod consent;
pub mod home;
pub mod identity;
pub mod ids;
pub mod local_time;
