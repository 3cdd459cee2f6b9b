//! One person: comes, waits for their offer, walks, touches a display, leaves, comes again.
//!
//! Owns a signed-in phone and everything the person will decide, from a seed. Writes every promise it is given into the ledger.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aisle_mesh::clock::Clock;
use aisle_schemas::http::node::NodeCheckedIn;
use aisle_schemas::ids::{TapId, ZoneId};
use aisle_schemas::nfc::NfcShow;
use aisle_schemas::visit::CheckInMethod;
use anyhow::{Context, Result};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use tokio::sync::watch;

use super::ledger::Ledger;
use super::measure::Measures;
use super::store::{StoreDevices, unix_ms};
use super::target::Target;
use crate::client::{CallError, Customer, Integration, customer};
use crate::device::NfcDisplay;
use crate::world::people::Person;
use crate::world::products;
use crate::world::stores::zone;

/// Longest wait for the door's next code.
const CODE_WAIT: Duration = Duration::from_secs(10);
/// Longest wait for the first card of a visit.
const CARD_WAIT: Duration = Duration::from_secs(5);
/// Longest wait for a display's answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Time in a zone, milliseconds.
const DWELL_MS: std::ops::Range<u64> = 300..1_200;
/// Time between two visits, milliseconds.
const AWAY_MS: std::ops::Range<u64> = 800..2_500;
/// Zones walked through in one visit.
const ZONES_WALKED: std::ops::RangeInclusive<usize> = 1..=3;
/// Share of people beside a display who touch it.
const TOUCHES: f64 = 0.6;
/// Zones people walk to.
const ZONES: [&str; 5] = ["fresh", "pantry", "pets", "home", "checkout"];

/// A signed-in person.
pub struct Shopper {
    customer: Customer,
    clock: Arc<dyn Clock>,
    rng: SmallRng,
}

impl Shopper {
    /// Signs in, consents, and has a past: some purchases that a till reports.
    ///
    /// # Errors
    /// When a step is refused.
    pub async fn arrive(target: &Target, person: Person) -> Result<Self> {
        let Person { email, language, habit, purchases, seed } = person;
        let clock = Arc::clone(&target.clock);
        let customer = Customer::sign_in(&target.cloud, target.mail.as_ref(), &email, language).await?;
        for purpose in [customer::INSTORE_CONTEXT, customer::PROFILING] {
            customer.grant(purpose).await.with_context(|| format!("failed to consent to {purpose}"))?;
        }
        let till = Integration::new(&target.cloud, &target.integration_key)?;
        let lines: Vec<_> = habit.iter().filter_map(|sku| products::find(sku)).map(|row| (row, 1)).collect();
        for purchase in 0..purchases {
            let taken = if purchase % 2 == 0 { &lines[..] } else { &lines[..lines.len().min(1)] };
            till.report_sale(&format!("{seed:016x}-{purchase}"), &email, clock.now(), taken).await.context("failed to report a sale")?;
        }
        Ok(Self { customer, clock, rng: SmallRng::seed_from_u64(seed) })
    }

    /// Visits the stores in turn until told to stop, and finishes the visit in hand.
    ///
    /// # Errors
    /// When the phone cannot reach cloud or node at all.
    pub async fn shop(
        mut self,
        stores: Vec<Arc<StoreDevices>>,
        ledger: Arc<Ledger>,
        measures: Arc<Measures>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<()> {
        ledger.knows(self.customer.api());
        let mut turn = 0_usize;
        while !*stop.borrow() {
            let Some(store) = stores.get(turn % stores.len().max(1)) else { return Ok(()) };
            // Mostly the same store, as people do.
            turn += usize::from(self.rng.random_bool(0.2));
            self.visit(store, &ledger, &measures).await?;
            let away = Duration::from_millis(self.rng.random_range(AWAY_MS));
            tokio::select! {
                () = tokio::time::sleep(away) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
        Ok(())
    }

    async fn visit(&mut self, store: &StoreDevices, ledger: &Ledger, measures: &Measures) -> Result<()> {
        let Some((entered, sent)) = self.enter(store, measures).await? else { return Ok(()) };
        let NodeCheckedIn { visit, token, joined: _ } = entered;
        ledger.opened(visit);
        match self.customer.card_of(visit, CARD_WAIT).await {
            Some((_, seen)) => measures.offer.record(seen.arrived.saturating_duration_since(sent)),
            None => {
                measures.visits_without_card.fetch_add(1, Ordering::Relaxed);
            }
        }
        for _ in 0..self.rng.random_range(ZONES_WALKED) {
            let Some(name) = ZONES.choose(&mut self.rng) else { break };
            let here = zone(name);
            noted(measures, store.floor.enter_zone(token, here.clone()).await)?;
            tokio::time::sleep(Duration::from_millis(self.rng.random_range(DWELL_MS))).await;
            if self.rng.random_bool(TOUCHES) {
                self.touch(store, &here, measures).await?;
            }
        }
        if noted(measures, store.floor.check_out(token).await)?.is_some() {
            ledger.closed(visit);
        }
        for card in self.customer.cards().iter().filter(|card| card.visit == Some(visit)) {
            ledger.received(visit, card);
            measures.cards.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Reads the door's code and checks in; `None` when the door did not let this person in now.
    async fn enter(&mut self, store: &StoreDevices, measures: &Measures) -> Result<Option<(NodeCheckedIn, Instant)>> {
        let pass = self.customer.pass().await.context("failed to get a pass")?;
        let Some(code) = store.door.code(CODE_WAIT).await else { return Ok(None) };
        let method = if self.rng.random_bool(0.5) { CheckInMethod::AppQr } else { CheckInMethod::Nfc };
        let sent = Instant::now();
        let entered = noted(measures, store.floor.check_in(&code.code, &pass, method).await)?;
        Ok(entered.map(|entered| (entered, sent)))
    }

    /// Touches a display of the zone and takes its offer along on the phone.
    async fn touch(&mut self, store: &StoreDevices, here: &ZoneId, measures: &Measures) -> Result<()> {
        let Some((_, display)) = store.displays.iter().find(|(zone, _)| zone == here) else { return Ok(()) };
        let tap = TapId::new(unix_ms(self.clock.as_ref()), self.rng.random());
        let Some(code) = touched(display, tap, measures).await? else { return Ok(()) };
        let Some(dialogue) = noted(measures, self.customer.claim_tap(&code).await)? else { return Ok(()) };
        if let Some(choice) = dialogue.choices.choose(&mut self.rng).copied() {
            noted(measures, self.customer.reply(dialogue.dialogue, choice).await)?;
        }
        Ok(())
    }
}

/// Reports the touch; the code that the display then shows.
async fn touched(display: &NfcDisplay, tap: TapId, measures: &Measures) -> Result<Option<String>> {
    let answer = display.touch(tap, None, ANSWER_WAIT).await.context("the broker refused a touch")?;
    Ok(answer.and_then(|answer| {
        measures.tap.record(answer.took);
        match answer.show {
            NfcShow::Answering { code, .. } => Some(code),
            NfcShow::Inviting { .. } | NfcShow::Kept { .. } => None,
        }
    }))
}

/// A refusal is counted and the person goes on; anything else ends the run.
fn noted<T>(measures: &Measures, answer: Result<T, CallError>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.refusal().is_some() => {
            tracing::debug!(%error, "shopper was refused");
            measures.refused();
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
