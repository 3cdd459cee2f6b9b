//! The demo's shoppers: who they are, what they usually buy. Made from a seed; no real person.

use aisle_schemas::text::Language;
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

/// What a household buys; the first product is bought most often.
const HABITS: [&[&str]; 6] = [
    &["cat-food", "cat-litter", "milk"],
    &["dog-food", "bread", "cheese"],
    &["apples", "tomatoes", "pasta"],
    &["coffee", "chocolate", "milk"],
    &["bread", "cheese", "olive-oil"],
    &["detergent", "toothpaste", "plant"],
];

/// One shopper before they have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub email: String,
    pub language: Language,
    /// Skus, most bought first.
    pub habit: Vec<&'static str>,
    /// Past purchases of the first sku.
    pub purchases: u32,
    /// Seed of everything they will decide.
    pub seed: u64,
}

/// `count` people. Each seed gives other addresses, so that a run against a lasting system does not meet yesterday's people.
pub fn people(count: usize, seed: u64) -> Vec<Person> {
    let mut rng = SmallRng::seed_from_u64(seed);
    (0..count)
        .map(|number| {
            let habit = HABITS.choose(&mut rng).copied().unwrap_or(HABITS[0]).to_vec();
            Person {
                email: format!("shopper-{seed:x}-{number}@aisle.example"),
                language: if rng.random_bool(0.7) { Language::De } else { Language::En },
                habit,
                purchases: rng.random_range(3..8),
                seed: rng.random(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::products;

    #[test]
    fn the_same_seed_gives_the_same_people_and_their_habits_are_in_the_assortment() {
        assert_eq!(people(20, 7), people(20, 7));
        assert_ne!(people(20, 7), people(20, 8));
        for sku in HABITS.iter().copied().flatten() {
            assert!(products::find(sku).is_some(), "{sku}");
        }
    }
}
