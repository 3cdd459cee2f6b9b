//! Rules of an owner that concern many nodes: how many HELLOs a second, who gets bulk credit, and who counts as lost.
//!
//! Owns [`HelloBudget`] (AS-021), [`BulkSlots`] (AS-023) and [`presence_expiry`] (AS-082, AS-083). Pure: time is an argument.

use std::collections::{HashMap, VecDeque};

use aisle_schemas::{
    ids::NodeId,
    limits::{
        BULK_PENDING_MIN, BULK_SLICE, BULK_SLOTS, CREDIT_BULK_BATCHES, CREDIT_LIVE_BATCHES, HELLO_RATE_PER_S, PRESENCE_LEASE, WILL_DEBOUNCE,
    },
    sync::Credit,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::{log::PresenceExpiry, owner_peer::credit, turn::Moment};

/// Nodes that may wait for a bulk slot; beyond that a node asks again with its next batch.
const BULK_WAITING_MAX: usize = 4_096;

/// HELLOs that an instance still decides in this second.
#[derive(Debug, Default)]
pub struct HelloBudget {
    second: u64,
    spent: u32,
}

impl HelloBudget {
    /// Takes one; `false` when this second's are spent.
    pub fn take(&mut self, now: Moment) -> bool {
        let second = now.0.as_secs();
        if self.second != second {
            (self.second, self.spent) = (second, 0);
        }
        let free = self.spent < HELLO_RATE_PER_S;
        self.spent += u32::from(free);
        free
    }
}

/// Who drains a backlog with bulk credit: first come, first served.
#[derive(Debug, Default)]
pub struct BulkSlots {
    holders: HashMap<NodeId, Moment>,
    waiting: VecDeque<NodeId>,
}

impl BulkSlots {
    /// The credit of an open node with `pending` records.
    pub fn credit(&mut self, node: &NodeId, pending: u64, now: Moment) -> Credit {
        if pending < BULK_PENDING_MIN {
            self.leave(node);
            return credit(CREDIT_LIVE_BATCHES);
        }
        let others_wait = self.waiting.iter().any(|waiting| waiting != node);
        if let Some(since) = self.holders.get(node) {
            if !others_wait || now.since(*since) < BULK_SLICE {
                return credit(CREDIT_BULK_BATCHES);
            }
            self.holders.remove(node);
        }
        if !self.waiting.contains(node) && self.waiting.len() < BULK_WAITING_MAX {
            self.waiting.push_back(node.clone());
        }
        let place = self.waiting.iter().position(|waiting| waiting == node);
        if place.is_some_and(|place| self.holders.len() + place < BULK_SLOTS) {
            self.waiting.retain(|waiting| waiting != node);
            self.holders.insert(node.clone(), now);
            return credit(CREDIT_BULK_BATCHES);
        }
        credit(CREDIT_LIVE_BATCHES)
    }

    /// The node's session closed, or its backlog is gone.
    pub fn leave(&mut self, node: &NodeId) {
        self.holders.remove(node);
        self.waiting.retain(|waiting| waiting != node);
    }
}

/// Which silence and which wills make a node lost. `subscribed_for` is how long the owner's own link has been up and subscribed, `None`
/// while it is not: a dead broker must not mark a chain as lost (AS-083).
pub fn presence_expiry(now: DateTime<Utc>, subscribed_for: Option<std::time::Duration>) -> PresenceExpiry {
    let before = |span| now - TimeDelta::from_std(span).expect("presence limits are seconds");
    let heard_long_enough = subscribed_for.is_some_and(|up| up >= PRESENCE_LEASE);
    PresenceExpiry { silent_before: heard_long_enough.then(|| before(PRESENCE_LEASE)), will_before: before(WILL_DEBOUNCE) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn node(n: usize) -> NodeId {
        NodeId::parse(&format!("t.s{n}.n")).unwrap()
    }
    fn at(s: u64) -> Moment {
        Moment(Duration::from_secs(s))
    }

    #[test]
    fn as_021_hellos_beyond_the_rate_wait_for_the_next_second() {
        let mut budget = HelloBudget::default();
        let taken = |budget: &mut HelloBudget, s| (0..500).filter(|_| budget.take(at(s))).count();
        assert_eq!(taken(&mut budget, 1), HELLO_RATE_PER_S as usize);
        assert_eq!(taken(&mut budget, 2), HELLO_RATE_PER_S as usize);
    }

    #[test]
    fn as_023_bulk_credit_is_bounded_handed_back_and_passed_on_after_its_slice() {
        let (bulk, live) = (credit(CREDIT_BULK_BATCHES), credit(CREDIT_LIVE_BATCHES));
        let mut slots = BulkSlots::default();
        assert_eq!(slots.credit(&node(0), BULK_PENDING_MIN - 1, at(0)), live);
        for n in 0..BULK_SLOTS {
            assert_eq!(slots.credit(&node(n), 5_000, at(0)), bulk);
        }
        let late = node(BULK_SLOTS);
        assert_eq!(slots.credit(&late, 5_000, at(1)), live, "all slots are taken");
        assert_eq!(slots.credit(&node(0), 5_000, at(59)), bulk, "its slice is not over");
        assert_eq!(slots.credit(&node(0), 5_000, at(60)), live, "others wait");
        assert_eq!(slots.credit(&late, 5_000, at(61)), bulk);
        assert_eq!(slots.credit(&node(1), 10, at(61)), live, "its backlog is gone");
        assert_eq!(slots.credit(&node(0), 5_000, at(62)), bulk);
    }

    #[test]
    fn a_holder_keeps_bulk_credit_while_nobody_waits() {
        let mut slots = BulkSlots::default();
        assert_eq!(slots.credit(&node(0), 5_000, at(0)), credit(CREDIT_BULK_BATCHES));
        assert_eq!(slots.credit(&node(0), 5_000, at(600)), credit(CREDIT_BULK_BATCHES));
    }

    #[test]
    fn as_083_silence_counts_only_after_the_own_link_has_been_up_for_a_lease() {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        assert_eq!(presence_expiry(now, None).silent_before, None);
        assert_eq!(presence_expiry(now, Some(Duration::from_secs(89))).silent_before, None);
        let open = presence_expiry(now, Some(Duration::from_secs(90)));
        assert_eq!(open.silent_before, DateTime::from_timestamp(910, 0));
        assert_eq!(open.will_before, DateTime::from_timestamp(990, 0).unwrap());
    }
}
