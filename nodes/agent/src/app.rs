//! The wiring of a node.
//!
//! Owns the order in which its parts start and stop, and the thread they live on: one per node, with one worker more for HTTP, so that a box
//! with two slow cores and a demo with a dozen stores both stay small. Takes a configuration and a clock. Emits its addresses. On failure: what
//! cannot start says why; what breaks later ends the node with the reason.
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::Actor;
use aisle_mesh::broker::{
    Access, AccessRules, Broker, BrokerError, Bus, Credential, EmbeddedBroker, EmbeddedConfig, Role, secret_from_random,
};
use aisle_mesh::clock::{Clock, sleep_towards};
use aisle_node_core::document::Equipment;
use aisle_node_core::ids::{DisplayId, ScreenId, TouchpointId};
use aisle_node_core::product::assortment::Assortment;
use aisle_node_core::signage::label::StillShown;
use aisle_node_core::visit::check_in::Keys;
use aisle_schemas::ids::{DeviceId, IdError, NodeId};
use aisle_schemas::screen::ScreenCommand;
use aisle_schemas::topic::DeviceKind;
use chrono::TimeDelta;
use secrecy::SecretString;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::actors::catalogue::{Catalogue, CatalogueConfig, Look, NfcPort, Ports, ScreenPort};
use crate::actors::consultation::{Consultations, ConsultationsConfig};
use crate::actors::nfc_display::{NfcConfig, NfcDisplay};
use crate::actors::screen::{Screen, ScreenConfig};
use crate::actors::screen_commands::{WAITING_MAX, Ways};
use crate::actors::screen_label::LabelDesk;
use crate::actors::trips::{Trips, TripsConfig};
use crate::actors::visit_messages::StoreChanged;
use crate::actors::visits::{Visits, VisitsConfig};
use crate::actors::zones::{Listener, Zones, ZonesConfig};
use crate::actors::{Tick, recipient, tell};
use crate::config::{DeviceConfig, NodeConfig};
use crate::content::{Asker, Content, ContentKeeper, ContentParts};
use crate::devices::bridge::{Bridge, BridgeConfig};
use crate::devices::{Door, Faces, NfcFace, ScreenFace, TabletsFace, TripsFace};
use crate::fatal::{Fatal, FatalError};
use crate::http::{self, HttpConfig};
use crate::identity::IdentityFolder;
use crate::journal::{Journal, JournalError, OpenError, RecordMaker, Settings};
use crate::keepers::Keepers;
use crate::lasting_clock::LastingClock;
use crate::now::Now;
use crate::operator::{self, OperatorDesk};
use crate::overrides;
use crate::relay::Relay;
use crate::report::Reporter;
use crate::signage::{self, SignageListeners, SignageParts};
use crate::uplink::Uplink;

/// How often actors look at the clock.
const TICK: Duration = Duration::from_millis(250);
/// Connections at the local broker.
const DEVICES_MAX: usize = 2_000;

/// Why a node is not running.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("failed to start the node's thread")]
    Thread(#[source] std::io::Error),
    #[error("failed to open the journal")]
    Open(#[source] OpenError),
    #[error("failed to open the content cache")]
    Content(#[source] std::io::Error),
    #[error("failed to load the store's state")]
    Load(#[source] JournalError),
    #[error("failed to start the local broker")]
    Broker(#[source] BrokerError),
    #[error("failed to connect to the local broker")]
    Bridge(#[source] aisle_mesh::link::LinkConfigError),
    #[error("failed to listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to write the operator's key")]
    OperatorKey(#[source] std::io::Error),
    #[error("the id of device {device} does not fit its kind")]
    Device {
        device: String,
        #[source]
        source: IdError,
    },
    #[error("the node cannot keep its promises")]
    Fatal(#[source] FatalError),
    #[error("the node's thread ended")]
    Ended,
}

/// A running node. Dropping it ends the node at once, as a power cut would; [`NodeApp::run`] ends it in order.
pub struct NodeApp {
    node: NodeId,
    http_addr: SocketAddr,
    mqtt_addr: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<Result<(), NodeError>>,
    thread: std::thread::JoinHandle<()>,
}

struct Addresses {
    http: SocketAddr,
    mqtt: SocketAddr,
}

impl NodeApp {
    /// Starts a node and returns once it serves.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn build(config: NodeConfig, clock: Arc<dyn Clock>) -> Result<Self, NodeError> {
        let (ready, started) = oneshot::channel();
        let (stop, stopping) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let node = config.node_id();
        let thread = std::thread::Builder::new()
            .name(format!("node-{}", node.store))
            .spawn(move || {
                let system = actix::System::new();
                let result = system.block_on(serve(config, clock, ready, stopping));
                if let Err(error) = &result {
                    tracing::error!(error = error as &dyn std::error::Error, "node ended");
                }
                if end.send(result).is_err() {
                    tracing::debug!("nobody waits for the node's end");
                }
            })
            .map_err(NodeError::Thread)?;
        match started.await {
            Ok(Addresses { http: http_addr, mqtt: mqtt_addr }) => Ok(Self { node, http_addr, mqtt_addr, stop, ended, thread }),
            Err(_) => match ended.await {
                Ok(Err(error)) => Err(error),
                Ok(Ok(())) | Err(_) => Err(NodeError::Ended),
            },
        }
    }

    /// The node's identity.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// Where browsers and phones connect.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Where devices connect by MQTT.
    #[must_use]
    pub fn mqtt_addr(&self) -> SocketAddr {
        self.mqtt_addr
    }

    /// Runs until `shutdown` resolves, then stops in order; or until the node cannot go on.
    ///
    /// # Errors
    /// [`NodeError`], the reason for which it could not go on.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), NodeError> {
        let Self { node: _, http_addr: _, mqtt_addr: _, stop, mut ended, thread } = self;
        let result = tokio::select! {
            result = &mut ended => result,
            () = shutdown => {
                if stop.send(()).is_err() {
                    tracing::debug!("the node ended by itself");
                }
                ended.await
            }
        };
        join(thread).await;
        result.map_err(|_| NodeError::Ended)?
    }

    /// Ends the node as a power cut would, and waits until its files are free.
    pub async fn kill(self) {
        let Self { node: _, http_addr: _, mqtt_addr: _, stop, ended, thread } = self;
        drop((stop, ended));
        join(thread).await;
    }
}

async fn join(thread: std::thread::JoinHandle<()>) {
    if tokio::task::spawn_blocking(move || thread.join()).await.is_err() {
        tracing::debug!("waiting for the node's thread was interrupted");
    }
}

/// Everything that runs until the node stops.
struct Running {
    journal: Journal,
    content: ContentKeeper,
    broker: Box<dyn Broker>,
    bridge: Bridge,
    uplink: Uplink,
    http: http::Server,
}

async fn serve(
    config: NodeConfig,
    clock: Arc<dyn Clock>,
    ready: oneshot::Sender<Addresses>,
    stopping: oneshot::Receiver<()>,
) -> Result<(), NodeError> {
    // Installs the recorder before anything is counted.
    let metrics = aisle_mesh::telemetry::metrics();
    let fatal = Fatal::new();
    let Started { running, addresses, ticker } = start(config, &clock, &fatal, metrics).await?;
    if ready.send(addresses).is_err() {
        return Err(NodeError::Ended);
    }
    let Running { journal, content, broker, bridge, uplink, http } = running;
    let outcome = tokio::select! {
        asked = stopping => asked.map_err(|_| NodeError::Ended),
        reason = fatal.reported() => Err(NodeError::Fatal(reason)),
        () = broker.ended() => Err(NodeError::Fatal(FatalError::Broker)),
    };
    ticker.abort();
    match outcome {
        // Nobody is left to wait: as if the power were cut.
        Err(NodeError::Ended) => Ok(()),
        outcome => {
            http.stop().await;
            bridge.stop().await;
            uplink.stop().await;
            broker.stop().await;
            drop((content, journal));
            outcome
        }
    }
}

struct Started {
    running: Running,
    addresses: Addresses,
    ticker: tokio::task::JoinHandle<()>,
}

/// What a device is to the wiring.
struct Devices {
    screens: Vec<ScreenId>,
    displays: Vec<DisplayId>,
    doors: Vec<TouchpointId>,
    sensors: Vec<TouchpointId>,
    tablets: Vec<DeviceId>,
}

fn sort_devices(devices: &[DeviceConfig]) -> Result<Devices, NodeError> {
    let mut sorted = Devices { screens: vec![], displays: vec![], doors: vec![], sensors: vec![], tablets: vec![] };
    for DeviceConfig { kind, id, secret: _, emergency: _ } in devices {
        let wrong = |source| NodeError::Device { device: id.to_string(), source };
        match kind {
            DeviceKind::Screen => sorted.screens.push(ScreenId::parse(id.as_str()).map_err(wrong)?),
            DeviceKind::Nfc => sorted.displays.push(DisplayId::parse(id.as_str()).map_err(wrong)?),
            DeviceKind::Door => sorted.doors.push(TouchpointId::parse(id.as_str()).map_err(wrong)?),
            DeviceKind::Sensor => sorted.sensors.push(TouchpointId::parse(id.as_str()).map_err(wrong)?),
            DeviceKind::Tablet => sorted.tablets.push(id.clone()),
        }
    }
    Ok(sorted)
}

/// The node itself may use the local broker, with a secret drawn for this run.
fn own_rules(own: &SecretString) -> AccessRules {
    let mut rules = AccessRules::new();
    rules.admit(Role::StoreNode, Credential::of(own, rand::random()));
    rules
}

/// Lets the configured devices in. Not before the node listens: a broker takes and drops what nobody subscribes to.
fn admit_devices(rules: &mut AccessRules, config: &NodeConfig) {
    for DeviceConfig { kind, id, secret, emergency: _ } in &config.devices {
        let role = Role::Device { store: config.store.clone(), kind: *kind, device: id.clone() };
        rules.admit(role, Credential::of(secret, rand::random()));
    }
}

async fn start(
    config: NodeConfig,
    clock: &Arc<dyn Clock>,
    fatal: &Fatal,
    metrics: &'static aisle_mesh::telemetry::Metrics,
) -> Result<Started, NodeError> {
    let node = config.node_id();
    let devices = sort_devices(&config.devices)?;
    let maker = RecordMaker::new(node.clone(), Arc::clone(clock));
    let settings = Settings { folder: config.data_dir.clone(), budget: config.storage.budget(), maker: maker.clone() };
    let journal = Journal::open(settings, rand::random()).await.map_err(NodeError::Open)?;
    let clock: &Arc<dyn Clock> = &lasting_clock(&journal, clock, &maker).await.map_err(NodeError::Load)?;
    // Before anybody is handed a document: what is not for this store is none, and what has ended meanwhile is shown no more.
    let (screens, displays) = (devices.screens.iter().cloned().collect(), devices.displays.iter().cloned().collect());
    journal.equip(Equipment { screens, displays }).await.map_err(NodeError::Load)?;
    overrides::end_due(&journal, Now::read(clock.as_ref()).mono).await.map_err(NodeError::Load)?;
    let (content, content_keeper) = Content::start(content_parts(&config, clock)).await.map_err(NodeError::Content)?;
    let own_secret = secret_from_random(rand::random());
    let access = Access::new(own_rules(&own_secret));
    let embedded = EmbeddedConfig { bus: Bus::Local, bind: config.mqtt_addr, clients_max: DEVICES_MAX };
    let broker = EmbeddedBroker::start(embedded, access.clone()).await.map_err(NodeError::Broker)?;
    let mqtt = broker.address();

    let parts = Parts { config: &config, clock, fatal, journal: &journal, content: &content, maker: &maker };
    let Actors { faces, ticks, commands } = start_actors(&parts, devices).await.map_err(NodeError::Load)?;
    let faces = Arc::new(faces);

    let uplink = Uplink::start(node.clone(), &config.broker, &journal, maker.clone(), Arc::clone(clock));
    let reporter = Reporter::new(journal.clone(), maker.clone(), uplink.status(), uplink.certificate());
    let to_devices = BridgeConfig { store: config.store.clone(), broker: mqtt, secret: own_secret, faces: Arc::clone(&faces), commands };
    let bridge = Bridge::start(to_devices).map_err(NodeError::Bridge)?;
    if !bridge.listening().await {
        return Err(NodeError::Fatal(FatalError::Broker));
    }
    access.update(|rules| admit_devices(rules, &config));
    let sessions = journal.load_device_sessions(clock.now()).await.map_err(NodeError::Load)?;
    let token = hex::encode(rand::random::<[u8; 16]>());
    let http = http::serve(HttpConfig {
        address: config.http_addr,
        store: config.store.clone(),
        secure: config.public_url.starts_with("https://"),
        devices: config.devices,
        sessions,
        faces,
        journal: journal.clone(),
        content,
        link: uplink.status(),
        certificate: uplink.certificate(),
        operator: OperatorDesk::new(&token, uplink.operator()),
        clock: Arc::clone(clock),
        fatal: fatal.clone(),
        metrics,
    })
    .map_err(|source| NodeError::Listen { address: config.http_addr, source })?;
    let addresses = Addresses { http: http.address(), mqtt };
    operator::write_key(&config.data_dir, addresses.http, token).map_err(NodeError::OperatorKey)?;
    let keepers = Keepers::start(&journal, reporter, clock.as_ref(), fatal).await;
    let ticker = tokio::spawn(tick(Arc::clone(clock), ticks, keepers));
    tracing::info!(node = %node, http = %addresses.http, mqtt = %addresses.mqtt, "node serves");
    Ok(Started { running: Running { journal, content: content_keeper, broker: Box::new(broker), bridge, uplink, http }, addresses, ticker })
}

/// Content comes from where certificates are renewed, unless the configuration says otherwise.
fn content_parts(config: &NodeConfig, clock: &Arc<dyn Clock>) -> ContentParts {
    let identity = config.broker.tls.as_ref();
    ContentParts {
        folder: config.data_dir.join("content"),
        config: config.content.clone(),
        renewed_at: identity.and_then(|identity| Some((identity.renew_at.clone()?, identity.renew_ca.clone()))),
        node: config.node_id(),
        key: config.store_key.clone(),
        identity: identity.map(|identity| identity.folder.clone()),
        clock: Arc::clone(clock),
    }
}

/// The way to the cloud about handshakes: the one of content. A fault of the configuration leaves the store without consultations, and says so.
fn relay(config: &NodeConfig, clock: &Arc<dyn Clock>) -> Option<Arc<Relay>> {
    let identity = config.broker.tls.as_ref();
    let renewed_at = || identity.and_then(|identity| Some((identity.renew_at.clone()?, identity.renew_ca.clone())));
    let (base, ca) = config.content.from.clone().map(|from| (from, config.content.ca.clone())).or_else(renewed_at)?;
    let ca = match ca.map(std::fs::read_to_string).transpose() {
        Ok(ca) => ca,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "failed to read the authority of the cloud: no advice is offered");
            return None;
        }
    };
    let who = Asker {
        node: config.node_id(),
        key: config.store_key.clone(),
        identity: identity.map(|identity| IdentityFolder::new(identity.folder.clone())),
        clock: Arc::clone(clock),
    };
    match Relay::new(&base, ca.as_deref(), who) {
        Ok(relay) => Some(Arc::new(relay)),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "failed to use the cloud's address: no advice is offered");
            None
        }
    }
}

/// Starts the consultations, and leaves what tablets and phones need of them.
fn start_consultations(
    parts: &Parts<'_>,
    tablets: Vec<DeviceId>,
    visits: &actix::Addr<Visits>,
    ticks: &mut Vec<actix::Recipient<Tick>>,
    profile: &mut Vec<actix::Recipient<StoreChanged>>,
) -> TabletsFace {
    let (mut shown_at, mut shown) = (BTreeMap::new(), BTreeMap::new());
    for tablet in tablets {
        let (show, showing) = watch::channel(None);
        shown_at.insert(tablet.clone(), show);
        shown.insert(tablet, showing);
    }
    let consultations = Consultations::new(ConsultationsConfig {
        tablets: shown_at,
        roster: parts.config.staff.clone(),
        cloud_key: parts.config.cloud_public_key,
        relay: relay(parts.config, parts.clock),
        standing: recipient(visits),
        visit_of: recipient(visits),
        clock: Arc::clone(parts.clock),
    })
    .start();
    ticks.push(recipient(&consultations));
    profile.push(recipient(&consultations));
    TabletsFace {
        shown,
        sign_in: recipient(&consultations),
        sign_out: recipient(&consultations),
        sign: recipient(&consultations),
        offer: recipient(&consultations),
        read: recipient(&consultations),
        end: recipient(&consultations),
        purged: recipient(&consultations),
        revoke: recipient(&consultations),
        on_shift: recipient(&consultations),
    }
}

/// What every actor is made of.
struct Parts<'a> {
    config: &'a NodeConfig,
    clock: &'a Arc<dyn Clock>,
    fatal: &'a Fatal,
    journal: &'a Journal,
    content: &'a Content,
    maker: &'a RecordMaker,
}

/// What the actors leave to those who speak to devices.
struct Actors {
    faces: Faces,
    ticks: Vec<actix::Recipient<Tick>>,
    /// Commands to each screen, for the local broker.
    commands: Vec<(ScreenId, mpsc::Receiver<Arc<ScreenCommand>>)>,
}

async fn start_actors(parts: &Parts<'_>, devices: Devices) -> Result<Actors, JournalError> {
    let (mut ticks, mut commands) = (Vec::new(), Vec::new());
    let (mut screens, mut listeners, mut screen_ports, mut store_ports) = (BTreeMap::new(), vec![], BTreeMap::new(), vec![]);
    let (to_readers, assortment) = watch::channel(Arc::<Assortment>::default());
    let (still_shown, at_the_shelf) = watch::channel(StillShown::default());
    let still_shown = Arc::new(still_shown);
    let mut of_signage = SignageListeners::default();
    for screen in devices.screens {
        let (shown, plan) = watch::channel(None);
        let (to_bus, from_actor) = mpsc::channel(WAITING_MAX);
        let (to_pages, _) = broadcast::channel(WAITING_MAX);
        commands.push((screen.clone(), from_actor));
        let address = Screen::load(ScreenConfig {
            screen: screen.clone(),
            journal: parts.journal.clone(),
            maker: parts.maker.clone(),
            clock: Arc::clone(parts.clock),
            fatal: parts.fatal.clone(),
            shown,
            ways: Ways { bus: to_bus, pages: to_pages.clone() },
            label: LabelDesk::new(screen.clone(), assortment.clone(), Arc::clone(&still_shown)),
        })
        .await?
        .start();
        ticks.push(recipient(&address));
        store_ports.push(recipient(&address));
        of_signage.add(&address);
        listeners.push(Listener { audience: recipient(&address), facts: recipient(&address) });
        let port = ScreenPort { programme: recipient(&address), offers: recipient(&address), command: recipient(&address) };
        screen_ports.insert(screen.clone(), port);
        let face = ScreenFace {
            plan,
            commands: to_pages,
            plays: recipient(&address),
            state: recipient(&address),
            interaction: recipient(&address),
        };
        screens.insert(screen, face);
    }
    let own = SignageParts { journal: parts.journal, maker: parts.maker, clock: parts.clock, fatal: parts.fatal };
    let signage = signage::start(&own, of_signage).await?;
    ticks.push(signage.tick);
    let (mut displays, mut display_ports) = (BTreeMap::new(), BTreeMap::new());
    for display in devices.displays {
        let (shown, show) = watch::channel(None);
        let address = NfcDisplay::load(NfcConfig {
            display: display.clone(),
            store: parts.config.store.clone(),
            store_key: parts.config.store_key.clone(),
            journal: parts.journal.clone(),
            maker: parts.maker.clone(),
            clock: Arc::clone(parts.clock),
            fatal: parts.fatal.clone(),
            shown,
        })
        .await?
        .start();
        ticks.push(recipient(&address));
        store_ports.push(recipient(&address));
        let port = NfcPort { programme: recipient(&address), offers: recipient(&address), kept: recipient(&address) };
        display_ports.insert(display.clone(), port);
        displays.insert(display, NfcFace { show, tap: recipient(&address) });
    }
    let zones = Zones::new(ZonesConfig {
        journal: parts.journal.clone(),
        maker: parts.maker.clone(),
        clock: Arc::clone(parts.clock),
        fatal: parts.fatal.clone(),
        screens: listeners,
    })
    .start();
    let (mut doors, mut shown_at) = (BTreeMap::new(), BTreeMap::new());
    for door in devices.doors {
        let (shown, code) = watch::channel(None);
        shown_at.insert(door.clone(), shown);
        doors.insert(door, Door { code });
    }
    let (open, visits_open) = watch::channel(0);
    let visits = Visits::load(VisitsConfig {
        keys: Keys {
            store: parts.config.store.clone(),
            store_key: parts.config.store_key.clone(),
            pass_key: parts.config.cloud_public_key,
        },
        journal: parts.journal.clone(),
        maker: parts.maker.clone(),
        clock: Arc::clone(parts.clock),
        fatal: parts.fatal.clone(),
        zones: recipient(&zones),
        doors: shown_at,
        open,
    })
    .await?
    .start();
    let tablets = start_consultations(parts, devices.tablets, &visits, &mut ticks, &mut store_ports);
    let (profile, store_profile) = watch::channel(None);
    let keeper = crate::actors::profile::Profile::new(profile).start();
    ticks.extend([recipient(&zones), recipient(&visits)]);
    store_ports.extend([recipient(&zones), recipient(&visits), recipient(&keeper)]);
    let trips = Trips::load(TripsConfig {
        store: parts.config.store.clone(),
        key: parts.config.store_key.signing_key(),
        assortment: assortment.clone(),
        still_shown: at_the_shelf.clone(),
        journal: parts.journal.clone(),
        maker: parts.maker.clone(),
        clock: Arc::clone(parts.clock),
        fatal: parts.fatal.clone(),
    })
    .await?
    .start();
    ticks.push(recipient(&trips));
    store_ports.push(recipient(&trips));
    let catalogue = Catalogue::new(CatalogueConfig {
        journal: parts.journal.clone(),
        content: parts.content.clone(),
        maker: parts.maker.clone(),
        clock: Arc::clone(parts.clock),
        fatal: parts.fatal.clone(),
        ports: Ports {
            visits: recipient(&visits),
            store: store_ports,
            contexts: recipient(&zones),
            emergency_sets: signage.sets,
            ordered: signage.ordered,
            screens: screen_ports,
            displays: display_ports,
            assortment: to_readers,
        },
    })
    .start();
    // What was in force before the restart is in force again before anybody is served.
    if catalogue.send(Look).await.is_err() {
        return Err(JournalError::Closed);
    }
    let faces = Faces {
        screens,
        displays,
        doors,
        sensors: devices.sensors.into_iter().collect(),
        tablets,
        counted: recipient(&zones),
        told: signage.told,
        begin_emergency: signage.begin,
        clear_emergency: signage.clear,
        emergency: signage.state,
        still_shown: at_the_shelf,
        check_in: recipient(&visits),
        enter_zone: recipient(&visits),
        check_out: recipient(&visits),
        scanned: recipient(&visits),
        trips: TripsFace { visit_of: recipient(&visits), phone: recipient(&trips), staff: recipient(&trips), gate: recipient(&trips) },
        assortment,
        visits_open,
        profile: store_profile,
    };
    Ok(Actors { faces, ticks, commands })
}

/// The store's own time: it goes on where the last run left it. A clock that is behind what was saved is not believed until the cloud's agrees.
async fn lasting_clock(journal: &Journal, clock: &Arc<dyn Clock>, maker: &RecordMaker) -> Result<Arc<dyn Clock>, JournalError> {
    let saved = journal.load_clock().await?;
    maker.set_clock_ok(saved.is_none_or(|saved| clock.now() >= saved.wall));
    Ok(Arc::new(LastingClock::resume(Arc::clone(clock), saved)))
}

/// Lets time pass for the actors, also when a test moves the clock.
async fn tick(clock: Arc<dyn Clock>, actors: Vec<actix::Recipient<Tick>>, mut keepers: Keepers) {
    loop {
        let due = clock.now() + TimeDelta::from_std(TICK).expect("a quarter of a second fits");
        sleep_towards(clock.as_ref(), due, TICK).await;
        for actor in &actors {
            tell(actor, Tick, "tick");
        }
        keepers.tick(Now::read(clock.as_ref())).await;
    }
}
