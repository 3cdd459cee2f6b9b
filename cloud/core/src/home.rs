//! What the shop app shows first, by where its owner is (A85).
//!
//! Owns [`ContextClass`], how it follows from signals, and the ordered elements of each home screen. Takes the last signals and the
//! instant; emits a list that the app draws from top to bottom. Signals older than their life count for nothing.

use chrono::{DateTime, TimeDelta, Utc};

/// Where a person is, as far as the person lets us know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextClass {
    Home,
    Transit,
    NearStore,
    InStore,
    AtTill,
    PostVisit,
}

impl ContextClass {
    pub const ALL: [Self; 6] = [Self::Home, Self::Transit, Self::NearStore, Self::InStore, Self::AtTill, Self::PostVisit];

    /// The name in rows and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Transit => "transit",
            Self::NearStore => "near_store",
            Self::InStore => "in_store",
            Self::AtTill => "at_till",
            Self::PostVisit => "post_visit",
        }
    }
}

/// Life of a "travelling" signal: about a city ride; the app sends another one while it lasts.
pub const TRANSIT_LIFE: TimeDelta = TimeDelta::minutes(30);
/// Life of a "near a store" signal, the same as an announced visit's.
pub const NEAR_STORE_LIFE: TimeDelta = TimeDelta::minutes(30);
/// How long a visit echoes after its end: receipt and feedback are of interest the same afternoon.
pub const POST_VISIT_LIFE: TimeDelta = TimeDelta::hours(4);

/// Where the person's visit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisitPhase {
    /// No visit on record, or none that still matters.
    None,
    Shopping,
    /// Checking out, or paid and still in the store.
    Paying,
    Ended {
        at: DateTime<Utc>,
    },
}

/// Signals the class follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextSignals {
    pub visit: VisitPhase,
    pub near_store_at: Option<DateTime<Utc>>,
    pub transit_at: Option<DateTime<Utc>>,
}

/// The class at `now`: an open visit outranks all, then the newest live signal of being somewhere, then the visit's echo, then home.
pub fn context_class(signals: ContextSignals, now: DateTime<Utc>) -> ContextClass {
    let ContextSignals { visit, near_store_at, transit_at } = signals;
    let live = |at: Option<DateTime<Utc>>, life: TimeDelta| at.filter(|at| *at <= now && now < *at + life);
    let ended_at = match visit {
        VisitPhase::Shopping => return ContextClass::InStore,
        VisitPhase::Paying => return ContextClass::AtTill,
        VisitPhase::Ended { at } => live(Some(at), POST_VISIT_LIFE),
        VisitPhase::None => None,
    };
    // Leaving a store ends being near it, until the app says so again.
    let signals = [
        (live(near_store_at, NEAR_STORE_LIFE), ContextClass::NearStore),
        (live(transit_at, TRANSIT_LIFE), ContextClass::Transit),
        (ended_at, ContextClass::PostVisit),
    ];
    signals
        .into_iter()
        .filter_map(|(at, class)| at.map(|at| (at, class)))
        .max_by_key(|(at, _)| *at)
        .map_or(ContextClass::Home, |(_, class)| class)
}

/// One block of a home screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    Scanner,
    CheckIn,
    OffersHere,
    Basket,
    Pay,
    ExitCode,
    Inspiration,
    WishList,
    ShoppingList,
    NextStore,
    Receipt,
    Feedback,
    Feed,
}

impl Element {
    /// The name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scanner => "scanner",
            Self::CheckIn => "check_in",
            Self::OffersHere => "offers_here",
            Self::Basket => "basket",
            Self::Pay => "pay",
            Self::ExitCode => "exit_code",
            Self::Inspiration => "inspiration",
            Self::WishList => "wish_list",
            Self::ShoppingList => "shopping_list",
            Self::NextStore => "next_store",
            Self::Receipt => "receipt",
            Self::Feedback => "feedback",
            Self::Feed => "feed",
        }
    }
}

/// A home screen: its layout's name and its elements, first seen first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenVariant {
    pub class: ContextClass,
    pub layout: Layout,
    pub elements: &'static [Element],
}

/// How a screen is composed. `Inspire` has neither countdowns nor anything else that urges (DOMAIN 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layout {
    Inspire,
    Arrive,
    Shop,
    Pay,
    Review,
}

impl Layout {
    /// The name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inspire => "inspire",
            Self::Arrive => "arrive",
            Self::Shop => "shop",
            Self::Pay => "pay",
            Self::Review => "review",
        }
    }
}

/// The home screen of a class.
pub fn screen_variant(class: ContextClass) -> ScreenVariant {
    use Element::{
        Basket, CheckIn, ExitCode, Feed, Feedback, Inspiration, NextStore, OffersHere, Pay, Receipt, Scanner, ShoppingList, WishList,
    };
    let (layout, elements): (Layout, &'static [Element]) = match class {
        ContextClass::Home => (Layout::Inspire, &[Inspiration, WishList, ShoppingList, Feed, NextStore]),
        ContextClass::Transit => (Layout::Inspire, &[Inspiration, ShoppingList, NextStore, Feed]),
        ContextClass::NearStore => (Layout::Arrive, &[CheckIn, NextStore, ShoppingList, WishList, Feed]),
        ContextClass::InStore => (Layout::Shop, &[Scanner, OffersHere, Basket, ShoppingList, WishList]),
        ContextClass::AtTill => (Layout::Pay, &[Pay, ExitCode, Basket, OffersHere]),
        ContextClass::PostVisit => (Layout::Review, &[Receipt, Feedback, WishList, Inspiration, Feed]),
    };
    ScreenVariant { class, layout, elements }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_772_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    const SILENT: ContextSignals = ContextSignals { visit: VisitPhase::None, near_store_at: None, transit_at: None };

    #[test]
    fn a85_on_the_bus_comes_inspiration_and_in_the_store_the_scanner_until_the_visit_ends() {
        let bus = ContextSignals { transit_at: Some(at(0)), ..SILENT };
        assert_eq!(screen_variant(context_class(bus, at(5))).layout, Layout::Inspire);
        let checked_in = ContextSignals { visit: VisitPhase::Shopping, ..bus };
        assert_eq!(screen_variant(context_class(checked_in, at(6))).elements.first(), Some(&Element::Scanner));
        let closed = ContextSignals { visit: VisitPhase::Ended { at: at(40) }, ..bus };
        assert_ne!(screen_variant(context_class(closed, at(41))).elements.first(), Some(&Element::Scanner));
    }

    #[test]
    fn only_the_store_screen_begins_with_the_scanner_and_no_screen_repeats_an_element() {
        for class in ContextClass::ALL {
            let elements = screen_variant(class).elements;
            assert_eq!(elements.first() == Some(&Element::Scanner), class == ContextClass::InStore, "{class:?}");
            assert_eq!(elements.iter().collect::<BTreeSet<_>>().len(), elements.len(), "{class:?}");
        }
    }

    #[test]
    fn signals_end_at_the_end_of_their_life() {
        let table = [
            (ContextSignals { transit_at: Some(at(0)), ..SILENT }, TRANSIT_LIFE, ContextClass::Transit),
            (ContextSignals { near_store_at: Some(at(0)), ..SILENT }, NEAR_STORE_LIFE, ContextClass::NearStore),
            (ContextSignals { visit: VisitPhase::Ended { at: at(0) }, ..SILENT }, POST_VISIT_LIFE, ContextClass::PostVisit),
        ];
        for (signals, life, class) in table {
            assert_eq!(context_class(signals, at(0) + life - TimeDelta::milliseconds(1)), class);
            assert_eq!(context_class(signals, at(0) + life), ContextClass::Home, "{class:?}");
        }
    }

    #[test]
    fn the_newest_signal_tells_where_a_person_is() {
        let signals = ContextSignals { visit: VisitPhase::Ended { at: at(10) }, near_store_at: Some(at(0)), transit_at: Some(at(15)) };
        assert_eq!(context_class(signals, at(12)), ContextClass::PostVisit);
        assert_eq!(context_class(signals, at(16)), ContextClass::Transit);
        assert_eq!(context_class(ContextSignals { visit: VisitPhase::Paying, ..signals }, at(16)), ContextClass::AtTill);
    }

    #[test]
    fn a_signal_from_the_future_counts_for_nothing_yet() {
        let signals = ContextSignals { transit_at: Some(at(5)), ..SILENT };
        assert_eq!(context_class(signals, at(0)), ContextClass::Home);
    }
}
