//! Between the wire's names and the core's: channels, contexts, outcomes, home elements, legal texts, consent records.
//!
//! Owns every conversion that more than one place needs, so that a change of format stops here. Emits `None` or an error for a name that
//! means nothing; never guesses.

use aisle_cloud_core::{
    consent::{self, Channel, ConsentKey, ConsentRecord, ConsentState, Epoch, Method, Purpose, TextChange, TextVersion},
    gate::{attention::ReactionKind, candidate::MessageChannel},
    home::{self, Element},
    ids::{LegalTextId, Tag},
};
use aisle_schemas::{
    http::cloud::{self as http, ContextClass, Home, HomeElement, Outcome},
    ids::{CampaignId, CustomerId},
    text::Language,
};
use aisle_store::customer::ConsentRow;

/// A stored value that the core does not know: written by a newer release, or damaged.
#[derive(Debug, thiserror::Error)]
#[error("the stored {what} {value:?} means nothing here")]
pub struct Unreadable {
    pub what: &'static str,
    pub value: String,
}

fn unreadable(what: &'static str, value: &str) -> Unreadable {
    Unreadable { what, value: value.to_owned() }
}

/// The channel of messages that the wire calls `name`. A card in the own feed is what `in_app` means.
pub fn message_channel(name: &str) -> Option<MessageChannel> {
    match Channel::parse(name)? {
        Channel::Push => Some(MessageChannel::PhonePush),
        Channel::Watch => Some(MessageChannel::Watch),
        Channel::Sms => Some(MessageChannel::Sms),
        Channel::Email => Some(MessageChannel::Email),
        Channel::InApp => Some(MessageChannel::OwnFeed),
        Channel::Staff => Some(MessageChannel::StaffMention),
        Channel::Print => None,
    }
}

/// The wire's name of a channel of messages.
pub fn channel_name(channel: MessageChannel) -> &'static str {
    channel.consent_channel().map_or("screen", Channel::as_str)
}

/// Channels of messages that a person switches with one switch.
pub fn channels_of(channel: Channel) -> impl Iterator<Item = MessageChannel> {
    MessageChannel::ALL.into_iter().filter(move |message| message.consent_channel() == Some(channel))
}

/// The label under which caps count a campaign's messages.
pub fn campaign_tag(campaign: CampaignId) -> Tag {
    Tag::parse(&campaign.0.simple().to_string()).expect("32 hex digits are a tag")
}

pub fn context_to_wire(class: home::ContextClass) -> ContextClass {
    match class {
        home::ContextClass::Home => ContextClass::Home,
        home::ContextClass::Transit => ContextClass::Transit,
        home::ContextClass::NearStore => ContextClass::NearStore,
        home::ContextClass::InStore => ContextClass::InStore,
        home::ContextClass::AtTill => ContextClass::AtTill,
        home::ContextClass::PostVisit => ContextClass::PostVisit,
    }
}

pub fn reaction(outcome: Outcome) -> ReactionKind {
    match outcome {
        Outcome::Opened => ReactionKind::Opened,
        Outcome::Dismissed => ReactionKind::Dismissed,
        Outcome::Ignored => ReactionKind::Ignored,
        Outcome::NotInteresting => ReactionKind::NotInteresting,
        Outcome::Converted => ReactionKind::Converted,
    }
}

/// Elements the shop draws so far; the others belong to capabilities that are not there yet.
fn element(element: Element) -> Option<HomeElement> {
    match element {
        Element::Scanner => Some(HomeElement::Scanner),
        Element::CheckIn => Some(HomeElement::CheckIn),
        Element::OffersHere | Element::Feed => Some(HomeElement::Offers),
        Element::Inspiration => Some(HomeElement::Inspiration),
        Element::WishList => Some(HomeElement::Bookmarks),
        Element::Receipt => Some(HomeElement::Receipt),
        Element::Basket | Element::Pay | Element::ExitCode | Element::ShoppingList | Element::NextStore | Element::Feedback => None,
    }
}

/// The home page of a class; who is in a store can always leave it.
pub fn home(class: home::ContextClass) -> Home {
    let mut elements: Vec<HomeElement> = Vec::new();
    for wanted in home::screen_variant(class).elements.iter().filter_map(|wanted| element(*wanted)) {
        if !elements.contains(&wanted) {
            elements.push(wanted);
        }
    }
    match class {
        home::ContextClass::InStore | home::ContextClass::AtTill => elements.push(HomeElement::CheckOut),
        home::ContextClass::Home | home::ContextClass::Transit | home::ContextClass::NearStore | home::ContextClass::PostVisit => {
            if !elements.contains(&HomeElement::CheckIn) {
                elements.push(HomeElement::CheckIn);
            }
        }
    }
    Home { context: context_to_wire(class), elements }
}

/// A published text as the core knows it.
pub fn legal_text(text: &http::LegalText) -> Result<consent::LegalText, Unreadable> {
    let mut sha256 = [0; 32];
    hex::decode_to_slice(&text.sha256, &mut sha256).map_err(|_| unreadable("text hash", &text.sha256))?;
    Ok(consent::LegalText {
        version: text_version(&text.id, text.version, text.language)?,
        sha256,
        valid_from: text.valid_from,
        valid_to: text.valid_to,
        change: match text.requires_renewal_from {
            Some(requires_renewal_from) => TextChange::Material { requires_renewal_from },
            None => TextChange::Editorial,
        },
    })
}

pub fn text_version(id: &str, version: u32, language: Language) -> Result<TextVersion, Unreadable> {
    let id = LegalTextId::parse(id).map_err(|_| unreadable("legal text", id))?;
    Ok(TextVersion { id, version, locale: language.as_str().to_owned() })
}

/// A consent row as the core knows it.
pub fn consent_record(customer: CustomerId, row: &ConsentRow) -> Result<ConsentRecord, Unreadable> {
    let purpose = Purpose::parse(&row.purpose).ok_or_else(|| unreadable("purpose", &row.purpose))?;
    let channel = match &row.channel {
        Some(name) => Some(Channel::parse(name).ok_or_else(|| unreadable("channel", name))?),
        None => None,
    };
    Ok(ConsentRecord {
        id: row.consent,
        customer,
        key: ConsentKey { purpose, channel, partner: None },
        state: if row.granted { ConsentState::Granted } else { ConsentState::Withdrawn },
        text: text_version(&row.legal_text, row.text_version, row.language)?,
        text_sha256: row.text_sha256,
        method: Method::parse(&row.method).ok_or_else(|| unreadable("method", &row.method))?,
        rendered_sha256: row.shown_sha256,
        evidence: None,
        occurred_at: row.occurred_at,
        recorded_at: row.recorded_at,
        expires_at: row.expires_at,
        supersedes: row.supersedes,
        epoch: Epoch(row.epoch),
    })
}

/// The row of a record that was just decided.
pub fn consent_row(record: &ConsentRecord) -> ConsentRow {
    ConsentRow {
        consent: record.id,
        purpose: record.key.purpose.as_str().to_owned(),
        channel: record.key.channel.map(|channel| channel.as_str().to_owned()),
        granted: record.state == ConsentState::Granted,
        legal_text: record.text.id.to_string(),
        text_version: record.text.version,
        language: Language::parse(&record.text.locale).unwrap_or_default(),
        text_sha256: record.text_sha256,
        shown_sha256: record.rendered_sha256,
        method: record.method.as_str().to_owned(),
        occurred_at: record.occurred_at,
        recorded_at: record.recorded_at,
        expires_at: record.expires_at,
        supersedes: record.supersedes,
        epoch: record.epoch.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_page_begins_with_the_scanner_and_ends_with_the_way_out() {
        let elements = home(home::ContextClass::InStore).elements;
        assert_eq!((elements.first(), elements.last()), (Some(&HomeElement::Scanner), Some(&HomeElement::CheckOut)));
        for class in home::ContextClass::ALL {
            let page = home(class);
            assert_eq!(page.elements.contains(&HomeElement::Scanner), class == home::ContextClass::InStore, "{class:?}");
        }
    }

    #[test]
    fn every_switchable_channel_names_itself_back() {
        for channel in Channel::ALL {
            for message in channels_of(channel) {
                assert_eq!(channel_name(message), channel.as_str());
            }
        }
    }
}
