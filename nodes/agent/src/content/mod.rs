//! Content by hash: what documents name is fetched, verified and kept (AS-079).
//!
//! Owns the cache folder, the task that fetches, and what is known of each blob. Takes the documents with their media, as the catalogue has
//! them; emits which blobs are there, and bytes for whoever shows them. On failure: a fetch is tried again, ever later; a blob that the cloud
//! answers wrongly three times is given up, and one that rots on the disk is deleted and fetched again. Nothing waits for it: a store without
//! its cloud, or whose configuration names none, shows what it has.
mod cache;
pub mod desk;
mod fetch;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use aisle_mesh::clock::{Clock, sleep_towards};
use aisle_node_core::content::{Named, Plan, WRONG_MAX, plan, retry_after};
use aisle_schemas::blob::{Blob, ContentHash};
use aisle_schemas::code::StoreKey;
use aisle_schemas::document::Revision;
use aisle_schemas::ids::NodeId;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::ContentConfig;
use crate::identity::IdentityFolder;
use cache::Cache;
pub use fetch::Asker;
use fetch::{FetchError, Source};

/// Blobs fetched at the same time: a store's line is narrow, and its visits go first.
const FETCHES_MAX: usize = 2;
/// Blobs read at the same time, each held whole until it is checked.
const READS_MAX: usize = 4;
/// Notes of missing blobs that may wait; one too many is dropped, and the next reader sends it again.
const MISSED_MAX: usize = 16;
/// Longest sleep between looks.
const SLEEP: TimeDelta = TimeDelta::minutes(1);

/// What is known of content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    kept: BTreeMap<ContentHash, u32>,
    refused: BTreeMap<ContentHash, &'static str>,
    no_space: BTreeSet<(String, Option<Revision>)>,
    failures: u64,
}

impl Known {
    /// Fetches that failed in this run.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }
}

/// Whether a document may come into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Everything that it names is here and verified.
    Ready,
    /// It is being fetched.
    Fetching,
    /// It will not come, for this reason.
    Refused(&'static str),
}

/// The way to content. Clones share it.
#[derive(Clone)]
pub struct Content {
    cache: Cache,
    /// `None` until the catalogue has looked for the first time: before, nobody knows what may go.
    wanted: watch::Sender<Option<Arc<Vec<Named>>>>,
    known: watch::Receiver<Arc<Known>>,
    missed: mpsc::Sender<ContentHash>,
    reads: Arc<Semaphore>,
}

/// What the store's content is made of.
pub struct ContentParts {
    pub folder: PathBuf,
    pub config: ContentConfig,
    /// Where certificates are renewed, and its authority; content comes from there unless the configuration says otherwise.
    pub renewed_at: Option<(String, Option<PathBuf>)>,
    pub node: NodeId,
    pub key: StoreKey,
    /// Folder with the box's certificate and key, with which it proves who asks.
    pub identity: Option<PathBuf>,
    pub clock: Arc<dyn Clock>,
}

/// The task that fetches. Dropping it ends the task; what came so far stays.
pub struct ContentKeeper {
    task: JoinHandle<()>,
}

impl Drop for ContentKeeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Content {
    /// Opens the cache and starts fetching.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub async fn start(parts: ContentParts) -> io::Result<(Self, ContentKeeper)> {
        let ContentParts { folder, config, renewed_at, node, key, identity, clock } = parts;
        let ContentConfig { from, ca, budget_mib } = config;
        let (cache, kept) = Cache::open(folder).await?;
        let who = Asker { node, key, identity: identity.map(IdentityFolder::new), clock: Arc::clone(&clock) };
        let source = from.map(|from| (from, ca)).or(renewed_at).and_then(|(from, ca)| source(&from, ca, who)).map(Arc::new);
        let (wanted, wants) = watch::channel(None);
        let first = Known { kept, ..Known::default() };
        let (known, knows) = watch::channel(Arc::new(first.clone()));
        let (missed, misses) = mpsc::channel(MISSED_MAX);
        let fetcher = Fetcher {
            cache: cache.clone(),
            source,
            budget_bytes: u64::from(budget_mib) << 20,
            clock,
            state: first,
            failures: BTreeMap::new(),
            running: BTreeSet::new(),
            known,
        };
        let task = tokio::spawn(fetcher.run(wants, misses));
        let content = Self { cache, wanted, known: knows, missed, reads: Arc::new(Semaphore::new(READS_MAX)) };
        Ok((content, ContentKeeper { task }))
    }

    /// Names all documents with media, in force or waiting, in the order in which they came.
    pub fn want(&self, named: Vec<Named>) {
        self.wanted.send_if_modified(|held| {
            let changed = held.as_ref().is_none_or(|held| **held != named);
            if changed {
                *held = Some(Arc::new(named));
            }
            changed
        });
    }

    /// Whether a document with these media may come into force.
    #[must_use]
    pub fn readiness(&self, key: &str, rev: Revision, media: &[Blob]) -> Readiness {
        let known = self.known.borrow();
        if media.iter().all(|blob| known.kept.get(&blob.sha256) == Some(&blob.size)) {
            return Readiness::Ready;
        }
        // Of another revision it says nothing: a smaller one may have room.
        if known.no_space.contains(&(key.to_owned(), Some(rev))) {
            return Readiness::Refused("content.no_space");
        }
        let refused = media.iter().find_map(|blob| known.refused.get(&blob.sha256));
        refused.map_or(Readiness::Fetching, |code| Readiness::Refused(code))
    }

    /// Changes whenever a document may have become ready, or was refused.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<Arc<Known>> {
        self.known.clone()
    }

    /// The bytes of a blob, checked against its name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn read(&self, hash: ContentHash) -> io::Result<Option<Vec<u8>>> {
        let _room = self.reads.acquire().await.map_err(io::Error::other)?;
        let expected = self.known.borrow().kept.contains_key(&hash);
        let bytes = self.cache.read(hash).await?;
        if expected && bytes.is_none() {
            metrics::counter!("aisle_content_rotten_total").increment(1);
            tracing::error!(%hash, "content on the disk is no longer what it was; it is fetched again");
            if self.missed.try_send(hash).is_err() {
                tracing::debug!(%hash, "the next reader will say so again");
            }
        }
        Ok(bytes)
    }
}

/// A cloud that cannot be used is a fault of the configuration: the store goes on without new content, and says so.
fn source(from: &str, ca: Option<PathBuf>, who: Asker) -> Option<Source> {
    let ca = match ca.map(std::fs::read_to_string).transpose() {
        Ok(ca) => ca,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "failed to read the authority of the cloud: no content is fetched");
            return None;
        }
    };
    match Source::new(from, ca.as_deref(), who) {
        Ok(source) => Some(source),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "failed to use the cloud's address: no content is fetched");
            None
        }
    }
}

/// Failures of a blob in a row.
#[derive(Debug, Clone, Copy)]
struct Failures {
    all: u32,
    wrong: u32,
    not_before: DateTime<Utc>,
}

type Outcome = (Blob, Result<(), FetchError>);

struct Fetcher {
    cache: Cache,
    /// None where the configuration names no cloud.
    source: Option<Arc<Source>>,
    budget_bytes: u64,
    clock: Arc<dyn Clock>,
    state: Known,
    failures: BTreeMap<ContentHash, Failures>,
    running: BTreeSet<ContentHash>,
    known: watch::Sender<Arc<Known>>,
}

impl Fetcher {
    async fn run(mut self, mut wanted: watch::Receiver<Option<Arc<Vec<Named>>>>, mut missed: mpsc::Receiver<ContentHash>) {
        let mut fetches: FuturesUnordered<BoxFuture<'static, Outcome>> = FuturesUnordered::new();
        let mut swept = None;
        loop {
            let named = wanted.borrow_and_update().clone();
            let mut due = self.clock.now() + SLEEP;
            if let Some(named) = named {
                let plan = plan(&named, &self.state.kept, self.budget_bytes);
                self.forget(&plan);
                // What is being fetched is never swept away under its fetch; once that has ended, its blob is looked at again.
                let keep: BTreeSet<ContentHash> = plan.keep.union(&self.running).copied().collect();
                if swept.as_ref() != Some(&keep) {
                    self.sweep(&keep).await;
                    swept = Some(keep);
                }
                self.begin(&plan, &mut fetches);
                // While no fetch may begin, the end of one wakes the loop.
                let may_begin = fetches.len() < FETCHES_MAX;
                let waiting = plan.fetch.iter().filter(|_| may_begin).filter(|blob| !self.running.contains(&blob.sha256));
                let retries = waiting.filter_map(|blob| self.failures.get(&blob.sha256)).filter(|failures| failures.wrong < WRONG_MAX);
                due = retries.map(|failures| failures.not_before).min().map_or(due, |retry| retry.min(due));
            }
            self.tell();
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() { return },
                Some((blob, outcome)) = fetches.next(), if !fetches.is_empty() => self.end(blob, outcome),
                Some(hash) = missed.recv() => { self.state.kept.remove(&hash); }
                () = sleep_towards(self.clock.as_ref(), due, SLEEP.to_std().unwrap_or_default()) => {}
            }
        }
    }

    /// What nobody names any more gets a new chance when it is named again.
    fn forget(&mut self, plan: &Plan) {
        self.failures.retain(|hash, _| plan.keep.contains(hash));
        self.state.refused.retain(|hash, _| plan.keep.contains(hash));
        self.state.no_space.clone_from(&plan.no_space);
    }

    async fn sweep(&mut self, keep: &BTreeSet<ContentHash>) {
        self.state.kept.retain(|hash, _| keep.contains(hash));
        if let Err(error) = self.cache.sweep(keep.clone()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "failed to delete content that nobody names");
        }
    }

    fn begin(&mut self, plan: &Plan, fetches: &mut FuturesUnordered<BoxFuture<'static, Outcome>>) {
        let Some(source) = &self.source else { return };
        let now = self.clock.now();
        for blob in &plan.fetch {
            if fetches.len() >= FETCHES_MAX {
                return;
            }
            let given_up = self.state.refused.contains_key(&blob.sha256);
            let too_early = self.failures.get(&blob.sha256).is_some_and(|failures| now < failures.not_before);
            if given_up || too_early || !self.running.insert(blob.sha256) {
                continue;
            }
            let (source, cache, blob) = (Arc::clone(source), self.cache.clone(), *blob);
            fetches.push(Box::pin(async move { (blob, source.fetch(&cache, blob).await) }));
        }
    }

    fn end(&mut self, blob: Blob, outcome: Result<(), FetchError>) {
        let hash = blob.sha256;
        self.running.remove(&hash);
        let error = match outcome {
            Ok(()) => {
                metrics::counter!("aisle_content_fetches_total", "fate" => "kept").increment(1);
                metrics::counter!("aisle_content_fetched_bytes_total").increment(u64::from(blob.size));
                self.failures.remove(&hash);
                self.state.kept.insert(hash, blob.size);
                return;
            }
            Err(error) => error,
        };
        metrics::counter!("aisle_content_fetches_total", "fate" => error.reason()).increment(1);
        self.state.failures += 1;
        let now = self.clock.now();
        let failures = self.failures.entry(hash).or_insert(Failures { all: 0, wrong: 0, not_before: now });
        failures.all = failures.all.saturating_add(1);
        let wait = TimeDelta::from_std(retry_after(failures.all)).unwrap_or(SLEEP);
        failures.not_before = now + wait;
        if let Some(code) = error.wrong() {
            failures.wrong += 1;
            if failures.wrong >= WRONG_MAX {
                self.state.refused.insert(hash, code);
            }
        }
        tracing::warn!(%hash, error = &error as &dyn std::error::Error, "content was not fetched");
    }

    fn tell(&self) {
        self.known.send_if_modified(|held| {
            let changed = **held != self.state;
            if changed {
                *held = Arc::new(self.state.clone());
            }
            changed
        });
    }
}
