//! What screens play by besides documents: facts that were told, and the emergency that is on.
//!
//! Owns the reading and writing of both. Takes changes that were decided, in the writer's transaction. Emits what an earlier run knew. On
//! failure: the storage error, and with it the whole transaction; a row that cannot be read stops the start.
use aisle_node_core::signage::facts::Fact;
use aisle_node_core::signage::{Emergency, Facts};
use aisle_schemas::emergency::{ActiveEmergency, EmergencySet};
use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;

use super::{Journal, JournalError};

/// One change.
#[derive(Debug)]
pub enum SignageChange {
    Fact {
        metric: String,
        fact: Fact,
    },
    ForgetFact(String),
    /// All that have expired by then.
    ForgetFacts(DateTime<Utc>),
    BeginEmergency(Box<Emergency>),
    EndEmergency,
}

fn unreadable(table: &'static str, reason: impl ToString) -> JournalError {
    JournalError::Unreadable { table, reason: reason.to_string() }
}

fn text<T: serde::Serialize>(value: &T) -> Result<String, JournalError> {
    serde_json::to_string(value).map_err(|error| unreadable("emergency", error))
}

/// Writes a change.
pub(super) async fn write(rows: &mut SqliteConnection, change: &SignageChange) -> Result<(), JournalError> {
    let query = match change {
        SignageChange::Fact { metric, fact: Fact { value, expires } } => {
            sqlx::query(include_str!("sql/save_fact.sql")).bind(metric.as_str()).bind(value.as_str()).bind(expires.timestamp_millis())
        }
        SignageChange::ForgetFact(metric) => sqlx::query(include_str!("sql/forget_fact.sql")).bind(metric.as_str()),
        SignageChange::ForgetFacts(by) => sqlx::query(include_str!("sql/forget_facts.sql")).bind(by.timestamp_millis()),
        SignageChange::BeginEmergency(emergency) => {
            let Emergency { set, active } = emergency.as_ref();
            sqlx::query(include_str!("sql/save_emergency.sql")).bind(text(active)?).bind(text(set)?)
        }
        SignageChange::EndEmergency => sqlx::query(include_str!("sql/end_emergency.sql")),
    };
    query.execute(rows).await?;
    Ok(())
}

impl Journal {
    /// Facts that have not expired.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load_facts(&self, now: DateTime<Utc>) -> Result<Facts, JournalError> {
        let rows: Vec<(String, String, i64)> =
            sqlx::query_as(include_str!("sql/load_facts.sql")).bind(now.timestamp_millis()).fetch_all(&self.read).await?;
        let mut facts = Facts::default();
        for (metric, value, expires_at) in rows {
            let expires = DateTime::from_timestamp_millis(expires_at).ok_or_else(|| unreadable("fact", "instant out of range"))?;
            facts.learn(&metric, Fact { value, expires }).map_err(|error| unreadable("fact", error))?;
        }
        Ok(facts)
    }

    /// The emergency that an earlier run left on; it may have expired.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load_emergency(&self) -> Result<Option<Emergency>, JournalError> {
        let row: Option<(String, String)> = sqlx::query_as(include_str!("sql/load_emergency.sql")).fetch_optional(&self.read).await?;
        let Some((active, shown)) = row else { return Ok(None) };
        let active: ActiveEmergency = serde_json::from_str(&active).map_err(|error| unreadable("emergency", error))?;
        let set: EmergencySet = serde_json::from_str(&shown).map_err(|error| unreadable("emergency", error))?;
        Ok(Some(Emergency { set, active }))
    }
}
