//! Drives rollouts: takes note of what stores report, decides, writes, once a second (AS-092).
//!
//! Owns no state beside the database: each look reads a rollout, and its step is committed against the version that was read. A rollout is acted
//! on by the instance that owns the partition of its id; should two act at once, one of them finds another version and has done nothing. Takes
//! time; emits documents for stores. On failure of the database the next look goes on where this one began.

use std::{sync::Arc, time::Duration};

use aisle_cloud_core::rollout::{Order, Phase, Reason};
use aisle_mesh::clock::Clock;
use aisle_schemas::ids::{EventId, StoreId};
use aisle_store::{
    Db, StoreError,
    audit::Actor,
    rollout::{self, RolloutRow, Step},
};
use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::{
    duty::Duty,
    fresh,
    ingest::{Committed, Feed},
};

/// Time between looks.
const LOOK: Duration = Duration::from_secs(1);
/// Steps of one rollout in one look: a wave's end, the next wave's beginning, and a margin. More wait for the next look.
const STEPS_MAX: usize = 8;

/// Runs until the instance stops.
pub async fn run(db: Db, clock: Arc<dyn Clock>, feed: Feed, duty: Duty, mut stopping: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            changed = stopping.changed() => if changed.is_err() || *stopping.borrow() { return },
            _ = tick.tick() => if let Err(error) = look(&db, clock.as_ref(), &feed, &duty).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "rollouts were not looked at");
            },
        }
    }
}

async fn look(db: &Db, clock: &dyn Clock, feed: &Feed, duty: &Duty) -> Result<(), StoreError> {
    let open = rollout::open(&mut db.read().await?).await?;
    metrics::gauge!("aisle_rollouts_open").set(u32::try_from(open.len()).map_or(f64::INFINITY, f64::from));
    for id in open.into_iter().filter(|id| duty.is_for(&id.to_string())) {
        for _ in 0..STEPS_MAX {
            match step(db, feed, id, clock.now()).await {
                Ok(true) => {}
                // Somebody else was faster, staff for instance: the next look sees what they did.
                Ok(false) | Err(StoreError::Stale) => break,
                // The others do not wait for one that cannot go on.
                Err(error) => {
                    tracing::warn!(rollout = %id, error = &error as &dyn std::error::Error, "a rollout did not go on");
                    break;
                }
            }
        }
    }
    Ok(())
}

/// One step; `false` where nothing is to be done.
async fn step(db: &Db, feed: &Feed, id: EventId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let (row, reports) = {
        let mut connection = db.read().await?;
        let Some(row) = rollout::find(&mut connection, id).await? else { return Ok(false) };
        (row, rollout::reports(&mut connection, id).await?)
    };
    let RolloutRow { rollout, version, mut state, .. } = row;
    let mut moved: Vec<StoreId> =
        reports.into_iter().filter_map(|(store, report)| state.observe(&store, report).then_some(store)).collect();
    let order = state.decide(now);
    if moved.is_empty() && order.is_none() {
        return Ok(false);
    }
    let (before, mut observed) = (state.phase, state.clone());
    order.iter().for_each(|order| state.apply(order, now));
    let written = match &order {
        Some(Order::Set(stores) | Order::Restore(stores)) => {
            stores.iter().map(|store| (store.clone(), fresh::id(now, EventId::new))).collect()
        }
        Some(Order::Advance | Order::RollBack(_) | Order::Finish) | None => Vec::new(),
    };
    let audit = order.as_ref().and_then(|order| audit(order, state.phase, state.wave, now));
    let phase = state.phase;
    let step = Step { rollout, version, state, moved: moved.clone(), written, order, audit, at: now };
    let logged = match rollout::advance(db, step).await {
        Ok(logged) => logged,
        Err(error) => {
            let (node, code) = match &error {
                StoreError::DocumentsFull(node) => (node, "documents_full"),
                StoreError::UnknownNode(node) => (node, "unknown_node"),
                _ => return Err(error), // says nothing of a store
            };
            if !observed.refuse(&node.store, code, now) {
                return Err(error);
            }
            tracing::warn!(%rollout, %node, code, "a rollout cannot write for a store");
            moved.push(node.store.clone());
            let step = Step { rollout, version, state: observed, moved, written: Vec::new(), order: None, audit: None, at: now };
            rollout::advance(db, step).await?;
            return Ok(true);
        }
    };
    feed.push(Committed { outbox: Vec::new(), logged, reread: false });
    if phase != before {
        metrics::counter!("aisle_rollout_phases_total", "phase" => word(phase)).increment(1);
        tracing::info!(%rollout, phase = word(phase), "a rollout has come to another phase");
    }
    Ok(true)
}

/// Name of a phase in metrics and logs.
fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Running => "running",
        Phase::Paused => "paused",
        Phase::RollingBack(_) => "rolling_back",
        Phase::Done => "done",
        Phase::RolledBack(_) => "rolled_back",
    }
}

fn audit(order: &Order, phase: Phase, wave: usize, now: DateTime<Utc>) -> Option<(EventId, Actor, &'static str, String)> {
    let (action, detail) = match order {
        // Each store's row says so.
        Order::Set(_) | Order::Restore(_) => return None,
        Order::Advance => ("rollout.advanced", format!("wave {}", wave + 1)),
        Order::RollBack(reason) => ("rollout.reversed", reason_word(*reason).to_owned()),
        Order::Finish => ("rollout.ended", word(phase).to_owned()),
    };
    Some((fresh::id(now, EventId::new), Actor::Cloud, action, detail))
}

fn reason_word(reason: Reason) -> &'static str {
    match reason {
        Reason::TooManyRejected => "too many rejected",
        Reason::NotConverged => "not converged in time",
        Reason::Staff => "by staff",
    }
}

#[cfg(test)]
mod tests {
    use aisle_cloud_core::rollout::{Progress, Target, Terms};
    use aisle_mesh::clock::SystemClock;
    use aisle_schemas::ids::{CustomerId, NodeId, Partition};
    use aisle_store::{
        node::{self, Enrolment},
        rollout::NewRollout,
        testing::{World, on_both},
    };
    use serde_json::value::RawValue;

    use super::*;

    fn rollout_of(n: u8, body: String, stores: &[&str]) -> NewRollout {
        let target = |store: &&str| {
            let node = NodeId::parse(&format!("t.{store}.n1")).unwrap();
            (Target { store: node.store.clone(), wave: 0, progress: Progress::Waiting }, node)
        };
        NewRollout {
            rollout: EventId::new(u64::from(n), [n; 10]),
            name: "Herbst".to_owned(),
            key: format!("screen/{n}"),
            body: RawValue::from_string(body).unwrap(),
            terms: Terms { per_minute: 10, rejected_percent_max: 50, applied_percent_min: 50, patience_s: 60 },
            targets: stores.iter().map(target).collect(),
            by: CustomerId::new(1, [1; 10]),
            at: DateTime::UNIX_EPOCH,
            audit: EventId::new(100 + u64::from(n), [n; 10]),
        }
    }

    #[test]
    fn a_rollout_that_cannot_go_on_stops_no_other_and_a_store_without_a_log_counts_as_rejected() {
        on_both(|World { db, kind, .. }| async move {
            let enrolled = Enrolment { node: NodeId::parse("t.s1.n1").unwrap(), random: 7 };
            node::enrol(&db, vec![enrolled]).await.unwrap();
            // No record is that long, so the first can never be written.
            let too_long = format!("\"{}\"", "x".repeat(40 << 10));
            rollout::begin(&db, rollout_of(1, too_long, &["s1"])).await.unwrap();
            rollout::begin(&db, rollout_of(2, "{}".to_owned(), &["s1", "s2"])).await.unwrap();
            let duty = Duty::new(watch::channel((0..=u8::MAX).map(Partition).collect()).1);
            let (feed, _source) = Feed::new();
            look(&db, SystemClock::new().as_ref(), &feed, &duty).await.unwrap();
            let conn = &mut db.read().await.unwrap();
            let stuck = rollout::find(conn, EventId::new(1, [1; 10])).await.unwrap().unwrap();
            assert!(stuck.state.targets.iter().all(|target| target.progress == Progress::Waiting), "{kind}: {stuck:?}");
            let found = rollout::find(conn, EventId::new(2, [2; 10])).await.unwrap().unwrap();
            match found.state.targets.as_slice() {
                [Target { progress: Progress::Set { .. }, .. }, Target { progress: Progress::Rejected { code, .. }, .. }] => {
                    assert_eq!(code, "unknown_node", "{kind}");
                }
                other => panic!("{kind}: {other:?}"),
            }
        });
    }
}
