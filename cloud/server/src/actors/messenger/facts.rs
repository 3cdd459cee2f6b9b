//! What eligibility rules may read of a customer during a visit.
//!
//! Owns the supply of facts. Without the consent to profiling nothing learned is supplied, so rules about it are unknown and nobody is
//! eligible by them. A fact that the catalogue of attributes does not take is a mistake of ours: it is logged and stays unknown.

use std::collections::BTreeSet;

use aisle_cloud_core::{
    consent::Purpose,
    eligibility::{Facts, Value},
    ranking::TasteKey,
};
use aisle_schemas::ids::CategoryId;
use aisle_store::visit::VisitRow;
use chrono::TimeDelta;

use crate::actors::customer::{World, state::Customer};

/// How long an account counts as new.
const NEW_FOR: TimeDelta = TimeDelta::days(30);
/// Most entries of a list that rules may read.
const LIST_MAX: usize = 200;

/// Facts for one decision.
pub fn facts(customer: &Customer, visit: Option<&VisitRow>, world: &World) -> Facts {
    let mut facts = Facts::default();
    let mut set = |path: &'static str, value: Value| {
        if let Err(refused) = facts.set(path, value) {
            tracing::error!(path, %refused, "a fact was not supplied");
        }
    };
    set("now", Value::Instant(world.now));
    set("profile.language", Value::Text(customer.profile.language.as_str().to_owned()));
    set("segments", Value::List(Vec::new()));
    if let Some(visit) = visit {
        set("store.id", Value::Text(visit.store.to_string()));
        set("visit.opened_at", Value::Instant(visit.opened_at));
        if let Some(zone) = &visit.zone {
            set("visit.zone", Value::Text(zone.to_string()));
        }
    }
    let wishes: BTreeSet<CategoryId> = wished_categories(customer, world);
    set("profile.wishes", texts(wishes.iter()));
    if customer.uses(Purpose::Profiling, &world.catalogue.texts, world.now) {
        set("profile.is_new", Value::Bool(customer.profile.created_at > world.now - NEW_FOR));
        let known: BTreeSet<&CategoryId> = world.catalogue.categories().collect();
        let bought = known.into_iter().filter(|category| customer.taste.purchases_in(TasteKey::category(category)) > 0);
        set("profile.categories", texts(bought));
        if let Some(last) = &customer.last_visit {
            set("profile.last_visit_at", Value::Instant(last.opened_at));
        }
    }
    if visit.is_some_and(|visit| visit.zone.is_none()) {
        absent(&mut facts, "visit.zone");
    }
    facts
}

fn absent(facts: &mut Facts, path: &'static str) {
    if let Err(refused) = facts.set_absent(path) {
        tracing::error!(path, %refused, "a fact was not supplied");
    }
}

fn texts<'a>(categories: impl Iterator<Item = &'a CategoryId>) -> Value {
    Value::List(categories.take(LIST_MAX).map(|category| Value::Text(category.to_string())).collect())
}

/// Categories of the offers that the customer has marked.
pub fn wished_categories(customer: &Customer, world: &World) -> BTreeSet<CategoryId> {
    let product = |offer| world.catalogue.published(offer).map(|live| live.offer.product.category.clone());
    customer.bookmarks.iter().filter_map(|mark| product(mark.offer)).collect()
}
