//! What the cloud's database says of one node: read with statements of the ledger's own, over a connection of its own.

use aisle_schemas::ids::{EventId, NodeId, VisitId};
use aisle_schemas::sync::{Epoch, Stream};
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// A record of class A that took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub id: EventId,
    pub stream: Stream,
    pub epoch: Epoch,
    pub seq: u64,
    pub at: DateTime<Utc>,
}

/// What the receiver says of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub stream: Stream,
    pub applied: u64,
    pub quarantined: u64,
}

/// Everything about one node.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// In the order of epoch and seq.
    pub effects: Vec<Effect>,
    pub quarantined: Vec<(Stream, EventId)>,
    pub visits: Vec<(VisitId, bool)>,
    pub plays: u64,
    pub refusals: u64,
    pub told: Vec<Told>,
}

/// A connection that only reads.
pub struct Reader(PgConnection);

impl Reader {
    pub async fn open(database: &str) -> Result<Self> {
        PgConnection::connect(database).await.map(Self).context("failed to open the ledger's own connection")
    }

    pub async fn close(self) -> Result<()> {
        self.0.close().await.context("failed to close the ledger's connection")
    }

    /// Reads all facts of a node.
    pub async fn facts(&mut self, node: &NodeId) -> Result<Facts> {
        self.read(node).await.with_context(|| format!("failed to read the effects of {node}"))
    }

    async fn read(&mut self, node: &NodeId) -> Result<Facts> {
        let Self(connection) = self;
        let name = node.to_string();
        let rows: Vec<(Uuid, String, String, i64, DateTime<Utc>)> =
            sqlx::query_as(include_str!("../../sql/ledger/journal.sql")).bind(node.source()).fetch_all(&mut *connection).await?;
        let mut effects = Vec::with_capacity(rows.len());
        for (id, stream, epoch, seq, at) in rows {
            effects.push(Effect { id: EventId(id), stream: stream.parse()?, epoch: epoch.parse()?, seq: u64::try_from(seq)?, at });
        }
        // Epochs are text in the database and numbers in the protocol.
        effects.sort_by_key(|effect| (effect.stream, effect.epoch, effect.seq));
        let rows: Vec<(Uuid, String)> =
            sqlx::query_as(include_str!("../../sql/ledger/quarantine.sql")).bind(&name).fetch_all(&mut *connection).await?;
        let mut quarantined = Vec::with_capacity(rows.len());
        for (id, stream) in rows {
            quarantined.push((stream.parse()?, EventId(id)));
        }
        let visits: Vec<(Uuid, bool)> =
            sqlx::query_as(include_str!("../../sql/ledger/visits.sql")).bind(&name).fetch_all(&mut *connection).await?;
        let (plays,): (i64,) = sqlx::query_as(include_str!("../../sql/ledger/plays.sql")).bind(&name).fetch_one(&mut *connection).await?;
        let (refusals,): (i64,) =
            sqlx::query_as(include_str!("../../sql/ledger/refused.sql")).bind(node.store.as_str()).fetch_one(&mut *connection).await?;
        let rows: Vec<(String, i64, i64)> =
            sqlx::query_as(include_str!("../../sql/ledger/cursors.sql")).bind(&name).fetch_all(&mut *connection).await?;
        let mut told = Vec::with_capacity(rows.len());
        for (stream, applied, quarantined) in rows {
            told.push(Told { stream: stream.parse()?, applied: u64::try_from(applied)?, quarantined: u64::try_from(quarantined)? });
        }
        Ok(Facts {
            effects,
            quarantined,
            visits: visits.into_iter().map(|(visit, closed)| (VisitId(visit), closed)).collect(),
            plays: u64::try_from(plays)?,
            refusals: u64::try_from(refusals)?,
            told,
        })
    }
}
