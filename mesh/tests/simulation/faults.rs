//! What breaks, and how.
//!
//! Owns [`Break`]: the faults of each weather and what they do to the world. Takes the weather; emits nothing. A fault itself cannot fail.

use std::time::Duration;

use aisle_mesh::sync::{
    node_link::{Loss, NodeLinkInput},
    node_peer::*,
    owner_peer::OwnerInput,
};
use aisle_schemas::sync::Stream;
use chrono::TimeDelta;
use rand::Rng;

use super::{Happening, Weather, World, introduction};

/// Longest that an owner hangs, in milliseconds.
const HANG_MAX_MS: u64 = 20_000;
/// When another may take the partition of an owner that says nothing: its lease, and one look for what is free.
const LEASE_MS: [u64; 2] = [6_000, 13_000];
/// From this on an owner that hung finds its lease over when it wakes up.
const SELF_STOP: Duration = Duration::from_secs(4);

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// The node's connection.
    Cut,
    /// The node's process ends.
    NodeEnds,
    /// The owner's process ends; somebody takes its place in a while.
    OwnerEnds,
    OwnerLink,
    /// The node's process ends within its next transaction: before the commit, or between commit and answer.
    NodeEndsTorn,
    /// Rows change on either disk.
    Corrupt,
    /// The budget of telemetry is spent.
    DropTelemetry,
    /// The node's wall clock steps by up to a day.
    StepClock,
    /// The owner hangs between two steps.
    OwnerHangs,
    /// The owner hangs within its next receive transaction.
    OwnerHangsTorn,
    /// Another has the partition before the owner knows.
    LostLease,
    /// The node's disk is copied, or set back to the copy.
    SetNodeBack,
    /// The same of the cloud's database.
    SetCloudBack,
}

impl Break {
    pub(super) fn of(weather: Weather) -> Vec<Self> {
        let line = [Self::Cut, Self::NodeEnds, Self::OwnerEnds, Self::OwnerLink];
        let torn = [Self::NodeEndsTorn, Self::NodeEndsTorn, Self::Corrupt, Self::DropTelemetry, Self::StepClock];
        let owners = [Self::OwnerHangs, Self::OwnerHangsTorn, Self::OwnerHangsTorn, Self::LostLease];
        let set_back = [Self::SetNodeBack, Self::SetNodeBack, Self::SetCloudBack, Self::SetCloudBack];
        let more: Vec<Self> = match weather {
            Weather::Line => Vec::new(),
            Weather::Torn => torn.to_vec(),
            Weather::Owners => owners.to_vec(),
            Weather::SetBack => set_back.to_vec(),
            Weather::All => torn.into_iter().chain(owners).chain(set_back).collect(),
        };
        line.into_iter().chain(more).collect()
    }
}

impl World {
    pub(super) fn break_something(&mut self) {
        match self.breaks[self.rng.random_range(0..self.breaks.len())] {
            Break::Cut => {
                let how = if self.rng.random_range(0..7) == 0 { Loss::TakenOver } else { Loss::Broken };
                if self.connection.take().is_some() {
                    self.node_input(NodeInput::Link(NodeLinkInput::Lost { how }));
                }
            }
            Break::NodeEnds => self.restart_node(),
            Break::OwnerEnds => {
                self.owners.clear();
                self.after(0, 8_000, Happening::TakeOver);
            }
            Break::OwnerLink => self.tell_owner(OwnerInput::LinkLost),
            Break::NodeEndsTorn => self.node_dies = true,
            Break::Corrupt => {
                let stream = Stream::ALL[self.rng.random_range(0..Stream::ALL.len())];
                let nth = self.rng.random_range(0..1_000);
                match stream.direction() {
                    aisle_schemas::sync::Direction::Up => self.disk.disk().send.corrupt(stream, nth),
                    aisle_schemas::sync::Direction::Down => self.cloud.with(&self.id, |row| row.send.corrupt(stream, nth)),
                }
            }
            Break::DropTelemetry => {
                let count = self.rng.random_range(1..20);
                self.disk.disk().send.drop_oldest(count);
            }
            Break::StepClock => self.node_skew = TimeDelta::seconds(self.rng.random_range(-86_400..=86_400)),
            Break::OwnerHangs => {
                let hang = Duration::from_millis(self.rng.random_range(500..HANG_MAX_MS));
                self.hang(self.last_owner, hang);
            }
            Break::OwnerHangsTorn => self.hangs_for = Some(Duration::from_millis(self.rng.random_range(500..HANG_MAX_MS))),
            Break::LostLease => self.after(0, 0, Happening::TakeOver),
            Break::SetNodeBack => match self.disk_backup.clone() {
                Some(backup) if self.rng.random() => {
                    self.was_set_back = true;
                    *self.disk.disk() = backup;
                    self.restart_node();
                }
                Some(_) | None => self.disk_backup = Some(self.disk.disk().clone()),
            },
            Break::SetCloudBack => match self.cloud_backup.clone() {
                Some(backup) if self.rng.random() => {
                    // Whoever runs on a database that is set back is stopped first; terms stay above the old ones (AS-070).
                    self.was_set_back = true;
                    self.owners.clear();
                    self.cloud.with(&self.id, |row| *row = backup);
                    self.after(0, 8_000, Happening::TakeOver);
                }
                Some(_) | None => self.cloud_backup = Some(self.cloud.with(&self.id, |row| row.clone())),
            },
        }
        if self.chaos() {
            self.after(300, 12_000, Happening::Break);
        }
    }

    /// The process dies: only the disk is kept.
    pub(super) fn restart_node(&mut self) {
        self.connection = None;
        self.node_life += 1;
        self.node = NodePeer::new(introduction(), self.now);
        self.node_payloads.clear();
    }

    /// The owner does nothing for a while. If that is longer than its lease, another takes the partition meanwhile, or soon after.
    pub(super) fn hang(&mut self, life: u64, hang: Duration) {
        let until = self.now.plus(hang);
        let Some(owner) = self.owners.get_mut(&life).filter(|owner| owner.hangs_until <= self.now) else { return };
        owner.hangs_until = until;
        if hang >= SELF_STOP {
            self.after(LEASE_MS[0], LEASE_MS[1], Happening::TakeOver);
        }
    }
}
