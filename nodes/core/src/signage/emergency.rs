//! Emergencies: what may begin one, and what one is.
//!
//! Owns the rules of TOUCHPOINTS.md 1.7. Takes sets, requests and the time. Emits the emergency that is on. On failure: an
//! [`EmergencyRefusal`]; what is on stays on.
use aisle_schemas::content::ContentClass;
use aisle_schemas::emergency::{ActiveEmergency, EmergencyMode, EmergencyRequest, EmergencySet, ITEMS_MAX, LASTS_S_MAX};
use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

/// Seconds that one picture may stay.
const DURATION_S: std::ops::RangeInclusive<u32> = 1..=3_600;

/// Why no emergency was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EmergencyRefusal {
    /// Its content is not here: to show nothing would be worse than what plays.
    #[error("no such set lies ready at this store")]
    NotReady,
    #[error("it must last 1 s to {LASTS_S_MAX} s")]
    Time,
    #[error("saturation_percent must be 1 to 99")]
    Saturation,
}

impl EmergencyRefusal {
    /// The code of the refusal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotReady => "not_ready_here",
            Self::Time => "lasts",
            Self::Saturation => "saturation",
        }
    }

    /// The field at fault, as a JSON pointer.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::NotReady => "/set",
            Self::Time => "/lasts_s",
            Self::Saturation => "/mode/saturation_percent",
        }
    }
}

/// The emergency that is on, with what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emergency {
    pub set: EmergencySet,
    pub active: ActiveEmergency,
}

/// Whether everybody may see the set, and it can be played.
#[must_use]
pub fn is_playable(set: &EmergencySet) -> bool {
    let may_stand = |class| match class {
        ContentClass::P0 => true,
        ContentClass::P1 | ContentClass::P2 | ContentClass::P3 | ContentClass::P4 => false,
    };
    (1..=ITEMS_MAX).contains(&set.items.len())
        && set.items.iter().all(|item| DURATION_S.contains(&item.duration_s) && may_stand(item.content.class))
        && set.items.iter().enumerate().all(|(place, item)| set.items.iter().take(place).all(|other| other.id != item.id))
}

/// The emergency that a request begins. `set` is what lies ready under the name that it gives.
///
/// # Errors
/// [`EmergencyRefusal`].
pub fn begin(
    request: &EmergencyRequest,
    set: Option<&EmergencySet>,
    by: String,
    now: DateTime<Utc>,
) -> Result<ActiveEmergency, EmergencyRefusal> {
    let EmergencyRequest { set: name, mode, lasts_s } = request;
    if set.is_none() {
        return Err(EmergencyRefusal::NotReady);
    }
    if !(1..=LASTS_S_MAX).contains(lasts_s) {
        return Err(EmergencyRefusal::Time);
    }
    match mode {
        EmergencyMode::Append { saturation_percent: 1..=99 } | EmergencyMode::Replace => {}
        EmergencyMode::Append { .. } => return Err(EmergencyRefusal::Saturation),
    }
    let expires = now + TimeDelta::seconds(i64::from(*lasts_s));
    Ok(ActiveEmergency { set: name.clone(), mode: *mode, began_at: now, expires, by })
}

#[cfg(test)]
mod tests {
    use aisle_schemas::content::Content;
    use aisle_schemas::emergency::EmergencyItem;
    use aisle_schemas::text::LocalText;

    use super::*;
    use crate::ids::EventSlug;

    fn slug(text: &str) -> EventSlug {
        EventSlug::parse(text).unwrap()
    }

    fn item(id: &str, class: ContentClass) -> EmergencyItem {
        let text = LocalText::new("Bitte zum Ausgang", "Please go to the exit");
        let content = Content { class, headline: text, line: LocalText::default(), image: None, price: None, was: None, segment: None };
        EmergencyItem { id: slug(id), content, duration_s: 10 }
    }

    fn set(items: Vec<EmergencyItem>) -> EmergencySet {
        EmergencySet { set: slug("fire"), name: LocalText::new("Feuer", "Fire"), category: slug("fire"), items, media: vec![] }
    }

    #[test]
    fn a_set_is_for_everybody_and_its_pictures_are_told_apart() {
        assert!(is_playable(&set(vec![item("a", ContentClass::P0), item("b", ContentClass::P0)])));
        assert!(!is_playable(&set(vec![])));
        assert!(!is_playable(&set(vec![item("a", ContentClass::P2)])));
        assert!(!is_playable(&set(vec![item("a", ContentClass::P0), item("a", ContentClass::P0)])));
    }

    #[test]
    fn an_emergency_needs_a_set_that_lies_ready_and_an_end() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let ready = set(vec![item("a", ContentClass::P0)]);
        let request = |mode, lasts_s| EmergencyRequest { set: slug("fire"), mode, lasts_s };
        let begun = |request: &EmergencyRequest, set| begin(request, set, "sensor/button-1".to_owned(), now).map(|active| active.expires);
        let whole = request(EmergencyMode::Replace, 600);
        assert_eq!(begun(&whole, Some(&ready)), Ok(now + TimeDelta::seconds(600)));
        assert_eq!(begun(&whole, None), Err(EmergencyRefusal::NotReady));
        for lasts_s in [0, LASTS_S_MAX + 1] {
            assert_eq!(begun(&request(EmergencyMode::Replace, lasts_s), Some(&ready)), Err(EmergencyRefusal::Time));
        }
        for saturation_percent in [0, 100] {
            let part = request(EmergencyMode::Append { saturation_percent }, 600);
            assert_eq!(begun(&part, Some(&ready)), Err(EmergencyRefusal::Saturation));
        }
    }
}
