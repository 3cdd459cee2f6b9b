//! What others see of a running owner: its status, what it owns, and the ways to tell it something.
//!
//! Owns [`OwnerSyncHandle`] and [`OwnerLoggedSender`]. Takes heads of down logs after their commits and operators' orders; emits them to the
//! driver, never waiting for it. On failure: an owner that has ended takes nothing more, and says so.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use aisle_schemas::{
    ids::{InstanceId, NodeId, TenantId},
    sync::{Mark, Seq, Stream, Term},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{board::Board, log::Logged, ownership::Owned};

/// What an owner needs to know.
#[derive(Debug, Clone)]
pub struct OwnerSyncConfig {
    pub instance: InstanceId,
    /// Stands as `source` in STATE, which no tenant owns.
    pub tenant: TenantId,
    /// Families of payloads that this cloud understands.
    pub known_schemas: BTreeSet<String>,
}

/// What anyone may see of the owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnerStatus {
    /// Highest term under which a partition is held.
    pub term: Option<Term>,
    /// Partitions that are held.
    pub partitions: usize,
    /// Connected, and SUBACK was seen.
    pub subscribed: bool,
    /// Sessions that are open.
    pub nodes_open: usize,
    /// Another process has taken over a database that has room for one: this owner has stopped for good.
    pub fenced: bool,
}

pub(super) type Boards = Arc<Mutex<HashMap<NodeId, Arc<Board>>>>;

/// What a handle asks of the driver.
#[derive(Debug)]
pub(super) enum Control {
    Unhold(NodeId, Stream),
    Stop,
}

/// A running owner.
#[derive(Debug)]
pub struct OwnerSyncHandle {
    boards: Boards,
    status: watch::Receiver<OwnerStatus>,
    owned: watch::Receiver<Owned>,
    control: mpsc::Sender<Control>,
    task: JoinHandle<()>,
}

/// Lets whoever writes obligations tell the senders without owning the driver.
#[derive(Debug, Clone)]
pub struct OwnerLoggedSender(Boards);

impl OwnerLoggedSender {
    /// Call after the commit; never waits. A node that is not connected is read from the log when it comes.
    pub fn logged(&self, node: &NodeId, stream: Stream, head: Seq, mark: Option<Mark>) {
        let board = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(node).cloned();
        if let Some(board) = board {
            board.post(Logged { stream, head, reserved: mark });
        }
    }
}

/// Lets an operator's decision reach the receivers without owning the driver.
#[derive(Debug, Clone)]
pub struct OwnerUnholder(mpsc::Sender<Control>);

impl OwnerUnholder {
    /// An operator ends the hold of an up stream; `false` if the owner has ended. A stream that is not on hold here is left alone.
    pub async fn unhold(&self, node: NodeId, stream: Stream) -> bool {
        self.0.send(Control::Unhold(node, stream)).await.is_ok()
    }
}

impl OwnerSyncHandle {
    pub(super) fn new(
        boards: Boards,
        status: watch::Receiver<OwnerStatus>,
        owned: watch::Receiver<Owned>,
        control: mpsc::Sender<Control>,
        task: JoinHandle<()>,
    ) -> Self {
        Self { boards, status, owned, control, task }
    }
    /// See [`OwnerLoggedSender::logged`].
    pub fn logged(&self, node: &NodeId, stream: Stream, head: Seq, mark: Option<Mark>) {
        self.logged_sender().logged(node, stream, head, mark);
    }
    pub fn logged_sender(&self) -> OwnerLoggedSender {
        OwnerLoggedSender(Arc::clone(&self.boards))
    }
    pub fn status(&self) -> watch::Receiver<OwnerStatus> {
        self.status.clone()
    }
    /// The partitions that are held, from now on.
    pub fn owned(&self) -> watch::Receiver<Owned> {
        self.owned.clone()
    }
    /// See [`OwnerUnholder::unhold`].
    pub async fn unhold(&self, node: NodeId, stream: Stream) -> bool {
        self.unholder().unhold(node, stream).await
    }
    pub fn unholder(&self) -> OwnerUnholder {
        OwnerUnholder(self.control.clone())
    }
    /// Gives every partition back, hangs up in order and waits for the end.
    pub async fn stop(self) {
        let told = self.control.send(Control::Stop).await;
        if told.is_err() || self.task.await.is_err() {
            tracing::debug!("owner had ended before it was stopped");
        }
    }
}
