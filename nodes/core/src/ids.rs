//! Ids that the rules of a store speak in.
//!
//! Owns the ones that never cross a process boundary; the others come from the wire types unchanged. Takes text. Emits newtypes. On failure:
//! an [`IdError`] that names the kind.
use std::fmt;

pub use aisle_schemas::ids::{
    BootId, CategoryId, DeviceId, DisplayId, EventSlug, IdError, LayoutZoneId, OfferId, PassId, ScreenId, Sku, StoreId, TapId,
    TouchpointId, VisitId, VisitToken, ZoneId,
};

/// A group of customers as the cloud names it in a visit's context; it has at least 50 members in the region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(ZoneId);

impl SegmentId {
    /// Parses a slug of 1 to 32 of `[a-z0-9-]`.
    ///
    /// # Errors
    /// [`IdError::Slug`] for anything else.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        ZoneId::parse(text).map(Self).map_err(|_| IdError::Slug { kind: "segment" })
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
