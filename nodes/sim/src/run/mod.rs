//! A run: stores with their devices, people who shop, and the account of it all.
//!
//! Owns the tasks of one run. Takes a [`Target`], emits a [`Summary`]. Everything that was promised to a person or device is written into a
//! [`Ledger`](ledger::Ledger) of our own and compared with what the cloud shows in the end. On failure: a shopper who is refused goes on with the next
//! thing and the refusal is counted; a system that is not there fails the run.

pub mod ledger;
pub mod measure;
pub mod populate;
pub mod shopper;
pub mod store;
pub mod summary;
pub mod target;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use ledger::Ledger;
pub use measure::Measures;
pub use summary::Summary;
pub use target::{StoreTarget, Target};

use crate::client::Staff;
use crate::world::{OPERATOR, people::people};
use shopper::Shopper;
use store::StoreDevices;

/// Longest wait for the last record to be applied, after the last person has left.
const SETTLE: Duration = Duration::from_secs(30);
/// Time between looks while settling.
const SETTLE_LOOK: Duration = Duration::from_millis(50);
/// People who sign in at the same time; more would only wait for each other at the mailbox.
const SIGN_INS_AT_ONCE: usize = 16;

/// How a run goes.
#[derive(Debug, Clone)]
pub struct Plan {
    pub shoppers: usize,
    pub seed: u64,
}

/// A run under way.
pub struct Run {
    ledger: Arc<Ledger>,
    measures: Arc<Measures>,
    target: Arc<Target>,
    operator: Staff,
    stop: watch::Sender<bool>,
    people: JoinSet<Result<()>>,
    stores: Vec<Arc<StoreDevices>>,
}

impl Run {
    /// Connects all devices, signs in all people and lets them go.
    ///
    /// # Errors
    /// When a device or a person cannot get in.
    pub async fn start(target: Target, plan: &Plan) -> Result<Self> {
        let target = Arc::new(target);
        let (ledger, measures) = (Arc::new(Ledger::default()), Arc::new(Measures::default()));
        let operator = Staff::sign_in(&target.cloud, target.mail.as_ref(), OPERATOR).await.context("failed to sign in the operator")?;
        ledger.begin(&operator).await?;
        let stop = watch::Sender::new(false);
        let mut stores = Vec::new();
        for store in &target.stores {
            stores.push(
                StoreDevices::join(store, Arc::clone(&target.clock), plan.seed)
                    .await
                    .with_context(|| format!("failed to connect the devices of {}", store.id))?,
            );
        }
        let mut run = Self { ledger, measures, target, operator, stop, people: JoinSet::new(), stores };
        for store in &run.stores {
            store.start(&mut run.people, &run.ledger, &run.stop);
        }
        run.let_people_in(plan).await?;
        Ok(run)
    }

    async fn let_people_in(&mut self, plan: &Plan) -> Result<()> {
        let mut coming = people(plan.shoppers, plan.seed).into_iter().enumerate();
        let mut signing_in = JoinSet::new();
        loop {
            while signing_in.len() < SIGN_INS_AT_ONCE
                && let Some((number, person)) = coming.next()
            {
                let target = Arc::clone(&self.target);
                signing_in.spawn(async move { Shopper::arrive(&target, person).await.map(|shopper| (number, shopper)) });
            }
            let Some(arrived) = signing_in.join_next().await else { return Ok(()) };
            let (number, shopper) = arrived.context("a sign-in was aborted")?.context("failed to sign in a shopper")?;
            let (ledger, measures, stop) = (Arc::clone(&self.ledger), Arc::clone(&self.measures), self.stop.subscribe());
            // Spread over the stores by number, so that the same seed fills the same stores.
            let stores: Vec<_> =
                self.stores.iter().cycle().skip(number % self.stores.len().max(1)).take(self.stores.len()).cloned().collect();
            self.people.spawn(shopper.shop(stores, ledger, measures, stop));
        }
    }

    /// Visits that were let in so far.
    pub fn check_ins(&self) -> u64 {
        self.ledger.check_ins()
    }

    /// Lets everybody finish what they are doing, waits until the cloud has everything, and compares.
    ///
    /// # Errors
    /// When a person or device failed for good, or the cloud cannot be asked.
    pub async fn finish(mut self, start_ms: u64) -> Result<Summary> {
        self.stop.send_replace(true);
        while let Some(ended) = self.people.join_next().await {
            ended.context("a task of the run was aborted")??;
        }
        let account = self.settle().await?;
        for finding in &account.findings {
            tracing::warn!(finding, "ledger and cloud differ");
        }
        Ok(Summary::new(&self.measures, &account, start_ms))
    }

    /// Asks again until ledger and cloud agree, or until waiting has no point.
    async fn settle(&self) -> Result<ledger::Account> {
        let started = std::time::Instant::now();
        loop {
            let account = self.ledger.compare(&self.operator).await?;
            if account.agrees() || started.elapsed() > SETTLE {
                return Ok(account);
            }
            tokio::time::sleep(SETTLE_LOOK).await;
        }
    }
}
