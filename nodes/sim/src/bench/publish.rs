//! A marketer who publishes an offer again and again: how long until it is drawn on every screen of a whole store, and until every hollow store has it.
//!
//! Owns the offer and a screen without a browser for each screen of the first whole store. Takes fleets; emits times from the marketer's click. On
//! failure: an offer that does not arrive everywhere is an error, never a figure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aisle_schemas::ids::{BootId, OfferId};
use aisle_schemas::screen::ScreenPlan;
use aisle_schemas::topic::DeviceKind;
use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use rand::Rng;

use super::figures::{Figures, quantiles};
use super::world::World;
use crate::client::Staff;
use crate::device::Screen;
use crate::hollow::Fleet;
use crate::run::measure::Latency;
use crate::world::offers;
use crate::world::products::ASSORTMENT;

/// Publications in one round.
const TIMES: usize = 20;
/// Longest wait for one to be everywhere.
const ARRIVAL_WAIT: Duration = Duration::from_secs(60);
/// Time between looks at the hollow stores; each counts its own arrival exactly.
const LOOK: Duration = Duration::from_millis(1);

/// The marketer, their offer, and the screens it shall be on.
pub struct Marketer {
    staff: Staff,
    offer: OfferId,
    screens: Vec<Arc<Screen>>,
}

impl Marketer {
    /// Drafts an offer for every zone, and switches on the screens of the first whole store.
    ///
    /// # Errors
    /// When a step is refused.
    pub async fn arrive(staff: Staff, world: &World) -> Result<Self> {
        let now = world.clock.now();
        let campaign = staff.make_campaign(&offers::campaign(now)).await.context("failed to make a campaign")?;
        let mut draft = offers::offer(ASSORTMENT.first().context("the assortment has products")?, campaign.campaign, now);
        draft.target.zones.clear();
        let offer = staff.draft_offer(&draft).await.context("failed to draft an offer")?.offer;
        let mut screens = Vec::new();
        if let Some(store) = world.nodes.first().and_then(|node| world.deployment.stores.get(node.place)) {
            for programme in &store.screens {
                let bus = store.target().bus(DeviceKind::Screen, programme.screen.as_str())?;
                let boot = BootId::new(u64::try_from(now.timestamp_millis())?, rand::rng().random());
                screens.push(Screen::join(&bus, &store.store.id, &programme.screen, boot).await.context("failed to switch on a screen")?);
            }
        }
        Ok(Self { staff, offer, screens })
    }

    /// Publishes revision after revision, each once the one before is everywhere.
    ///
    /// # Errors
    /// When one does not arrive.
    pub async fn publish(&self, fleets: &[&Fleet]) -> Result<Figures> {
        let (on_all, every) = (Latency::default(), Latency::default());
        fleets.iter().for_each(|fleet| fleet.gauges().documents.reset());
        // The key of its document: a card or a lease may name the offer too.
        let needle = format!("offer/{}", self.offer);
        for _ in 0..TIMES {
            let began = Instant::now();
            fleets.iter().for_each(|fleet| fleet.gauges().await_document(&needle, began));
            let rev = self.staff.publish(self.offer).await.context("failed to publish")?.rev;
            if !self.screens.is_empty() {
                try_join_all(self.screens.iter().map(|screen| self.drawn(screen, rev))).await?;
                on_all.record(began.elapsed());
            }
            while fleets.iter().any(|fleet| fleet.gauges().documents_arrived() < fleet.len() as u64) {
                ensure!(began.elapsed() < ARRIVAL_WAIT, "an offer is not in every store after {ARRIVAL_WAIT:?}");
                tokio::time::sleep(LOOK).await;
            }
            every.record(began.elapsed());
        }
        fleets.iter().for_each(|fleet| fleet.gauges().await_nothing());
        let mut figures = Figures::new();
        quantiles(&mut figures, "s1.offer_on_every_screen", &on_all);
        quantiles(&mut figures, "s1.offer_in_every_store", &every);
        if let Some(fleet) = fleets.first() {
            quantiles(&mut figures, "s1.offer_in_a_store", &fleet.gauges().documents);
        }
        Ok(figures)
    }

    async fn drawn(&self, screen: &Screen, rev: u32) -> Result<()> {
        let shows = |plan: &ScreenPlan| {
            let mut items = plan.zones.iter().flat_map(|zone| &zone.items);
            items.any(|item| item.offer == Some(self.offer) && item.offer_rev.is_some_and(|shown| shown >= rev)).then_some(())
        };
        let drawn = screen.plan(ARRIVAL_WAIT, shows).await;
        drawn.with_context(|| format!("revision {rev} of an offer is not on screen {} after {ARRIVAL_WAIT:?}", screen.id()))
    }
}
