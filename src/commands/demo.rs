//! `aisle demo`: cloud, broker, stores and shoppers in one process on embedded parts.
//!
//! Owns the ports, secrets and folder of one demo. Emits the address of every surface with a working sign-in; with `--for`, a summary. On failure: says
//! which part did not start. Without `--data` everything lies in a temporary folder that is removed in the end.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aisle_cloud::{CloudApp, Keys, MailSink};
use aisle_mesh::clock::{Clock, SystemClock};
use aisle_mesh::telemetry::{self, TelemetryConfig};
use aisle_node::NodeApp;
use aisle_schemas::http::node::CloudLink;
use aisle_schemas::topic::DeviceKind;
use aisle_sim::client::Integration;
use aisle_sim::client::{Mail, ShopFloor};
use aisle_sim::run::target::TargetFile;
use aisle_sim::run::{
    Plan, Run, Target,
    populate::{fill_shelves, populate},
};
use aisle_sim::world::deployment::{Deployment, StoreDeployment, random_hex};
use aisle_sim::world::{AGENT, MARKETER, OPERATOR, stores};
use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use clap::Args;
use rand::{RngCore, SeedableRng, rngs::StdRng};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::output::report;
use super::signal::asked_to_end;

/// Shoppers per store where nothing else is asked for.
pub const SHOPPERS_PER_STORE: usize = 10;
/// Port of the cloud, where it is free; stores follow.
const CLOUD_PORT: u16 = 8080;
/// First port of the brokers in the stores, where it is free.
const BUS_PORT: u16 = 18_830;
/// Most stores of one demo: each has a thread and a file of its own.
const STORES_MAX: usize = 64;
/// Longest wait for a store to be in step with the cloud.
const LINK_WAIT: Duration = Duration::from_secs(30);
/// Time between looks at it.
const LINK_LOOK: Duration = Duration::from_millis(5);
/// Key file of a lasting demo.
const KEY_FILE: &str = "demo.key";
/// What `aisle sim` reads.
const TARGET_FILE: &str = "sim.toml";

/// What the demo is made of.
#[derive(Debug, Args)]
pub struct Demo {
    /// Number of stores
    #[arg(long, default_value_t = 3)]
    stores: usize,
    /// Shoppers in all stores together
    #[arg(long)]
    shoppers: Option<usize>,
    /// How long, e.g. 30s or 5m, then print a summary; until Ctrl-C if not given
    #[arg(long = "for")]
    span: Option<Span>,
    /// Same seed, same people and same decisions
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the summary as one JSON object, and nothing else
    #[arg(long)]
    json: bool,
    /// Keep everything in this folder; a temporary one if not given
    #[arg(long)]
    data: Option<PathBuf>,
}

/// A length of time as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(Duration);

impl FromStr for Span {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
        let count: u64 = digits.parse().context("is a number with a unit, such as 30s")?;
        let seconds = match &text[digits.len()..] {
            "s" => count,
            "m" => count.saturating_mul(60),
            "h" => count.saturating_mul(3600),
            unit => bail!("has the unit {unit:?}; use s, m or h"),
        };
        Ok(Self(Duration::from_secs(seconds)))
    }
}

impl Span {
    /// The length itself.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// Waits for the span, or without one for the order to end; that order ends a span, too.
    pub async fn pass(span: Option<Self>, end: impl Future<Output = ()>) {
        match span {
            None => end.await,
            Some(Self(span)) => tokio::select! {
                () = tokio::time::sleep(span) => {}
                () = end => {}
            },
        }
    }
}

/// Milliseconds of a duration.
pub fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Logs of a tool: what went wrong, and nothing else.
pub fn quiet_telemetry() -> TelemetryConfig {
    TelemetryConfig { log_filter: "warn".to_owned(), ..TelemetryConfig::default() }
}

impl Demo {
    /// Runs the demo.
    ///
    /// # Errors
    /// When a part does not start, ends early, or the summary cannot be made.
    pub async fn run(self, started: Instant) -> Result<()> {
        let Self { stores, shoppers, span, seed, json, data } = self;
        if !(1..=STORES_MAX).contains(&stores) {
            bail!("a demo has 1 to {STORES_MAX} stores");
        }
        let telemetry = telemetry::init(quiet_telemetry())?;
        let end = asked_to_end()?;
        let folder = Folder::open(data)?;
        let deployment = deployment(folder.path(), stores)?;
        let running = Running::start(&deployment).await?;
        let target = running.target(&deployment);
        populate(&target.cloud, target.mail.as_ref(), running.clock.as_ref()).await?;
        let ids: Vec<_> = target.stores.iter().map(|store| store.id.clone()).collect();
        fill_shelves(&Integration::new(&target.cloud, &target.integration_key)?, &ids, running.clock.as_ref()).await?;
        let start_ms = whole_ms(started.elapsed());
        write_target(folder.path(), &deployment)?;
        if !json {
            print!("{}", surfaces(&deployment, start_ms));
        }
        let plan = Plan { shoppers: shoppers.unwrap_or(SHOPPERS_PER_STORE * stores), seed };
        let run = Run::start(target, &plan).await?;
        let ended = tokio::select! {
            () = Span::pass(span, end) => Ok(()),
            ended = running.ended() => ended,
        };
        if span.is_some() && ended.is_ok() {
            report(&run.finish(start_ms).await?, json)?;
        }
        running.stop().await?;
        telemetry.shutdown().await;
        ended
    }
}

/// Where the demo keeps its files.
enum Folder {
    Lasting(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Folder {
    fn open(data: Option<PathBuf>) -> Result<Self> {
        match data {
            Some(path) => {
                std::fs::create_dir_all(&path).with_context(|| format!("failed to make {}", path.display()))?;
                Ok(Self::Lasting(path))
            }
            None => {
                tempfile::Builder::new().prefix("aisle-demo-").tempdir().map(Self::Temporary).context("failed to make a temporary folder")
            }
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Lasting(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// Ports and secrets. All secrets follow from one key, so that a lasting demo finds its stores again.
fn deployment(folder: &Path, count: usize) -> Result<Deployment> {
    let mut rng = StdRng::from_seed(key(&folder.join(KEY_FILE))?);
    let mut ports = Ports::default();
    let cloud_http = ports.take(CLOUD_PORT)?;
    let mut deployed = Vec::new();
    for (number, store) in (1_u16..).zip(stores::stores(count)) {
        let (http, mqtt) = (ports.take(CLOUD_PORT + number)?, ports.take(BUS_PORT + number)?);
        deployed.push(StoreDeployment::new(store, http, mqtt, &mut rng));
    }
    let cloud_key = random_hex(32, &mut rng);
    let cloud_public_key = Keys::from_hex(&cloud_key).context("failed to derive the cloud's keys")?.public_hex();
    Ok(Deployment {
        folder: folder.to_owned(),
        cloud_http,
        database_url: None,
        redis_url: None,
        broker: None,
        cloud_key,
        cloud_public_key,
        cloud_secret: random_hex(16, &mut rng),
        integration_key: random_hex(16, &mut rng),
        demo: true,
        stores: deployed,
    })
}

/// Reads the demo's key, or makes it.
fn key(file: &Path) -> Result<[u8; 32]> {
    match std::fs::read(file) {
        Ok(bytes) => bytes.try_into().ok().with_context(|| format!("{} is no key of a demo", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            rand::rng().fill_bytes(&mut key);
            std::fs::write(file, key).with_context(|| format!("failed to write {}", file.display()))?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("failed to read {}", file.display())),
    }
}

/// Ports of this demo, held until all are chosen, so that none is chosen twice.
#[derive(Default)]
struct Ports(Vec<TcpListener>);

impl Ports {
    /// The wished port where it is free, else any.
    fn take(&mut self, wished: u16) -> Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wished)).or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.context("failed to find a free port")?;
        let address = listener.local_addr().context("failed to read a port")?;
        self.0.push(listener);
        Ok(address)
    }
}

/// Cloud and nodes.
struct Running {
    clock: Arc<dyn Clock>,
    mail: SinkMail,
    stop: watch::Sender<bool>,
    parts: tokio::sync::Mutex<JoinSet<Result<()>>>,
}

impl Running {
    async fn start(deployment: &Deployment) -> Result<Self> {
        let clock: Arc<dyn Clock> = SystemClock::new();
        let stop = watch::Sender::new(false);
        let mut parts = JoinSet::new();
        let config = serde_json::from_value(deployment.cloud_config()).context("failed to configure the cloud")?;
        let cloud = CloudApp::build(config, Arc::clone(&clock)).await.context("failed to start the cloud")?;
        let mail = SinkMail(cloud.mail_sink());
        let broker = cloud.broker_addr().context("the demo's broker is embedded")?;
        let stopped = stop.subscribe();
        parts.spawn(async move { cloud.run(told(stopped)).await.context("the cloud ended") });
        let mut starting = JoinSet::new();
        for store in &deployment.stores {
            let config = serde_json::from_value(deployment.node_config(store, broker)).context("failed to configure a node")?;
            starting.spawn(NodeApp::build(config, Arc::clone(&clock)));
        }
        while let Some(node) = starting.join_next().await {
            let node = node.context("a start was aborted")?.context("failed to start a node")?;
            let stopped = stop.subscribe();
            parts.spawn(async move { node.run(told(stopped)).await.context("a node ended") });
        }
        for store in &deployment.stores {
            linked(store).await?;
        }
        Ok(Self { clock, mail, stop, parts: tokio::sync::Mutex::new(parts) })
    }

    /// The demo as its shoppers see it.
    fn target(&self, deployment: &Deployment) -> Target {
        Target {
            cloud: deployment.url(),
            mail: Arc::new(self.mail.clone()),
            integration_key: deployment.integration_key.clone(),
            stores: deployment.stores.iter().map(StoreDeployment::target).collect(),
            clock: Arc::clone(&self.clock),
        }
    }

    /// Resolves when a part ends that was not told to.
    async fn ended(&self) -> Result<()> {
        match self.parts.lock().await.join_next().await {
            Some(ended) => ended.context("a part was aborted")?.and_then(|()| bail!("a part ended by itself")),
            None => bail!("nothing runs"),
        }
    }

    /// Stops everything in order.
    async fn stop(self) -> Result<()> {
        self.stop.send_replace(true);
        let mut parts = self.parts.into_inner();
        while let Some(ended) = parts.join_next().await {
            ended.context("a part was aborted")??;
        }
        Ok(())
    }
}

/// Resolves when the demo is told to stop, or is gone.
async fn told(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is an order to stop, too.
    drop(stop.wait_for(|stop| *stop).await);
}

/// Waits until a store is in step with the cloud.
async fn linked(store: &StoreDeployment) -> Result<()> {
    let floor = ShopFloor::new(&store.url())?;
    let started = Instant::now();
    loop {
        match floor.status().await {
            Ok(status) if status.cloud == CloudLink::Open => return Ok(()),
            Ok(_) | Err(_) if started.elapsed() < LINK_WAIT => tokio::time::sleep(LINK_LOOK).await,
            Ok(_) => bail!("{} found no way to the cloud within {LINK_WAIT:?}", store.store.id),
            Err(error) => return Err(error).with_context(|| format!("{} does not answer", store.store.id)),
        }
    }
}

/// Mail of the demo, read where it lies.
#[derive(Clone)]
struct SinkMail(MailSink);

#[async_trait]
impl Mail for SinkMail {
    async fn code_for(&self, email: &str) -> Result<Option<String>> {
        Ok(self.0.code_for(email))
    }
}

/// Writes what `aisle sim` needs to join in.
fn write_target(folder: &Path, deployment: &Deployment) -> Result<()> {
    let file = TargetFile {
        cloud: deployment.url(),
        integration_key: deployment.integration_key.clone(),
        stores: deployment.stores.iter().map(StoreDeployment::target).collect(),
    };
    let path = folder.join(TARGET_FILE);
    std::fs::write(&path, toml::to_string_pretty(&file).context("failed to print TOML")?)
        .with_context(|| format!("failed to write {}", path.display()))
}

/// Every surface with its address; device pages carry the key that pairs them.
fn surfaces(deployment: &Deployment, start_ms: u64) -> String {
    let cloud = deployment.url();
    let mut text = format!(
        "aisle demo is ready after {start_ms} ms. Ctrl-C ends it.\n\n  shop       {cloud}/\n  console    {cloud}/console\n  mail       {cloud}/demo/mail   (sign-in codes: \
         any address in the shop; {MARKETER}, {AGENT}, {OPERATOR} at the console)\n"
    );
    for store in &deployment.stores {
        let written = write!(text, "\n  {} ({}), devices by MQTT at {}\n", store.store.name, store.store.id, store.mqtt);
        written.expect("writing to a String cannot fail");
        for ((kind, id), secret) in &store.devices {
            let page = match kind {
                DeviceKind::Screen => "player",
                DeviceKind::Nfc => "nfc",
                DeviceKind::Door => "door",
                DeviceKind::Tablet => "tablet",
                DeviceKind::Sensor => continue,
            };
            writeln!(text, "    {:<9}{}/{page}/{id}#key={secret}", kind.as_str(), store.url()).expect("writing to a String cannot fail");
        }
    }
    text
}
