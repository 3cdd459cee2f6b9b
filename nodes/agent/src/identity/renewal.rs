//! Keeps the certificate that links show up to date (AS-107).
//!
//! Owns a task that looks at the identity folder: a certificate that an operator put there is shown from the next dial on, and one that is 30
//! days old is renewed. Takes time. Emits changes to the `ClientTls` that the link dials with. On failure it says so once per change and
//! tries again; the store does not notice.

use std::sync::Arc;
use std::time::Duration;

use aisle_mesh::clock::{Clock, sleep_towards};
use aisle_mesh::tls::{ClientTls, Fingerprint, Identity, PrivateKey, Validity, ValidityState};
use aisle_schemas::http::cloud::RenewalRequest;
use aisle_schemas::ids::NodeId;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{EnrolClient, EnrolError, Held, IdentityFolder, keep};

/// How often the folder is looked at.
const LOOK_EVERY: TimeDelta = TimeDelta::minutes(1);
/// How long a failed renewal waits. There are 60 days for it, and a cloud that is back should not be met by all stores at once.
const RETRY_AFTER: TimeDelta = TimeDelta::hours(1);

/// What a keeper works with.
pub struct KeeperConfig {
    pub node: NodeId,
    pub folder: IdentityFolder,
    /// None where certificates are renewed by hand.
    pub client: Option<EnrolClient>,
}

/// See the module. Dropping it ends the task.
pub struct Keeper {
    task: JoinHandle<()>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Keeper {
    /// Shows what the folder holds and starts looking; returns what links dial with, and from when to when it is good.
    #[must_use]
    pub fn start(config: KeeperConfig, clock: Arc<dyn Clock>) -> (Self, ClientTls, watch::Receiver<Option<Validity>>) {
        let tls = ClientTls::default();
        let (validity, good) = watch::channel(None);
        let mut watch = Watch { config, tls: tls.clone(), shown: None, validity, told: None, not_before: DateTime::UNIX_EPOCH };
        // Before the first dial, so that a box that is enrolled connects at once.
        watch.show();
        let task = tokio::spawn(async move {
            loop {
                watch.look(clock.now()).await;
                sleep_towards(clock.as_ref(), clock.now() + LOOK_EVERY, LOOK_EVERY.to_std().unwrap_or(Duration::from_secs(60))).await;
            }
        });
        (Self { task }, tls, good)
    }
}

struct Watch {
    config: KeeperConfig,
    tls: ClientTls,
    shown: Option<Fingerprint>,
    validity: watch::Sender<Option<Validity>>,
    /// The failure that was logged last.
    told: Option<String>,
    /// No renewal before this.
    not_before: DateTime<Utc>,
}

impl Watch {
    /// Reads the folder and shows what is new there.
    fn show(&mut self) -> Option<Held> {
        let held = match self.config.folder.read() {
            Ok(held) => held,
            Err(error) => {
                self.tell(&error);
                return None;
            }
        };
        if held.certificate.identity != Identity::Node(self.config.node.clone()) {
            self.tell(&EnrolError::Foreign);
            return None;
        }
        if self.shown != Some(held.certificate.fingerprint) {
            let node = held.node.expose_secret();
            if let Err(error) = self.tls.replace(&held.authority, node, node) {
                self.tell(&error);
                return None;
            }
            self.shown = Some(held.certificate.fingerprint);
            self.validity.send_replace(Some(held.certificate.validity));
            tracing::info!(node = %self.config.node, not_after = %held.certificate.validity.not_after, "certificate in force");
        }
        Some(held)
    }

    async fn look(&mut self, now: DateTime<Utc>) {
        let Some(held) = self.show() else { return };
        let state = held.certificate.validity.state(now);
        let left = held.certificate.validity.not_after - now;
        metrics::gauge!("aisle_certificate_left_s", "role" => "node").set(left.num_seconds() as f64);
        match state {
            ValidityState::Fresh => self.told = None,
            ValidityState::Due | ValidityState::Expired => self.renew(&held, now).await,
            // The cloud refuses it: an operator makes a new claim.
            ValidityState::Spent => self.tell(&Spent),
        }
    }

    async fn renew(&mut self, held: &Held, now: DateTime<Utc>) {
        if now < self.not_before {
            return;
        }
        let Some(client) = &self.config.client else { return };
        match renewed(&self.config, client, held).await {
            Ok(()) => {
                metrics::counter!("aisle_certificate_renewals_total", "fate" => "renewed").increment(1);
                self.told = None;
                if self.show().is_none() {
                    tracing::warn!(node = %self.config.node, "the renewed certificate is not shown yet");
                }
            }
            Err(error) => {
                metrics::counter!("aisle_certificate_renewals_total", "fate" => "failed").increment(1);
                self.not_before = now + RETRY_AFTER;
                self.tell(&error);
            }
        }
    }

    /// Says a failure once: it stays until somebody acts, and the look comes back every minute.
    fn tell(&mut self, error: &(dyn std::error::Error + 'static)) {
        let text = error.to_string();
        if self.told.as_ref() != Some(&text) {
            tracing::warn!(node = %self.config.node, error, "the certificate needs care; the store works without the cloud meanwhile");
            self.told = Some(text);
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the certificate ended more than 30 days ago: make a new claim")]
struct Spent;

async fn renewed(config: &KeeperConfig, client: &EnrolClient, held: &Held) -> Result<(), EnrolError> {
    let KeeperConfig { node, folder, client: _ } = config;
    let unusable = |error: aisle_mesh::tls::TlsError| EnrolError::Folder(error.into());
    let next = folder.waiting_key().map_err(EnrolError::Folder)?;
    let request = next.request(&Identity::Node(node.clone())).map_err(unusable)?;
    let present = PrivateKey::from_pem(held.node.expose_secret()).map_err(unusable)?;
    let signature = hex::encode(present.sign(request.as_bytes()).map_err(unusable)?);
    let asked = RenewalRequest { certificate: held.certificate_pem().to_owned(), request, signature };
    let enrolled = client.renew(&asked).await.map_err(EnrolError::Client)?;
    // The authority is trusted since the claim; another one needs a claim again.
    if enrolled.authority.trim() != held.authority.trim() {
        return Err(EnrolError::Authority);
    }
    keep(folder, node, &next, &enrolled)
}
