//! The record of one verdict: what the decision log shows and what evaluation learns from.
//!
//! Owns [`MessageDecision`]. Every candidate ends in exactly one final decision (G1); a deferral is recorded but is not final.

use chrono::{DateTime, Utc};

use super::{
    GateInput, GateVerdict,
    candidate::{MessageChannel, MessageClass, Unit},
    reason::{Clause, Reason},
};
use crate::{
    consent::Epoch,
    ids::{CampaignId, CandidateId, CustomerId, DecisionId, OfferId},
};

/// Versions of everything the verdict rests on, so that it can be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputVersions {
    pub person: u64,
    pub consent_epoch: Epoch,
    pub content: u32,
    pub policy: u32,
}

/// One verdict on one candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageDecision {
    pub id: DecisionId,
    pub candidate: CandidateId,
    pub customer: CustomerId,
    pub campaign: CampaignId,
    pub offer: Option<OfferId>,
    pub channel: MessageChannel,
    pub class: MessageClass,
    pub at: DateTime<Utc>,
    pub verdict: GateVerdict,
    pub versions: InputVersions,
    pub propensity: Unit,
    /// Clauses that its legal basis let it skip; kept for the audit.
    pub skipped: Vec<Clause>,
}

impl MessageDecision {
    pub(super) fn of(input: &GateInput<'_>, verdict: GateVerdict) -> Self {
        let candidate = input.candidate;
        Self {
            id: input.decision,
            candidate: candidate.id,
            customer: candidate.customer,
            campaign: candidate.campaign,
            offer: candidate.offer,
            channel: candidate.channel,
            class: candidate.class,
            at: input.now,
            verdict,
            versions: InputVersions {
                person: input.person.version,
                consent_epoch: input.person.consent_epoch,
                content: input.content.version,
                policy: input.policy.version,
            },
            propensity: candidate.propensity,
            skipped: super::skipped_clauses(candidate.class),
        }
    }

    /// Whether this ends the candidate.
    pub fn is_final(&self) -> bool {
        match self.verdict {
            GateVerdict::Send { .. } | GateVerdict::Refused { .. } => true,
            GateVerdict::Deferred { .. } => false,
        }
    }

    /// The clause that decided; `None` when it was sent.
    pub fn clause(&self) -> Option<Clause> {
        self.reason().map(Reason::clause)
    }

    /// Why it did not go, or not yet; `None` when it was sent.
    pub fn reason(&self) -> Option<&Reason> {
        match &self.verdict {
            GateVerdict::Send { .. } => None,
            GateVerdict::Refused { reason, .. } | GateVerdict::Deferred { reason, .. } => Some(reason),
        }
    }
}
