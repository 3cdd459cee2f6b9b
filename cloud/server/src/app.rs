//! The wiring of a cloud instance.
//!
//! Owns the order in which its parts start and stop, and its threads: one for the link to stores and the database's writer, one for customers,
//! a few for HTTP. Takes a configuration and a clock; emits its addresses. On failure: what cannot start says why; what breaks for good later
//! ends the instance with the reason, and whoever runs it starts it again from the database.

use std::{
    collections::HashSet,
    future::Future,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use actix::Arbiter;
use actix_web::{App, HttpServer, dev::ServerHandle, middleware::from_fn, web};
use aisle_mesh::{
    broker::{Access, AccessRules, Broker, BrokerError, Bus, Credential, EmbeddedBroker, EmbeddedConfig, Role},
    clock::Clock,
    link::LinkConfig,
    supervision::{Health, Shutdown, StopReason},
    sync::{
        owner_driver::{OwnerStatus, OwnerSync, OwnerSyncConfig, OwnerSyncHandle},
        transport::MqttTransport,
    },
    telemetry::{self, Metrics},
};
use aisle_schemas::{
    ids::{NodeId, TenantId},
    limits::{KEEP_ALIVE, PACKET_BYTES_MAX, RECEIVE_MAX_CLOUD, WINDOW_CLOUD},
    record::RECORD_TYPES,
    sync::Direction,
};
use aisle_store::{Db, StoreError, down, node, offer, rollout, sealed::AddressSeal};
use secrecy::ExposeSecret;
use tokio::{
    sync::{Semaphore, oneshot, watch},
    task::JoinHandle,
};

use crate::{
    actors::store::{Book, desired},
    config::{CloudConfig, ConfigFault},
    duty::Duty,
    enrol::{
        self, AuthorityError, Enroller, admission,
        tls_files::{self, TlsFileError},
    },
    fresh, handshakes,
    ingest::{Feed, Ingest},
    keys::{KeyError, Keys},
    legal,
    mail::{MailError, MailSink, Mailer},
    owners,
    popularity::Sales,
    problem::Refusal,
    routes,
    session::Sessions,
    settings::Settings,
    shared::{Shared, SharedError, memory::MemoryShared, redis::RedisShared},
    state::Cloud,
};

/// Threads that serve HTTP.
const HTTP_WORKERS: usize = 2;
/// Connections at once; each open phone holds one.
const HTTP_CONNECTIONS_MAX: usize = 16_384;
/// Seconds that open requests have when the instance stops; streams end by themselves.
const PATIENCE_S: u64 = 2;
/// Nodes at the embedded broker.
const BROKER_CLIENTS_MAX: usize = 2_048;

/// Why an instance is not running.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    #[error("the configuration cannot be used: {0}")]
    Config(ConfigFault),
    #[error("failed to start the instance's thread")]
    Thread(#[source] std::io::Error),
    #[error("failed to read the signing key")]
    Keys(#[source] KeyError),
    #[error("failed to open the database")]
    Database(#[source] StoreError),
    #[error("failed to read what is published")]
    Load(#[source] Refusal),
    #[error("failed to reach shared state")]
    Shared(#[source] SharedError),
    #[error("failed to set up mail")]
    Mail(#[source] MailError),
    #[error("failed to read the authority")]
    Authority(#[source] AuthorityError),
    #[error("failed to read a certificate")]
    Tls(#[source] TlsFileError),
    #[error("failed to start the broker")]
    Broker(#[source] BrokerError),
    #[error("failed to listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("another process works on this database now")]
    Fenced,
    #[error("the broker ended")]
    BrokerEnded,
    #[error("{part} failed too often")]
    Failed { part: String },
    #[error("the instance's thread ended")]
    Ended,
}

/// A running instance. Dropping it ends it at once; [`CloudApp::run`] ends it in order.
pub struct CloudApp {
    http_addr: SocketAddr,
    broker_addr: Option<SocketAddr>,
    public_key: String,
    sink: MailSink,
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<Result<(), CloudError>>,
    thread: std::thread::JoinHandle<()>,
}

struct Ready {
    http: SocketAddr,
    broker: Option<SocketAddr>,
    public_key: String,
}

impl CloudApp {
    /// Starts an instance and returns once it serves.
    ///
    /// # Errors
    /// [`CloudError`], the first thing that did not start.
    pub async fn build(config: CloudConfig, clock: Arc<dyn Clock>) -> Result<Self, CloudError> {
        config.check().map_err(CloudError::Config)?;
        let (ready, started) = oneshot::channel();
        let (stop, stopping) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let sink = MailSink::default();
        let thread = std::thread::Builder::new()
            .name(format!("cloud-{}", config.instance))
            .spawn({
                let sink = sink.clone();
                move || {
                    let system = actix::System::new();
                    let result = system.block_on(serve(config, clock, sink, ready, stopping));
                    if end.send(result).is_err() {
                        tracing::debug!("nobody waits for the instance's end");
                    }
                }
            })
            .map_err(CloudError::Thread)?;
        match started.await {
            Ok(Ready { http: http_addr, broker: broker_addr, public_key }) => {
                Ok(Self { http_addr, broker_addr, public_key, sink, stop, ended, thread })
            }
            Err(_) => match ended.await {
                Ok(Err(error)) => Err(error),
                Ok(Ok(())) | Err(_) => Err(CloudError::Ended),
            },
        }
    }

    /// Where browsers connect.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Where nodes connect, if the broker is inside this instance.
    #[must_use]
    pub fn broker_addr(&self) -> Option<SocketAddr> {
        self.broker_addr
    }

    /// Key that nodes check passes with, 64 lower-case hex digits.
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// Mails that no server took.
    #[must_use]
    pub fn mail_sink(&self) -> MailSink {
        self.sink.clone()
    }

    /// Runs until `shutdown` resolves, then stops in order; or until the instance cannot go on.
    ///
    /// # Errors
    /// [`CloudError`], the reason for which it could not go on.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), CloudError> {
        let Self { http_addr: _, broker_addr: _, public_key: _, sink: _, stop, mut ended, thread } = self;
        let result = tokio::select! {
            result = &mut ended => result,
            () = shutdown => {
                if stop.send(()).is_err() {
                    tracing::debug!("the instance ended by itself");
                }
                ended.await
            }
        };
        join(thread).await;
        result.map_err(|_| CloudError::Ended)?
    }
}

async fn join(thread: std::thread::JoinHandle<()>) {
    if tokio::task::spawn_blocking(move || thread.join()).await.is_err() {
        tracing::debug!("waiting for the instance's thread was interrupted");
    }
}

async fn serve(
    config: CloudConfig,
    clock: Arc<dyn Clock>,
    sink: MailSink,
    ready: oneshot::Sender<Ready>,
    stopping: oneshot::Receiver<()>,
) -> Result<(), CloudError> {
    // Installs the recorder before anything is counted.
    let metrics = telemetry::metrics();
    let Started { running, told } = start(config, clock, sink, metrics).await?;
    let Running { db, broker, sync, http, stop, tasks, customers, shutdown } = running;
    let waited_for = ready.send(told).is_ok();
    let outcome = tokio::select! {
        asked = stopping => {
            // A sender that is gone is a power cut: nobody waits for an orderly end, but the port must be free.
            if !waited_for || asked.is_err() {
                http.handle.stop(false).await;
                return Ok(());
            }
            Ok(())
        }
        reason = shutdown.requested() => match reason {
            StopReason::Asked => Ok(()),
            StopReason::Failed { part } => Err(CloudError::Failed { part }),
        },
        () = fenced(sync.status()) => Err(CloudError::Fenced),
        () = ended(broker.as_deref()) => Err(CloudError::BrokerEnded),
    };
    stop.send_replace(true);
    http.handle.stop(true).await;
    if let Err(error) = http.task.await {
        tracing::warn!(%error, "the HTTP server was interrupted");
    }
    sync.stop().await;
    for task in tasks {
        if let Err(error) = task.await {
            tracing::warn!(%error, "a task was interrupted");
        }
    }
    customers.stop();
    if let Some(broker) = broker {
        broker.stop().await;
    }
    db.close().await;
    outcome
}

async fn fenced(mut status: watch::Receiver<OwnerStatus>) {
    if status.wait_for(|status| status.fenced).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn ended(broker: Option<&dyn Broker>) {
    match broker {
        Some(broker) => broker.ended().await,
        None => std::future::pending().await,
    }
}

/// Everything that runs until the instance stops.
struct Running {
    db: Db,
    broker: Option<Box<dyn Broker>>,
    sync: OwnerSyncHandle,
    http: Http,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    customers: Arbiter,
    shutdown: Shutdown,
}

struct Http {
    address: SocketAddr,
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

struct Started {
    running: Running,
    told: Ready,
}

async fn start(config: CloudConfig, clock: Arc<dyn Clock>, sink: MailSink, metrics: &'static Metrics) -> Result<Started, CloudError> {
    // Before anything else runs: a taken port is the commonest mistake, and costs nothing yet.
    let listener = TcpListener::bind(config.http_addr).map_err(|source| CloudError::Listen { address: config.http_addr, source })?;
    let keys = match &config.signing_key {
        Some(key) => Keys::from_hex(key.expose_secret()),
        None => Keys::from_file(&config.signing_key_file),
    }
    .map_err(CloudError::Keys)?;
    let settings = Arc::new(Settings::of(&config));
    let db = Db::connect(&config.database_url).await.map_err(CloudError::Database)?;
    let shared: Arc<dyn Shared> = match &config.redis_url {
        Some(url) => Arc::new(RedisShared::connect(url).await.map_err(CloudError::Shared)?),
        None => Arc::new(MemoryShared::new()),
    };
    let book = prepare(&db, &config, &settings, clock.as_ref()).await?;
    let authority =
        config.enrolment.as_ref().map(|enrolment| enrol::authority(&enrolment.authority)).transpose().map_err(CloudError::Authority)?;
    let (broker, link, access) = start_broker(&config, &db).await?;
    let broker_addr = broker.as_ref().map(|broker| broker.address());

    let (feed, source) = Feed::new();
    let store = Arc::new(Ingest::new(db.clone(), Arc::clone(&clock), feed.clone(), config.instance.clone()));
    let acks = store.acks();
    let tenant = config.stores.first().map_or_else(|| TenantId::parse("aisle").expect("a literal slug"), |store| store.tenant.clone());
    let owner = OwnerSyncConfig { instance: config.instance.clone(), tenant, known_schemas: known_schemas() };
    let sync = OwnerSync::spawn(owner, MqttTransport { config: link }, store, Arc::clone(&clock));

    let health = Health::new();
    let (stop, stopping) = watch::channel(false);
    let sales = Sales::load(&db, &book.products).await.map_err(CloudError::Database)?;
    let shutdown = Shutdown::new();
    let parts = owners::Parts {
        db: &db,
        clock: &clock,
        shared: &shared,
        settings: &settings,
        feed: &feed,
        sales: &sales,
        stopping: &stopping,
        health: &health,
        shutdown: &shutdown,
    };
    let owners = owners::start(&parts, book, source, &sync).map_err(CloudError::Load)?;

    let mailer = match &config.smtp {
        Some(smtp) => Mailer::smtp(smtp).map_err(CloudError::Mail)?,
        None => Mailer::sink(sink.clone(), config.demo),
    };
    let public_key = keys.public_hex();
    let cloud = web::Data::new(Cloud {
        sessions: Sessions::new(db.clone(), &keys.pepper, &config.staff, &config.integration_keys),
        seal: AddressSeal::new(keys.seal),
        clock,
        db: db.clone(),
        shared,
        settings,
        limits: config.limits,
        keys,
        mailer,
        sink,
        customers: owners.customers,
        desk: owners.desk,
        catalogue: owners.catalogue,
        enroller: authority.map(|authority| Enroller::new(authority, db.clone())),
        feed,
        acks,
        sales,
        doing: routes::idempotency::Doing::default(),
        uploads: Semaphore::new(routes::content::UPLOADS_MAX),
        health,
        metrics,
        stopping,
    });
    let handshakes = handshakes::run(cloud.clone().into_inner(), Duty::new(sync.owned()));
    let http = listen(listener, cloud).map_err(|source| CloudError::Listen { address: config.http_addr, source })?;
    let told = Ready { http: http.address, broker: broker_addr, public_key };
    tracing::info!(instance = %config.instance, http = %told.http, "cloud serves");
    let mut tasks = owners.tasks;
    tasks.push(tokio::spawn(handshakes));
    tasks.extend(access.map(|access| admission::follow(db.clone(), access, stop.subscribe())));
    let running = Running { db, broker, sync, http, stop, tasks, customers: owners.arbiter, shutdown };
    Ok(Started { running, told })
}

/// Brings the database to what the configuration says, and reads what is published.
async fn prepare(db: &Db, config: &CloudConfig, settings: &Settings, clock: &dyn Clock) -> Result<Book, CloudError> {
    let enrolled = config.stores.iter().map(|store| node::Enrolment { node: store.node_id(), random: fresh::draw() }).collect();
    node::enrol(db, enrolled).await.map_err(CloudError::Database)?;
    let mut book = Book::load(db).await.map_err(CloudError::Load)?;
    if book.wordings.is_empty() {
        for text in legal::first_texts(clock.now()) {
            match offer::publish_legal_text(db, text).await {
                // A sister instance was faster.
                Ok(()) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(CloudError::Database(error)),
            }
        }
        book = Book::load(db).await.map_err(CloudError::Load)?;
    }
    let mut documents = desired(settings, &config.stores, &book, clock.now()).map_err(CloudError::Load)?;
    documents.extend(crate::products::desired(db, settings, clock.now()).await.map_err(CloudError::Load)?);
    // What a rollout wrote is newer than the configuration, which only says what a store begins with.
    let held = rollout::held(&mut db.read().await.map_err(CloudError::Database)?).await.map_err(CloudError::Database)?;
    let held: HashSet<(NodeId, String)> = held.into_iter().collect();
    let documents = documents.into_iter().filter(|write| !held.contains(&(write.node.clone(), write.subject.clone()))).collect();
    // The owner of the links starts later and reads the logs then.
    down::put_changed(db, documents).await.map(drop).map_err(CloudError::Database)?;
    Ok(book)
}

/// The broker inside, if there is one, and how to reach the broker in use.
async fn start_broker(config: &CloudConfig, db: &Db) -> Result<(Option<Box<dyn Broker>>, LinkConfig, Option<Access>), CloudError> {
    let tls = config.broker.tls.as_ref().map(tls_files::client).transpose().map_err(CloudError::Tls)?;
    let role = Role::Cloud(config.instance.clone());
    let name = role.name().as_str().to_owned();
    let link = |host: String, port: u16| LinkConfig {
        host,
        port,
        client_id: name.clone(),
        username: Some(name.clone()),
        password: tls.is_none().then(|| config.broker.secret.clone()),
        tls: tls.clone(),
        will: None,
        keep_alive: KEEP_ALIVE,
        receive_max: RECEIVE_MAX_CLOUD,
        packet_max: PACKET_BYTES_MAX,
        in_flight: WINDOW_CLOUD,
    };
    let Some(embedded) = &config.embedded_broker else {
        return Ok((None, link(config.broker.host.clone(), config.broker.port), None));
    };
    let mut rules = AccessRules::new();
    let settings = EmbeddedConfig { bus: Bus::Mesh, bind: embedded.addr, clients_max: BROKER_CLIENTS_MAX };
    let (broker, access) = match &embedded.tls {
        None => {
            rules.admit(role, Credential::of(&config.broker.secret, rand::random()));
            for store in &config.stores {
                rules.admit(Role::Node(store.node_id()), Credential::of(&store.node_secret, rand::random()));
            }
            (EmbeddedBroker::start(settings, Access::new(rules)).await, None)
        }
        Some(files) => {
            let server = tls_files::server(files).map_err(CloudError::Tls)?;
            rules.admit_certified(role);
            let access = Access::new(rules);
            admission::update(db, &access).await.map_err(CloudError::Database)?;
            (EmbeddedBroker::start_tls(settings, access.clone(), &server).await, Some(access))
        }
    };
    let broker = broker.map_err(CloudError::Broker)?;
    let address = broker.address();
    // A broker that listens everywhere is reached over the loopback.
    let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { address.ip().to_string() };
    Ok((Some(Box::new(broker)), link(host, address.port()), access))
}

/// Families of payloads that stores may send: the part of each type before its verb.
fn known_schemas() -> std::collections::BTreeSet<String> {
    RECORD_TYPES
        .iter()
        .filter(|record| record.stream.direction() == Direction::Up)
        .filter_map(|record| {
            let mut parts = record.name.split('.');
            let (noun, version) = (parts.nth(1)?, parts.next_back()?);
            Some(format!("aisle.{noun}.{version}"))
        })
        .collect()
}

fn listen(listener: TcpListener, cloud: web::Data<Cloud>) -> std::io::Result<Http> {
    let address = listener.local_addr()?;
    let server = HttpServer::new(move || App::new().app_data(cloud.clone()).wrap(from_fn(routes::serve::serve)).configure(routes::mount))
        .workers(HTTP_WORKERS)
        .max_connections(HTTP_CONNECTIONS_MAX)
        .shutdown_timeout(PATIENCE_S)
        .disable_signals()
        .listen(listener)?
        .run();
    let handle = server.handle();
    Ok(Http { address, handle, task: tokio::spawn(server) })
}
