//! What one decision about one customer changes: in the database, in the actor's memory, and on open streams.
//!
//! Owns [`Changes`], the only way in which a customer's state moves. Built by pure decisions; committed as a whole by the actor, applied
//! after the commit and only then shown to anybody.

use aisle_schemas::{
    http::cloud::Card,
    ids::{CandidateId, CardId, CustomerId, OfferId},
};
use aisle_store::{
    DownWrite, OutboxNew,
    customer::{BookmarkRow, CandidateRow, CardRow, ConsentRow, DialogueRow, OutcomeRow, ProfileRow, SendRow},
    customer_commit::{CustomerCommit, Sale, TapUse},
    decision::DecisionRow,
    visit::VisitRow,
};
use chrono::{DateTime, Utc};

use crate::shared::Live;

/// What a visit's message says of it.
#[derive(Debug, Clone)]
pub enum VisitChange {
    Opened(VisitRow),
    /// Something was seen: zone or last signal.
    Moved(VisitRow),
    Closed(VisitRow),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Changes {
    pub profile: Option<ProfileRow>,
    pub consents: Vec<ConsentRow>,
    /// Packed affinity state.
    pub taste: Option<Vec<u8>>,
    pub decisions: Vec<DecisionRow>,
    pub cards_put: Vec<CardRow>,
    pub cards_removed: Vec<CardId>,
    pub sends: Vec<SendRow>,
    /// Reservations that end without a send.
    pub sends_released: Vec<CandidateId>,
    pub outcomes: Vec<OutcomeRow>,
    pub bookmarks_put: Vec<BookmarkRow>,
    pub bookmarks_removed: Vec<OfferId>,
    pub candidates_put: Vec<CandidateRow>,
    pub candidates_done: Vec<CandidateId>,
    pub dialogue: Option<DialogueRow>,
    pub tap_used: Option<TapUse>,
    pub sale: Option<Sale>,
    pub down: Vec<DownWrite>,
    pub outbox_put: Vec<OutboxNew>,
    pub outbox_done: Vec<i64>,
    /// The visit as the edge tells it; its row is the ingest's.
    pub visit: Option<VisitChange>,
    /// True where the store was sent a fresh context of the open visit.
    pub context_sent: bool,
    /// For the customer's own stream, after the commit.
    pub live: Vec<Live>,
    /// For consoles, after the commit.
    pub console: Vec<Live>,
}

impl Changes {
    /// Whether there is nothing to commit. Streams alone may still have something to say.
    pub fn is_stored(&self) -> bool {
        let Self {
            profile,
            consents,
            taste,
            decisions,
            cards_put,
            cards_removed,
            sends,
            sends_released,
            outcomes,
            bookmarks_put,
            bookmarks_removed,
            candidates_put,
            candidates_done,
            dialogue,
            tap_used,
            sale,
            down,
            outbox_put,
            outbox_done,
            visit: _,
            context_sent: _,
            live: _,
            console: _,
        } = self;
        profile.is_some()
            || !consents.is_empty()
            || taste.is_some()
            || !decisions.is_empty()
            || !cards_put.is_empty()
            || !cards_removed.is_empty()
            || !sends.is_empty()
            || !sends_released.is_empty()
            || !outcomes.is_empty()
            || !bookmarks_put.is_empty()
            || !bookmarks_removed.is_empty()
            || !candidates_put.is_empty()
            || !candidates_done.is_empty()
            || dialogue.is_some()
            || tap_used.is_some()
            || sale.is_some()
            || !down.is_empty()
            || !outbox_put.is_empty()
            || !outbox_done.is_empty()
    }

    /// The unit of work for the store.
    pub fn to_commit(&self, customer: CustomerId, expect_version: u64, at: DateTime<Utc>) -> CustomerCommit {
        CustomerCommit {
            profile: self.profile.clone(),
            consents: self.consents.clone(),
            affinity: self.taste.clone(),
            decisions: self.decisions.clone(),
            cards_put: self.cards_put.clone(),
            cards_removed: self.cards_removed.clone(),
            sends: self.sends.clone(),
            sends_released: self.sends_released.clone(),
            outcomes: self.outcomes.clone(),
            bookmarks_put: self.bookmarks_put.clone(),
            bookmarks_removed: self.bookmarks_removed.clone(),
            candidates_put: self.candidates_put.clone(),
            candidates_done: self.candidates_done.clone(),
            dialogue: self.dialogue.clone(),
            tap_used: self.tap_used.clone(),
            sale: self.sale.clone(),
            down: self.down.clone(),
            outbox_put: self.outbox_put.clone(),
            outbox_done: self.outbox_done.clone(),
            ..CustomerCommit::new(customer, expect_version, at)
        }
    }

    /// Says something on the customer's own stream, once this is committed.
    pub fn tell<T: serde::Serialize>(&mut self, kind: &'static str, body: &T) {
        self.live.push(live(kind, None, body));
    }

    /// Tells that a card is gone.
    pub fn tell_removed(&mut self, cards: &[Card]) {
        for card in cards {
            self.tell("card_removed", card);
        }
    }
}

/// An event of a stream.
pub fn live<T: serde::Serialize>(kind: &'static str, store: Option<aisle_schemas::ids::StoreId>, body: &T) -> Live {
    let data = serde_json::to_string(body).expect("wire types hold only what JSON can");
    Live { kind, store, data }
}
