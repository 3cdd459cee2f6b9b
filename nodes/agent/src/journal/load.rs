//! Reading the store's state back.
//!
//! Owns the parsing of rows: private shapes in, domain values out. Takes the reading connections. Emits what an actor starts from. On failure:
//! [`JournalError`]; a row that no version of ours wrote is named and stops the start, because to skip it would forget a promise.
use aisle_node_core::code::UsedCodes;
use aisle_node_core::ids::{BootId, DeviceId, DisplayId, EventSlug, PassId, ScreenId, VisitId, VisitToken};
use aisle_node_core::monotonic::{Monotonic, Saved};
use aisle_node_core::visit::book::{ClosedVisit, UsedPass};
use aisle_node_core::visit::open::State;
use aisle_node_core::visit::{OpenVisit, Visits};
use aisle_schemas::event::Event;
use aisle_schemas::ids::EventId;
use aisle_schemas::record::Body;
use aisle_schemas::topic::DeviceKind;
use aisle_schemas::visit::{CheckInMethod, Hlc};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::statement::method_name;
use super::upkeep::ANSWER_HOURS;
use super::{Journal, JournalError};

/// Documents or orders read at once.
const PAGE: i64 = 256;

/// A document that changed: with its body, or deleted.
#[derive(Debug, Clone)]
pub struct Document {
    pub key: String,
    pub change: i64,
    /// When this node committed it, by its own clock.
    pub at: DateTime<Utc>,
    pub body: Option<Body>,
    /// It is for a device that is not here: nobody shows what it names.
    pub elsewhere: bool,
    /// Of what changed it.
    pub traceparent: Option<String>,
}

/// An order that waits to be carried out.
#[derive(Debug, Clone)]
pub struct Order {
    pub place: i64,
    pub id: EventId,
    /// What it is about, such as `screen/{screen}`.
    pub subject: String,
    pub body: Body,
    pub traceparent: Option<String>,
}

/// A kept answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub key: [u8; 32],
    pub request: [u8; 32],
    pub body: String,
}

/// A device's session.
#[derive(Debug, Clone)]
pub struct DeviceSession {
    pub hash: [u8; 32],
    pub kind: DeviceKind,
    pub device: DeviceId,
    pub expires_at: DateTime<Utc>,
}

/// Visit, token, pass, method, touchpoint, opened (wall, monotonic), last seen (wall, monotonic), zone, state, since when.
type VisitRow = (Uuid, Vec<u8>, Uuid, String, String, i64, i64, i64, i64, Option<String>, String, i64);

fn unreadable(table: &'static str, reason: impl ToString) -> JournalError {
    JournalError::Unreadable { table, reason: reason.to_string() }
}

fn instant(table: &'static str, ms: i64) -> Result<DateTime<Utc>, JournalError> {
    DateTime::from_timestamp_millis(ms).ok_or_else(|| unreadable(table, "instant out of range"))
}

fn array<const N: usize>(table: &'static str, bytes: Vec<u8>) -> Result<[u8; N], JournalError> {
    bytes.try_into().map_err(|_| unreadable(table, format!("a value is not {N} bytes long")))
}

const fn from_bits(value: i64) -> u64 {
    u64::from_ne_bytes(value.to_ne_bytes())
}

fn event(table: &'static str, raw: &[u8]) -> Result<Event, JournalError> {
    Event::parse(raw).map_err(|error| unreadable(table, error))
}

fn body(table: &'static str, event: &Event) -> Result<Body, JournalError> {
    let (Some(subject), Some(data)) = (&event.subject, &event.data) else {
        return Err(unreadable(table, "an event without subject or data"));
    };
    Body::parse(event.ty.as_str(), subject, data).map_err(|error| unreadable(table, error))
}

impl Journal {
    /// All visits, codes and passes; `boot` is the wall time at which this run began.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load_visits(&self) -> Result<Visits, JournalError> {
        let rows: Vec<VisitRow> = sqlx::query_as(include_str!("sql/load_visits.sql")).fetch_all(&self.read).await?;
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        for row in rows {
            match read_visit(row)? {
                Loaded::Open(visit) => open.push(*visit),
                Loaded::Closed(visit) => closed.push(visit),
            }
        }
        let rows: Vec<(Uuid, Uuid, i64)> = sqlx::query_as(include_str!("sql/load_passes.sql")).fetch_all(&self.read).await?;
        let mut passes = Vec::with_capacity(rows.len());
        for (pass, visit, expires_at) in rows {
            passes.push(UsedPass { pass: PassId(pass), visit: VisitId(visit), expires_at: instant("used_pass", expires_at)? });
        }
        let rows: Vec<(i64, i64)> = sqlx::query_as(include_str!("sql/load_codes.sql")).fetch_all(&self.read).await?;
        let mut codes = UsedCodes::default();
        for (nonce, issued_at) in rows {
            codes.apply(from_bits(nonce), instant("used_code", issued_at)?);
        }
        Ok(Visits::restore(open, closed, passes, codes))
    }

    /// Both clocks as an earlier run saved them last.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load_clock(&self) -> Result<Option<Saved>, JournalError> {
        let saved: Option<(i64, i64)> = sqlx::query_as(include_str!("sql/load_clock.sql")).fetch_optional(&self.read).await?;
        let saved = saved.map(|(wall, monotonic)| Ok(Saved { wall: instant("clock", wall)?, monotonic: Monotonic::from_ms(monotonic) }));
        saved.transpose()
    }

    /// The last stamp given.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load_hlc(&self) -> Result<Hlc, JournalError> {
        let row: Option<(i64, i64)> = sqlx::query_as(include_str!("sql/load_hlc.sql")).fetch_optional(&self.read).await?;
        row.map_or(Ok(Hlc::default()), |(physical, counter)| {
            let counter = u32::try_from(counter).map_err(|error| unreadable("hlc", error))?;
            Ok(Hlc { physical_ms: from_bits(physical), counter })
        })
    }

    /// Answers that are still kept.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load_answers(&self, now: DateTime<Utc>) -> Result<Vec<Answer>, JournalError> {
        let since = (now - TimeDelta::hours(ANSWER_HOURS)).timestamp_millis();
        let rows: Vec<(Vec<u8>, Vec<u8>, String)> =
            sqlx::query_as(include_str!("sql/load_answers.sql")).bind(since).fetch_all(&self.read).await?;
        let answer = |(key, request, body)| Ok(Answer { key: array("answer", key)?, request: array("answer", request)?, body });
        rows.into_iter().map(answer).collect()
    }

    /// Documents that changed after `change`, oldest change first, all of them.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn changed_documents(&self, mut change: i64) -> Result<Vec<Document>, JournalError> {
        type Row = (String, i64, i64, Option<Vec<u8>>, bool);
        let mut documents = Vec::new();
        loop {
            let rows: Vec<Row> =
                sqlx::query_as(include_str!("sql/changed_documents.sql")).bind(change).bind(PAGE).fetch_all(&self.read).await?;
            let Some((_, last, ..)) = rows.last() else { return Ok(documents) };
            change = *last;
            for (key, change, at, raw, elsewhere) in rows {
                let event = raw.map(|raw| event("document", &raw)).transpose()?;
                let body = event.as_ref().map(|event| body("document", event)).transpose()?;
                let traceparent = event.and_then(|event| event.traceparent);
                documents.push(Document { key, change, at: instant("document", at)?, body, elsewhere, traceparent });
            }
        }
    }

    /// Orders that wait, in the order of their coming, after `place`; some of them.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn waiting_orders(&self, place: i64) -> Result<Vec<Order>, JournalError> {
        let rows: Vec<(i64, Uuid, Vec<u8>)> =
            sqlx::query_as(include_str!("sql/waiting_orders.sql")).bind(place).bind(PAGE).fetch_all(&self.read).await?;
        let mut orders = Vec::with_capacity(rows.len());
        for (place, id, raw) in rows {
            let event = event("order_waiting", &raw)?;
            let body = body("order_waiting", &event)?;
            let subject = event.subject.unwrap_or_default();
            orders.push(Order { place, id: EventId(id), subject, body, traceparent: event.traceparent });
        }
        Ok(orders)
    }

    /// Boots of a screen with their highest seq, and its plays of the last hour.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load_plays(
        &self,
        screen: &ScreenId,
        now: DateTime<Utc>,
    ) -> Result<(Vec<(BootId, u64)>, Vec<(EventSlug, DateTime<Utc>)>), JournalError> {
        let rows: Vec<(Uuid, i64)> =
            sqlx::query_as(include_str!("sql/load_play_boots.sql")).bind(screen.as_str()).fetch_all(&self.read).await?;
        let boots = rows.into_iter().map(|(boot, high)| (BootId(boot), from_bits(high))).collect();
        let since = (now - TimeDelta::hours(1)).timestamp_millis();
        let rows: Vec<(String, i64)> =
            sqlx::query_as(include_str!("sql/load_plays.sql")).bind(screen.as_str()).bind(since).fetch_all(&self.read).await?;
        let play = |(event, at): (String, i64)| {
            let event = EventSlug::parse(&event).map_err(|error| unreadable("play_hour", error))?;
            Ok::<_, JournalError>((event, instant("play_hour", at)?))
        };
        Ok((boots, rows.into_iter().map(play).collect::<Result<_, _>>()?))
    }

    /// Taps counted at a display.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load_taps(&self, display: &DisplayId) -> Result<u32, JournalError> {
        let (taps,): (i64,) = sqlx::query_as(include_str!("sql/load_taps.sql")).bind(display.as_str()).fetch_one(&self.read).await?;
        u32::try_from(taps).map_err(|error| unreadable("nfc_display", error))
    }

    /// Sessions of devices that have not expired.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load_device_sessions(&self, now: DateTime<Utc>) -> Result<Vec<DeviceSession>, JournalError> {
        let rows: Vec<(Vec<u8>, String, String, i64)> =
            sqlx::query_as(include_str!("sql/load_device_sessions.sql")).bind(now.timestamp_millis()).fetch_all(&self.read).await?;
        let mut sessions = Vec::with_capacity(rows.len());
        for (hash, kind, device, expires_at) in rows {
            let kinds = [DeviceKind::Screen, DeviceKind::Nfc, DeviceKind::Door, DeviceKind::Sensor, DeviceKind::Tablet];
            sessions.push(DeviceSession {
                hash: array("device_session", hash)?,
                kind: kinds
                    .into_iter()
                    .find(|known| known.as_str() == kind)
                    .ok_or_else(|| unreadable("device_session", "an unknown kind"))?,
                device: DeviceId::parse(&device).map_err(|error| unreadable("device_session", error))?,
                expires_at: instant("device_session", expires_at)?,
            });
        }
        Ok(sessions)
    }
}

enum Loaded {
    Open(Box<OpenVisit>),
    Closed(ClosedVisit),
}

fn read_visit(row: VisitRow) -> Result<Loaded, JournalError> {
    let (visit, token, pass, method, touchpoint, opened_at, opened, last_seen_at, last_seen, zone, state, since) = row;
    let at = |ms| instant("visit", ms);
    let [opened, last_seen, since] = [opened, last_seen, since].map(Monotonic::from_ms);
    let token = VisitToken::from_random(array("visit", token)?);
    let state = match state.as_str() {
        "checked_in" => State::CheckedIn,
        "active" => State::Active,
        "idle" => State::Idle { since },
        "closed" => {
            return Ok(Loaded::Closed(ClosedVisit { visit: VisitId(visit), token, opened, closed: since }));
        }
        _ => return Err(unreadable("visit", "an unknown state")),
    };
    let method = [CheckInMethod::AppQr, CheckInMethod::Nfc]
        .into_iter()
        .find(|known| method_name(*known) == method)
        .ok_or_else(|| unreadable("visit", "an unknown method"))?;
    Ok(Loaded::Open(Box::new(OpenVisit {
        visit: VisitId(visit),
        token,
        pass: PassId(pass),
        method,
        touchpoint: touchpoint.parse().map_err(|error| unreadable("visit", error))?,
        opened_at: at(opened_at)?,
        last_seen_at: at(last_seen_at)?,
        zone: zone.map(|zone| zone.parse().map_err(|error| unreadable("visit", error))).transpose()?,
        state,
        opened,
        last_seen,
    })))
}
