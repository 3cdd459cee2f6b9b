//! What may happen to a running system, and what it does to whom.
//!
//! Owns the kinds of faults and their blows. Takes a world and its line; emits which stores were hit and what must come back later. Kills only children
//! of the bench. On failure: a part that cannot be signalled or started again is an error.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rand::{Rng, rngs::SmallRng, seq::IndexedRandom};

use super::database;
use super::world::World;
use crate::hollow::Fleet;
use crate::proxy::{FaultProxy, Line, State};

/// How long the line stays cut.
const CUT_MS: std::ops::Range<u64> = 300..2_000;
/// How long an owner stands still: beyond every lease, so that it wakes as one who was replaced (T06).
const PAUSE: Duration = Duration::from_secs(20);
/// Longest wait for an instance that owns a store of the fleet.
const OWNER_WAIT: Duration = Duration::from_secs(60);
/// Time between looks.
const LOOK: Duration = Duration::from_millis(50);

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    KillNode,
    /// An instance dies and is started again at once, under its own name.
    KillCloud,
    /// An instance dies and stays away until another one has applied something of its stores.
    KillOwner,
    /// An instance stands still for longer than its leases and goes on.
    PauseOwner,
    KillBroker,
    KillPostgres,
    FlushRedis,
    CutLine,
    SilenceLine,
}

impl Fault {
    const ALL: [Self; 9] = [
        Self::KillNode,
        Self::KillCloud,
        Self::KillOwner,
        Self::PauseOwner,
        Self::KillBroker,
        Self::KillPostgres,
        Self::FlushRedis,
        Self::CutLine,
        Self::SilenceLine,
    ];

    /// Those that make sense with so many cloud instances: nobody takes over from the only one.
    pub fn with(instances: usize) -> Vec<Self> {
        Self::ALL.into_iter().filter(|fault| instances > 1 || !fault.needs_a_sister()).collect()
    }

    fn needs_a_sister(self) -> bool {
        match self {
            Self::KillOwner | Self::PauseOwner => true,
            Self::KillNode
            | Self::KillCloud
            | Self::KillBroker
            | Self::KillPostgres
            | Self::FlushRedis
            | Self::CutLine
            | Self::SilenceLine => false,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::KillNode => "kill_node",
            Self::KillCloud => "kill_cloud",
            Self::KillOwner => "kill_owner",
            Self::PauseOwner => "pause_owner",
            Self::KillBroker => "kill_broker",
            Self::KillPostgres => "kill_postgres",
            Self::FlushRedis => "flush_redis",
            Self::CutLine => "cut_line",
            Self::SilenceLine => "silence_line",
        }
    }
}

/// When an instance that is away comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// Started, once somebody else has applied something of its stores.
    OnceReplaced,
    /// Let go on, at this instant.
    At(Instant),
}

/// What a fault did.
#[derive(Debug)]
pub struct Blow {
    pub at: Instant,
    /// Stores whose owner was hit; none means that everybody was.
    pub stores: Vec<usize>,
    /// The instance that is away, by its place.
    pub away: Option<(usize, Back)>,
}

impl Blow {
    fn on_everybody(at: Instant) -> Self {
        Self { at, stores: Vec::new(), away: None }
    }
}

/// Does it.
///
/// # Errors
/// When a part cannot be signalled or started again.
pub async fn strike(world: &mut World, line: &FaultProxy, fleet: &Fleet, fault: Fault, rng: &mut SmallRng) -> Result<Blow> {
    let at = Instant::now();
    match fault {
        Fault::KillNode => {
            if let Some(node) = world.nodes.first_mut() {
                node.child.start_again()?;
            }
        }
        Fault::KillCloud => {
            let (place, stores) = an_owner(world, fleet, rng).await?;
            let at = Instant::now();
            world.instance(place)?.child.start_again()?;
            return Ok(Blow { at, stores, away: None });
        }
        Fault::KillOwner => {
            let (place, stores) = an_owner(world, fleet, rng).await?;
            let at = Instant::now();
            world.instance(place)?.child.kill()?;
            return Ok(Blow { at, stores, away: Some((place, Back::OnceReplaced)) });
        }
        Fault::PauseOwner => {
            let (place, stores) = an_owner(world, fleet, rng).await?;
            let at = Instant::now();
            world.instance(place)?.child.pause()?;
            return Ok(Blow { at, stores, away: Some((place, Back::At(at + PAUSE))) });
        }
        Fault::KillBroker => {
            let broker = world.own_broker()?;
            broker.child.start_again()?;
            broker.ready().await?;
        }
        Fault::KillPostgres => {
            if let Some(postgres) = &mut world.postgres {
                postgres.child.kill()?;
                postgres.revive().await?;
            }
        }
        Fault::FlushRedis => {
            if let Some(redis) = &world.redis {
                redis.flush().await?;
            }
        }
        Fault::CutLine | Fault::SilenceLine => {
            line.set(if fault == Fault::CutLine { State::Cut } else { State::HalfOpen });
            tokio::time::sleep(Duration::from_millis(rng.random_range(CUT_MS))).await;
            line.set(State::Whole(Line::PERFECT));
        }
    }
    Ok(Blow::on_everybody(at))
}

/// An instance that owns stores of the fleet, drawn at random, and these stores.
async fn an_owner(world: &World, fleet: &Fleet, rng: &mut SmallRng) -> Result<(usize, Vec<usize>)> {
    let started = Instant::now();
    loop {
        let owners: BTreeMap<_, _> = database::owners(&world.database()).await?;
        let mut at_work = Vec::new();
        for (place, instance) in world.clouds.iter().enumerate() {
            let stores = owners.get(instance.id.as_str()).map_or_else(Vec::new, |partitions| fleet.in_partitions(partitions));
            if !stores.is_empty() {
                at_work.push((place, stores));
            }
        }
        if let Some(drawn) = at_work.choose(rng) {
            return Ok(drawn.clone());
        }
        ensure!(started.elapsed() < OWNER_WAIT, "no instance owns a store after {OWNER_WAIT:?}");
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_of_several_instances_is_replaced() {
        assert!(!Fault::with(1).contains(&Fault::KillOwner) && Fault::with(1).contains(&Fault::KillCloud));
        assert!(Fault::with(2).contains(&Fault::PauseOwner));
        assert_eq!((Fault::with(1).len(), Fault::with(2).len()), (7, 9));
    }
}
