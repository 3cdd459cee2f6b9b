//! Where a record stands: stream, epoch, seq, mark, session, term (SYNC.md 1).
//!
//! Owns these types and their only text forms. 64-bit numbers are decimal strings on the wire (AS-102) and fit a signed SQL column (AS-002).
//! On failure: [`PositionError`].

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};

/// Why a text is not a place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    #[error("{kind} must be a decimal string from 0 to 2^63-1")]
    Number { kind: &'static str },
    #[error("{kind} must be <counter>-<{digits} lower-case hex digits>")]
    Pair { kind: &'static str, digits: usize },
    #[error("nonce must be 16 lower-case hex digits")]
    Nonce,
    #[error("stream must be one of sess, audit, reported, tele, order, desired")]
    Stream,
}

/// One spelling only: no sign, no leading zero, at most 2^63-1.
fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || (!text.starts_with('0') && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    let value: u64 = if canonical { text.parse().ok()? } else { return None };
    i64::try_from(value).is_ok().then_some(value)
}

fn lower_hex(text: &str, digits: usize) -> Option<u64> {
    let ok = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if ok { u64::from_str_radix(text, 16).ok() } else { None }
}

macro_rules! text_serde {
    ($name:ident, $pattern:literal) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(d)?.parse().map_err(de::Error::custom)
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(u64);

        impl $name {
            pub const ZERO: Self = Self(0);
            pub const MAX: Self = Self(i64::MAX as u64);

            /// Saturates at 2^63-1, which a log written at 10^9 records/s reaches after 292 years.
            pub const fn new(value: u64) -> Self {
                if value > Self::MAX.0 { Self::MAX } else { Self(value) }
            }
            pub const fn get(self) -> u64 {
                self.0
            }
            /// For a signed SQL column.
            pub const fn as_i64(self) -> i64 {
                self.0 as i64
            }
            /// From a signed SQL column; `None` for what no writer of ours stores.
            pub fn from_i64(value: i64) -> Option<Self> {
                u64::try_from(value).ok().map(Self)
            }
            pub const fn next(self) -> Self {
                Self::new(self.0.saturating_add(1))
            }
            pub const fn plus(self, count: u64) -> Self {
                Self::new(self.0.saturating_add(count))
            }
            pub const fn minus(self, count: u64) -> Self {
                Self(self.0.saturating_sub(count))
            }
            /// How far this lies above `other`; 0 if it does not.
            pub const fn since(self, other: Self) -> u64 {
                self.0.saturating_sub(other.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = PositionError;
            fn from_str(text: &str) -> Result<Self, PositionError> {
                decimal(text).map(Self).ok_or(PositionError::Number { kind: $kind })
            }
        }
        text_serde!($name, r"^(0|[1-9][0-9]{0,18})$");
    };
}

number!(/// Place in an (epoch, stream). Records start at 1; as a cursor 0 means that nothing was applied yet.
    Seq, "seq");
number!(/// Counter that a log commits before each BATCH (AS-011): how far its disk has lived.
    Mark, "mark");
number!(/// Number of an ownership of a partition; fences every write of an owner.
    Term, "term");
number!(/// How many records or bytes.
    Count, "count");

/// One incarnation of a log: `<counter>-<16 hex>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch {
    /// Rises with each new epoch; at most 2^63-1.
    pub counter: u64,
    pub random: u64,
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.counter, self.random)
    }
}
impl FromStr for Epoch {
    type Err = PositionError;
    fn from_str(text: &str) -> Result<Self, PositionError> {
        let pair = || {
            let (counter, random) = text.split_once('-')?;
            Some(Self { counter: decimal(counter)?, random: lower_hex(random, 16)? })
        };
        pair().ok_or(PositionError::Pair { kind: "epoch", digits: 16 })
    }
}
text_serde!(Epoch, r"^(0|[1-9][0-9]{0,18})-[0-9a-f]{16}$");

/// One MQTT connection of a node: `<counter>-<8 hex>`; the session epoch of births and wills.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    /// Rises with each connection (AS-013); at most 2^63-1.
    pub counter: u64,
    pub random: u32,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08x}", self.counter, self.random)
    }
}
impl FromStr for Session {
    type Err = PositionError;
    fn from_str(text: &str) -> Result<Self, PositionError> {
        let pair = || {
            let (counter, random) = text.split_once('-')?;
            Some(Self { counter: decimal(counter)?, random: u32::try_from(lower_hex(random, 8)?).ok()? })
        };
        pair().ok_or(PositionError::Pair { kind: "session", digits: 8 })
    }
}
text_serde!(Session, r"^(0|[1-9][0-9]{0,18})-[0-9a-f]{8}$");

/// Pairs a WELCOME with its HELLO (AS-017): 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce(pub u64);

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
impl FromStr for Nonce {
    type Err = PositionError;
    fn from_str(text: &str) -> Result<Self, PositionError> {
        lower_hex(text, 16).map(Self).ok_or(PositionError::Nonce)
    }
}
text_serde!(Nonce, r"^[0-9a-f]{16}$");

/// Which way a stream flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Store to cloud.
    Up,
    /// Cloud to store.
    Down,
}

/// What a stream promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A log: never skipped, never deleted before applied.
    A,
    /// Documents: the newest value per key.
    B,
    /// Telemetry: oldest dropped first, every drop counted.
    C,
}

/// An ordered part of a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    Sess,
    Audit,
    Reported,
    Tele,
    Order,
    Desired,
}

impl Stream {
    pub const ALL: [Self; 6] = [Self::Sess, Self::Audit, Self::Reported, Self::Tele, Self::Order, Self::Desired];
    /// Up streams in priority order (AS-030).
    pub const UP: [Self; 4] = [Self::Sess, Self::Audit, Self::Reported, Self::Tele];
    /// Down streams in priority order.
    pub const DOWN: [Self; 2] = [Self::Order, Self::Desired];

    /// The streams of one direction, in priority order.
    pub const fn of(direction: Direction) -> &'static [Self] {
        match direction {
            Direction::Up => &Self::UP,
            Direction::Down => &Self::DOWN,
        }
    }
    pub const fn direction(self) -> Direction {
        match self {
            Self::Sess | Self::Audit | Self::Reported | Self::Tele => Direction::Up,
            Self::Order | Self::Desired => Direction::Down,
        }
    }
    pub const fn class(self) -> Class {
        match self {
            Self::Sess | Self::Audit | Self::Order => Class::A,
            Self::Reported | Self::Desired => Class::B,
            Self::Tele => Class::C,
        }
    }
    /// Whether the stream may have one batch beyond the credit (AS-022).
    pub const fn is_urgent(self) -> bool {
        matches!(self, Self::Sess | Self::Order)
    }
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sess => "sess",
            Self::Audit => "audit",
            Self::Reported => "reported",
            Self::Tele => "tele",
            Self::Order => "order",
            Self::Desired => "desired",
        }
    }
    const fn index(self) -> usize {
        self as usize
    }
}
impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl FromStr for Stream {
    type Err = PositionError;
    fn from_str(text: &str) -> Result<Self, PositionError> {
        Self::ALL.into_iter().find(|stream| stream.as_str() == text).ok_or(PositionError::Stream)
    }
}
text_serde!(Stream, r"^(sess|audit|reported|tele|order|desired)$");

/// A value for some of the streams: on the wire an object keyed by stream name. A stream unknown here is ignored (AS-103).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerStream<T>([Option<T>; 6]);

impl<T> Default for PerStream<T> {
    fn default() -> Self {
        Self([const { None }; 6])
    }
}

impl<T> PerStream<T> {
    pub fn get(&self, stream: Stream) -> Option<&T> {
        self.0[stream.index()].as_ref()
    }
    pub fn get_mut(&mut self, stream: Stream) -> Option<&mut T> {
        self.0[stream.index()].as_mut()
    }
    pub fn set(&mut self, stream: Stream, value: T) {
        self.0[stream.index()] = Some(value);
    }
    pub fn remove(&mut self, stream: Stream) -> Option<T> {
        self.0[stream.index()].take()
    }
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
    /// In priority order within a direction.
    pub fn iter(&self) -> impl Iterator<Item = (Stream, &T)> {
        Stream::ALL.into_iter().zip(&self.0).filter_map(|(stream, value)| value.as_ref().map(|value| (stream, value)))
    }
}
impl<T> FromIterator<(Stream, T)> for PerStream<T> {
    fn from_iter<I: IntoIterator<Item = (Stream, T)>>(values: I) -> Self {
        let mut map = Self::default();
        for (stream, value) in values {
            map.set(stream, value);
        }
        map
    }
}
impl<T: Serialize> Serialize for PerStream<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        for (stream, value) in self.iter() {
            map.serialize_entry(stream.as_str(), value)?;
        }
        map.end()
    }
}
impl<'de, T: Deserialize<'de>> Deserialize<'de> for PerStream<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = PerStream<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object keyed by stream")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut map = PerStream::default();
                while let Some(name) = members.next_key::<Cow<'de, str>>()? {
                    match name.parse::<Stream>() {
                        Ok(stream) => map.set(stream, members.next_value()?),
                        Err(_) => {
                            members.next_value::<de::IgnoredAny>()?;
                        }
                    }
                }
                Ok(map)
            }
        }
        d.deserialize_map(Visitor(std::marker::PhantomData))
    }
}
impl<T: JsonSchema> JsonSchema for PerStream<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("PerStream_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_102_numbers_have_one_decimal_spelling_and_fit_a_signed_column() {
        assert_eq!("9223372036854775807".parse(), Ok(Seq::MAX));
        for bad in ["", "-1", "+1", "01", "1.0", " 1", "9223372036854775808", "99999999999999999999"] {
            assert!(bad.parse::<Seq>().is_err(), "{bad:?}");
        }
        assert!(serde_json::from_str::<Seq>("5").is_err(), "a JSON number is not a decimal string");
        assert_eq!(Seq::MAX.next(), Seq::MAX);
    }

    #[test]
    fn epochs_and_sessions_round_trip_and_have_one_spelling() {
        let epoch: Epoch = "3-9f2c4e8a71b05d36".parse().unwrap();
        assert_eq!(epoch.to_string(), "3-9f2c4e8a71b05d36");
        assert_eq!("42-5f3a9c01".parse::<Session>().unwrap().to_string(), "42-5f3a9c01");
        for bad in ["3-9F2C4E8A71B05D36", "3-9f2c", "-9f2c4e8a71b05d36", "03-9f2c4e8a71b05d36", "3-+f2c4e8a71b05d36"] {
            assert!(bad.parse::<Epoch>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_map_by_stream_ignores_streams_that_it_does_not_know() {
        let map: PerStream<Seq> = serde_json::from_str(r#"{"tele":"4","video":{"x":[1]},"sess":"2"}"#).unwrap();
        assert_eq!(map.iter().collect::<Vec<_>>(), [(Stream::Sess, &Seq::new(2)), (Stream::Tele, &Seq::new(4))]);
        assert_eq!(serde_json::to_string(&map).unwrap(), r#"{"sess":"2","tele":"4"}"#);
    }
}
