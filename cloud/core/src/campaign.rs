//! Campaigns: what groups offers, how long they run, and who is held out of them.
//!
//! Owns the campaign's states and publish rules, its daily cap and its hold-out draw. Takes what a marketer edits; emits a running campaign
//! or every finding. A paused campaign raises no candidates; an ended one never runs again.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::{
    gate::caps::{Cap, Window},
    ids::{CampaignId, CapId, CustomerId, HoldoutId, Tag},
};

/// Longest name, as on the wire.
pub const NAME_CHARS_MAX: usize = 80;
/// Largest untreated group: more would withhold an offer from most of those it is for.
pub const HOLDOUT_PERCENT_MAX: u8 = 50;

const DAY_S: u32 = 86_400;

/// A share of customers that a campaign leaves untreated, to be compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldoutRule {
    pub id: HoldoutId,
    pub percent: u8,
}

impl HoldoutRule {
    /// Whether a customer belongs to it. A fact of salt and root, the same on every instance; the shell stores it with its period.
    pub fn includes(&self, customer: CustomerId) -> bool {
        let digest: [u8; 32] =
            Sha256::new().chain_update(self.id.as_str()).chain_update([0]).chain_update(customer.0.as_bytes()).finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) % 100 < u64::from(self.percent)
    }
}

/// What a marketer edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignContent {
    pub name: String,
    /// Half-open `[from, to)`.
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Messages per customer and rolling day; `None` without limit.
    pub cap_per_day: Option<u32>,
    pub holdout: Option<HoldoutRule>,
}

/// Where a campaign stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CampaignState {
    Running,
    Paused { since: DateTime<Utc> },
    Ended { at: DateTime<Utc> },
}

/// A campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    pub id: CampaignId,
    pub content: CampaignContent,
    pub state: CampaignState,
}

/// One thing that keeps a campaign from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CampaignFinding {
    #[error("a name has 1 to {NAME_CHARS_MAX} characters")]
    Name,
    #[error("the campaign ends before it begins")]
    EndsBeforeItBegins,
    #[error("the campaign has ended")]
    HasEnded,
    #[error("at most {HOLDOUT_PERCENT_MAX} of 100 customers may be held out")]
    HoldoutTooLarge,
}

impl CampaignFinding {
    /// JSON pointer to the field that it concerns.
    pub fn field(self) -> &'static str {
        match self {
            Self::Name => "/name",
            Self::EndsBeforeItBegins | Self::HasEnded => "/to",
            Self::HoldoutTooLarge => "/holdout",
        }
    }
}

/// The campaign has ended and takes no more orders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the campaign has ended")]
pub struct CampaignEnded(pub Box<Campaign>);

impl Campaign {
    /// Starts a campaign, or says everything that is wrong with it.
    pub fn start(id: CampaignId, content: CampaignContent, now: DateTime<Utc>) -> Result<Self, Vec<CampaignFinding>> {
        let findings = lint(&content, now);
        if findings.is_empty() { Ok(Self { id, content, state: CampaignState::Running }) } else { Err(findings) }
    }

    /// Stops raising candidates. Pausing twice keeps the first instant.
    pub fn pause(self, now: DateTime<Utc>) -> Result<Self, CampaignEnded> {
        match self.state {
            CampaignState::Running => Ok(Self { state: CampaignState::Paused { since: now }, ..self }),
            CampaignState::Paused { .. } => Ok(self),
            CampaignState::Ended { .. } => Err(CampaignEnded(Box::new(self))),
        }
    }

    /// Goes on after a pause.
    pub fn resume(self) -> Result<Self, CampaignEnded> {
        match self.state {
            CampaignState::Running | CampaignState::Paused { .. } => Ok(Self { state: CampaignState::Running, ..self }),
            CampaignState::Ended { .. } => Err(CampaignEnded(Box::new(self))),
        }
    }

    /// Ends it for good. Ending twice keeps the first instant.
    pub fn end(self, now: DateTime<Utc>) -> Self {
        match self.state {
            CampaignState::Running | CampaignState::Paused { .. } => Self { state: CampaignState::Ended { at: now }, ..self },
            CampaignState::Ended { .. } => self,
        }
    }

    /// Whether it raises candidates at `now`.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        match self.state {
            CampaignState::Running => self.content.from <= now && now < self.content.to,
            CampaignState::Paused { .. } | CampaignState::Ended { .. } => false,
        }
    }

    /// The label that this campaign's messages carry, so that its cap counts them and no others.
    pub fn tag(&self) -> Tag {
        Tag::parse(&self.id.0.simple().to_string()).expect("32 hex digits are a name")
    }

    /// The cap of its content, for clause 8 of the gate.
    pub fn cap(&self) -> Option<Cap> {
        let limit = self.content.cap_per_day?;
        Some(Cap {
            id: CapId::parse(&self.id.0.simple().to_string()).expect("32 hex digits are a name"),
            channels: BTreeSet::new(),
            tags: BTreeSet::from([self.tag()]),
            window: Window::Rolling { seconds: DAY_S },
            limit,
        })
    }
}

/// Everything that keeps a campaign from running.
pub fn lint(content: &CampaignContent, now: DateTime<Utc>) -> Vec<CampaignFinding> {
    let CampaignContent { name, from, to, cap_per_day: _, holdout } = content;
    let mut findings = Vec::new();
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
        findings.push(CampaignFinding::Name);
    }
    if to <= from {
        findings.push(CampaignFinding::EndsBeforeItBegins);
    } else if *to <= now {
        findings.push(CampaignFinding::HasEnded);
    }
    if holdout.as_ref().is_some_and(|rule| rule.percent > HOLDOUT_PERCENT_MAX) {
        findings.push(CampaignFinding::HoldoutTooLarge);
    }
    findings
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        "2026-03-10T09:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hours)
    }

    fn content() -> CampaignContent {
        CampaignContent { name: "Spring".into(), from: at(1), to: at(10), cap_per_day: Some(2), holdout: None }
    }

    fn running() -> Campaign {
        Campaign::start(CampaignId(Uuid::from_u128(1)), content(), at(0)).unwrap()
    }

    #[test]
    fn a_campaign_is_live_only_inside_its_time_and_while_it_runs() {
        let live: Vec<bool> = [0, 1, 9, 10].map(|hour| running().is_live(at(hour))).to_vec();
        assert_eq!(live, [false, true, true, false]);
        let paused = running().pause(at(2)).unwrap();
        assert!(!paused.is_live(at(3)));
        assert_eq!(paused.clone().pause(at(4)), Ok(paused.clone()));
        assert!(paused.resume().unwrap().is_live(at(3)));
    }

    #[test]
    fn an_ended_campaign_takes_no_orders() {
        let ended = running().end(at(3));
        assert_eq!(ended.clone().end(at(5)), ended);
        assert!(ended.clone().resume().is_err() && ended.clone().pause(at(4)).is_err() && !ended.is_live(at(4)));
    }

    #[test]
    fn every_fault_of_a_draft_is_named() {
        let id = CampaignId(Uuid::from_u128(1));
        let holdout = Some(HoldoutRule { id: HoldoutId::parse("h").unwrap(), percent: 51 });
        let wrong = CampaignContent { name: " ".into(), from: at(2), to: at(2), cap_per_day: None, holdout };
        let findings = Campaign::start(id, wrong, at(0)).unwrap_err();
        assert_eq!(findings, [CampaignFinding::Name, CampaignFinding::EndsBeforeItBegins, CampaignFinding::HoldoutTooLarge]);
        let over = Campaign::start(id, content(), at(10)).unwrap_err();
        assert_eq!(over, [CampaignFinding::HasEnded]);
        let long = CampaignContent { name: "x".repeat(81), ..content() };
        assert_eq!(Campaign::start(id, long, at(0)).unwrap_err(), [CampaignFinding::Name]);
    }

    #[test]
    fn its_cap_counts_its_own_messages() {
        let campaign = running();
        let cap = campaign.cap().unwrap();
        assert_eq!((cap.limit, cap.tags), (2, BTreeSet::from([campaign.tag()])));
        let unlimited = Campaign { content: CampaignContent { cap_per_day: None, ..content() }, ..running() };
        assert_eq!(unlimited.cap(), None);
    }

    #[test]
    fn a_tenth_is_held_out_and_always_the_same_tenth() {
        let rule = HoldoutRule { id: HoldoutId::parse("spring").unwrap(), percent: 10 };
        let members: Vec<u128> = (0..10_000).filter(|n| rule.includes(CustomerId(Uuid::from_u128(*n)))).collect();
        assert!((900..1_100).contains(&members.len()), "{}", members.len());
        let again: Vec<u128> = (0..10_000).filter(|n| rule.includes(CustomerId(Uuid::from_u128(*n)))).collect();
        assert_eq!(members, again);
        let other = HoldoutRule { id: HoldoutId::parse("autumn").unwrap(), percent: 10 };
        let both = members.iter().filter(|n| other.includes(CustomerId(Uuid::from_u128(**n)))).count();
        assert!(both < 200, "another campaign holds out others: {both}");
    }
}
