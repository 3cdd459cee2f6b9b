//! Which instance holds which partition until when, by the database's clock alone (AS-086, AS-087).
//!
//! Owns tables `partition_lease` and `instance`. Takes what an instance wants for many partitions at a time: one statement renews all it
//! holds and one finds all that are free. Emits what it got. Lease and term are separate rows, so that a renewal never waits for a fence;
//! taking a partition raises its term, which waits for the writes that the predecessor has under way. On failure nothing has changed.

use std::time::Duration;

use aisle_schemas::{
    ids::{InstanceId, Partition},
    limits::LEASE,
    sync::Term,
};
use sqlx::types::Json;

use crate::{
    db::Db,
    error::StoreError,
    statement::{Num, run},
    term::mine,
};

/// What an instance sees of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Other instances that live and have a link to the broker.
    pub linked: usize,
    /// Partitions that nobody holds.
    pub free: Vec<Partition>,
}

/// Whose leases, and which of those held under this name count as free.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub instance: &'a InstanceId,
    /// An instance that has just started: what its name still holds was its earlier life's, which no longer runs or is fenced by the new
    /// term. Without this a restart would wait for its own leases to end.
    pub earlier_life: bool,
}

/// Says that the instance lives and whether it has a link; returns what it sees.
pub async fn survey(db: &Db, instance: &InstanceId, earlier_life: bool, linked: bool) -> Result<Neighbours, StoreError> {
    let instance = instance.clone();
    db.write_lease(move |tx| {
        Box::pin(async move {
            run!(tx, execute, pair "lease/beat", &instance, millis(LEASE), linked)?;
            let (linked, Json(free)): (i64, Json<Vec<i64>>) =
                run!(tx, fetch_one: (i64, Json<Vec<i64>>), pair "lease/survey", &instance, earlier_life)?;
            Ok(Neighbours { linked: usize::try_from(linked).unwrap_or(usize::MAX), free: free.into_iter().filter_map(partition).collect() })
        })
    })
    .await
}

/// Takes those of `wish` that are still free, each under a term above all its earlier ones and at least the unix seconds of the database.
/// What another instance is taking at this moment is left to it.
pub async fn take(db: &Db, claim: Claim<'_>, wish: &[Partition]) -> Result<Vec<(Partition, Term)>, StoreError> {
    let Claim { instance, earlier_life } = claim;
    let instance = instance.clone();
    let wish: Vec<i64> = wish.iter().map(|part| i64::from(part.0)).collect();
    db.write_lease(move |tx| {
        Box::pin(async move {
            let taken: Vec<(i64,)> = run!(tx, fetch_all: (i64,), pair "lease/take", &instance, millis(LEASE), Json(&wish), earlier_life)?;
            let taken: Vec<i64> = taken.into_iter().map(|(part,)| part).collect();
            if taken.is_empty() {
                return Ok(Vec::new());
            }
            let terms: Vec<(i64, Num<Term>)> = run!(tx, fetch_all: (i64, Num<Term>), pair "term/raise", Json(&taken))?;
            Ok(terms.into_iter().filter_map(|(part, Num(term))| Some((partition(part)?, term))).collect())
        })
    })
    .await
}

/// Renews what is held; returns what still was. A partition that is missing has another owner.
pub async fn renew(db: &Db, instance: &InstanceId, held: &[(Partition, Term)]) -> Result<Vec<Partition>, StoreError> {
    let (instance, held) = (instance.clone(), mine(held));
    db.write_lease(move |tx| {
        Box::pin(async move {
            let renewed: Vec<(i64,)> = run!(tx, fetch_all: (i64,), pair "lease/renew", &instance, millis(LEASE), Json(&held))?;
            Ok(renewed.into_iter().filter_map(|(part,)| partition(part)).collect())
        })
    })
    .await
}

/// Gives back what is held, free for others at once.
pub async fn release(db: &Db, instance: &InstanceId, held: &[(Partition, Term)]) -> Result<(), StoreError> {
    let (instance, held) = (instance.clone(), mine(held));
    db.write_lease(move |tx| Box::pin(async move { run!(tx, execute, pair "lease/release", &instance, Json(&held)).map(drop) })).await
}

/// The instance stops in order: nobody need wait for its sign of life to end.
pub async fn leave(db: &Db, instance: &InstanceId) -> Result<(), StoreError> {
    let instance = instance.clone();
    db.write_lease(move |tx| Box::pin(async move { run!(tx, execute, "lease/leave.sql", &instance).map(drop) })).await
}

fn partition(number: i64) -> Option<Partition> {
    u8::try_from(number).ok().map(Partition)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
