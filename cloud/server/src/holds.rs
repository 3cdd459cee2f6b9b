//! Brings operators' decisions about streams on hold to the links that this instance owns (AS-050).
//!
//! Owns the place up to which decisions were read. Takes rows that any instance wrote; emits orders to the owner of the links, which leaves
//! alone what it does not hold. A decision that is brought twice changes nothing; one that is not brought, because this instance starts
//! after it, needs not be, since a receiver holds nothing when it starts. On failure of the database the next look brings it.

use std::{collections::HashSet, sync::Arc, time::Duration};

use aisle_mesh::{clock::Clock, sync::owner_driver::OwnerUnholder};
use aisle_schemas::{ids::NodeId, sync::Stream};
use aisle_store::{Db, StoreError, hold};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

/// Time between looks: an operator waits for the effect.
const LOOK: Duration = Duration::from_secs(1);
/// How far a look reaches back: instances' clocks differ, and a commit follows its instant.
const BACK: TimeDelta = TimeDelta::seconds(60);

type Decision = (NodeId, Stream, DateTime<Utc>);

/// Runs until the instance stops.
pub async fn run(db: Db, clock: Arc<dyn Clock>, owner: OwnerUnholder, mut stopping: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(LOOK);
    // Bounded by the streams there are: older ones leave with the window.
    let mut brought: HashSet<Decision> = HashSet::new();
    loop {
        tokio::select! {
            changed = stopping.changed() => if changed.is_err() || *stopping.borrow() { return },
            _ = tick.tick() => match read(&db, clock.now() - BACK).await {
                Ok(decisions) => {
                    for decision in decisions.difference(&brought) {
                        let (node, stream, _) = decision.clone();
                        tracing::info!(%node, %stream, "a hold is ended");
                        if !owner.unhold(node, stream).await {
                            return;
                        }
                    }
                    brought = decisions;
                }
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "failed to read which holds are ended"),
            },
        }
    }
}

async fn read(db: &Db, since: DateTime<Utc>) -> Result<HashSet<Decision>, StoreError> {
    Ok(hold::ended_since(&mut db.read().await?, since).await?.into_iter().collect())
}
