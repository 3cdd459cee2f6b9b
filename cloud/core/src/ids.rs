//! Ids of the cloud's rules. Re-exports the wire's typed ids and owns the names that never leave the cloud.
//!
//! Takes texts from rows and forms, emits newtypes; a wrong text is a [`NameError`] that says which kind was meant.

use std::fmt;

pub use aisle_schemas::ids::{
    CampaignId, CandidateId, CategoryId, ConsentId, CustomerId, DecisionId, DeviceId, EventId, OfferId, Sku, StoreId, VisitId, VisitToken,
    ZoneId,
};

/// Longest name, the same as a slug on the wire, because these names appear in reasons beside them.
pub const NAME_LEN_MAX: usize = 32;

/// Why a text is not a name of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must match [a-z0-9-]{{1,32}}")]
pub struct NameError {
    /// What was being named, e.g. `cap`.
    pub kind: &'static str,
}

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses 1 to 32 of `[a-z0-9-]`.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let well_formed = (1..=NAME_LEN_MAX).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if well_formed { Ok(Self(text.to_owned())) } else { Err(NameError { kind: $kind }) }
            }

            /// The name as stored.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_id!(
    /// A company that takes part in the programme beside the retailer.
    PartnerId,
    "partner"
);
name_id!(
    /// A limit on messages or uses.
    CapId,
    "cap"
);
name_id!(
    /// An untreated group.
    HoldoutId,
    "holdout"
);
name_id!(
    /// A rule-defined group of customers.
    SegmentId,
    "segment"
);
name_id!(
    /// A legal text, all its versions and languages.
    LegalTextId,
    "legal text"
);
name_id!(
    /// A free label of a message that caps may count.
    Tag,
    "tag"
);
