//! Changes of the store's state, as rows.
//!
//! Owns the writing of each [`StateChange`]. Takes values that were decided. Emits statements into the writer's transaction. On failure: the
//! storage error, and with it the whole transaction.
use aisle_node_core::ids::{BootId, DeviceId, DisplayId, EventSlug, PassId, ScreenId, VisitId};
use aisle_node_core::monotonic::{Monotonic, Saved};
use aisle_node_core::visit::OpenVisit;
use aisle_node_core::visit::open::State;
use aisle_schemas::ids::EventId;
use aisle_schemas::topic::DeviceKind;
use aisle_schemas::visit::{CheckInMethod, Hlc};
use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;

use super::JournalError;
use super::documents::{Desk, OverrideChange};
use super::signage::{self, SignageChange};
use super::trips::{self, TripChange};
use super::waiting::{self, ContentSettled};

/// One change of state, to be committed with the records that follow from it.
#[derive(Debug)]
pub enum StateChange {
    /// An open visit as it is now.
    SaveVisit(Box<OpenVisit>),
    CloseVisit {
        visit: VisitId,
        at: Monotonic,
    },
    /// Both clocks as they are now.
    SaveClock(Saved),
    ForgetVisit(VisitId),
    UseCode {
        nonce: u64,
        issued_at: DateTime<Utc>,
    },
    ForgetCode(u64),
    UsePass {
        pass: PassId,
        visit: VisitId,
        expires_at: DateTime<Utc>,
    },
    ForgetPass(PassId),
    Stamp(Hlc),
    KeepAnswer {
        key: [u8; 32],
        request: [u8; 32],
        body: String,
        at: DateTime<Utc>,
    },
    /// The order was carried out, refused or expired.
    FinishOrder(EventId),
    PlaysUpTo {
        screen: ScreenId,
        boot: BootId,
        seq: u64,
    },
    ForgetBoot {
        screen: ScreenId,
        boot: BootId,
    },
    /// A play of an event that has an hourly maximum.
    CountPlay {
        screen: ScreenId,
        event: EventSlug,
        started_at: DateTime<Utc>,
    },
    CountTap(DisplayId),
    OpenDeviceSession {
        hash: [u8; 32],
        kind: DeviceKind,
        device: DeviceId,
        expires_at: DateTime<Utc>,
    },
    /// Something else is shown instead of a document, or no longer.
    Override(OverrideChange),
    /// What screens play by besides documents.
    Signage(SignageChange),
    /// Trips, their gate and their draw.
    Trip(TripChange),
    /// The content of a waiting revision is here, or will not come.
    ContentSettled(ContentSettled),
}

/// A `u64` in a signed column: the same 64 bits.
pub(super) const fn bits(value: u64) -> i64 {
    i64::from_ne_bytes(value.to_ne_bytes())
}

/// Name of a check-in method in the journal.
pub(super) const fn method_name(method: CheckInMethod) -> &'static str {
    match method {
        CheckInMethod::AppQr => "app_qr",
        CheckInMethod::Nfc => "nfc",
    }
}

impl StateChange {
    /// Writes the change.
    pub(super) async fn write(&self, desk: &mut Desk<'_>) -> Result<(), JournalError> {
        let query = match self {
            Self::SaveVisit(visit) => return save_visit(desk.rows, visit).await,
            Self::Override(change) => return desk.change(change).await,
            Self::Signage(change) => return signage::write(desk.rows, change).await,
            Self::Trip(change) => return trips::write(desk.rows, change).await,
            Self::ContentSettled(settled) => return waiting::settle(desk, settled).await,
            Self::CloseVisit { visit, at } => sqlx::query(include_str!("sql/close_visit.sql")).bind(at.as_ms()).bind(visit.0),
            Self::SaveClock(Saved { wall, monotonic }) => {
                sqlx::query(include_str!("sql/save_clock.sql")).bind(wall.timestamp_millis()).bind(monotonic.as_ms())
            }
            Self::ForgetVisit(visit) => sqlx::query(include_str!("sql/forget_visit.sql")).bind(visit.0),
            Self::UseCode { nonce, issued_at } => {
                sqlx::query(include_str!("sql/use_code.sql")).bind(bits(*nonce)).bind(issued_at.timestamp_millis())
            }
            Self::ForgetCode(nonce) => sqlx::query(include_str!("sql/forget_code.sql")).bind(bits(*nonce)),
            Self::UsePass { pass, visit, expires_at } => {
                sqlx::query(include_str!("sql/use_pass.sql")).bind(pass.0).bind(visit.0).bind(expires_at.timestamp_millis())
            }
            Self::ForgetPass(pass) => sqlx::query(include_str!("sql/forget_pass.sql")).bind(pass.0),
            Self::Stamp(hlc) => sqlx::query(include_str!("sql/save_hlc.sql")).bind(bits(hlc.physical_ms)).bind(i64::from(hlc.counter)),
            Self::KeepAnswer { key, request, body, at } => sqlx::query(include_str!("sql/keep_answer.sql"))
                .bind(key.to_vec())
                .bind(request.to_vec())
                .bind(body.as_str())
                .bind(at.timestamp_millis()),
            Self::FinishOrder(order) => sqlx::query(include_str!("sql/finish_order.sql")).bind(order.0),
            Self::PlaysUpTo { screen, boot, seq } => {
                sqlx::query(include_str!("sql/save_play_boot.sql")).bind(screen.to_string()).bind(boot.0).bind(bits(*seq))
            }
            Self::ForgetBoot { screen, boot } => {
                sqlx::query(include_str!("sql/forget_play_boot.sql")).bind(screen.to_string()).bind(boot.0)
            }
            Self::CountPlay { screen, event, started_at } => sqlx::query(include_str!("sql/count_play.sql"))
                .bind(screen.to_string())
                .bind(event.to_string())
                .bind(started_at.timestamp_millis()),
            Self::CountTap(display) => sqlx::query(include_str!("sql/count_tap.sql")).bind(display.to_string()),
            Self::OpenDeviceSession { hash, kind, device, expires_at } => sqlx::query(include_str!("sql/open_device_session.sql"))
                .bind(hash.to_vec())
                .bind(kind.as_str())
                .bind(device.to_string())
                .bind(expires_at.timestamp_millis()),
        };
        query.execute(&mut *desk.rows).await?;
        Ok(())
    }
}

async fn save_visit(rows: &mut SqliteConnection, visit: &OpenVisit) -> Result<(), JournalError> {
    let (state, since) = match visit.state {
        State::CheckedIn => ("checked_in", visit.opened),
        State::Active => ("active", visit.last_seen),
        State::Idle { since } => ("idle", since),
    };
    sqlx::query(include_str!("sql/save_visit.sql"))
        .bind(visit.visit.0)
        .bind(visit.token.as_bytes().to_vec())
        .bind(visit.pass.0)
        .bind(method_name(visit.method))
        .bind(visit.touchpoint.to_string())
        .bind(visit.opened_at.timestamp_millis())
        .bind(visit.opened.as_ms())
        .bind(visit.last_seen_at.timestamp_millis())
        .bind(visit.last_seen.as_ms())
        .bind(visit.zone.as_ref().map(ToString::to_string))
        .bind(state)
        .bind(since.as_ms())
        .execute(rows)
        .await?;
    Ok(())
}
