//! Revisions of documents that wait for their content (AS-079).
//!
//! Owns table `document_waiting`. Takes revisions as they are applied, and the word that their content is here or will not come, within the
//! writer's transaction. Emits those that wait. Meanwhile the former revision is in force, and `applying` is reported. On failure: the storage
//! error, and with it the whole transaction.
use aisle_schemas::blob::Blob;
use aisle_schemas::document::Revision;
use aisle_schemas::event::Event;
use aisle_schemas::record::Body;
use aisle_schemas::sync::{Epoch, Seq};
use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;

use super::documents::Desk;
use super::{Journal, JournalError, apply};

/// What became of the content of a revision. Of an older revision than the one that waits it changes nothing.
#[derive(Debug, Clone)]
pub struct ContentSettled {
    pub key: String,
    pub epoch: Epoch,
    pub seq: Seq,
    pub outcome: ContentOutcome,
}

/// See [`ContentSettled`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentOutcome {
    /// All of it is here and verified: the revision comes into force.
    Here { at: DateTime<Utc> },
    /// It will not come, for this reason: the former revision stays in force.
    Refused(&'static str),
}

/// A revision that waits.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub key: String,
    pub epoch: Epoch,
    pub seq: Seq,
    pub media: Vec<Blob>,
}

impl Waiting {
    /// What the revision is called in reports.
    #[must_use]
    pub const fn rev(&self) -> Revision {
        Revision::of(self.epoch, self.seq)
    }
}

fn unreadable(reason: impl ToString) -> JournalError {
    JournalError::Unreadable { table: "document_waiting", reason: reason.to_string() }
}

/// Lets a revision wait.
pub(super) async fn hold(rows: &mut SqliteConnection, key: &str, epoch: Epoch, seq: Seq, event: &[u8]) -> Result<(), JournalError> {
    sqlx::query(include_str!("sql/hold_document.sql"))
        .bind(key)
        .bind(epoch.to_string())
        .bind(seq.as_i64())
        .bind(event)
        .execute(rows)
        .await?;
    Ok(())
}

/// A newer revision, or a deletion, takes the place of what waits.
pub(super) async fn drop_waiting(rows: &mut SqliteConnection, key: &str) -> Result<(), JournalError> {
    sqlx::query(include_str!("sql/drop_waiting.sql")).bind(key).execute(rows).await?;
    Ok(())
}

/// Whether the newest revision of a document waits.
pub(super) async fn is_waiting(rows: &mut SqliteConnection, key: &str) -> Result<bool, JournalError> {
    let (count,): (i64,) = sqlx::query_as(include_str!("sql/is_waiting.sql")).bind(key).fetch_one(rows).await?;
    Ok(count > 0)
}

/// Brings a revision into force, or refuses it.
pub(super) async fn settle(desk: &mut Desk<'_>, settled: &ContentSettled) -> Result<(), JournalError> {
    let ContentSettled { key, epoch, seq, outcome } = settled;
    let waiting: Option<(Vec<u8>,)> = sqlx::query_as(include_str!("sql/waiting_document.sql"))
        .bind(key.as_str())
        .bind(epoch.to_string())
        .bind(seq.as_i64())
        .fetch_optional(&mut *desk.rows)
        .await?;
    let Some((event,)) = waiting else { return Ok(()) };
    drop_waiting(desk.rows, key).await?;
    match outcome {
        ContentOutcome::Here { at } => {
            apply::bring_into_force(desk, (*epoch, *seq), key, &event, *at).await?;
            desk.effects.arrived = true;
            desk.report(key, Revision::of(*epoch, *seq), None).await
        }
        ContentOutcome::Refused(code) => {
            sqlx::query(include_str!("sql/reject_document.sql")).bind(*code).bind(key.as_str()).execute(&mut *desk.rows).await?;
            // The fetcher hears that nobody wants it any more.
            desk.effects.arrived = true;
            desk.report(key, Revision::of(*epoch, *seq), Some(code)).await
        }
    }
}

impl Journal {
    /// Revisions that wait for content, in the order in which they came.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn waiting_documents(&self) -> Result<Vec<Waiting>, JournalError> {
        let rows: Vec<(String, String, i64, Vec<u8>)> =
            sqlx::query_as(include_str!("sql/waiting_documents.sql")).fetch_all(&self.read).await?;
        let mut waiting = Vec::with_capacity(rows.len());
        for (key, epoch, seq, event) in rows {
            let event = Event::parse(&event).map_err(unreadable)?;
            let data = event.data.as_deref().ok_or_else(|| unreadable("an event without data"))?;
            let media = Body::parse(event.ty.as_str(), &key, data).map_err(unreadable)?.media().to_vec();
            let epoch = epoch.parse().map_err(unreadable)?;
            waiting.push(Waiting { key, epoch, seq: super::open::seq("document_waiting", seq)?, media });
        }
        Ok(waiting)
    }
}
