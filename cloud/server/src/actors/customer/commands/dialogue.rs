//! The dialogue that a tap on an NFC display starts (A34), only for who has opted in to it (A32).
//!
//! Owns its sentences and what each reply does. The tap's code is used in the same transaction that starts the dialogue, so a second phone
//! is refused. Emits an order to the display, which then says that somebody keeps the offer, and `bookmark` where one is kept.

use actix_web::http::StatusCode;
use aisle_cloud_core::{
    consent::{Channel, Purpose},
    ranking::{TasteEvent, TasteKey},
};
use aisle_schemas::{
    code::Code,
    code::CodeSubject,
    http::cloud::{Dialogue, DialogueChoice, DialogueLine, Outcome},
    ids::{DialogueId, EventId},
    nfc::TapKept,
    record::Body,
    text::LocalText,
};
use aisle_store::{
    DownStream, DownWrite,
    customer::{DialogueRow, OutcomeRow},
    customer_commit::TapUse,
};
use chrono::TimeDelta;

use super::bookmark;
use crate::{
    actors::customer::{Command, Decided, World, change::Changes, state::Customer, view},
    catalogue::LiveOffer,
    fresh,
    problem::Refusal,
    settings::Settings,
};

/// How long a display may still say that somebody keeps the offer.
const KEPT_SHOWN: TimeDelta = TimeDelta::seconds(20);
const FROM_STORE: &str = "store";
const FROM_CUSTOMER: &str = "customer";

/// Claim the code of a display. The code was verified by the route, which has the store's key.
pub struct ClaimTap {
    pub code: Code,
}

impl Command for ClaimTap {
    type Answer = Dialogue;
    const NAME: &'static str = "claim_tap";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Dialogue>, Refusal> {
        let CodeSubject::Tap { display, offer } = &self.code.subject else {
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "malformed").field("/code").detail("this is the code of a door"));
        };
        if !customer.allows(Purpose::InstoreContext, Some(Channel::InApp), &world.catalogue.texts, world.now) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "no_consent").detail("the dialogue needs your consent to offers in the store"));
        }
        let Some(store) = world.settings.stores.get(&self.code.store) else { return Err(Refusal::not_found("store")) };
        let live = offer.and_then(|offer| world.catalogue.in_force(offer, world.now));
        let row = DialogueRow {
            dialogue: fresh::id(world.now, DialogueId::new),
            customer: customer.id(),
            store: self.code.store.clone(),
            display: Some(display.clone()),
            offer: live.map(|live| live.offer.offer),
            lines: vec![DialogueLine { from: FROM_STORE.to_owned(), text: greeting(live, &store.profile.name), at: world.now }],
            done: live.is_none(),
            at: world.now,
        };
        let kept = Body::TapKept(Box::new(TapKept { display: display.clone(), offer: row.offer, expires: world.now + KEPT_SHOWN }));
        let order = DownWrite {
            node: store.node.clone(),
            stream: DownStream::Order,
            id: fresh::id(world.now, EventId::new),
            type_name: kept.type_name().to_owned(),
            subject: format!("nfc/{display}"),
            data: Some(kept.to_raw().map_err(Refusal::unavailable)?),
            at: world.now,
            traceparent: world.traceparent.clone(),
        };
        let used = TapUse {
            store: self.code.store.clone(),
            nonce: self.code.nonce,
            expires_at: self.code.issued_at + TimeDelta::seconds(aisle_schemas::code::CODE_LIFE_S),
        };
        let answer = view::dialogue(customer, &world.catalogue, &row);
        let mut changes = Changes { dialogue: Some(row), tap_used: Some(used), down: vec![order], ..Changes::default() };
        if let Some(live) = live {
            let product = &live.offer.product;
            let tap = TasteEvent::Tap { item: TasteKey::item(&product.sku), category: TasteKey::category(&product.category) };
            bookmark::learn(customer, &mut changes, tap, world);
        }
        Ok(Decided { changes, answer })
    }
    fn conflict(&self) -> Refusal {
        Refusal::conflict("replayed").field("/code").detail("this code was used before")
    }
}

/// Look at a dialogue. The row was read by the route; a newer one in memory wins.
pub struct GetDialogue(pub DialogueRow);

impl Command for GetDialogue {
    type Answer = Dialogue;
    const NAME: &'static str = "get_dialogue";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Dialogue>, Refusal> {
        let row = own(customer, &self.0)?;
        Ok(Decided::answer(view::dialogue(customer, &world.catalogue, row)))
    }
}

/// Answer in a dialogue.
pub struct Reply {
    pub row: DialogueRow,
    pub choice: DialogueChoice,
}

impl Command for Reply {
    type Answer = Dialogue;
    const NAME: &'static str = "reply";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Dialogue>, Refusal> {
        let mut row = own(customer, &self.row)?.clone();
        let asked = sentence(self.choice);
        if row.lines.iter().any(|line| line.from == FROM_CUSTOMER && line.text == asked) {
            return Ok(Decided::answer(view::dialogue(customer, &world.catalogue, &row)));
        }
        let live = row.offer.and_then(|offer| world.catalogue.published(offer));
        let Some(live) = live.filter(|_| !row.done) else { return Err(Refusal::conflict("dialogue_over")) };
        let offer = live.offer.offer;
        let mut changes = Changes::default();
        let answer = match self.choice {
            DialogueChoice::Keep => {
                if !customer.has_bookmark(offer) {
                    if customer.bookmarks.len() >= bookmark::BOOKMARKS_MAX {
                        return Err(Refusal::conflict("bookmarks_full"));
                    }
                    bookmark::add(customer, &mut changes, offer, world);
                    bookmark::told(customer, &mut changes, world);
                }
                LocalText::new("Gemerkt. Sie finden es auf Ihrem Merkzettel.", "Kept. You find it on your list.")
            }
            DialogueChoice::WhereIsIt => place(live, &row, &world.settings),
            DialogueChoice::MoreLikeThis => alternative(live, &row, world),
            DialogueChoice::NotInteresting => {
                row.done = true;
                changes.outcomes.push(OutcomeRow {
                    channel: "in_app".to_owned(),
                    outcome: Outcome::NotInteresting,
                    category: Some(live.offer.product.category.to_string()),
                    offer: Some(offer),
                    at: world.now,
                });
                if let Some(card) = customer.card_of(offer) {
                    changes.cards_removed.push(card.card);
                    changes.tell_removed(&view::card(customer, &world.catalogue, card).into_iter().collect::<Vec<_>>());
                }
                LocalText::new("In Ordnung, das zeigen wir Ihnen seltener.", "All right, we will show you less of this.")
            }
        };
        row.lines.push(DialogueLine { from: FROM_CUSTOMER.to_owned(), text: asked, at: world.now });
        row.lines.push(DialogueLine { from: FROM_STORE.to_owned(), text: answer, at: world.now });
        let mut next = customer.clone();
        next.bookmarks.extend(changes.bookmarks_put.iter().cloned());
        let answer = view::dialogue(&next, &world.catalogue, &row);
        changes.dialogue = Some(row);
        Ok(Decided { changes, answer })
    }
}

/// The row, if it is this customer's.
fn own<'a>(customer: &'a Customer, row: &'a DialogueRow) -> Result<&'a DialogueRow, Refusal> {
    if row.customer != customer.id() {
        return Err(Refusal::not_found("dialogue"));
    }
    Ok(customer.dialogues.get(&row.dialogue).filter(|newer| newer.lines.len() > row.lines.len()).unwrap_or(row))
}

/// Replies that were given. They are fixed sentences, so the lines tell.
pub fn chosen(row: &DialogueRow) -> Vec<DialogueChoice> {
    let given = |choice: &DialogueChoice| row.lines.iter().any(|line| line.from == FROM_CUSTOMER && line.text == sentence(*choice));
    [DialogueChoice::Keep, DialogueChoice::WhereIsIt, DialogueChoice::MoreLikeThis, DialogueChoice::NotInteresting]
        .into_iter()
        .filter(given)
        .collect()
}

fn sentence(choice: DialogueChoice) -> LocalText {
    match choice {
        DialogueChoice::Keep => LocalText::new("Merken", "Keep it"),
        DialogueChoice::WhereIsIt => LocalText::new("Wo finde ich das?", "Where do I find it?"),
        DialogueChoice::MoreLikeThis => LocalText::new("Gibt es noch so etwas?", "Is there more like this?"),
        DialogueChoice::NotInteresting => LocalText::new("Interessiert mich nicht", "Not for me"),
    }
}

fn greeting(live: Option<&LiveOffer>, store: &str) -> LocalText {
    match live {
        Some(live) => {
            let name = &live.offer.product.name;
            LocalText::new(
                format!("{} haben Sie gerade angetippt. Was dürfen wir dazu tun?", name.de),
                format!("You have just tapped {}. What may we do about it?", name.en),
            )
        }
        None => LocalText::new(format!("Willkommen bei {store}."), format!("Welcome to {store}.")),
    }
}

/// Where the goods stand, as far as the offer and the store's plan tell.
fn place(live: &LiveOffer, row: &DialogueRow, settings: &Settings) -> LocalText {
    let zone = live.offer.target.zones.first().and_then(|zone| {
        let plan = &settings.stores.get(&row.store)?.profile.zones;
        plan.iter().find(|planned| planned.zone == *zone)
    });
    match zone {
        Some(zone) => LocalText::new(format!("Im Bereich {}.", zone.name.de), format!("In the area {}.", zone.name.en)),
        None => LocalText::new("Unser Team zeigt es Ihnen gern.", "Our team will gladly show you."),
    }
}

/// Another offer of the same category here and now.
fn alternative(live: &LiveOffer, row: &DialogueRow, world: &World) -> LocalText {
    let (asked, here) = (&live.offer.product, world.now);
    let same = |other: &&std::sync::Arc<LiveOffer>| {
        let product = &other.offer.product;
        // Dog food is no answer to a question about cat food.
        let is_sibling =
            product.sibling_group.is_some() && product.sibling_group == asked.sibling_group && product.category != asked.category;
        product.sku != asked.sku && !is_sibling && department(&product.category) == department(&asked.category)
    };
    let other = world.catalogue.at_store(&row.store, here).find(same);
    match other {
        Some(other) => {
            let name = &other.offer.product.name;
            let price = other.offer.price;
            LocalText::new(
                format!("Dazu passt: {}, {}.", name.de, amount(price, ',')),
                format!("This goes with it: {}, {}.", name.en, amount(price, '.')),
            )
        }
        None => LocalText::new("Gerade haben wir nichts Ähnliches im Angebot.", "We have nothing similar on offer right now."),
    }
}

/// A category's department: what stands before its first hyphen.
fn department(category: &aisle_schemas::ids::CategoryId) -> &str {
    category.as_str().split('-').next().unwrap_or_default()
}

fn amount(price: aisle_schemas::content::Money, point: char) -> String {
    use aisle_schemas::content::Currency;
    let sign = match price.currency {
        Currency::Eur => "€",
        Currency::Chf => "CHF",
        Currency::Gbp => "£",
        Currency::Usd => "$",
    };
    format!("{}{point}{:02} {sign}", price.minor / 100, price.minor % 100)
}

#[cfg(test)]
mod tests {
    use aisle_schemas::content::{Currency, Money};

    use super::*;

    #[test]
    fn amounts_have_two_digits_after_the_point() {
        let price = Money { minor: 1205, currency: Currency::Eur };
        assert_eq!((amount(price, ',').as_str(), amount(price, '.').as_str()), ("12,05 €", "12.05 €"));
    }
}
