//! Loading one batch: read, check, AS-011, encode. The one step between a sender's wish and its send.
//!
//! Owns the choice of how many rows fit. Takes a [`LoadRequest`]; emits the payload and where it ends. A row whose checksum fails, or that
//! the peer could not read, travels as `aisle.log.corrupt.v1` under its own id and seq (AS-007). On failure: the log's error, nothing sent.

use aisle_schemas::{
    event::{Event, FRAME_BYTES_MAX, Source},
    ids::NodeId,
    limits::BATCH_RECORDS_MAX,
    sync::{BatchEncoder, BatchHeader, HEADER_BYTES_MAX, Message, Seq, Session, Term},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{
    codec::Stamp,
    log::{LogError, LogRow, SendLog},
    sender::{LoadRequest, Loaded},
};

/// Who sends the batch.
#[derive(Debug, Clone)]
pub struct LoadContext {
    /// The node whose log it is.
    pub node: NodeId,
    /// Who the events are from.
    pub source: Source,
    pub session: Session,
    /// On every message of the cloud.
    pub term: Option<Term>,
}

/// Loads what `request` asks for. The payload is empty where nothing was found.
pub async fn load<L: SendLog + ?Sized>(
    log: &L,
    context: &LoadContext,
    request: &LoadRequest,
    stamp: Stamp,
) -> Result<(Loaded, Bytes), LogError> {
    let LoadRequest { ticket, epoch, stream, base, after, max_records, max_bytes, reserved, corrupt } = *request;
    let room = max_bytes.saturating_sub(HEADER_BYTES_MAX);
    let found = log.read(&context.node, stream, after, max_records.min(BATCH_RECORDS_MAX), room).await?;
    if found.epoch != epoch {
        return Err(LogError::OtherEpoch);
    }
    let (records, cut) = choose(found.rows, room, corrupt, context, stamp);
    let to = cut.unwrap_or(found.to);
    if to <= after {
        return Ok((Loaded { ticket, to: after, bytes: 0 }, Bytes::new()));
    }
    let mark = match reserved {
        Some((mark, covers)) if to <= covers => mark,
        _ => log.commit_sent(&context.node, epoch, stream, to).await?,
    };
    let cut_off = found.to.since(to);
    let header = Message {
        id: stamp.id,
        source: context.source.clone(),
        time: stamp.time,
        session: Some(context.session),
        term: context.term,
        stream: Some(stream),
        epoch: Some(epoch),
        body: BatchHeader { after, to, mark, base, left: aisle_schemas::sync::Count::new(found.left.get() + cut_off) },
    };
    let mut encoder = BatchEncoder::new(&header, stream, epoch);
    for (seq, event, relogof) in &records {
        encoder.push(*seq, event, relogof.as_deref());
    }
    let payload = Bytes::from(encoder.finish());
    Ok((Loaded { ticket, to, bytes: payload.len() }, payload))
}

type Record = (Seq, Bytes, Option<String>);

/// The records that fit, and where the range ends if not all did.
fn choose(rows: Vec<LogRow>, room: usize, corrupt: Option<Seq>, context: &LoadContext, stamp: Stamp) -> (Vec<Record>, Option<Seq>) {
    let mut records: Vec<Record> = Vec::with_capacity(rows.len());
    let mut used = 0;
    for row in rows {
        let event = if row.is_intact() && corrupt != Some(row.seq) { row.event } else { as_corrupt(&row, context, stamp) };
        used += event.len() + FRAME_BYTES_MAX;
        if used > room && !records.is_empty() {
            let last = records.last().map(|(seq, ..)| *seq);
            return (records, last);
        }
        records.push((row.seq, event, row.relogof));
    }
    (records, None)
}

fn as_corrupt(row: &LogRow, context: &LoadContext, stamp: Stamp) -> Bytes {
    let event = Event::corrupt(row.id, context.source.clone(), stamp.time, STANDARD.encode(&row.event));
    Bytes::from(event.to_wire())
}
