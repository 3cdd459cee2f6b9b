//! CloudEvents 1.0 envelope in JSON with aisle's extensions (AS-099 … AS-102).
//!
//! Owns [`Event`]: its only parser, its form on disk (*stored*: without stream, epoch, seq and relogof, AS-006) and its form on the wire
//! (*framed*: those spliced in, without parsing the stored bytes again). Takes bytes; emits typed attributes and the body as raw JSON,
//! which whoever knows the type parses once. On failure: [`EventError`], which names the field and the reason.

use std::{borrow::Cow, fmt};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use crate::{
    ids::{EventId, NodeId, TenantId},
    limits::{JSON_DEPTH_MAX, RECORD_BYTES_MAX},
    sync::{Epoch, Seq, Session, Stream, Term},
};

/// Most bytes that framing adds to a stored record: four members and a comma.
pub const FRAME_BYTES_MAX: usize = 256;
/// Most bytes of a framed record that stands for a corrupt one: its raw bytes in base64 plus the envelope.
pub const CORRUPT_BYTES_MAX: usize = RECORD_BYTES_MAX.div_ceil(3) * 4 + FRAME_BYTES_MAX + 512;
/// Longest `type`.
pub const TYPE_LEN_MAX: usize = 64;
/// Longest `subject`: a document key or an entity.
pub const SUBJECT_LEN_MAX: usize = 200;

/// Why bytes are not an event (or message) of aisle: which member, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct EventError {
    /// CloudEvents attribute, or `json` where the text itself is wrong.
    pub field: Cow<'static, str>,
    pub reason: String,
}

impl EventError {
    pub fn new(field: impl Into<Cow<'static, str>>, reason: impl fmt::Display) -> Self {
        Self { field: field.into(), reason: reason.to_string() }
    }
}

/// `source`: who made the event (AS-100).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// `/tenant/store/node`
    Node(NodeId),
    /// `/tenant/cloud`
    Cloud(TenantId),
}

impl Source {
    pub fn parse(text: &str) -> Result<Self, EventError> {
        let wrong = || EventError::new("source", "must be /tenant/store/node or /tenant/cloud");
        let parts: Vec<&str> = text.strip_prefix('/').ok_or_else(wrong)?.split('/').collect();
        match parts.as_slice() {
            [tenant, "cloud"] => TenantId::parse(tenant).map(Self::Cloud).map_err(|_| wrong()),
            [tenant, store, node] => NodeId::parse(&format!("{tenant}.{store}.{node}")).map(Self::Node).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => f.write_str(&node.source()),
            Self::Cloud(tenant) => write!(f, "/{tenant}/cloud"),
        }
    }
}
impl Serialize for Source {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        Self::parse(&text).map_err(|error| de::Error::custom(error.reason))
    }
}

/// `type`: `aisle.<noun>.<verb>.v<n>` (AS-100).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct EventType(Cow<'static, str>);

impl EventType {
    /// A type named in our own code; a test parses each.
    pub const fn literal(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
    pub fn parse(text: &str) -> Result<Self, EventError> {
        let word = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
        };
        let version = |part: &str| {
            part.strip_prefix('v').is_some_and(|n| !n.is_empty() && !n.starts_with('0') && n.bytes().all(|b| b.is_ascii_digit()))
        };
        let mut parts = text.split('.');
        let ok = text.len() <= TYPE_LEN_MAX
            && matches!(
                (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()),
                (Some("aisle"), Some(noun), Some(verb), Some(v), None) if word(noun) && word(verb) && version(v)
            );
        if ok { Ok(Self(Cow::Owned(text.to_owned()))) } else { Err(EventError::new("type", "must be aisle.<noun>.<verb>.v<n>")) }
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        Self::parse(&text).map_err(|error| de::Error::custom(error.reason))
    }
}

/// One CloudEvent. Unknown members are ignored (AS-103); 64-bit numbers are decimal strings (AS-102).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    specversion: SpecVersion,
    pub id: EventId,
    pub source: Source,
    #[serde(rename = "type")]
    pub ty: EventType,
    /// Entity of a record, or key of a document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub time: DateTime<Utc>,
    datacontenttype: JsonContent,
    /// Place in a log; absent from the stored form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<Stream>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<Term>,
    /// Record that this one follows from (AS-012).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causationid: Option<EventId>,
    /// Where the record stood before a new epoch, `epoch/seq` (AS-060).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relogof: Option<String>,
    /// `false` where the maker's clock was known to be wrong (AS-094).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clockok: Option<bool>,
    /// W3C trace context of the transaction that accepted the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Body; the JSON `null` deletes a document.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
    /// Raw bytes of a row whose checksum failed (AS-007).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
}

/// Keeps `null` apart from an absent member.
fn present<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(d).map(Some)
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum SpecVersion {
    #[serde(rename = "1.0")]
    V1,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum JsonContent {
    #[serde(rename = "application/json")]
    Json,
}

impl Event {
    /// A new event with a JSON body and no extension.
    pub fn new<T: Serialize>(id: EventId, source: Source, ty: EventType, time: DateTime<Utc>, data: &T) -> Result<Self, EventError> {
        let data = serde_json::value::to_raw_value(data).map_err(|error| EventError::new("data", error))?;
        Ok(Self { data: Some(data), ..Self::bare(id, source, ty, time) })
    }

    /// A new event without a body.
    pub fn bare(id: EventId, source: Source, ty: EventType, time: DateTime<Utc>) -> Self {
        Self {
            specversion: SpecVersion::V1,
            id,
            source,
            ty,
            subject: None,
            time,
            datacontenttype: JsonContent::Json,
            stream: None,
            epoch: None,
            seq: None,
            session: None,
            term: None,
            causationid: None,
            relogof: None,
            clockok: None,
            traceparent: None,
            data: None,
            data_base64: None,
        }
    }

    /// The event that stands for a row whose checksum failed: same id as far as it is known, raw bytes in base64 (AS-007).
    pub fn corrupt(id: EventId, source: Source, time: DateTime<Utc>, raw_base64: String) -> Self {
        Self { data_base64: Some(raw_base64), ..Self::bare(id, source, EventType::literal(TYPE_LOG_CORRUPT), time) }
    }

    /// Parses one event of at most `RECORD_BYTES_MAX` stored bytes plus framing, at most `JSON_DEPTH_MAX` levels deep.
    pub fn parse(bytes: &[u8]) -> Result<Self, EventError> {
        let too_large = || EventError::new("json", format!("{} bytes are more than {RECORD_BYTES_MAX}", bytes.len()));
        if bytes.len() > CORRUPT_BYTES_MAX {
            return Err(too_large());
        }
        check_depth(bytes, JSON_DEPTH_MAX)?;
        let event: Self = serde_json::from_slice(bytes).map_err(|error| name_field(bytes, &error))?;
        if bytes.len() > RECORD_BYTES_MAX + FRAME_BYTES_MAX && event.ty.as_str() != TYPE_LOG_CORRUPT {
            return Err(too_large());
        }
        if event.subject.as_ref().is_some_and(|subject| subject.len() > SUBJECT_LEN_MAX) {
            return Err(EventError::new("subject", format!("is longer than {SUBJECT_LEN_MAX}")));
        }
        Ok(event)
    }

    /// Parses the body as what its type says.
    pub fn data<'a, T: Deserialize<'a>>(&'a self) -> Result<T, EventError> {
        let raw = self.data.as_ref().ok_or_else(|| EventError::new("data", "is missing"))?;
        serde_json::from_str(raw.get()).map_err(|error| EventError::new("data", error))
    }

    /// Whether the event deletes the document that `subject` names.
    pub fn deletes(&self) -> bool {
        self.data.as_ref().is_some_and(|raw| raw.get() == "null")
    }

    /// The event as JSON, extensions included, whatever its size.
    pub fn to_wire(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an event holds only strings and JSON that was parsed")
    }

    /// The bytes that a log keeps: everything but stream, epoch, seq and relogof (AS-006). Refuses what is too big (AS-008).
    pub fn to_stored(&self) -> Result<Vec<u8>, EventError> {
        let bare = Self { stream: None, epoch: None, seq: None, relogof: None, ..self.clone() };
        let bytes = serde_json::to_vec(&bare).map_err(|error| EventError::new("json", error))?;
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(EventError::new("json", format!("{} bytes are more than {RECORD_BYTES_MAX}", bytes.len())));
        }
        check_depth(&bytes, JSON_DEPTH_MAX)?;
        Ok(bytes)
    }
}

/// `type` of a row whose checksum failed.
pub const TYPE_LOG_CORRUPT: &str = "aisle.log.corrupt.v1";

/// Appends a stored event to `out` in its framed form. `stored` must be a JSON object without those members, as [`Event::to_stored`] makes.
pub fn frame_into(out: &mut Vec<u8>, stored: &[u8], stream: Stream, epoch: Epoch, seq: Seq, relogof: Option<&str>) {
    use std::io::Write;
    let body = stored.strip_suffix(b"}").unwrap_or(stored);
    out.extend_from_slice(body);
    let written = write!(out, r#","stream":"{stream}","epoch":"{epoch}","seq":"{seq}""#)
        .and_then(|()| relogof.map_or(Ok(()), |place| write!(out, r#","relogof":"{place}""#)));
    written.expect("writing to a Vec cannot fail");
    out.push(b'}');
}

/// Refuses JSON text that nests deeper than `max`, before any parser recurses into it.
pub fn check_depth(bytes: &[u8], max: usize) -> Result<(), EventError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > max {
                    return Err(EventError::new("json", format!("is deeper than {max} levels")));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Finds the member that a parse error is about. Only runs on refused input, so it may parse again.
pub(crate) fn name_field(bytes: &[u8], error: &serde_json::Error) -> EventError {
    let Ok(members) = serde_json::from_slice::<std::collections::HashMap<String, &RawValue>>(bytes) else {
        return EventError::new("json", error);
    };
    fn wrong<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<String> {
        serde_json::from_str::<T>(raw.get()).err().map(|error| error.to_string())
    }
    type Check = (&'static str, bool, for<'a> fn(&'a RawValue) -> Option<String>);
    let checks: [Check; 17] = [
        ("specversion", true, |raw| wrong::<SpecVersion>(raw)),
        ("id", true, |raw| wrong::<EventId>(raw)),
        ("source", true, |raw| wrong::<Source>(raw)),
        ("type", true, |raw| wrong::<EventType>(raw)),
        ("time", true, |raw| wrong::<DateTime<Utc>>(raw)),
        ("datacontenttype", true, |raw| wrong::<JsonContent>(raw)),
        ("subject", false, |raw| wrong::<Option<String>>(raw)),
        ("stream", false, |raw| wrong::<Option<Stream>>(raw)),
        ("epoch", false, |raw| wrong::<Option<Epoch>>(raw)),
        ("seq", false, |raw| wrong::<Option<Seq>>(raw)),
        ("session", false, |raw| wrong::<Option<Session>>(raw)),
        ("term", false, |raw| wrong::<Option<Term>>(raw)),
        ("causationid", false, |raw| wrong::<Option<EventId>>(raw)),
        ("relogof", false, |raw| wrong::<Option<String>>(raw)),
        ("clockok", false, |raw| wrong::<Option<bool>>(raw)),
        ("traceparent", false, |raw| wrong::<Option<String>>(raw)),
        ("data_base64", false, |raw| wrong::<Option<String>>(raw)),
    ];
    for (field, required, check) in checks {
        match members.get(field) {
            None if required => return EventError::new(field, "is missing"),
            None => {}
            Some(raw) => {
                if let Some(reason) = check(raw) {
                    return EventError::new(field, reason);
                }
            }
        }
    }
    EventError::new("data", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VISIT: &str = r#"{"specversion":"1.0","id":"01a20cc5-15e0-7d3c-9e2f-4b5a6c7d8e9f","source":"/acme/s042/n1","type":"aisle.visit.opened.v1","subject":"visit/1","time":"2026-11-24T08:56:12.512Z","datacontenttype":"application/json","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":{"customer":"c-7f3a"}}"#;

    #[test]
    fn as_006_framing_splices_the_place_into_stored_bytes_and_parsing_finds_it() {
        let mut framed = Vec::new();
        let epoch = Epoch { counter: 3, random: 7 };
        frame_into(&mut framed, VISIT.as_bytes(), Stream::Sess, epoch, Seq::new(9), Some("2-07d1c3aa5be94f60/4"));
        let event = Event::parse(&framed).unwrap();
        assert_eq!((event.stream, event.epoch, event.seq), (Some(Stream::Sess), Some(epoch), Some(Seq::new(9))));
        assert_eq!(event.relogof.as_deref(), Some("2-07d1c3aa5be94f60/4"));
        assert_eq!(event.to_stored().unwrap(), VISIT.as_bytes(), "what is stored again is byte for byte what was stored");
        assert!(framed.len() <= VISIT.len() + FRAME_BYTES_MAX);
    }

    #[test]
    fn as_100_a_wrong_or_missing_attribute_is_named() {
        for (from, to, field) in [
            ("\"1.0\"", "\"2.0\"", "specversion"),
            ("01a20cc5", "zz", "id"),
            ("/acme/s042/n1", "/acme/s042", "source"),
            ("/acme/s042/n1", "/cloud/s042/n1", "source"),
            ("visit.opened.v1", "visit.opened", "type"),
            ("08:56", "88:56", "time"),
            ("\"time\"", "\"tim\"", "time"),
            ("application/json", "text/plain", "datacontenttype"),
            ("\"subject\":\"visit/1\"", "\"seq\":12", "seq"),
            ("\"subject\":\"visit/1\"", "\"epoch\":\"x\"", "epoch"),
            ("}}", "}", "json"),
        ] {
            let error = Event::parse(VISIT.replacen(from, to, 1).as_bytes()).expect_err(to);
            assert_eq!(error.field, field, "{error}");
        }
        let long = VISIT.replace("visit/1", &"v".repeat(SUBJECT_LEN_MAX + 1));
        assert_eq!(Event::parse(long.as_bytes()).unwrap_err().field, "subject");
    }

    #[test]
    fn as_103_unknown_members_are_ignored() {
        Event::parse(VISIT.replacen("\"data\"", "\"colour\":{\"a\":1},\"data\"", 1).as_bytes()).unwrap();
    }

    #[test]
    fn as_108_json_deeper_than_sixteen_levels_is_refused_and_strings_do_not_count() {
        let with_data = |data: &str| VISIT.replace(r#"{"customer":"c-7f3a"}"#, data);
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        Event::parse(with_data(&nested(JSON_DEPTH_MAX - 1)).as_bytes()).unwrap();
        assert_eq!(Event::parse(with_data(&nested(JSON_DEPTH_MAX)).as_bytes()).unwrap_err().field, "json");
        Event::parse(with_data(&format!("\"\\\"{}\"", "[".repeat(99))).as_bytes()).unwrap();
    }

    #[test]
    fn as_008_a_record_above_32_kib_cannot_be_stored() {
        let mut event = Event::parse(VISIT.as_bytes()).unwrap();
        event.data = Some(RawValue::from_string(format!("\"{}\"", "x".repeat(RECORD_BYTES_MAX))).unwrap());
        assert_eq!(event.to_stored().unwrap_err().field, "json");
    }

    #[test]
    fn null_data_deletes_and_absent_data_does_not() {
        let deleted = VISIT.replace(r#"{"customer":"c-7f3a"}"#, "null");
        let event = Event::parse(deleted.as_bytes()).unwrap();
        assert!(event.deletes());
        assert_eq!(event.to_stored().unwrap(), deleted.as_bytes());
        assert!(!Event::parse(VISIT.as_bytes()).unwrap().deletes());
    }
}
