//! A trip through the store: basket, quote, checks, exit.
//!
//! Owns the transitions of a trip ([`basket`], [`review`]), the draw of audits ([`audit`]) and the tokens of the gate ([`exit`]). Takes products, steps of
//! phone and staff, time and random draws. Emits trips as they are next. On failure: [`TripRefusal`]; nothing has changed.
pub mod audit;
pub mod basket;
pub mod exit;
pub mod review;

use aisle_schemas::trip::TripState;
use thiserror::Error;

/// Why a step of a trip has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TripRefusal {
    #[error("there is no trip")]
    NoTrip,
    #[error("the trip is {0:?}, in which this cannot be done")]
    WrongState(TripState),
    #[error("there is no such line")]
    NoLine,
    #[error("the basket is full")]
    Full,
    #[error("a line has 1 to 999 pieces")]
    Quantity,
    #[error("the product has no price, or what it costs is not known without its weight")]
    NoPrice,
    #[error("nothing in the basket is taken or shipped")]
    Empty,
    #[error("the basket holds two currencies, or its total does not fit")]
    Total,
    #[error("the quote has expired")]
    QuoteExpired,
    #[error("what was paid is not this quote")]
    OtherQuote,
    #[error("there is no such check")]
    NoCheck,
    #[error("staff look at the basket first")]
    ChecksOpen,
}

impl TripRefusal {
    /// The code of the refusal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoTrip => "no_trip",
            Self::WrongState(_) => "trip_state",
            Self::NoLine => "no_line",
            Self::Full => "basket_full",
            Self::Quantity => "quantity",
            Self::NoPrice => "no_price",
            Self::Empty => "basket_empty",
            Self::Total => "total",
            Self::QuoteExpired => "quote_expired",
            Self::OtherQuote => "other_quote",
            Self::NoCheck => "no_check",
            Self::ChecksOpen => "checks_open",
        }
    }
}
