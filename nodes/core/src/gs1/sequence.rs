//! Which identifiers may follow which in the path of a Digital Link.
//!
//! Owns the keys of links with their qualifiers, and the names that both had of old. Takes identifiers. Cannot fail.

/// Keys with the ways to qualify them; each way is an order of which any may be left out.
const KEYS: [(&str, &[&[&str]]); 16] = [
    ("00", &[]),
    ("01", &[&["22", "10", "21"], &["235"]]),
    ("253", &[]),
    ("255", &[]),
    ("401", &[]),
    ("402", &[]),
    ("414", &[&["254"], &["7040"]]),
    ("415", &[&["8020"]]),
    ("417", &[&["7040"]]),
    ("8003", &[]),
    ("8004", &[&["7040"]]),
    ("8006", &[&["22", "10", "21"]]),
    ("8010", &[&["8011"]]),
    ("8013", &[]),
    ("8017", &[&["8019"]]),
    ("8018", &[&["8019"]]),
];

/// Names of identifiers in links of old.
const NAMES: [(&str, &str); 22] = [
    ("gtin", "01"),
    ("cpv", "22"),
    ("lot", "10"),
    ("ser", "21"),
    ("sscc", "00"),
    ("gdti", "253"),
    ("gln", "414"),
    ("glnx", "254"),
    ("gcn", "255"),
    ("ginc", "401"),
    ("gsin", "402"),
    ("party", "417"),
    ("grai", "8003"),
    ("giai", "8004"),
    ("itip", "8006"),
    ("cpid", "8010"),
    ("cpsn", "8011"),
    ("gmn", "8013"),
    ("gsrnp", "8017"),
    ("gsrn", "8018"),
    ("srin", "8019"),
    ("refno", "8020"),
];

/// The ways to qualify a key; `None` when it is no key.
#[must_use]
pub fn ways(ai: &str) -> Option<&'static [&'static [&'static str]]> {
    KEYS.iter().find(|(key, _)| *key == ai).map(|(_, ways)| *ways)
}

/// The identifier of a name of old.
#[must_use]
pub fn named(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|(old, _)| *old == name).map(|(_, ai)| *ai)
}

/// Whether these are a key and its qualifiers in order.
#[must_use]
pub fn is_path(ais: &[&str]) -> bool {
    let Some((key, qualifiers)) = ais.split_first() else { return false };
    let Some(ways) = ways(key) else { return false };
    qualifiers.is_empty() || ways.iter().any(|way| in_order(qualifiers, way))
}

/// Whether one more would fit into a path somewhere behind its key.
#[must_use]
pub fn would_fit(path: &[&str], ai: &str) -> bool {
    (1..=path.len()).any(|at| {
        let mut longer = path.to_vec();
        longer.insert(at, ai);
        is_path(&longer)
    })
}

fn in_order(some: &[&str], all: &[&str]) -> bool {
    let mut left = all.iter();
    some.iter().all(|ai| left.any(|other| other == ai))
}
