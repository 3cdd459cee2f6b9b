//! Limits of request bodies that types alone do not hold: lengths, ranges, order of instants.
//!
//! Owns one [`Check`] per body of the cloud's routes. Takes parsed bodies; collects every fault with its JSON pointer, so that a form can
//! mark all fields at once. What needs state (does the offer exist?) is decided by the owner of that state.

use aisle_schemas::{
    content::{Content, ContentClass, Money},
    handshake::Scope,
    http::{
        FieldError,
        cloud::{
            AboutMe, BookmarkAdd, CampaignDraft, CandidateRequest, CloudCheckIn, ConsentChange, ContextReport, DialogueReply,
            HandshakeClaim, HandshakeGrant, LegalText, MeChange, OfferDraft, OperatorDecision, OutcomeReport, PassRequest, RelayCall,
            SalesReport, ScreenCommandRequest, SignInFinish, SignInStart, TapClaim,
        },
    },
    offer::Product,
    screen::ScreenCommandKind,
    text::LocalText,
};

use crate::problem::Refusal;

/// Longest pause a customer may set at once, days.
const PAUSE_DAYS_MAX: u16 = 365;
/// Passes that one request may ask for.
pub const PASSES_MAX: u8 = 5;
/// Wishes or sizes that a customer may note.
const ABOUT_ENTRIES_MAX: usize = 100;
/// Longest text of a message or content.
const TEXT_CHARS_MAX: usize = 500;
/// Largest price, minor units: a guard against slips, not a business rule.
const PRICE_MINOR_MAX: i64 = 100_000_000;

/// Seconds that a command to a screen may wait for it, and that it may last: what somebody does by hand, not a schedule.
const COMMAND_S: std::ops::RangeInclusive<u32> = 1..=3_600;

/// Faults found so far.
#[derive(Default)]
pub struct Faults(Vec<FieldError>);

impl Faults {
    pub fn add(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), reason: reason.into() });
    }
    pub fn into_result(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::invalid_fields(self.0)) }
    }
    fn require(&mut self, holds: bool, field: &str, reason: &str) {
        if !holds {
            self.add(field, reason);
        }
    }
    /// One line of at least `min` and at most `max` characters.
    fn line(&mut self, field: &str, text: &str, min: usize, max: usize) {
        let chars = text.chars().count();
        if text.chars().any(char::is_control) {
            self.add(field, "must be one line without control characters");
        } else if !(min..=max).contains(&chars) {
            self.add(field, format!("must have {min} to {max} characters"));
        }
    }
    fn hash(&mut self, field: &str, text: &str) {
        let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        self.require(is_hex, field, "must be 64 lower-case hex digits");
    }
    fn local(&mut self, field: &str, text: &LocalText, min: usize) {
        self.line(&format!("{field}/de"), &text.de, min, TEXT_CHARS_MAX);
        self.line(&format!("{field}/en"), &text.en, min, TEXT_CHARS_MAX);
    }
    fn unit(&mut self, field: &str, value: f64) {
        self.require((0.0..=1.0).contains(&value), field, "must be between 0 and 1");
    }
    fn money(&mut self, field: &str, money: Money) {
        self.require((0..=PRICE_MINOR_MAX).contains(&money.minor), &format!("{field}/minor"), "must be a price from 0 to 1 000 000.00");
    }
    fn product(&mut self, field: &str, product: &Product) {
        self.local(&format!("{field}/name"), &product.name, 1);
        for (name, text) in [("sibling_group", &product.sibling_group), ("image", &product.image)] {
            if let Some(text) = text {
                self.line(&format!("{field}/{name}"), text, 1, 80);
            }
        }
    }
    fn content(&mut self, field: &str, content: &Content) {
        self.local(&format!("{field}/headline"), &content.headline, 1);
        self.local(&format!("{field}/line"), &content.line, 0);
        for (name, text) in [("image", &content.image), ("segment", &content.segment)] {
            if let Some(text) = text {
                self.line(&format!("{field}/{name}"), text, 1, 80);
            }
        }
        for (name, price) in [("price", content.price), ("was", content.was)] {
            if let Some(price) = price {
                self.money(&format!("{field}/{name}"), price);
            }
        }
    }
}

/// A body's own limits.
pub trait Check {
    fn check(&self, faults: &mut Faults);
}

impl Check for SignInStart {
    fn check(&self, faults: &mut Faults) {
        faults.line("/email", &self.email, 3, 254);
    }
}

impl Check for SignInFinish {
    fn check(&self, faults: &mut Faults) {
        faults.line("/email", &self.email, 3, 254);
        faults.line("/code", &self.code, 1, 16);
    }
}

impl Check for MeChange {
    fn check(&self, faults: &mut Faults) {
        if let Some(days) = self.pause_days {
            faults.require(days <= PAUSE_DAYS_MAX, "/pause_days", "must be at most 365");
        }
        if let Some(switch) = &self.channel {
            let known = aisle_cloud_core::consent::Channel::parse(&switch.channel).is_some();
            faults.require(known, "/channel/channel", "is no channel");
        }
    }
}

impl Check for OutcomeReport {
    fn check(&self, _faults: &mut Faults) {}
}

impl Check for BookmarkAdd {
    fn check(&self, _faults: &mut Faults) {}
}

impl Check for DialogueReply {
    fn check(&self, _faults: &mut Faults) {}
}

impl Check for LegalText {
    fn check(&self, faults: &mut Faults) {
        faults.require(aisle_cloud_core::ids::LegalTextId::parse(&self.id).is_ok(), "/id", "must match [a-z0-9-]{1,32}");
        faults.require(self.version > 0, "/version", "must be at least 1");
        faults.require(aisle_cloud_core::consent::Purpose::parse(&self.purpose).is_some(), "/purpose", "is no purpose");
        faults.line("/title", &self.title, 1, 200);
        let chars = self.body.chars().count();
        faults.require((1..=20_000).contains(&chars), "/body", "must have 1 to 20000 characters");
        faults.require(self.valid_to.is_none_or(|to| to > self.valid_from), "/valid_to", "must be after valid_from");
    }
}

impl Check for ConsentChange {
    fn check(&self, faults: &mut Faults) {
        faults.require(aisle_cloud_core::consent::Purpose::parse(&self.purpose).is_some(), "/purpose", "is no purpose");
        if let Some(channel) = &self.channel {
            faults.require(aisle_cloud_core::consent::Channel::parse(channel).is_some(), "/channel", "is no channel");
        }
        faults.require(aisle_cloud_core::ids::LegalTextId::parse(&self.legal_text).is_ok(), "/legal_text", "must match [a-z0-9-]{1,32}");
        let hash = self.shown_sha256.len() == 64 && self.shown_sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        faults.require(hash, "/shown_sha256", "must be 64 lower-case hex digits");
    }
}

impl Check for PassRequest {
    fn check(&self, faults: &mut Faults) {
        faults.require((1..=PASSES_MAX).contains(&self.count), "/count", "must be 1 to 5");
    }
}

impl Check for CloudCheckIn {
    /// The code's own form is the code's affair: it answers `malformed`, which is what a phone can act on.
    fn check(&self, _faults: &mut Faults) {}
}

impl Check for TapClaim {
    fn check(&self, _faults: &mut Faults) {}
}

impl Check for AboutMe {
    fn check(&self, faults: &mut Faults) {
        if let Some(name) = &self.display_name {
            faults.line("/display_name", name, 1, 40);
        }
        faults.require(self.wishes.len() <= ABOUT_ENTRIES_MAX, "/wishes", "must have at most 100");
        for (at, wish) in self.wishes.iter().enumerate().take(ABOUT_ENTRIES_MAX) {
            faults.line(&format!("/wishes/{at}/text"), &wish.text, 1, 120);
        }
        faults.require(self.sizes.len() <= ABOUT_ENTRIES_MAX, "/sizes", "must have at most 100");
        for (at, size) in self.sizes.iter().enumerate().take(ABOUT_ENTRIES_MAX) {
            faults.line(&format!("/sizes/{at}/of"), &size.of, 1, 40);
            faults.line(&format!("/sizes/{at}/size"), &size.size, 1, 20);
        }
    }
}

impl Check for HandshakeClaim {
    fn check(&self, faults: &mut Faults) {
        faults.line("/code", &self.code, 1, 16);
        faults.hash("/nonce", &self.nonce);
    }
}

impl Check for HandshakeGrant {
    fn check(&self, faults: &mut Faults) {
        faults.require(self.scopes.len() <= Scope::ALL.len(), "/scopes", "names each scope once");
        faults.line("/legal_text", &self.legal_text, 1, 64);
        faults.hash("/shown_sha256", &self.shown_sha256);
    }
}

impl Check for RelayCall {
    fn check(&self, faults: &mut Faults) {
        match self {
            Self::Announce { commit, staff, device: _, device_sha256, wanted, reason, expires_at: _ } => {
                faults.hash("/commit", commit);
                faults.hash("/device_sha256", device_sha256);
                faults.line("/staff/staff", &staff.staff, 1, 32);
                faults.line("/staff/first_name", &staff.first_name, 1, 40);
                faults.line("/staff/role", &staff.role, 1, 40);
                if let Some(photo) = &staff.photo {
                    faults.line("/staff/photo", photo, 1, 80);
                }
                faults.require(wanted.len() <= Scope::ALL.len(), "/wanted", "names each scope once");
                faults.line("/reason", reason, 0, 200);
            }
            Self::Answer { ask: _, nonce, refused } => {
                if let Some(nonce) = nonce {
                    faults.hash("/nonce", nonce);
                }
                faults.require(nonce.is_some() != refused.is_some(), "/refused", "stands where no nonce does");
            }
            Self::Poll { .. } | Self::Renew | Self::Read { .. } | Self::End { .. } => {}
        }
    }
}

impl Check for CampaignDraft {
    fn check(&self, faults: &mut Faults) {
        faults.line("/name", &self.name, 1, 80);
        faults.require(self.from < self.to, "/to", "must be after from");
    }
}

impl Check for OfferDraft {
    fn check(&self, faults: &mut Faults) {
        faults.product("/product", &self.product);
        faults.money("/price", self.price);
        if let Some(was) = self.was {
            faults.money("/was", was);
        }
        faults.require(self.target.stores.len() <= 1000, "/target/stores", "must have at most 1000");
        faults.require(self.target.zones.len() <= 100, "/target/zones", "must have at most 100");
        faults.require(self.variants.len() <= 8, "/variants", "must have at most 8");
        for (at, variant) in self.variants.iter().enumerate().take(8) {
            faults.content(&format!("/variants/{at}/content"), &variant.content);
        }
        if let Some(fallback) = &self.fallback {
            faults.content("/fallback", fallback);
        }
        faults.require(self.rule.chars().count() <= 4000, "/rule", "must have at most 4000 characters");
        faults.require(self.value_percent <= 100, "/value_percent", "must be 0 to 100");
    }
}

impl Check for SalesReport {
    fn check(&self, faults: &mut Faults) {
        faults.line("/source_ref", &self.source_ref, 1, 64);
        faults.line("/email", &self.email, 3, 254);
        faults.require((1..=200).contains(&self.lines.len()), "/lines", "must have 1 to 200");
        for (at, line) in self.lines.iter().enumerate().take(200) {
            faults.product(&format!("/lines/{at}/product"), &line.product);
            faults.require((1..=10_000).contains(&line.quantity), &format!("/lines/{at}/quantity"), "must be 1 to 10000");
        }
    }
}

impl Check for CandidateRequest {
    fn check(&self, faults: &mut Faults) {
        faults.line("/email", &self.email, 3, 254);
        faults.require(crate::wire::message_channel(&self.channel).is_some(), "/channel", "is no channel of messages");
        if let Some(category) = &self.category {
            faults.require(aisle_schemas::ids::CategoryId::parse(category).is_ok(), "/category", "must match [a-z0-9-]{1,32}");
        }
        faults.local("/title", &self.title, 1);
        faults.local("/body", &self.body, 0);
        if let Some(relevance) = self.relevance {
            faults.unit("/relevance", relevance);
        }
        faults.unit("/value", self.value);
    }
}

impl Check for ScreenCommandRequest {
    fn check(&self, faults: &mut Faults) {
        faults.require(COMMAND_S.contains(&self.ttl_s), "/ttl_s", "must be 1 to 3600");
        match &self.command {
            ScreenCommandKind::Identify { for_s } => faults.require(COMMAND_S.contains(for_s), "/command/for_s", "must be 1 to 3600"),
            ScreenCommandKind::Show { content, for_s } => {
                faults.content("/command/content", content);
                let generic = matches!(content.class, ContentClass::P0 | ContentClass::P1);
                faults.require(generic, "/command/content/class", "must be P0 or P1: everybody who passes can see a screen");
                faults.require(COMMAND_S.contains(for_s), "/command/for_s", "must be 1 to 3600");
            }
            ScreenCommandKind::Revert | ScreenCommandKind::Restart => {}
        }
    }
}

impl Check for OperatorDecision {
    fn check(&self, faults: &mut Faults) {
        faults.line("/reason", &self.reason, 1, 200);
    }
}

impl Check for ContextReport {
    fn check(&self, faults: &mut Faults) {
        faults.line("/email", &self.email, 3, 254);
    }
}
