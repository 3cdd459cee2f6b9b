//! Marking offers.
//!
//! Owns the commands of the wish list. Marking twice is marking once. Emits `bookmark` on the own stream, so that the other phone follows.

use aisle_cloud_core::ranking::{TasteEvent, TasteKey};
use aisle_schemas::{http::cloud::Bookmarks, ids::OfferId};
use aisle_store::customer::BookmarkRow;

use crate::{
    actors::customer::{Command, Decided, World, change::Changes, state::Customer, view},
    problem::Refusal,
};

/// Offers one customer may have marked.
pub const BOOKMARKS_MAX: usize = 500;

/// The wish list.
pub struct GetBookmarks;

impl Command for GetBookmarks {
    type Answer = Bookmarks;
    const NAME: &'static str = "get_bookmarks";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Bookmarks>, Refusal> {
        Ok(Decided::answer(view::bookmarks(customer, &world.catalogue)))
    }
}

/// Mark an offer.
pub struct Mark(pub OfferId);

impl Command for Mark {
    type Answer = Bookmarks;
    const NAME: &'static str = "mark";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Bookmarks>, Refusal> {
        let Self(offer) = *self;
        if world.catalogue.published(offer).is_none() {
            return Err(Refusal::not_found("offer").field("/offer"));
        }
        if customer.has_bookmark(offer) {
            return Ok(Decided::answer(view::bookmarks(customer, &world.catalogue)));
        }
        if customer.bookmarks.len() >= BOOKMARKS_MAX {
            return Err(Refusal::conflict("bookmarks_full").detail("a wish list holds at most 500 offers"));
        }
        let mut changes = Changes::default();
        add(customer, &mut changes, offer, world);
        Ok(after(customer, changes, world))
    }
}

/// Unmark an offer.
pub struct Unmark(pub OfferId);

impl Command for Unmark {
    type Answer = Bookmarks;
    const NAME: &'static str = "unmark";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Bookmarks>, Refusal> {
        let Self(offer) = *self;
        if !customer.has_bookmark(offer) {
            return Ok(Decided::answer(view::bookmarks(customer, &world.catalogue)));
        }
        let mut changes = Changes { bookmarks_removed: vec![offer], ..Changes::default() };
        if let Some(item) = item(offer, world) {
            learn(customer, &mut changes, TasteEvent::WishTakenBack { item }, world);
        }
        Ok(after(customer, changes, world))
    }
}

/// Adds a mark, and what it says about taste, to what else changes.
pub fn add(customer: &Customer, changes: &mut Changes, offer: OfferId, world: &World) {
    changes.bookmarks_put.push(BookmarkRow { offer, at: world.now });
    if let Some(item) = item(offer, world) {
        learn(customer, changes, TasteEvent::Wish { item }, world);
    }
}

fn item(offer: OfferId, world: &World) -> Option<TasteKey> {
    world.catalogue.published(offer).map(|live| TasteKey::item(&live.offer.product.sku))
}

/// Takes a sign of interest into the customer's taste.
pub fn learn(customer: &Customer, changes: &mut Changes, event: TasteEvent<'_>, world: &World) {
    let mut taste = customer.taste.clone();
    taste.learn(event, world.now);
    changes.taste = Some(taste.to_bytes());
}

/// The list as it is once the changes are committed, told and answered.
fn after(customer: &Customer, mut changes: Changes, world: &World) -> Decided<Bookmarks> {
    let answer = told(customer, &mut changes, world);
    Decided { changes, answer }
}

/// Tells the list as it will be.
pub fn told(customer: &Customer, changes: &mut Changes, world: &World) -> Bookmarks {
    let mut next = customer.clone();
    next.bookmarks.retain(|mark| !changes.bookmarks_removed.contains(&mark.offer));
    next.bookmarks.extend(changes.bookmarks_put.iter().cloned());
    let bookmarks = view::bookmarks(&next, &world.catalogue);
    changes.tell("bookmark", &bookmarks);
    bookmarks
}
