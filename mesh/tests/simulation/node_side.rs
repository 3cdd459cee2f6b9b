//! The node's end of the simulation: what its driver would do with its disk and its connection.
//!
//! Owns how outputs of the node's machine become happenings. Takes happenings of the node; emits what the broker gets. On failure: the next
//! transaction fails where the world says so.

use aisle_mesh::sync::{
    codec::{self, Encoded},
    load::{LoadContext, load},
    log::*,
    node_link::{LogView, NodeLinkInput},
    node_peer::*,
    receiver::{ApplyFailure, Arrival},
    turn::{Alarm, Turn},
};
use aisle_schemas::event::Source;
use rand::Rng;

use super::{Happening, World, now_or_never};
use crate::memory::{Fault, MemoryNode};

impl World {
    /// One transaction on the node's disk, which may fail and may be the last thing that the process does.
    fn on_disk<T>(&mut self, transaction: impl FnOnce(&MemoryNode) -> T) -> T {
        let mut fault = self.fault();
        if std::mem::take(&mut self.node_dies) {
            fault = Some(if self.rng.random() { Fault::Before } else { Fault::After });
            let life = self.node_life;
            self.after(0, 0, Happening::Crash { life });
        }
        *self.disk.fault.lock().unwrap() = fault;
        let done = transaction(&self.disk);
        *self.disk.fault.lock().unwrap() = None;
        done
    }

    pub(super) fn at_node(&mut self, what: Happening) {
        match what {
            Happening::ToNode { connection, topic, payload } if self.connection == Some((connection, true)) => {
                self.arrivals += 1;
                let message = codec::parse_from_cloud(&self.id, &topic, &payload).expect("our own topics and sources");
                self.node_input(NodeInput::Message { arrival: Arrival(self.arrivals), message });
            }
            Happening::PubAck { connection, reason } if self.connection.is_some_and(|(current, _)| current == connection) => {
                self.node_input(NodeInput::PubAck(reason));
            }
            Happening::Node { life, input } if life == self.node_life => self.node_input(*input),
            Happening::LoadForNode { life, session, request } if life == self.node_life => {
                let stamp = self.stamp(self.node_skew);
                let context = LoadContext { node: self.id.clone(), source: Source::Node(self.id.clone()), session, term: None };
                let input = match self.on_disk(|disk| now_or_never(load(disk, &context, &request, stamp))) {
                    Ok((loaded, payload)) => {
                        self.node_payloads.insert(request.ticket, (request.stream, payload));
                        NodeInput::Loaded(loaded)
                    }
                    Err(_) => NodeInput::LoadFailed { ticket: request.ticket },
                };
                self.after(0, 5, Happening::Node { life, input: Box::new(input) });
            }
            Happening::ApplyAtNode { life, ticket, batch } if life == self.node_life => {
                let id = self.id.clone();
                let input = match self.on_disk(|disk| now_or_never(disk.apply(&id, &batch))) {
                    Ok(applied) => NodeInput::Applied { ticket, applied },
                    Err(error) => NodeInput::ApplyFailed { ticket, failure: ApplyFailure::from(&error) },
                };
                self.after(0, 5, Happening::Node { life, input: Box::new(input) });
            }
            Happening::Crash { life } if life == self.node_life => self.restart_node(),
            Happening::Reclaim => {
                self.cloud.with(&self.id, |row| row.reclaim = true);
                self.node_input(NodeInput::Link(NodeLinkInput::Reclaimed));
            }
            _ => {}
        }
    }

    pub(super) fn node_input(&mut self, input: NodeInput) {
        let mut out = Vec::new();
        self.node.handle(&mut Turn { now: self.now, rng: &mut self.rng }, input, &mut out);
        for output in out {
            self.node_output(output);
        }
    }

    fn answer(&mut self, input: NodeLinkInput) {
        let life = self.node_life;
        self.after(0, 5, Happening::Node { life, input: Box::new(NodeInput::Link(input)) });
    }

    fn node_output(&mut self, output: NodeOutput) {
        let (life, id) = (self.node_life, self.id.clone());
        match output {
            NodeOutput::BeginSession { step, random } => {
                let begun = self.on_disk(|disk| now_or_never(disk.begin_session(random)));
                let failed = NodeLinkInput::StepFailed { step };
                self.answer(begun.map_or(failed, |session| NodeLinkInput::SessionBegun { step, session }));
            }
            NodeOutput::Dial { session: _ } => {
                self.last_connection += 1;
                self.connection = Some((self.last_connection, false));
                let input = NodeInput::Connected { receive_max: 40, packet_max: 1 << 17 };
                self.after(1, 50, Happening::Node { life, input: Box::new(input) });
            }
            NodeOutput::Subscribe => {
                let ok = !self.chance(2);
                if let Some((_, subscribed)) = &mut self.connection {
                    *subscribed = ok;
                    self.state();
                    self.after(1, 50, Happening::Node { life, input: Box::new(NodeInput::Link(NodeLinkInput::SubAcked { ok })) });
                }
            }
            NodeOutput::Hang => self.connection = None,
            NodeOutput::ReadLog { step } => {
                let read = self.on_disk(|disk| (now_or_never(disk.state(&id)), now_or_never(disk.down_state())));
                self.answer(match read {
                    (Ok(send), Ok(down)) => NodeLinkInput::LogRead { step, view: Box::new(LogView { send, down }) },
                    (Err(_), _) | (_, Err(_)) => NodeLinkInput::StepFailed { step },
                });
            }
            NodeOutput::AdoptDown { step, epoch } => {
                let adopted = self.on_disk(|disk| now_or_never(disk.adopt_down_epoch(epoch)));
                let failed = NodeLinkInput::StepFailed { step };
                self.answer(adopted.map_or(failed, |down| NodeLinkInput::Adopted { step, down }));
            }
            NodeOutput::ReturnTo { step, cursors } => {
                let returned = self.on_disk(|disk| now_or_never(disk.return_to(&cursors)));
                let failed = NodeLinkInput::StepFailed { step };
                self.answer(returned.map_or(failed, |()| NodeLinkInput::Returned { step }));
            }
            NodeOutput::BeginEpoch { step, request } => {
                let begun = self.on_disk(|disk| now_or_never(disk.begin_epoch(&id, &request)));
                let failed = NodeLinkInput::StepFailed { step };
                self.answer(begun.map_or(failed, |_| NodeLinkInput::EpochBegun { step }));
            }
            NodeOutput::Publish(message) => {
                let encoded = match &message {
                    FromNode::Batch { ticket } => {
                        let (stream, payload) = self.node_payloads.remove(ticket).expect("a ticket is sent once, after it was loaded");
                        Encoded { topic: codec::batch_topic(&id, stream), payload }
                    }
                    FromNode::Presence { .. } | FromNode::Hello { .. } | FromNode::Ack { .. } => {
                        let stamp = self.stamp(self.node_skew);
                        codec::encode_from_node(&id, &message, stamp).expect("only a batch has no encoding")
                    }
                };
                self.to_owners(encoded);
            }
            NodeOutput::Load { session, request } => self.after(0, 5, Happening::LoadForNode { life, session, request }),
            NodeOutput::DropLoaded { ticket } => {
                self.node_payloads.remove(&ticket);
            }
            NodeOutput::CommitAcked { epoch, stream, acked } => {
                // An acknowledgement that is forgotten comes again with the next WELCOME.
                self.on_disk(|disk| now_or_never(disk.commit_acked(&id, epoch, stream, acked))).ok();
            }
            NodeOutput::Apply { ticket, batch } => self.after(0, 20, Happening::ApplyAtNode { life, ticket, batch }),
            NodeOutput::Release(arrival) => self.release(arrival),
            // An operator looks at it and takes the box back.
            NodeOutput::Alarm(Alarm::Superseded) => self.after(1_000, 30_000, Happening::Reclaim),
            NodeOutput::Alarm(_) | NodeOutput::Count(_) => {}
        }
    }
}
