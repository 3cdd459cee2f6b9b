//! Tests of offers: coverage of surfaces, the class table, every finding, states.

use aisle_schemas::content::Currency;
use chrono::TimeDelta;
use uuid::Uuid;

use super::*;
use crate::ids::{CategoryId, Sku};

fn at(hours: i64) -> DateTime<Utc> {
    "2026-03-10T09:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hours)
}

fn euro(minor: i64) -> Money {
    Money { minor, currency: Currency::Eur }
}

fn shown(class: ContentClass) -> Content {
    Content {
        class,
        headline: LocalText::new("Katzenfutter im Angebot", "Cat food on offer"),
        line: LocalText::new("Nur heute", "Today only"),
        image: None,
        price: None,
        was: None,
        segment: None,
    }
}

fn variant(surface: SurfaceKind, class: ContentClass) -> Variant {
    Variant { surface, content: shown(class) }
}

fn content() -> OfferContent {
    OfferContent {
        campaign: CampaignId(Uuid::from_u128(1)),
        product: Product {
            sku: Sku::parse("cat-food").unwrap(),
            name: LocalText::new("Katzenfutter", "Cat food"),
            category: CategoryId::parse("pet-cat").unwrap(),
            sibling_group: Some("pet-species".into()),
            image: None,
        },
        price: euro(199),
        was: Some(euro(249)),
        from: at(0),
        to: at(48),
        target: OfferTarget { stores: vec![], zones: vec![], surfaces: vec![SurfaceKind::Phone] },
        variants: vec![variant(SurfaceKind::Phone, ContentClass::P3)],
        fallback: Some(shown(ContentClass::P0)),
        fallback_for: vec![SurfaceKind::Screen, SurfaceKind::NfcMonitor, SurfaceKind::Tablet],
        rule: AudienceRule::Everyone,
        value: Unit::ONE,
        push: false,
    }
}

fn findings(change: impl FnOnce(&mut OfferContent)) -> Vec<Finding> {
    let mut changed = content();
    change(&mut changed);
    lint(&changed, at(1))
}

type Change = fn(&mut OfferContent);

fn offer() -> Offer {
    Offer::draft(OfferId(Uuid::from_u128(9)), content())
}

#[test]
fn a19_content_for_every_surface_is_published_and_a_gap_is_named() {
    assert_eq!(findings(|_| {}), []);
    let gap = findings(|c| c.fallback_for.retain(|kind| *kind != SurfaceKind::NfcMonitor));
    assert_eq!(gap, [Finding::NoVariant(SurfaceKind::NfcMonitor)]);
    assert!(gap[0].to_string().contains("nfc_monitor"), "{}", gap[0]);
    let undeclared = findings(|c| c.fallback = None);
    assert_eq!(undeclared.len(), 3, "a fallback that does not exist stands in for nothing");
}

#[test]
fn a19_what_is_published_renders_on_every_surface() {
    let document = offer().publish(at(1)).unwrap().document().unwrap();
    for surface in SurfaceKind::ALL {
        assert!(document.content_for(surface).is_some(), "{surface:?}");
    }
}

#[test]
fn personal_content_is_never_published_for_public_surfaces_nor_sensitive_for_shared_ones() {
    use ContentClass::{P0, P1, P2, P3, P4};
    let table = [
        (PrivacyClass::Public, [true, true, true, false, false]),
        (PrivacyClass::Shared, [true, true, true, true, false]),
        (PrivacyClass::Staff, [true, true, true, true, true]),
        (PrivacyClass::Own, [true, true, true, true, true]),
    ];
    for (surface, expected) in table {
        assert_eq!([P0, P1, P2, P3, P4].map(|class| may_ever_show(surface, class)), expected, "{surface:?}");
    }
    let on_screen = findings(|c| c.variants.push(variant(SurfaceKind::Screen, ContentClass::P3)));
    let refused = Finding::ClassNotAllowed { surface: SurfaceKind::Screen, class: ContentClass::P3 };
    assert_eq!(on_screen, [refused]);
    let as_fallback = findings(|c| c.fallback = Some(shown(ContentClass::P4)));
    assert_eq!(as_fallback.len(), 2, "the fallback is judged on each surface it stands in for: {as_fallback:?}");
}

#[test]
fn public_surfaces_have_at_most_twelve_words_in_each_language() {
    let words = |n: usize| vec!["Wort"; n].join(" ");
    let with_words = |n: usize| {
        findings(|c| {
            let mut long = shown(ContentClass::P0);
            long.headline.de = words(n - 2);
            c.variants.push(Variant { surface: SurfaceKind::Screen, content: long });
        })
    };
    assert_eq!(with_words(12), []);
    let finding = Finding::TooManyWords { surface: SurfaceKind::Screen, language: Language::De, words: 13 };
    assert_eq!(with_words(13), [finding]);
    assert_eq!(findings(|c| c.variants[0].content.line.en = words(40)), [], "one's own phone is read at leisure");
}

#[test]
fn each_fault_is_found_and_points_at_its_field() {
    let table: [(Change, Finding, &str); 11] = [
        (|c| c.to = c.from, Finding::EndsBeforeItBegins, "/to"),
        (|c| c.to = at(1), Finding::HasEnded, "/to"),
        (|c| c.price = euro(0), Finding::PriceNotPositive, "/price"),
        (|c| c.was = Some(euro(199)), Finding::FormerPriceNotHigher, "/was"),
        (|c| c.was = Some(Money { minor: 999, currency: Currency::Chf }), Finding::FormerPriceNotHigher, "/was"),
        (|c| c.target.surfaces.clear(), Finding::NoSurface, "/target"),
        (|c| c.variants.push(c.variants[0].clone()), Finding::DoubleVariant(SurfaceKind::Phone), "/variants"),
        (|c| c.variants[0].content.price = Some(euro(189)), Finding::PriceDiffers(SurfaceKind::Phone), "/variants"),
        (|c| c.variants[0].content.segment = Some("cats".into()), Finding::SegmentDisagrees(SurfaceKind::Phone), "/variants"),
        (
            |c| c.variants[0].content.headline.en = "  ".into(),
            Finding::NoHeadline { surface: SurfaceKind::Phone, language: Language::En },
            "/variants",
        ),
        (|c| c.variants[0].content.line.de = "x".repeat(501), Finding::TextTooLong(SurfaceKind::Phone), "/variants"),
    ];
    for (change, finding, field) in table {
        assert_eq!(finding.field(), field);
        assert_eq!(findings(change), [finding]);
    }
}

#[test]
fn revisions_rise_with_each_publication_and_an_edit_leaves_the_published_one() {
    let published = offer().publish(at(1)).unwrap();
    assert_eq!(published.state, OfferState::Published { rev: 1, at: at(1) });
    let edited = published.edit(OfferContent { price: euro(189), ..content() }).unwrap();
    assert_eq!((edited.state, edited.document()), (OfferState::Draft { published_rev: 1 }, None));
    let again = edited.publish(at(2)).unwrap();
    assert_eq!(again.document().map(|document| (document.rev, document.price)), Some((2, euro(189))));
}

#[test]
fn a_refused_offer_comes_back_as_it_was() {
    let broken = Offer { content: OfferContent { price: euro(-1), was: None, ..content() }, ..offer() };
    let refused = broken.clone().publish(at(1)).unwrap_err();
    let expected = PublishRefusal::Findings(vec![Finding::PriceNotPositive]);
    assert_eq!((refused.offer, refused.refusal), (broken, expected));
}

#[test]
fn a_withdrawn_offer_stays_withdrawn() {
    let withdrawn = offer().publish(at(1)).unwrap().withdraw(at(2));
    assert_eq!(withdrawn.state, OfferState::Withdrawn { rev: 1, at: at(2) });
    assert_eq!(withdrawn.clone().withdraw(at(3)), withdrawn);
    assert_eq!(withdrawn.clone().publish(at(3)).unwrap_err().refusal, PublishRefusal::Withdrawn);
    assert!(withdrawn.clone().edit(content()).is_err());
    assert_eq!(withdrawn.document(), None);
}

#[test]
fn a_rule_is_compiled_before_it_is_content_and_blank_means_everyone() {
    assert_eq!(AudienceRule::compile("  "), Ok(AudienceRule::Everyone));
    let gold = AudienceRule::compile("profile.tier == 'gold'").unwrap();
    assert_eq!(gold.source(), "profile.tier == 'gold'");
    assert!(gold.sentence().en.starts_with("Applies if"));
    assert!(AudienceRule::compile("profile.religion == 'x'").is_err());
}
