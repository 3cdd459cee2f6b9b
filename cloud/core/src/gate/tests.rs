//! Tests of the gate: each clause, their order, caps, budget, rounds. Owns the fixtures; takes no clock.

use std::collections::BTreeMap;

use chrono_tz::{Europe, Tz};
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    attention::{Reaction, ReactionKind},
    candidate::Unit,
    caps::Window,
    person::{Holdout, OpenVisit, Pause},
    *,
};
use crate::{
    consent::{ConsentKey, ConsentRecord, ConsentState, Epoch, LegalText, Method, Purpose, TextChange, TextVersion},
    ids::{CampaignId, CapId, CategoryId, ConsentId, CustomerId, HoldoutId, LegalTextId, StoreId},
};

fn at(minutes: i64) -> DateTime<Utc> {
    // A Tuesday noon in Berlin, so that no test meets quiet hours by accident.
    "2026-03-10T11:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes)
}

fn unit(value: f64) -> Unit {
    Unit::new(value).unwrap()
}

fn visit_id(n: u128) -> VisitId {
    VisitId(Uuid::from_u128(n))
}

fn category(name: &str) -> CategoryId {
    CategoryId::parse(name).unwrap()
}

fn tags(names: &[&str]) -> BTreeSet<Tag> {
    names.iter().map(|name| Tag::parse(name).unwrap()).collect()
}

fn candidate(id: u128, channel: MessageChannel) -> Candidate {
    Candidate {
        id: CandidateId(Uuid::from_u128(id)),
        customer: CustomerId(Uuid::from_u128(7)),
        campaign: CampaignId(Uuid::from_u128(70)),
        offer: None,
        channel,
        class: MessageClass::Marketing,
        purpose: Purpose::InstoreContext,
        partner: None,
        category: Some(category("pet-cat")),
        tags: tags(&["pet"]),
        p_relevant: unit(0.9),
        value: Unit::ONE,
        valid_until: at(100_000),
        deadline: None,
        propensity: Unit::ONE,
    }
}

fn text_version() -> TextVersion {
    TextVersion { id: LegalTextId::parse("instore").unwrap(), version: 1, locale: "de".into() }
}

fn texts() -> LegalTexts {
    let mut texts = LegalTexts::default();
    let text =
        LegalText { version: text_version(), sha256: [1; 32], valid_from: at(-1_000_000), valid_to: None, change: TextChange::Editorial };
    texts.publish(text).unwrap();
    texts
}

fn consent(key: ConsentKey, state: ConsentState, n: u64, minute: i64) -> ConsentRecord {
    ConsentRecord {
        id: ConsentId(Uuid::from_u128(u128::from(n))),
        customer: CustomerId(Uuid::from_u128(7)),
        key,
        state,
        text: text_version(),
        text_sha256: [1; 32],
        method: Method::App,
        rendered_sha256: None,
        evidence: None,
        occurred_at: at(minute),
        recorded_at: at(minute),
        expires_at: None,
        supersedes: None,
        epoch: Epoch(n),
    }
}

/// Someone in the store who allowed everything and is tired of nothing.
fn person() -> PersonState {
    let consents = MessageChannel::ALL
        .into_iter()
        .enumerate()
        .map(|(n, channel)| consent(candidate(0, channel).consent_key(), ConsentState::Granted, n as u64, -1_000))
        .collect();
    PersonState {
        customer: CustomerId(Uuid::from_u128(7)),
        version: 3,
        standing: Standing::Active,
        app: AppState::Installed,
        disabled: BTreeSet::new(),
        restricted: false,
        consents,
        consent_epoch: Epoch(8),
        lease_until: None,
        holdouts: Vec::new(),
        pause: None,
        hurried: false,
        open_service_case: false,
        last_one_star_at: None,
        context: ContextClass::InStore,
        open_visit: Some(OpenVisit { visit: visit_id(1), store: StoreId::parse("s1").unwrap(), store_zone: Europe::Berlin }),
        zone: Some(Europe::Berlin),
        home_store_zone: None,
        evidence: BTreeMap::from([(category("pet-cat"), at(-10_000))]),
        wishes: BTreeSet::new(),
        sends: Vec::new(),
        reactions: Vec::new(),
        leased_milli: 0,
    }
}

fn content() -> ContentTruth {
    ContentTruth {
        version: 4,
        stock: Some(StockFigure { on_hand: 5, as_of: at(0) }),
        price: Some(PriceClaim { told_minor: 199, current_minor: 199 }),
        offer_from: at(-1_000),
        offer_to: at(1_000_000),
        needs: ContextNeed::AnyVisit,
    }
}

/// One question to the gate; tests change what they are about.
#[derive(Clone)]
struct Question {
    now: DateTime<Utc>,
    candidate: Candidate,
    content: ContentTruth,
    person: PersonState,
    texts: LegalTexts,
    caps: Vec<Cap>,
    policy: GatePolicy,
}

impl Question {
    fn about(channel: MessageChannel) -> Self {
        Self {
            now: at(0),
            candidate: candidate(1, channel),
            content: content(),
            person: person(),
            texts: texts(),
            caps: Vec::new(),
            policy: GatePolicy::default(),
        }
    }

    fn input(&self) -> GateInput<'_> {
        GateInput {
            decision: DecisionId(Uuid::from_u128(99)),
            now: self.now,
            candidate: &self.candidate,
            content: &self.content,
            person: &self.person,
            texts: &self.texts,
            caps: &self.caps,
            policy: &self.policy,
        }
    }

    /// `sent`, or the reason.
    fn answer(&self) -> String {
        judge(&self.input()).reason().map_or_else(|| "sent".to_owned(), ToString::to_string)
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }
}

fn push() -> Question {
    Question::about(MessageChannel::PhonePush)
}

fn cap(limit: u32, window: Window) -> Cap {
    Cap { id: CapId::parse("daily").unwrap(), channels: BTreeSet::new(), tags: BTreeSet::new(), window, limit }
}

fn sent(channel: MessageChannel, minute: i64) -> SendRecord {
    SendRecord {
        candidate: CandidateId(Uuid::from_u128(500)),
        channel,
        tags: tags(&["pet"]),
        at: at(minute),
        context: ContextClass::InStore,
        visit: Some(visit_id(1)),
        state: SendState::Committed,
    }
}

fn reaction(kind: ReactionKind, minute: i64) -> Reaction {
    Reaction { kind, at: at(minute) }
}

type Change = fn(&mut Question);

/// Every reason of the table with the smallest change that gives it, in the order of the clauses.
const REASONS: [(&str, u8, Change); 24] = [
    ("erased", 1, |q| q.person.standing = Standing::Erased),
    ("blocked", 1, |q| q.person.standing = Standing::Blocked),
    ("channel_disabled", 1, |q| q.person.disabled = BTreeSet::from([MessageChannel::PhonePush])),
    ("uninstalled", 1, |q| q.person.app = AppState::Uninstalled),
    ("lease_expired", 2, |q| q.person.lease_until = Some(q.now)),
    ("no_consent", 2, |q| q.person.consents.clear()),
    ("consent_withdrawn@9", 2, |q| {
        let key = q.candidate.consent_key();
        q.person.consents.push(consent(key, ConsentState::Withdrawn, 9, -5));
    }),
    ("text_renewal_due", 2, |q| {
        let newer = LegalText {
            version: TextVersion { version: 2, ..text_version() },
            sha256: [2; 32],
            valid_from: at(-10),
            valid_to: None,
            change: TextChange::Material { requires_renewal_from: at(-10) },
        };
        q.texts.publish(newer).unwrap();
    }),
    ("holdout:control", 3, |q| {
        let id = HoldoutId::parse("control").unwrap();
        q.person.holdouts.push(Holdout { id, campaign: None, from: at(-1), to: at(1) });
    }),
    ("paused_by_user", 4, |q| q.person.pause = Some(Pause { until: None })),
    ("dnd", 4, |q| q.person.hurried = true),
    ("open_complaint", 4, |q| q.person.open_service_case = true),
    ("stock_stale", 5, |q| q.content.stock = Some(StockFigure { on_hand: 5, as_of: at(-16) })),
    ("out_of_stock", 5, |q| q.content.stock = Some(StockFigure { on_hand: 0, as_of: at(0) })),
    ("price_changed", 5, |q| q.content.price = Some(PriceClaim { told_minor: 199, current_minor: 219 })),
    ("offer_expired", 5, |q| q.content.offer_to = q.now),
    ("context_gone", 5, |q| q.person.open_visit = None),
    ("veto:irrelevant", 6, |q| q.candidate.category = Some(category("pet-dog"))),
    ("no_time_zone", 7, |q| {
        q.person.zone = None;
        q.person.open_visit = None;
        q.content.needs = ContextNeed::Anywhere;
    }),
    ("quiet_hours", 7, |q| q.policy.quiet_hours = all_day()),
    ("cap:daily", 8, |q| q.caps.push(cap(0, Window::CalendarDay))),
    ("attention:empty", 9, |q| q.person.leased_milli = 5_000),
    ("attention:gap", 9, |q| q.person.sends.push(sent(MessageChannel::PhonePush, -9))),
    ("attention:below_threshold", 9, |q| q.candidate.p_relevant = unit(0.39)),
];

fn all_day() -> QuietHours {
    let time = |hour, minute| chrono::NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
    QuietHours { from: time(0, 0), to: time(23, 59) }
}

mod promises;

#[test]
fn every_reason_has_its_exact_text_and_clause() {
    assert_eq!(push().answer(), "sent");
    for (text, clause, change) in REASONS {
        let question = push().with(change);
        assert_eq!(question.answer(), text);
        assert_eq!(judge(&question.input()).clause().map(Clause::number), Some(clause), "{text}");
    }
    let outbid = Reason::OutbidBy(CandidateId(Uuid::from_u128(5)));
    assert_eq!(outbid.to_string(), "outbid_by:00000000-0000-0000-0000-000000000005");
    assert_eq!(outbid.clause().number(), 10);
    assert_eq!(Reason::StaleAfterQuiet.to_string(), "stale_after_quiet");
}

#[test]
fn the_first_failing_clause_is_the_reason() {
    for (n, (text, clause, change)) in REASONS.into_iter().enumerate() {
        for (later_text, later_clause, later_change) in REASONS.into_iter().skip(n + 1) {
            // Without a visit the content cannot need one, so this change un-does that of clause 5.
            if clause < later_clause && !(text == "context_gone" && later_text == "no_time_zone") {
                let both = push().with(later_change).with(change);
                assert_eq!(both.answer(), text, "with {later_text}");
            }
        }
    }
}

#[test]
fn a_transactional_message_skips_restraint_but_never_reach_truth_or_needed_consent() {
    let skipped_numbers = [3, 4, 6, 7, 8, 9, 10];
    for (text, clause, change) in REASONS {
        let question = push().with(change).with(|q| {
            q.candidate.class = MessageClass::Transactional { channel_needs_consent: true };
        });
        let expected = if skipped_numbers.contains(&clause) { "sent" } else { text };
        assert_eq!(question.answer(), expected, "{text}");
    }
    let without_consent = push().with(|q| {
        q.candidate.class = MessageClass::Transactional { channel_needs_consent: false };
        q.person.consents.clear();
    });
    assert_eq!(without_consent.answer(), "sent");
    let skipped: Vec<u8> = judge(&without_consent.input()).skipped.into_iter().map(Clause::number).collect();
    assert_eq!(skipped, [2, 3, 4, 6, 7, 8, 9, 10]);
}

#[test]
fn uninstalling_stops_marketing_everywhere_and_leaves_mail_for_receipts() {
    let mail = Question::about(MessageChannel::Email).with(|q| q.person.app = AppState::Uninstalled);
    assert_eq!(mail.answer(), "uninstalled");
    let receipt = mail.with(|q| q.candidate.class = MessageClass::Transactional { channel_needs_consent: false });
    assert_eq!(receipt.answer(), "sent");
}

#[test]
fn quiet_hours_defer_what_outlives_them_and_drop_what_does_not() {
    let night = push().with(|q| {
        q.now = at(0) + TimeDelta::hours(10);
        q.content.stock = None;
    });
    let morning = "2026-03-11T06:00:00Z".parse().unwrap();
    let decision = judge(&night.input());
    assert_eq!(decision.verdict, GateVerdict::Deferred { until: morning, reason: Reason::QuietHours });
    assert!(!decision.is_final());
    assert_eq!(night.with(|q| q.candidate.valid_until = morning).answer(), "stale_after_quiet");
    assert_eq!(night.with(|q| q.candidate.channel = MessageChannel::OwnFeed).answer(), "sent");
    assert_eq!(night.with(|q| q.candidate.channel = MessageChannel::Email).answer(), "quiet_hours");
}

#[test]
fn the_persons_zone_outranks_the_stores_and_that_the_home_stores() {
    let mut traveller = person();
    assert_eq!(traveller.rest_zone(), Some(Europe::Berlin));
    traveller.zone = Some(Tz::Asia__Tokyo);
    assert_eq!(traveller.rest_zone(), Some(Tz::Asia__Tokyo));
    traveller.zone = None;
    traveller.home_store_zone = Some(Tz::UTC);
    assert_eq!(traveller.rest_zone(), Some(Europe::Berlin));
    traveller.open_visit = None;
    assert_eq!(traveller.rest_zone(), Some(Tz::UTC));
}

#[test]
fn rolling_and_calendar_caps_count_their_own_windows() {
    let table = [
        (Window::Rolling { seconds: 3_600 }, -59, "cap:daily"),
        (Window::Rolling { seconds: 3_600 }, -60, "sent"),
        // Local midnight in Berlin is 12 hours before noon.
        (Window::CalendarDay, -12 * 60, "cap:daily"),
        (Window::CalendarDay, -12 * 60 - 1, "sent"),
        // 10 March 2026 is a Tuesday.
        (Window::CalendarWeek, -36 * 60, "cap:daily"),
        (Window::CalendarWeek, -36 * 60 - 1, "sent"),
        (Window::CalendarMonth, -(9 * 24 + 12) * 60, "cap:daily"),
        (Window::CalendarMonth, -(9 * 24 + 12) * 60 - 1, "sent"),
    ];
    for (window, minute, expected) in table {
        let question = push().with(|q| {
            q.caps.push(cap(1, window));
            q.person.sends.push(sent(MessageChannel::OwnFeed, minute));
        });
        assert_eq!(question.answer(), expected, "{window:?} {minute}");
    }
}

#[test]
fn a_cap_counts_only_its_channels_and_labels_and_every_live_reservation() {
    let base = push().with(|q| {
        q.caps.push(cap(1, Window::CalendarDay));
        q.person.sends.push(sent(MessageChannel::OwnFeed, -30));
    });
    assert_eq!(base.answer(), "cap:daily");
    let other_channel = base.with(|q| q.caps[0].channels = BTreeSet::from([MessageChannel::PhonePush]));
    assert_eq!(other_channel.answer(), "sent");
    let other_label = base.with(|q| q.caps[0].tags = tags(&["wine"]));
    assert_eq!(other_label.answer(), "sent");
    let same_label = base.with(|q| q.caps[0].tags = tags(&["wine", "pet"]));
    assert_eq!(same_label.answer(), "cap:daily");
    let reserved = base.with(|q| q.person.sends[0].state = SendState::Reserved { until: at(1) });
    assert_eq!(reserved.answer(), "cap:daily");
    let released = base.with(|q| q.person.sends[0].state = SendState::Reserved { until: at(0) });
    assert_eq!(released.answer(), "sent");
}

#[test]
fn budgets_outside_the_store_refill_with_time_and_a_dear_message_leaves_them_negative() {
    let home = push().with(|q| {
        q.person.context = ContextClass::Home;
        q.content.needs = ContextNeed::Anywhere;
    });
    let after = |channel, minutes_ago: i64| {
        home.with(|q| {
            let mut earlier = sent(channel, -minutes_ago);
            earlier.context = ContextClass::PostVisit;
            q.person.sends.push(earlier);
        })
        .answer()
    };
    const DAY: i64 = 24 * 60;
    assert_eq!(home.answer(), "sent");
    assert_eq!(after(MessageChannel::PhonePush, DAY - 1), "attention:empty");
    assert_eq!(after(MessageChannel::PhonePush, DAY), "sent");
    assert_eq!(after(MessageChannel::Sms, 2 * DAY - 1), "attention:empty");
    assert_eq!(after(MessageChannel::Sms, 2 * DAY), "sent");
    let sms = home.with(|q| q.candidate.channel = MessageChannel::Sms);
    assert_eq!(sms.answer(), "sent", "a full bucket suffices for a dearer message");
    let way = home.with(|q| {
        q.person.context = ContextClass::Transit;
        q.person.sends.push(SendRecord { context: ContextClass::NearStore, ..sent(MessageChannel::PhonePush, -4 * 60) });
    });
    assert_eq!(way.answer(), "sent");
    assert_eq!(way.with(|q| q.person.sends[0].at = at(-4 * 60 + 1)).answer(), "attention:empty");
}

#[test]
fn ten_minutes_between_interrupts_are_enough_and_other_channels_need_none() {
    let after = |minutes: i64| push().with(|q| q.person.sends.push(sent(MessageChannel::Watch, -minutes)));
    assert_eq!(after(9).answer(), "attention:gap");
    assert_eq!(after(10).answer(), "sent");
    assert_eq!(after(9).with(|q| q.candidate.channel = MessageChannel::InAppCard).answer(), "sent");
    assert_eq!(push().with(|q| q.person.sends.push(sent(MessageChannel::InAppCard, -1))).answer(), "sent");
}

#[test]
fn all_contexts_together_leave_five_units_a_week() {
    let busy_week = |count: i64| {
        push().with(|q| {
            for n in 0..count {
                let mut earlier = sent(MessageChannel::PhonePush, -(n + 1) * 24 * 60);
                earlier.context = ContextClass::Home;
                q.person.sends.push(earlier);
            }
        })
    };
    assert_eq!(busy_week(4).answer(), "sent");
    assert_eq!(busy_week(5).answer(), "attention:empty");
    assert_eq!(busy_week(5).with(|q| q.person.sends[4].at = q.now - TimeDelta::days(7)).answer(), "sent");
}

#[test]
fn what_is_left_is_told_in_thousandths_and_rounded_down() {
    let policy = AttentionPolicy::default();
    let left = |question: &Question| {
        let left = attention::left(&question.person, &policy, question.now);
        (left.now_milli, left.week_milli)
    };
    assert_eq!(left(&push()), (3_000, 5_000));
    let spent = push().with(|q| q.person.sends = vec![sent(MessageChannel::PhonePush, -20), sent(MessageChannel::InAppCard, -5)]);
    assert_eq!(left(&spent), (1_800, 3_800));
    let other_visit = spent.with(|q| q.person.sends[0].visit = Some(visit_id(2)));
    assert_eq!(left(&other_visit), (2_800, 3_800));
    let home = push().with(|q| {
        q.person.context = ContextClass::Home;
        q.person.sends = vec![SendRecord { context: ContextClass::Home, ..sent(MessageChannel::Sms, -1) }];
    });
    assert_eq!(left(&home), (-1_000, 3_000), "a minute brings less than a thousandth");
}

#[test]
fn fatigue_fades_by_half_in_a_week_and_never_turns_into_credit() {
    let now = at(0);
    let week_ago = -7 * 24 * 60;
    let dismissed = attention::fatigue(&[reaction(ReactionKind::Dismissed, week_ago)], now);
    assert!((dismissed - 0.25).abs() < 1e-9);
    assert!(attention::fatigue(&[reaction(ReactionKind::Converted, 0)], now) == 0.0);
    assert!(attention::fatigue(&[reaction(ReactionKind::NotInteresting, 5)], now) == 0.0, "not yet happened");
}

#[test]
fn g3_a_withdrawal_between_win_and_hand_over_stops_the_message() {
    let question = push();
    assert_eq!(recheck(&question.input()), Ok(()));
    for (text, clause, change) in REASONS {
        let answer = recheck(&question.with(change).input()).map_err(|reason| reason.to_string());
        let expected = if [1, 2, 5].contains(&clause) { Err(text.to_owned()) } else { Ok(()) };
        assert_eq!(answer, expected, "{text}");
    }
}

#[test]
fn what_costs_no_attention_is_not_measured_against_it() {
    let feed = Question::about(MessageChannel::OwnFeed).with(|q| {
        q.candidate.p_relevant = unit(0.01);
        q.person.leased_milli = 5_000;
    });
    assert_eq!(feed.answer(), "sent");
}

#[test]
fn collecting_ends_after_the_window_or_at_the_earliest_deadline() {
    use super::arbitration::{WINDOW_CLOUD, collect_until};
    assert_eq!(collect_until(at(0), WINDOW_CLOUD, []), at(0) + WINDOW_CLOUD);
    let early = at(0) + TimeDelta::milliseconds(300);
    assert_eq!(collect_until(at(0), WINDOW_CLOUD, [at(5), early]), early);
}

fn any_channel() -> impl Strategy<Value = MessageChannel> {
    prop::sample::select(MessageChannel::ALL.to_vec())
}

proptest! {
    /// G1 and G2 over random campaigns: everyone gets a decision, and at no instant is a cap or the budget exceeded.
    #[test]
    fn g2_no_round_of_candidates_exceeds_a_cap_or_the_budget(
        rounds in prop::collection::vec(prop::collection::vec((any_channel(), 0_u32..=100), 1..8), 1..12),
        minutes in prop::collection::vec(0_i64..40, 12),
        limit in 0_u32..4,
    ) {
        let mut base = push().with(|q| {
            q.caps.push(cap(limit, Window::Rolling { seconds: 7_200 }));
            q.content.stock = None;
        });
        let mut id = 0_u128;
        for (round, minutes) in rounds.into_iter().zip(minutes) {
            base.now += TimeDelta::minutes(minutes);
            let questions: Vec<Question> = round
                .into_iter()
                .map(|(channel, percent)| {
                    id += 1;
                    base.with(|q| q.candidate = Candidate { p_relevant: unit(f64::from(percent) / 100.0), ..candidate(id, channel) })
                })
                .collect();
            let inputs: Vec<GateInput<'_>> = questions.iter().map(Question::input).collect();
            let decisions = judge_round(&inputs);
            prop_assert_eq!(decisions.len(), inputs.len());
            for (decision, input) in decisions.iter().zip(&inputs) {
                prop_assert_eq!(decision.candidate, input.candidate.id);
                if let GateVerdict::Send { reservation } = &decision.verdict {
                    base.person.sends.push(SendRecord { state: SendState::Committed, ..reservation.as_send() });
                }
            }
            let in_window = base.person.sends.iter().filter(|send| send.at > base.now - TimeDelta::seconds(7_200)).count();
            prop_assert!(in_window <= limit as usize);
            let spent: i64 = base.person.sends.iter().map(|send| send.channel.cost_milli()).sum();
            prop_assert!(spent <= 3_000);
            let interrupts: Vec<_> = base.person.sends.iter().filter(|send| send.channel.intrusion() == candidate::Intrusion::Interrupting).collect();
            prop_assert!(interrupts.windows(2).all(|pair| pair[1].at - pair[0].at >= TimeDelta::minutes(10)));
        }
    }
}
