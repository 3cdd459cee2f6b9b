//! The receiving side of a log in memory: cursors, effects, quarantine.
//!
//! Owns [`ReceiveDisk`]. Takes batches; emits what was applied. Keeps a ledger of effects and checks on every write that no cursor falls
//! (I4) and no effect happens out of order (I3). On failure: the errors of the real receive transaction, nothing changed.

use std::collections::{BTreeMap, HashMap, HashSet};

use aisle_mesh::sync::log::*;
use aisle_schemas::{event::TYPE_LOG_CORRUPT, ids::EventId, limits::POISON_HOLD, sync::*};

use super::POISON;

/// A receiver's cursors and effects.
#[derive(Debug, Clone, Default)]
pub struct ReceiveDisk {
    pub log: Option<(Session, Epoch)>,
    pub mark: Mark,
    pub cursors: HashMap<Stream, Seq>,
    pub poison: HashMap<Stream, u32>,
    /// Effects in order: (epoch, stream, seq, id).
    pub effects: Vec<(Epoch, Stream, Seq, EventId)>,
    pub quarantined: Vec<(Stream, EventId)>,
    pub journal: HashSet<EventId>,
    /// Documents in force, with the epoch that brought them.
    pub documents: BTreeMap<(Stream, String), (EventId, Epoch)>,
    /// Seqs of class C that no batch held, for I5.
    pub holes: u64,
}

impl ReceiveDisk {
    pub fn cursors(&self) -> PerStream<Seq> {
        self.cursors.iter().map(|(stream, seq)| (*stream, *seq)).collect()
    }

    /// An id that was seen before; telemetry has none, it is known by its place alone.
    fn is_known(&self, stream: Stream, id: EventId) -> bool {
        stream.class() != Class::C && self.journal.contains(&id)
    }

    pub(super) fn apply(&mut self, batch: &ReceivedBatch) -> Result<Applied, ApplyError> {
        let stream = batch.stream;
        if self.log != Some((batch.session, batch.epoch)) {
            return Err(ApplyError::Fenced);
        }
        let stored = self.cursors.get(&stream).copied().unwrap_or_default();
        if stored != batch.cursor {
            return Err(ApplyError::Conflict { cursor: stored });
        }
        let spoilt = |record: &ReceivedRecord| [POISON, TYPE_LOG_CORRUPT].contains(&record.event.ty.as_str());
        let poison = |record: &ReceivedRecord| spoilt(record) && !self.is_known(stream, record.event.id);
        if batch.mode == ApplyMode::Plain
            && let Some(index) = batch.records.iter().position(poison)
        {
            // Found before anything changes, so that nothing has to be rolled back.
            let poison_run = self.poison.get(&stream).copied().unwrap_or_default();
            return Err(ApplyError::Poison { index, poison_run, source: "poison".into() });
        }
        let mut run = self.poison.get(&stream).copied().unwrap_or_default();
        let (mut cursor, mut quarantined, mut previous) = (batch.to, 0, batch.cursor);
        for record in &batch.records {
            let id = record.event.id;
            assert!(record.seq > previous && record.seq <= batch.to, "I3: {} after {previous}", record.seq);
            previous = record.seq;
            if self.is_known(stream, id) {
                continue;
            }
            if spoilt(record) {
                (quarantined, run) = (quarantined + 1, run + 1);
                self.quarantined.push((stream, id));
                self.journal.insert(id);
                if stream.class() == Class::A && run >= POISON_HOLD {
                    cursor = record.seq;
                    break;
                }
                continue;
            }
            run = 0;
            match (stream.class(), record.event.subject.clone()) {
                (Class::B, Some(key)) => {
                    let before = self.documents.insert((stream, key), (id, batch.epoch));
                    if before.is_none_or(|(before, _)| before != id) {
                        self.effects.push((batch.epoch, stream, record.seq, id));
                    }
                }
                (Class::A | Class::B | Class::C, _) => {
                    self.effects.push((batch.epoch, stream, record.seq, id));
                    self.journal.insert(id);
                }
            }
        }
        assert!(cursor >= stored, "I4: cursor of {stream} falls from {stored} to {cursor}");
        if stream.class() == Class::C {
            self.holes += batch.to.since(stored) - batch.records.len() as u64;
        }
        if batch.base > Seq::ZERO && cursor >= batch.base {
            // What the sender no longer has in this epoch is no longer in force (AS-062).
            self.documents.retain(|(of, _), (_, epoch)| *of != stream || *epoch == batch.epoch);
        }
        self.cursors.insert(stream, cursor);
        self.poison.insert(stream, run);
        self.mark = self.mark.max(batch.mark);
        Ok(Applied { cursor, quarantined, poison_run: run })
    }
}
