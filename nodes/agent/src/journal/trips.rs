//! Trips, used exit tokens and the keys of audit days.
//!
//! Owns the reading and writing of all three. Takes changes that were decided, in the writer's transaction. Emits what an earlier run knew. On failure:
//! the storage error, and with it the whole transaction; a row that cannot be read stops the start.
use std::collections::BTreeMap;

use aisle_node_core::trip::exit::UsedTokens;
use aisle_schemas::ids::TripId;
use aisle_schemas::trip::Trip;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::SqliteConnection;

use super::{Journal, JournalError};

/// One change.
#[derive(Debug)]
pub enum TripChange {
    /// A trip as it is now.
    Save(Box<Trip>),
    Forget(TripId),
    UseExit {
        jti: String,
        expires_at: DateTime<Utc>,
    },
    ForgetExit(String),
    BeginDay {
        day: NaiveDate,
        key: [u8; 32],
    },
    EndDay(NaiveDate),
}

/// What an earlier run knew.
#[derive(Debug, Default)]
pub struct LoadedTrips {
    pub trips: Vec<Trip>,
    pub used: UsedTokens,
    pub days: BTreeMap<NaiveDate, [u8; 32]>,
}

fn unreadable(table: &'static str, reason: impl ToString) -> JournalError {
    JournalError::Unreadable { table, reason: reason.to_string() }
}

/// Writes a change.
pub(super) async fn write(rows: &mut SqliteConnection, change: &TripChange) -> Result<(), JournalError> {
    let query = match change {
        TripChange::Save(trip) => {
            let body = serde_json::to_string(trip).map_err(|error| unreadable("trip", error))?;
            sqlx::query(include_str!("sql/save_trip.sql")).bind(trip.trip.0).bind(body)
        }
        TripChange::Forget(trip) => sqlx::query(include_str!("sql/forget_trip.sql")).bind(trip.0),
        TripChange::UseExit { jti, expires_at } => {
            sqlx::query(include_str!("sql/use_exit.sql")).bind(jti.as_str()).bind(expires_at.timestamp_millis())
        }
        TripChange::ForgetExit(jti) => sqlx::query(include_str!("sql/forget_exit.sql")).bind(jti.as_str()),
        TripChange::BeginDay { day, key } => sqlx::query(include_str!("sql/begin_audit_day.sql")).bind(day.to_string()).bind(key.to_vec()),
        TripChange::EndDay(day) => sqlx::query(include_str!("sql/end_audit_day.sql")).bind(day.to_string()),
    };
    query.execute(rows).await?;
    Ok(())
}

impl Journal {
    /// Trips that have not ended, used tokens, days whose key was not published.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load_trips(&self) -> Result<LoadedTrips, JournalError> {
        let rows: Vec<(String,)> = sqlx::query_as(include_str!("sql/load_trips.sql")).fetch_all(&self.read).await?;
        let trips = rows.iter().map(|(body,)| serde_json::from_str(body).map_err(|error| unreadable("trip", error)));
        let trips = trips.collect::<Result<_, _>>()?;
        let rows: Vec<(String, i64)> = sqlx::query_as(include_str!("sql/load_exits.sql")).fetch_all(&self.read).await?;
        let mut used = Vec::with_capacity(rows.len());
        for (jti, expires_at) in rows {
            let expires_at = DateTime::from_timestamp_millis(expires_at).ok_or_else(|| unreadable("used_exit", "instant out of range"))?;
            used.push((jti, expires_at));
        }
        let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(include_str!("sql/load_audit_days.sql")).fetch_all(&self.read).await?;
        let mut days = BTreeMap::new();
        for (day, key) in rows {
            let day = day.parse().map_err(|error| unreadable("audit_day", error))?;
            days.insert(day, key.try_into().map_err(|_| unreadable("audit_day", "a key has 32 bytes"))?);
        }
        Ok(LoadedTrips { trips, used: UsedTokens::restore(used), days })
    }
}
