//! What screens and NFC displays report, applied exactly once by natural key.
//!
//! Owns tables `play` and `tap`. Takes records of class C, which may come twice; a row that is there already changes nothing.

use aisle_schemas::{
    ids::{BootId, EventSlug, NodeId, OfferId},
    nfc::TapRecorded,
    screen::{Play, PlayDetail},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::types::Json;

use crate::{
    db::{Conn, Tx},
    error::StoreError,
    statement::{Num, Portable, column, instant, micros, run, word},
};

#[derive(Serialize)]
struct PlaySet<'a> {
    screen: &'a str,
    boot: BootId,
    seq: u64,
    offer: Option<OfferId>,
    offer_rev: Option<u32>,
    event: &'a str,
    zone: &'a str,
    rule: String,
    outcome: String,
    #[serde(serialize_with = "instant::serialize")]
    started_at: DateTime<Utc>,
    duration_ms: u32,
    clock_synced: bool,
    display_power: String,
    schedule: Option<&'a str>,
    creative_sha256: Option<&'a str>,
    mono_ms: Option<i64>,
    cut_by: Option<String>,
    engagements: Option<String>,
    names: Option<String>,
}

impl<'a> PlaySet<'a> {
    fn of(play: &'a Play) -> Self {
        let Play {
            screen,
            boot,
            seq,
            zone,
            event,
            offer,
            offer_rev,
            rule,
            started_at,
            duration_ms,
            clock_synced,
            outcome,
            display_power,
            detail,
        } = play;
        let PlayDetail { schedule, creative_sha256, mono_ms, cut_by, engagements, names } = detail;
        Self {
            screen: screen.as_str(),
            boot: *boot,
            seq: *seq,
            offer: *offer,
            offer_rev: *offer_rev,
            event: event.as_str(),
            zone: zone.as_str(),
            rule: word(rule),
            outcome: word(outcome),
            started_at: *started_at,
            duration_ms: *duration_ms,
            clock_synced: *clock_synced,
            display_power: word(display_power),
            schedule: schedule.as_ref().map(EventSlug::as_str),
            creative_sha256: creative_sha256.as_deref(),
            mono_ms: mono_ms.and_then(|ms| i64::try_from(ms).ok()),
            cut_by: cut_by.as_ref().map(word),
            engagements: (!engagements.is_empty()).then(|| json(engagements)),
            names: (!names.is_empty()).then(|| json(names)),
        }
    }
}

/// Takes plays of a node's screens; returns how many were new.
pub async fn add_plays(tx: &mut Tx, node: &NodeId, plays: &[Play]) -> Result<u64, StoreError> {
    if plays.is_empty() {
        return Ok(0);
    }
    let set: Vec<PlaySet<'_>> = plays.iter().map(PlaySet::of).collect();
    run!(
        tx,
        execute,
        pair "play/insert",
        pg(
            node,
            column(&set, |play| play.screen),
            column(&set, |play| play.boot.0),
            column(&set, |play| play.seq.portable()),
            column(&set, |play| play.offer.map(|offer| offer.0)),
            column(&set, |play| play.offer_rev.map(i64::from)),
            column(&set, |play| play.event),
            column(&set, |play| play.zone),
            column(&set, |play| play.rule.as_str()),
            column(&set, |play| play.outcome.as_str()),
            column(&set, |play| micros(play.started_at)),
            column(&set, |play| i64::from(play.duration_ms)),
            column(&set, |play| play.clock_synced),
            column(&set, |play| play.display_power.as_str()),
            column(&set, |play| play.schedule),
            column(&set, |play| play.creative_sha256),
            column(&set, |play| play.mono_ms),
            column(&set, |play| play.cut_by.as_deref()),
            column(&set, |play| play.engagements.as_deref()),
            column(&set, |play| play.names.as_deref()),
        ),
        sqlite(node, Json(&set)),
    )
}

/// Lists and maps of short texts, as they came.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers always print")
}

/// Takes a touch of a node's display; `false` where it was known.
pub async fn add_tap(tx: &mut Tx, node: &NodeId, tap: &TapRecorded) -> Result<bool, StoreError> {
    let TapRecorded { tap, display, zone, offer, at } = tap;
    Ok(run!(tx, execute, "tap/insert.sql", *tap, node, display, zone, *offer, *at)? > 0)
}

/// Plays of a node.
pub async fn plays(conn: &mut Conn, node: &NodeId) -> Result<u64, StoreError> {
    let (Num(count),) = run!(conn, fetch_one: (Num<u64>,), "play/count.sql", node)?;
    Ok(count)
}

/// Touches of a node's displays.
pub async fn taps(conn: &mut Conn, node: &NodeId) -> Result<u64, StoreError> {
    let (Num(count),) = run!(conn, fetch_one: (Num<u64>,), "tap/count.sql", node)?;
    Ok(count)
}
