//! Golden examples: one of each body that crosses a boundary, as documentation and as a promise that old payloads still parse.
//!
//! Owns [`examples`]; the committed files under `schemas/golden/` are written from it. Each example is checked against its JSON Schema.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::{
    blob::{Blob, ContentHash, MediaType},
    content::{Content, ContentClass, Currency, Money, SurfaceKind},
    document::*,
    emergency::*,
    fact::*,
    handshake::*,
    http::{FieldError, Problem, cloud::*, node::*, tablet::*},
    ids::*,
    log::*,
    nfc::*,
    offer::*,
    product::*,
    screen::*,
    store::*,
    sync::{Count, Epoch, Seq, Stream},
    text::{Language, LocalText},
    topic::DeviceKind,
    trip::*,
    visit::*,
};

/// 2026-11-24 09:12:03 UTC, the instant of all examples.
fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_511_523, 0).expect("a constant in range")
}
fn uuid(n: u8) -> [u8; 10] {
    [n; 10]
}
const MS: u64 = 1_795_511_523_000;
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const EPOCH: Epoch = Epoch { counter: 3, random: 0x9f2c_4e8a_71b0_5d36 };

macro_rules! slug {
    ($ty:ident, $text:literal) => {
        $ty::parse($text).expect("a literal slug")
    };
}

fn handshake_id() -> HandshakeId {
    HandshakeId::from_random([0x5a; 16])
}
fn staff_card() -> StaffCard {
    StaffCard { staff: "1042".into(), first_name: "Mia".into(), photo: None, role: "Beratung".into() }
}
fn about_me() -> AboutMe {
    AboutMe {
        display_name: Some("Jo".into()),
        wishes: vec![Wish { sku: Some(slug!(Sku, "cat-food")), text: "Katzenfutter ohne Getreide".into() }],
        sizes: vec![OwnSize { of: "Schuhe".into(), size: "42".into() }],
    }
}

fn eur(minor: i64) -> Money {
    Money { minor, currency: Currency::Eur }
}
fn product() -> Product {
    Product {
        sku: slug!(Sku, "cat-food"),
        name: LocalText::new("Katzenfutter Huhn, 12 × 85 g", "Cat food chicken, 12 × 85 g"),
        category: slug!(CategoryId, "pet-cat"),
        sibling_group: Some("pet-species".into()),
        image: Some("cat-food".into()),
    }
}
fn content(class: ContentClass) -> Content {
    Content {
        class,
        headline: LocalText::new("Katzenfutter, heute günstiger", "Cat food, less today"),
        line: LocalText::new("Huhn in Gelee, zwölf Beutel", "Chicken in jelly, twelve pouches"),
        image: Some("cat-food".into()),
        price: Some(eur(449)),
        was: Some(eur(599)),
        segment: None,
    }
}
fn offer() -> Offer {
    Offer {
        offer: OfferId::new(MS, uuid(1)),
        rev: 1,
        campaign: CampaignId::new(MS, uuid(2)),
        product: product(),
        price: eur(449),
        was: Some(eur(599)),
        from: at(),
        to: at() + TimeDelta::days(7),
        target: target(),
        variants: vec![variant(SurfaceKind::Phone), variant(SurfaceKind::Screen)],
        fallback: Some(content(ContentClass::P0)),
        fallback_for: vec![SurfaceKind::NfcMonitor, SurfaceKind::Tablet],
        media: vec![blob()],
    }
}
fn sheet() -> ProductSheet {
    let care = |language, material: &str, text: &str| CareText { language, material: material.into(), text: text.into() };
    ProductSheet {
        sku: slug!(Sku, "scarf-red"),
        gtins: vec!["4006381333931".parse().expect("a literal number")],
        name: LocalText::new("Wollschal", "Wool scarf"),
        category: slug!(CategoryId, "home-wear"),
        image: Some("scarf".into()),
        media: vec![],
        prices: vec![PriceFrom { price: eur(2995), from: at() - TimeDelta::days(60) }, PriceFrom { price: eur(2495), from: at() }],
        reference: Some(eur(2795)),
        measure: Measure::Piece,
        pack: Some(Pack { thousandths: 1000, unit: Unit::Piece }),
        codes: vec![InStoreCode { template: "2812345{price:5}{ec}".into(), value: CodeValue::Price }],
        tax_bp: 1900,
        min_age: None,
        deposit: None,
        variant: Some(VariantOf { family: slug!(Sku, "scarf"), colour: Some(LocalText::new("rot", "red")), size: Some("M".into()) }),
        place: Some(place()),
        textile: true,
        care: Some(ProductCare {
            symbols: vec![CareSymbol::HandWash, CareSymbol::DoNotTumble],
            texts: vec![care(Language::De, "100 % Wolle", "Von Hand waschen, liegend trocknen")],
        }),
        high_shrink: false,
    }
}
fn trip() -> Trip {
    let line = TripLine {
        line: 1,
        sku: slug!(Sku, "scarf-red"),
        name: LocalText::new("Wollschal", "Wool scarf"),
        intent: LineIntent::Take,
        quantity: 1,
        grams: None,
        price: eur(2495),
        amount: eur(2495),
        deposit: None,
        tax_bp: 1900,
        min_age: None,
        priced_by_code: false,
        unproven: false,
    };
    Trip {
        trip: TripId::new(MS, uuid(30)),
        visit: visit(),
        state: TripState::Check,
        lines: vec![line],
        next_line: 2,
        voids: 0,
        noted: vec![],
        drawn: None,
        held: true,
        quote: Some(signed_quote()),
        checks: vec![TripCheck { kind: CheckKind::RescanPartial, reason: CheckReason::Audit, state: CheckState::Open, lines: vec![1] }],
        opened_at: at(),
        changed_at: at(),
        paid_at: None,
    }
}
fn signed_quote() -> SignedQuote {
    let line = QuoteLine {
        line: 1,
        kind: QuoteLineKind::Item,
        sku: slug!(Sku, "scarf-red"),
        intent: LineIntent::Take,
        quantity: 1,
        amount_minor: 2495,
        tax_bp: 1900,
    };
    SignedQuote {
        quote: Quote {
            trip: TripId::new(MS, uuid(30)),
            store: slug!(StoreId, "berlin-mitte"),
            lines: vec![line],
            cart_sha256: "ab".repeat(32),
            currency: Currency::Eur,
            total_minor: 2495,
            price_rev: at().timestamp(),
            iat: at().timestamp(),
            exp: at().timestamp() + 600,
            kid: "9f2c4e8a71b05d36".into(),
        },
        signature: "c2lnbmF0dXJl".into(),
    }
}
fn place() -> ShelfPlace {
    ShelfPlace { zone: slug!(ZoneId, "home"), shelf: "3.2".into() }
}
fn stock() -> StockLevel {
    StockLevel { count: 4, at: at() }
}
fn product_view() -> ProductView {
    let variant = VariantView {
        sku: slug!(Sku, "scarf-red"),
        colour: Some(LocalText::new("rot", "red")),
        size: Some("M".into()),
        price: eur(2495),
        place: Some(place()),
        stock: Some(stock()),
    };
    ProductView {
        sku: slug!(Sku, "scarf-red"),
        name: LocalText::new("Wollschal", "Wool scarf"),
        category: slug!(CategoryId, "home-wear"),
        image: Some("scarf".into()),
        price: eur(2495),
        measure: Measure::Piece,
        reference: Some(eur(2795)),
        unit_price: Some(UnitPrice { price: eur(2495), unit: Unit::Piece }),
        min_age: None,
        deposit: None,
        place: Some(place()),
        care: Some(CareView {
            symbols: vec![CareSymbol::HandWash, CareSymbol::DoNotTumble],
            material: "100 % Wolle".into(),
            text: "Von Hand waschen, liegend trocknen".into(),
            language: Language::De,
            fallback: true,
        }),
        variants: vec![variant],
        stock: Some(stock()),
        scanned: Some(ScannedValue { grams: None, total: Some(eur(2495)) }),
        at: at(),
    }
}
fn nfc_programme() -> NfcProgramme {
    NfcProgramme {
        display: slug!(DisplayId, "shelf-pets"),
        name: LocalText::new("Regal Tierbedarf", "Pets shelf"),
        zone: slug!(ZoneId, "pets"),
        invitation: content(ContentClass::P0),
        subscription: OfferSubscription { categories: vec![slug!(CategoryId, "pet-cat")], duration_s: 8, offers_max: 3 },
    }
}
fn rollout() -> RolloutView {
    RolloutView {
        rollout: EventId::new(MS, uuid(21)),
        name: "Herbst".into(),
        key: "nfc/shelf-pets".into(),
        phase: RolloutPhase::RolledBack,
        reason: Some(RolloutReason::TooManyRejected),
        wave: 0,
        per_minute: 30,
        rejected_percent_max: 5,
        applied_percent_min: 95,
        patience_s: 900,
        stores: vec![RolloutStore {
            store: slug!(StoreId, "berlin-mitte"),
            name: "Berlin-Mitte".into(),
            wave: 0,
            progress: RolloutProgress::Rejected,
            code: Some("not_here".into()),
            set_at: Some(at()),
        }],
        made_by: CustomerId::new(MS, uuid(9)),
        made_at: at(),
        ended_at: Some(at()),
    }
}
fn blob() -> Blob {
    Blob { sha256: ContentHash::of(b"a picture"), size: 181_402, mime: MediaType::Webp }
}
fn target() -> OfferTarget {
    OfferTarget { stores: vec![], zones: vec![slug!(ZoneId, "pets")], surfaces: SurfaceKind::ALL.to_vec() }
}
fn variant(surface: SurfaceKind) -> Variant {
    Variant { surface, content: content(ContentClass::P0) }
}
fn layout() -> Layout {
    Layout {
        width: 1920,
        height: 1080,
        zones: vec![LayoutZone { id: slug!(LayoutZoneId, "main"), kind: LayoutZoneKind::Main, x: 0, y: 0, w: 1920, h: 1080 }],
    }
}
fn plan_item() -> PlanItem {
    PlanItem {
        event: slug!(EventSlug, "cat-food-loop"),
        offer: Some(OfferId::new(MS, uuid(1))),
        offer_rev: Some(1),
        content: content(ContentClass::P0),
        duration_ms: 8000,
        from: Some(at()),
        to: Some(at() + TimeDelta::days(7)),
        rule: PlayRule::Loop,
        why: "subscribed".into(),
        schedule: None,
        creative_sha256: Some("2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae".into()),
        names: names(),
    }
}
fn emergency_request() -> EmergencyRequest {
    EmergencyRequest { set: slug!(EventSlug, "fire"), mode: EmergencyMode::Append { saturation_percent: 50 }, lasts_s: 1_800 }
}
fn active_emergency() -> ActiveEmergency {
    let EmergencyRequest { set, mode, lasts_s: _ } = emergency_request();
    ActiveEmergency { set, mode, began_at: at(), expires: at() + TimeDelta::minutes(30), by: "sensor/button-1".into() }
}
fn play() -> Play {
    Play {
        screen: slug!(ScreenId, "window-1"),
        boot: BootId::new(MS, uuid(3)),
        seq: 17,
        zone: slug!(LayoutZoneId, "main"),
        event: slug!(EventSlug, "cat-food-loop"),
        offer: Some(OfferId::new(MS, uuid(1))),
        offer_rev: Some(1),
        rule: PlayRule::Loop,
        started_at: at(),
        duration_ms: 8000,
        clock_synced: true,
        outcome: PlayOutcome::Complete,
        display_power: DisplayPower::On,
        detail: PlayDetail {
            schedule: Some(slug!(EventSlug, "pets-week")),
            creative_sha256: plan_item().creative_sha256,
            mono_ms: Some(61_250),
            cut_by: Some(CutBy::Window),
            engagements: vec![Engagement { kind: EngagementKind::Tap, n: 1 }],
            names: names(),
        },
    }
}
fn names() -> std::collections::BTreeMap<String, String> {
    std::collections::BTreeMap::from([("offer".to_owned(), "Katzenfutter".to_owned())])
}
fn hlc() -> Hlc {
    Hlc { physical_ms: MS, counter: 0 }
}
fn visit() -> VisitId {
    VisitId::new(MS, uuid(4))
}
fn token() -> VisitToken {
    VisitToken::from_random([0x5a; 16])
}
fn store_profile() -> StoreProfile {
    StoreProfile {
        store: slug!(StoreId, "berlin-mitte"),
        name: "Berlin Mitte".into(),
        time_zone: "Europe/Berlin".into(),
        width: 40.0,
        height: 24.0,
        zones: vec![ZonePlan { zone: slug!(ZoneId, "pets"), name: LocalText::new("Tierbedarf", "Pets"), x: 2.0, y: 3.0, w: 10.0, h: 8.0 }],
        devices: vec![DevicePlan {
            kind: DeviceKind::Screen,
            id: slug!(DeviceId, "window-1"),
            name: LocalText::new("Schaufenster", "Window"),
            zone: slug!(ZoneId, "pets"),
            x: 4.0,
            y: 3.5,
        }],
        closes: "20:00".into(),
        shop_url: "https://shop.example.com".into(),
    }
}
fn screen_report() -> ScreenReport {
    ScreenReport {
        screen: slug!(ScreenId, "window-1"),
        zone: slug!(ZoneId, "entrance"),
        online: true,
        showing: Some(plan_item()),
        since: Some(at()),
        plan_rev: 12,
        denied: vec![Denied { event: slug!(EventSlug, "night"), offer: None, reason: "day_part".into() }],
        price_unseen_since: Some(at()),
    }
}
fn nfc_report() -> NfcReport {
    NfcReport {
        display: slug!(DisplayId, "shelf-pets"),
        zone: slug!(ZoneId, "pets"),
        online: true,
        offer: Some(OfferId::new(MS, uuid(1))),
        taps: 3,
    }
}
fn zone_report() -> ZoneReport {
    ZoneReport { zone: slug!(ZoneId, "pets"), visits: 2, people: 5, at: at() }
}
fn quarantined() -> QuarantineView {
    QuarantineView {
        node: node_link().node,
        stream: Stream::Sess,
        epoch: EPOCH,
        seq: Seq::new(184_411),
        event: EventId::new(MS, uuid(13)),
        type_name: "aisle.visit.opened.v1".into(),
        error: "pass is unknown".into(),
        at: at(),
        tries: 1,
        settled: None,
    }
}

fn node_report() -> NodeReport {
    NodeReport {
        software: "0.1.0".into(),
        alarms: vec![NodeAlarm::StorageNearlyFull],
        class_a: ClassBudget {
            used_bytes: Count::new(1_717_986_918),
            budget_bytes: Count::new(2_147_483_648),
            pending: Count::new(700_000),
        },
        class_c: ClassBudget { used_bytes: Count::new(1_180_220), budget_bytes: Count::new(8_589_934_592), pending: Count::new(2_000) },
        offline_days: Some(3),
        at: at(),
    }
}

fn node_health() -> NodeHealth {
    NodeHealth {
        node: node_link().node,
        store: slug!(StoreId, "berlin-mitte"),
        name: "Berlin Mitte".into(),
        active: true,
        reclaim: false,
        report: Some(node_report()),
        seen: vec![SeenAlarm { alarm: NodeAlarm::CloneSuspected, at: at() }],
        clock_skew_s: Some(-86_400),
        certificate_until: Some(at() + TimeDelta::days(60)),
        losses: vec![LossView {
            stream: Stream::Tele,
            kind: LossKind::Budget,
            records: 2_000,
            bytes: 1_180_220,
            epoch: EPOCH,
            from: Seq::new(899_241),
            to: Seq::new(901_240),
            at: at(),
        }],
        held: vec![HeldStream { stream: Stream::Sess, cursor: Seq::new(184_460), poison_run: 50, since: at() }],
        documents_behind: 2,
        behind_since: Some(at()),
        rejected: vec![RejectedDocument { key: "screen/window-9".into(), code: "not_here".into() }],
        overrides: vec![OverrideView {
            key: "screen/window-1".into(),
            reason: "closed early".into(),
            by: "operator".into(),
            at: at(),
            until: at() + TimeDelta::hours(4),
        }],
        orders_waiting: 1,
    }
}

fn node_link() -> NodeLink {
    NodeLink {
        node: NodeId::parse("aisle.berlin-mitte.n1").expect("a literal node id"),
        state: NodeState::Online,
        seen_at: Some(at()),
        since: Some(at() - TimeDelta::hours(3)),
        pending: 0,
        software: "0.1.0".into(),
        applied: 12_345,
        quarantined: 0,
    }
}
fn card() -> Card {
    Card {
        card: CardId::new(MS, uuid(5)),
        offer: OfferId::new(MS, uuid(1)),
        offer_rev: 1,
        product: product(),
        content: content(ContentClass::P3),
        price: eur(449),
        was: Some(eur(599)),
        why: vec!["often_buys".into()],
        visit: Some(visit()),
        until: at() + TimeDelta::days(7),
        bookmarked: false,
        at: at(),
        traceparent: Some(TRACE.into()),
    }
}
fn visit_view() -> VisitView {
    VisitView {
        visit: visit(),
        store: slug!(StoreId, "berlin-mitte"),
        store_name: "Berlin Mitte".into(),
        opened_at: at(),
        zone: Some("pets".into()),
        closed_at: None,
        closed_reason: None,
        traceparent: Some(TRACE.into()),
    }
}
fn bookmark() -> Bookmark {
    Bookmark {
        offer: OfferId::new(MS, uuid(1)),
        product: product(),
        price: eur(449),
        was: Some(eur(599)),
        until: at() + TimeDelta::days(7),
        at: at(),
    }
}
fn legal_text() -> LegalText {
    LegalText {
        id: "instore-context".into(),
        version: 1,
        language: Language::En,
        purpose: "instore_context".into(),
        title: "Offers during your visit".into(),
        body: "While you are in the store we choose offers for you.".into(),
        sha256: "f0e4c2f76c58916ec258f246851bea091d14d4247a2fc3e18694461b1816e13b".into(),
        valid_from: at(),
        valid_to: None,
        requires_renewal_from: None,
    }
}
fn consent() -> ConsentView {
    ConsentView {
        consent: ConsentId::new(MS, uuid(6)),
        purpose: "instore_context".into(),
        channel: None,
        granted: true,
        legal_text: "instore-context".into(),
        version: 1,
        language: Language::En,
        text_sha256: legal_text().sha256,
        shown_sha256: legal_text().sha256,
        method: "app".into(),
        occurred_at: at(),
        in_force: true,
    }
}
fn campaign_draft() -> CampaignDraft {
    CampaignDraft { name: "Autumn".into(), from: at(), to: at() + TimeDelta::days(30), cap_per_day: 3 }
}
fn campaign() -> Campaign {
    Campaign {
        campaign: CampaignId::new(MS, uuid(2)),
        name: "Autumn".into(),
        from: at(),
        to: at() + TimeDelta::days(30),
        cap_per_day: 3,
        paused: false,
        offers: 12,
    }
}
fn offer_draft() -> OfferDraft {
    OfferDraft {
        campaign: CampaignId::new(MS, uuid(2)),
        product: product(),
        price: eur(449),
        was: Some(eur(599)),
        from: at(),
        to: at() + TimeDelta::days(7),
        target: target(),
        variants: vec![variant(SurfaceKind::Phone)],
        fallback: Some(content(ContentClass::P0)),
        fallback_for: vec![SurfaceKind::Screen, SurfaceKind::NfcMonitor, SurfaceKind::Tablet],
        rule: "\"regular\" in segments".into(),
        value_percent: 60,
        push: false,
    }
}
fn offer_view() -> OfferView {
    OfferView {
        offer: OfferId::new(MS, uuid(1)),
        state: OfferState::Published,
        rev: 1,
        draft: offer_draft(),
        rule_sentence: LocalText::new("Segment „regular“", "Segment “regular”"),
        changed_at: at(),
        cards_today: 41,
        plays_today: 312,
    }
}
fn decision() -> DecisionView {
    DecisionView {
        decision: DecisionId::new(MS, uuid(7)),
        candidate: CandidateId::new(MS, uuid(8)),
        customer: CustomerId::new(MS, uuid(9)),
        offer: Some(OfferId::new(MS, uuid(1))),
        title: product().name,
        channel: "in_app".into(),
        store: Some(slug!(StoreId, "berlin-mitte")),
        visit: Some(visit()),
        sent: false,
        clause: Some(2),
        reason: "no_consent".into(),
        score: Some(0.75),
        propensity: Some(1.0),
        why: vec!["often_buys".into()],
        at: at(),
        traceparent: Some(TRACE.into()),
    }
}
fn dialogue() -> Dialogue {
    Dialogue {
        dialogue: DialogueId::new(MS, uuid(10)),
        store: slug!(StoreId, "berlin-mitte"),
        offer: Some(OfferId::new(MS, uuid(1))),
        product: Some(product()),
        content: Some(content(ContentClass::P3)),
        price: Some(eur(449)),
        was: Some(eur(599)),
        until: Some(at() + TimeDelta::days(7)),
        bookmarked: true,
        lines: vec![DialogueLine { from: "store".into(), text: LocalText::new("Gemerkt.", "Kept."), at: at() }],
        choices: vec![DialogueChoice::MoreLikeThis, DialogueChoice::WhereIsIt],
    }
}
const CODE: &str = "d1.berlin-mitte.door-1.1795511523.0000000000000007.00112233445566778899";

/// `(type name, example)`, sorted by name.
pub fn examples() -> Vec<(&'static str, Value)> {
    let mut all = Vec::new();
    fn add<T: Serialize>(all: &mut Vec<(&'static str, Value)>, name: &'static str, example: T) {
        all.push((name, serde_json::to_value(example).expect("wire types serialise to JSON")));
    }
    macro_rules! add { ($($name:literal: $example:expr),* $(,)?) => { $(add(&mut all, $name, $example);)* } }
    add! {
        "AdmitVisit": AdmitVisit { checkin: EventId::new(MS, uuid(11)), code: CODE.into(), pass: "p1.…".into(), method: CheckInMethod::AppQr, expires: at() },
        "Blob": blob(),
        "BookmarkAdd": BookmarkAdd { offer: offer().offer },
        "Bookmarks": Bookmarks { bookmarks: vec![bookmark()] },
        "Campaign": campaign(),
        "CampaignDraft": campaign_draft(),
        "CandidateRequest": CandidateRequest {
            candidate: CandidateId::new(MS, uuid(8)), email: "person@shop.example".into(), kind: MessageKind::Marketing, channel: "push".into(),
            offer: Some(offer().offer), category: Some("pet-cat".into()), title: product().name, body: content(ContentClass::P3).line,
            relevance: Some(0.75), value: 1.0, valid_until: at() + TimeDelta::hours(1),
        },
        "Campaigns": Campaigns { campaigns: vec![campaign()] },
        "Card": card(),
        "Catalogue": Catalogue { products: vec![product()] },
        "CheckInAccepted": CheckInAccepted { checkin: EventId::new(MS, uuid(11)), store: slug!(StoreId, "berlin-mitte") },
        "CheckInRefusal": CheckInRefusal { checkin: EventId::new(MS, uuid(11)), reason: "replayed".into() },
        "CheckInRefused": CheckInRefused { touchpoint: Some(slug!(TouchpointId, "door-1")), reason: "expired".into(), at: at() },
        "ClearOverride": ClearOverride { key: "screen/window-1".into(), at: at(), expires: at() + TimeDelta::hours(4) },
        "CloseVisit": CloseVisit { visit: visit(), reason: CloseReason::CheckedOut },
        "CloudCheckIn": CloudCheckIn { code: CODE.into(), method: CheckInMethod::AppQr },
        "ConsentChange": ConsentChange {
            purpose: "instore_context".into(), channel: None, granted: true, legal_text: "instore-context".into(), version: 1, language: Language::En,
            shown_sha256: legal_text().sha256,
        },
        "ConsentProof": ConsentProof { record: "{}".into(), sha256: legal_text().sha256, signature: "…".into(), public_key: "…".into() },
        "Consents": Consents { consents: vec![consent()], epoch: 1, as_of: at() },
        "ConsentView": consent(),
        "ContextLease": ContextLease {
            visit: visit(), language: Language::De, consents: vec!["instore_context".into()], consent_epoch: 1, segments: vec!["regular".into()],
            offers: vec![RankedOffer { offer: offer().offer, score: 0.75, why: "often_buys".into() }], interrupts_left: 3, lease_s: 900,
        },
        "ContextReport": ContextReport { email: "person@shop.example".into(), class: Some(ContextClass::Transit), hurried: Some(true), open_complaint: None },
        "Decisions": Decisions { decisions: vec![decision()], next: None },
        "DecisionView": decision(),
        "Enrolled": Enrolled { node: node_link().node, certificate: "-----BEGIN CERTIFICATE-----\n…".into(), authority: "-----BEGIN CERTIFICATE-----\n…".into(), not_after: at() },
        "EnrolmentRequest": EnrolmentRequest { claim: Claim { node: node_link().node, secret: [0xab; 16], authority: [0xcd; 32] }.to_string(), request: "-----BEGIN CERTIFICATE REQUEST-----\n…".into() },
        "RenewalRequest": RenewalRequest { certificate: "-----BEGIN CERTIFICATE-----\n…".into(), request: "-----BEGIN CERTIFICATE REQUEST-----\n…".into(), signature: "3045".into() },
        "DeviceAttached": DeviceAttached { visit: visit(), pass: PassId::new(MS, uuid(12)), at: at(), hlc: hlc() },
        "DeviceSignIn": DeviceSignIn { kind: DeviceKind::Screen, device: slug!(DeviceId, "window-1"), secret: "0123456789abcdef0123456789abcdef".into() },
        "AboutMe": about_me(),
        "AdviceOffered": AdviceOffered { handshake: handshake_id() },
        "HandshakeClaim": HandshakeClaim { code: "W5M7-M566".into(), nonce: "1".repeat(64) },
        "HandshakeClaimed": HandshakeClaimed { nonce: "2".repeat(64) },
        "HandshakeFacts": HandshakeFacts {
            handshake: handshake_id(),
            store: slug!(StoreId, "berlin-mitte"),
            store_name: "Berlin Mitte".into(),
            staff: staff_card(),
            wanted: vec![Scope::Bookmarks, Scope::Wishlist],
            shared: vec![Scope::DisplayName, Scope::Bookmarks, Scope::Wishlist, Scope::Sizes],
            minutes: vec![5, 10, 20],
            reason: "Beratung zu Schuhen".into(),
            commit: "3".repeat(64),
            expires_at: at() + TimeDelta::minutes(5),
            state: HandshakeState::Offered,
        },
        "HandshakeGrant": HandshakeGrant {
            jti: EventId::new(MS, uuid(41)),
            scopes: vec![Scope::Bookmarks, Scope::Wishlist],
            minutes: 10,
            legal_text: "instore-context".into(),
            version: 1,
            language: Language::De,
            shown_sha256: "4".repeat(64),
        },
        "HandshakeGranted": HandshakeGranted {
            grant: EventId::new(MS, uuid(41)),
            scopes: vec![Scope::Bookmarks, Scope::Wishlist],
            until: at() + TimeDelta::minutes(10),
        },
        "HandshakeReceipt": HandshakeReceipt {
            handshake: handshake_id(),
            store_name: "Berlin Mitte".into(),
            staff: staff_card(),
            state: HandshakeState::Over,
            granted_at: Some(at()),
            until: Some(at() + TimeDelta::minutes(10)),
            ended_at: Some(at() + TimeDelta::minutes(9)),
            scopes: vec![Scope::Bookmarks, Scope::Wishlist],
            read: vec!["wishlist.0".into()],
        },
        "OfferAdvice": OfferAdvice { wanted: vec![Scope::Wishlist], reason: "Beratung zu Schuhen".into() },
        "ReadShared": ReadShared { scope: Scope::Wishlist, key: "BA".into() },
        "RelayCall": RelayCall::Announce {
            commit: "3".repeat(64),
            staff: staff_card(),
            device: slug!(DeviceId, "tablet-1"),
            device_sha256: "5".repeat(64),
            wanted: vec![Scope::Wishlist],
            reason: "Beratung zu Schuhen".into(),
            expires_at: at() + TimeDelta::minutes(5),
        },
        "RelayReply": RelayReply::Asks {
            asks: vec![RelayAsk {
                ask: EventId::new(MS, uuid(42)),
                what: RelayAskKind::Claim { code: "W5M7-M566".into(), visit: visit(), nonce: "1".repeat(64), language: Language::De },
            }],
            after: "1795511523000-0".into(),
        },
        "SealedFields": SealedFields { key: "BA".into(), sealed: "AAAA".into() },
        "StaffOnShift": StaffOnShift { staff: staff_card() },
        "StaffSignIn": StaffSignIn { badge: "B-1042".into(), pin: "493817".into() },
        "TabletSign": TabletSign { touched: true },
        "TabletView": TabletView::Claimed {
            staff: staff_card(),
            handshake: handshake_id(),
            sas: Sas { number: 3660, colour: 5, shape: 2 },
            language: Language::De,
        },
        "Dialogue": dialogue(),
        "DialogueReply": DialogueReply { choice: DialogueChoice::Keep },
        "DocumentReport": DocumentReport { rev: Revision { epoch: 4, seq: Seq::new(1_207) }, status: DocumentStatus::Rejected, code: Some("not_here".into()) },
        "DoorCode": DoorCode { touchpoint: slug!(TouchpointId, "door-1"), code: CODE.into(), url: format!("https://shop.example.com/c?c={CODE}"), expires: at() + TimeDelta::seconds(60) },
        "Feed": Feed { cards: vec![card()], version: 7 },
        "Fleet": Fleet { nodes: vec![node_link()], health: vec![node_health()], quarantine: vec![quarantined()], quarantine_open: 1, at: at() },
        "Home": Home { context: ContextClass::InStore, elements: vec![HomeElement::Scanner, HomeElement::Offers, HomeElement::Bookmarks, HomeElement::CheckOut] },
        "LegalText": legal_text(),
        "LegalTexts": LegalTexts { texts: vec![legal_text()] },
        "LinkEvent": LinkEvent { link: node_link(), at: at() },
        "Me": Me { customer: CustomerId::new(MS, uuid(9)), language: Language::De, new: false, roles: vec![Role::Customer], visit: Some(visit_view()), paused_until: None },
        "MeChange": MeChange { language: Some(Language::En), pause_days: Some(7), channel: None },
        "NfcProgramme": nfc_programme(),
        "NfcReport": nfc_report(),
        "NfcShow": NfcShow::Answering {
            rev: 9, tap: TapId::new(MS, uuid(14)), content: Box::new(content(ContentClass::P0)), offer: Some(offer().offer), code: CODE.into(),
            url: format!("https://shop.example.com/t?c={CODE}"), until: at() + TimeDelta::seconds(20), traceparent: Some(TRACE.into()),
        },
        "NfcTap": NfcTap { tap: TapId::new(MS, uuid(14)), traceparent: None },
        "NodeCheckedIn": NodeCheckedIn { visit: visit(), token: token(), joined: false },
        "NodeCheckIn": NodeCheckIn { code: CODE.into(), pass: "p1.…".into(), method: CheckInMethod::AppQr },
        "NodeOverview": NodeOverview { store: slug!(StoreId, "berlin-mitte"), visits_open: 4, cloud: CloudLink::Open, pending: 0, report: node_report(), at: at() },
        "Offer": offer(),
        "OfferDraft": offer_draft(),
        "OfferPreview": OfferPreview {
            errors: vec![FieldError { field: "/variants".into(), reason: "no content for nfc_monitor".into() }], rule_sentence: offer_view().rule_sentence, looked_at: 120,
            verdicts: vec![VerdictCount { reason: "send".into(), customers: 80 }, VerdictCount { reason: "no_consent".into(), customers: 40 }], surfaces: vec![variant(SurfaceKind::Phone)],
        },
        "Offers": Offers { offers: vec![offer_view()] },
        "OfferView": offer_view(),
        "OrderDone": OrderDone { order: EventId::new(MS, uuid(11)), outcome: OrderOutcome::Refused, reason: Some("replayed".into()), visit: None },
        "Override": Override {
            body: OverrideBody::Nfc(Box::new(NfcProgramme {
                display: slug!(DisplayId, "shelf-pets"), name: LocalText::new("Regal Tierbedarf", "Pets shelf"), zone: slug!(ZoneId, "pets"),
                invitation: content(ContentClass::P0), subscription: OfferSubscription { categories: vec![], duration_s: 8, offers_max: 0 },
            })),
            reason: "closed early".into(), by: "nfc/shelf-pets".into(), ttl_s: 14_400, at: at(),
        },
        "OverrideRequest": OverrideRequest { content: content(ContentClass::P0), reason: "closed early".into(), ttl_s: 14_400 },
        "OutcomeReport": OutcomeReport { outcome: Outcome::Dismissed },
        "Passes": Passes { passes: vec![PassView { pass: "p1.…".into(), expires_at: at() + TimeDelta::hours(24) }] },
        "PassRequest": PassRequest { count: 2 },
        "Play": play(),
        "PlayAck": PlayAck { boot: BootId::new(MS, uuid(3)), seq: 17 },
        "PlayReport": PlayReport { plays: vec![play()] },
        "Problem": Problem {
            type_: "/problems/replayed".into(), title: "This code was used already".into(), status: 409, code: "replayed".into(), detail: None,
            field: Some("/code".into()), instance: "01a20cd3971c7a55".into(), errors: vec![],
        },
        "PushMessage": PushMessage { candidate: CandidateId::new(MS, uuid(8)), offer: Some(offer().offer), title: product().name, body: content(ContentClass::P3).line, at: at() },
        "Restraint": Restraint { context: ContextClass::InStore, left_now: 2.0, left_week: 4.0, fatigue: 0.5, paused_until: None, channels_disabled: vec![] },
        "RolloutDraft": RolloutDraft {
            name: "Herbst".into(),
            body: RolloutBody::Nfc(Box::new(nfc_programme())),
            stores: vec![], waves: vec![WaveReach::Stores(vec![slug!(StoreId, "berlin-mitte")]), WaveReach::Percent(10), WaveReach::Percent(100)],
            per_minute: 30, rejected_percent_max: 5, applied_percent_min: 95, patience_s: 900,
        },
        "RolloutView": rollout(),
        "Rollouts": Rollouts { rollouts: vec![rollout()] },
        "ProductBatch": ProductBatch { products: vec![sheet()] },
        "ProductSheets": ProductSheets { products: vec![sheet()] },
        "ProductView": product_view(),
        "ProductsTaken": ProductsTaken { changed: 1, findings: vec![ProductFinding { sku: slug!(Sku, "scarf-red"), code: "care_language_missing".into(), field: "/products/0/care/texts".into() }] },
        "StockBatch": StockBatch { levels: vec![StockReport { sku: slug!(Sku, "scarf-red"), store: slug!(StoreId, "berlin-mitte"), count: 4, at: at() }] },
        "StoreProduct": StoreProduct { product: sheet(), stock: Some(stock()) },
        "SalesReport": SalesReport { source_ref: "till-3-000123".into(), email: "person@shop.example".into(), at: at(), lines: vec![SalesLine { product: product(), quantity: 2 }] },
        "ActiveEmergency": active_emergency(),
        "EmergencyOrder": EmergencyOrder { begin: Some(emergency_request()), expires: at() + TimeDelta::minutes(5) },
        "EmergencyRequest": emergency_request(),
        "EmergencySet": EmergencySet {
            set: slug!(EventSlug, "fire"), name: LocalText::new("Feuer", "Fire"), category: slug!(EventSlug, "fire"),
            items: vec![EmergencyItem { id: slug!(EventSlug, "leave-1"), content: content(ContentClass::P0), duration_s: 10 }], media: vec![],
        },
        "EmergencyState": EmergencyState { active: Some(active_emergency()), ready: vec![slug!(EventSlug, "fire")] },
        "FactReports": FactReports { facts: vec![FactReport { metric: "weather".into(), value: Some("rain".into()), ttl_s: 3_600 }] },
        "ScreenCommand": ScreenCommand { id: EventId::new(MS, uuid(15)), issued_at: at(), ttl_s: 120, command: ScreenCommandKind::Identify { for_s: 10 } },
        "ScreenCommandRequest": ScreenCommandRequest { ttl_s: 120, command: ScreenCommandKind::Identify { for_s: 10 } },
        "ScreenInteraction": ScreenInteraction { kind: InteractionKind::Touch, zone: Some(slug!(LayoutZoneId, "main")) },
        "ScreenPlan": ScreenPlan {
            screen: slug!(ScreenId, "window-1"), rev: 12, layout: layout(), zones: vec![PlanZone { zone: slug!(LayoutZoneId, "main"), items: vec![plan_item()], order: vec![0] }],
            denied: screen_report().denied, made_at: at(), traceparent: None, sync: Some(PlanSync { group: slug!(EventSlug, "window-wall"), epoch: at() }),
        },
        "ScreenProgramme": ScreenProgramme {
            screen: slug!(ScreenId, "window-1"), name: LocalText::new("Schaufenster", "Window"), zone: slug!(ZoneId, "entrance"), layout: layout(),
            events: vec![ScheduleEvent {
                id: slug!(EventSlug, "morning"), zone: slug!(LayoutZoneId, "main"), priority: 0, order: 1, content: content(ContentClass::P0), offer: None, duration_s: 8,
                from: None, to: None,
                day_part: Some(DayPart { start: "07:00".into(), end: "11:00".into(), weekdays: vec![1, 2, 3, 4, 5], exceptions: vec![DayPartException { date: "2026-12-25".into(), hours: None }] }),
                criteria: vec![Criterion { metric: "zone.pets.count".into(), condition: Condition::Gte, value: "5".into() }], max_plays_per_hour: 0,
                clock: EventClock::Local, kind: EventKind::Interrupt { share_of_voice_s: 120 },
                recurrence: Some(Recurrence { every: Every::Week, n: 2, until: Some(at()), weekdays: vec![1, 5], monthly: Monthly::Date }),
                playlist: Some(Playlist {
                    items: vec![PlaylistItem { id: slug!(EventSlug, "morning-1"), content: content(ContentClass::P0), offer: None, duration_s: 8, from: None, to: None }],
                    cycle: true,
                }),
            }],
            subscription: Some(OfferSubscription { categories: vec![], duration_s: 8, offers_max: 6 }), fallback: content(ContentClass::P0),
            media: vec![], sync: Some(SyncGroup { group: slug!(EventSlug, "window-wall"), epoch: at() }), label: Some(slug!(Sku, "cat-food")),
        },
        "ScreenReport": screen_report(),
        "ScreenState": ScreenState { online: true, plan_rev: Some(12), software: "player 0.1.0".into() },
        "SignInFinish": SignInFinish { email: "person@shop.example".into(), code: "123456".into() },
        "SignInStart": SignInStart { email: "person@shop.example".into(), language: Language::De },
        "StoreLive": StoreLive { profile: store_profile(), link: node_link(), visits_open: 4, zones: vec![zone_report()], screens: vec![screen_report()], displays: vec![nfc_report()], devices: vec![DeviceLink { kind: DeviceKind::Screen, id: slug!(DeviceId, "window-1"), state: DeviceState::Online }], emergency: Some(EmergencyState { active: Some(active_emergency()), ready: vec![slug!(EventSlug, "fire")] }), at: at() },
        "StoreProfile": store_profile(),
        "Stores": Stores { stores: vec![StoreSummary { store: slug!(StoreId, "berlin-mitte"), name: "Berlin Mitte".into(), visits_open: 4, link: node_link() }] },
        "LogEpoch": LogEpoch { epoch: Epoch { counter: 4, random: 2 }, previous: Some(EPOCH), cause: EpochCause::DiskBehind },
        "LogLost": LogLost { stream: Stream::Tele, epoch: EPOCH, from: Seq::new(899_241), to: Seq::new(901_240), count: Count::new(2_000), bytes: Count::new(1_180_220), reason: LossReason::Budget },
        "NodeReport": node_report(),
        "OperatorDecision": OperatorDecision { reason: "the box was replaced by mistake".into() },
        "QuarantineRecord": QuarantineRecord { record: quarantined(), raw: r#"{"specversion":"1.0"}"#.into() },
        "QuarantineView": quarantined(),
        "TapClaim": TapClaim { code: CODE.into() },
        "TapKept": TapKept { display: slug!(DisplayId, "shelf-pets"), offer: Some(offer().offer), expires: at() },
        "TapRecorded": TapRecorded { tap: TapId::new(MS, uuid(14)), display: slug!(DisplayId, "shelf-pets"), zone: slug!(ZoneId, "pets"), offer: Some(offer().offer), at: at() },
        "AuditDay": AuditDay { day: "2026-11-24".into(), key_sha256: "cd".repeat(32), key: None },
        "CheckResult": CheckResult { kind: CheckKind::RescanPartial, passed: true },
        "ExitGranted": ExitGranted { trip: TripId::new(MS, uuid(30)), items: 1 },
        "ExitRequest": ExitRequest { token: "eyJleHAiOjB9.c2lnbmF0dXJl".into() },
        "LineAdd": LineAdd { code: "4006381333931".into(), intent: LineIntent::Take, quantity: 1 },
        "LineChange": LineChange { intent: LineIntent::Ship, quantity: 2 },
        "TillPayment": TillPayment { cart_sha256: "ab".repeat(32), total_minor: 2495, slip: "till-3-000123".into() },
        "TripChanged": TripChanged { trip: TripId::new(MS, uuid(30)), visit: visit(), state: TripState::Paid, quote: Some(signed_quote()), checks: vec![], slip: Some("till-3-000123".into()), at: at() },
        "TripStepRequest": TripStepRequest { step: TripStep::Review },
        "TripView": TripView { trip: trip(), total: Some(eur(2495)), exit: None },
        "VisitClosed": VisitClosed { visit: visit(), reason: CloseReason::CheckedOut, ended_at: at(), hlc: hlc() },
        "VisitOpened": VisitOpened { visit: visit(), token: token(), pass: PassId::new(MS, uuid(12)), method: CheckInMethod::AppQr, touchpoint: slug!(TouchpointId, "door-1"), at: at(), hlc: hlc() },
        "Visits": Visits { visits: vec![visit_view()] },
        "VisitSeen": VisitSeen { visit: visit(), signal: VisitSignal::ZoneEntered { zone: slug!(ZoneId, "pets") }, at: at(), hlc: hlc() },
        "VisitView": visit_view(),
        "ZoneCount": ZoneCount { zone: slug!(ZoneId, "pets"), people: 5 },
        "ZoneEntered": ZoneEntered { zone: slug!(ZoneId, "pets") },
        "ZoneReport": zone_report(),
    }
    all.sort_by_key(|(name, _)| *name);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{generate, http, record, topic};

    #[test]
    fn every_example_fits_its_schema() {
        let definitions = generate::definitions();
        for (name, example) in examples() {
            let schema = serde_json::json!({ "$ref": format!("#/$defs/{name}"), "$defs": definitions });
            let validator = jsonschema::validator_for(&schema).unwrap();
            let errors: Vec<String> = validator.iter_errors(&example).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{name}: {errors:?}");
        }
    }

    #[test]
    fn every_body_that_crosses_a_boundary_has_an_example() {
        let names: Vec<&str> = examples().into_iter().map(|(name, _)| name).collect();
        let routes = http::node::ROUTES.iter().chain(http::cloud::ROUTES);
        let bodies = routes.flat_map(|r| r.request.into_iter().chain(r.response).chain(r.events.iter().map(|(_, body)| *body)));
        let records = record::RECORD_TYPES.iter().map(|r| r.body);
        let topics = topic::DECLARATIONS.iter().filter(|t| t.content_type == topic::JSON).map(|t| t.body);
        for name in bodies.chain(records).chain(topics) {
            assert!(names.contains(&name), "{name}");
        }
    }

    #[test]
    fn record_examples_parse_by_type_and_print_the_same() {
        for record in record::RECORD_TYPES {
            let (_, example) = examples().into_iter().find(|(name, _)| *name == record.body).unwrap();
            let raw = serde_json::value::to_raw_value(&example).unwrap();
            let body = record::Body::parse(record.name, &format!("{}/x", record.subject), &raw).unwrap();
            assert_eq!((body.type_name(), body.stream()), (record.name, record.stream));
            let printed: Value = serde_json::from_str(body.to_raw().unwrap().get()).unwrap();
            assert_eq!(printed, example, "{}", record.name);
        }
    }
}
