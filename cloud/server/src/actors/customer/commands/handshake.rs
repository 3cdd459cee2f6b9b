//! What a handshake needs to know of its customer.
//!
//! Owns a question; changes nothing: the steps of a handshake stand in its own rows, with the records of consent beside them.

use aisle_schemas::{
    ids::{StoreId, VisitId},
    text::Language,
};

use crate::{
    actors::customer::{Command, Decided, World, state::Customer},
    problem::Refusal,
};

/// Where the customer is, and what they speak.
pub struct GetSharer;

/// See [`GetSharer`].
#[derive(Debug, Clone)]
pub struct Sharer {
    /// The open visit and its store.
    pub visit: Option<(VisitId, StoreId)>,
    pub language: Language,
}

impl Command for GetSharer {
    type Answer = Sharer;
    const NAME: &'static str = "get_sharer";
    fn decide(&self, customer: &Customer, _world: &World) -> Result<Decided<Sharer>, Refusal> {
        let visit = customer.visit.as_ref().map(|visit| (visit.visit, visit.store.clone()));
        Ok(Decided::answer(Sharer { visit, language: customer.profile.language }))
    }
}
