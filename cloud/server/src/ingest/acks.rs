//! What nodes acknowledged and no transaction has written yet.
//!
//! Owns one entry per node: how far orders and documents of one epoch of its log are applied. Takes what senders note, after every ACK; emits it
//! to the next presence round, the node's next HELLO, or whoever moves the node's log to another box. On failure of the write it is put back:
//! what was lost all the same costs disk until the next WELCOME, nothing else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aisle_schemas::{
    ids::NodeId,
    sync::{Epoch, Seq, Stream},
};
use aisle_store::down_log::Acked;

/// Clones share the entries.
#[derive(Debug, Clone, Default)]
pub struct PendingAcks(Arc<Mutex<HashMap<NodeId, Acked>>>);

impl PendingAcks {
    fn entries(&self) -> MutexGuard<'_, HashMap<NodeId, Acked>> {
        // A panic aborts the process, so a poisoned lock is never seen; the value is whole either way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a node has applied of `epoch`.
    pub(super) fn note(&self, node: &NodeId, epoch: Epoch, stream: Stream, seq: Seq) {
        let mut acked = Acked { epoch, order: Seq::ZERO, desired: Seq::ZERO };
        match stream {
            Stream::Order => acked.order = seq,
            Stream::Desired => acked.desired = seq,
            Stream::Sess | Stream::Audit | Stream::Reported | Stream::Tele => return,
        }
        join(&mut self.entries(), node.clone(), acked);
    }

    /// What is known of a node.
    pub(super) fn of(&self, node: &NodeId) -> Option<Acked> {
        self.entries().get(node).copied()
    }

    /// What is known of the nodes of the same store; it stays here as well.
    pub fn of_store(&self, node: &NodeId) -> Vec<(NodeId, Acked)> {
        let same = |other: &NodeId| (&other.tenant, &other.store) == (&node.tenant, &node.store);
        self.entries().iter().filter(|(other, _)| same(other)).map(|(other, acked)| (other.clone(), *acked)).collect()
    }

    /// Takes what is known of a node, to be written.
    pub(super) fn take(&self, node: &NodeId) -> Option<Acked> {
        self.entries().remove(node)
    }

    /// Takes everything, to be written.
    pub(super) fn take_all(&self) -> Vec<(NodeId, Acked)> {
        self.entries().drain().collect()
    }

    /// Puts back what could not be written; what was noted meanwhile stands.
    pub(super) fn put_back(&self, taken: Vec<(NodeId, Acked)>) {
        let mut entries = self.entries();
        for (node, acked) in taken {
            let known = entries.get(&node).map(|known| known.epoch);
            if known.is_none_or(|epoch| epoch == acked.epoch) {
                join(&mut entries, node, acked);
            }
        }
    }
}

/// Cursors only rise within an epoch; of two epochs the one heard of last stands, and the statement refuses it if it is not the log's.
fn join(entries: &mut HashMap<NodeId, Acked>, node: NodeId, acked: Acked) {
    let entry = entries.entry(node).or_insert(acked);
    if entry.epoch == acked.epoch {
        entry.order = entry.order.max(acked.order);
        entry.desired = entry.desired.max(acked.desired);
    } else {
        *entry = acked;
    }
}
