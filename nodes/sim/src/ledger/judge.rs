//! The comparison of one store's book with the facts. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use aisle_schemas::ids::{EventId, NodeId, VisitId};
use aisle_schemas::sync::{Class, Stream};
use serde::Serialize;

use super::Book;
use super::facts::{Effect, Facts};

/// Findings written out; a broken system has thousands that say the same.
const FINDINGS_MAX: usize = 20;

/// The comparison: the last three must be 0, or no figure of the run counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Records that stores accepted.
    pub accepted: u64,
    /// Those whose effects stand in the database.
    pub applied: u64,
    /// Those that stand in quarantine.
    pub quarantined: u64,
    pub lost: u64,
    pub doubled: u64,
    pub disorder: u64,
    /// The first differences, for people.
    pub findings: Vec<String>,
}

impl Verdict {
    /// Whether the run counts.
    pub fn holds(&self) -> bool {
        (self.lost, self.doubled, self.disorder) == (0, 0, 0)
    }

    pub(super) fn add(&mut self, other: &Self) {
        let Self { accepted, applied, quarantined, lost, doubled, disorder, findings } = other;
        self.accepted += accepted;
        self.applied += applied;
        self.quarantined += quarantined;
        self.lost += lost;
        self.doubled += doubled;
        self.disorder += disorder;
        let room = FINDINGS_MAX.saturating_sub(self.findings.len());
        self.findings.extend(findings.iter().take(room).cloned());
    }

    fn lost(&mut self, count: u64, what: impl FnOnce() -> String) {
        self.lost += count;
        self.find(count, what);
    }

    fn doubled(&mut self, count: u64, what: impl FnOnce() -> String) {
        self.doubled += count;
        self.find(count, what);
    }

    fn find(&mut self, count: u64, what: impl FnOnce() -> String) {
        if count > 0 && self.findings.len() < FINDINGS_MAX {
            self.findings.push(what());
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, applied, quarantined, lost, doubled, disorder, findings } = self;
        write!(f, "accepted {accepted} applied {applied} quarantined {quarantined} lost {lost} doubled {doubled} disorder {disorder}")?;
        findings.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

/// Compares one store.
pub fn judge(node: &NodeId, book: &Book, facts: &Facts) -> Verdict {
    let mut verdict = Verdict::default();
    visits(node, book, facts, &mut verdict);
    if book.whole {
        for &stream in Stream::ALL.iter().filter(|stream| stream.class() == Class::A) {
            log_of_facts(node, stream, book, facts, &mut verdict);
        }
        telemetry(node, book, facts, &mut verdict);
        let (promised, shown) = (book.refusals, facts.refusals);
        verdict.lost(promised.saturating_sub(shown), || format!("{node}: {promised} refusals, {shown} counted"));
        verdict.doubled(shown.saturating_sub(promised), || format!("{node}: {promised} refusals, {shown} counted"));
    }
    verdict
}

/// Compares the telemetry of one store.
pub fn telemetry_alone(node: &NodeId, book: &Book, facts: &Facts) -> Verdict {
    let mut verdict = Verdict::default();
    telemetry(node, book, facts, &mut verdict);
    verdict
}

/// I1, I2 and I3 of one class-A stream.
fn log_of_facts(node: &NodeId, stream: Stream, book: &Book, facts: &Facts, verdict: &mut Verdict) {
    let accepted = book.records.get(stream).map_or(&[][..], Vec::as_slice);
    let place: HashMap<EventId, usize> = accepted.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let effects: Vec<&Effect> = facts.effects.iter().filter(|effect| effect.stream == stream).collect();
    let applied: HashSet<EventId> = effects.iter().map(|effect| effect.id).collect();
    let aside: HashSet<EventId> = facts.quarantined.iter().filter(|(of, _)| *of == stream).map(|(_, id)| *id).collect();
    verdict.accepted += count(accepted.len());
    verdict.applied += count(accepted.iter().filter(|id| applied.contains(id)).count());
    verdict.quarantined += count(accepted.iter().filter(|id| aside.contains(id)).count());
    let missing: Vec<&EventId> = accepted.iter().filter(|id| !applied.contains(id) && !aside.contains(id)).collect();
    verdict
        .lost(count(missing.len()), || format!("{node} {stream}: {} records without effect, first {:?}", missing.len(), missing.first()));
    let both = applied.intersection(&aside).count();
    let foreign = effects.iter().filter(|effect| !place.contains_key(&effect.id)).count();
    verdict.doubled(count(both + foreign), || format!("{node} {stream}: {both} applied and quarantined, {foreign} never accepted"));
    if let Some(told) = facts.told.iter().find(|told| told.stream == stream) {
        let excess = told.applied.saturating_sub(count(applied.len()));
        verdict.doubled(excess, || format!("{node} {stream}: {} effects of {} records", told.applied, applied.len()));
    }
    let backward = effects.windows(2).filter(|pair| matches!(pair, [first, second] if !in_order(&place, first, second))).count();
    verdict.disorder += count(backward);
    verdict.find(count(backward), || format!("{node} {stream}: {backward} records applied out of order"));
}

/// Accepted in this order, and the second not committed before the first.
fn in_order(place: &HashMap<EventId, usize>, first: &Effect, second: &Effect) -> bool {
    place.get(&first.id) < place.get(&second.id) && first.at <= second.at
}

fn telemetry(node: &NodeId, book: &Book, facts: &Facts, verdict: &mut Verdict) {
    let aside = count(facts.quarantined.iter().filter(|(stream, _)| *stream == Stream::Tele).count());
    let (promised, shown) = (book.plays, facts.plays + aside);
    verdict.accepted += promised;
    verdict.applied += facts.plays.min(promised);
    verdict.quarantined += aside;
    verdict.lost(promised.saturating_sub(shown), || format!("{node}: {promised} plays accepted, {shown} in the database"));
    verdict.doubled(shown.saturating_sub(promised), || format!("{node}: {promised} plays accepted, {shown} in the database"));
    if let Some(told) = facts.told.iter().find(|told| told.stream == Stream::Tele) {
        verdict.doubled(told.applied.saturating_sub(promised), || format!("{node}: {promised} plays, {} effects of them", told.applied));
    }
}

/// Effects of what people were told. Those of a whole book are records too, which are counted there.
fn visits(node: &NodeId, book: &Book, facts: &Facts, verdict: &mut Verdict) {
    let shown: BTreeMap<VisitId, bool> = facts.visits.iter().copied().collect();
    for (visit, closed) in &book.visits {
        let promises = 1 + u64::from(*closed);
        let kept = match shown.get(visit) {
            None => 0,
            Some(shows_close) => 1 + u64::from(*closed && *shows_close),
        };
        if !book.whole {
            verdict.accepted += promises;
            verdict.applied += kept;
        }
        verdict.lost(promises - kept, || format!("{node}: visit {visit} shows {kept} of {promises} promises"));
    }
    verdict.doubled(count(facts.visits.len() - shown.len()), || format!("{node}: a visit is listed twice"));
}

/// Counts of things in memory fit.
fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use aisle_schemas::sync::Epoch;
    use chrono::DateTime;

    use super::super::facts::Told;
    use super::*;
    use crate::hollow::Fact;

    fn id(n: u64) -> EventId {
        EventId::new(n, [0; 10])
    }

    fn node() -> NodeId {
        NodeId::parse("acme.s1.n1").unwrap()
    }

    fn book(records: u64) -> Book {
        let mut book = Book { whole: true, ..Book::default() };
        (1..=records).for_each(|n| book.accept(Stream::Sess, id(n), Fact::Seen));
        book
    }

    fn effect(n: u64, seq: u64, at_s: i64) -> Effect {
        let at = DateTime::from_timestamp(at_s, 0).unwrap();
        Effect { id: id(n), stream: Stream::Sess, epoch: Epoch { counter: 1, random: 1 }, seq, at }
    }

    fn facts(effects: Vec<Effect>) -> Facts {
        Facts { effects, ..Facts::default() }
    }

    #[test]
    fn a_whole_run_holds() {
        let verdict = judge(&node(), &book(3), &facts(vec![effect(1, 1, 5), effect(2, 2, 5), effect(3, 3, 6)]));
        assert_eq!((verdict.accepted, verdict.applied, verdict.holds()), (3, 3, true), "{verdict}");
    }

    #[test]
    fn a_record_without_effect_is_lost_unless_it_stands_in_quarantine() {
        let mut facts = facts(vec![effect(1, 1, 5)]);
        facts.quarantined.push((Stream::Sess, id(3)));
        let verdict = judge(&node(), &book(3), &facts);
        assert_eq!((verdict.lost, verdict.quarantined, verdict.doubled), (1, 1, 0), "{verdict}");
    }

    #[test]
    fn an_effect_that_came_twice_or_from_nowhere_is_doubled() {
        let mut facts = facts(vec![effect(1, 1, 5), effect(2, 2, 5), effect(9, 3, 5)]);
        facts.told.push(Told { stream: Stream::Sess, applied: 4, quarantined: 0 });
        assert_eq!(judge(&node(), &book(2), &facts).doubled, 2);
    }

    #[test]
    fn order_of_acceptance_and_of_commit_must_be_that_of_the_log() {
        let swapped = facts(vec![effect(2, 1, 5), effect(1, 2, 5), effect(3, 3, 5)]);
        assert_eq!(judge(&node(), &book(3), &swapped).disorder, 1);
        let earlier = facts(vec![effect(1, 1, 6), effect(2, 2, 5), effect(3, 3, 7)]);
        assert_eq!(judge(&node(), &book(3), &earlier).disorder, 1);
    }

    #[test]
    fn telemetry_and_counters_are_compared_both_ways() {
        let mut book = Book { whole: true, ..Book::default() };
        (1..=5).for_each(|n| book.accept(Stream::Tele, id(n), Fact::Played));
        book.accept(Stream::Audit, id(6), Fact::Refused);
        let mut effect = effect(6, 1, 5);
        effect.stream = Stream::Audit;
        let facts = Facts { plays: 3, refusals: 2, effects: vec![effect], ..Facts::default() };
        let verdict = judge(&node(), &book, &facts);
        assert_eq!((verdict.lost, verdict.doubled), (2, 1), "{verdict}");
    }

    #[test]
    fn telemetry_is_counted_and_its_ids_are_not_kept() {
        let mut book = Book { whole: true, ..Book::default() };
        (1..=5).for_each(|n| book.accept(Stream::Tele, id(n), Fact::Played));
        assert_eq!((book.records.iter().count(), book.plays), (0, 5));
        let short = telemetry_alone(&node(), &book, &Facts { plays: 4, ..Facts::default() });
        assert_eq!((short.accepted, short.applied, short.lost, short.holds()), (5, 4, 1, false), "{short}");
    }

    #[test]
    fn of_a_node_of_its_own_only_promises_count() {
        let mut book = Book::default();
        book.visits.insert(VisitId::new(1, [0; 10]), true);
        book.visits.insert(VisitId::new(2, [0; 10]), false);
        let facts = Facts { visits: vec![(VisitId::new(1, [0; 10]), false), (VisitId::new(7, [0; 10]), false)], ..Facts::default() };
        let verdict = judge(&node(), &book, &facts);
        assert_eq!((verdict.accepted, verdict.applied, verdict.lost, verdict.doubled), (3, 1, 2, 0), "{verdict}");
    }
}
