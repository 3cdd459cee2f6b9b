//! Consultations: a member of staff offers advice on a tablet, a customer's phone claims the offer and decides what the tablet may see.
//!
//! Owns the rules of the digital handshake as a store keeps them (TOUCHPOINTS 5): [`Consultation`] is one handshake from offer to end,
//! [`Book`] is all of a store. Takes events with the time. Emits the next state and an answer. On failure: a [`Refusal`], and nothing moved
//! but the count of wrong codes. Nobody is named here: a customer is a visit, and of what they share the store sees sealed bytes alone.
mod book;
mod state;
mod tries;

pub use book::{Book, NotOffered};
pub use state::{
    Claim, Claimed, Consultation, EndReason, GRANT_LIFE, Moment, OFFER_LIFE, Offer, Outcome, Phase, Refusal, ShownEnd, Standing,
};
pub use tries::{PIN_WAIT, TooManyTries, Tries, WRONG_PINS_MAX};
