//! People of a world: customers with consents, members of staff, and what they do in a store.

use std::ops::Deref;

use aisle_schemas::http::cloud::{CampaignDraft, CandidateRequest, DecisionView, MessageKind, OfferDraft, OfferView};
use aisle_schemas::http::node::NodeCheckedIn;
use aisle_schemas::ids::{CandidateId, OfferId, VisitToken};
use aisle_schemas::text::{Language, LocalText};
use aisle_schemas::visit::CheckInMethod;
use aisle_sim::client::{Customer, Mail, Staff};
use aisle_sim::world::{AGENT, MARKETER, OPERATOR, offers, products, stores::zone};
use anyhow::{Context, Result};
use chrono::TimeDelta;
use rand::Rng;

use super::World;
use crate::eventually::eventually;

/// A customer of a world; does what a [`Customer`] does.
pub struct Member {
    customer: Customer,
}

impl Deref for Member {
    type Target = Customer;
    fn deref(&self) -> &Customer {
        &self.customer
    }
}

impl World {
    /// Somebody who has just signed in and consented to nothing.
    ///
    /// # Errors
    /// When sign-in is refused.
    pub async fn stranger(&self, name: &str) -> Result<Member> {
        let email = format!("{name}@shopper.example");
        let customer = Customer::sign_in(&self.url(), self.mail(), &email, Language::De).await?;
        Ok(Member { customer })
    }

    /// Somebody who has consented to these purposes.
    ///
    /// # Errors
    /// When a step is refused.
    pub async fn member(&self, name: &str, purposes: &[&str]) -> Result<Member> {
        let member = self.stranger(name).await?;
        for purpose in purposes {
            member.grant(purpose).await?;
        }
        Ok(member)
    }

    pub(super) async fn sign_in_at(&self, url: &str, mail: &dyn Mail, name: &str, purposes: &[&str]) -> Result<Member> {
        let customer = Customer::sign_in(url, mail, &format!("{name}@shopper.example"), Language::De).await?;
        let member = Member { customer };
        for purpose in purposes {
            member.grant(purpose).await?;
        }
        Ok(member)
    }

    /// Somebody who bought a product `times` times.
    ///
    /// # Errors
    /// When the till is refused.
    pub async fn has_bought(&self, member: &Member, sku: &str, times: u32) -> Result<()> {
        let row = products::find(sku).with_context(|| format!("no product {sku}"))?;
        let till = self.integration()?;
        for purchase in 0..times {
            let at = self.now() - TimeDelta::days(i64::from(purchase) + 1);
            till.report_sale(&format!("{}-{sku}-{purchase}", member.email), &member.email, at, &[(row, 1)]).await?;
        }
        Ok(())
    }

    /// Checks in at a store's door with a fresh code and pass.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn enter(&self, member: &Member, store: usize) -> Result<NodeCheckedIn> {
        let pass = member.pass().await?;
        let code = self.door_code(store);
        Ok(self.stores[store].floor()?.check_in(&code, &pass, CheckInMethod::AppQr).await?)
    }

    /// Checks in and waits until the cloud knows the visit.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn enter_and_be_known(&self, member: &Member, store: usize) -> Result<NodeCheckedIn> {
        let entered = self.enter(member, store).await?;
        eventually("the cloud knows the visit", async || {
            let me = member.look_at_me().await.ok()?;
            me.visit.filter(|visit| visit.visit == entered.visit).map(drop)
        })
        .await;
        Ok(entered)
    }

    /// Walks into a zone.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn walk(&self, store: usize, token: VisitToken, to: &str) -> Result<()> {
        Ok(self.stores[store].floor()?.enter_zone(token, zone(to)).await?)
    }

    /// Checks out at the store.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn leave(&self, store: usize, token: VisitToken) -> Result<()> {
        Ok(self.stores[store].floor()?.check_out(token).await?)
    }

    /// Signs in a marketer.
    ///
    /// # Errors
    /// When sign-in is refused.
    pub async fn marketer(&self) -> Result<Staff> {
        Staff::sign_in(&self.url(), self.mail(), MARKETER).await
    }

    /// Signs in a contact-centre agent.
    ///
    /// # Errors
    /// When sign-in is refused.
    pub async fn agent(&self) -> Result<Staff> {
        Staff::sign_in(&self.url(), self.mail(), AGENT).await
    }

    /// Signs in an operator.
    ///
    /// # Errors
    /// When sign-in is refused.
    pub async fn operator(&self) -> Result<Staff> {
        Staff::sign_in(&self.url(), self.mail(), OPERATOR).await
    }

    /// The campaign of a test, without a cap of its own unless it sets one.
    pub fn campaign(&self) -> CampaignDraft {
        offers::campaign(self.now())
    }

    /// Publishes the demo's offer of a product.
    ///
    /// # Errors
    /// When a step is refused.
    pub async fn publish(&self, marketer: &Staff, sku: &str) -> Result<OfferView> {
        self.publish_with(marketer, sku, |_| {}).await
    }

    /// Publishes a changed offer of a product.
    ///
    /// # Errors
    /// When a step is refused.
    pub async fn publish_with(&self, marketer: &Staff, sku: &str, change: impl FnOnce(&mut OfferDraft)) -> Result<OfferView> {
        let draft = self.draft(marketer, sku, change).await?;
        Ok(marketer.publish_offer(&draft).await?)
    }

    /// A draft in a campaign of its own.
    ///
    /// # Errors
    /// When the campaign is refused.
    pub async fn draft(&self, marketer: &Staff, sku: &str, change: impl FnOnce(&mut OfferDraft)) -> Result<OfferDraft> {
        let row = products::find(sku).with_context(|| format!("no product {sku}"))?;
        let campaign = marketer.make_campaign(&self.campaign()).await?;
        let mut draft = offers::offer(row, campaign.campaign, self.now());
        change(&mut draft);
        Ok(draft)
    }

    /// A push that some system wants to send: relevance 0.9, value 1, about no product, valid for two hours.
    pub fn push(&self, member: &Member) -> CandidateRequest {
        CandidateRequest {
            candidate: CandidateId::new(u64::try_from(self.now().timestamp_millis()).unwrap_or(0), rand::rng().random()),
            email: member.email.clone(),
            kind: MessageKind::Marketing,
            channel: "push".to_owned(),
            offer: None,
            category: None,
            title: LocalText::new("Nur heute", "Only today"),
            body: LocalText::new("Ein Angebot für dich", "An offer for you"),
            relevance: Some(0.9),
            value: 1.0,
            valid_until: self.now() + TimeDelta::hours(2),
        }
    }

    /// The final decision on a candidate. Moves the clock over the arbitration window as long as there is none.
    pub async fn decided(&self, staff: &Staff, member: &Member, candidate: CandidateId) -> DecisionView {
        let query = format!("customer={}", member.me.customer);
        eventually("the candidate is decided", async || {
            let decisions = staff.decisions(&query).await.ok()?;
            let found = decisions.into_iter().find(|decision| decision.candidate == candidate);
            if found.is_none() {
                self.pass(TimeDelta::milliseconds(250));
            }
            found
        })
        .await
    }

    /// The decision on an offer for a customer, once there is one.
    pub async fn decided_offer(&self, staff: &Staff, member: &Member, offer: OfferId, channel: &str) -> DecisionView {
        let query = format!("customer={}&offer={offer}", member.me.customer);
        eventually("the offer is decided", async || {
            let decisions = staff.decisions(&query).await.ok()?;
            let found = decisions.into_iter().find(|decision| decision.channel == channel);
            if found.is_none() {
                self.pass(TimeDelta::milliseconds(250));
            }
            found
        })
        .await
    }
}
