//! The shell around [`Ownership`]: its statements, one of each kind at a time, and the news of what is owned.
//!
//! Owns the machine and the statements that it started. Takes what broker, tasks and clock say; emits what the hub must do with links and
//! tasks. A statement that fails or does not answer counts as failed: the deadline of each lease decides, never this shell.

use std::{future::Future, sync::Arc, time::Duration};

use aisle_schemas::{ids::Partition, limits::LEASE_STOP, sync::Term};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use rand::rngs::SmallRng;
use tokio::{sync::watch, time::Instant};

use super::{
    log::{LogError, OwnerStore},
    owner_task::ROLE,
    ownership::{Owned, Ownership, OwnershipInput, OwnershipOutput},
    partition::Tenure,
    signals,
    turn::{Moment, Turn},
};

/// Longest wait for a statement: an answer that comes later is too late to act on.
const STATEMENT_MAX: Duration = LEASE_STOP;

/// What the hub must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Subscribe(Vec<(Partition, Term)>),
    Unsubscribe(Vec<Partition>),
    Serve(Partition),
    SayState(Partition, Term),
    StopIntake(Partition),
    Drop(Partition),
    Usurped,
}

pub(super) struct Leases<S: OwnerStore> {
    store: Arc<S>,
    machine: Ownership,
    started: Instant,
    rng: SmallRng,
    statements: FuturesUnordered<BoxFuture<'static, OwnershipInput>>,
    /// When the machine wants a tick; kept, because it asks 256 partitions.
    due: Option<Moment>,
    owned: watch::Sender<Owned>,
}

impl<S: OwnerStore> Leases<S> {
    pub(super) fn new(store: Arc<S>, started: Instant, rng: SmallRng, owned: watch::Sender<Owned>) -> Self {
        let machine = Ownership::new(store.tenure(), Moment(started.elapsed()));
        let due = machine.deadline();
        Self { store, machine, started, rng, statements: FuturesUnordered::new(), due, owned }
    }

    pub(super) fn is_alone(&self) -> bool {
        self.store.tenure() == Tenure::Alone
    }
    /// Term under which the partition is served; `None` where messages of its nodes are not ours.
    pub(super) fn serves(&self, part: Partition) -> Option<Term> {
        self.machine.term(part).filter(|_| self.machine.is_held(part))
    }
    pub(super) fn is_over(&self) -> bool {
        self.machine.is_over()
    }
    pub(super) fn due(&self) -> Option<Moment> {
        self.due
    }
    /// Highest term under which anything is held.
    pub(super) fn term(&self) -> Option<Term> {
        self.machine.held().filter_map(|part| self.machine.term(part)).max()
    }
    pub(super) fn owned(&self) -> Owned {
        *self.owned.borrow()
    }

    /// The end of a statement. Safe to cancel; pending while none runs.
    pub(super) async fn ended(&mut self) -> OwnershipInput {
        match self.statements.next().await {
            Some(input) => input,
            None => std::future::pending().await,
        }
    }

    /// Tells the machine; statements start at once, the rest is the hub's.
    pub(super) fn handle(&mut self, input: OwnershipInput) -> Vec<Order> {
        let now = Moment(self.started.elapsed());
        let mut out = Vec::new();
        self.machine.handle(&mut Turn { now, rng: &mut self.rng }, input, &mut out);
        let mut orders = Vec::new();
        for output in out {
            match output {
                OwnershipOutput::Survey { .. }
                | OwnershipOutput::Acquire { .. }
                | OwnershipOutput::Renew(_)
                | OwnershipOutput::Release(_) => self.start(now, output),
                OwnershipOutput::Subscribe(parts) => orders.push(Order::Subscribe(parts)),
                OwnershipOutput::Unsubscribe(parts) => orders.push(Order::Unsubscribe(parts)),
                OwnershipOutput::Serve(part, _) => orders.push(Order::Serve(part)),
                OwnershipOutput::SayState(part, term) => orders.push(Order::SayState(part, term)),
                OwnershipOutput::StopIntake(part) => orders.push(Order::StopIntake(part)),
                OwnershipOutput::Drop(part) => {
                    self.store.let_go(part);
                    orders.push(Order::Drop(part));
                }
                OwnershipOutput::Usurped => orders.push(Order::Usurped),
            }
        }
        self.due = self.machine.deadline();
        let owned: Owned = self.machine.held().collect();
        let changed = self.owned.send_if_modified(|old| std::mem::replace(old, owned) != owned);
        if changed {
            metrics::gauge!("aisle_partitions_owned", "role" => ROLE).set(u32::try_from(owned.count()).unwrap_or(u32::MAX));
        }
        orders
    }

    fn start(&mut self, began: Moment, output: OwnershipOutput) {
        let store = Arc::clone(&self.store);
        let statement = match output {
            OwnershipOutput::Survey { linked, earlier_life } => async move {
                match bounded("survey", store.survey(linked, earlier_life)).await {
                    Some(survey) => OwnershipInput::Surveyed(survey),
                    None => OwnershipInput::SurveyFailed,
                }
            }
            .boxed(),
            OwnershipOutput::Acquire { wish, earlier_life } => async move {
                match bounded("acquire", store.acquire(&wish, earlier_life)).await {
                    Some(taken) => {
                        tracing::info!(instance = %store.instance(), partitions = taken.len(), "sync.partitions.acquired");
                        OwnershipInput::Acquired { began, taken }
                    }
                    None => OwnershipInput::AcquireFailed,
                }
            }
            .boxed(),
            OwnershipOutput::Renew(asked) => async move {
                match bounded("renew", store.renew(&asked)).await {
                    Some(renewed) => OwnershipInput::Renewed { began, asked, renewed },
                    None => OwnershipInput::RenewFailed,
                }
            }
            .boxed(),
            OwnershipOutput::Release(held) => async move {
                // Where it fails the lease ends by itself.
                if bounded("release", store.release(&held)).await.is_some() {
                    tracing::debug!(instance = %store.instance(), partitions = held.len(), "sync.partitions.released");
                }
                OwnershipInput::Released
            }
            .boxed(),
            OwnershipOutput::Subscribe(_)
            | OwnershipOutput::Unsubscribe(_)
            | OwnershipOutput::Serve(..)
            | OwnershipOutput::SayState(..)
            | OwnershipOutput::StopIntake(_)
            | OwnershipOutput::Drop(_)
            | OwnershipOutput::Usurped => return,
        };
        self.statements.push(statement);
    }

    /// The last word of an orderly stop.
    pub(super) async fn leave(&mut self) {
        if bounded("leave", self.store.leave()).await.is_none() {
            tracing::debug!(instance = %self.store.instance(), "others wait until the sign of life ends");
        }
    }
}

/// A statement's answer, if it came in time.
async fn bounded<T>(what: &'static str, statement: impl Future<Output = Result<T, LogError>>) -> Option<T> {
    match tokio::time::timeout(STATEMENT_MAX, statement).await {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            signals::storage_failed(ROLE, what, &error);
            None
        }
        Err(_) => {
            tracing::warn!(role = ROLE, what, "sync.statement.unanswered");
            None
        }
    }
}
