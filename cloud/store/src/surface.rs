//! What screens and NFC displays report, applied exactly once by natural key.
//!
//! Owns tables `play` and `tap`. Takes records of class C, which may come twice; a row that is there already changes nothing.

use aisle_schemas::{
    ids::{BootId, NodeId, OfferId},
    nfc::TapRecorded,
    screen::Play,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::types::Json;

use crate::{
    db::{Conn, Tx},
    error::StoreError,
    statement::{Num, Portable, instant, micros, run, word},
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
}

impl<'a> PlaySet<'a> {
    fn of(play: &'a Play) -> Self {
        let Play { screen, boot, seq, zone, event, offer, offer_rev, rule, started_at, duration_ms, clock_synced, outcome, display_power } =
            play;
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
        ),
        sqlite(node, Json(&set)),
    )
}

/// One column of a set of rows.
fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
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
