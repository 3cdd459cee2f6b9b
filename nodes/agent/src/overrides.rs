//! What staff show instead of a programme, for a while (AS-077).
//!
//! Owns the three ways in which an override begins and ends: staff put it, staff or the cloud end it, its time is spent. Takes wishes, orders and
//! the time. Emits commits; the catalogue then hands on what is in force, with or without a cloud. On failure: a refusal, and nothing changed.
use std::time::Duration;

use aisle_node_core::document::{OverrideRefusal, overriding};
use aisle_node_core::monotonic::Monotonic;
use aisle_schemas::document::{ClearOverride, Override, OverrideRequest};
use aisle_schemas::ids::EventId;
use aisle_schemas::record::Body;
use aisle_schemas::visit::{OrderDone, OrderOutcome};

use crate::journal::documents::OverrideChange;
use crate::journal::{Cause, Entry, Journal, JournalError, RecordMaker, StateChange};
use crate::now::Now;

/// Why an override was not put.
#[derive(Debug, thiserror::Error)]
pub enum OverrideError {
    #[error("the override was refused")]
    Refused(#[from] OverrideRefusal),
    #[error("there is no desired document {0}")]
    NothingDesired(String),
    #[error("failed to commit the override")]
    Journal(#[from] JournalError),
}

/// Shows the wished content instead of the desired document `key`, from now on; `by` names the device or the operator.
///
/// # Errors
/// [`OverrideError`].
pub async fn put(journal: &Journal, key: String, wish: &OverrideRequest, by: String, now: Now) -> Result<(), OverrideError> {
    let desired = journal.desired(&key).await?.ok_or_else(|| OverrideError::NothingDesired(key.clone()))?;
    let body = overriding(&desired, wish)?;
    let until = now.mono.plus(Duration::from_secs(u64::from(wish.ttl_s)));
    tracing::info!(key, by, ttl_s = wish.ttl_s, "staff show something else");
    metrics::counter!("aisle_overrides_total", "role" => "node", "what" => "put").increment(1);
    let shown = Box::new(Override { body, reason: wish.reason.clone(), by, ttl_s: wish.ttl_s, at: now.wall });
    Ok(commit(journal, OverrideChange::Put { key, shown, until }).await?)
}

/// Ends the override of `key`; whether there was one.
///
/// # Errors
/// [`JournalError`].
pub async fn clear(journal: &Journal, key: &str) -> Result<bool, JournalError> {
    let Some(shown) = journal.shown_instead(key).await? else { return Ok(false) };
    tracing::info!(key, "staff ended an override");
    metrics::counter!("aisle_overrides_total", "role" => "node", "what" => "cleared").increment(1);
    commit(journal, OverrideChange::Clear { key: key.to_owned(), at: shown.at }).await?;
    Ok(true)
}

/// Carries out the cloud's order: once, not too late, and only on the override that was meant (AS-078).
///
/// # Errors
/// [`JournalError`].
pub async fn carry_out(
    journal: &Journal,
    maker: &RecordMaker,
    order: EventId,
    clear: ClearOverride,
    traceparent: Option<&str>,
    now: Now,
) -> Result<(), JournalError> {
    let ClearOverride { key, at, expires } = clear;
    let shown = journal.shown_instead(&key).await?;
    let meant = shown.is_some_and(|shown| shown.at.timestamp_millis() == at.timestamp_millis());
    let (outcome, reason) = match (now.wall >= expires, meant) {
        (true, _) => (OrderOutcome::Expired, None),
        (false, false) => (OrderOutcome::Refused, Some("not_overridden".to_owned())),
        (false, true) => (OrderOutcome::Done, None),
    };
    let mut changes = vec![StateChange::FinishOrder(order)];
    if outcome == OrderOutcome::Done {
        metrics::counter!("aisle_overrides_total", "role" => "node", "what" => "cleared").increment(1);
        changes.push(StateChange::Override(OverrideChange::Clear { key, at }));
    }
    let done = Body::OrderDone(Box::new(OrderDone { order, outcome, reason, visit: None }));
    let record = maker.make(&done, format!("order/{order}"), Cause { causation: Some(order), traceparent })?;
    journal.commit(Entry { changes, records: vec![record] }).await
}

/// Ends the overrides whose time is spent, if there are any.
///
/// # Errors
/// [`JournalError`].
pub async fn end_due(journal: &Journal, now: Monotonic) -> Result<(), JournalError> {
    if !journal.override_due(now) {
        return Ok(());
    }
    metrics::counter!("aisle_overrides_total", "role" => "node", "what" => "spent").increment(1);
    commit(journal, OverrideChange::EndDue { now }).await
}

async fn commit(journal: &Journal, change: OverrideChange) -> Result<(), JournalError> {
    journal.commit(Entry { changes: vec![StateChange::Override(change)], records: vec![] }).await
}
