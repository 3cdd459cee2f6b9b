//! Between the local broker and the actors.
//!
//! Owns the node's own connection to its broker. Takes what devices publish. Emits retained plans, shows and codes, commands, acknowledgements,
//! and a problem on the device's error topic for what is refused. On failure of the connection: dials again and publishes everything that is
//! shown anew; commands that have not left wait for it, and one that was leaving at that moment may be lost: it is done once or not. A broker acknowledges to a device before the node has committed: what must not be lost is acknowledged by the node itself, on a topic
//! (plays), and devices are let in only once the node listens.
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aisle_mesh::link::{AckToken, Incoming, Link, LinkConfig, LinkConfigError, LinkEvent, LinkHandle, Outgoing, Qos, SubCode};
use aisle_schemas::http::Problem;
use aisle_schemas::ids::{EventId, ScreenId, StoreId};
use aisle_schemas::limits::{KEEP_ALIVE, PACKET_BYTES_MAX};
use aisle_schemas::screen::ScreenCommand;
use aisle_schemas::topic::{DECLARATIONS, Publisher, Topic};
use bytes::Bytes;
use futures_util::stream::{self, FuturesOrdered};
use futures_util::{Stream, StreamExt};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, WatchStream};

use super::Faces;
use crate::actors::facts::{FactsError, Told};
use crate::actors::nfc_display::{TapError, Touched};
use crate::actors::screen::{Interacted, Line, PlaysError, ReportPlays, SaysState};
use crate::actors::zones::Counted;
use crate::journal::JournalError;

/// Messages of devices under way to the node.
const RECEIVE_MAX: u16 = 64;
/// Messages of the node under way to the broker.
const WINDOW: u16 = 64;
/// Time before the node dials its own broker again.
const REDIAL: Duration = Duration::from_millis(500);
/// Bytes of a device's message.
const BODY_MAX: usize = 64 * 1024;
/// Name of the node at its own broker.
const OWN_NAME: &str = "node";

/// What the bridge is made of.
pub struct BridgeConfig {
    pub store: StoreId,
    pub broker: SocketAddr,
    pub secret: SecretString,
    pub faces: Arc<Faces>,
    /// Commands to each screen.
    pub commands: Vec<(ScreenId, mpsc::Receiver<Arc<ScreenCommand>>)>,
}

/// A running bridge.
pub struct Bridge {
    stop: oneshot::Sender<()>,
    /// True once the node listens to devices.
    listening: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Bridge {
    /// Starts dialling.
    ///
    /// # Errors
    /// When the configuration of the link cannot work.
    pub fn start(mut config: BridgeConfig) -> Result<Self, LinkConfigError> {
        let commands = commands(&config.store, std::mem::take(&mut config.commands));
        let first = Link::connect(link_config(&config))?;
        let (stop, stopping) = oneshot::channel();
        let (listens, listening) = watch::channel(false);
        Ok(Self { stop, listening, task: tokio::spawn(run(config, commands, first, listens, stopping)) })
    }

    /// Resolves once the node listens to devices; `false` if it never will.
    pub async fn listening(&self) -> bool {
        let mut listening = self.listening.clone();
        listening.wait_for(|listening| *listening).await.is_ok()
    }

    /// Hangs up.
    pub async fn stop(self) {
        let Self { stop, listening: _, task } = self;
        if stop.send(()).is_err() || task.await.is_err() {
            tracing::debug!("the bridge had ended");
        }
    }
}

fn link_config(config: &BridgeConfig) -> LinkConfig {
    LinkConfig {
        // A broker that listens everywhere is reached here.
        host: if config.broker.ip().is_unspecified() { "127.0.0.1".to_owned() } else { config.broker.ip().to_string() },
        port: config.broker.port(),
        client_id: OWN_NAME.to_owned(),
        username: Some(OWN_NAME.to_owned()),
        password: Some(config.secret.clone()),
        tls: None,
        will: None,
        keep_alive: KEEP_ALIVE,
        receive_max: RECEIVE_MAX,
        packet_max: PACKET_BYTES_MAX,
        in_flight: WINDOW,
    }
}

type Connection = (LinkHandle, mpsc::Receiver<LinkEvent>);
/// Publications in the order in which they shall leave.
type Shown = Pin<Box<dyn Stream<Item = (Topic, Bytes)> + Send>>;

async fn run(
    config: BridgeConfig,
    mut commands: Shown,
    first: Connection,
    listens: watch::Sender<bool>,
    mut stopping: oneshot::Receiver<()>,
) {
    let mut connection = Some(first);
    loop {
        if let Some((handle, events)) = connection.take() {
            tokio::select! {
                () = serve(&config, &mut commands, &handle, events, &listens) => {}
                _ = &mut stopping => {
                    handle.hang();
                    return;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(REDIAL) => {}
            _ = &mut stopping => return,
        }
        match Link::connect(link_config(&config)) {
            Ok(connected) => connection = Some(connected),
            Err(error) => tracing::error!(%error, "failed to dial the local broker"),
        }
    }
}

/// One connection from beginning to end.
async fn serve(
    config: &BridgeConfig,
    commands: &mut Shown,
    handle: &LinkHandle,
    mut events: mpsc::Receiver<LinkEvent>,
    listens: &watch::Sender<bool>,
) {
    let mut subscribed = false;
    let mut shown: Shown = Box::pin(stream::pending());
    // Answered in the order of arrival, but committed together; the Receive Maximum bounds how many wait.
    let mut received = FuturesOrdered::new();
    loop {
        tokio::select! {
            Some((answer, ack)) = received.next(), if !received.is_empty() => {
                let answered = match answer {
                    Some((topic, payload)) => publish(handle, &topic, payload).await,
                    None => Ok(()),
                };
                if answered.is_err() || handle.ack(ack).await.is_err() {
                    return;
                }
            }
            event = events.recv() => match event {
                Some(LinkEvent::Connected { .. }) => {
                    if handle.subscribe(&filters()).await.is_err() {
                        return;
                    }
                }
                Some(LinkEvent::SubAck(codes)) => {
                    if codes.iter().any(|code| *code != SubCode::Granted) {
                        tracing::error!("the local broker refused the node's own subscription");
                        return;
                    }
                    subscribed = true;
                    listens.send_replace(true);
                    shown = everything_shown(config);
                }
                Some(LinkEvent::Message(incoming)) => received.push_back(receive(config, incoming)),
                Some(LinkEvent::PubAck { .. }) => {}
                Some(LinkEvent::Lost(reason)) => {
                    tracing::warn!(%reason, "connection to the local broker lost");
                    return;
                }
                None => return,
            },
            Some((topic, payload)) = commands.next(), if subscribed => {
                if publish(handle, &topic, payload).await.is_err() {
                    return;
                }
            }
            Some((topic, payload)) = shown.next() => {
                if publish(handle, &topic, payload).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// What devices publish.
fn filters() -> Vec<String> {
    DECLARATIONS.iter().filter(|known| known.publisher == Publisher::Device).map(|known| known.filter()).collect()
}

/// Everything that devices shall show, now and whenever it changes.
fn everything_shown(config: &BridgeConfig) -> Shown {
    let BridgeConfig { store, faces, .. } = config;
    let mut all: Vec<Shown> = Vec::new();
    for (screen, face) in &faces.screens {
        let topic = Topic::ScreenPlan { store: store.clone(), screen: screen.clone() };
        all.push(Box::pin(bodies(WatchStream::new(face.plan.clone()), topic)));
    }
    for (display, face) in &faces.displays {
        let topic = Topic::NfcShown { store: store.clone(), display: display.clone() };
        all.push(Box::pin(bodies(WatchStream::new(face.show.clone()), topic)));
    }
    for (touchpoint, door) in &faces.doors {
        let topic = Topic::DoorCodeShown { store: store.clone(), touchpoint: touchpoint.clone() };
        all.push(Box::pin(bodies(WatchStream::new(door.code.clone()), topic)));
    }
    if all.is_empty() { Box::pin(stream::pending()) } else { Box::pin(stream::select_all(all)) }
}

/// Commands of all screens, each to its own topic.
fn commands(store: &StoreId, receivers: Vec<(ScreenId, mpsc::Receiver<Arc<ScreenCommand>>)>) -> Shown {
    let one = |(screen, receiver): (ScreenId, mpsc::Receiver<Arc<ScreenCommand>>)| {
        let topic = Topic::ScreenCommand { store: store.clone(), screen };
        Box::pin(bodies(ReceiverStream::new(receiver).map(Some), topic)) as Shown
    };
    Box::pin(stream::select_all(receivers.into_iter().map(one)).chain(stream::pending()))
}

fn bodies<T: Serialize>(shown: impl Stream<Item = Option<T>>, topic: Topic) -> impl Stream<Item = (Topic, Bytes)> {
    shown.filter_map(move |body| {
        let encoded = body.and_then(|body| encode(&body)).map(|payload| (topic.clone(), payload));
        std::future::ready(encoded)
    })
}

fn encode(body: &impl Serialize) -> Option<Bytes> {
    match serde_json::to_vec(body) {
        Ok(body) => Some(Bytes::from(body)),
        Err(error) => {
            tracing::error!(%error, "a body could not be written");
            None
        }
    }
}

async fn publish(handle: &LinkHandle, topic: &Topic, payload: Bytes) -> Result<(), aisle_mesh::link::LinkError> {
    let declared = topic.declaration();
    handle
        .publish(Outgoing {
            topic: topic.build(),
            payload,
            qos: Qos::AtLeastOnce,
            retain: declared.retain,
            expiry_s: declared.expiry_s,
            content_type: Some(declared.content_type.to_owned()),
            traceparent: None,
        })
        .await
}

/// Why a device's message had no effect.
struct Refused {
    code: &'static str,
    detail: String,
    field: Option<String>,
}

impl Refused {
    fn new(code: &'static str, detail: impl ToString) -> Self {
        Self { code, detail: detail.to_string(), field: None }
    }
}

/// Has a message acted on; returns what the device is answered, and the right to acknowledge.
async fn receive(config: &BridgeConfig, incoming: Incoming) -> (Option<(Topic, Bytes)>, AckToken) {
    let Incoming { topic, payload, traceparent, ack, .. } = incoming;
    let answer = match Topic::parse(&topic) {
        Some(topic) => match act(config, &topic, &payload, traceparent).await {
            Ok(answer) => answer,
            Err(refused) => refuse(&topic, refused),
        },
        None => {
            metrics::counter!("aisle_refusals_total", "role" => "node", "route" => "mqtt", "code" => "unknown_topic").increment(1);
            None
        }
    };
    (answer, ack)
}

fn refuse(topic: &Topic, refused: Refused) -> Option<(Topic, Bytes)> {
    let Refused { code, detail, field } = refused;
    let route = topic.declaration().name;
    metrics::counter!("aisle_refusals_total", "role" => "node", "route" => route, "code" => code).increment(1);
    let problem = Problem {
        type_: format!("/problems/{code}"),
        title: "The message had no effect".to_owned(),
        status: 422,
        code: code.to_owned(),
        detail: Some(detail),
        field,
        instance: EventId::new(0, rand::random()).to_string(),
        errors: vec![],
    };
    tracing::info!(topic = route, code, instance = problem.instance, "message of a device refused");
    let errors = match topic {
        Topic::ScreenPlays { store, screen } | Topic::ScreenState { store, screen } | Topic::ScreenInteractionSeen { store, screen } => {
            Topic::ScreenRefused { store: store.clone(), screen: screen.clone() }
        }
        Topic::NfcTapped { store, display } => Topic::NfcRefused { store: store.clone(), display: display.clone() },
        Topic::ZoneCounted { store, touchpoint } | Topic::FactsTold { store, touchpoint } => {
            Topic::SensorRefused { store: store.clone(), touchpoint: touchpoint.clone() }
        }
        // Not of a device: a test walks those that are.
        _ => return None,
    };
    encode(&problem).map(|payload| (errors, payload))
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Refused> {
    if payload.len() > BODY_MAX {
        return Err(Refused::new("too_large", format!("{} bytes are more than {BODY_MAX}", payload.len())));
    }
    let mut json = serde_json::Deserializer::from_slice(payload);
    let body = serde_path_to_error::deserialize(&mut json).map_err(|error| Refused {
        code: "malformed",
        field: Some(crate::pointer::pointer(error.path())),
        detail: error.inner().to_string(),
    })?;
    json.end().map_err(|error| Refused::new("malformed", error))?;
    Ok(body)
}

fn not_committed(error: &JournalError, detail: &'static str) -> Refused {
    match error {
        JournalError::StorageFull => Refused::new("storage_full", error),
        JournalError::TooManyDocuments
        | JournalError::TooLarge(_)
        | JournalError::Storage(_)
        | JournalError::Closed
        | JournalError::Outdated
        | JournalError::Unreadable { .. } => Refused::new("not_ready", detail),
    }
}

fn gone<E>(_: E) -> Refused {
    Refused::new("not_ready", "the node is stopping")
}

/// Does what a device's message asks for, and returns what it is answered.
async fn act(config: &BridgeConfig, topic: &Topic, payload: &[u8], traceparent: Option<String>) -> Result<Option<(Topic, Bytes)>, Refused> {
    let faces = &config.faces;
    let unknown = || Refused::new("unknown_device", "the device is not configured at this node");
    match topic {
        Topic::ScreenPlays { store, screen } => {
            let face = faces.screens.get(screen).ok_or_else(unknown)?;
            let report: aisle_schemas::screen::PlayReport = read(payload)?;
            let ack = face.plays.send(ReportPlays(report.plays)).await.map_err(gone)?.map_err(|error| match error {
                PlaysError::Refused(refusal) => Refused::new("malformed", refusal),
                PlaysError::Journal(error) => not_committed(&error, "the plays are not committed"),
            })?;
            let topic = Topic::ScreenPlaysAck { store: store.clone(), screen: screen.clone() };
            Ok(encode(&ack).map(|payload| (topic, payload)))
        }
        Topic::ScreenState { store: _, screen } => {
            let face = faces.screens.get(screen).ok_or_else(unknown)?;
            face.state.send(SaysState { state: read(payload)?, line: Line::Bus }).await.map_err(gone)?;
            Ok(None)
        }
        Topic::ScreenInteractionSeen { store: _, screen } => {
            let face = faces.screens.get(screen).ok_or_else(unknown)?;
            face.interaction.send(Interacted(read(payload)?)).await.map_err(gone)?;
            Ok(None)
        }
        Topic::NfcTapped { store: _, display } => {
            let face = faces.displays.get(display).ok_or_else(unknown)?;
            let mut tap: aisle_schemas::nfc::NfcTap = read(payload)?;
            tap.traceparent = tap.traceparent.or(traceparent);
            face.tap.send(Touched(tap)).await.map_err(gone)?.map_err(|error| match error {
                TapError::NotReady => Refused::new("not_ready", error),
                TapError::Journal(error) => not_committed(&error, "the tap is not committed"),
            })?;
            Ok(None)
        }
        Topic::ZoneCounted { store: _, touchpoint } => {
            if !faces.sensors.contains(touchpoint) {
                return Err(unknown());
            }
            let counted = Counted { sensor: touchpoint.clone(), count: read(payload)? };
            faces.counted.send(counted).await.map_err(gone)?.map_err(|error| Refused::new("unknown_zone", error))?;
            Ok(None)
        }
        Topic::FactsTold { store: _, touchpoint } => {
            if !faces.sensors.contains(touchpoint) {
                return Err(unknown());
            }
            let reports: aisle_schemas::fact::FactReports = read(payload)?;
            faces.told.send(Told(reports.facts)).await.map_err(gone)?.map_err(|error| match error {
                FactsError::Number | FactsError::Refused { .. } => Refused::new("malformed", error),
                FactsError::Journal(error) => not_committed(&error, "the facts are not committed"),
            })?;
            Ok(None)
        }
        _ => Err(Refused::new("unknown_topic", "devices do not publish here")),
    }
}
