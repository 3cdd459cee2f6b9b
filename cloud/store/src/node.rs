//! Nodes as the cloud knows them: enrolment, session, presence.
//!
//! Owns table `node`. Takes what the owner of the partition decided; emits rows for HELLO and for the fleet view. Presence moves only by
//! compare-and-set on the stored session (AS-081), so a late will changes nothing.

use aisle_schemas::{
    http::cloud::NodeState,
    ids::{NodeId, Partition, StoreId},
    sync::{Epoch, Mark, Seq, Session, Stream, Term},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::types::Json;

use crate::{
    db::{Conn, Db, Tx},
    down_log,
    error::StoreError,
    statement::{Num, Text, Word, run, word},
    succession::{self, Place},
};

/// A node that is to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    pub node: NodeId,
    /// Random bits of its down log's first epoch; unused where it has one.
    pub random: u64,
}

/// Enrols exactly these nodes: others lose their enrolment, which stops their data at the next transaction (AS-106). A store without an
/// active node gets the first of its nodes, which takes over what was owed to the one before. Idempotent.
pub async fn enrol(db: &Db, nodes: Vec<Enrolment>) -> Result<(), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let ids: Vec<String> = nodes.iter().map(|enrolment| enrolment.node.to_string()).collect();
            run!(tx, execute, pair "node/end_enrolments", Json(ids))?;
            for Enrolment { node, random } in &nodes {
                run!(tx, execute, "node/enrol.sql", node, &node.tenant, &node.store, i64::from(node.partition().0))?;
                down_log::create(tx, node, Epoch { counter: 1, random: *random }).await?;
                succession::activate(tx, node, Place::Vacant, *random).await?;
            }
            Ok(())
        })
    })
    .await
}

/// A node as the fleet view shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    pub node: NodeId,
    pub state: NodeState,
    /// Last message of the node, heartbeats included.
    pub seen_at: Option<DateTime<Utc>>,
    /// Last change of `state`.
    pub since: Option<DateTime<Utc>>,
    pub software: String,
    /// Records that the node still holds for us, as it last said.
    pub pending: u64,
    pub applied: u64,
    /// Records in quarantine that nobody has settled.
    pub quarantined: u64,
    /// It is its store's active node.
    pub active: bool,
    /// An operator has re-claimed it, and it has not come back yet.
    pub reclaim: bool,
    /// By how many seconds its clock was ahead of ours when it was last heard.
    pub clock_skew_s: Option<i64>,
}

type NodeRead = (
    Text<NodeId>,
    Word<NodeState>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
    String,
    Option<DateTime<Utc>>,
    Num<u64>,
    Num<u64>,
    Num<u64>,
    bool,
    bool,
    Option<i64>,
);

fn node_row(row: NodeRead) -> NodeRow {
    let (
        Text(node),
        Word(state),
        heard_at,
        since,
        software,
        committed_at,
        Num(pending),
        Num(applied),
        Num(quarantined),
        active,
        reclaim,
        skew,
    ) = row;
    let (seen_at, clock_skew_s) = (newest(heard_at, committed_at), skew);
    NodeRow { node, state, seen_at, since, software, pending, applied, quarantined, active, reclaim, clock_skew_s }
}

/// All enrolled nodes, by name.
pub async fn all(conn: &mut Conn) -> Result<Vec<NodeRow>, StoreError> {
    let rows: Vec<NodeRead> = run!(conn, fetch_all: NodeRead, "node/all.sql")?;
    Ok(rows.into_iter().map(node_row).collect())
}

/// One enrolled node.
pub async fn find(conn: &mut Conn, node: &NodeId) -> Result<Option<NodeRow>, StoreError> {
    let row: Option<NodeRead> = run!(conn, fetch_optional: NodeRead, "node/find.sql", node)?;
    Ok(row.map(node_row))
}

fn newest(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    a.max(b)
}

/// The active node of a store.
pub async fn of_store(conn: &mut Conn, store: &StoreId) -> Result<Option<NodeId>, StoreError> {
    let row: Option<(Text<NodeId>,)> = run!(conn, fetch_optional: (Text<NodeId>,), "node/of_store.sql", store)?;
    Ok(row.map(|(Text(node),)| node))
}

/// What HELLO is decided from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelloRow {
    pub enrolled: bool,
    pub active: bool,
    pub reclaim: bool,
    /// Epoch and session of the last HELLO that was accepted.
    pub seen: Option<(Epoch, Session)>,
    /// Highest mark applied.
    pub mark: Mark,
    /// Cursors of that epoch.
    pub cursors: Vec<(Stream, Seq)>,
    pub last_message_at: Option<DateTime<Utc>>,
}

/// Reads and locks a node for its HELLO.
pub async fn for_hello(tx: &mut Tx, node: &NodeId) -> Result<Option<HelloRow>, StoreError> {
    type Row = (bool, bool, bool, Option<Text<Epoch>>, Option<Text<Session>>, Num<Mark>, Option<DateTime<Utc>>, Option<DateTime<Utc>>);
    let row: Option<Row> = run!(tx, fetch_optional: Row, pair "node/for_hello", node)?;
    let Some((enrolled, active, reclaim, epoch, session, Num(mut mark), heard_at, committed_at)) = row else { return Ok(None) };
    let seen = epoch.zip(session).map(|(Text(epoch), Text(session))| (epoch, session));
    let mut cursors = Vec::new();
    if let Some((epoch, _)) = seen {
        type Cursor = (Text<Stream>, Num<Seq>, Num<Mark>);
        let rows: Vec<Cursor> = run!(tx, fetch_all: Cursor, "cursor/of_node.sql", node, epoch)?;
        for (Text(stream), Num(seq), Num(applied)) in rows {
            mark = mark.max(applied);
            cursors.push((stream, seq));
        }
    }
    Ok(Some(HelloRow { enrolled, active, reclaim, seen, mark, cursors, last_message_at: newest(heard_at, committed_at) }))
}

/// What an accepted HELLO writes.
#[derive(Debug, Clone)]
pub struct Acceptance {
    pub epoch: Epoch,
    pub session: Session,
    pub mark: Mark,
    pub open_term: Term,
    pub clear_reclaim: bool,
    pub software: String,
    /// Records of each up stream that the node holds beyond its cursor.
    pub pending: Vec<(Stream, u64)>,
    pub at: DateTime<Utc>,
}

/// Opens a session: the node is online, cursors of a known epoch stay, those of a new one start at 0.
pub async fn accept(tx: &mut Tx, node: &NodeId, acceptance: &Acceptance) -> Result<(), StoreError> {
    let Acceptance { epoch, session, mark, open_term, clear_reclaim, software, pending, at } = acceptance;
    run!(tx, execute, "node/accept.sql", node, *epoch, *session, *mark, *open_term, *clear_reclaim, software.as_str(), *at)?;
    for (stream, pending) in pending {
        run!(tx, execute, "cursor/open.sql", node, *stream, *epoch, *mark, *pending, *at)?;
    }
    Ok(())
}

/// Takes a birth (`Online`) or an orderly stop (`Offline`) of the stored session; `false` where the session is another one.
pub async fn set_presence(tx: &mut Tx, node: &NodeId, session: Session, state: NodeState, at: DateTime<Utc>) -> Result<bool, StoreError> {
    Ok(run!(tx, execute, "node/presence.sql", node, session, word(&state), at)? > 0)
}

/// Notes that the will of the stored session has come; the node is lost once it has stood for a while.
pub async fn note_will(tx: &mut Tx, node: &NodeId, session: Session, at: DateTime<Utc>) -> Result<bool, StoreError> {
    Ok(run!(tx, execute, "node/will.sql", node, session, at)? > 0)
}

/// A lost node's session goes on; `false` where it was not lost.
pub async fn bring_back(tx: &mut Tx, node: &NodeId, session: Session, at: DateTime<Utc>) -> Result<bool, StoreError> {
    Ok(run!(tx, execute, "node/back.sql", node, session, at)? > 0)
}

/// What was heard of a node that commits nothing by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardNode {
    pub node: NodeId,
    pub session: Session,
    /// By how many seconds its clock is ahead of ours.
    pub clock_skew_s: i64,
}

#[derive(Serialize)]
struct Heard {
    node: String,
    session: String,
    skew: i64,
}

/// Renews the presence of nodes that were heard, and how wrong their clocks are; returns those that had been lost and are back.
pub async fn touch(tx: &mut Tx, heard: &[HeardNode], at: DateTime<Utc>) -> Result<Vec<NodeId>, StoreError> {
    let of = |HeardNode { node, session, clock_skew_s }: &HeardNode| Heard {
        node: node.to_string(),
        session: session.to_string(),
        skew: *clock_skew_s,
    };
    let set: Vec<Heard> = heard.iter().map(of).collect();
    run!(tx, execute, pair "node/touch", Json(&set), at)?;
    let back: Vec<(Text<NodeId>,)> = run!(tx, fetch_all: (Text<NodeId>,), pair "node/return", Json(&set), at)?;
    Ok(back.into_iter().map(|(Text(node),)| node).collect())
}

/// Marks nodes of `parts` as lost: silent since before `silent_before` (`None`: that rule is suspended), or with a will since before
/// `will_before`.
pub async fn expire(
    tx: &mut Tx,
    parts: &[Partition],
    silent_before: Option<DateTime<Utc>>,
    will_before: DateTime<Utc>,
    at: DateTime<Utc>,
) -> Result<Vec<NodeId>, StoreError> {
    let parts: Vec<i64> = parts.iter().map(|part| i64::from(part.0)).collect();
    let lost: Vec<(Text<NodeId>,)> =
        run!(tx, fetch_all: (Text<NodeId>,), pair "node/expire", silent_before, will_before, at, Json(&parts))?;
    Ok(lost.into_iter().map(|(Text(node),)| node).collect())
}
