//! Leases of partitions on the cloud's database, and the terms under which this owner writes.
//!
//! Owns [`Terms`] and the implementation of `PartitionStore`. Takes what the machine of ownership asks; keeps the term of each partition in
//! memory from its commit until it is let go, and every fenced write reads it from there. On failure nothing is kept: a partition without a
//! term is fenced before the database is asked.

use std::sync::atomic::{AtomicU64, Ordering};

use aisle_mesh::sync::{
    log::LogError,
    ownership::{PartitionStore, Survey},
    partition::Tenure,
};
use aisle_schemas::{
    ids::{InstanceId, Partition},
    limits::PARTITIONS,
    sync::Term,
};
use aisle_store::lease::{self, Claim, Neighbours};
use async_trait::async_trait;

use super::{Ingest, log_error};

/// Term of each partition; 0 where it is not ours, which fences everything.
pub struct Terms([AtomicU64; PARTITIONS]);

impl Default for Terms {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Terms {
    pub fn of(&self, part: Partition) -> Term {
        Term::new(self.0[usize::from(part.0)].load(Ordering::Acquire))
    }
    fn set(&self, part: Partition, term: Term) {
        self.0[usize::from(part.0)].store(term.get(), Ordering::Release);
    }
    /// Everything that is ours.
    pub fn held(&self) -> Vec<(Partition, Term)> {
        let all = (0..PARTITIONS).filter_map(|part| u8::try_from(part).ok().map(Partition));
        all.map(|part| (part, self.of(part))).filter(|(_, term)| *term > Term::ZERO).collect()
    }
}

#[async_trait]
impl PartitionStore for Ingest {
    fn tenure(&self) -> Tenure {
        if self.db.is_shared() { Tenure::Leased } else { Tenure::Alone }
    }

    fn instance(&self) -> &InstanceId {
        &self.instance
    }

    async fn survey(&self, linked: bool, earlier_life: bool) -> Result<Survey, LogError> {
        let Neighbours { linked, free } = lease::survey(&self.db, &self.instance, earlier_life, linked).await.map_err(log_error)?;
        Ok(Survey { linked, free })
    }

    async fn acquire(&self, wish: &[Partition], earlier_life: bool) -> Result<Vec<(Partition, Term)>, LogError> {
        let claim = Claim { instance: &self.instance, earlier_life };
        let taken = lease::take(&self.db, claim, wish).await.map_err(log_error)?;
        for (part, term) in &taken {
            self.terms.set(*part, *term);
        }
        Ok(taken)
    }

    async fn renew(&self, held: &[(Partition, Term)]) -> Result<Vec<Partition>, LogError> {
        lease::renew(&self.db, &self.instance, held).await.map_err(log_error)
    }

    async fn release(&self, held: &[(Partition, Term)]) -> Result<(), LogError> {
        lease::release(&self.db, &self.instance, held).await.map_err(log_error)
    }

    async fn leave(&self) -> Result<(), LogError> {
        lease::leave(&self.db, &self.instance).await.map_err(log_error)
    }

    fn let_go(&self, part: Partition) {
        self.terms.set(part, Term::ZERO);
    }
}
