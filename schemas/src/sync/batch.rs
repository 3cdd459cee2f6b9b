//! BATCH: a JSON array whose first element is the header event and whose others are the records (AS-099).
//!
//! Owns encoder and decoder. The encoder splices stored bytes and parses nothing; the decoder hands out each record both parsed and as the
//! bytes that came, so that a journal keeps what was sent. On failure: [`EventError`]; a batch that does not parse is `bad` as a whole.

use serde_json::value::RawValue;

use super::{
    message::{BatchHeader, Message},
    position::{Epoch, Seq, Stream},
};
use crate::{
    event::{self, Event, EventError},
    limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, JSON_DEPTH_MAX},
};

/// Most bytes of a header element with its brackets: fixed members plus the longest ids and numbers.
pub const HEADER_BYTES_MAX: usize = 700;

/// Builds the payload of one BATCH.
#[derive(Debug)]
pub struct BatchEncoder {
    out: Vec<u8>,
    stream: Stream,
    epoch: Epoch,
}

impl BatchEncoder {
    /// Starts with the header. `stream` and `epoch` are also those of the records.
    pub fn new(header: &Message<BatchHeader>, stream: Stream, epoch: Epoch) -> Self {
        let mut out = Vec::with_capacity(4096);
        out.push(b'[');
        out.extend_from_slice(&header.encode());
        Self { out, stream, epoch }
    }

    /// Appends one record in its stored form.
    pub fn push(&mut self, seq: Seq, stored: &[u8], relogof: Option<&str>) {
        self.out.push(b',');
        event::frame_into(&mut self.out, stored, self.stream, self.epoch, seq, relogof);
    }

    /// The payload.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.push(b']');
        self.out
    }
}

/// A decoded BATCH.
#[derive(Debug, Clone)]
pub struct Batch<'a> {
    pub header: Message<BatchHeader>,
    /// In rising seq, all within the header's range, of its stream and epoch.
    pub records: Vec<(Seq, Event, &'a [u8])>,
}

impl<'a> Batch<'a> {
    /// Parses and checks what needs no state: sizes, order, range, and that each record belongs to the header's stream and epoch.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, EventError> {
        if bytes.len() > BATCH_BYTES_MAX {
            return Err(EventError::new("json", format!("{} bytes are more than {BATCH_BYTES_MAX}", bytes.len())));
        }
        event::check_depth(bytes, JSON_DEPTH_MAX + 1)?;
        let elements: Vec<&'a RawValue> = serde_json::from_slice(bytes).map_err(|error| EventError::new("json", error))?;
        let (first, rest) = elements.split_first().ok_or_else(|| EventError::new("json", "has no header"))?;
        if rest.len() > BATCH_RECORDS_MAX {
            return Err(EventError::new("json", format!("{} records are more than {BATCH_RECORDS_MAX}", rest.len())));
        }
        let header = Message::<BatchHeader>::decode(first.get().as_bytes())?;
        let mut previous = header.body.after;
        let mut records = Vec::with_capacity(rest.len());
        for raw in rest {
            let bytes = raw.get().as_bytes();
            let record = Event::parse(bytes)?;
            if record.stream != header.stream {
                return Err(EventError::new("stream", "differs from the header's"));
            }
            if record.epoch != header.epoch {
                return Err(EventError::new("epoch", "differs from the header's"));
            }
            let seq = record.seq.ok_or_else(|| EventError::new("seq", "is missing"))?;
            if seq <= previous || seq > header.body.to {
                return Err(EventError::new("seq", format!("{seq} is not above {previous} and up to {}", header.body.to)));
            }
            previous = seq;
            records.push((seq, record, bytes));
        }
        Ok(Self { header, records })
    }
}
