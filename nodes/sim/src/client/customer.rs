//! A customer with their own phone, signed in at the shop.
//!
//! Owns a session and the stream of the own feed. A method per thing a person does. On failure: the [`CallError`] of the route.

use std::time::Duration;

use aisle_schemas::handshake::{HandshakeId, Scope};
use aisle_schemas::http::cloud::{
    AboutMe, BookmarkAdd, Bookmarks, Card, CheckInAccepted, CloudCheckIn, ConsentChange, ConsentView, Consents, Dialogue, DialogueChoice,
    DialogueReply, Feed, HandshakeClaim, HandshakeClaimed, HandshakeFacts, HandshakeGrant, HandshakeGranted, HandshakeReceipt, Home,
    LegalText, LegalTexts, Me, MeChange, Outcome, OutcomeReport, PassRequest, Passes, PushMessage, Restraint, SignInFinish, SignInStart,
    TapClaim, VisitView, Visits,
};
use aisle_schemas::ids::{CandidateId, CardId, DialogueId, EventId, OfferId, VisitId};
use aisle_schemas::text::Language;
use aisle_schemas::visit::CheckInMethod;
use anyhow::{Context, Result};
use reqwest::Method;

use super::api::{Api, CallError};
use super::inbox::{Inbox, Listener, Seen};
use super::mail::{self, Mail};

/// Purpose without which nothing is sent during a visit.
pub const INSTORE_CONTEXT: &str = "instore_context";
/// Purpose without which nothing interrupts.
pub const MARKETING: &str = "marketing";
/// Purpose without which ranking knows nothing of the person.
pub const PROFILING: &str = "profiling";

/// A person's phone.
pub struct Customer {
    pub email: String,
    pub me: Me,
    api: Api,
    stream: Listener,
}

impl Customer {
    /// Signs in with the code from the mail and opens the own stream.
    ///
    /// # Errors
    /// When a step is refused or no mail arrives.
    pub async fn sign_in(cloud: &str, mailbox: &dyn Mail, email: &str, language: Language) -> Result<Self> {
        let api = Api::new(cloud)?;
        let me = sign_in(&api, mailbox, email, language).await?;
        let stream = Listener::open(&api, "/v1/me/events").await.context("failed to open the own stream")?;
        Ok(Self { email: email.to_owned(), me, api, stream })
    }

    /// The caller with this person's session.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// What has arrived on the own stream.
    pub fn inbox(&self) -> &Inbox {
        self.stream.inbox()
    }

    /// Texts in force in a language.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn legal_texts(&self, language: Language) -> Result<Vec<LegalText>, CallError> {
        let LegalTexts { texts } = self.api.get(&format!("/v1/legal-texts?language={}", language.as_str())).await?;
        Ok(texts)
    }

    /// Tells something about oneself, to be shared with an adviser.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn tell_about_me(&self, about: &AboutMe) -> Result<AboutMe, CallError> {
        self.api.put("/v1/me/about", about).await
    }

    /// Who offers advice.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn handshake(&self, handshake: HandshakeId) -> Result<HandshakeFacts, CallError> {
        self.api.get(&format!("/v1/handshakes/{handshake}")).await
    }

    /// Claims an offer with the tablet's code and a nonce of one's own.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn claim_handshake(&self, handshake: HandshakeId, code: &str, nonce: [u8; 32]) -> Result<HandshakeClaimed, CallError> {
        let nonce = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
        self.api.post(&format!("/v1/handshakes/{handshake}/claim"), &HandshakeClaim { code: code.to_owned(), nonce }).await
    }

    /// Shares these scopes for some minutes, after reading the newest text.
    ///
    /// # Errors
    /// When there is no text, or the route refuses.
    pub async fn grant_handshake(&self, handshake: HandshakeId, jti: EventId, scopes: &[Scope], minutes: u8) -> Result<HandshakeGranted> {
        let texts = self.legal_texts(self.me.language).await?;
        let text = texts.into_iter().find(|text| text.purpose == INSTORE_CONTEXT).context("no text about advice in the store")?;
        let LegalText { id: legal_text, version, language, sha256: shown_sha256, .. } = text;
        let body = HandshakeGrant { jti, scopes: scopes.to_vec(), minutes, legal_text, version, language, shown_sha256 };
        Ok(self.api.post(&format!("/v1/handshakes/{handshake}/grant"), &body).await?)
    }

    /// Stops sharing.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn revoke_handshake(&self, handshake: HandshakeId) -> Result<HandshakeReceipt, CallError> {
        self.api.post(&format!("/v1/handshakes/{handshake}/revoke"), &serde_json::json!({})).await
    }

    /// Who saw what.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn receipt(&self, handshake: HandshakeId) -> Result<HandshakeReceipt, CallError> {
        self.api.get(&format!("/v1/handshakes/{handshake}/receipt")).await
    }

    /// Gives consent for a purpose on all its channels, after reading its newest text.
    ///
    /// # Errors
    /// When there is no text of that purpose, or the route refuses.
    pub async fn grant(&self, purpose: &str) -> Result<ConsentView> {
        self.consent(purpose, None, true).await
    }

    /// Takes consent back.
    ///
    /// # Errors
    /// As [`Customer::grant`].
    pub async fn withdraw(&self, purpose: &str) -> Result<ConsentView> {
        self.consent(purpose, None, false).await
    }

    /// Gives or takes back consent for a purpose and channel.
    ///
    /// # Errors
    /// As [`Customer::grant`].
    pub async fn consent(&self, purpose: &str, channel: Option<&str>, granted: bool) -> Result<ConsentView> {
        let texts = self.legal_texts(self.me.language).await?;
        let text = texts.into_iter().filter(|text| text.purpose == purpose).max_by_key(|text| text.version);
        let text = text.with_context(|| format!("no legal text for {purpose}"))?;
        let change = ConsentChange {
            purpose: purpose.to_owned(),
            channel: channel.map(ToOwned::to_owned),
            granted,
            legal_text: text.id,
            version: text.version,
            language: text.language,
            shown_sha256: text.sha256,
        };
        Ok(self.change_consent(&change).await?)
    }

    /// Sends a consent exactly as given.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn change_consent(&self, change: &ConsentChange) -> Result<ConsentView, CallError> {
        self.api.post("/v1/consents", change).await
    }

    /// Own consents.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn consents(&self) -> Result<Consents, CallError> {
        self.api.get("/v1/me/consents").await
    }

    /// One check-in pass.
    ///
    /// # Errors
    /// When the route refuses or gives none.
    pub async fn pass(&self) -> Result<String> {
        let Passes { passes } = self.api.post("/v1/passes", &PassRequest { count: 1 }).await?;
        Ok(passes.into_iter().next().context("no pass in the answer")?.pass)
    }

    /// Checks in through the cloud with the door's code.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn check_in_from_outside(&self, code: &str, method: CheckInMethod) -> Result<CheckInAccepted, CallError> {
        self.api.post("/v1/checkins", &CloudCheckIn { code: code.to_owned(), method }).await
    }

    /// Checks out through the cloud.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn check_out(&self, visit: VisitId) -> Result<(), CallError> {
        self.api.tell(Method::POST, &format!("/v1/visits/{visit}/checkout"), None::<&()>).await
    }

    /// The first card of a visit, once it has arrived on the stream.
    pub async fn card_of(&self, visit: VisitId, deadline: Duration) -> Option<(Card, Seen)> {
        self.inbox().find_within(deadline, |seen| card_of(seen, visit)).await
    }

    /// Cards that arrived on the stream.
    pub fn cards(&self) -> Vec<Card> {
        self.inbox().of("card")
    }

    /// Interrupting messages that arrived on the stream.
    pub fn pushes(&self) -> Vec<PushMessage> {
        self.inbox().of("push")
    }

    /// The own feed.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn feed(&self) -> Result<Feed, CallError> {
        self.api.get("/v1/me/feed").await
    }

    /// The home page's elements.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn home(&self) -> Result<Home, CallError> {
        self.api.get("/v1/me/home").await
    }

    /// Who is signed in, and where.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn look_at_me(&self) -> Result<Me, CallError> {
        self.api.get("/v1/me").await
    }

    /// Changes own settings.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn change(&self, change: &MeChange) -> Result<Me, CallError> {
        self.api.put("/v1/me", change).await
    }

    /// How much interruption is left.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn restraint(&self) -> Result<Restraint, CallError> {
        self.api.get("/v1/me/restraint").await
    }

    /// Own visits, newest first.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn visits(&self) -> Result<Vec<VisitView>, CallError> {
        let Visits { visits } = self.api.get("/v1/me/visits").await?;
        Ok(visits)
    }

    /// Opens the code of an NFC display.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn claim_tap(&self, code: &str) -> Result<Dialogue, CallError> {
        self.api.post("/v1/taps", &TapClaim { code: code.to_owned() }).await
    }

    /// Answers in a dialogue.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn reply(&self, dialogue: DialogueId, choice: DialogueChoice) -> Result<Dialogue, CallError> {
        self.api.post(&format!("/v1/dialogues/{dialogue}/replies"), &DialogueReply { choice }).await
    }

    /// Marks an offer.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn bookmark(&self, offer: OfferId) -> Result<Bookmarks, CallError> {
        self.api.post("/v1/me/bookmarks", &BookmarkAdd { offer }).await
    }

    /// Marked offers.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn bookmarks(&self) -> Result<Bookmarks, CallError> {
        self.api.get("/v1/me/bookmarks").await
    }

    /// Says what was done with a card.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn report_card(&self, card: CardId, outcome: Outcome) -> Result<(), CallError> {
        self.api.tell(Method::POST, &format!("/v1/me/cards/{card}/outcomes"), Some(&OutcomeReport { outcome })).await
    }

    /// Says what was done with a message.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn report_push(&self, candidate: CandidateId, outcome: Outcome) -> Result<(), CallError> {
        self.api.tell(Method::POST, &format!("/v1/me/pushes/{candidate}/outcomes"), Some(&OutcomeReport { outcome })).await
    }
}

/// The card in an event, where it is one of this visit.
pub fn card_of(seen: &Seen, visit: VisitId) -> Option<(Card, Seen)> {
    if seen.kind != "card" {
        return None;
    }
    seen.read::<Card>().filter(|card| card.visit == Some(visit)).map(|card| (card, seen.clone()))
}

/// Asks for a code, reads it from the mail and gives it; the session's cookie stays in `api`.
///
/// # Errors
/// When a step is refused or no mail arrives.
pub async fn sign_in(api: &Api, mailbox: &dyn Mail, email: &str, language: Language) -> Result<Me> {
    let stale = mailbox.code_for(email).await?;
    api.tell(Method::POST, "/v1/sign-in", Some(&SignInStart { email: email.to_owned(), language }))
        .await
        .context("failed to ask for a code")?;
    let code = mail::code(mailbox, email, stale.as_deref()).await?;
    api.post("/v1/sign-in/code", &SignInFinish { email: email.to_owned(), code }).await.context("failed to sign in")
}
