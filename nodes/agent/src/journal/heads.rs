//! Heads of the log and cursors of what came: the small state that every transaction of the journal reads.
//!
//! Owns their form in memory. The writer changes a copy and swaps it in after the commit. Emits the states that the sync protocol asks for.
//! Cannot fail.
use std::collections::BTreeMap;
use std::sync::Arc;

use aisle_mesh::sync::log::{SendState, StreamState};
use aisle_node_core::document::Equipment;
use aisle_node_core::monotonic::Monotonic;
use aisle_schemas::sync::{Class, DownState, Epoch, Mark, PerStream, Seq, Session, Stream};

use super::budget::{self, Usage};

/// How far a stream from the cloud was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub seq: Seq,
    /// Poison records in a row up to it.
    pub poison_run: u32,
}

/// Everything small, as committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    pub epoch: Epoch,
    pub mark: Mark,
    pub lineage: Vec<Epoch>,
    pub up: PerStream<StreamState>,
    /// What each stream holds on disk.
    pub usage: PerStream<Usage>,
    /// Times that records were dropped in this run. A batch that was read before one of them may hold what was counted as lost.
    pub drops: u64,
    /// New work was refused for want of room, and there is none yet.
    pub refusing: bool,
    /// The disk had no byte left, and the ballast is not back.
    pub disk_full: bool,
    /// Days since 1970 with the bytes of class A accepted on them, oldest first.
    pub days: Vec<(i64, u64)>,
    /// Bytes of class A accepted since the days were written.
    pub unwritten_a: u64,
    pub session_counter: u64,
    /// None before the first connection of this run.
    pub session: Option<Session>,
    pub down_epoch: Option<Epoch>,
    pub down_mark: Mark,
    pub down: PerStream<Cursor>,
    /// Highest change number of a document.
    pub change: i64,
    /// What the store has; none before anybody has said so.
    pub equipment: Option<Arc<Equipment>>,
    /// Documents instead of which staff show something else, and until when. Devices bound their number.
    pub overrides: Arc<BTreeMap<String, Monotonic>>,
}

impl Heads {
    /// The log as its sender sees it.
    #[must_use]
    pub fn send_state(&self) -> SendState {
        SendState { epoch: self.epoch, mark: self.mark, lineage: self.lineage.clone(), streams: self.up }
    }

    /// What was applied of the cloud's log.
    #[must_use]
    pub fn down_state(&self) -> DownState {
        let cursors = Stream::DOWN.into_iter().map(|stream| (stream, self.cursor(stream).seq)).collect();
        DownState { epoch: self.down_epoch, mark: self.down_mark, cursors }
    }

    /// Cursor of a stream from the cloud.
    #[must_use]
    pub fn cursor(&self, stream: Stream) -> Cursor {
        self.down.get(stream).copied().unwrap_or(Cursor { seq: Seq::ZERO, poison_run: 0 })
    }

    /// What the streams of a class hold on disk.
    #[must_use]
    pub fn used(&self, class: Class) -> Usage {
        budget::used(&self.usage, class)
    }

    /// What a stream holds on disk.
    #[must_use]
    pub fn usage(&self, stream: Stream) -> Usage {
        self.usage.get(stream).copied().unwrap_or_default()
    }

    /// Records of a stream that the cloud has not applied. Telemetry has holes where it was dropped, and what is applied of it goes at once.
    #[must_use]
    pub fn pending(&self, stream: Stream) -> u64 {
        let state = self.stream(stream);
        let unapplied = state.head().since(state.acked);
        match stream.class() {
            Class::A | Class::B => unapplied,
            Class::C => unapplied.min(self.usage(stream).records),
        }
    }

    /// State of an own stream.
    #[must_use]
    pub fn stream(&self, stream: Stream) -> StreamState {
        self.up.get(stream).copied().unwrap_or(StreamState::EMPTY)
    }
}
