//! Ends handshakes by time where their store does not: it may be cut off, or gone.
//!
//! Owns no state beside the database. What was granted until a moment is over at that moment for everybody who asks; here it is put on record
//! and the customer is told. A handshake is ended by the instance that owns the partition of its id (AS-092); a second end changes nothing.
//! On failure of the database the next look goes on where this one began.

use std::{sync::Arc, time::Duration};

use aisle_cloud_core::consultation::Event;
use aisle_schemas::{handshake::HandshakeId, http::cloud::HandshakeState};
use aisle_store::consultation;
use chrono::TimeDelta;

use crate::{duty::Duty, problem::Refusal, routes::handshake::end, state::Cloud};

/// Time between looks.
const LOOK: Duration = Duration::from_secs(1);
/// Handshakes that are ended in one look; more wait for the next.
const ENDS_MAX: u32 = 500;
/// A claim is made before its offer ends, and is decided within five minutes, or it was abandoned; with room for the store's clock and its word.
const CLAIM_LIFE: TimeDelta = TimeDelta::minutes(6);

/// Runs until the instance stops.
pub async fn run(cloud: Arc<Cloud>, duty: Duty) {
    let mut stopping = cloud.stopping.clone();
    let mut tick = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            changed = stopping.changed() => if changed.is_err() || *stopping.borrow() { return },
            _ = tick.tick() => if let Err(refusal) = look(&cloud, &duty).await {
                tracing::warn!(code = refusal.code(), "handshakes were not looked at");
            },
        }
    }
}

async fn look(cloud: &Cloud, duty: &Duty) -> Result<(), Refusal> {
    let now = cloud.now();
    let due = {
        let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
        consultation::due(&mut connection, (now, now - CLAIM_LIFE), ENDS_MAX).await.map_err(Refusal::unavailable)?
    };
    for id in due.into_iter().filter(|id| duty.is_for(&id.to_string())) {
        // The others do not wait for one that cannot be ended.
        if let Err(refusal) = step(cloud, id).await {
            tracing::warn!(code = refusal.code(), "a handshake was not ended");
        }
    }
    Ok(())
}

async fn step(cloud: &Cloud, id: HandshakeId) -> Result<(), Refusal> {
    let row = {
        let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
        consultation::find(&mut connection, id).await.map_err(Refusal::unavailable)?
    };
    let Some(row) = row else { return Ok(()) };
    match row.state {
        HandshakeState::Active if row.until.is_some_and(|until| until <= cloud.now()) => end(cloud, &row, Event::Expired, "expired").await,
        HandshakeState::Claimed => end(cloud, &row, Event::Refused, "abandoned").await,
        // It went on, or ended, since it was listed.
        HandshakeState::Active | HandshakeState::Offered | HandshakeState::Over => Ok(()),
    }
}
