//! Whether what was accepted has taken effect.
//!
//! Owns the checks of I1, I2, I3 and I5 at convergence; I4 and I6 are asserted by the logs at every write. Takes a world at rest; emits a
//! [`Tally`]. On failure: panics with the seed and the record.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use aisle_schemas::{ids::EventId, sync::*};

use super::World;
use crate::memory::{ReceiveDisk, SendDisk};

/// What runs came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub runs: u64,
    pub steps: usize,
    pub accepted: usize,
    pub applied: usize,
    pub quarantined: usize,
    /// Telemetry that a LOST counts.
    pub dropped: usize,
    /// Epochs begun after the first, of either log.
    pub epochs: u64,
    /// From the last fault on.
    pub slowest: Duration,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.runs += more.runs;
        self.steps += more.steps;
        self.accepted += more.accepted;
        self.applied += more.applied;
        self.quarantined += more.quarantined;
        self.dropped += more.dropped;
        self.epochs += more.epochs;
        self.slowest = self.slowest.max(more.slowest);
    }
}

impl World {
    pub(super) fn judge(&self) -> Tally {
        let (up, received_down) = {
            let disk = self.disk.disk();
            (disk.send.clone(), disk.receive.clone())
        };
        let (down, received_up) = self.cloud.with(&self.id, |row| (row.send.clone(), row.receive.clone()));
        let mut tally = Tally { runs: 1, steps: self.steps, slowest: self.now.0 - self.chaos_until, ..Tally::default() };
        for (sent, received) in [(up, received_up), (down, received_down)] {
            self.judge_effects(&received);
            self.judge_records(&sent, &received);
            self.judge_documents(&sent, &received);
            self.judge_losses(&sent, &received);
            tally.accepted += sent.accepted.len();
            tally.applied += received.effects.len();
            tally.quarantined += received.quarantined.len();
            tally.dropped += sent.lost.len();
            tally.epochs += sent.epoch.counter - 1;
        }
        tally
    }

    /// I2 and I3. A document that is set back comes back, so it may take effect again.
    fn judge_effects(&self, received: &ReceiveDisk) {
        let seed = self.seed;
        let mut seen: HashSet<EventId> = HashSet::new();
        let mut last: HashMap<(Epoch, Stream), Seq> = HashMap::new();
        for (epoch, stream, seq, id) in &received.effects {
            let before = last.insert((*epoch, *stream), *seq);
            assert!(before < Some(*seq), "seed {seed}: disorder in {stream} at {seq}");
            let again = stream.class() == Class::B && self.was_set_back;
            assert!(seen.insert(*id) || again, "seed {seed}: {id} of {stream} doubled");
        }
    }

    /// I1, and for telemetry that whatever is missing is counted.
    fn judge_records(&self, sent: &SendDisk, received: &ReceiveDisk) {
        let mut settled: HashSet<EventId> = received.effects.iter().map(|(.., id)| *id).collect();
        settled.extend(received.quarantined.iter().map(|(_, id)| *id));
        for (stream, id) in &sent.accepted {
            let counted = stream.class() == Class::C && sent.lost.contains(id);
            // What a database knew before it was set back, of rows that are deleted once applied, nobody knows any more.
            let forgotten = stream.class() == Class::C && self.was_set_back;
            let found = settled.contains(id) || counted || forgotten || stream.class() == Class::B;
            assert!(found, "seed {}: lost {id} of {stream}", self.seed);
        }
    }

    /// Every document of the sender is in force at the receiver, and no other.
    fn judge_documents(&self, sent: &SendDisk, received: &ReceiveDisk) {
        let seed = self.seed;
        let aside: HashSet<EventId> = received.quarantined.iter().map(|(_, id)| *id).collect();
        for (stream, log) in sent.streams.iter().filter(|(stream, _)| stream.class() == Class::B) {
            let in_force: BTreeMap<&str, EventId> =
                received.documents.iter().filter(|((of, _), _)| of == stream).map(|((_, key), (id, _))| (key.as_str(), *id)).collect();
            let mut keys = HashSet::new();
            for (row, key) in log.rows.values() {
                let key = key.as_deref().expect("a document has a key");
                keys.insert(key);
                let spoilt = sent.corrupted.contains(&row.id) && aside.contains(&row.id);
                assert!(spoilt || in_force.get(key) == Some(&row.id), "seed {seed}: stale {key} of {stream}: {}", row.id);
            }
            let strange = in_force.keys().find(|key| log.state.base > Seq::ZERO && !keys.contains(**key));
            assert_eq!(strange, None, "seed {seed}: a document of {stream} that its writer no longer has");
        }
    }

    /// I5: in one epoch, on disks that nobody set back, holes and LOST are the same, and nothing lost took effect.
    fn judge_losses(&self, sent: &SendDisk, received: &ReceiveDisk) {
        let seed = self.seed;
        if self.was_set_back || sent.epoch.counter > 1 {
            return;
        }
        assert_eq!(received.holes, sent.dropped, "seed {seed}: holes and LOST differ");
        let applied = received.effects.iter().find(|(.., id)| sent.lost.contains(id));
        assert_eq!(applied, None, "seed {seed}: lost, and yet applied");
    }
}
