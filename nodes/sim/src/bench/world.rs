//! One system under test: its servers, cloud instances as processes of their own, hollow stores, and nodes as processes of their own.
//!
//! Owns a folder and every process. Takes the product's binary and how many stores there shall be; emits addresses, what to watch, and a populated
//! shop with customers who have passes. Servers given from outside are used and never killed. On failure: the child's own log.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aisle_mesh::broker::{AccessRules, Credential, Role};
use aisle_mesh::clock::Clock;
use aisle_schemas::http::node::CloudLink;
use aisle_schemas::ids::OfferId;
use anyhow::{Context, Result, bail, ensure};
use rand::{RngCore, SeedableRng, rngs::StdRng};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::child::{Child, Recipe};
use super::database::owners;
use super::instance::{self, Instance};
use super::servers::{Mosquitto, Postgres, Redis, free_port};
use super::usage::{Watched, memory_bytes};
use crate::client::{DemoMail, ShopFloor, Staff};
use crate::hollow::HollowStore;
use crate::run::populate::populate_as;
use crate::world::deployment::{Deployment, StoreDeployment, random_hex};
use crate::world::{MARKETER, stores};

/// Longest wait for a node to be in step with the cloud.
const LINK_WAIT: Duration = Duration::from_secs(90);
/// Time between looks at it.
const LINK_LOOK: Duration = Duration::from_millis(20);

/// What the world is made of.
#[derive(Debug, Clone)]
pub struct WorldPlan {
    /// The product's binary.
    pub program: PathBuf,
    /// Public half of a cloud's key, which only the cloud's own code can derive.
    pub public_key_of: fn(&str) -> Result<String>,
    /// Stores without devices.
    pub hollow: usize,
    /// Stores with a node as a process of its own and the demo's devices.
    pub nodes: usize,
    /// Cloud instances.
    pub instances: usize,
    /// Screens of each node beyond the demo's.
    pub screens: usize,
    pub seed: u64,
    /// `postgres://…` of a database to use instead of an own server's.
    pub database: Option<String>,
    /// `redis://…` to use instead of an own server.
    pub redis: Option<String>,
    /// A broker to use instead of an own one: it must know the accounts of this bench, or let everybody in.
    pub broker: Option<SocketAddr>,
}

/// A node of its own process.
pub struct RunningNode {
    pub child: Child,
    pub place: usize,
}

/// A running system.
pub struct World {
    // Field order is drop order: processes end before their folder goes.
    pub nodes: Vec<RunningNode>,
    pub clouds: Vec<Instance>,
    pub mosquitto: Option<Mosquitto>,
    pub postgres: Option<Postgres>,
    pub redis: Option<Redis>,
    pub deployment: Deployment,
    pub clock: Arc<dyn Clock>,
    program: PathBuf,
    broker: SocketAddr,
    /// First hollow store in the deployment.
    hollow_from: usize,
    folder: tempfile::TempDir,
}

impl World {
    /// Starts everything and waits until cloud and nodes are in step.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn start(plan: &WorldPlan, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut world = Self::start_cloud(plan, clock).await?;
        for place in 0..plan.nodes {
            world.start_node(place, world.broker, &json!({}))?;
        }
        world.nodes_in_step().await?;
        Ok(world)
    }

    /// Starts everything but the nodes.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn start_cloud(plan: &WorldPlan, clock: Arc<dyn Clock>) -> Result<Self> {
        let WorldPlan { program, public_key_of, hollow, nodes, instances, screens, seed, database, redis, broker } = plan;
        ensure!(*instances >= 1, "there is no cloud without an instance");
        let folder = tempfile::Builder::new().prefix("aisle-bench-").tempdir().context("failed to make a folder")?;
        let mut deployment = deployment(folder.path().to_owned(), *nodes, *hollow, *screens, *seed, *public_key_of)?;
        let own_postgres = match database {
            Some(url) => {
                deployment.database_url = Some(url.clone());
                None
            }
            None => Some(Postgres::start(folder.path()).await?),
        };
        let own_redis = match redis {
            Some(url) => {
                deployment.redis_url = Some(url.clone());
                None
            }
            None => Some(Redis::start(folder.path()).await?),
        };
        if let Some(postgres) = &own_postgres {
            deployment.database_url = Some(postgres.database());
        }
        if let Some(redis) = &own_redis {
            deployment.redis_url = Some(redis.url());
        }
        let mosquitto = match broker {
            Some(_) => None,
            None => Some(Mosquitto::start(folder.path(), "mosquitto", &rules(&deployment, *instances)?).await?),
        };
        let broker = mosquitto.as_ref().map(|own| own.address).or(*broker).context("there is an own broker or a given one")?;
        deployment.broker = Some(broker);
        let mut world = Self {
            nodes: Vec::new(),
            clouds: Vec::new(),
            mosquitto,
            postgres: own_postgres,
            redis: own_redis,
            deployment,
            clock,
            program: program.clone(),
            broker,
            hollow_from: *nodes,
            folder,
        };
        // One after the other: the first makes the tables.
        for place in 0..*instances {
            let mut instance = Instance::start(&world.program, &world.deployment, place)?;
            instance.ready().await?;
            world.clouds.push(instance);
        }
        world.all_own().await?;
        Ok(world)
    }

    /// Starts the node of a store, which finds the cloud at `broker`; `over` wins over its configuration.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_node(&mut self, place: usize, broker: SocketAddr, over: &Value) -> Result<()> {
        let store = self.deployment.stores.get(place).context("no such store")?;
        let mut config = self.deployment.node_config(store, broker);
        config["telemetry"] = quiet();
        for (key, value) in over.as_object().into_iter().flatten() {
            config[key] = value.clone();
        }
        let child = role(&self.program, "node", &format!("node-{}", store.store.id), &config, &self.deployment)?;
        self.nodes.push(RunningNode { child, place });
        Ok(())
    }

    /// Waits until every instance owns partitions, so that whichever dies was at work.
    async fn all_own(&self) -> Result<()> {
        let started = Instant::now();
        loop {
            let owners = owners(&self.database()).await?;
            if self.clouds.iter().all(|cloud| owners.contains_key(cloud.id.as_str())) {
                return Ok(());
            }
            ensure!(started.elapsed() < LINK_WAIT, "the instances do not share the partitions: {owners:?}");
            tokio::time::sleep(LINK_LOOK).await;
        }
    }

    /// An instance by its place.
    ///
    /// # Errors
    /// When there is none.
    pub fn instance(&mut self, place: usize) -> Result<&mut Instance> {
        self.clouds.get_mut(place).context("no such instance")
    }

    /// Resident memory of all instances.
    pub fn cloud_memory(&self, field: &str) -> u64 {
        self.clouds.iter().map(|cloud| memory_bytes(cloud.child.pid(), field)).sum()
    }

    /// The broker, where it is the bench's own and may be killed.
    ///
    /// # Errors
    /// When it was given from outside.
    pub fn own_broker(&mut self) -> Result<&mut Mosquitto> {
        self.mosquitto.as_mut().context("a broker given from outside is never killed")
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// URL of the cloud's database.
    pub fn database(&self) -> String {
        self.deployment.database_url()
    }

    /// Where the broker between stores and cloud is.
    pub fn broker(&self) -> SocketAddr {
        self.broker
    }

    /// The hollow stores.
    pub fn hollow(&self) -> Vec<HollowStore> {
        let stores = self.deployment.stores.iter().skip(self.hollow_from);
        stores.map(|store| HollowStore { node: store.store.node(), secret: store.node_secret.clone() }).collect()
    }

    /// Waits until every node has an open link and nothing left to send.
    ///
    /// # Errors
    /// When one ends or finds no way.
    pub async fn nodes_in_step(&mut self) -> Result<()> {
        let started = Instant::now();
        for node in &mut self.nodes {
            let store = self.deployment.stores.get(node.place).context("no such store")?;
            let floor = ShopFloor::new(&store.url())?;
            while !floor.status().await.is_ok_and(|status| status.cloud == CloudLink::Open && status.pending == 0) {
                node.child.check()?;
                if started.elapsed() > LINK_WAIT {
                    bail!("{} is not in step with the cloud:\n{}", store.store.id, node.child.output());
                }
                tokio::time::sleep(LINK_LOOK).await;
            }
        }
        Ok(())
    }

    /// Mails of the cloud, which nobody else gets.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn mail(&self) -> Result<DemoMail> {
        DemoMail::new(&self.deployment.url())
    }

    /// Publishes the demo's offers; the marketer who did, and one of them.
    ///
    /// # Errors
    /// When a step is refused.
    pub async fn populate(&self) -> Result<(Staff, Option<OfferId>)> {
        let marketer = Staff::sign_in(&self.deployment.url(), &self.mail()?, MARKETER).await.context("failed to sign in the marketer")?;
        let published = populate_as(&marketer, self.clock.as_ref()).await?;
        Ok((marketer, published.first().map(|view| view.offer)))
    }

    /// Processes to watch: every part by its name, and the generator, which is this process.
    pub fn watched(&self) -> Vec<Watched> {
        let mut watched = vec![("generator".to_owned(), std::process::id())];
        watched.extend(self.clouds.iter().map(|cloud| ("cloud".to_owned(), cloud.child.pid())));
        watched.extend(self.mosquitto.iter().map(|server| ("mosquitto".to_owned(), server.child.pid())));
        watched.extend(self.postgres.iter().map(|server| ("postgres".to_owned(), server.child.pid())));
        watched.extend(self.redis.iter().map(|server| ("redis".to_owned(), server.child.pid())));
        watched.extend(self.nodes.iter().map(|node| ("node".to_owned(), node.child.pid())));
        watched
    }
}

/// Secrets and addresses; hollow stores have neither screens nor displays, so that nothing is published to nobody.
fn deployment(
    folder: PathBuf,
    nodes: usize,
    hollow: usize,
    screens: usize,
    seed: u64,
    public_key_of: fn(&str) -> Result<String>,
) -> Result<Deployment> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut stores = Vec::with_capacity(nodes + hollow);
    for (place, store) in stores::stores(nodes + hollow).into_iter().enumerate() {
        // A hollow store listens nowhere: its addresses only fill the form.
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let real = place < nodes;
        let (http, mqtt) = if real { (free_port()?, free_port()?) } else { (nowhere, nowhere) };
        let mut store = StoreDeployment::new(store, http, mqtt, &mut rng);
        if !real {
            store.screens.clear();
            store.displays.clear();
        } else {
            (1..=screens).for_each(|number| store.add_screen(&extra_screen(number), &mut rng));
        }
        stores.push(store);
    }
    let cloud_key = random_hex(32, &mut rng);
    Ok(Deployment {
        folder,
        cloud_http: free_port()?,
        database_url: None,
        redis_url: None,
        broker: None,
        cloud_public_key: public_key_of(&cloud_key)?,
        cloud_key,
        cloud_secret: random_hex(16, &mut rng),
        integration_key: random_hex(16, &mut rng),
        demo: true,
        stores,
    })
}

/// Name of a screen beyond the demo's, from 1.
pub fn extra_screen(number: usize) -> String {
    format!("extra-{number}")
}

/// What a part under load writes: nothing that is not worth a look.
pub(super) fn quiet() -> Value {
    json!({ "log_filter": "warn" })
}

fn rules(deployment: &Deployment, instances: usize) -> Result<AccessRules> {
    let mut rules = AccessRules::new();
    for place in 0..instances {
        rules.admit(Role::Cloud(instance::name(place)?), credential(&deployment.cloud_secret));
    }
    for store in &deployment.stores {
        rules.admit(Role::Node(store.store.node()), credential(&store.node_secret));
    }
    Ok(rules)
}

fn credential(secret: &str) -> Credential {
    let mut salt = [0; 12];
    rand::rng().fill_bytes(&mut salt);
    Credential::of(&SecretString::from(secret), salt)
}

/// Writes a role's configuration as an operator would, and starts it.
pub(super) fn role(program: &std::path::Path, role: &str, name: &str, config: &Value, deployment: &Deployment) -> Result<Child> {
    let file = deployment.folder.join(format!("{name}.toml"));
    let text = toml::to_string(&without_nulls(config)).context("failed to print TOML")?;
    std::fs::write(&file, text).with_context(|| format!("failed to write {}", file.display()))?;
    let args = vec![role.to_owned(), "--config".to_owned(), file.display().to_string()];
    let (program, folder) = (program.to_owned(), deployment.folder.clone());
    Child::start(Recipe { name: name.to_owned(), program, args, folder, run_as: None })
}

/// TOML has no word for nothing: what is nothing is left out.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), without_nulls(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
