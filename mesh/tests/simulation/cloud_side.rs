//! The cloud's end of the simulation: owners, of which more than one may think that the partition is theirs.
//!
//! Owns [`OwnerSide`] and how its outputs become happenings; every transaction carries the term of whoever asks. Takes happenings of an
//! owner; emits what the broker gets. On failure: the next transaction fails where the world says so; an owner that is fenced stops.

use std::{collections::HashMap, sync::Arc};

use aisle_mesh::sync::{
    codec::{self, Encoded},
    hello::HelloRequest,
    load::{LoadContext, load},
    log::*,
    owner_peer::*,
    receiver::{ApplyFailure, Arrival},
    turn::{Moment, Turn},
};
use aisle_schemas::{event::Source, ids::InstanceId, sync::*};
use bytes::Bytes;
use rand::Rng;

use super::{Happening, World, introduction, now_or_never};
use crate::memory::{MemoryCloud, TRANSACTION_MAX};

/// What an owner gives in, at the latest, when its lease was refused: one renewal.
const RENEWAL_MS: u64 = 2_000;

/// One process that owns the partition, or thinks so.
#[derive(Debug)]
pub(super) struct OwnerSide {
    peer: OwnerPeer,
    term: Term,
    payloads: HashMap<u64, (Stream, Bytes)>,
    /// Until then it does nothing.
    pub(super) hangs_until: Moment,
}

impl OwnerSide {
    pub(super) fn is_open(&self) -> bool {
        self.peer.is_open()
    }
}

impl Happening {
    /// The owner's process that it happens to.
    fn owner(&self) -> Option<u64> {
        match self {
            Self::ToOwner { life, .. }
            | Self::Owner { life, .. }
            | Self::LoadForOwner { life, .. }
            | Self::ApplyAtOwner { life, .. }
            | Self::EndApply { life, .. }
            | Self::DecideHello { life, .. }
            | Self::Retire { life } => Some(*life),
            Self::ToNode { .. }
            | Self::PubAck { .. }
            | Self::Node { .. }
            | Self::LoadForNode { .. }
            | Self::ApplyAtNode { .. }
            | Self::Crash { .. }
            | Self::Reclaim
            | Self::TakeOver
            | Self::Accept
            | Self::Break => None,
        }
    }
}

impl World {
    /// What reaches an owner that hangs waits in its sockets.
    pub(super) fn unless_hanging(&mut self, what: Happening) -> Option<Happening> {
        let until = what.owner().and_then(|life| self.owners.get(&life)).map(|owner| owner.hangs_until);
        match until.filter(|until| *until > self.now) {
            Some(until) => {
                self.at(until, what);
                None
            }
            None => Some(what),
        }
    }

    pub(super) fn owner_deadlines(&self) -> Vec<Moment> {
        let awake = self.owners.values().filter(|owner| owner.hangs_until <= self.now);
        awake.filter_map(|owner| owner.peer.deadline()).collect()
    }

    pub(super) fn tick_owners(&mut self) {
        let awake = self.owners.iter().filter(|(_, owner)| owner.hangs_until <= self.now);
        let awake: Vec<u64> = awake.map(|(life, _)| *life).collect();
        for life in awake {
            self.owner_input(life, OwnerInput::Tick);
        }
    }

    /// Tells the newest owner, which is the one that the cloud's instances would tell.
    pub(super) fn tell_owner(&mut self, input: OwnerInput) {
        let life = self.last_owner;
        self.after(0, 0, Happening::Owner { life, input: Box::new(input) });
    }

    pub(super) fn state(&mut self) {
        let term = self.cloud.term(self.id.partition());
        let stamp = self.stamp(chrono::TimeDelta::zero());
        let state = State::of(&InstanceId::parse("eu1-a").unwrap());
        let encoded = codec::encode_state(self.id.partition(), Source::Cloud(self.id.tenant.clone()), term, state, stamp);
        self.to_node(encoded);
    }

    /// One transaction of an owner.
    fn in_database<T>(&mut self, term: Term, transaction: impl FnOnce(&MemoryCloud) -> T) -> T {
        let fault = self.fault();
        self.cloud.set_fault(fault);
        let done = transaction(&self.cloud.under(term));
        self.cloud.set_fault(None);
        done
    }

    /// An owner that the fence has refused stops owning.
    fn fenced(&mut self, life: u64, error: &LogError) {
        if matches!(error, LogError::Fenced) {
            self.owners.remove(&life);
        }
    }

    pub(super) fn at_cloud(&mut self, what: Happening) {
        match what {
            Happening::ToOwner { life, topic, payload } => {
                self.arrivals += 1;
                let (node, message) = codec::parse_from_node(&topic, &payload).expect("our own topics and sources");
                assert_eq!(node, self.id);
                self.owner_input(life, OwnerInput::Message { arrival: Arrival(self.arrivals), message });
            }
            Happening::Owner { life, input } => self.owner_input(life, *input),
            Happening::LoadForOwner { life, term, session, request } => {
                let stamp = self.stamp(chrono::TimeDelta::zero());
                let source = Source::Cloud(self.id.tenant.clone());
                let context = LoadContext { node: self.id.clone(), source, session, term: Some(term) };
                let input = match self.in_database(term, |cloud| now_or_never(load(cloud, &context, &request, stamp))) {
                    Ok((loaded, payload)) => {
                        if let Some(owner) = self.owners.get_mut(&life) {
                            owner.payloads.insert(request.ticket, (request.stream, payload));
                        }
                        OwnerInput::Loaded(loaded)
                    }
                    Err(LogError::OtherEpoch) => OwnerInput::LogRenewed { ticket: request.ticket },
                    Err(error) => {
                        self.fenced(life, &error);
                        OwnerInput::LoadFailed { ticket: request.ticket }
                    }
                };
                self.after(0, 5, Happening::Owner { life, input: Box::new(input) });
            }
            Happening::ApplyAtOwner { life, term, ticket, batch } => {
                let id = self.id.clone();
                if let Some(hang) = self.hangs_for.take() {
                    let now = self.now;
                    let paused = Box::new(self.in_database(term, |cloud| cloud.begin_apply(&id, &batch, now)));
                    self.locked_until = now.plus(hang.min(TRANSACTION_MAX));
                    self.hang(life, hang);
                    self.at(now.plus(hang), Happening::EndApply { life, ticket, paused });
                    return;
                }
                let applied = self.in_database(term, |cloud| now_or_never(cloud.apply(&id, &batch)));
                self.applied(life, ticket, applied);
            }
            Happening::EndApply { life, ticket, paused } => {
                // Of a process that has ended meanwhile, nothing is committed.
                if !self.owners.contains_key(&life) {
                    return;
                }
                let applied = self.cloud.end_apply(&self.id, *paused, self.now);
                self.applied(life, ticket, applied);
            }
            Happening::DecideHello { life, term, ticket, session, epoch, hello } => {
                let known_schemas = Arc::new(introduction().schemas.into_iter().collect());
                let (id, now, random) = (self.id.clone(), self.wall(), self.rng.random());
                let request = HelloRequest { epoch, session, hello: *hello, known_schemas, term, now, random };
                let input = match self.in_database(term, |cloud| now_or_never(cloud.hello(&id, &request))) {
                    Ok(outcome) => OwnerInput::HelloDecided { ticket, outcome: Box::new(outcome) },
                    Err(error) => {
                        self.fenced(life, &error);
                        OwnerInput::HelloFailed { ticket }
                    }
                };
                self.after(0, 5, Happening::Owner { life, input: Box::new(input) });
            }
            Happening::TakeOver => self.take_over(),
            Happening::Retire { life } => {
                self.owners.remove(&life);
            }
            _ => {}
        }
    }

    fn applied(&mut self, life: u64, ticket: u64, applied: Result<Applied, ApplyError>) {
        let input = match applied {
            Ok(applied) => OwnerInput::Applied { ticket, applied },
            Err(error) => OwnerInput::ApplyFailed { ticket, failure: ApplyFailure::from(&error) },
        };
        self.after(0, 5, Happening::Owner { life, input: Box::new(input) });
    }

    /// Somebody takes the partition. Those who had it go on until they hear of it.
    fn take_over(&mut self) {
        if self.now < self.locked_until {
            // A transaction of the owner has the term's row until it ends, or the database ends it.
            self.at(self.locked_until, Happening::TakeOver);
            return;
        }
        let before: Vec<(u64, Moment)> = self.owners.iter().map(|(life, owner)| (*life, owner.hangs_until.max(self.now))).collect();
        for (life, awake) in before {
            let wait = std::time::Duration::from_millis(self.rng.random_range(0..RENEWAL_MS));
            self.at(awake.plus(wait), Happening::Retire { life });
        }
        let term = self.cloud.take(self.id.partition());
        self.last_owner += 1;
        let peer = OwnerPeer::new(1 << 17, self.now);
        self.owners.insert(self.last_owner, OwnerSide { peer, term, payloads: HashMap::new(), hangs_until: Moment::default() });
        self.state();
    }

    fn owner_input(&mut self, life: u64, input: OwnerInput) {
        let Some(owner) = self.owners.get_mut(&life) else { return };
        let mut out = Vec::new();
        owner.peer.handle(&mut Turn { now: self.now, rng: &mut self.rng }, input, &mut out);
        for output in out {
            self.owner_output(life, output);
        }
    }

    fn owner_output(&mut self, life: u64, output: OwnerOutput) {
        let Some(owner) = self.owners.get_mut(&life) else { return };
        let (term, id) = (owner.term, self.id.clone());
        match output {
            OwnerOutput::DecideHello { ticket, session, epoch, hello } => {
                self.after(0, 20, Happening::DecideHello { life, term, ticket, session, epoch, hello });
            }
            OwnerOutput::Publish(message) => {
                let encoded = match &message {
                    ToNode::Batch { ticket } => {
                        let (stream, payload) = owner.payloads.remove(ticket).expect("a ticket is sent once, after it was loaded");
                        Encoded { topic: codec::batch_topic(&id, stream), payload }
                    }
                    ToNode::Welcome { .. } | ToNode::Ack { .. } => {
                        let stamp = self.stamp(chrono::TimeDelta::zero());
                        codec::encode_to_node(&id, term, &message, stamp).expect("only a batch has no encoding")
                    }
                };
                self.to_node(encoded);
            }
            OwnerOutput::Load { session, request } => self.after(0, 5, Happening::LoadForOwner { life, term, session, request }),
            OwnerOutput::DropLoaded { ticket } => {
                owner.payloads.remove(&ticket);
            }
            OwnerOutput::CommitAcked { epoch, stream, acked } => {
                self.in_database(term, |cloud| now_or_never(cloud.commit_acked(&id, epoch, stream, acked))).ok();
            }
            OwnerOutput::Apply { ticket, batch } => self.after(0, 20, Happening::ApplyAtOwner { life, term, ticket, batch }),
            OwnerOutput::Presence { session, status } => {
                let wall = self.wall();
                self.in_database(term, |cloud| now_or_never(cloud.presence(&id, session, status, wall))).ok();
            }
            OwnerOutput::Touch { session, said_at } => {
                let wall = self.wall();
                let heard = Heard { session, skew: said_at - wall };
                self.in_database(term, |cloud| now_or_never(cloud.touch(&[(id, heard)], wall))).ok();
            }
            OwnerOutput::Release(arrival) => self.release(arrival),
            // A stale session fences one node's receiver; the node's next HELLO opens it again.
            OwnerOutput::Fenced | OwnerOutput::Alarm(_) | OwnerOutput::Count(_) => {}
        }
    }
}
