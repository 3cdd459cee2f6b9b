//! The cloud's log towards each node, as the owner's driver reads it.
//!
//! Owns the implementation of `SendLog`. Reads see the last commit; marks are raised in a fenced transaction (AS-072); acknowledgements are
//! kept in memory and written with the next presence round or HELLO.

use aisle_mesh::sync::log::{EpochRequest, LogError, LogRow, Rows, SendLog, SendState};
use aisle_schemas::{
    ids::NodeId,
    sync::{Count, Epoch, Mark, Seq, Stream},
};
use aisle_store::{
    DownStream, Tx,
    down_log::{self, Acked, DownPart, DownRow, NewEpoch},
    term,
};
use async_trait::async_trait;
use bytes::Bytes;

use super::{Ingest, OwnerError, hello::send_state, log_error};

#[async_trait]
impl SendLog for Ingest {
    async fn state(&self, node: &NodeId) -> Result<SendState, LogError> {
        let mut state = {
            let conn = &mut self.db.read().await.map_err(log_error)?;
            send_state(down_log::state(conn, node).await.map_err(log_error)?)
        };
        if let Some(Acked { epoch: _, order, desired }) = self.acks.of(node).filter(|acked| acked.epoch == state.epoch) {
            for (stream, seq) in [(Stream::Order, order), (Stream::Desired, desired)] {
                if let Some(state) = state.streams.get_mut(stream) {
                    state.acked = state.acked.max(seq).min(state.head());
                }
            }
        }
        Ok(state)
    }

    async fn read(&self, node: &NodeId, stream: Stream, after: Seq, max_records: usize, max_bytes: usize) -> Result<Rows, LogError> {
        let down = down_stream(stream)?;
        let conn = &mut self.db.read().await.map_err(log_error)?;
        let part = down_log::read(conn, node, down, after, max_records).await.map_err(log_error)?;
        Ok(cut(part, max_records, max_bytes))
    }

    async fn commit_sent(&self, node: &NodeId, epoch: Epoch, stream: Stream, high: Seq) -> Result<Mark, LogError> {
        let (down, holder, node) = (down_stream(stream)?, self.holder(node), node.clone());
        let work = async move |tx: &mut Tx| {
            if !term::holds(tx, node.partition(), &holder).await? {
                return Err(OwnerError::Fenced);
            }
            Ok(down_log::note_sent(tx, &node, epoch, down, high).await?)
        };
        let mark = self.db.write(move |tx| Box::pin(async move { work(tx).await })).await.map_err(LogError::from)?;
        mark.ok_or(LogError::OtherEpoch)
    }

    async fn commit_acked(&self, node: &NodeId, epoch: Epoch, stream: Stream, acked: Seq) -> Result<(), LogError> {
        self.acks.note(node, epoch, stream, acked);
        Ok(())
    }

    async fn begin_epoch(&self, node: &NodeId, request: &EpochRequest) -> Result<Epoch, LogError> {
        let (holder, node) = (self.holder(node), node.clone());
        let wish = NewEpoch { peer: request.peer_epoch, mark_min: request.mark_min, random: request.random };
        let work = async move |tx: &mut Tx| {
            if !term::holds(tx, node.partition(), &holder).await? {
                return Err(OwnerError::Fenced);
            }
            Ok(down_log::begin_epoch(tx, &node, wish).await?)
        };
        self.db.write(move |tx| Box::pin(async move { work(tx).await })).await.map_err(LogError::from)
    }
}

/// Only down streams are sent from here.
fn down_stream(stream: Stream) -> Result<DownStream, LogError> {
    DownStream::of(stream).ok_or_else(|| LogError::Storage(Box::new(NotSentFromHere(stream))))
}

#[derive(Debug, thiserror::Error)]
#[error("stream {0} is not sent by the cloud")]
struct NotSentFromHere(Stream);

/// Cuts rows to `max_bytes` by their size on the wire, but never to none.
fn cut(part: DownPart, max_records: usize, max_bytes: usize) -> Rows {
    let DownPart { epoch, head, rows: stored } = part;
    let mut rows: Vec<LogRow> = Vec::new();
    let mut bytes = 0;
    let mut limited = stored.len() >= max_records;
    for DownRow { seq, id, event, crc, relogof } in stored {
        let row = LogRow { seq, id, event: Bytes::from(event), crc, relogof };
        bytes += row.wire_bytes();
        if bytes > max_bytes && !rows.is_empty() {
            limited = true;
            break;
        }
        rows.push(row);
    }
    let to = match rows.last() {
        Some(last) if limited => last.seq,
        _ => head,
    };
    Rows { epoch, rows, to, left: Count::new(head.since(to)) }
}
