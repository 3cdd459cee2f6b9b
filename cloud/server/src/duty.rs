//! What of the shared work is this instance's: outbox rows and timers of the keys whose partition it owns (AS-090, AS-092).
//!
//! Owns [`Duty`]. Takes which partitions are held; emits yes or no for a key: a customer, a node, an offer. Every key has one instance at a
//! time that acts on it by itself; what somebody asks for is done by the instance asked, and versions in the database keep both apart.
//! While nobody owns a partition its rows wait, and whoever takes it looks at once.

use aisle_mesh::sync::ownership::Owned;
use aisle_schemas::ids::{CustomerId, NodeId, Partition};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

/// See the module.
#[derive(Clone)]
pub struct Duty(watch::Receiver<Owned>);

impl Duty {
    pub fn new(owned: watch::Receiver<Owned>) -> Self {
        Self(owned)
    }

    /// Whether the rows of an outbox key are this instance's.
    pub fn is_for(&self, key: &str) -> bool {
        self.0.borrow().contains(partition_of(key))
    }

    /// Whether the link of a node is this instance's.
    pub fn is_for_node(&self, node: &NodeId) -> bool {
        self.0.borrow().contains(node.partition())
    }

    /// Whether the timers of a customer are this instance's.
    pub fn is_for_customer(&self, customer: CustomerId) -> bool {
        self.is_for(&customer.to_string())
    }

    /// Waits until it holds other partitions. Safe to cancel; pending for ever once the owner has ended.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// First byte of SHA-256, as for stores (AS-085).
fn partition_of(key: &str) -> Partition {
    let [first, ..] = <[u8; 32]>::from(Sha256::digest(key));
    Partition(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_the_duty_of_the_one_that_owns_its_partition() {
        let half = |low: bool| (0..=u8::MAX).filter(|part| (*part < 128) == low).map(Partition).collect::<Owned>();
        let (mut low, mut high) = (0, 0);
        let duties = [true, false].map(|is_low| Duty::new(watch::channel(half(is_low)).1));
        for n in 0..200 {
            let customer = CustomerId::new(n, [3; 10]);
            let [of_low, of_high] = duties.each_ref().map(|duty| duty.is_for_customer(customer));
            assert_ne!(of_low, of_high, "one instance, and only one");
            if of_low { low += 1 } else { high += 1 }
        }
        assert!(low > 50 && high > 50, "{low} and {high}");
    }
}
