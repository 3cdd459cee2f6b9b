//! One system under test: its servers, a cloud instance as a process of its own, hollow stores, and nodes as processes of their own.
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
use aisle_schemas::ids::{InstanceId, OfferId};
use anyhow::{Context, Result, bail};
use rand::{RngCore, SeedableRng, rngs::StdRng};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::child::{Child, Recipe};
use super::servers::{Mosquitto, Postgres, Redis, free_port, until_ready};
use super::usage::Watched;
use crate::client::{Api, DemoMail, ShopFloor};
use crate::hollow::HollowStore;
use crate::run::populate::populate;
use crate::world::deployment::{Deployment, INSTANCE, StoreDeployment, random_hex};
use crate::world::stores;

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
    pub seed: u64,
    /// `postgres://…` of a database to use instead of an own server's.
    pub database: Option<String>,
    /// `redis://…` to use instead of an own server.
    pub redis: Option<String>,
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
    pub cloud: Child,
    pub mosquitto: Mosquitto,
    pub postgres: Option<Postgres>,
    pub redis: Option<Redis>,
    pub deployment: Deployment,
    pub clock: Arc<dyn Clock>,
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
        let WorldPlan { program, public_key_of, hollow, nodes, seed, database, redis } = plan;
        let folder = tempfile::Builder::new().prefix("aisle-bench-").tempdir().context("failed to make a folder")?;
        let mut deployment = deployment(folder.path().to_owned(), *nodes, *hollow, *seed, *public_key_of)?;
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
        let mosquitto = Mosquitto::start(folder.path(), "mosquitto", &rules(&deployment)?).await?;
        deployment.broker = Some(mosquitto.address);
        let cloud = role(program, "cloud", "cloud", &cloud_config(&deployment), &deployment)?;
        let mut world = Self {
            nodes: Vec::new(),
            cloud,
            mosquitto,
            postgres: own_postgres,
            redis: own_redis,
            deployment,
            clock,
            hollow_from: *nodes,
            folder,
        };
        world.cloud_serves().await?;
        for place in 0..*nodes {
            world.start_node(program, place)?;
        }
        world.nodes_in_step().await?;
        Ok(world)
    }

    fn start_node(&mut self, program: &std::path::Path, place: usize) -> Result<()> {
        let store = self.deployment.stores.get(place).context("no such store")?;
        let mut config = self.deployment.node_config(store, self.mosquitto.address);
        config["telemetry"] = quiet();
        let child = role(program, "node", &format!("node-{}", store.store.id), &config, &self.deployment)?;
        self.nodes.push(RunningNode { child, place });
        Ok(())
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
        self.mosquitto.address
    }

    /// The hollow stores.
    pub fn hollow(&self) -> Vec<HollowStore> {
        let stores = self.deployment.stores.iter().skip(self.hollow_from);
        stores.map(|store| HollowStore { node: store.store.node(), secret: store.node_secret.clone() }).collect()
    }

    /// Waits until the cloud answers that it is ready.
    ///
    /// # Errors
    /// When it ends or does not answer.
    pub async fn cloud_serves(&mut self) -> Result<()> {
        let api = Api::new(&self.deployment.url())?;
        until_ready(&mut self.cloud, async || api.text("/readyz").await.is_ok()).await
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

    /// Publishes the demo's offers; one of them.
    ///
    /// # Errors
    /// When a step is refused.
    pub async fn populate(&self) -> Result<Option<OfferId>> {
        let published = populate(&self.deployment.url(), &self.mail()?, self.clock.as_ref()).await?;
        Ok(published.first().map(|view| view.offer))
    }

    /// Processes to watch: every part by its name, and the generator, which is this process.
    pub fn watched(&self) -> Vec<Watched> {
        let mut watched = vec![
            ("cloud".to_owned(), self.cloud.pid()),
            ("mosquitto".to_owned(), self.mosquitto.child.pid()),
            ("generator".to_owned(), std::process::id()),
        ];
        watched.extend(self.postgres.iter().map(|server| ("postgres".to_owned(), server.child.pid())));
        watched.extend(self.redis.iter().map(|server| ("redis".to_owned(), server.child.pid())));
        watched.extend(self.nodes.iter().map(|node| ("node".to_owned(), node.child.pid())));
        watched
    }
}

/// Secrets and addresses; hollow stores have neither screens nor displays, so that nothing is published to nobody.
fn deployment(folder: PathBuf, nodes: usize, hollow: usize, seed: u64, public_key_of: fn(&str) -> Result<String>) -> Result<Deployment> {
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

fn quiet() -> Value {
    json!({ "log_filter": "warn" })
}

/// The deployment's own, with limits that a whole town of one address does not meet.
fn cloud_config(deployment: &Deployment) -> Value {
    let mut config = deployment.cloud_config();
    config["telemetry"] = quiet();
    config["limits"] = json!({ "sign_ins_per_minute": 1_000_000, "passes_per_hour": 1_000_000 });
    config
}

fn rules(deployment: &Deployment) -> Result<AccessRules> {
    let mut rules = AccessRules::new();
    rules.admit(Role::Cloud(InstanceId::parse(INSTANCE)?), credential(&deployment.cloud_secret));
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
fn role(program: &std::path::Path, role: &str, name: &str, config: &Value, deployment: &Deployment) -> Result<Child> {
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
