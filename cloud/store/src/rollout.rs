//! Rollouts: a desired document on its way to a cohort of stores.
//!
//! Owns tables `rollout` and `rollout_target`. Takes a rollout as it was decided; writes its new state, the documents that follow from it and
//! the audit entry in one transaction, fenced by the version that was read (`Stale` where somebody else was faster). Emits rollouts as the core
//! knows them. On failure: nothing has changed.

use aisle_cloud_core::rollout::{self as rules, Order, Phase, Progress, Reason, Report, Rollout, Target, Terms};
use aisle_schemas::{
    event::Event,
    ids::{CustomerId, EventId, NodeId, StoreId},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::types::Json;

use crate::{
    audit::{self, Actor, AuditEntry},
    db::{Conn, Db, Tx},
    down::{self, DownStream, DownWrite, LoggedDown},
    error::StoreError,
    statement::{Id, Num, Text, run},
};

/// Rollouts that are listed.
pub const LISTED_MAX: u32 = 100;

/// A rollout with what is known around it.
#[derive(Debug, Clone)]
pub struct RolloutRow {
    pub rollout: EventId,
    pub name: String,
    /// Of the document.
    pub key: String,
    pub body: Box<RawValue>,
    /// What its next step is fenced by.
    pub version: u64,
    pub made_by: CustomerId,
    pub made_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub state: Rollout,
}

/// A rollout to begin.
#[derive(Debug, Clone)]
pub struct NewRollout {
    pub rollout: EventId,
    pub name: String,
    pub key: String,
    pub body: Box<RawValue>,
    pub terms: Terms,
    /// Each with its store's node.
    pub targets: Vec<(Target, NodeId)>,
    pub by: CustomerId,
    pub at: DateTime<Utc>,
    pub audit: EventId,
}

/// One step of a rollout.
#[derive(Debug, Clone)]
pub struct Step {
    pub rollout: EventId,
    /// The version that was decided on.
    pub version: u64,
    /// The state after the step.
    pub state: Rollout,
    /// Stores whose progress a report has changed.
    pub moved: Vec<StoreId>,
    /// What is written to stores, each under an id of its own.
    pub written: Vec<(StoreId, EventId)>,
    pub order: Option<Order>,
    /// Who did it, in words of the audit; none where a machine only took note.
    pub audit: Option<(EventId, Actor, &'static str, String)>,
    pub at: DateTime<Utc>,
}

/// How terms stand in their column.
#[derive(Serialize, Deserialize)]
struct TermsColumn {
    per_minute: u32,
    rejected_percent_max: u8,
    applied_percent_min: u8,
    patience_s: u32,
}

impl From<Terms> for TermsColumn {
    fn from(terms: Terms) -> Self {
        let Terms { per_minute, rejected_percent_max, applied_percent_min, patience_s } = terms;
        Self { per_minute, rejected_percent_max, applied_percent_min, patience_s }
    }
}

impl From<TermsColumn> for Terms {
    fn from(column: TermsColumn) -> Self {
        let TermsColumn { per_minute, rejected_percent_max, applied_percent_min, patience_s } = column;
        Self { per_minute, rejected_percent_max, applied_percent_min, patience_s }
    }
}

fn reason_word(reason: Reason) -> &'static str {
    match reason {
        Reason::TooManyRejected => "too_many_rejected",
        Reason::NotConverged => "not_converged",
        Reason::Staff => "staff",
    }
}

fn phase_words(phase: Phase) -> (&'static str, Option<&'static str>) {
    match phase {
        Phase::Running => ("running", None),
        Phase::Paused => ("paused", None),
        Phase::RollingBack(reason) => ("rolling_back", Some(reason_word(reason))),
        Phase::Done => ("done", None),
        Phase::RolledBack(reason) => ("rolled_back", Some(reason_word(reason))),
    }
}

fn phase_of(phase: &str, reason: Option<&str>) -> Option<Phase> {
    let reasons = [Reason::TooManyRejected, Reason::NotConverged, Reason::Staff];
    let reason = reason.and_then(|word| reasons.into_iter().find(|known| reason_word(*known) == word));
    match (phase, reason) {
        ("running", _) => Some(Phase::Running),
        ("paused", _) => Some(Phase::Paused),
        ("done", _) => Some(Phase::Done),
        ("rolling_back", Some(reason)) => Some(Phase::RollingBack(reason)),
        ("rolled_back", Some(reason)) => Some(Phase::RolledBack(reason)),
        (_, _) => None,
    }
}

fn progress_word(progress: &Progress) -> (&'static str, Option<&str>) {
    match progress {
        Progress::Waiting => ("waiting", None),
        Progress::Set { at: _ } => ("set", None),
        Progress::Applied { at: _ } => ("applied", None),
        Progress::Rejected { at: _, code } => ("rejected", Some(code)),
        Progress::Restored => ("restored", None),
        Progress::Overtaken { at: _ } => ("overtaken", None),
    }
}

fn progress_of(word: &str, code: Option<String>, set_at: Option<DateTime<Utc>>) -> Option<Progress> {
    match (word, set_at) {
        ("waiting", _) => Some(Progress::Waiting),
        ("restored", _) => Some(Progress::Restored),
        ("set", Some(at)) => Some(Progress::Set { at }),
        ("applied", Some(at)) => Some(Progress::Applied { at }),
        ("overtaken", Some(at)) => Some(Progress::Overtaken { at }),
        ("rejected", Some(at)) => Some(Progress::Rejected { at, code: code.unwrap_or_default() }),
        (_, _) => None,
    }
}

fn unreadable(what: &str) -> StoreError {
    StoreError::Broken(sqlx::Error::Decode(format!("a rollout's {what} is unreadable").into()))
}

/// Begins a rollout; `false` where the same document is on its way already.
pub async fn begin(db: &Db, new: NewRollout) -> Result<bool, StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let NewRollout { rollout, name, key, body, terms, targets, by, at, audit: id } = new;
            let (Num(open),) = run!(tx, fetch_one: (Num<u64>,), "rollout/count_open.sql", key.as_str())?;
            if open > 0 {
                return Ok(false);
            }
            let (phase, _) = phase_words(Phase::Running);
            let terms = Json(TermsColumn::from(terms));
            run!(tx, execute, "rollout/insert.sql", rollout, name.as_str(), key.as_str(), body.get(), terms, phase, by, at)?;
            for (target, node) in &targets {
                let (progress, _) = progress_word(&target.progress);
                run!(tx, execute, "rollout/insert_target.sql", rollout, &target.store, node, target.wave, progress)?;
            }
            let (subject, detail) = (rollout.to_string(), format!("{key} to {} stores", targets.len()));
            let entry = AuditEntry { id, at, actor: Actor::Staff(by), action: "rollout.begun", subject: &subject, detail: &detail };
            audit::write(tx, entry).await?;
            Ok(true)
        })
    })
    .await
}

type Row = (
    Id<EventId>,
    String,
    String,
    String,
    Json<TermsColumn>,
    Num<u64>,
    String,
    Option<String>,
    Num<usize>,
    Id<CustomerId>,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
);

async fn read(conn: &mut Conn, row: Row) -> Result<RolloutRow, StoreError> {
    let (Id(rollout), name, key, body, Json(terms), Num(version), phase, reason, Num(wave), Id(made_by), made_at, ended_at) = row;
    let phase = phase_of(&phase, reason.as_deref()).ok_or_else(|| unreadable("phase"))?;
    type TargetRow = (Text<StoreId>, Text<NodeId>, Num<usize>, String, Option<String>, Option<DateTime<Utc>>);
    let rows: Vec<TargetRow> = run!(conn, fetch_all: TargetRow, "rollout/targets.sql", rollout)?;
    let mut targets = Vec::with_capacity(rows.len());
    for (Text(store), Text(_), Num(wave), progress, code, set_at) in rows {
        let progress = progress_of(&progress, code, set_at).ok_or_else(|| unreadable("progress"))?;
        targets.push(Target { store, wave, progress });
    }
    let body = RawValue::from_string(body).map_err(|_| unreadable("body"))?;
    let state = Rollout { terms: terms.into(), phase, wave, targets };
    Ok(RolloutRow { rollout, name, key, body, version, made_by, made_at, ended_at, state })
}

/// The newest rollouts, newest first.
pub async fn all(conn: &mut Conn) -> Result<Vec<RolloutRow>, StoreError> {
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "rollout/all.sql", LISTED_MAX)?;
    let mut rollouts = Vec::with_capacity(rows.len());
    for row in rows {
        rollouts.push(read(conn, row).await?);
    }
    Ok(rollouts)
}

/// One rollout.
pub async fn find(conn: &mut Conn, rollout: EventId) -> Result<Option<RolloutRow>, StoreError> {
    let row: Option<Row> = run!(conn, fetch_optional: Row, "rollout/find.sql", rollout)?;
    match row {
        Some(row) => read(conn, row).await.map(Some),
        None => Ok(None),
    }
}

/// Rollouts that are not over.
pub async fn open(conn: &mut Conn) -> Result<Vec<EventId>, StoreError> {
    let rows: Vec<(Id<EventId>,)> = run!(conn, fetch_all: (Id<EventId>,), "rollout/open.sql")?;
    Ok(rows.into_iter().map(|(Id(rollout),)| rollout).collect())
}

/// What stores say of what was written for them.
pub async fn reports(conn: &mut Conn, rollout: EventId) -> Result<Vec<(StoreId, Report)>, StoreError> {
    type ReportRow = (Text<StoreId>, bool, Option<String>, Option<String>);
    let rows: Vec<ReportRow> = run!(conn, fetch_all: ReportRow, "rollout/reports.sql", rollout)?;
    let report = |(Text(store), own, status, code): ReportRow| {
        let report = match (own, status.as_deref()) {
            (false, _) => Report::Overtaken,
            (true, Some("applied" | "overridden")) => Report::Taken,
            (true, Some("rejected")) => Report::Rejected(code.unwrap_or_default()),
            (true, Some(_) | None) => Report::Pending,
        };
        (store, report)
    };
    Ok(rows.into_iter().map(report).collect())
}

/// Documents, by node and key, that a rollout wrote last.
pub async fn held(conn: &mut Conn) -> Result<Vec<(NodeId, String)>, StoreError> {
    let rows: Vec<(Text<NodeId>, String)> = run!(conn, fetch_all: (Text<NodeId>, String), "rollout/held.sql")?;
    Ok(rows.into_iter().map(|(Text(node), key)| (node, key)).collect())
}

/// Commits a step with the documents that follow from it.
pub async fn advance(db: &Db, step: Step) -> Result<Vec<LoggedDown>, StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            let Step { rollout, version, state, moved, mut written, order, audit: entry, at } = step;
            let row = find(tx, rollout).await?.ok_or(StoreError::Stale)?;
            let (phase, reason) = phase_words(state.phase);
            let ended_at = state.phase.is_over().then_some(at);
            if run!(tx, execute, "rollout/advance.sql", rollout, version, phase, reason, state.wave, ended_at)? == 0 {
                return Err(StoreError::Stale);
            }
            for target in state.targets.iter().filter(|target| moved.contains(&target.store)) {
                let (progress, code) = progress_word(&target.progress);
                run!(tx, execute, "rollout/move_target.sql", rollout, &target.store, progress, code, rules::set_at(&target.progress))?;
            }
            // Logs are locked in the one order of all writers of heads, by the node's name; within a tenant its store decides.
            written.sort_by_key(|(store, _)| format!("{store}."));
            let mut writes = Vec::with_capacity(written.len());
            for (store, record) in written {
                let write = match &order {
                    Some(Order::Set(_)) => set(tx, &row, &store, record, at).await?,
                    Some(Order::Restore(_)) => match restore(tx, &row, &store, record, at).await? {
                        Some(write) => write,
                        None => continue,
                    },
                    Some(Order::Advance | Order::RollBack(_) | Order::Finish) | None => continue,
                };
                writes.push(write);
            }
            if let Some((id, actor, action, detail)) = entry {
                let subject = rollout.to_string();
                audit::write(tx, AuditEntry { id, at, actor, action, subject: &subject, detail: &detail }).await?;
            }
            down::enqueue(tx, &writes).await
        })
    })
    .await
}

/// What is kept of a target beside its progress.
struct Former {
    node: NodeId,
    body: Option<Box<RawValue>>,
    /// What the rollout wrote, where it did.
    record: Option<EventId>,
}

async fn former(tx: &mut Tx, rollout: EventId, store: &StoreId) -> Result<Former, StoreError> {
    type Row = (Text<NodeId>, Option<String>, Option<Id<EventId>>);
    let row: Option<Row> = run!(tx, fetch_optional: Row, "rollout/former.sql", rollout, store)?;
    let (Text(node), body, record) = row.ok_or(StoreError::Stale)?;
    let body = body.map(RawValue::from_string).transpose().map_err(|_| unreadable("former body"))?;
    Ok(Former { node, body, record: record.map(|Id(record)| record) })
}

fn write_of(row: &RolloutRow, node: NodeId, record: EventId, data: Option<Box<RawValue>>, at: DateTime<Utc>) -> DownWrite {
    DownWrite {
        node,
        stream: DownStream::Desired,
        id: record,
        type_name: aisle_schemas::record::DESIRED_SET.to_owned(),
        subject: row.key.clone(),
        data,
        at,
        traceparent: None,
    }
}

/// The document for a store; what it had stays in the target's row.
async fn set(tx: &mut Tx, row: &RolloutRow, store: &StoreId, record: EventId, at: DateTime<Utc>) -> Result<DownWrite, StoreError> {
    let Former { node, .. } = former(tx, row.rollout, store).await?;
    let before = down::document(tx, &node, &row.key).await?;
    let before = before.and_then(|event| Event::parse(&event).ok()).and_then(|event| event.data);
    let progress = Progress::Set { at };
    let (word, _) = progress_word(&progress);
    run!(tx, execute, "rollout/set_target.sql", row.rollout, store, word, at, record, before.map(|body| body.get().to_owned()))?;
    Ok(write_of(row, node, record, Some(row.body.clone()), at))
}

/// The former document for a store; none deletes it again. Nothing is written where nothing was, or where another record stands by now.
async fn restore(
    tx: &mut Tx,
    row: &RolloutRow,
    store: &StoreId,
    record: EventId,
    at: DateTime<Utc>,
) -> Result<Option<DownWrite>, StoreError> {
    let Former { node, body, record: own } = former(tx, row.rollout, store).await?;
    let stands = down::locked_document(tx, &node, &row.key).await?;
    let stands = stands.and_then(|event| Event::parse(&event).ok()).map(|event| event.id);
    let left_alone = match own {
        None => Progress::Restored,
        Some(own) if stands != Some(own) => {
            let target = row.state.targets.iter().find(|target| target.store == *store);
            Progress::Overtaken { at: target.and_then(|target| rules::set_at(&target.progress)).unwrap_or(at) }
        }
        Some(_) => {
            let (word, _) = progress_word(&Progress::Restored);
            run!(tx, execute, "rollout/restore_target.sql", row.rollout, store, word, record)?;
            return Ok(Some(write_of(row, node, record, body, at)));
        }
    };
    let (word, code) = progress_word(&left_alone);
    run!(tx, execute, "rollout/move_target.sql", row.rollout, store, word, code, rules::set_at(&left_alone))?;
    Ok(None)
}
