//! HELLO, decided by the owner: table 4.1 of SYNC.md as a pure function.
//!
//! Owns [`decide`], the types around it, and the WELCOME that follows from its outcome. Takes what the node says and what the database
//! holds; emits what to answer and what to write, which the store does in one fenced transaction. Row 1 (rate) and the first half of row 2
//! (topic and source agree) are decided by the driver before any database is touched.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aisle_schemas::{
    limits::{CLONE_QUIET, LATER},
    sync::{Class, Credit, DownLog, Epoch, Hello, Mark, Nonce, PerStream, Seq, Session, Stream, Term, Welcome, WelcomeCode},
};
use chrono::{DateTime, Utc};
use rand::Rng;

use super::log::{EpochReason, EpochRequest, SendState};

/// A HELLO and what is needed to decide it.
#[derive(Debug, Clone)]
pub struct HelloRequest {
    /// The node's own log.
    pub epoch: Epoch,
    pub session: Session,
    pub hello: Hello,
    /// Families of payloads that this cloud understands.
    pub known_schemas: Arc<BTreeSet<String>>,
    pub term: Term,
    pub now: DateTime<Utc>,
    /// Bits for a new down epoch, should one begin.
    pub random: u64,
}

/// What the database holds of a node that has been heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenNode {
    pub epoch: Epoch,
    pub session: Session,
    /// Highest mark applied.
    pub mark: Mark,
    /// Per up stream; absent means 0.
    pub cursors: PerStream<Seq>,
}

/// What the database holds of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    /// Its enrolment stands (AS-106).
    pub enrolled: bool,
    /// It is its store's active node.
    pub active: bool,
    /// An operator has re-claimed it (AS-067).
    pub reclaim: bool,
    /// `None` before the first `ok`.
    pub seen: Option<SeenNode>,
    /// When anything of it was last committed.
    pub last_message_at: Option<DateTime<Utc>>,
    /// The down log.
    pub down: SendState,
}

/// What to store in the node's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeWrite {
    /// Epoch, session, mark and cursors from now on. Where `cursors_reset`, all cursor rows restart at 0 with poison run 0.
    pub seen: SeenNode,
    pub cursors_reset: bool,
    pub open_term: Term,
    pub clear_reclaim: bool,
}

/// The answer to a HELLO.
#[expect(clippy::large_enum_variant, reason = "one per HELLO, never stored in bulk")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// No answer; alarm `bad_identity`.
    BadIdentity,
    /// Nothing is written.
    Refuse { code: WelcomeCode, retry: Option<Duration> },
    /// `ok`: write, and begin a new down epoch where asked.
    Accept { write: NodeWrite, down_epoch: Option<EpochRequest> },
}

/// What the store did about a HELLO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelloOutcome {
    pub decision: Decision,
    /// As stored after the transaction; `None` for a node never accepted.
    pub seen: Option<SeenNode>,
    /// The down log after the transaction.
    pub down: SendState,
}

/// Rows 2 to 11 of table 4.1; `row` is `None` for a node without enrolment.
pub fn decide(request: &HelloRequest, row: Option<&NodeRow>) -> Decision {
    let HelloRequest { epoch, session, hello, known_schemas, term, now, random } = request;
    let Some(row) = row.filter(|row| row.enrolled) else { return Decision::BadIdentity };
    let refuse = |code, retry| Decision::Refuse { code, retry };
    if hello.schemas.iter().any(|schema| !known_schemas.contains(schema)) {
        return refuse(WelcomeCode::Unsupported, Some(CLONE_QUIET));
    }
    if !row.active {
        return refuse(WelcomeCode::Replaced, None);
    }
    let accept = |seen: SeenNode, cursors_reset, clear_reclaim| Decision::Accept {
        write: NodeWrite { seen, cursors_reset, open_term: *term, clear_reclaim },
        down_epoch: down_epoch(hello, &row.down, *random),
    };
    let Some(seen) = row.seen else {
        let seen = SeenNode { epoch: *epoch, session: *session, mark: Mark::ZERO, cursors: PerStream::default() };
        return accept(seen, true, false);
    };
    let same_epoch = seen.epoch == *epoch;
    if seen.session == *session && same_epoch {
        return accept(seen, false, false);
    }
    let successor = epoch.counter > seen.epoch.counter && hello.lineage.contains(&seen.epoch);
    if (same_epoch || successor) && hello.mark >= seen.mark && session.counter > seen.session.counter {
        let cursors = if same_epoch { seen.cursors } else { PerStream::default() };
        return accept(SeenNode { epoch: *epoch, session: *session, mark: seen.mark, cursors }, successor, true);
    }
    if row.reclaim {
        return refuse(WelcomeCode::DiskBehind, None);
    }
    if !same_epoch && !successor {
        return refuse(WelcomeCode::Superseded, None);
    }
    if row.last_message_at.is_some_and(|at| *now - at < chrono::TimeDelta::from_std(CLONE_QUIET).unwrap_or(chrono::TimeDelta::MAX)) {
        return refuse(WelcomeCode::CloneSuspected, Some(CLONE_QUIET));
    }
    refuse(WelcomeCode::DiskBehind, None)
}

/// Whether the cloud's own log must begin a new epoch (AS-073).
fn down_epoch(hello: &Hello, down: &SendState, random: u64) -> Option<EpochRequest> {
    let cursor = |stream| hello.down.cursors.get(stream).copied().unwrap_or_default();
    let reason = if hello.down.epoch != Some(down.epoch) {
        EpochReason::PeerForeign
    } else if hello.down.mark > down.mark || down.streams.iter().any(|(stream, state)| cursor(stream) > state.head()) {
        EpochReason::DiskBehind
    } else if down.streams.iter().any(|(stream, state)| is_behind(stream, cursor(stream), state.kept)) {
        EpochReason::PeerBehind
    } else {
        return None;
    };
    Some(EpochRequest {
        reason,
        random,
        peer_epoch: hello.down.epoch,
        peer_cursors: hello.down.cursors,
        mark_min: hello.down.mark,
        session_min: 0,
    })
}

/// Whether a receiver at `cursor` needs rows below `kept` that may not be skipped.
pub fn is_behind(stream: Stream, cursor: Seq, kept: Seq) -> bool {
    match stream.class() {
        Class::A | Class::B => cursor.next() < kept,
        Class::C => false,
    }
}

/// The WELCOME of an outcome; `None` where there is no answer.
pub fn welcome(nonce: Nonce, outcome: &HelloOutcome, credit: Credit) -> Option<Welcome> {
    let (code, retry, credit) = match &outcome.decision {
        Decision::BadIdentity => return None,
        Decision::Refuse { code, retry } => (*code, *retry, None),
        Decision::Accept { write: _, down_epoch: _ } => (WelcomeCode::Ok, None, Some(credit)),
    };
    let up = Stream::UP.into_iter();
    let cursors = outcome
        .seen
        .map_or_else(PerStream::default, |seen| up.map(|stream| (stream, seen.cursors.get(stream).copied().unwrap_or_default())).collect());
    Some(Welcome {
        nonce,
        code,
        retry_ms: retry.map(millis),
        epoch: outcome.seen.map(|seen| seen.epoch),
        session: outcome.seen.map(|seen| seen.session),
        mark: outcome.seen.map(|seen| seen.mark),
        cursors,
        credit,
        down: Some(DownLog { epoch: outcome.down.epoch }),
    })
}

/// The WELCOME of row 1: nothing was read, so nothing is echoed.
pub fn later(nonce: Nonce, rng: &mut impl Rng) -> Welcome {
    let retry_ms = rng.random_range(millis(LATER[0])..=millis(LATER[1]));
    Welcome {
        nonce,
        code: WelcomeCode::Later,
        retry_ms: Some(retry_ms),
        epoch: None,
        session: None,
        mark: None,
        cursors: PerStream::default(),
        credit: None,
        down: None,
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
