//! What every route works with.
//!
//! Owns [`Cloud`], built once in `app.rs` and shared by all workers. Routes read snapshots and ask owners; none keeps state of its own.

use std::sync::Arc;

use aisle_mesh::{clock::Clock, supervision::Health, telemetry::Metrics};
use aisle_store::{Db, sealed::AddressSeal};
use chrono::{DateTime, Utc};
use tokio::sync::{Semaphore, watch};

use crate::{
    actors::{customer::Customers, store::Desk},
    catalogue::Catalogue,
    config::LimitsConfig,
    enrol::Enroller,
    ingest::{Feed, PendingAcks},
    keys::Keys,
    mail::{MailSink, Mailer},
    popularity::Sales,
    problem::Refusal,
    routes::idempotency::Doing,
    session::Sessions,
    settings::Settings,
    shared::{RateRule, Shared},
};

/// See the module.
pub struct Cloud {
    pub clock: Arc<dyn Clock>,
    pub db: Db,
    pub shared: Arc<dyn Shared>,
    pub settings: Arc<Settings>,
    pub limits: LimitsConfig,
    pub keys: Keys,
    pub seal: AddressSeal,
    pub sessions: Sessions,
    pub mailer: Mailer,
    pub sink: MailSink,
    pub customers: Customers,
    pub desk: Desk,
    pub catalogue: watch::Receiver<Arc<Catalogue>>,
    /// None where this cloud has no authority.
    pub enroller: Option<Enroller>,
    pub feed: Feed,
    /// What nodes acknowledged and is not written yet.
    pub acks: PendingAcks,
    pub sales: Sales,
    pub doing: Doing,
    /// Room for uploads of content.
    pub uploads: Semaphore,
    pub health: Health,
    pub metrics: &'static Metrics,
    /// Turns true when the instance stops.
    pub stopping: watch::Receiver<bool>,
}

impl Cloud {
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The catalogue as it stands.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.borrow())
    }

    /// Counts one use under a limit. While shared state is away nobody is limited: the rules of each thing still hold.
    pub async fn limit(&self, rule: RateRule, key: &str) -> Result<(), Refusal> {
        match self.shared.admit(rule, key, self.now()).await {
            Ok(verdict) => verdict.map_err(|too_many| Refusal::too_many(too_many.retry_after)),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a rate limit was not asked");
                Ok(())
            }
        }
    }
}
