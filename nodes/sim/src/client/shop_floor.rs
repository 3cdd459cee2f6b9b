//! A phone on the store's network, talking to the node.
//!
//! Owns no session: codes, passes and visit tokens are all it needs.

use aisle_schemas::handshake::HandshakeId;
use aisle_schemas::http::node::{NodeCheckIn, NodeCheckedIn, NodeOverview, ZoneEntered};
use aisle_schemas::ids::{VisitToken, ZoneId};
use aisle_schemas::visit::CheckInMethod;
use reqwest::Method;

use super::api::{Api, CallError};

/// The node as a phone sees it.
#[derive(Clone)]
pub struct ShopFloor {
    api: Api,
}

impl ShopFloor {
    /// Takes the node's base URL.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(node: &str) -> Result<Self, CallError> {
        Ok(Self { api: Api::new(node)? })
    }

    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Checks in at the door.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn check_in(&self, code: &str, pass: &str, method: CheckInMethod) -> Result<NodeCheckedIn, CallError> {
        self.api.post("/v1/checkins", &NodeCheckIn { code: code.to_owned(), pass: pass.to_owned(), method }).await
    }

    /// Enters a zone.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn enter_zone(&self, token: VisitToken, zone: ZoneId) -> Result<(), CallError> {
        self.api.tell(Method::POST, &format!("/v1/visits/{token}/zones"), Some(&ZoneEntered { zone })).await
    }

    /// Checks out.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn check_out(&self, token: VisitToken) -> Result<(), CallError> {
        self.api.tell(Method::POST, &format!("/v1/visits/{token}/checkout"), None::<&()>).await
    }

    /// Stops sharing with an adviser at once, on the store's network.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn revoke_handshake(&self, token: VisitToken, handshake: HandshakeId) -> Result<(), CallError> {
        self.api.tell(Method::POST, &format!("/v1/visits/{token}/handshakes/{handshake}/revoke"), None::<&()>).await
    }

    /// The node at a glance.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn status(&self) -> Result<NodeOverview, CallError> {
        self.api.get("/v1/status").await
    }

    /// The node's metrics.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn metrics(&self) -> Result<String, CallError> {
        self.api.text("/metrics").await
    }
}
