//! Between documents and their content: what to fetch, and what may come into force.
//!
//! Owns which media the documents in force name. Takes documents as they come into force, and what is known of content; emits the wish list and
//! the word that a revision's content is here or will not come. On failure: the journal's error; what waits is looked at again at the next look.
use std::collections::BTreeMap;
use std::sync::Arc;

use aisle_node_core::content::Named;
use aisle_schemas::blob::Blob;
use aisle_schemas::record::Body;
use chrono::{DateTime, Utc};

use super::{Content, Readiness};
use crate::journal::waiting::{ContentOutcome, ContentSettled};
use crate::journal::{Entry, Journal, JournalError, StateChange};

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct MediaInForce(Arc<BTreeMap<String, Vec<Blob>>>);

impl MediaInForce {
    /// A document came into force, or went.
    pub fn note(&mut self, key: &str, body: Option<&Body>) {
        let media = body.map_or(&[][..], Body::media);
        if !media.is_empty() {
            Arc::make_mut(&mut self.0).insert(key.to_owned(), media.to_vec());
        } else if self.0.contains_key(key) {
            Arc::make_mut(&mut self.0).remove(key);
        }
    }
}

/// Names what is wanted, and settles what can be settled.
///
/// # Errors
/// [`JournalError`].
pub async fn look(journal: &Journal, content: &Content, in_force: &MediaInForce, now: DateTime<Utc>) -> Result<(), JournalError> {
    let waiting = journal.waiting_documents().await?;
    let named = |key: &String, media: &Vec<Blob>, rev| Named { key: key.clone(), rev, media: media.clone() };
    let in_force = in_force.0.iter().map(|(key, media)| named(key, media, None));
    content.want(in_force.chain(waiting.iter().map(|waiting| named(&waiting.key, &waiting.media, Some(waiting.rev())))).collect());
    let settled = waiting.into_iter().filter_map(|waiting| {
        let outcome = match content.readiness(&waiting.key, waiting.rev(), &waiting.media) {
            Readiness::Ready => ContentOutcome::Here { at: now },
            Readiness::Fetching => return None,
            Readiness::Refused(code) => ContentOutcome::Refused(code),
        };
        Some(StateChange::ContentSettled(ContentSettled { key: waiting.key, epoch: waiting.epoch, seq: waiting.seq, outcome }))
    });
    let changes: Vec<StateChange> = settled.collect();
    if changes.is_empty() { Ok(()) } else { journal.commit(Entry { changes, records: vec![] }).await }
}
