//! Typed ids. Slugs are chosen by people and safe as one MQTT topic level (AS-095); UUIDv7 ids are made by us and sort by time.
//!
//! Owns the only parsers of ids; a wrong one is an [`IdError`] that names the kind and the reason.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use ts_rs::TS;
use uuid::Uuid;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("{kind} must match [a-z0-9-]{{1,32}}")]
    Slug { kind: &'static str },
    #[error("{kind} must be a UUID")]
    Uuid { kind: &'static str },
    #[error("a node id is tenant.store.node, each [a-z0-9-]{{1,32}}")]
    Node,
    #[error("no tenant is called \"cloud\"")]
    ReservedTenant,
    #[error("{kind} must be {len} lower-case hex digits")]
    Hex { kind: &'static str, len: usize },
}

/// Longest slug, because brokers and file systems have limits and people read these (AS-095).
pub const SLUG_LEN_MAX: usize = 32;

fn is_slug(text: &str) -> bool {
    (1..=SLUG_LEN_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

macro_rules! slug_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema, TS)]
        #[serde(transparent)]
        #[ts(type = "string")]
        pub struct $name(#[schemars(regex(pattern = r"^[a-z0-9-]{1,32}$"))] String);

        impl $name {
            /// Parses a slug of 1 to 32 of `[a-z0-9-]`.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                if is_slug(text) { Ok(Self(text.to_owned())) } else { Err(IdError::Slug { kind: $kind }) }
            }
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> { Self::parse(text) }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

slug_id!(/// Company that runs stores with aisle.
    TenantId, "tenant");
slug_id!(/// One physical store.
    StoreId, "store");
slug_id!(/// Name of a box within a store.
    NodeName, "node");
slug_id!(/// A named area of a store.
    ZoneId, "zone");
slug_id!(/// A signage screen.
    ScreenId, "screen");
slug_id!(/// An NFC display.
    DisplayId, "display");
slug_id!(/// A place of contact that is neither screen nor NFC display: door, reader, sensor.
    TouchpointId, "touchpoint");
slug_id!(/// Any device with credentials at the local broker or the node's HTTP face.
    DeviceId, "device");
slug_id!(/// A product as the retailer names it.
    Sku, "sku");
slug_id!(/// A product category, `department` or `department-kind`, e.g. `pet-cat`.
    CategoryId, "category");
slug_id!(/// One zone of a screen's layout (`main`, `ticker`).
    LayoutZoneId, "layout zone");
slug_id!(/// One event of a screen's schedule.
    EventSlug, "schedule event");
slug_id!(/// A cloud instance.
    InstanceId, "instance");

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
        #[serde(transparent)]
        #[ts(type = "string")]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a UUIDv7 from unix milliseconds and random bytes: time and randomness are arguments.
            pub fn new(unix_ms: u64, random: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
            }
            pub fn parse(text: &str) -> Result<Self, IdError> {
                Uuid::parse_str(text).map(Self).map_err(|_| IdError::Uuid { kind: $kind })
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> { Self::parse(text) }
        }
    };
}

uuid_id!(/// A record, message or request: the idempotency key of everything.
    EventId, "event id");
uuid_id!(/// The root of an identity component. Never leaves the cloud.
    CustomerId, "customer id");
uuid_id!(/// One stay in one store.
    VisitId, "visit id");
uuid_id!(/// One trip: a basket from its first scan to the gate.
    TripId, "trip id");
uuid_id!(/// An offer, all its revisions.
    OfferId, "offer id");
uuid_id!(/// A campaign that groups offers.
    CampaignId, "campaign id");
uuid_id!(/// A card in a customer's feed.
    CardId, "card id");
uuid_id!(/// The verdict on one candidate.
    DecisionId, "decision id");
uuid_id!(/// A candidate message.
    CandidateId, "candidate id");
uuid_id!(/// A check-in pass: random, known to the cloud alone.
    PassId, "pass id");
uuid_id!(/// One boot of a screen.
    BootId, "boot id");
uuid_id!(/// One touch of an NFC display.
    TapId, "tap id");
uuid_id!(/// A dialogue about an offer.
    DialogueId, "dialogue id");
uuid_id!(/// A consent record.
    ConsentId, "consent id");

/// The random name by which a store knows one visit: 128 bit, never derived from a profile (DOMAIN 12). 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, TS)]
#[schemars(with = "String")]
#[ts(type = "string")]
pub struct VisitToken([u8; 16]);

impl VisitToken {
    /// Takes 128 random bits.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(random)
    }
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let error = IdError::Hex { kind: "visit token", len: 32 };
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(error);
        }
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| error)?;
        Ok(Self(bytes))
    }
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}
impl fmt::Display for VisitToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
impl fmt::Debug for VisitToken {
    /// Shortened: a whole token in a log would let its reader act for the visit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "visit~{}", hex::encode(&self.0[..3]))
    }
}
impl FromStr for VisitToken {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}
impl Serialize for VisitToken {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for VisitToken {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// One of 256 partitions, two hex digits in topics (AS-085).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u8);

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}
impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for Partition {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = IdError::Hex { kind: "partition", len: 2 };
        if text.len() != 2 || text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(error);
        }
        u8::from_str_radix(text, 16).map(Self).map_err(|_| error)
    }
}

/// Software identity of a store's box, `tenant.store.node`: one topic level, one certificate name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, TS)]
#[schemars(with = "String")]
#[ts(type = "string")]
pub struct NodeId {
    pub tenant: TenantId,
    pub store: StoreId,
    pub node: NodeName,
}

impl NodeId {
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let mut parts = text.split('.');
        let (Some(tenant), Some(store), Some(node), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(IdError::Node);
        };
        if tenant == "cloud" {
            return Err(IdError::ReservedTenant);
        }
        let (Ok(tenant), Ok(store), Ok(node)) = (TenantId::parse(tenant), StoreId::parse(store), NodeName::parse(node)) else {
            return Err(IdError::Node);
        };
        Ok(Self { tenant, store, node })
    }

    /// First byte of SHA-256(`tenant.store`): all nodes of a store share it, and it never changes (AS-085).
    pub fn partition(&self) -> Partition {
        let digest = Sha256::digest(format!("{}.{}", self.tenant, self.store));
        Partition(digest[0])
    }

    /// CloudEvents `source` of this node's records, `/tenant/store/node` (AS-100).
    pub fn source(&self) -> String {
        format!("/{}/{}/{}", self.tenant, self.store, self.node)
    }

    /// CloudEvents `source` of the cloud towards this node, `/tenant/cloud` (AS-100).
    pub fn cloud_source(&self) -> String {
        format!("/{}/cloud", self.tenant)
    }
}
impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.tenant, self.store, self.node)
    }
}
impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for NodeId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}
impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_that_could_break_out_of_a_topic_level_are_refused() {
        for bad in ["", "A", "a/b", "a+b", "#", "a.b", "ä", &"x".repeat(33)] {
            assert!(StoreId::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(StoreId::parse("s-042").unwrap().as_str(), "s-042");
    }

    #[test]
    fn as_085_the_partition_is_the_first_hash_byte_of_tenant_and_store() {
        let node = NodeId::parse("acme.s042.n1").unwrap();
        assert_eq!(node.partition().to_string(), "04");
        assert_eq!(NodeId::parse("acme.s042.n2").unwrap().partition(), node.partition());
        assert_eq!(NodeId::parse("cloud.s.n"), Err(IdError::ReservedTenant));
        assert_eq!(NodeId::parse("a.b.c.d"), Err(IdError::Node));
    }

    #[test]
    fn a_visit_token_is_shortened_in_debug_output_and_whole_on_the_wire() {
        let token = VisitToken::from_random([0xab; 16]);
        assert_eq!(format!("{token:?}"), "visit~ababab");
        let json = serde_json::to_string(&token).unwrap();
        assert_eq!(serde_json::from_str::<VisitToken>(&json).unwrap(), token);
    }

    #[test]
    fn uuids_sort_by_the_time_given() {
        assert!(VisitId::new(1, [9; 10]) < VisitId::new(2, [0; 10]));
    }
}
