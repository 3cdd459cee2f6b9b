//! What lies in a basket.
//!
//! Owns the transitions while the customer walks: put in, change, take out. Takes products that were found by a code. Emits the trip as it is next; any
//! change voids the quote and the checks that rested on it. On failure: [`TripRefusal`].
use aisle_schemas::content::Money;
use aisle_schemas::ids::{TripId, VisitId};
use aisle_schemas::product::Measure;
use aisle_schemas::trip::{CheckReason, LINES_MAX, LineIntent, QUANTITY_MAX, Trip, TripLine, TripState};
use chrono::{DateTime, TimeDelta, Utc};

use super::TripRefusal;
use crate::product::Found;
use crate::product::assortment::total;

/// A pause in scanning after which a basket is looked at.
pub const IDLE: TimeDelta = TimeDelta::minutes(15);

/// A trip that begins. `drawn`: the day's audit falls on it, whenever it is reviewed.
#[must_use]
pub const fn begin(trip: TripId, visit: VisitId, drawn: bool, now: DateTime<Utc>) -> Trip {
    Trip {
        trip,
        visit,
        state: TripState::Scanning,
        lines: Vec::new(),
        next_line: 1,
        voids: 0,
        noted: Vec::new(),
        drawn: Some(drawn),
        held: false,
        quote: None,
        checks: Vec::new(),
        opened_at: now,
        changed_at: now,
        paid_at: None,
    }
}

/// Puts what was scanned into the basket. The same product with the same intent adds to its line, unless its piece has a price or weight of its own.
///
/// # Errors
/// [`TripRefusal`].
pub fn put(trip: Trip, found: &Found, intent: LineIntent, quantity: u32, now: DateTime<Utc>) -> Result<Trip, TripRefusal> {
    let mut trip = touched(trip, now)?;
    if !(1..=QUANTITY_MAX).contains(&quantity) {
        return Err(TripRefusal::Quantity);
    }
    let sheet = found.product.sheet();
    let price = sheet.price_at(now).ok_or(TripRefusal::NoPrice)?;
    let own = found.grams.is_some() || found.amount.is_some();
    let piece = total(sheet, price, found.grams, found.amount).ok_or(TripRefusal::NoPrice)?;
    let is_plain = |line: &TripLine| line.grams.is_none() && !line.priced_by_code;
    let same = |line: &&mut TripLine| !own && is_plain(line) && line.sku == sheet.sku && line.intent == intent && line.price == price;
    if let Some(line) = trip.lines.iter_mut().find(same) {
        line.quantity = line.quantity.checked_add(quantity).filter(|pieces| *pieces <= QUANTITY_MAX).ok_or(TripRefusal::Quantity)?;
        line.amount = times(piece, line.quantity)?;
        line.deposit = sheet.deposit.map(|deposit| times(deposit, line.quantity)).transpose()?;
    } else {
        if trip.lines.len() >= LINES_MAX {
            return Err(TripRefusal::Full);
        }
        trip.lines.push(TripLine {
            line: trip.next_line,
            sku: sheet.sku.clone(),
            name: sheet.name.clone(),
            intent,
            quantity,
            grams: found.grams.map(|grams| grams.checked_mul(quantity).ok_or(TripRefusal::Quantity)).transpose()?,
            // What the code itself says is the price of the piece.
            price: if found.amount.is_some() { piece } else { price },
            amount: times(piece, quantity)?,
            deposit: sheet.deposit.map(|deposit| times(deposit, quantity)).transpose()?,
            tax_bp: sheet.tax_bp,
            min_age: sheet.min_age,
            priced_by_code: found.amount.is_some(),
            unproven: own && !found.printed,
        });
        trip.next_line += 1;
    }
    if sheet.high_shrink {
        note(&mut trip, CheckReason::HighShrink);
    }
    let pieces: u32 =
        trip.lines.iter().filter(|line| line.sku == sheet.sku && line.intent == LineIntent::Take).map(|line| line.quantity).sum();
    if sheet.measure == Measure::Piece && found.product.sold.stock.is_some_and(|stock| pieces > stock.count) {
        note(&mut trip, CheckReason::ImpossibleStock);
    }
    Ok(trip)
}

/// Changes a line, or takes it out.
///
/// # Errors
/// [`TripRefusal`].
pub fn change(trip: Trip, which: u32, intent: LineIntent, quantity: u32, now: DateTime<Utc>) -> Result<Trip, TripRefusal> {
    let mut trip = touched(trip, now)?;
    let place = trip.lines.iter().position(|line| line.line == which).ok_or(TripRefusal::NoLine)?;
    if quantity == 0 {
        trip.lines.remove(place);
        trip.voids = trip.voids.saturating_add(1);
        return Ok(trip);
    }
    let line = trip.lines.get_mut(place).ok_or(TripRefusal::NoLine)?;
    if quantity > QUANTITY_MAX {
        return Err(TripRefusal::Quantity);
    }
    line.intent = intent;
    if line.quantity != quantity {
        // Whatever the line's price is of, one piece is its share of the whole.
        let pieces = line.quantity;
        let again = |all: Money| one(all, pieces).and_then(|piece| times(piece, quantity));
        let weigh = |all: u32| {
            let piece = all.checked_div(pieces).filter(|_| all.is_multiple_of(pieces));
            piece.and_then(|grams| grams.checked_mul(quantity)).ok_or(TripRefusal::Quantity)
        };
        line.grams = line.grams.map(weigh).transpose()?;
        line.deposit = line.deposit.map(again).transpose()?;
        line.amount = again(line.amount)?;
        line.quantity = quantity;
    }
    Ok(trip)
}

/// A basket that changes: what was quoted and checked holds no more.
pub(super) fn touched(mut trip: Trip, now: DateTime<Utc>) -> Result<Trip, TripRefusal> {
    match trip.state {
        TripState::Scanning | TripState::Review | TripState::Check => {}
        TripState::TransferredToTill | TripState::Paid | TripState::Exited | TripState::Cancelled => {
            return Err(TripRefusal::WrongState(trip.state));
        }
    }
    if !trip.lines.is_empty() && now - trip.changed_at > IDLE {
        note(&mut trip, CheckReason::Idle);
    }
    trip.state = TripState::Scanning;
    trip.quote = None;
    trip.checks.clear();
    trip.changed_at = now;
    Ok(trip)
}

pub(super) fn note(trip: &mut Trip, reason: CheckReason) {
    if !trip.noted.contains(&reason) {
        trip.noted.push(reason);
    }
}

/// The share of one of so many equal pieces.
fn one(all: Money, pieces: u32) -> Result<Money, TripRefusal> {
    let pieces = i64::from(pieces);
    let minor = all.minor.checked_div(pieces).filter(|minor| minor.checked_mul(pieces) == Some(all.minor)).ok_or(TripRefusal::Quantity)?;
    Ok(Money { minor, ..all })
}

pub(super) fn times(money: Money, quantity: u32) -> Result<Money, TripRefusal> {
    let minor = money.minor.checked_mul(i64::from(quantity)).ok_or(TripRefusal::Total)?;
    Ok(Money { minor, ..money })
}
