//! A message that could go: what it is, for whom, through which channel, how much it would be worth.
//!
//! Owns [`Candidate`], [`MessageChannel`] and the legal classes of messages. Takes values parsed at the edge; emits no verdicts.
//! Relevance and utility are floats: they order messages and are neither money nor points nor a budget. Costs are integers.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::{
    consent::{Channel, ConsentKey, Purpose},
    ids::{CampaignId, CandidateId, CategoryId, CustomerId, OfferId, PartnerId, Tag},
};

/// Where a message would appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageChannel {
    PhonePush,
    Watch,
    Sms,
    Email,
    StaffMention,
    InAppCard,
    OwnFeed,
    SharedScreen,
}

/// How far a channel reaches into someone's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intrusion {
    /// Makes a device ring, buzz or light up.
    Interrupting,
    /// Comes to the person and waits there.
    Outbound,
    /// Is there when the person looks.
    Ambient,
}

impl MessageChannel {
    pub const ALL: [Self; 8] =
        [Self::PhonePush, Self::Watch, Self::Sms, Self::Email, Self::StaffMention, Self::InAppCard, Self::OwnFeed, Self::SharedScreen];

    /// The name in rows and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PhonePush => "phone_push",
            Self::Watch => "watch",
            Self::Sms => "sms",
            Self::Email => "email",
            Self::StaffMention => "staff_mention",
            Self::InAppCard => "in_app_card",
            Self::OwnFeed => "own_feed",
            Self::SharedScreen => "shared_screen",
        }
    }

    /// The channel of that name, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text)
    }

    pub fn intrusion(self) -> Intrusion {
        match self {
            Self::PhonePush | Self::Watch | Self::Sms => Intrusion::Interrupting,
            Self::Email => Intrusion::Outbound,
            Self::StaffMention | Self::InAppCard | Self::OwnFeed | Self::SharedScreen => Intrusion::Ambient,
        }
    }

    /// Whether the channel comes to the person instead of waiting to be looked at.
    pub fn is_ambient(self) -> bool {
        match self.intrusion() {
            Intrusion::Ambient => true,
            Intrusion::Interrupting | Intrusion::Outbound => false,
        }
    }

    /// Whether the channel lives in the app, and so ends with it.
    pub fn is_in_app(self) -> bool {
        match self {
            Self::PhonePush | Self::Watch | Self::InAppCard | Self::OwnFeed => true,
            Self::Sms | Self::Email | Self::StaffMention | Self::SharedScreen => false,
        }
    }

    /// Attention that one message takes, in thousandths of a cost unit.
    pub fn cost_milli(self) -> i64 {
        match self {
            Self::PhonePush | Self::Watch => 1_000,
            Self::Sms => 2_000,
            Self::Email | Self::StaffMention => 500,
            Self::InAppCard => 200,
            Self::OwnFeed | Self::SharedScreen => 0,
        }
    }

    /// Channel under which consent is kept.
    pub fn consent_channel(self) -> Option<Channel> {
        match self {
            Self::PhonePush => Some(Channel::Push),
            Self::Watch => Some(Channel::Watch),
            Self::Sms => Some(Channel::Sms),
            Self::Email => Some(Channel::Email),
            Self::StaffMention => Some(Channel::Staff),
            Self::InAppCard | Self::OwnFeed => Some(Channel::InApp),
            Self::SharedScreen => None,
        }
    }
}

/// Why we may write at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageClass {
    /// Advertises; needs a consent record and passes every clause.
    Marketing,
    /// Helps without being asked; needs a consent record and passes every clause, but a complaint does not silence it.
    Service,
    /// Part of a contract, such as an order confirmation: skips the clauses about restraint, never those about truth and reach.
    Transactional { channel_needs_consent: bool },
}

impl MessageClass {
    /// The name in rows and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::Service => "service",
            Self::Transactional { .. } => "transactional",
        }
    }

    /// Whether the clauses of restraint (3, 4, 6 to 10) are skipped.
    pub fn skips_restraint(self) -> bool {
        match self {
            Self::Marketing | Self::Service => false,
            Self::Transactional { .. } => true,
        }
    }

    /// Whether clause 2 asks for a consent record.
    pub fn needs_consent(self) -> bool {
        match self {
            Self::Marketing | Self::Service => true,
            Self::Transactional { channel_needs_consent } => channel_needs_consent,
        }
    }
}

/// A number in [0, 1]: a probability or a share of the best value. Never NaN.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Unit(f64);

/// A number outside [0, 1] was given where a probability or share is meant.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("must be between 0 and 1")]
pub struct NotUnit;

impl Unit {
    pub const ZERO: Self = Self(0.0);
    pub const ONE: Self = Self(1.0);

    pub fn new(value: f64) -> Result<Self, NotUnit> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(NotUnit) }
    }

    pub fn get(self) -> f64 {
        self.0
    }
}

/// A message that could go to one person through one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub id: CandidateId,
    pub customer: CustomerId,
    pub campaign: CampaignId,
    pub offer: Option<OfferId>,
    pub channel: MessageChannel,
    pub class: MessageClass,
    pub purpose: Purpose,
    pub partner: Option<PartnerId>,
    /// Product category; `None` for messages about no product, which are not vetoed.
    pub category: Option<CategoryId>,
    /// Labels that caps may count, e.g. `pet`.
    pub tags: BTreeSet<Tag>,
    /// Probability that the person finds it relevant now.
    pub p_relevant: Unit,
    /// What it is worth if it does, as a share of the best.
    pub value: Unit,
    /// Exclusive end of its use.
    pub valid_until: DateTime<Utc>,
    /// Arbitration does not wait beyond this.
    pub deadline: Option<DateTime<Utc>>,
    /// Probability with which it was chosen over its alternatives; 1 where nothing was drawn. Evaluation needs it.
    pub propensity: Unit,
}

impl Candidate {
    /// The consent that clause 2 asks for.
    pub fn consent_key(&self) -> ConsentKey {
        ConsentKey { purpose: self.purpose, channel: self.channel.consent_channel(), partner: self.partner.clone() }
    }
}
