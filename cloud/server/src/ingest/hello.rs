//! HELLO in one fenced transaction: read the node, decide by table 4.1, write what the row says (AS-018).
//!
//! Owns the conversion between the store's rows and the mesh's [`NodeRow`]. Takes a request; emits the outcome that WELCOME is made of.

use aisle_mesh::sync::{
    hello::{Decision, HelloOutcome, HelloRequest, NodeRow, NodeWrite, SeenNode, decide},
    log::{SendState, StreamState},
};
use aisle_schemas::{
    http::cloud::NodeState,
    ids::NodeId,
    log::NodeAlarm,
    sync::{Epoch, Mark, PerStream, Stream, WelcomeCode},
};
use aisle_store::{
    Db, OutboxRow, Tx,
    down_log::{self, Acked, DownState, DownStreamState, NewEpoch},
    node::{self, Acceptance},
    node_alarm,
    term::{self, Holder},
};

use super::{OwnerError, put_presence};

/// A HELLO to decide.
pub struct Work {
    pub node: NodeId,
    pub request: HelloRequest,
    pub holder: Holder,
    /// What the node acknowledged and is not written yet.
    pub acked: Option<Acked>,
    pub db: Db,
}

/// Runs the transaction up to its commit.
pub async fn run(tx: &mut Tx, work: &Work) -> Result<(HelloOutcome, Vec<OutboxRow>), OwnerError> {
    let Work { node, request, holder, acked, db } = work;
    if holder.term != request.term || !term::holds(tx, node.partition(), holder).await? {
        return Err(OwnerError::Fenced);
    }
    let Some(row) = node::for_hello(tx, node).await? else {
        return Ok((HelloOutcome { decision: decide(request, None), seen: None, down: no_log() }, Vec::new()));
    };
    if let Some(acked) = acked {
        down_log::note_acked(tx, &[(node.clone(), *acked)]).await?;
    }
    let seen = row.seen.map(|(epoch, session)| SeenNode { epoch, session, mark: row.mark, cursors: row.cursors.iter().copied().collect() });
    let known = NodeRow {
        enrolled: row.enrolled,
        active: row.active,
        reclaim: row.reclaim,
        seen,
        last_message_at: row.last_message_at,
        down: send_state(down_log::state(tx, node).await?),
    };
    let decision = decide(request, Some(&known));
    let Decision::Accept { write, down_epoch } = &decision else {
        // After a re-claim `disk_behind` is the way back, and no news to the person who asked for it.
        let expected = known.reclaim && matches!(&decision, Decision::Refuse { code: WelcomeCode::DiskBehind, .. });
        if let (Some(alarm), false) = (alarm(&decision), expected) {
            node_alarm::raise(tx, node, alarm, request.now).await?;
        }
        return Ok((HelloOutcome { decision, seen: known.seen, down: known.down }, Vec::new()));
    };
    node::accept(tx, node, &acceptance(request, write)).await?;
    node_alarm::accepted(tx, node).await?;
    if let Some(wish) = down_epoch {
        let wish = NewEpoch { peer: wish.peer_epoch, mark_min: wish.mark_min, random: wish.random };
        down_log::begin_epoch(tx, node, wish).await?;
    }
    let down = send_state(down_log::state(tx, node).await?);
    let rows = put_presence(tx, db, std::slice::from_ref(node), NodeState::Online, request.now).await?;
    let seen = Some(write.seen);
    Ok((HelloOutcome { decision, seen, down }, rows))
}

/// What a person should look at when a HELLO is refused: a node that is refused cannot tell.
const fn alarm(decision: &Decision) -> Option<NodeAlarm> {
    match decision {
        Decision::Refuse { code, retry: _ } => match code {
            WelcomeCode::CloneSuspected => Some(NodeAlarm::CloneSuspected),
            WelcomeCode::DiskBehind => Some(NodeAlarm::DiskBehind),
            WelcomeCode::Superseded => Some(NodeAlarm::Superseded),
            WelcomeCode::Replaced => Some(NodeAlarm::Replaced),
            WelcomeCode::Unsupported => Some(NodeAlarm::Unsupported),
            WelcomeCode::Ok | WelcomeCode::Later | WelcomeCode::Unknown => None,
        },
        Decision::BadIdentity | Decision::Accept { .. } => None,
    }
}

fn acceptance(request: &HelloRequest, write: &NodeWrite) -> Acceptance {
    let NodeWrite { seen, cursors_reset: _, open_term, clear_reclaim } = *write;
    let pending = |stream: Stream| {
        let next = request.hello.up.get(stream).map(|state| state.next).unwrap_or_default();
        let cursor = seen.cursors.get(stream).copied().unwrap_or_default();
        (stream, next.minus(1).since(cursor))
    };
    Acceptance {
        epoch: seen.epoch,
        session: seen.session,
        mark: seen.mark,
        open_term,
        clear_reclaim,
        software: request.hello.software.clone(),
        pending: Stream::UP.into_iter().map(pending).collect(),
        at: request.now,
    }
}

/// Where a node's down log stands, as the sync machines know it.
pub fn send_state(state: DownState) -> SendState {
    let DownState { epoch, lineage, mark, order, desired } = state;
    let mut streams = PerStream::default();
    streams.set(Stream::Order, stream_state(order));
    streams.set(Stream::Desired, stream_state(desired));
    SendState { epoch, mark, lineage, streams }
}

fn stream_state(state: DownStreamState) -> StreamState {
    let DownStreamState { kept, next, high, acked, base } = state;
    StreamState { kept, next, high, acked, base }
}

/// The log of a node that is not enrolled: never sent, because such a HELLO has no answer.
fn no_log() -> SendState {
    SendState { epoch: Epoch { counter: 0, random: 0 }, mark: Mark::ZERO, lineage: Vec::new(), streams: PerStream::default() }
}
