//! From the basket to the paid trip: quote, checks, till.
//!
//! Owns what is frozen and signed, what staff look at first, and that only what was quoted is paid. Takes the basket with its draw, the assortment, the
//! prices that labels may still show.
//! Emits the trip as it is next. On failure: [`TripRefusal`].
use aisle_schemas::content::Money;
use aisle_schemas::ids::StoreId;
use aisle_schemas::trip::{
    CheckKind, CheckReason, CheckState, LineIntent, Quote, QuoteLine, QuoteLineKind, SignedQuote, Trip, TripCheck, TripLine, TripState,
    canonical, sign,
};
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};

use super::{TripRefusal, basket};
use crate::product::assortment::total as total_of_piece;
use crate::product::{Assortment, Sold};
use crate::signage::label::StillShown;

/// Life of a quote.
pub const QUOTE_LIFE: TimeDelta = TimeDelta::minutes(10);
/// Lines taken out from which a basket is looked at.
pub const VOIDS: u32 = 3;
/// Lines that a partial check looks at, the dearest.
pub const PARTIAL_LINES: usize = 5;

/// The store that signs.
pub struct Signer<'a> {
    pub store: &'a StoreId,
    pub key: &'a SigningKey,
}

/// Name of a signing key: the beginning of its hash.
#[must_use]
pub fn key_id(key: &SigningKey) -> String {
    Sha256::digest(key.verifying_key().as_bytes()).iter().take(8).map(|octet| format!("{octet:02x}")).collect()
}

/// Freezes prices as the shelves say them now, signs, and says what is looked at before payment.
///
/// # Errors
/// [`TripRefusal`].
pub fn review(trip: Trip, shop: &Assortment, shown: &StillShown, signer: &Signer<'_>, now: DateTime<Utc>) -> Result<Trip, TripRefusal> {
    let before = trip.changed_at;
    let mut trip = basket::touched(trip, now)?;
    // Looking at the basket is no scan: the pause goes on.
    trip.changed_at = before;
    let mut price_rev = 0;
    for line in &mut trip.lines {
        let Some(product) = shop.get(&line.sku) else { continue };
        let sheet = product.sheet();
        let newest = sheet.prices.iter().filter(|price| price.from <= now).map(|price| price.from.timestamp()).max();
        price_rev = price_rev.max(newest.unwrap_or_default());
        if let Some((price, amount)) = fallen(line, product, shown, now) {
            line.price = price;
            line.amount = amount;
        }
    }
    let lines = quote_lines(&trip);
    let currency = sold(&trip).next().ok_or(TripRefusal::Empty)?.price.currency;
    if sold(&trip).any(|line| line.price.currency != currency) {
        return Err(TripRefusal::Total);
    }
    let total_minor = lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.amount_minor)).ok_or(TripRefusal::Total)?;
    let cart = canonical(&lines).map_err(|_| TripRefusal::Total)?;
    let quote = Quote {
        trip: trip.trip,
        store: signer.store.clone(),
        cart_sha256: hex::encode(Sha256::digest(cart)),
        lines,
        currency,
        total_minor,
        price_rev,
        iat: now.timestamp(),
        exp: (now + QUOTE_LIFE).timestamp(),
        kid: key_id(signer.key),
    };
    let signature = sign(&quote, signer.key).map_err(|_| TripRefusal::Total)?;
    trip.quote = Some(SignedQuote { quote, signature });
    trip.checks = checks(&trip);
    trip.held |= trip.checks.iter().any(|check| check.kind != CheckKind::MinAge);
    trip.state = if trip.checks.is_empty() { TripState::Review } else { TripState::Check };
    Ok(trip)
}

/// Price and amount of a line whose price fell since the scan. One that rose is not charged: the till never takes more than the label said, nor more
/// than it may still say. What a piece says of its own price stays.
fn fallen(line: &TripLine, product: &Sold, shown: &StillShown, now: DateTime<Utc>) -> Option<(Money, Money)> {
    let sheet = product.sheet();
    let price = shown.at_the_till(&line.sku, sheet.price_at(now).filter(|_| !line.priced_by_code)?);
    let is_less = price.currency == line.price.currency && price.minor < line.price.minor;
    let grams = line.grams.and_then(|grams| grams.checked_div(line.quantity));
    let piece = total_of_piece(sheet, price, grams, None).filter(|_| is_less)?;
    let amount = basket::times(piece, line.quantity).ok()?;
    (amount.minor <= line.amount.minor).then_some((price, amount))
}

/// What is sold: items, each followed by its deposit.
fn quote_lines(trip: &Trip) -> Vec<QuoteLine> {
    sold(trip)
        .flat_map(|line| {
            let kind = if line.grams.is_some() { QuoteLineKind::Weighed } else { QuoteLineKind::Item };
            let of = |kind, amount: Money| QuoteLine {
                line: line.line,
                kind,
                sku: line.sku.clone(),
                intent: line.intent,
                quantity: line.quantity,
                amount_minor: amount.minor,
                tax_bp: line.tax_bp,
            };
            [Some(of(kind, line.amount)), line.deposit.map(|deposit| of(QuoteLineKind::Deposit, deposit))].into_iter().flatten()
        })
        .collect()
}

/// Total of what is taken and shipped; none for a basket in two currencies, or an empty one.
#[must_use]
pub fn total(trip: &Trip) -> Option<Money> {
    let any = sold(trip).next()?;
    let minor = quote_lines(trip).iter().try_fold(0_i64, |sum, line| sum.checked_add(line.amount_minor))?;
    Some(Money { minor, ..any.price })
}

fn checks(trip: &Trip) -> Vec<TripCheck> {
    let aged: Vec<u32> = sold(trip).filter(|line| line.min_age.is_some()).map(|line| line.line).collect();
    let age =
        (!aged.is_empty()).then_some(TripCheck { kind: CheckKind::MinAge, reason: CheckReason::Age, state: CheckState::Open, lines: aged });
    // A difference that was found is looked for until staff find none, whatever the phone does meanwhile.
    let rescan = if trip.noted.contains(&CheckReason::Difference) { Some(full_rescan()) } else { partial_rescan(trip) };
    age.into_iter().chain(rescan).collect()
}

const fn full_rescan() -> TripCheck {
    TripCheck { kind: CheckKind::RescanFull, reason: CheckReason::Difference, state: CheckState::Open, lines: Vec::new() }
}

/// The dearest lines of a basket that is looked at, and every line that says its own weight or amount without the shop's word.
fn partial_rescan(trip: &Trip) -> Option<TripCheck> {
    // What an earlier release began was not drawn, and is looked at.
    let audit = trip.drawn.unwrap_or(true).then_some(CheckReason::Audit);
    let voids = (trip.voids >= VOIDS).then_some(CheckReason::Voids);
    let reason = audit.or(voids).or_else(|| trip.noted.first().copied());
    // What is shipped passes no gate.
    let mut dearest: Vec<_> = sold(trip).filter(|line| line.intent == LineIntent::Take && reason.is_some()).collect();
    dearest.sort_by_key(|line| (std::cmp::Reverse(line.amount.minor), line.line));
    let mut lines: Vec<u32> = dearest.into_iter().take(PARTIAL_LINES).map(|line| line.line).collect();
    let unproven: Vec<u32> = sold(trip).filter(|line| line.unproven && !lines.contains(&line.line)).map(|line| line.line).collect();
    lines.extend(unproven);
    let reason = reason.unwrap_or(CheckReason::ForeignValue);
    (!lines.is_empty()).then_some(TripCheck { kind: CheckKind::RescanPartial, reason, state: CheckState::Open, lines })
}

fn sold(trip: &Trip) -> impl Iterator<Item = &TripLine> {
    trip.lines.iter().filter(|line| line.intent != LineIntent::Inform)
}

/// Staff say what a check found. A partial one that found a difference leads to a full one; what fails otherwise ends the trip.
///
/// # Errors
/// [`TripRefusal`].
pub fn checked(mut trip: Trip, kind: CheckKind, passed: bool) -> Result<Trip, TripRefusal> {
    if trip.state != TripState::Check {
        return Err(TripRefusal::WrongState(trip.state));
    }
    let check = trip.checks.iter_mut().find(|check| check.kind == kind && check.state == CheckState::Open).ok_or(TripRefusal::NoCheck)?;
    check.state = if passed { CheckState::Passed } else { CheckState::Failed };
    match (kind, passed) {
        (CheckKind::RescanFull, true) => trip.noted.retain(|reason| *reason != CheckReason::Difference),
        (CheckKind::RescanPartial | CheckKind::MinAge | CheckKind::Approval, true) => {}
        (CheckKind::RescanPartial, false) => {
            trip.checks.push(full_rescan());
            basket::note(&mut trip, CheckReason::Difference);
        }
        // Back to the basket: the customer takes out what may not be sold, or scans what is missing.
        (CheckKind::RescanFull | CheckKind::MinAge | CheckKind::Approval, false) => {
            trip.state = TripState::Scanning;
            trip.quote = None;
            return Ok(trip);
        }
    }
    if trip.checks.iter().all(|check| check.state != CheckState::Open) {
        trip.state = TripState::Review;
        trip.held = false;
    }
    Ok(trip)
}

/// Back to the shelves: the quote is void. Also from the till, which has not been paid.
///
/// # Errors
/// [`TripRefusal::WrongState`].
pub fn resume(mut trip: Trip) -> Result<Trip, TripRefusal> {
    match trip.state {
        TripState::Scanning | TripState::Review | TripState::Check | TripState::TransferredToTill => {
            trip.state = TripState::Scanning;
            trip.quote = None;
            trip.checks.clear();
            Ok(trip)
        }
        TripState::Paid | TripState::Exited | TripState::Cancelled => Err(TripRefusal::WrongState(trip.state)),
    }
}

/// Ends a trip that was not paid. One that staff were called to is not ended by its phone: the next would be drawn anew.
///
/// # Errors
/// [`TripRefusal::ChecksOpen`], [`TripRefusal::WrongState`].
pub fn cancel(trip: Trip, now: DateTime<Utc>) -> Result<Trip, TripRefusal> {
    if trip.held || trip.state == TripState::Check {
        return Err(TripRefusal::ChecksOpen);
    }
    let trip = resume(trip)?;
    Ok(Trip { state: TripState::Cancelled, changed_at: now, ..trip })
}

/// Shown at the till: from here on the basket is locked.
///
/// # Errors
/// [`TripRefusal`].
pub fn to_till(mut trip: Trip, now: DateTime<Utc>) -> Result<Trip, TripRefusal> {
    match trip.state {
        TripState::Review | TripState::TransferredToTill => {}
        TripState::Check => return Err(TripRefusal::ChecksOpen),
        TripState::Scanning | TripState::Paid | TripState::Exited | TripState::Cancelled => {
            return Err(TripRefusal::WrongState(trip.state));
        }
    }
    let quote = &trip.quote.as_ref().ok_or(TripRefusal::WrongState(trip.state))?.quote;
    if now.timestamp() > quote.exp {
        return Err(TripRefusal::QuoteExpired);
    }
    trip.state = TripState::TransferredToTill;
    Ok(trip)
}

/// The till has the money for this very quote. A second time changes nothing.
///
/// # Errors
/// [`TripRefusal`].
pub fn paid(mut trip: Trip, cart_sha256: &str, total_minor: i64, now: DateTime<Utc>) -> Result<Trip, TripRefusal> {
    match trip.state {
        TripState::TransferredToTill | TripState::Paid => {}
        TripState::Scanning | TripState::Review | TripState::Check | TripState::Exited | TripState::Cancelled => {
            return Err(TripRefusal::WrongState(trip.state));
        }
    }
    let quote = &trip.quote.as_ref().ok_or(TripRefusal::WrongState(trip.state))?.quote;
    if quote.cart_sha256 != cart_sha256 || quote.total_minor != total_minor {
        return Err(TripRefusal::OtherQuote);
    }
    trip.paid_at = trip.paid_at.or(Some(now));
    trip.state = TripState::Paid;
    Ok(trip)
}

/// The goods have left.
///
/// # Errors
/// [`TripRefusal::WrongState`] where nothing was paid, or they left before.
pub fn exited(trip: Trip) -> Result<Trip, TripRefusal> {
    match trip.state {
        TripState::Paid => Ok(Trip { state: TripState::Exited, ..trip }),
        TripState::Scanning
        | TripState::Review
        | TripState::Check
        | TripState::TransferredToTill
        | TripState::Exited
        | TripState::Cancelled => Err(TripRefusal::WrongState(trip.state)),
    }
}
