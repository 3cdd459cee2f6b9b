//! A device with a browser: signs in at the node with its secret and listens by SSE.

use aisle_schemas::http::node::DeviceSignIn;
use aisle_schemas::ids::DeviceId;
use aisle_schemas::screen::{PlayAck, PlayReport};
use aisle_schemas::topic::DeviceKind;
use anyhow::{Context, Result};
use reqwest::Method;

use super::api::{Api, CallError};
use super::inbox::Listener;

/// A signed-in browser device.
pub struct BrowserDevice {
    kind: DeviceKind,
    id: String,
    api: Api,
}

impl BrowserDevice {
    /// Opens a device session at the node.
    ///
    /// # Errors
    /// When the secret is refused.
    pub async fn sign_in(node: &str, kind: DeviceKind, id: &str, secret: &str) -> Result<Self> {
        let api = Api::new(node)?;
        let device = DeviceId::parse(id).context("failed to read the device id")?;
        let body = DeviceSignIn { kind, device, secret: secret.to_owned() };
        api.tell(Method::POST, "/v1/device-sessions", Some(&body)).await.with_context(|| format!("failed to sign in {id}"))?;
        Ok(Self { kind, id: id.to_owned(), api })
    }

    pub fn api(&self) -> &Api {
        &self.api
    }

    /// What the device shall show.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn listen(&self) -> Result<Listener, CallError> {
        let noun = match self.kind {
            DeviceKind::Screen => "screens",
            DeviceKind::Nfc => "nfc",
            DeviceKind::Door => "doors",
            DeviceKind::Sensor => "sensors",
            DeviceKind::Tablet => "tablets",
        };
        Listener::open(&self.api, &format!("/v1/{noun}/{}/events", self.id)).await
    }

    /// Reports plays of a screen.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn report_plays(&self, report: &PlayReport) -> Result<PlayAck, CallError> {
        self.api.post(&format!("/v1/screens/{}/plays", self.id), report).await
    }
}
