//! What one decision about one customer changes: in the database, in the actor's memory, and on open streams.
//!
//! Owns [`Changes`], the only way in which a customer's state moves. Built by pure decisions; committed as a whole by the actor, applied
//! after the commit and only then shown to anybody.

use aisle_schemas::{
    http::cloud::Card,
    ids::{CandidateId, CardId, CustomerId, OfferId},
};
use aisle_store::{
    DownStream, DownWrite, OutboxNew,
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

/// The unit of work for the store: what steps change that were decided one after the other, each on the state that those before it make.
pub fn commit_of(steps: &[Changes], customer: CustomerId, expect_version: u64, at: DateTime<Utc>) -> CustomerCommit {
    let mut commit = CustomerCommit::new(customer, expect_version, at);
    for changes in steps {
        let Changes {
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
        } = changes;
        // What is one of a customer: the newest stands.
        commit.profile = profile.clone().or(commit.profile);
        commit.affinity = taste.clone().or(commit.affinity);
        commit.dialogue = dialogue.clone().or(commit.dialogue);
        commit.tap_used = tap_used.clone().or(commit.tap_used);
        commit.sale = sale.clone().or(commit.sale);
        // What is only ever added.
        commit.consents.extend(consents.iter().cloned());
        commit.decisions.extend(decisions.iter().cloned());
        commit.outcomes.extend(outcomes.iter().cloned());
        commit.outbox_put.extend(outbox_put.iter().cloned());
        commit.outbox_done.extend(outbox_done);
        // What is put and removed by a key: puts are written before removals, so a removal stands unless a later step puts the key again.
        put(&mut commit.cards_put, cards_put, |row| row.card);
        lift(&mut commit.cards_removed, cards_put.iter().map(|row| row.card), cards_removed);
        put(&mut commit.sends, sends, |row| row.candidate);
        lift(&mut commit.sends_released, sends.iter().map(|row| row.candidate), sends_released);
        put(&mut commit.candidates_put, candidates_put, |row| row.candidate);
        lift(&mut commit.candidates_done, candidates_put.iter().map(|row| row.candidate), candidates_done);
        put(&mut commit.bookmarks_put, bookmarks_put, |row| row.offer);
        lift(&mut commit.bookmarks_removed, bookmarks_put.iter().map(|row| row.offer), bookmarks_removed);
        for write in down {
            // Of a document only the newest body is ever sent (AS-053); orders are each their own.
            if write.stream == DownStream::Desired {
                commit.down.retain(|old| old.stream != DownStream::Desired || old.subject != write.subject || old.node != write.node);
            }
            commit.down.push(write.clone());
        }
    }
    commit
}

/// Rows of a later step, each instead of an earlier one of its key.
fn put<R: Clone, K: PartialEq>(rows: &mut Vec<R>, later: &[R], key: impl Fn(&R) -> K) {
    rows.retain(|row| later.iter().all(|new| key(new) != key(row)));
    rows.extend(later.iter().cloned());
}

/// Removals of a later step beside those of earlier ones, without those of keys that it puts again.
fn lift<K: PartialEq + Copy>(removed: &mut Vec<K>, put: impl Iterator<Item = K> + Clone, later: &[K]) {
    removed.retain(|old| !put.clone().any(|key| key == *old));
    removed.extend(later.iter().copied());
}

/// An event of a stream.
pub fn live<T: serde::Serialize>(kind: &'static str, store: Option<aisle_schemas::ids::StoreId>, body: &T) -> Live {
    let data = serde_json::to_string(body).expect("wire types hold only what JSON can");
    Live { kind, store, data }
}

#[cfg(test)]
mod tests {
    use aisle_schemas::ids::{CardId, EventId, NodeId, OfferId, VisitId};

    use super::*;

    fn at(s: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_000_000 + s, 0).unwrap()
    }

    fn card(n: u64, rev: u32) -> CardRow {
        CardRow {
            card: CardId::new(n, [0; 10]),
            offer: OfferId::new(n, [0; 10]),
            offer_rev: rev,
            visit: Some(VisitId::new(1, [0; 10])),
            candidate: CandidateId::new(n, [0; 10]),
            why: Vec::new(),
            score: 0.5,
            until: at(900),
            at: at(0),
            traceparent: None,
        }
    }

    fn write(n: u64, stream: DownStream, subject: &str) -> DownWrite {
        DownWrite {
            node: NodeId::parse("t.s1.n1").unwrap(),
            stream,
            id: EventId::new(n, [0; 10]),
            type_name: "aisle.desired.set.v1".to_owned(),
            subject: subject.to_owned(),
            data: None,
            at: at(0),
            traceparent: None,
        }
    }

    #[test]
    fn steps_committed_at_once_leave_what_they_would_have_left_one_after_the_other() {
        let (one, other) = (card(1, 1), card(2, 1));
        let steps = [
            Changes {
                cards_put: vec![one.clone(), other.clone()],
                outbox_done: vec![7],
                down: vec![write(1, DownStream::Desired, "context/a"), write(2, DownStream::Order, "visit/a")],
                ..Changes::default()
            },
            Changes { cards_removed: vec![one.card, other.card], outbox_done: vec![8], ..Changes::default() },
            Changes {
                cards_put: vec![card(2, 2)],
                down: vec![
                    write(3, DownStream::Desired, "context/a"),
                    write(4, DownStream::Desired, "context/b"),
                    write(5, DownStream::Order, "visit/a"),
                ],
                ..Changes::default()
            },
        ];
        let commit = commit_of(&steps, CustomerId::new(1, [0; 10]), 4, at(0));
        assert_eq!(commit.cards_put, [one.clone(), card(2, 2)], "a card is written once, as it was last, also where it goes again at once");
        assert_eq!(commit.cards_removed, [one.card], "a card that was put again stays");
        assert_eq!(commit.outbox_done, [7, 8]);
        let sent: Vec<_> = commit.down.iter().map(|write| write.id).collect();
        let expected = [2, 3, 4, 5].map(|n| EventId::new(n, [0; 10]));
        assert_eq!(sent, expected, "of a document the newest body alone, of orders each");
    }
}
