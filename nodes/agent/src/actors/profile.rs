//! The store's profile, for those who only read it.
//!
//! Owns the latest profile. Takes it from the Catalogue. Emits it by watch, for the HTTP face. Cannot fail.
use std::sync::Arc;

use actix::prelude::*;
use aisle_schemas::store::StoreProfile;
use tokio::sync::watch;

use super::visit_messages::StoreChanged;

/// The actor.
pub struct Profile {
    latest: watch::Sender<Option<Arc<StoreProfile>>>,
}

impl Profile {
    /// Keeps the profile in `latest`.
    #[must_use]
    pub fn new(latest: watch::Sender<Option<Arc<StoreProfile>>>) -> Self {
        Self { latest }
    }
}

impl Actor for Profile {
    type Context = Context<Self>;
}

impl Handler<StoreChanged> for Profile {
    type Result = ();

    fn handle(&mut self, StoreChanged(store): StoreChanged, _: &mut Self::Context) {
        self.latest.send_replace(Some(store));
    }
}
