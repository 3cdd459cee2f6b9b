//! Decisions as they are logged and shown.
//!
//! Owns the making of decision rows from verdicts. Each is committed with its effect and told to consoles afterwards.

use aisle_cloud_core::gate::{candidate::MessageChannel, reason::Reason};
use aisle_schemas::{
    http::cloud::DecisionView,
    ids::{CandidateId, DecisionId, OfferId},
    text::LocalText,
};
use aisle_store::{customer::CandidateRow, decision::DecisionRow};

use crate::{
    actors::customer::{World, change, change::Changes, state::Customer},
    catalogue::{Catalogue, LiveOffer},
    fresh, wire,
};

/// Reason of a candidate whom the offer's own rule does not mean. Not one of the gate's: the gate was not asked.
const NOT_ELIGIBLE: &str = "not_eligible";
const SENT: &str = "sent";

/// What a decision is about.
pub struct About {
    pub candidate: CandidateId,
    pub offer: Option<OfferId>,
    pub content_version: u32,
    pub title: LocalText,
    pub channel: String,
    pub score: Option<f64>,
    pub propensity: Option<f64>,
    pub why: Vec<String>,
    pub traceparent: Option<String>,
}

impl About {
    /// An offer on a channel.
    pub fn of_offer(candidate: CandidateId, live: &LiveOffer, channel: MessageChannel, world: &World) -> Self {
        Self {
            candidate,
            offer: Some(live.offer.offer),
            content_version: live.offer.rev,
            title: live.offer.product.name.clone(),
            channel: wire::channel_name(channel).to_owned(),
            score: None,
            propensity: None,
            why: Vec::new(),
            traceparent: world.traceparent.clone(),
        }
    }

    /// A queued message.
    pub fn of_row(row: &CandidateRow, catalogue: &Catalogue) -> Self {
        Self {
            candidate: row.candidate,
            offer: row.offer,
            content_version: row.offer.and_then(|offer| catalogue.published(offer)).map_or(0, |live| live.offer.rev),
            title: row.title.clone(),
            channel: row.channel.clone(),
            score: row.relevance,
            propensity: Some(1.0),
            why: Vec::new(),
            traceparent: row.traceparent.clone(),
        }
    }
}

fn write(customer: &Customer, world: &World, changes: &mut Changes, about: &About, outcome: (bool, Option<u8>, String)) {
    let (sent, clause, reason) = outcome;
    let visit = customer.visit.as_ref();
    let row = DecisionRow {
        decision: fresh::id(world.now, DecisionId::new),
        candidate: about.candidate,
        customer: customer.id(),
        offer: about.offer,
        title: about.title.clone(),
        channel: about.channel.clone(),
        store: visit.map(|visit| visit.store.clone()),
        visit: visit.map(|visit| visit.visit),
        sent,
        clause,
        reason,
        score: about.score,
        propensity: about.propensity,
        why: about.why.clone(),
        inputs: serde_json::json!({
            "person": customer.profile.version,
            "consent_epoch": customer.profile.consent_epoch,
            "content": about.content_version,
            "policy": world.settings.policy.version,
        }),
        at: world.now,
        traceparent: about.traceparent.clone(),
    };
    changes.console.push(change::live("decision", row.store.clone(), &decision_view(&row)));
    changes.decisions.push(row);
}

/// It went.
pub fn send(customer: &Customer, world: &World, changes: &mut Changes, about: &About) {
    write(customer, world, changes, about, (true, None, SENT.to_owned()));
}

/// The gate refused it.
pub fn refuse(customer: &Customer, world: &World, changes: &mut Changes, about: &About, reason: &Reason) {
    write(customer, world, changes, about, (false, Some(reason.clause().number()), reason.to_string()));
}

/// The offer's rule does not mean this customer.
pub fn not_eligible(customer: &Customer, world: &World, changes: &mut Changes, about: &About) {
    write(customer, world, changes, about, (false, None, NOT_ELIGIBLE.to_owned()));
}

/// A decision for the console.
pub fn decision_view(row: &DecisionRow) -> DecisionView {
    DecisionView {
        decision: row.decision,
        candidate: row.candidate,
        customer: row.customer,
        offer: row.offer,
        title: row.title.clone(),
        channel: row.channel.clone(),
        store: row.store.clone(),
        visit: row.visit,
        sent: row.sent,
        clause: row.clause,
        reason: row.reason.clone(),
        score: row.score,
        propensity: row.propensity,
        why: row.why.clone(),
        at: row.at,
        traceparent: row.traceparent.clone(),
    }
}
