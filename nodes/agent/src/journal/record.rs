//! From what happened to a record of the log.
//!
//! Owns the making of stored events: type, subject, source, id, trace and whether its clock is believed. Takes a body. Emits bytes ready to be written. On failure: a body
//! above the limit is [`JournalError::TooLarge`], refused before anything is queued.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aisle_mesh::clock::Clock;
use aisle_schemas::event::{Event, EventError, EventType, Source};
use aisle_schemas::ids::{EventId, NodeId};
use aisle_schemas::record::{Body, REPORTED_SET};
use aisle_schemas::sync::{Class, Stream};
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use super::JournalError;

/// A record to be appended.
#[derive(Debug)]
pub struct NewRecord {
    pub(super) stream: Stream,
    pub(super) id: EventId,
    /// Key of a document.
    pub(super) key: Option<String>,
    pub(super) event: Vec<u8>,
}

impl NewRecord {
    /// Its id, which it keeps for good.
    #[must_use]
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// The stream that it will stand in.
    #[must_use]
    pub const fn stream(&self) -> Stream {
        self.stream
    }
}

/// Makes records of this node.
#[derive(Clone)]
pub struct RecordMaker {
    source: Source,
    clock: Arc<dyn Clock>,
    /// Whether the clock is believed; clones share it.
    clock_ok: Arc<AtomicBool>,
}

impl RecordMaker {
    /// Records of `node`, stamped by `clock`.
    #[must_use]
    pub fn new(node: NodeId, clock: Arc<dyn Clock>) -> Self {
        Self { source: Source::Node(node), clock, clock_ok: Arc::new(AtomicBool::new(true)) }
    }

    /// Says whether the clock is right, as far as anyone can tell: records of a clock that is off say so (AS-094).
    pub fn set_clock_ok(&self, ok: bool) {
        self.clock_ok.store(ok, Ordering::Relaxed);
    }

    /// A fresh id.
    #[must_use]
    pub fn id(&self) -> EventId {
        EventId::new(unix_ms(self.clock.now()), rand::random())
    }

    /// A record about `subject`, such as `visit/{id}`; for documents `subject` is the key.
    ///
    /// # Errors
    /// [`JournalError::TooLarge`].
    pub fn make(&self, body: &Body, subject: String, cause: Cause<'_>) -> Result<NewRecord, JournalError> {
        let Cause { causation, traceparent } = cause;
        let mut event = self.bare(body.type_name(), &subject);
        event.causationid = causation;
        event.traceparent = traceparent.map(str::to_owned);
        event.data = Some(raw(body)?);
        let id = event.id;
        let event = event.to_stored().map_err(JournalError::TooLarge)?;
        let stream = body.stream();
        let key = match stream.class() {
            Class::B => Some(subject),
            Class::A | Class::C => None,
        };
        Ok(NewRecord { stream, id, key, event })
    }

    /// The deletion of the reported document `key`.
    ///
    /// # Errors
    /// [`JournalError::TooLarge`].
    pub(super) fn deletion(&self, key: String) -> Result<NewRecord, JournalError> {
        let mut event = self.bare(REPORTED_SET, &key);
        event.data = Some(RawValue::from_string("null".to_owned()).map_err(no_json)?);
        let id = event.id;
        let event = event.to_stored().map_err(JournalError::TooLarge)?;
        Ok(NewRecord { stream: Stream::Reported, id, key: Some(key), event })
    }

    /// A body that is in force here as if the cloud had sent it. It never leaves the box.
    ///
    /// # Errors
    /// [`JournalError::TooLarge`].
    pub(super) fn desired(&self, key: &str, body: &Body) -> Result<Vec<u8>, JournalError> {
        let mut event = self.bare(body.type_name(), key);
        event.data = Some(raw(body)?);
        event.to_stored().map_err(JournalError::TooLarge)
    }

    /// An event of this node about `subject`, without its body.
    fn bare(&self, ty: &'static str, subject: &str) -> Event {
        let mut event = Event::bare(self.id(), self.source.clone(), EventType::literal(ty), self.clock.now());
        event.subject = Some(subject.to_owned());
        event.clockok = (!self.clock_ok.load(Ordering::Relaxed)).then_some(false);
        event
    }
}

fn no_json(error: serde_json::Error) -> JournalError {
    JournalError::TooLarge(EventError::new("data", error))
}

fn raw(body: &Body) -> Result<Box<RawValue>, JournalError> {
    body.to_raw().map_err(no_json)
}

/// What a record follows from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cause<'a> {
    /// The record or order that it follows from.
    pub causation: Option<EventId>,
    /// W3C trace context of the request.
    pub traceparent: Option<&'a str>,
}

impl<'a> Cause<'a> {
    /// Only a trace.
    #[must_use]
    pub fn traced(traceparent: Option<&'a str>) -> Self {
        Self { causation: None, traceparent }
    }
}

/// Milliseconds since 1970, for ids; 0 for what lies before.
#[must_use]
pub fn unix_ms(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp_millis()).unwrap_or(0)
}
