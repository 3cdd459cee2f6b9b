//! The message gate: whether one message goes to one person now (DOMAIN 6).
//!
//! Owns the ten clauses and their order; the first that fails is the reason. Takes a candidate, the truth about its content, the person's
//! state, caps and policy as plain values, and the instant. Emits a [`GateVerdict`], and as [`MessageDecision`] its record.
//! Whoever sends commits the reservation before handing over, and asks [`recheck`] at the moment of hand-over (G3).

pub mod arbitration;
pub mod attention;
pub mod candidate;
pub mod caps;
pub mod decision;
pub mod person;
pub mod quiet_hours;
pub mod reason;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use self::{
    arbitration::{Arbitration, Contender, arbitrate, better_first},
    attention::AttentionPolicy,
    candidate::{Candidate, MessageChannel, MessageClass},
    caps::Cap,
    decision::MessageDecision,
    person::{AppState, PersonState, SendRecord, SendState, Standing},
    quiet_hours::QuietHours,
    reason::{Clause, Reason},
};
use crate::{
    consent::{self, ConsentDenied, ConsentView, LegalTexts},
    home::ContextClass,
    ids::{CandidateId, DecisionId, Tag, VisitId},
};

/// Age at which a stock figure no longer supports a promise.
pub const STOCK_AGE_MAX: TimeDelta = TimeDelta::minutes(15);
/// How long positive evidence of interest in a category holds.
pub const EVIDENCE_LIFE: TimeDelta = TimeDelta::days(180);
/// How long a one-star rating pauses marketing.
pub const ONE_STAR_PAUSE: TimeDelta = TimeDelta::days(14);
/// Life of a reservation: covers the slowest hand-over with its retries, and frees the place if the sender dies.
pub const RESERVATION_LIFE: TimeDelta = TimeDelta::minutes(2);

/// A programme's settings of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GatePolicy {
    pub version: u32,
    pub quiet_hours: QuietHours,
    pub attention: AttentionPolicy,
}

/// What the stock system last said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockFigure {
    pub on_hand: i64,
    pub as_of: DateTime<Utc>,
}

/// The price a message names, and the price now, in minor units of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceClaim {
    pub told_minor: i64,
    pub current_minor: i64,
}

/// Where the content makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextNeed {
    Anywhere,
    /// Only while some visit is open.
    AnyVisit,
    /// Only while this visit is open.
    Visit(VisitId),
}

/// What clause 5 compares the message with. `None`: the message promises nothing of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentTruth {
    /// Version of the content, for the decision's record.
    pub version: u32,
    pub stock: Option<StockFigure>,
    pub price: Option<PriceClaim>,
    /// Half-open life of the offer.
    pub offer_from: DateTime<Utc>,
    pub offer_to: DateTime<Utc>,
    pub needs: ContextNeed,
}

/// Everything one verdict rests on.
#[derive(Debug, Clone, Copy)]
pub struct GateInput<'a> {
    /// Id for the record of this verdict.
    pub decision: DecisionId,
    pub now: DateTime<Utc>,
    pub candidate: &'a Candidate,
    pub content: &'a ContentTruth,
    pub person: &'a PersonState,
    pub texts: &'a LegalTexts,
    pub caps: &'a [Cap],
    pub policy: &'a GatePolicy,
}

/// A place in caps and budget, to be stored before the message is handed over, then committed or given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    pub candidate: CandidateId,
    pub channel: MessageChannel,
    pub tags: BTreeSet<Tag>,
    pub at: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub context: ContextClass,
    pub visit: Option<VisitId>,
}

impl Reservation {
    /// As the person's list of sends keeps it until it is committed.
    pub fn as_send(&self) -> SendRecord {
        SendRecord {
            candidate: self.candidate,
            channel: self.channel,
            tags: self.tags.clone(),
            at: self.at,
            context: self.context,
            visit: self.visit,
            state: SendState::Reserved { until: self.until },
        }
    }
}

/// What becomes of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateVerdict {
    Send {
        reservation: Reservation,
    },
    /// Ask the whole gate again then. Not final.
    Deferred {
        until: DateTime<Utc>,
        reason: Reason,
    },
    Refused {
        clause: Clause,
        reason: Reason,
    },
}

impl GateVerdict {
    fn refused(reason: Reason) -> Self {
        Self::Refused { clause: reason.clause(), reason }
    }
}

/// Clauses that a class of messages skips.
pub fn skipped_clauses(class: MessageClass) -> Vec<Clause> {
    Clause::ALL.into_iter().filter(|clause| skips(class, *clause)).collect()
}

fn skips(class: MessageClass, clause: Clause) -> bool {
    match clause {
        Clause::Reachable | Clause::StillTrue => false,
        Clause::Consent => !class.needs_consent(),
        Clause::Holdout
        | Clause::Pause
        | Clause::Relevance
        | Clause::QuietHours
        | Clause::Caps
        | Clause::Attention
        | Clause::Arbitration => class.skips_restraint(),
    }
}

/// Clauses 1 to 9 for one candidate. `Send` means that it may stand in arbitration, or go where clause 10 does not apply.
pub fn decide(input: &GateInput<'_>) -> GateVerdict {
    for clause in Clause::ALL {
        if skips(input.candidate.class, clause) {
            continue;
        }
        if let Some(verdict) = ask(clause, input) {
            return verdict;
        }
    }
    let GateInput { now, candidate, person, .. } = *input;
    GateVerdict::Send {
        reservation: Reservation {
            candidate: candidate.id,
            channel: candidate.channel,
            tags: candidate.tags.clone(),
            at: now,
            until: now + RESERVATION_LIFE,
            context: person.context,
            visit: person.open_visit.as_ref().map(|open| open.visit),
        },
    }
}

/// One verdict with its record.
pub fn judge(input: &GateInput<'_>) -> MessageDecision {
    MessageDecision::of(input, decide(input))
}

/// All ten clauses for the candidates that collected for one person: one final or deferred decision each, in the order given.
/// Reservations within the round count against each other, so no cap or budget is exceeded by going together (G2).
pub fn judge_round(inputs: &[GateInput<'_>]) -> Vec<MessageDecision> {
    let Some(first) = inputs.first() else {
        return Vec::new();
    };
    let mut person = first.person.clone();
    let mut verdicts: BTreeMap<usize, GateVerdict> = BTreeMap::new();

    // What a contract demands goes first.
    for position in in_turn(inputs, Turn::Contract) {
        verdicts.insert(position, decide_and_reserve(&inputs[position], &mut person));
    }
    let mut contenders = Vec::new();
    for position in in_turn(inputs, Turn::Contending) {
        let input = GateInput { person: &person, ..inputs[position] };
        let verdict = decide(&input);
        match verdict {
            GateVerdict::Send { .. } => contenders.push(contender(&input)),
            GateVerdict::Deferred { .. } | GateVerdict::Refused { .. } => {}
        }
        verdicts.insert(position, verdict);
    }
    if let Some(Arbitration { winner, outbid }) = arbitrate(&contenders) {
        for (position, verdict) in &mut verdicts {
            let candidate = inputs[*position].candidate.id;
            if outbid.contains(&candidate) {
                *verdict = GateVerdict::refused(Reason::OutbidBy(winner));
            } else if let GateVerdict::Send { reservation } = verdict
                && candidate == winner
            {
                person.sends.push(reservation.as_send());
            }
        }
    }
    // What merely lies there shares what the winner leaves.
    for position in in_turn(inputs, Turn::Ambient) {
        verdicts.insert(position, decide_and_reserve(&inputs[position], &mut person));
    }
    inputs.iter().zip(verdicts.into_values()).map(|(input, verdict)| MessageDecision::of(input, verdict)).collect()
}

/// In which part of a round a candidate is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Contract,
    Contending,
    Ambient,
}

fn turn(candidate: &Candidate) -> Turn {
    if skips(candidate.class, Clause::Arbitration) {
        Turn::Contract
    } else if candidate.channel.is_ambient() {
        Turn::Ambient
    } else {
        Turn::Contending
    }
}

/// Positions of a turn's candidates, the most useful first.
fn in_turn(inputs: &[GateInput<'_>], wanted: Turn) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..inputs.len()).filter(|position| turn(inputs[*position].candidate) == wanted).collect();
    positions.sort_by(|one, other| better_first(&contender(&inputs[*one]), &contender(&inputs[*other])));
    positions
}

fn decide_and_reserve(input: &GateInput<'_>, person: &mut PersonState) -> GateVerdict {
    let verdict = decide(&GateInput { person, ..*input });
    if let GateVerdict::Send { reservation } = &verdict {
        person.sends.push(reservation.as_send());
    }
    verdict
}

/// The re-check at the moment of hand-over: clauses 1, 2 and 5 again, on state that was read after the reservation was stored (G3).
pub fn recheck(input: &GateInput<'_>) -> Result<(), Reason> {
    for clause in [Clause::Reachable, Clause::Consent, Clause::StillTrue] {
        if skips(input.candidate.class, clause) {
            continue;
        }
        match ask(clause, input) {
            Some(GateVerdict::Refused { reason, .. } | GateVerdict::Deferred { reason, .. }) => return Err(reason),
            Some(GateVerdict::Send { .. }) | None => {}
        }
    }
    Ok(())
}

/// The candidate's standing in arbitration.
pub fn contender(input: &GateInput<'_>) -> Contender {
    let fatigue = attention::fatigue(&input.person.reactions, input.now);
    let utility = attention::utility(input.candidate, fatigue, &input.policy.attention);
    Contender { candidate: input.candidate.id, utility }
}

/// Asks one clause; `None` when it holds.
fn ask(clause: Clause, input: &GateInput<'_>) -> Option<GateVerdict> {
    let GateInput { now, candidate, person, caps, policy, .. } = *input;
    match clause {
        Clause::Reachable => reachable(candidate, person).map(GateVerdict::refused),
        Clause::Consent => consent(input).map(GateVerdict::refused),
        Clause::Holdout => holdout(candidate, person, now).map(GateVerdict::refused),
        Clause::Pause => pause(candidate, person, now).map(GateVerdict::refused),
        Clause::StillTrue => still_true(input).map(GateVerdict::refused),
        Clause::Relevance => veto(candidate, person, now).map(GateVerdict::refused),
        Clause::QuietHours => rest(candidate, person, policy.quiet_hours, now),
        Clause::Caps => caps::first_used_up(caps, candidate, &person.sends, person.rest_zone(), now)
            .map(|cap| GateVerdict::refused(Reason::Cap(cap.clone()))),
        Clause::Attention => attention::refusal(candidate, person, &policy.attention, now).map(GateVerdict::refused),
        // Needs the other candidates: `judge_round`.
        Clause::Arbitration => None,
    }
}

fn reachable(candidate: &Candidate, person: &PersonState) -> Option<Reason> {
    match person.standing {
        Standing::Erased => return Some(Reason::Erased),
        Standing::Blocked => return Some(Reason::Blocked),
        Standing::Active => {}
    }
    if person.disabled.contains(&candidate.channel) {
        return Some(Reason::ChannelDisabled);
    }
    match person.app {
        AppState::Installed => None,
        // A receipt by mail still reaches someone without the app; advertising takes the hint on every channel.
        AppState::Uninstalled => (candidate.channel.is_in_app() || !candidate.class.skips_restraint()).then_some(Reason::Uninstalled),
    }
}

fn consent(input: &GateInput<'_>) -> Option<Reason> {
    let GateInput { now, candidate, person, texts, .. } = *input;
    if person.lease_until.is_some_and(|end| end <= now) {
        return Some(Reason::LeaseExpired);
    }
    let view = ConsentView { records: &person.consents, texts, restricted: person.restricted };
    match consent::allowed(view, &candidate.consent_key(), now) {
        Ok(_) => None,
        Err(ConsentDenied::NoConsent | ConsentDenied::Restricted) => Some(Reason::NoConsent),
        Err(ConsentDenied::Withdrawn(epoch)) => Some(Reason::ConsentWithdrawn(epoch)),
        Err(ConsentDenied::TextRenewalDue) => Some(Reason::TextRenewalDue),
    }
}

fn holdout(candidate: &Candidate, person: &PersonState, now: DateTime<Utc>) -> Option<Reason> {
    person
        .holdouts
        .iter()
        .find(|holdout| holdout.campaign.is_none_or(|campaign| campaign == candidate.campaign) && holdout.from <= now && now < holdout.to)
        .map(|holdout| Reason::Holdout(holdout.id.clone()))
}

/// The person's pause and hurry hold back what comes to her; what lies in her own feed she opens herself. An open complaint silences
/// all marketing.
fn pause(candidate: &Candidate, person: &PersonState, now: DateTime<Utc>) -> Option<Reason> {
    if !candidate.channel.is_ambient() {
        if person.pause.is_some_and(|pause| pause.until.is_none_or(|until| now < until)) {
            return Some(Reason::PausedByUser);
        }
        if person.hurried {
            return Some(Reason::DoNotDisturb);
        }
    }
    let one_star = person.last_one_star_at.is_some_and(|at| at <= now && now < at + ONE_STAR_PAUSE);
    match candidate.class {
        MessageClass::Marketing => (person.open_service_case || one_star).then_some(Reason::OpenComplaint),
        MessageClass::Service | MessageClass::Transactional { .. } => None,
    }
}

fn still_true(input: &GateInput<'_>) -> Option<Reason> {
    let GateInput { now, candidate, content, person, .. } = *input;
    let ContentTruth { version: _, stock, price, offer_from, offer_to, needs } = *content;
    if let Some(stock) = stock {
        if now - stock.as_of > STOCK_AGE_MAX {
            return Some(Reason::StockStale);
        }
        if stock.on_hand <= 0 {
            return Some(Reason::OutOfStock);
        }
    }
    if price.is_some_and(|price| price.told_minor != price.current_minor) {
        return Some(Reason::PriceChanged);
    }
    if now < offer_from || offer_to <= now || candidate.valid_until <= now {
        return Some(Reason::OfferExpired);
    }
    let open = person.open_visit.as_ref().map(|open| open.visit);
    let holds = match needs {
        ContextNeed::Anywhere => true,
        ContextNeed::AnyVisit => open.is_some(),
        ContextNeed::Visit(visit) => open == Some(visit),
    };
    if holds { None } else { Some(Reason::ContextGone) }
}

fn veto(candidate: &Candidate, person: &PersonState, now: DateTime<Utc>) -> Option<Reason> {
    let category = candidate.category.as_ref()?;
    if candidate.channel.is_ambient() {
        return None;
    }
    let evident = person.evidence.get(category).is_some_and(|at| *at > now - EVIDENCE_LIFE);
    if evident || person.wishes.contains(category) { None } else { Some(Reason::Irrelevant) }
}

fn rest(candidate: &Candidate, person: &PersonState, quiet: QuietHours, now: DateTime<Utc>) -> Option<GateVerdict> {
    if candidate.channel.is_ambient() {
        return None;
    }
    let Some(zone) = person.rest_zone() else {
        return Some(GateVerdict::refused(Reason::NoTimeZone));
    };
    let until = quiet.quiet_until(zone, now)?;
    Some(if candidate.valid_until <= until {
        GateVerdict::refused(Reason::StaleAfterQuiet)
    } else {
        GateVerdict::Deferred { until, reason: Reason::QuietHours }
    })
}

#[cfg(test)]
mod tests;
