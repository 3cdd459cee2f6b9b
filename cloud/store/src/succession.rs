//! Which node of a store is its active one, and how another takes its place (AS-067, AS-069).
//!
//! Owns the columns `node.active`, `node.reclaim` and `down_log.successor`. Takes an operator's decision, or an enrolment that replaces
//! another; emits which node was replaced. Documents and orders that the old node has not applied move with the place, in the same
//! transaction; what is owed to the old one later is written to the new one's log. A unique index keeps a second active node out: of two boxes
//! that come for one store at once the later one waits for the earlier one and then decides again. On failure: nothing has changed.

use aisle_schemas::{
    event::Event,
    ids::NodeId,
    limits::DOCUMENTS_MAX,
    sync::{Epoch, Mark, Seq},
};

use crate::{
    db::Tx,
    down::DownStream,
    down_log::{self, Acked, DownRow, NewEpoch},
    error::StoreError,
    statement::{Text, run},
};

/// Records that move at a time: bounds memory, not the move.
const PAGE: usize = 1_000;

/// Looks at a store of which other boxes take the place at the same moment. Each failed one means that another succeeded.
const TRIES_MAX: u32 = 5;

/// Whose place may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nobody's: only a store without a node that may serve it gets this one.
    Vacant,
    /// Whoever's it is.
    Any,
}

/// A decision that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reclaimed {
    /// The node that was active before, where it was another one.
    pub replaced: Option<NodeId>,
    pub documents: usize,
    pub orders: usize,
}

/// Makes a node the active one of its store again, whatever its history; `None` where it is not enrolled. `random` is for a new epoch of its
/// down log. `acked` is what the store's nodes have applied as far as it is known and may not be written yet: an order that one box has carried
/// out is not for the next one.
pub async fn reclaim(tx: &mut Tx, node: &NodeId, acked: &[(NodeId, Acked)], random: u64) -> Result<Option<Reclaimed>, StoreError> {
    let row: Option<(bool,)> = run!(tx, fetch_optional: (bool,), pair "node/is_active", node)?;
    let Some((active,)) = row else { return Ok(None) };
    down_log::note_acked(tx, acked).await?;
    let nobody = Reclaimed { replaced: None, documents: 0, orders: 0 };
    let reclaimed = if active { nobody } else { activate(tx, node, Place::Any, random).await?.unwrap_or(nobody) };
    run!(tx, execute, "node/reclaim.sql", node)?;
    Ok(Some(reclaimed))
}

/// Makes a node the only active one of its store; `None` where the place is not to be had.
pub(crate) async fn activate(tx: &mut Tx, node: &NodeId, place: Place, random: u64) -> Result<Option<Reclaimed>, StoreError> {
    for _ in 0..TRIES_MAX {
        if place == Place::Vacant {
            let (vacant,): (bool,) = run!(tx, fetch_one: (bool,), "node/vacant.sql", &node.tenant, &node.store)?;
            if !vacant {
                return Ok(None);
            }
        }
        tx.savepoint().await?;
        match take_place(tx, node, random).await {
            Ok(reclaimed) => {
                tx.release().await?;
                return Ok(Some(reclaimed));
            }
            // Whoever was at it when we looked has committed by now, so that the next look sees it.
            Err(StoreError::Conflict(_)) => tx.undo().await?,
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::PlaceContested(node.clone()))
}

async fn take_place(tx: &mut Tx, node: &NodeId, random: u64) -> Result<Reclaimed, StoreError> {
    let (tenant, store) = (&node.tenant, &node.store);
    let before: Option<(Text<NodeId>,)> = run!(tx, fetch_optional: (Text<NodeId>,), "node/predecessor.sql", tenant, store, node)?;
    run!(tx, execute, "node/deactivate.sql", tenant, store, node)?;
    run!(tx, execute, "node/activate.sql", node)?;
    // Locks all logs of the store, so that nobody writes to one that is being left.
    run!(tx, execute, "down/succeed.sql", tenant, store, node)?;
    let Some((Text(before),)) = before else { return Ok(Reclaimed { replaced: None, documents: 0, orders: 0 }) };
    let (documents, orders) = take_over(tx, node, &before).await?;
    // The reader cannot know these numbers; a new epoch also ends documents that it has and its predecessor has not (AS-062).
    down_log::begin_epoch(tx, node, NewEpoch { peer: None::<Epoch>, mark_min: Mark::ZERO, random }).await?;
    Ok(Reclaimed { replaced: Some(before), documents, orders })
}

async fn take_over(tx: &mut Tx, node: &NodeId, before: &NodeId) -> Result<(usize, usize), StoreError> {
    run!(tx, execute, "down/clear_orders.sql", node)?;
    run!(tx, execute, "down/clear_documents.sql", node)?;
    let (mut orders, mut after) = (0, down_log::state(tx, before).await?.order.acked);
    loop {
        let page = down_log::read(tx, before, DownStream::Order, after, PAGE).await?.rows;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for DownRow { seq, id, event, crc, relogof: _ } in &page {
            run!(tx, execute, "down/insert_order.sql", node, *seq, *id, event.as_slice(), *crc)?;
        }
        orders += page.len();
    }
    let (mut documents, mut after) = (0, Seq::ZERO);
    loop {
        let page = down_log::read(tx, before, DownStream::Desired, after, PAGE).await?.rows;
        let Some(last) = page.last() else { return Ok((documents, orders)) };
        after = last.seq;
        for DownRow { seq, id, event, crc, relogof: _ } in &page {
            let parsed = Event::parse(event).map_err(StoreError::Record)?;
            // A new epoch ends what it does not name, so deletions need not be told.
            if parsed.deletes() {
                continue;
            }
            let key = parsed.subject.as_deref().unwrap_or_default();
            run!(tx, execute, "down/put_document.sql", node, key, *seq, *id, event.as_slice(), *crc, false, DOCUMENTS_MAX)?;
            documents += 1;
        }
    }
}
