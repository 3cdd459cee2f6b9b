//! Clauses of the gate and the reasons they give.
//!
//! Owns the exact texts of DOMAIN 6 that rows, answers and tests compare. Emits them through `Display`.

use std::fmt;

use crate::{
    consent::Epoch,
    ids::{CandidateId, CapId, HoldoutId},
};

/// The ten clauses, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clause {
    Reachable,
    Consent,
    Holdout,
    Pause,
    StillTrue,
    Relevance,
    QuietHours,
    Caps,
    Attention,
    Arbitration,
}

impl Clause {
    pub const ALL: [Self; 10] = [
        Self::Reachable,
        Self::Consent,
        Self::Holdout,
        Self::Pause,
        Self::StillTrue,
        Self::Relevance,
        Self::QuietHours,
        Self::Caps,
        Self::Attention,
        Self::Arbitration,
    ];

    /// Number of the clause, 1 to 10.
    pub fn number(self) -> u8 {
        match self {
            Self::Reachable => 1,
            Self::Consent => 2,
            Self::Holdout => 3,
            Self::Pause => 4,
            Self::StillTrue => 5,
            Self::Relevance => 6,
            Self::QuietHours => 7,
            Self::Caps => 8,
            Self::Attention => 9,
            Self::Arbitration => 10,
        }
    }
}

/// Why a message does not go, or not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    Erased,
    Blocked,
    ChannelDisabled,
    Uninstalled,
    NoConsent,
    ConsentWithdrawn(Epoch),
    TextRenewalDue,
    LeaseExpired,
    Holdout(HoldoutId),
    PausedByUser,
    DoNotDisturb,
    OpenComplaint,
    OutOfStock,
    StockStale,
    PriceChanged,
    OfferExpired,
    ContextGone,
    Irrelevant,
    QuietHours,
    StaleAfterQuiet,
    NoTimeZone,
    Cap(CapId),
    AttentionEmpty,
    AttentionGap,
    AttentionBelowThreshold,
    OutbidBy(CandidateId),
}

impl Reason {
    /// The clause that gives this reason.
    pub fn clause(&self) -> Clause {
        match self {
            Self::Erased | Self::Blocked | Self::ChannelDisabled | Self::Uninstalled => Clause::Reachable,
            Self::NoConsent | Self::ConsentWithdrawn(_) | Self::TextRenewalDue | Self::LeaseExpired => Clause::Consent,
            Self::Holdout(_) => Clause::Holdout,
            Self::PausedByUser | Self::DoNotDisturb | Self::OpenComplaint => Clause::Pause,
            Self::OutOfStock | Self::StockStale | Self::PriceChanged | Self::OfferExpired | Self::ContextGone => Clause::StillTrue,
            Self::Irrelevant => Clause::Relevance,
            Self::QuietHours | Self::StaleAfterQuiet | Self::NoTimeZone => Clause::QuietHours,
            Self::Cap(_) => Clause::Caps,
            Self::AttentionEmpty | Self::AttentionGap | Self::AttentionBelowThreshold => Clause::Attention,
            Self::OutbidBy(_) => Clause::Arbitration,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Erased => f.write_str("erased"),
            Self::Blocked => f.write_str("blocked"),
            Self::ChannelDisabled => f.write_str("channel_disabled"),
            Self::Uninstalled => f.write_str("uninstalled"),
            Self::NoConsent => f.write_str("no_consent"),
            Self::ConsentWithdrawn(epoch) => write!(f, "consent_withdrawn@{}", epoch.0),
            Self::TextRenewalDue => f.write_str("text_renewal_due"),
            Self::LeaseExpired => f.write_str("lease_expired"),
            Self::Holdout(id) => write!(f, "holdout:{id}"),
            Self::PausedByUser => f.write_str("paused_by_user"),
            Self::DoNotDisturb => f.write_str("dnd"),
            Self::OpenComplaint => f.write_str("open_complaint"),
            Self::OutOfStock => f.write_str("out_of_stock"),
            Self::StockStale => f.write_str("stock_stale"),
            Self::PriceChanged => f.write_str("price_changed"),
            Self::OfferExpired => f.write_str("offer_expired"),
            Self::ContextGone => f.write_str("context_gone"),
            Self::Irrelevant => f.write_str("veto:irrelevant"),
            Self::QuietHours => f.write_str("quiet_hours"),
            Self::StaleAfterQuiet => f.write_str("stale_after_quiet"),
            Self::NoTimeZone => f.write_str("no_time_zone"),
            Self::Cap(id) => write!(f, "cap:{id}"),
            Self::AttentionEmpty => f.write_str("attention:empty"),
            Self::AttentionGap => f.write_str("attention:gap"),
            Self::AttentionBelowThreshold => f.write_str("attention:below_threshold"),
            Self::OutbidBy(candidate) => write!(f, "outbid_by:{candidate}"),
        }
    }
}
