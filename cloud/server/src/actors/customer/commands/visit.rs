//! The customer's way out of a visit.
//!
//! Owns the command of check-out through the cloud. The store decides when the visit ends; the cloud orders it and hears of it. Ordering twice
//! is harmless: the store closes a visit once.

use aisle_schemas::{
    ids::{EventId, VisitId},
    record::Body,
    visit::{CloseReason, CloseVisit},
};
use aisle_store::{DownStream, DownWrite};

use crate::{
    actors::customer::{Command, Decided, World, change::Changes, state::Customer},
    fresh,
    problem::Refusal,
};

/// Check out.
pub struct CheckOut(pub VisitId);

impl Command for CheckOut {
    type Answer = ();
    const NAME: &'static str = "check_out";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<()>, Refusal> {
        let Self(visit) = *self;
        let open = match &customer.visit {
            Some(open) if open.visit == visit => open,
            Some(_) | None => {
                let closed = customer.last_visit.as_ref().is_some_and(|last| last.visit == visit);
                return Err(if closed { Refusal::conflict("visit_closed") } else { Refusal::not_found("visit") });
            }
        };
        let body = Body::CloseVisit(Box::new(CloseVisit { visit, reason: CloseReason::CheckedOut }));
        let order = DownWrite {
            node: open.node.clone(),
            stream: DownStream::Order,
            id: fresh::id(world.now, EventId::new),
            type_name: body.type_name().to_owned(),
            subject: format!("visit/{visit}"),
            data: Some(body.to_raw().map_err(Refusal::unavailable)?),
            at: world.now,
            traceparent: world.traceparent.clone(),
        };
        Ok(Decided { changes: Changes { down: vec![order], ..Changes::default() }, answer: () })
    }
}
