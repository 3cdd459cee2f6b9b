//! Sessions of browser surfaces.
//!
//! Owns who is signed in as which device; only hashes are kept. Takes a device's secret, once, or its cookie. Emits the device. On failure: the
//! same refusal for an unknown device and a wrong secret; beyond the bound the session that ends first goes.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use aisle_mesh::broker::Credential;
use aisle_mesh::clock::Clock;
use aisle_schemas::ids::DeviceId;
use aisle_schemas::topic::DeviceKind;
use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::problem::Refusal;
use crate::config::DeviceConfig;
use crate::journal::load::DeviceSession;
use crate::journal::{Entry, Journal, StateChange};

/// Name of the cookie.
pub const COOKIE: &str = "aisle_device";
/// A session lasts a quarter: surfaces are not signed in by hand every week.
pub const SESSION_DAYS: i64 = 90;
/// Sessions at once: each device a few times over.
const SESSIONS_MAX: usize = 10_000;

struct Device {
    credential: Credential,
    emergency: bool,
}

/// All sessions.
pub struct Sessions {
    devices: BTreeMap<(DeviceKind, DeviceId), Device>,
    open: Mutex<BTreeMap<[u8; 32], DeviceSession>>,
    journal: Journal,
    clock: Arc<dyn Clock>,
}

fn hash(cookie: &str) -> [u8; 32] {
    Sha256::digest(cookie.as_bytes()).into()
}

impl Sessions {
    /// Sessions of these devices, as committed by earlier runs.
    #[must_use]
    pub fn new(devices: Vec<DeviceConfig>, open: Vec<DeviceSession>, journal: Journal, clock: Arc<dyn Clock>) -> Self {
        let device = |DeviceConfig { kind, id, secret, emergency }: DeviceConfig| {
            ((kind, id), Device { credential: Credential::of(&secret, rand::random()), emergency })
        };
        let devices: BTreeMap<_, _> = devices.into_iter().map(device).collect();
        let known = |session: &DeviceSession| devices.contains_key(&(session.kind, session.device.clone()));
        let open = open.into_iter().filter(known).map(|session| (session.hash, session)).collect();
        Self { devices, open: Mutex::new(open), journal, clock }
    }

    /// Signs a device in and returns the value of its cookie: 128 random bits.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn sign_in(&self, kind: DeviceKind, device: DeviceId, secret: &str) -> Result<String, Refusal> {
        let known = self.devices.get(&(kind, device.clone()));
        if !known.is_some_and(|known| known.credential.accepts(secret.as_bytes())) {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthorised", "no such device, or another secret"));
        }
        let cookie = hex::encode(rand::random::<[u8; 16]>());
        let expires_at = self.clock.now() + TimeDelta::days(SESSION_DAYS);
        let session = DeviceSession { hash: hash(&cookie), kind, device: device.clone(), expires_at };
        let change = StateChange::OpenDeviceSession { hash: session.hash, kind, device, expires_at };
        self.journal.commit(Entry { changes: vec![change], records: vec![] }).await?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(session.hash, session);
        if open.len() > SESSIONS_MAX
            && let Some(first) = open.values().min_by_key(|session| session.expires_at).map(|session| session.hash)
        {
            open.remove(&first);
        }
        drop(open);
        Ok(cookie)
    }

    /// Lets the request pass if its cookie is that of exactly this device.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn require(&self, request: &HttpRequest, kind: DeviceKind, device: &str) -> Result<(), Refusal> {
        self.session(request, kind, device).map(drop)
    }

    /// Whether the store's configuration lets this device begin and end emergencies.
    #[must_use]
    pub fn commands_emergencies(&self, kind: DeviceKind, device: &str) -> bool {
        self.devices.iter().any(|((of, id), known)| *of == kind && id.as_str() == device && known.emergency)
    }

    /// The hash of the session of exactly this device.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn session(&self, request: &HttpRequest, kind: DeviceKind, device: &str) -> Result<[u8; 32], Refusal> {
        let unauthorised = || Refusal::new(StatusCode::UNAUTHORIZED, "unauthorised", "the device is not signed in").field("Cookie");
        let cookie = request.cookie(COOKIE).ok_or_else(unauthorised)?;
        let now = self.clock.now();
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let session = open.get(&hash(cookie.value())).filter(|session| now < session.expires_at).ok_or_else(unauthorised)?;
        if session.kind == kind && session.device.as_str() == device {
            Ok(session.hash)
        } else {
            Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", "the session is of another device"))
        }
    }
}
