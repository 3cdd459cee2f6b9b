//! A member of staff at the console.
//!
//! Owns a session. A method per thing they do. On failure: the [`CallError`] of the route.

use aisle_schemas::http::cloud::{
    Campaign, CampaignDraft, ConsentProof, Consents, DecisionView, Decisions, Fleet, LegalText, OfferDraft, OfferPreview, OfferView,
    Offers, ScreenCommandRequest, StoreLive,
};
use aisle_schemas::ids::{ConsentId, CustomerId, OfferId, StoreId};
use aisle_schemas::screen::{ScreenCommand, ScreenCommandKind};
use aisle_schemas::text::Language;
use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::Method;

use super::api::{Api, CallError};
use super::customer::sign_in;
use super::inbox::Listener;
use super::mail::Mail;

/// Decisions asked for at a time.
const DECISIONS_PAGE: usize = 200;
/// Pages read before a question counts as too wide.
const PAGES_MAX: usize = 500;

/// Life of a command, seconds.
const COMMAND_TTL_S: u32 = 120;

/// A person at the console.
pub struct Staff {
    api: Api,
}

impl Staff {
    /// Signs in with the code from the mail.
    ///
    /// # Errors
    /// When a step is refused or no mail arrives.
    pub async fn sign_in(cloud: &str, mailbox: &dyn Mail, email: &str) -> Result<Self> {
        let api = Api::new(cloud)?;
        sign_in(&api, mailbox, email, Language::De).await?;
        Ok(Self { api })
    }

    /// The caller with this person's session.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// What happens, as the console hears it.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn listen(&self, store: Option<&StoreId>) -> Result<Listener, CallError> {
        match store {
            Some(store) => Listener::open(&self.api, &format!("/v1/console/events?store={store}")).await,
            None => Listener::open(&self.api, "/v1/console/events").await,
        }
    }

    /// Makes a campaign.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn make_campaign(&self, draft: &CampaignDraft) -> Result<Campaign, CallError> {
        self.api.post("/v1/campaigns", draft).await
    }

    /// Makes a draft of an offer.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn draft_offer(&self, draft: &OfferDraft) -> Result<OfferView, CallError> {
        self.api.post("/v1/offers", draft).await
    }

    /// Publishes a draft, or the next revision of an offer.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn publish(&self, offer: OfferId) -> Result<OfferView, CallError> {
        self.api.post(&format!("/v1/offers/{offer}/publish"), &()).await
    }

    /// Makes and publishes an offer.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn publish_offer(&self, draft: &OfferDraft) -> Result<OfferView, CallError> {
        let made = self.draft_offer(draft).await?;
        self.publish(made.offer).await
    }

    /// Withdraws an offer at once.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn withdraw(&self, offer: OfferId) -> Result<OfferView, CallError> {
        self.api.post(&format!("/v1/offers/{offer}/withdraw"), &()).await
    }

    /// What would happen.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn preview(&self, draft: &OfferDraft) -> Result<OfferPreview, CallError> {
        self.api.post("/v1/offers/preview", draft).await
    }

    /// Offers, newest first.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn offers(&self) -> Result<Vec<OfferView>, CallError> {
        let Offers { offers } = self.api.get("/v1/offers").await?;
        Ok(offers)
    }

    /// One offer with its counts.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn offer(&self, offer: OfferId) -> Result<OfferView, CallError> {
        self.api.get(&format!("/v1/offers/{offer}")).await
    }

    /// All decisions that fit a query like `customer=…&visit=…`, newest first, page by page.
    ///
    /// # Errors
    /// When a page is refused, or there are more than [`PAGES_MAX`].
    pub async fn decisions(&self, query: &str) -> Result<Vec<DecisionView>> {
        let mut all = Vec::new();
        let mut before = String::new();
        for _ in 0..PAGES_MAX {
            let path = format!("/v1/decisions?limit={DECISIONS_PAGE}&{query}{before}");
            let Decisions { decisions, next } = self.api.get(&path).await?;
            all.extend(decisions);
            match next {
                Some(next) => before = format!("&before={next}"),
                None => return Ok(all),
            }
        }
        anyhow::bail!("more than {PAGES_MAX} pages of decisions fit {query:?}")
    }

    /// A store now.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn live(&self, store: &StoreId) -> Result<StoreLive, CallError> {
        self.api.get(&format!("/v1/stores/{store}/live")).await
    }

    /// Sends a command to one screen, good for two minutes.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn command_screen(&self, store: &StoreId, screen: &str, command: ScreenCommandKind) -> Result<ScreenCommand, CallError> {
        let path = format!("/v1/stores/{store}/screens/{screen}/commands");
        self.api.post(&path, &ScreenCommandRequest { ttl_s: COMMAND_TTL_S, command }).await
    }

    /// Nodes and quarantine.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn fleet(&self) -> Result<Fleet, CallError> {
        self.api.get("/v1/fleet").await
    }

    /// Publishes a version of a legal text.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn publish_legal_text(&self, text: &LegalText) -> Result<LegalText, CallError> {
        self.api.post("/v1/legal-texts", text).await
    }

    /// Tries to change a published legal text.
    ///
    /// # Errors
    /// Always, once it is published.
    pub async fn edit_legal_text(&self, text: &LegalText) -> Result<LegalText, CallError> {
        let path = format!("/v1/legal-texts/{}/{}/{}", text.id, text.version, text.language.as_str());
        self.api.put(&path, text).await
    }

    /// Consents of a customer at an instant.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn consents_as_of(&self, customer: CustomerId, as_of: DateTime<Utc>) -> Result<Consents, CallError> {
        let as_of = as_of.to_rfc3339_opts(SecondsFormat::Micros, true);
        self.api.get(&format!("/v1/customers/{customer}/consents?as_of={as_of}")).await
    }

    /// Proof of one consent.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn consent_proof(&self, customer: CustomerId, consent: ConsentId) -> Result<ConsentProof, CallError> {
        self.api.get(&format!("/v1/customers/{customer}/consents/{consent}/proof")).await
    }

    /// Ends the session.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn sign_out(&self) -> Result<()> {
        self.api.tell(Method::POST, "/v1/sign-out", None::<&()>).await.context("failed to sign out")
    }
}
