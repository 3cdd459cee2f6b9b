//! A node's journal in memory.
//!
//! Owns [`MemoryNode`], whose disk can be copied and put back as a restored backup does. Takes what the node's driver asks; emits states.
//! On failure: the [`Fault`] that was set for the next transaction.

use std::sync::{Mutex, MutexGuard};

use aisle_mesh::sync::log::*;
use aisle_schemas::{ids::NodeId, sync::*};
use async_trait::async_trait;

use super::{Fault, ReceiveDisk, SendDisk, apply, transact};

#[derive(Debug, Clone)]
pub struct NodeDisk {
    pub send: SendDisk,
    pub receive: ReceiveDisk,
    pub session: u64,
    /// Of the newest connection: fences the receive side.
    pub current: Option<Session>,
}

/// A node's journal.
#[derive(Debug)]
pub struct MemoryNode {
    disk: Mutex<NodeDisk>,
    pub fault: Mutex<Option<Fault>>,
}

impl MemoryNode {
    pub fn new(random: u64) -> Self {
        let disk = NodeDisk { send: SendDisk::new(Direction::Up, random), receive: ReceiveDisk::default(), session: 0, current: None };
        Self { disk: Mutex::new(disk), fault: Mutex::new(None) }
    }
    pub fn disk(&self) -> MutexGuard<'_, NodeDisk> {
        self.disk.lock().unwrap()
    }
    fn change<T>(&self, change: impl FnOnce(&mut NodeDisk) -> T) -> Result<T, StorageSource> {
        let fault = self.fault.lock().unwrap().take();
        transact(&mut *self.disk(), fault, change)
    }
    fn down(disk: &NodeDisk) -> DownState {
        DownState { epoch: disk.receive.log.map(|(_, epoch)| epoch), mark: disk.receive.mark, cursors: disk.receive.cursors() }
    }
}

#[async_trait]
impl SendLog for MemoryNode {
    async fn state(&self, _: &NodeId) -> Result<SendState, LogError> {
        self.change(|disk| disk.send.state()).map_err(LogError::Storage)
    }
    async fn read(&self, _: &NodeId, stream: Stream, after: Seq, max_records: usize, max_bytes: usize) -> Result<Rows, LogError> {
        self.change(|disk| disk.send.read(stream, after, max_records, max_bytes)).map_err(LogError::Storage)
    }
    async fn commit_sent(&self, _: &NodeId, epoch: Epoch, stream: Stream, high: Seq) -> Result<Mark, LogError> {
        self.change(|disk| disk.send.commit_sent(epoch, stream, high)).map_err(LogError::Storage)?
    }
    async fn commit_acked(&self, _: &NodeId, epoch: Epoch, stream: Stream, acked: Seq) -> Result<(), LogError> {
        self.change(|disk| disk.send.commit_acked(epoch, stream, acked)).map_err(LogError::Storage)
    }
    async fn begin_epoch(&self, _: &NodeId, request: &EpochRequest) -> Result<Epoch, LogError> {
        let raised = self.change(|disk| {
            disk.session = disk.session.max(request.session_min);
            disk.send.begin_epoch(request)
        });
        raised.map_err(LogError::Storage)
    }
}

#[async_trait]
impl ReceiveLog for MemoryNode {
    async fn apply(&self, _: &NodeId, batch: &ReceivedBatch) -> Result<Applied, ApplyError> {
        let fault = self.fault.lock().unwrap().take();
        apply(&mut *self.disk(), fault, |disk| disk.receive.apply(batch))
    }
}

#[async_trait]
impl NodeSessionLog for MemoryNode {
    async fn begin_session(&self, random: u32) -> Result<Session, LogError> {
        let begun = self.change(|disk| {
            disk.session += 1;
            let session = Session { counter: disk.session, random };
            disk.current = Some(session);
            disk.receive.log = disk.receive.log.map(|(_, epoch)| (session, epoch));
            session
        });
        begun.map_err(LogError::Storage)
    }
    async fn down_state(&self) -> Result<DownState, LogError> {
        self.change(|disk| Self::down(disk)).map_err(LogError::Storage)
    }
    async fn return_to(&self, cursors: &PerStream<Seq>) -> Result<(), LogError> {
        self.change(|disk| disk.send.return_to(cursors)).map_err(LogError::Storage)
    }
    async fn adopt_down_epoch(&self, epoch: Epoch) -> Result<DownState, LogError> {
        let adopted = self.change(|disk| {
            if disk.receive.log.is_none_or(|(_, stored)| stored != epoch) {
                disk.receive.cursors.clear();
                disk.receive.mark = Mark::ZERO;
            }
            disk.receive.log = disk.current.map(|session| (session, epoch));
            Self::down(disk)
        });
        adopted.map_err(LogError::Storage)
    }
}
