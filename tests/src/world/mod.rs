//! A whole system for one test: cloud, broker, stores, each with a line that can be cut, and a clock that can be moved.
//!
//! Owns everything it starts and ends it on drop. Takes a [`Profile`] and a number of stores. Emits clients with a method per user action; everything a
//! test sees, it sees through the public faces. On failure to start: the error says what is missing.

mod clock;
mod cloud;
mod people;
mod profile;
mod rows;
mod store;

use std::path::Path;
use std::sync::Arc;

use aisle_mesh::broker::{AccessRules, Credential, Role};
use aisle_mesh::clock::{Clock, ManualClock};
use aisle_schemas::code::{Code, CodeSubject};
use aisle_schemas::ids::{DisplayId, InstanceId, OfferId};
use aisle_sim::client::{Integration, Mail};
use aisle_sim::run::Target;
use aisle_sim::world::deployment::{Deployment, INSTANCE, StoreDeployment, random_hex};
use aisle_sim::world::stores as demo;
use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::SigningKey;
use rand::RngCore;
use secrecy::SecretString;
use tempfile::TempDir;

pub use clock::WrongClock;
pub use cloud::RunningCloud;
pub use people::Member;
pub use profile::Profile;
pub use rows::{Documents, Rows, difference};
pub use store::{Home, RunningStore, copy_folder};

use crate::ports::{free_port, loopback};
use crate::services::{Mosquitto, Postgres, Redis};

/// Root of the cloud's secrets. Tests need no secret, but a known public half.
const ROOT: [u8; 32] = [7; 32];

/// Name of the second cloud instance, in worlds that start one.
pub const SISTER: &str = "eu1-b";

/// Servers outside the product.
struct Services {
    mosquitto: Mosquitto,
    redis: Redis,
    postgres: Postgres,
}

/// A running system.
pub struct World {
    pub profile: Profile,
    pub clock: Arc<ManualClock>,
    // Field order is drop order: nodes before the cloud that they are connected to, the product before the servers that it uses.
    pub stores: Vec<RunningStore>,
    pub cloud: RunningCloud,
    deployment: Deployment,
    services: Option<Services>,
    folder: TempDir,
}

/// How a world is made.
pub struct WorldPlan {
    profile: Profile,
    stores: usize,
    shape: Box<dyn Fn(&mut StoreDeployment) + Send + Sync>,
    home: Home,
    demo: bool,
    real_time: bool,
}

impl WorldPlan {
    pub fn new(profile: Profile, stores: usize) -> Self {
        Self { profile, stores, shape: Box::new(|_| {}), home: Home::ThisProcess, demo: false, real_time: false }
    }

    /// With a changed plan of each store.
    #[must_use]
    pub fn shaped(mut self, shape: impl Fn(&mut StoreDeployment) + Send + Sync + 'static) -> Self {
        self.shape = Box::new(shape);
        self
    }

    /// With each node in a process of its own, and in real time: a process has only the machine's clock.
    #[must_use]
    pub fn as_processes(mut self) -> Self {
        self.home = Home::OwnProcess;
        self.in_real_time()
    }

    /// With the machine's time of day: for browsers, which have no other.
    #[must_use]
    pub fn in_real_time(mut self) -> Self {
        self.real_time = true;
        self
    }

    /// With the demo's pages.
    #[must_use]
    pub fn as_demo(mut self) -> Self {
        self.demo = true;
        self
    }

    /// Starts it and waits until every store is in step with the cloud.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn start(self) -> Result<World> {
        let Self { profile, stores, shape, home, demo, real_time } = self;
        let clock = if real_time { ManualClock::new() } else { clock::morning() };
        let folder = tempfile::Builder::new().prefix("aisle-world-").tempdir().context("failed to make a folder")?;
        let mut deployment = deployment(folder.path(), stores, shape.as_ref());
        deployment.demo = demo;
        let services = match profile {
            Profile::Embedded => None,
            Profile::Services => Some(Services::start(&mut deployment).await?),
        };
        let cloud = RunningCloud::start(&deployment, Arc::clone(&clock) as Arc<dyn Clock>).await?;
        let mut running = Vec::new();
        for place in 0..stores {
            running.push(RunningStore::start(&deployment, place, &cloud, Arc::clone(&clock) as Arc<dyn Clock>, home).await?);
        }
        let world = World { profile, clock, stores: running, cloud, deployment, services, folder };
        for store in &world.stores {
            store.in_step().await;
        }
        Ok(world)
    }
}

/// The demo's world on free ports, with secrets of its own.
fn deployment(folder: &Path, stores: usize, shape: &(dyn Fn(&mut StoreDeployment) + Send + Sync)) -> Deployment {
    let rng = &mut rand::rng();
    let stores = demo::stores(stores)
        .into_iter()
        .map(|store| {
            let mut planned = StoreDeployment::new(store, loopback(free_port()), loopback(free_port()), rng);
            shape(&mut planned);
            planned
        })
        .collect();
    Deployment {
        folder: folder.to_owned(),
        cloud_http: loopback(free_port()),
        database_url: None,
        redis_url: None,
        broker: None,
        cloud_key: hex::encode(ROOT),
        cloud_public_key: hex::encode(SigningKey::from_bytes(&ROOT).verifying_key().to_bytes()),
        cloud_secret: random_hex(16, rng),
        integration_key: random_hex(16, rng),
        demo: false,
        stores,
    }
}

impl World {
    /// A world of the demo's stores.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn start(profile: Profile, stores: usize) -> Result<Self> {
        WorldPlan::new(profile, stores).start().await
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Lets time pass for cloud and nodes alike.
    pub fn pass(&self, time: TimeDelta) {
        self.clock.advance(time);
    }

    /// Base URL of the cloud.
    pub fn url(&self) -> String {
        self.deployment.url()
    }

    pub fn mail(&self) -> &dyn Mail {
        &self.cloud.mail
    }

    /// The whole system as shoppers of the simulator see it.
    pub fn target(&self) -> Target {
        Target {
            cloud: self.url(),
            mail: Arc::new(self.cloud.mail.clone()),
            integration_key: self.deployment.integration_key.clone(),
            stores: self.stores.iter().map(|store| store.target.clone()).collect(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        }
    }

    /// Another system of the retailer.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn integration(&self) -> Result<Integration> {
        Ok(Integration::new(&self.url(), &self.deployment.integration_key)?)
    }

    /// A fresh code of a store's door, as its screen would show it: the key is the store's own, the nonce is random.
    pub fn door_code(&self, store: usize) -> String {
        self.door_code_of(store, self.now())
    }

    /// A code of a store's door made at an instant.
    pub fn door_code_of(&self, store: usize, issued_at: DateTime<Utc>) -> String {
        let store = &self.stores[store];
        let subject = CodeSubject::Door { touchpoint: demo::door() };
        Code { store: store.id().clone(), subject, issued_at, nonce: rand::rng().next_u64() }.encode(&store.key())
    }

    /// A code of a store's NFC display.
    pub fn tap_code(&self, store: usize, display: &str, offer: Option<OfferId>) -> String {
        let store = &self.stores[store];
        let display = DisplayId::parse(display).expect("tests give literals");
        let subject = CodeSubject::Tap { display, offer };
        Code { store: store.id().clone(), subject, issued_at: self.now(), nonce: rand::rng().next_u64() }.encode(&store.key())
    }

    /// Rows of every table of the cloud's database.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn cloud_rows(&self) -> Result<Rows> {
        rows::count(&self.deployment.database_url()).await
    }

    /// The incarnation of a store's log that the cloud has accepted.
    ///
    /// # Errors
    /// When the database cannot be read, or knows no such node.
    pub async fn epoch_of(&self, store: usize) -> Result<String> {
        rows::epoch(&self.deployment.database_url(), &self.deployment.stores[store].store.node()).await
    }

    /// Folder that holds everything the world keeps on disk, apart from servers outside the product.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The outside Redis forgets everything, where there is one.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn flush_shared_state(&self) -> Result<()> {
        self.services.as_ref().map_or(Ok(()), |services| services.redis.flush())
    }

    /// The outside broker is killed and comes back empty, where there is one.
    ///
    /// # Errors
    /// When it does not start again.
    pub async fn kill_broker(&mut self) -> Result<()> {
        match &mut self.services {
            Some(services) => services.mosquitto.kill_and_restart().await,
            None => Ok(()),
        }
    }

    /// Starts a second cloud instance beside the first; only where broker and database are outside servers.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_sister(&self) -> Result<RunningCloud> {
        RunningCloud::start_sister(&self.deployment, SISTER, Arc::clone(&self.clock) as Arc<dyn Clock>).await
    }

    /// Partitions that an instance holds, as the outside database has it.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub fn partitions_of(&self, instance: &str) -> Result<usize> {
        let dump = self.services.as_ref().context("only several instances share a database")?.postgres.dump()?;
        let leases = dump.lines().skip_while(|line| !line.starts_with("COPY public.partition_lease ")).skip(1);
        let held = leases.take_while(|line| *line != "\\.").filter(|line| line.split('\t').nth(1) == Some(instance));
        Ok(held.count())
    }

    /// Somebody who has signed in at an instance and consented to these purposes there.
    ///
    /// # Errors
    /// When a step is refused.
    pub async fn member_at(&self, instance: &RunningCloud, name: &str, purposes: &[&str]) -> Result<Member> {
        self.sign_in_at(&instance.url, &instance.mail, name, purposes).await
    }

    /// Everything that outside servers hold, as text.
    ///
    /// # Errors
    /// When one cannot be asked.
    pub fn dump_services(&self) -> Result<String> {
        match &self.services {
            Some(services) => Ok(services.postgres.dump()? + &services.redis.dump()?),
            None => Ok(String::new()),
        }
    }

    /// Ends everything in order.
    ///
    /// # Errors
    /// When a part ends badly.
    pub async fn stop(mut self) -> Result<()> {
        for store in &mut self.stores {
            store.stop().await?;
        }
        self.cloud.stop().await
    }
}

impl Services {
    /// Starts all three and enters them into the deployment.
    async fn start(deployment: &mut Deployment) -> Result<Self> {
        let mut rules = AccessRules::new();
        for name in [INSTANCE, SISTER] {
            let instance = InstanceId::parse(name).expect("a literal");
            rules.admit(Role::Cloud(instance), credential(&deployment.cloud_secret));
        }
        for store in &deployment.stores {
            rules.admit(Role::Node(store.store.node()), credential(&store.node_secret));
        }
        let (mosquitto, redis, postgres) = tokio::try_join!(Mosquitto::start(&rules), Redis::start(), Postgres::start())?;
        deployment.broker = Some(mosquitto.address());
        deployment.redis_url = Some(redis.url());
        deployment.database_url = Some(postgres.database()?);
        Ok(Self { mosquitto, redis, postgres })
    }
}

fn credential(secret: &str) -> Credential {
    let mut salt = [0; 12];
    rand::rng().fill_bytes(&mut salt);
    Credential::of(&SecretString::from(secret), salt)
}
