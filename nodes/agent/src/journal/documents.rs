//! What the node reports of desired documents, and what staff put over them (AS-076, AS-077).
//!
//! Owns the reported documents `desired/{key}` and `override/{key}`, the overrides in force, and the deletions among what is reported. Takes
//! documents as they are applied, and changes of overrides, within the writer's transaction: a report stands or falls with what it is about.
//! Emits records of stream `reported`. On failure: the storage error, and with it the whole transaction.
//!
//! Everything here goes by level: a report is written from the rows as they are, so that it does not matter which of them changed, or how often.
use std::collections::BTreeMap;
use std::sync::Arc;

use aisle_node_core::document::{Equipment, Rejection, judge, status};
use aisle_node_core::monotonic::Monotonic;
use aisle_schemas::document::{CONTEXT_NOUN, DocumentReport, DocumentStatus, Override, OverrideBody, Revision, override_key, status_key};
use aisle_schemas::event::Event;
use aisle_schemas::limits::{DOCUMENTS_MAX, KEEP_APPLIED};
use aisle_schemas::record::Body;
use aisle_schemas::sync::{Epoch, Seq, Stream};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::SqliteConnection;

use super::budget::Usage;
use super::heads::Heads;
use super::record::{Cause, RecordMaker};
use super::writer::{Effects, Work, append};
use super::{Journal, JournalError, waiting};

/// Keys of reported documents that reports on desired ones leave free, for what devices, zones and the node say of themselves.
const OWN_REPORTS: u64 = 1_000;
/// Documents judged at once when it is said what the store has.
const PAGE: i64 = 256;

/// A change of what is shown instead of a document.
#[derive(Debug)]
pub enum OverrideChange {
    /// It is shown until then.
    Put { key: String, shown: Box<Override>, until: Monotonic },
    /// The override that was put at this instant ends; a newer one stays.
    Clear { key: String, at: DateTime<Utc> },
    /// All whose time is spent end.
    EndDue { now: Monotonic },
}

/// The rows and heads of a transaction, and what makes records in it.
pub(super) struct Desk<'a> {
    pub rows: &'a mut SqliteConnection,
    pub heads: &'a mut Heads,
    pub effects: &'a mut Effects,
    pub maker: &'a RecordMaker,
}

fn unreadable(reason: impl ToString) -> JournalError {
    JournalError::Unreadable { table: "document", reason: reason.to_string() }
}

/// Whether a document's report is only written where it was rejected: of a context the cursor says that it was applied.
fn is_reported(key: &str, rejected: bool) -> bool {
    rejected || key.split('/').next() != Some(CONTEXT_NOUN)
}

impl Desk<'_> {
    /// Reports on the newest revision of a document.
    pub async fn report(&mut self, key: &str, rev: Revision, rejected: Option<&str>) -> Result<(), JournalError> {
        if !is_reported(key, rejected.is_some()) {
            return Ok(());
        }
        let report = DocumentReport { rev, status: self.status(key, rejected.is_some()).await?, code: rejected.map(str::to_owned) };
        metrics::counter!("aisle_document_reports_total", "role" => "node", "status" => report.status.as_str()).increment(1);
        let key = status_key(key);
        if self.heads.usage(Stream::Reported).records >= room() && self.reported(&key).await?.is_none() {
            // The cloud shows the document as not converged; what devices say of themselves is worth more.
            metrics::counter!("aisle_document_reports_left_out_total", "role" => "node").increment(1);
            return Ok(());
        }
        let record = self.maker.make(&Body::DocumentReported(Box::new(report)), key, Cause::default())?;
        append(self.rows, self.heads, self.effects, &record).await
    }

    /// What is to be reported of the newest revision.
    async fn status(&mut self, key: &str, rejected: bool) -> Result<DocumentStatus, JournalError> {
        let waiting = waiting::is_waiting(self.rows, key).await?;
        Ok(status(rejected, waiting, self.heads.overrides.contains_key(key)))
    }

    /// A desired document is gone: so are its report, and what staff showed instead of it.
    pub async fn deleted(&mut self, key: &str) -> Result<(), JournalError> {
        if self.heads.overrides.contains_key(key) {
            sqlx::query(include_str!("sql/drop_override.sql")).bind(key).execute(&mut *self.rows).await?;
            self.load_overrides().await?;
            self.delete_reported(override_key(key)).await?;
        }
        self.delete_reported(status_key(key)).await
    }

    /// Changes what is shown instead of documents, and reports it.
    pub async fn change(&mut self, change: &OverrideChange) -> Result<(), JournalError> {
        match change {
            OverrideChange::Put { key, shown, until } => {
                let desired: Option<(Vec<u8>,)> =
                    sqlx::query_as(include_str!("sql/document_event.sql")).bind(key.as_str()).fetch_optional(&mut *self.rows).await?;
                if desired.is_none() {
                    // It was deleted since somebody looked at it: nothing is left to be shown instead of.
                    return Ok(());
                }
                let event = self.maker.desired(key, &body_of(shown))?;
                let report = serde_json::to_vec(shown).map_err(unreadable)?;
                sqlx::query(include_str!("sql/put_override.sql"))
                    .bind(key.as_str())
                    .bind(shown.at.timestamp_millis())
                    .bind(until.as_ms())
                    .bind(event)
                    .bind(report)
                    .execute(&mut *self.rows)
                    .await?;
                let record = self.maker.make(&Body::OverrideReported(shown.clone()), override_key(key), Cause::default())?;
                append(self.rows, self.heads, self.effects, &record).await?;
                self.load_overrides().await?;
                self.shown_anew(key).await
            }
            OverrideChange::Clear { key, at } => {
                let cleared = sqlx::query(include_str!("sql/clear_override.sql")).bind(key.as_str()).bind(at.timestamp_millis());
                if cleared.execute(&mut *self.rows).await?.rows_affected() == 0 {
                    return Ok(());
                }
                self.ended(key).await
            }
            OverrideChange::EndDue { now } => {
                let due: Vec<String> = due(&self.heads.overrides, *now).map(str::to_owned).collect();
                for key in due {
                    sqlx::query(include_str!("sql/drop_override.sql")).bind(key.as_str()).execute(&mut *self.rows).await?;
                    self.ended(&key).await?;
                }
                Ok(())
            }
        }
    }

    /// Judges every document by what the store has. What has been said of it before is said again only where it is another thing now.
    pub async fn equip(&mut self, equipment: &Arc<Equipment>) -> Result<(), JournalError> {
        self.heads.equipment = Some(Arc::clone(equipment));
        let mut after = String::new();
        loop {
            let rows: Vec<(String, Vec<u8>, Option<String>)> = sqlx::query_as(include_str!("sql/documents_to_judge.sql"))
                .bind(after.as_str())
                .bind(PAGE)
                .fetch_all(&mut *self.rows)
                .await?;
            let Some((last, _, _)) = rows.last() else { return Ok(()) };
            after.clone_from(last);
            for (key, event, rejected) in rows {
                // A body that was refused is not in the row, and stays refused; only whether the device is here may have changed.
                let here = [None, Some(Rejection::NotHere.as_str())].contains(&rejected.as_deref());
                if here {
                    let body =
                        Event::parse(&event).ok().and_then(|event| Body::parse(event.ty.as_str(), &key, event.data.as_deref()?).ok());
                    let code = body.as_ref().and_then(|body| judge(&key, body, Some(equipment)).err()).map(Rejection::as_str);
                    if code != rejected.as_deref() {
                        sqlx::query(include_str!("sql/reject_document.sql")).bind(code).bind(key.as_str()).execute(&mut *self.rows).await?;
                        if code.is_none() && body.is_some_and(|body| !body.media().is_empty()) {
                            self.await_content(&key, &event).await?;
                        }
                    }
                }
                self.restate(&key).await?;
            }
        }
    }

    /// The device of a document has come, and nobody has fetched what it shows: it is applying until that is here (AS-079).
    async fn await_content(&mut self, key: &str, event: &[u8]) -> Result<(), JournalError> {
        let row: Option<(String, i64, Option<String>)> =
            sqlx::query_as(include_str!("sql/document_state.sql")).bind(key).fetch_optional(&mut *self.rows).await?;
        let Some((epoch, seq, _)) = row else { return Ok(()) };
        self.effects.arrived = true;
        // It may have waited already when its device went.
        if waiting::is_waiting(self.rows, key).await? {
            return Ok(());
        }
        waiting::hold(self.rows, key, epoch.parse().map_err(unreadable)?, super::open::seq("document", seq)?, event).await
    }

    /// Reports a document anew if what was last reported is not so any more.
    async fn restate(&mut self, key: &str) -> Result<(), JournalError> {
        let row: Option<(String, i64, Option<String>)> =
            sqlx::query_as(include_str!("sql/document_state.sql")).bind(key).fetch_optional(&mut *self.rows).await?;
        let Some((epoch, seq, rejected)) = row else { return Ok(()) };
        let epoch: Epoch = epoch.parse().map_err(unreadable)?;
        let rev = Revision::of(epoch, super::open::seq("document", seq)?);
        let now = (rev, self.status(key, rejected.is_some()).await?, rejected);
        let last = self.reported(&status_key(key)).await?.and_then(|event| event.data::<DocumentReport>().ok());
        if last.is_some_and(|DocumentReport { rev, status, code }| (rev, status, code) == now) {
            return Ok(());
        }
        let (_, _, rejected) = now;
        self.report(key, rev, rejected.as_deref()).await
    }

    /// An override is over: the desired document is in force again.
    async fn ended(&mut self, key: &str) -> Result<(), JournalError> {
        self.load_overrides().await?;
        self.delete_reported(override_key(key)).await?;
        self.shown_anew(key).await
    }

    /// Something else is in force under a key: whoever shows it looks again.
    async fn shown_anew(&mut self, key: &str) -> Result<(), JournalError> {
        self.heads.change += 1;
        sqlx::query(include_str!("sql/touch_document.sql")).bind(self.heads.change).bind(key).execute(&mut *self.rows).await?;
        self.effects.arrived = true;
        self.restate(key).await
    }

    async fn load_overrides(&mut self) -> Result<(), JournalError> {
        self.heads.overrides = load_overrides(self.rows).await?;
        Ok(())
    }

    /// What is reported under a key, unless it is a deletion.
    async fn reported(&mut self, key: &str) -> Result<Option<Event>, JournalError> {
        let row: Option<(Vec<u8>,)> =
            sqlx::query_as(include_str!("sql/reported_event.sql")).bind(key).fetch_optional(&mut *self.rows).await?;
        Ok(row.and_then(|(event,)| Event::parse(&event).ok()).filter(|event| !event.deletes()))
    }

    async fn delete_reported(&mut self, key: String) -> Result<(), JournalError> {
        if self.reported(&key).await?.is_none() {
            return Ok(());
        }
        let record = self.maker.deletion(key.clone())?;
        append(self.rows, self.heads, self.effects, &record).await?;
        let seq = self.heads.stream(Stream::Reported).head();
        sqlx::query(include_str!("sql/note_marker.sql")).bind(key).bind(seq.as_i64()).execute(&mut *self.rows).await?;
        Ok(())
    }
}

/// Keys that reports on desired documents may use.
fn room() -> u64 {
    u64::try_from(DOCUMENTS_MAX).unwrap_or(u64::MAX).saturating_sub(OWN_REPORTS)
}

fn body_of(shown: &Override) -> Body {
    match &shown.body {
        OverrideBody::Screen(programme) => Body::ScreenDesired(programme.clone()),
        OverrideBody::Nfc(programme) => Body::NfcDesired(programme.clone()),
    }
}

fn due(overrides: &BTreeMap<String, Monotonic>, now: Monotonic) -> impl Iterator<Item = &str> {
    overrides.iter().filter(move |(_, until)| **until <= now).map(|(key, _)| key.as_str())
}

/// Overrides in force with their ends.
pub(super) async fn load_overrides(rows: &mut SqliteConnection) -> Result<Arc<BTreeMap<String, Monotonic>>, JournalError> {
    let found: Vec<(String, i64)> = sqlx::query_as(include_str!("sql/load_overrides.sql")).fetch_all(&mut *rows).await?;
    Ok(Arc::new(found.into_iter().map(|(key, until)| (key, Monotonic::from_ms(until))).collect()))
}

/// Deletes what tells of deletions 72 h after it was applied (AS-009).
pub(super) async fn forget_markers(
    rows: &mut SqliteConnection,
    heads: &mut Heads,
    effects: &mut Effects,
    now: DateTime<Utc>,
) -> Result<(), JournalError> {
    let mut state = heads.stream(Stream::Reported);
    let before = (now - TimeDelta::from_std(KEEP_APPLIED).expect("three days fit")).timestamp_millis();
    sqlx::query(include_str!("sql/age_reported_markers.sql"))
        .bind(now.timestamp_millis())
        .bind(state.acked.as_i64())
        .execute(&mut *rows)
        .await?;
    let old: Vec<(i64, i64)> = sqlx::query_as(include_str!("sql/old_reported_markers.sql")).bind(before).fetch_all(&mut *rows).await?;
    let mut usage = heads.usage(Stream::Reported);
    for (seq, bytes) in &old {
        let seq = super::open::seq("log_record", *seq)?;
        usage = usage.minus(Usage::counted(1, *bytes));
        state.kept = state.kept.max(seq.next());
    }
    if !old.is_empty() {
        sqlx::query(include_str!("sql/drop_old_reported_markers.sql")).bind(before).execute(&mut *rows).await?;
        sqlx::query(include_str!("sql/save_purged.sql")).bind(state.kept.minus(1).as_i64()).execute(&mut *rows).await?;
        heads.usage.set(Stream::Reported, usage);
        heads.up.set(Stream::Reported, state);
        effects.touched.set(Stream::Reported, ());
    }
    sqlx::query(include_str!("sql/forget_reported_markers.sql")).bind(before).execute(&mut *rows).await?;
    Ok(())
}

/// A new numbering brings what is there; what is gone need not be told (AS-062).
pub(super) async fn drop_markers(rows: &mut SqliteConnection) -> Result<(), JournalError> {
    sqlx::query(include_str!("sql/drop_reported_markers.sql")).execute(&mut *rows).await?;
    sqlx::query(include_str!("sql/clear_reported_markers.sql")).execute(&mut *rows).await?;
    sqlx::query(include_str!("sql/save_purged.sql")).bind(Seq::ZERO.as_i64()).execute(&mut *rows).await?;
    Ok(())
}

impl Journal {
    /// Says what the store has: documents for other devices are reported as rejected from here on.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn equip(&self, equipment: Equipment) -> Result<(), JournalError> {
        self.ask(Work::Equip(Arc::new(equipment))).await
    }

    /// Whether the time of an override is spent.
    #[must_use]
    pub fn override_due(&self, now: Monotonic) -> bool {
        due(&self.heads().overrides, now).next().is_some()
    }

    /// The desired document of a key as the cloud wants it, whatever is shown instead.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn desired(&self, key: &str) -> Result<Option<Body>, JournalError> {
        let row: Option<(Vec<u8>,)> = sqlx::query_as(include_str!("sql/document_event.sql")).bind(key).fetch_optional(&self.read).await?;
        let Some((event,)) = row else { return Ok(None) };
        let event = Event::parse(&event).map_err(unreadable)?;
        let data = event.data.as_ref().ok_or_else(|| unreadable("an event without data"))?;
        Body::parse(event.ty.as_str(), key, data).map(Some).map_err(unreadable)
    }

    /// What is shown instead of a document.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn shown_instead(&self, key: &str) -> Result<Option<Override>, JournalError> {
        let row: Option<(Vec<u8>,)> = sqlx::query_as(include_str!("sql/override_report.sql")).bind(key).fetch_optional(&self.read).await?;
        row.map(|(report,)| serde_json::from_slice(&report).map_err(unreadable)).transpose()
    }
}
