//! The HTTP face of the store: pages, what browser surfaces stream and report, check-in of phones on the store's network.
//!
//! Owns the server, its limits and headers. Takes requests. Emits answers of actors, or problem details. On failure: a refused request is
//! answered with a typed problem, counted, and changes nothing; the server itself ends with the node.
mod body;
mod content;
mod devices;
mod headers;
mod middleware;
mod operator;
mod pages;
mod phones;
pub mod problem;
mod products;
mod sessions;
mod signage;
mod sse;
mod status;
mod tablet;
mod trips;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use aisle_mesh::clock::Clock;
use aisle_mesh::sync::node_driver::LinkStatus;
use aisle_mesh::telemetry::Metrics;
use aisle_mesh::tls::Validity;
use aisle_schemas::ids::StoreId;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::DeviceConfig;
use crate::content::Content;
use crate::devices::Faces;
use crate::fatal::Fatal;
use crate::journal::Journal;
use crate::journal::load::DeviceSession;
use crate::operator::OperatorDesk;
use sessions::Sessions;

/// Threads that serve: surfaces wait far more than they work.
const WORKERS: usize = 1;
/// Connections at once; each surface holds one.
const CONNECTIONS_MAX: usize = 4_096;
/// Seconds that open requests have when the node stops; streams are cut.
const PATIENCE_S: u64 = 1;

/// What the HTTP face is made of.
pub struct HttpConfig {
    pub address: SocketAddr,
    pub store: StoreId,
    /// Whether browsers reach the node over TLS: cookies are marked so.
    pub secure: bool,
    pub devices: Vec<DeviceConfig>,
    pub sessions: Vec<DeviceSession>,
    pub faces: Arc<Faces>,
    pub journal: Journal,
    pub content: Content,
    pub link: watch::Receiver<LinkStatus>,
    /// From when to when the box's certificate is good; none without one.
    pub certificate: watch::Receiver<Option<Validity>>,
    pub operator: OperatorDesk,
    pub clock: Arc<dyn Clock>,
    pub fatal: Fatal,
    pub metrics: &'static Metrics,
}

/// What every handler may use.
pub struct Shared {
    pub store: StoreId,
    pub secure: bool,
    pub sessions: Sessions,
    pub faces: Arc<Faces>,
    pub journal: Journal,
    pub content: Content,
    pub link: watch::Receiver<LinkStatus>,
    /// From when to when the box's certificate is good; none without one.
    pub certificate: watch::Receiver<Option<Validity>>,
    pub operator: OperatorDesk,
    pub clock: Arc<dyn Clock>,
    pub fatal: Fatal,
    pub metrics: &'static Metrics,
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, waits a moment for open requests, and ends.
    pub async fn stop(self) {
        self.handle.stop(true).await;
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the HTTP server ended with an error"),
            Err(error) => tracing::warn!(%error, "the HTTP server was interrupted"),
        }
    }
}

/// Starts the server.
///
/// # Errors
/// When the address cannot be bound.
pub fn serve(config: HttpConfig) -> std::io::Result<Server> {
    let HttpConfig {
        address,
        store,
        secure,
        devices,
        sessions,
        faces,
        journal,
        content,
        link,
        certificate,
        operator,
        clock,
        fatal,
        metrics,
    } = config;
    let sessions = Sessions::new(devices, sessions, journal.clone(), Arc::clone(&clock));
    let shared =
        web::Data::new(Shared { store, secure, sessions, faces, journal, content, link, certificate, operator, clock, fatal, metrics });
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .wrap(actix_web::middleware::from_fn(middleware::around))
            .configure(routes)
            .default_service(web::to(problem::unknown_route))
    })
    .workers(WORKERS)
    .max_connections(CONNECTIONS_MAX)
    .shutdown_timeout(PATIENCE_S)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    Ok(Server { address, handle, task: tokio::spawn(server) })
}

/// Mounts what `aisle_schemas::http::node::ROUTES` lists, and the pages.
fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/device-sessions", web::post().to(devices::sign_in))
        .route("/v1/screens/{screen}/events", web::get().to(devices::screen_events))
        .route("/v1/screens/{screen}/plays", web::post().to(devices::plays))
        .route("/v1/screens/{screen}/state", web::put().to(devices::state))
        .route("/v1/screens/{screen}/interactions", web::post().to(devices::interaction))
        .route("/v1/nfc/{display}/events", web::get().to(devices::nfc_events))
        .route("/v1/nfc/{display}/taps", web::post().to(devices::tap))
        .route("/v1/doors/{touchpoint}/events", web::get().to(devices::door_events))
        .route("/v1/sensors/{touchpoint}/counts", web::post().to(devices::count))
        .route("/v1/checkins", web::post().to(phones::check_in))
        .route("/v1/visits/{token}/zones", web::post().to(phones::enter_zone))
        .route("/v1/visits/{token}/trip", web::get().to(trips::look))
        .route("/v1/visits/{token}/trip/lines", web::post().to(trips::put))
        .route("/v1/visits/{token}/trip/lines/{line}", web::put().to(trips::change))
        .route("/v1/visits/{token}/trip/steps", web::post().to(trips::step))
        .route("/v1/tablets/{tablet}/trips/{trip}", web::get().to(trips::staff_look))
        .route("/v1/tablets/{tablet}/trips/{trip}/checks", web::post().to(trips::check))
        .route("/v1/tablets/{tablet}/trips/{trip}/payment", web::post().to(trips::pay))
        .route("/v1/doors/{touchpoint}/exits", web::post().to(trips::exit))
        .route("/v1/products/by-gtin/{code}", web::get().to(products::by_code))
        .route("/v1/visits/{token}/checkout", web::post().to(phones::check_out))
        .route("/v1/sensors/{touchpoint}/facts", web::post().to(signage::facts))
        .route("/v1/sensors/{touchpoint}/emergency", web::put().to(signage::begin))
        .route("/v1/sensors/{touchpoint}/emergency", web::delete().to(signage::clear))
        .route("/v1/emergency", web::get().to(signage::state))
        .route("/v1/screens/{screen}/override", web::put().to(operator::override_screen))
        .route("/v1/screens/{screen}/override", web::delete().to(operator::clear_screen))
        .route("/v1/nfc/{display}/override", web::put().to(operator::override_display))
        .route("/v1/nfc/{display}/override", web::delete().to(operator::clear_display))
        .route("/v1/visits/{token}/handshakes/{handshake}/revoke", web::post().to(tablet::revoke))
        .route("/v1/tablets/{tablet}/shift", web::post().to(tablet::sign_in))
        .route("/v1/tablets/{tablet}/shift", web::delete().to(tablet::sign_out))
        .route("/v1/tablets/{tablet}/signs", web::post().to(tablet::sign))
        .route("/v1/tablets/{tablet}/events", web::get().to(tablet::events))
        .route("/v1/tablets/{tablet}/offers", web::post().to(tablet::offer))
        .route("/v1/tablets/{tablet}/handshakes/{handshake}/reads", web::post().to(tablet::read))
        .route("/v1/tablets/{tablet}/handshakes/{handshake}/end", web::post().to(tablet::end))
        .route("/v1/tablets/{tablet}/handshakes/{handshake}/purged", web::post().to(tablet::purged))
        .route("/v1/operator/reclaim", web::post().to(operator::reclaim))
        .route("/v1/operator/new-epoch", web::post().to(operator::new_epoch))
        .route("/v1/status", web::get().to(status::status))
        .route("/healthz", web::get().to(status::healthz))
        .route("/readyz", web::get().to(status::readyz))
        .route("/metrics", web::get().to(status::metrics))
        .route("/player/sw.js", web::get().to(pages::worker))
        .route("/player/{screen}", web::get().to(pages::player))
        .route("/nfc/{display}", web::get().to(pages::nfc))
        .route("/tablet/{tablet}", web::get().to(pages::tablet))
        .route("/door/{touchpoint}", web::get().to(pages::door))
        .route("/content/{sha256}", web::get().to(content::content))
        .route("/assets/{path:.*}", web::get().to(pages::asset));
}
