//! What a customer likes: decaying weights of items and categories, kept in place and bounded.
//!
//! Owns [`Taste`], its updates and its stored form of at most [`TASTE_BYTES_MAX`] bytes. Takes purchases, wishes, scans, taps and
//! dismissals with their instants; emits shares. Decay is *forward*: a weight added at `t` is `2^(t/60 d)`, so that nothing is touched on
//! reading. Weights are kept as binary logarithms and therefore never overflow. Full lists lose their lightest entry.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::ids::{CategoryId, Sku};

/// Time in which interest loses half its weight.
pub const HALF_LIFE_DAYS: f64 = 60.0;
/// Items remembered per customer.
pub const ITEMS_MAX: usize = 150;
/// Categories remembered per customer.
pub const CATEGORIES_MAX: usize = 64;
/// Wishes remembered per customer.
pub const WISHES_MAX: usize = 32;
/// Stored form at its largest.
pub const TASTE_BYTES_MAX: usize = 4_096;

const FORMAT: u8 = 1;
const HEADER_BYTES: usize = 1 + 4 + 1 + 1 + 1;
const ENTRY_BYTES: usize = 8 + 4 + 4;
const SEEN_BYTES: usize = 4;
/// Weights are counted from 2024-01-01, so that the logarithms stay small.
const LANDMARK_S: i64 = 1_704_067_200;
const DAY_S: f64 = 86_400.0;

// Share of a purchase's weight that other signs of interest have.
const WEIGHT_SCAN: f32 = 0.3;
const WEIGHT_TAP: f32 = 0.2;
/// A dismissal halves what speaks for the item.
const DISMISSAL_LOG2: f32 = 1.0;

/// An item or category, as 64 bit of the SHA-256 of its name: small, the same everywhere, and of a retailer's range no two collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TasteKey(u64);

impl TasteKey {
    pub fn item(sku: &Sku) -> Self {
        Self::of("item:", sku.as_str())
    }

    pub fn category(category: &CategoryId) -> Self {
        Self::of("category:", category.as_str())
    }

    fn of(kind: &str, name: &str) -> Self {
        let digest: [u8; 32] = Sha256::new().chain_update(kind).chain_update(name).finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

/// A sign of interest, or of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TasteEvent<'a> {
    /// One basket, each product once.
    Purchase(&'a [(TasteKey, TasteKey)]),
    Scan {
        item: TasteKey,
        category: TasteKey,
    },
    Tap {
        item: TasteKey,
        category: TasteKey,
    },
    Wish {
        item: TasteKey,
    },
    WishTakenBack {
        item: TasteKey,
    },
    Dismissal {
        item: TasteKey,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    key: TasteKey,
    log2_weight: f32,
    purchases: u32,
}

/// The state of one customer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Taste {
    /// Sorted by key, like the lists below.
    items: Vec<Entry>,
    categories: Vec<Entry>,
    /// Newest positive evidence of each category, in the places of `categories`, in seconds since the landmark.
    evidence_s: Vec<u32>,
    wishes: Vec<TasteKey>,
    baskets: u32,
}

/// Why stored bytes are not a taste.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TasteRefused {
    #[error("stored in format {0}, which this version does not know")]
    Format(u8),
    #[error("length and content do not agree")]
    Length,
    #[error("entries are out of order or not numbers")]
    Content,
}

impl Taste {
    /// Takes a sign of interest in.
    pub fn learn(&mut self, event: TasteEvent<'_>, at: DateTime<Utc>) {
        match event {
            TasteEvent::Purchase(products) => {
                self.baskets = self.baskets.saturating_add(1);
                for (item, category) in products {
                    self.add(*item, *category, log2_weight(at), 1, at);
                }
            }
            TasteEvent::Scan { item, category } => self.interest(item, category, WEIGHT_SCAN, at),
            TasteEvent::Tap { item, category } => self.interest(item, category, WEIGHT_TAP, at),
            TasteEvent::Wish { item } => {
                if let Err(place) = self.wishes.binary_search(&item)
                    && self.wishes.len() < WISHES_MAX
                {
                    self.wishes.insert(place, item);
                }
            }
            TasteEvent::WishTakenBack { item } => {
                if let Ok(place) = self.wishes.binary_search(&item) {
                    self.wishes.remove(place);
                }
            }
            TasteEvent::Dismissal { item } => {
                if let Ok(place) = find(&self.items, item) {
                    self.items[place].log2_weight -= DISMISSAL_LOG2;
                }
            }
        }
    }

    fn interest(&mut self, item: TasteKey, category: TasteKey, share: f32, at: DateTime<Utc>) {
        self.add(item, category, log2_weight(at) + share.log2(), 0, at);
    }

    fn add(&mut self, item: TasteKey, category: TasteKey, log2_weight: f32, purchases: u32, at: DateTime<Utc>) {
        add(&mut self.items, ITEMS_MAX, item, log2_weight, purchases);
        let change = add(&mut self.categories, CATEGORIES_MAX, category, log2_weight, purchases);
        let seen_s = u32::try_from((at.timestamp() - LANDMARK_S).max(0)).unwrap_or(u32::MAX);
        if let Some(place) = change.removed {
            self.evidence_s.remove(place);
        }
        if change.inserted {
            self.evidence_s.insert(change.place, seen_s);
        } else {
            let newest = &mut self.evidence_s[change.place];
            *newest = seen_s.max(*newest);
        }
    }

    /// Newest purchase, scan or tap in a category, to the second: what the relevance veto of the gate asks for.
    pub fn evidence(&self, category: TasteKey) -> Option<DateTime<Utc>> {
        let place = find(&self.categories, category).ok()?;
        DateTime::from_timestamp(LANDMARK_S + i64::from(self.evidence_s[place]), 0)
    }

    /// Baskets known.
    pub fn baskets(&self) -> u32 {
        self.baskets
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.categories.is_empty()
    }

    /// Weight of an item as a share of the heaviest; 0 when it is not remembered.
    pub fn item_share(&self, item: TasteKey) -> f32 {
        let heaviest = self.items.iter().map(|entry| entry.log2_weight).fold(f32::NEG_INFINITY, f32::max);
        find(&self.items, item).map_or(0.0, |place| (self.items[place].log2_weight - heaviest).exp2())
    }

    /// Weight of a category as a share of all; 0 when it is not remembered.
    pub fn category_share(&self, category: TasteKey) -> f32 {
        let Ok(place) = find(&self.categories, category) else {
            return 0.0;
        };
        let own = self.categories[place].log2_weight;
        // Relative to the one asked for, so that no power gets out of hand unless the share is 0 anyway.
        let all: f32 = self.categories.iter().map(|entry| (entry.log2_weight - own).exp2()).sum();
        1.0 / all
    }

    /// How often an item was bought.
    pub fn purchases_of(&self, item: TasteKey) -> u32 {
        find(&self.items, item).map_or(0, |place| self.items[place].purchases)
    }

    /// How often a category was bought.
    pub fn purchases_in(&self, category: TasteKey) -> u32 {
        find(&self.categories, category).map_or(0, |place| self.categories[place].purchases)
    }

    /// Whether an item is on the wish list.
    pub fn wishes(&self, item: TasteKey) -> bool {
        self.wishes.binary_search(&item).is_ok()
    }

    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = |list: usize| u8::try_from(list).expect("lists are bounded below 256");
        let mut bytes = Vec::with_capacity(TASTE_BYTES_MAX);
        bytes.push(FORMAT);
        bytes.extend(self.baskets.to_be_bytes());
        bytes.extend([length(self.items.len()), length(self.categories.len()), length(self.wishes.len())]);
        for entry in self.items.iter().chain(&self.categories) {
            bytes.extend(entry.key.0.to_be_bytes());
            bytes.extend(entry.log2_weight.to_be_bytes());
            bytes.extend(entry.purchases.to_be_bytes());
        }
        for seen_s in &self.evidence_s {
            bytes.extend(seen_s.to_be_bytes());
        }
        for wish in &self.wishes {
            bytes.extend(wish.0.to_be_bytes());
        }
        bytes
    }

    /// From the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TasteRefused> {
        let (header, body) = bytes.split_at_checked(HEADER_BYTES).ok_or(TasteRefused::Length)?;
        let [format, b0, b1, b2, b3, items, categories, wishes] = *header else {
            return Err(TasteRefused::Length);
        };
        if format != FORMAT {
            return Err(TasteRefused::Format(format));
        }
        let [items, categories, wishes] = [items, categories, wishes].map(usize::from);
        let entry_bytes = (items + categories) * ENTRY_BYTES;
        let seen_bytes = categories * SEEN_BYTES;
        if items > ITEMS_MAX
            || categories > CATEGORIES_MAX
            || wishes > WISHES_MAX
            || body.len() != entry_bytes + seen_bytes + wishes * size_of::<u64>()
        {
            return Err(TasteRefused::Length);
        }
        let (entries, rest) = body.split_at(entry_bytes);
        let (seen, wish_bytes) = rest.split_at(seen_bytes);
        let mut entries = entries.chunks_exact(ENTRY_BYTES).map(entry);
        let taste = Self {
            items: entries.by_ref().take(items).collect::<Result<_, _>>()?,
            categories: entries.collect::<Result<_, _>>()?,
            evidence_s: seen.chunks_exact(SEEN_BYTES).map(|seen| array(seen).map(u32::from_be_bytes)).collect::<Result<_, _>>()?,
            wishes: wish_bytes
                .chunks_exact(size_of::<u64>())
                .map(|wish| array(wish).map(|wish| TasteKey(u64::from_be_bytes(wish))))
                .collect::<Result<_, _>>()?,
            baskets: u32::from_be_bytes([b0, b1, b2, b3]),
        };
        let sorted = taste.items.is_sorted_by(|one, other| one.key < other.key)
            && taste.categories.is_sorted_by(|one, other| one.key < other.key)
            && taste.wishes.is_sorted_by(|one, other| one < other);
        if sorted { Ok(taste) } else { Err(TasteRefused::Content) }
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], TasteRefused> {
    bytes.try_into().map_err(|_| TasteRefused::Length)
}

fn entry(bytes: &[u8]) -> Result<Entry, TasteRefused> {
    let log2_weight = f32::from_be_bytes(array(&bytes[8..12])?);
    if !log2_weight.is_finite() {
        return Err(TasteRefused::Content);
    }
    Ok(Entry { key: TasteKey(u64::from_be_bytes(array(&bytes[..8])?)), log2_weight, purchases: u32::from_be_bytes(array(&bytes[12..])?) })
}

/// `log2(2^(t/60 d))`. A float holds a logarithm of decades to a millionth.
fn log2_weight(at: DateTime<Utc>) -> f32 {
    let seconds = (at.timestamp() - LANDMARK_S) as f64;
    (seconds / (HALF_LIFE_DAYS * DAY_S)) as f32
}

fn find(entries: &[Entry], key: TasteKey) -> Result<usize, usize> {
    entries.binary_search_by_key(&key, |entry| entry.key)
}

/// What adding did to a list, so that a parallel list can follow.
struct Added {
    removed: Option<usize>,
    inserted: bool,
    place: usize,
}

fn add(entries: &mut Vec<Entry>, longest: usize, key: TasteKey, log2_weight: f32, purchases: u32) -> Added {
    if let Ok(place) = find(entries, key) {
        let entry = &mut entries[place];
        let (more, less) = (entry.log2_weight.max(log2_weight), entry.log2_weight.min(log2_weight));
        entry.log2_weight = more + (1.0 + (less - more).exp2()).log2();
        entry.purchases = entry.purchases.saturating_add(purchases);
        return Added { removed: None, inserted: false, place };
    }
    let lightest = || (0..entries.len()).min_by(|one, other| entries[*one].log2_weight.total_cmp(&entries[*other].log2_weight));
    let removed = if entries.len() >= longest { lightest() } else { None };
    if let Some(place) = removed {
        entries.remove(place);
    }
    let place = entries.partition_point(|entry| entry.key < key);
    entries.insert(place, Entry { key, log2_weight, purchases });
    Added { removed, inserted: true, place }
}
