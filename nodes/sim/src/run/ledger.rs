//! What was promised to people and devices, and whether the cloud shows it: once, and nothing else.
//!
//! Owns the promises: visits that a door has opened (answer 201) and closed (204), plays that a node has acknowledged, cards that a phone has received.
//! Takes facts from public faces only: each customer's own visits, the offers' play counts, the decision log. Emits an [`Account`]. It shares no code and
//! no storage with node or cloud, so that a fault of theirs cannot hide here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use aisle_schemas::http::cloud::{Card, DecisionView, VisitView, Visits};
use aisle_schemas::ids::{CandidateId, CardId, OfferId, VisitId};
use anyhow::{Context, Result};

use crate::client::{Api, Staff};

/// Findings written out; a broken system has thousands that say the same.
const FINDINGS_MAX: usize = 20;

/// What became of one visit, as its customer was told.
#[derive(Debug, Clone, Default)]
struct VisitPromise {
    closed: bool,
    /// Cards received, per offer.
    cards: BTreeMap<OfferId, BTreeSet<CardId>>,
}

#[derive(Default)]
struct Promises {
    visits: BTreeMap<VisitId, VisitPromise>,
    /// Acknowledged plays per offer; `None` for what is no offer.
    plays: BTreeMap<Option<OfferId>, u64>,
}

/// What the cloud shows.
#[derive(Debug, Default)]
struct Facts {
    visits: Vec<VisitView>,
    /// Plays per offer since the run began.
    plays: BTreeMap<OfferId, u64>,
    decisions: Vec<DecisionView>,
}

/// The comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    pub check_ins: u64,
    /// Plays acknowledged, of offers or not.
    pub plays: u64,
    /// Promises that the cloud can show: openings, closings, plays of offers.
    pub accepted: u64,
    /// Those that it shows.
    pub applied: u64,
    pub lost: u64,
    pub doubled: u64,
    /// The first differences, for people.
    pub findings: Vec<String>,
}

impl Account {
    pub fn agrees(&self) -> bool {
        self.lost == 0 && self.doubled == 0
    }

    fn missing(&mut self, count: u64, what: impl FnOnce() -> String) {
        self.lost += count;
        self.find(count, what);
    }

    fn excess(&mut self, count: u64, what: impl FnOnce() -> String) {
        self.doubled += count;
        self.find(count, what);
    }

    fn find(&mut self, count: u64, what: impl FnOnce() -> String) {
        if count > 0 && self.findings.len() < FINDINGS_MAX {
            self.findings.push(what());
        }
    }
}

/// The promises of one run.
#[derive(Default)]
pub struct Ledger {
    promises: Mutex<Promises>,
    /// Sessions of the people, to ask for their own visits.
    people: Mutex<Vec<Api>>,
    /// Plays per offer before the run.
    plays_before: Mutex<BTreeMap<OfferId, u64>>,
}

impl Ledger {
    /// Notes what was there before.
    ///
    /// # Errors
    /// When the cloud cannot be asked.
    pub async fn begin(&self, operator: &Staff) -> Result<()> {
        let before = plays(operator).await?;
        *lock(&self.plays_before) = before;
        Ok(())
    }

    /// Whose visits are to be asked for.
    pub fn knows(&self, person: &Api) {
        lock(&self.people).push(person.clone());
    }

    /// Visits that a door has opened.
    pub fn check_ins(&self) -> u64 {
        count(lock(&self.promises).visits.len())
    }

    /// A door has opened a visit.
    pub fn opened(&self, visit: VisitId) {
        lock(&self.promises).visits.entry(visit).or_default();
    }

    /// A door has closed it.
    pub fn closed(&self, visit: VisitId) {
        lock(&self.promises).visits.entry(visit).or_default().closed = true;
    }

    /// A phone has received a card of it.
    pub fn received(&self, visit: VisitId, card: &Card) {
        lock(&self.promises).visits.entry(visit).or_default().cards.entry(card.offer).or_default().insert(card.card);
    }

    /// A node has acknowledged a play.
    pub fn played(&self, offer: Option<OfferId>) {
        *lock(&self.promises).plays.entry(offer).or_default() += 1;
    }

    /// Asks the cloud and compares.
    ///
    /// # Errors
    /// When the cloud cannot be asked.
    pub async fn compare(&self, operator: &Staff) -> Result<Account> {
        let people = lock(&self.people).clone();
        let mut facts = Facts { plays: plays(operator).await?, ..Facts::default() };
        for person in people {
            let Visits { visits } = person.get("/v1/me/visits").await.context("failed to read a customer's visits")?;
            facts.visits.extend(visits);
        }
        facts.decisions = operator.decisions("").await.context("failed to read the decision log")?;
        for (offer, before) in lock(&self.plays_before).iter() {
            if let Some(now) = facts.plays.get_mut(offer) {
                *now = now.saturating_sub(*before);
            }
        }
        Ok(account(&lock(&self.promises), &facts))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn plays(operator: &Staff) -> Result<BTreeMap<OfferId, u64>> {
    let offers = operator.offers().await.context("failed to read the offers")?;
    Ok(offers.into_iter().map(|offer| (offer.offer, u64::from(offer.plays_today))).collect())
}

/// Compares promises with facts.
fn account(promises: &Promises, facts: &Facts) -> Account {
    let mut account = Account { check_ins: count(promises.visits.len()), plays: promises.plays.values().sum(), ..Account::default() };
    visits(promises, facts, &mut account);
    plays_of_offers(promises, facts, &mut account);
    decisions(facts, &mut account);
    account
}

fn visits(promises: &Promises, facts: &Facts, account: &mut Account) {
    let mut shown: BTreeMap<VisitId, Vec<&VisitView>> = BTreeMap::new();
    for view in &facts.visits {
        shown.entry(view.visit).or_default().push(view);
    }
    for (visit, promise) in &promises.visits {
        let views = shown.get(visit).map_or(&[][..], Vec::as_slice);
        account.accepted += 1 + u64::from(promise.closed);
        match views.first() {
            None => account.missing(1 + u64::from(promise.closed), || format!("visit {visit} is missing")),
            Some(view) => {
                let shows_close = view.closed_at.is_some();
                account.applied += 1 + u64::from(promise.closed && shows_close);
                account.missing(u64::from(promise.closed && !shows_close), || format!("visit {visit} is not closed"));
                account.excess(count(views.len()) - 1, || format!("visit {visit} is listed {} times", views.len()));
            }
        }
        for (offer, cards) in &promise.cards {
            account.excess(count(cards.len()) - 1, || format!("offer {offer} came {} times in visit {visit}", cards.len()));
        }
    }
}

fn plays_of_offers(promises: &Promises, facts: &Facts, account: &mut Account) {
    for (offer, promised) in &promises.plays {
        let Some(offer) = offer else { continue };
        let shown = facts.plays.get(offer).copied().unwrap_or(0);
        account.accepted += promised;
        account.applied += shown.min(*promised);
        account.missing(promised.saturating_sub(shown), || format!("{promised} plays of offer {offer}, {shown} shown"));
        account.excess(shown.saturating_sub(*promised), || format!("{promised} plays of offer {offer}, {shown} shown"));
    }
}

fn decisions(facts: &Facts, account: &mut Account) {
    let mut candidates: BTreeMap<CandidateId, u64> = BTreeMap::new();
    for decision in &facts.decisions {
        *candidates.entry(decision.candidate).or_default() += 1;
    }
    for (candidate, decided) in candidates {
        account.excess(decided - 1, || format!("candidate {candidate} was decided {decided} times"));
    }
}

/// Counts of things in memory fit.
fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use aisle_schemas::ids::StoreId;
    use chrono::DateTime;

    use super::*;

    fn view(visit: VisitId, closed: bool) -> VisitView {
        let at = DateTime::from_timestamp(1_795_511_520, 0).unwrap();
        VisitView {
            visit,
            store: StoreId::parse("s1").unwrap(),
            store_name: String::new(),
            opened_at: at,
            zone: None,
            closed_at: closed.then_some(at),
            closed_reason: None,
            traceparent: None,
        }
    }

    fn visit(n: u64) -> VisitId {
        VisitId::new(n, [0; 10])
    }

    #[test]
    fn a_visit_that_is_missing_open_or_twice_is_found() {
        let mut promises = Promises::default();
        for n in 1..=4 {
            promises.visits.insert(visit(n), VisitPromise { closed: n != 4, ..VisitPromise::default() });
        }
        let facts = Facts {
            visits: vec![view(visit(2), false), view(visit(3), true), view(visit(3), true), view(visit(4), true)],
            ..Facts::default()
        };
        let account = account(&promises, &facts);
        assert_eq!((account.check_ins, account.accepted, account.applied), (4, 7, 4));
        assert_eq!((account.lost, account.doubled), (3, 1), "{:?}", account.findings);
        assert!(!account.agrees());
    }

    #[test]
    fn plays_are_compared_per_offer_both_ways() {
        let (less, more, right) = (OfferId::new(1, [0; 10]), OfferId::new(2, [0; 10]), OfferId::new(3, [0; 10]));
        let promises = Promises { plays: [(Some(less), 5), (Some(more), 5), (Some(right), 5), (None, 9)].into(), ..Promises::default() };
        let facts = Facts { plays: [(less, 3), (more, 6), (right, 5)].into(), ..Facts::default() };
        let account = account(&promises, &facts);
        assert_eq!((account.plays, account.lost, account.doubled), (24, 2, 1));
    }

    #[test]
    fn the_same_offer_on_two_cards_of_one_visit_is_doubled() {
        let offer = OfferId::new(1, [0; 10]);
        let cards = [(offer, [CardId::new(1, [0; 10]), CardId::new(2, [0; 10])].into())].into();
        let promises = Promises { visits: [(visit(1), VisitPromise { closed: false, cards })].into(), ..Promises::default() };
        let facts = Facts { visits: vec![view(visit(1), false)], ..Facts::default() };
        assert_eq!(account(&promises, &facts).doubled, 1);
    }
}
