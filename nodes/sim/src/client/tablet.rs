//! A staff tablet: shift, offer of advice, what it shows, and the fields that a customer shared, opened with a key of its own.
//!
//! Owns a device session and its stream. A method per thing that a member of staff does. On failure: the [`CallError`] of the route.

use aisle_schemas::handshake::{HandshakeId, Scope};
use aisle_schemas::http::cloud::{SealedFields, SharedFields, StaffCard};
use aisle_schemas::http::tablet::{AdviceOffered, OfferAdvice, ReadShared, StaffOnShift, StaffSignIn, TabletSign, TabletView};
use aisle_schemas::topic::DeviceKind;
use anyhow::{Context, Result, anyhow};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::SystemRandom;

use super::api::CallError;
use super::browser_device::BrowserDevice;
use super::inbox::{Inbox, Listener};

/// Binds a key to its use, as the cloud does.
const INFO: &[u8] = b"aisle-handshake-seal-v1";

/// See the module.
pub struct Tablet {
    device: BrowserDevice,
    id: String,
    stream: Listener,
}

impl Tablet {
    /// Opens the device's session and its stream.
    ///
    /// # Errors
    /// When the secret is refused.
    pub async fn join(node: &str, id: &str, secret: &str) -> Result<Self> {
        let device = BrowserDevice::sign_in(node, DeviceKind::Tablet, id, secret).await?;
        let stream = device.listen().await.context("failed to open the tablet's stream")?;
        Ok(Self { device, id: id.to_owned(), stream })
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/tablets/{}/{rest}", self.id)
    }

    /// Everything that came on the stream.
    pub fn inbox(&self) -> &Inbox {
        self.stream.inbox()
    }

    /// What it shows now; `None` before the first event.
    pub fn view(&self) -> Option<TabletView> {
        self.inbox().of::<TabletView>("view").pop()
    }

    /// Waits until it shows what is wanted, past views aside. Never ends if it does not: callers set a deadline.
    pub async fn shows<T>(&self, mut wanted: impl FnMut(&TabletView) -> Option<T>) -> T {
        let newest = |kept: &std::collections::VecDeque<super::inbox::Seen>| {
            let view = kept.iter().rev().find(|seen| seen.kind == "view")?.read::<TabletView>()?;
            wanted(&view)
        };
        self.inbox().look(newest).await
    }

    /// Begins a shift.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn sign_in(&self, badge: &str, pin: &str) -> Result<StaffCard, CallError> {
        let body = StaffSignIn { badge: badge.to_owned(), pin: pin.to_owned() };
        let StaffOnShift { staff } = self.device.api().post(&self.path("shift"), &body).await?;
        Ok(staff)
    }

    /// Ends the shift.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn sign_out(&self) -> Result<(), CallError> {
        self.device.api().tell(Method::DELETE, &self.path("shift"), None::<&()>).await
    }

    /// Says that it is there.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn sign(&self, touched: bool) -> Result<(), CallError> {
        self.device.api().tell(Method::POST, &self.path("signs"), Some(&TabletSign { touched })).await
    }

    /// Offers advice.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn offer(&self, wanted: &[Scope]) -> Result<HandshakeId, CallError> {
        let body = OfferAdvice { wanted: wanted.to_vec(), reason: "Beratung".to_owned() };
        let AdviceOffered { handshake } = self.device.api().post(&self.path("offers"), &body).await?;
        Ok(handshake)
    }

    /// What the customer shared, opened.
    ///
    /// # Errors
    /// When the node or the cloud refuses, or what came does not open.
    pub async fn read(&self, handshake: HandshakeId, scope: Scope) -> Result<SharedFields> {
        let unusable = |_| anyhow!("failed to make a key");
        let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).map_err(unusable)?;
        let key = URL_SAFE_NO_PAD.encode(own.compute_public_key().map_err(unusable)?);
        let body = ReadShared { scope, key };
        let sealed: SealedFields = self.device.api().post(&self.path(&format!("handshakes/{handshake}/reads")), &body).await?;
        open(own, handshake, &sealed)
    }

    /// Ends the consultation.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn end(&self, handshake: HandshakeId) -> Result<(), CallError> {
        self.device.api().tell(Method::POST, &self.path(&format!("handshakes/{handshake}/end")), None::<&()>).await
    }

    /// Confirms that nothing is left.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn purged(&self, handshake: HandshakeId) -> Result<(), CallError> {
        self.device.api().tell(Method::POST, &self.path(&format!("handshakes/{handshake}/purged")), None::<&()>).await
    }
}

fn open(own: EphemeralPrivateKey, handshake: HandshakeId, sealed: &SealedFields) -> Result<SharedFields> {
    let public = URL_SAFE_NO_PAD.decode(&sealed.key).context("failed to read the cloud's key")?;
    let key = agree_ephemeral(own, &UnparsedPublicKey::new(&ECDH_P256, &public), |shared| {
        Salt::new(HKDF_SHA256, &[]).extract(shared).expand(&[INFO], &AES_256_GCM).map(UnboundKey::from)
    });
    let key = key.ok().and_then(Result::ok).context("the cloud's key is none")?;
    let mut bytes = URL_SAFE_NO_PAD.decode(&sealed.sealed).context("failed to read the sealed fields")?;
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let plain = LessSafeKey::new(key).open_in_place(nonce, Aad::from(handshake.as_bytes()), &mut bytes);
    serde_json::from_slice(plain.map_err(|_| anyhow!("the sealed fields do not open"))?).context("the fields cannot be read")
}
