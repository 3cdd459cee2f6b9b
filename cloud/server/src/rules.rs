//! Offers between the wire and the core: drafts read, rules compiled on a stack that bears it.
//!
//! Owns the conversion of drafts and published offers. On failure: a [`Refusal`] that names the field of the draft.

use std::sync::Arc;

use aisle_cloud_core::{
    eligibility::COMPILE_STACK_BYTES,
    gate::candidate::Unit,
    offer::{AudienceRule, OfferContent},
};
use aisle_schemas::http::cloud::OfferDraft;
use aisle_store::offer::PublishedOffer;

use crate::{catalogue::LiveOffer, problem::Refusal};

/// Why a rule could not be compiled.
#[derive(Debug, thiserror::Error)]
enum CompileFailed {
    #[error("failed to start the compiler's thread")]
    Start(#[source] std::io::Error),
    #[error("the compiler's thread ended without an answer")]
    Ended,
}

/// Compiles a rule on a thread of its own, because its parser recurses.
pub async fn compile(source: String) -> Result<AudienceRule, Refusal> {
    if source.trim().is_empty() {
        return Ok(AudienceRule::Everyone);
    }
    let (answer, answered) = tokio::sync::oneshot::channel();
    let compiler = move || {
        // Whoever asked may be gone; then nobody wants the answer.
        drop(answer.send(AudienceRule::compile(&source)));
    };
    let thread = std::thread::Builder::new().name("rule-compiler".to_owned()).stack_size(COMPILE_STACK_BYTES).spawn(compiler);
    thread.map_err(|error| Refusal::unavailable(CompileFailed::Start(error)))?;
    let compiled = answered.await.map_err(|_| Refusal::unavailable(CompileFailed::Ended))?;
    compiled.map_err(|error| Refusal::invalid("/rule", error.to_string()))
}

/// A percentage as a share.
fn share(percent: u8) -> Unit {
    Unit::new(f64::from(percent.min(100)) / 100.0).unwrap_or(Unit::ZERO)
}

/// A draft as the core takes it.
pub fn content(draft: &OfferDraft, rule: AudienceRule) -> OfferContent {
    let OfferDraft { campaign, product, price, was, from, to, target, variants, fallback, fallback_for, rule: _, value_percent, push } =
        draft.clone();
    OfferContent {
        campaign,
        product,
        price,
        was,
        from,
        to,
        target,
        variants,
        fallback,
        fallback_for,
        rule,
        value: share(value_percent),
        push,
    }
}

/// A published offer, ready to be decided on.
pub fn live(published: &PublishedOffer, rule: AudienceRule) -> Arc<LiveOffer> {
    let PublishedOffer { offer, rule: _, value_percent, push } = published.clone();
    let rule = match rule {
        AudienceRule::Everyone => None,
        AudienceRule::Rule(program) => Some(program),
    };
    Arc::new(LiveOffer { offer, rule, value: share(value_percent), push })
}
