//! The independent ledger: every record that a store accepted, written down at acceptance, held against every effect in the cloud's database.
//!
//! Owns the books, one per node, outside the product's database and process. Takes what was accepted; reads the database with statements of its
//! own, so that a fault of the product's storage code cannot hide here; emits a [`Verdict`] on I1 (nothing lost), I2 (nothing doubled) and I3
//! (nothing out of order). On failure to read: an error, never a verdict.

mod facts;
mod judge;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aisle_schemas::ids::{EventId, NodeId, VisitId};
use aisle_schemas::sync::{Class, PerStream, Stream};
use anyhow::Result;

pub use facts::Facts;
pub use judge::Verdict;

use crate::hollow::Fact;

/// What one store accepted.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// Ids per stream of class A in the order of acceptance; empty where only promises to people are known. Of telemetry only counts are kept: it
    /// is nearly all of the traffic, and a long run must not fill the memory with it.
    records: PerStream<Vec<EventId>>,
    /// Visits, and whether they were closed.
    visits: BTreeMap<VisitId, bool>,
    plays: u64,
    refusals: u64,
    /// Whether every record of the store stands here; if not, more effects than promises are right.
    whole: bool,
}

/// The books of all stores.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<BTreeMap<NodeId, Book>>);

impl Ledger {
    fn books(&self) -> MutexGuard<'_, BTreeMap<NodeId, Book>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A hollow store has accepted a record.
    pub fn accepted(&self, node: &NodeId, stream: Stream, id: EventId, fact: Fact) {
        let mut books = self.books();
        if !books.contains_key(node) {
            books.insert(node.clone(), Book { whole: true, ..Book::default() });
        }
        if let Some(book) = books.get_mut(node) {
            book.accept(stream, id, fact);
        }
    }

    /// A node of its own process has answered that a visit is open, which it may say only after its own commit.
    pub fn opened(&self, node: &NodeId, visit: VisitId) {
        self.books().entry(node.clone()).or_default().visits.entry(visit).or_default();
    }

    /// The same for its end.
    pub fn closed(&self, node: &NodeId, visit: VisitId) {
        self.books().entry(node.clone()).or_default().visits.insert(visit, true);
    }

    /// Compares the plays of one node alone: `promised` were acknowledged to its screens.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn compare_plays(database: &str, node: &NodeId, promised: u64) -> Result<Verdict> {
        let book = Book { plays: promised, ..Book::default() };
        let mut reader = facts::Reader::open(database).await?;
        let facts = reader.facts(node).await?;
        reader.close().await?;
        Ok(judge::telemetry_alone(node, &book, &facts))
    }

    /// Reads the database and compares; the newest state of both counts.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn compare(&self, database: &str) -> Result<Verdict> {
        let books = self.books().clone();
        let mut reader = facts::Reader::open(database).await?;
        let mut verdict = Verdict::default();
        for (node, book) in &books {
            verdict.add(&judge::judge(node, book, &reader.facts(node).await?));
        }
        reader.close().await?;
        Ok(verdict)
    }
}

impl Book {
    fn accept(&mut self, stream: Stream, id: EventId, fact: Fact) {
        match (stream.class(), self.records.get_mut(stream)) {
            (Class::A, Some(ids)) => ids.push(id),
            (Class::A, None) => self.records.set(stream, vec![id]),
            (Class::B | Class::C, _) => {}
        }
        match fact {
            Fact::Opened(visit) => {
                self.visits.insert(visit, false);
            }
            Fact::Closed(visit) => {
                self.visits.insert(visit, true);
            }
            Fact::Refused => self.refusals += 1,
            Fact::Played => self.plays += 1,
            Fact::Seen => {}
        }
    }
}
