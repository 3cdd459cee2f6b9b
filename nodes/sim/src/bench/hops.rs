//! What an event needs besides the product's own work: the disks it must reach and the wire it must cross, and what is left of its time without them.
//!
//! Owns the account of which event takes which hops. Takes the limits of the same run, each measured alone; emits `own` times: p50 less the medians of
//! its hops. On failure: a limit that cannot be measured is an error; a time that has no figure has no own time.

use anyhow::Result;

use super::figures::{Figures, quantiles};
use super::limits::{self, PassThrough};
use super::world::World;

/// One durable record in a store, one durable row in the cloud, one event through the broker.
const RECORD: &str = "a3.sqlite_commit";
const ROW: &str = "a4.postgres_commit";
const WIRE: &str = "a5.broker_hop";

/// Which hops lie in a time.
const TIMES: [(&str, &[&str]); 4] = [
    // Up to the cloud, into its database, and the acknowledgement down.
    ("fact_applied", &[WIRE, ROW, WIRE]),
    // The node answers after its own commit.
    ("check_in", &[RECORD]),
    // Committed in the store, up, applied in the cloud, decided there in a second transaction.
    ("offer", &[RECORD, WIRE, ROW, ROW]),
    // Committed in the store, shown in the store.
    ("tap", &[RECORD]),
];

/// Measures the three hops.
///
/// # Errors
/// When one cannot be measured.
pub async fn measure(figures: &mut Figures, through: &mut PassThrough, world: &World) -> Result<()> {
    let now = world.clock.now();
    quantiles(figures, RECORD, &limits::durable_record(world.folder(), now).await?);
    quantiles(figures, ROW, &limits::durable_row(&world.database(), now).await?);
    quantiles(figures, WIRE, &through.hop().await?);
    Ok(())
}

/// Enters the own time of every p50 whose hops were measured.
pub fn own_times(figures: &mut Figures) {
    let mut found = Figures::new();
    for (name, p50) in figures.iter() {
        let Some(whose) = name.strip_suffix("_ms_p50") else { continue };
        let Some((_, hops)) = TIMES.iter().find(|(what, _)| whose.rsplit('.').next() == Some(*what)) else { continue };
        let spent: Option<f64> = hops.iter().map(|hop| figures.get(&format!("{hop}_ms_p50"))).sum::<Option<f64>>();
        if let Some(spent) = spent {
            found.insert(format!("{whose}_own_ms"), p50 - spent);
        }
    }
    figures.extend(found);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_time_is_what_the_hops_leave_of_the_median() {
        let named = |pairs: &[(&str, f64)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<Figures>();
        let mut figures = named(&[
            ("a3.sqlite_commit_ms_p50", 1.0),
            ("a4.postgres_commit_ms_p50", 2.0),
            ("a5.broker_hop_ms_p50", 0.5),
            ("s1.200_per_s.offer_ms_p50", 9.0),
            ("s1.200_per_s.1_stores.fact_applied_ms_p50", 4.0),
            ("s1.200_per_s.offer_ms_p99", 90.0),
        ]);
        own_times(&mut figures);
        assert_eq!((figures["s1.200_per_s.offer_own_ms"], figures["s1.200_per_s.1_stores.fact_applied_own_ms"]), (3.5, 1.0));
        assert_eq!(figures.keys().filter(|name| name.ends_with("_own_ms")).count(), 2);
    }

    #[test]
    fn without_its_hops_a_time_is_nobodys_own() {
        let mut figures = Figures::from([("s1.200_per_s.tap_ms_p50".to_owned(), 3.0)]);
        own_times(&mut figures);
        assert_eq!(figures.len(), 1);
    }
}
