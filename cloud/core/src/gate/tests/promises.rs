//! The promises of the gate: A12, A15, A16, A32, A79, A82, each by the check of its row.

use super::*;

#[test]
fn a12_a_push_needs_an_open_visit_and_consent_for_pushes() {
    assert_eq!(push().answer(), "sent");
    assert_eq!(push().with(|q| q.person.open_visit = None).answer(), "context_gone");
    let no_push = push().with(|q| q.person.consents.retain(|r| r.key != q.candidate.consent_key()));
    assert_eq!(no_push.answer(), "no_consent");
}

#[test]
fn a32_a_registered_customer_without_instore_consent_gets_nothing_on_any_channel() {
    for channel in MessageChannel::ALL {
        let question = Question::about(channel).with(|q| {
            for record in &mut q.person.consents {
                record.key.purpose = Purpose::Marketing;
            }
        });
        assert_eq!(question.answer(), "no_consent", "{channel:?}");
    }
}

#[test]
fn a15_forty_pushes_in_an_hour_interrupt_at_most_three_times_ten_minutes_apart() {
    let mut question = push();
    let mut sent_at = Vec::new();
    let mut decisions = 0;
    for n in 0..40 {
        question.now = at(n * 60 / 40);
        question.content.stock = None;
        question.candidate.id = CandidateId(Uuid::from_u128(1 + n as u128));
        let decision = judge(&question.input());
        decisions += 1;
        match decision.verdict {
            GateVerdict::Send { reservation } => {
                sent_at.push(question.now);
                question.person.sends.push(SendRecord { state: SendState::Committed, ..reservation.as_send() });
            }
            GateVerdict::Deferred { .. } | GateVerdict::Refused { .. } => {
                assert!(decision.reason().is_some_and(|reason| reason.clause() == Clause::Attention));
            }
        }
    }
    assert_eq!(decisions, 40);
    assert_eq!(sent_at.len(), 3);
    assert!(sent_at.windows(2).all(|pair| pair[1] - pair[0] >= TimeDelta::minutes(10)));
}

#[test]
fn a15_two_dismissals_raise_the_bar_for_what_passed_before() {
    let fresh = push().with(|q| q.candidate.p_relevant = unit(0.45));
    assert_eq!(fresh.answer(), "sent");
    let tired = fresh.with(|q| q.person.reactions = vec![reaction(ReactionKind::Dismissed, -1); 2]);
    assert_eq!(tired.answer(), "attention:below_threshold");
    let rested = tired.with(|q| {
        q.now = at(60 * 24 * 40);
        q.candidate.valid_until = q.now + TimeDelta::days(1);
        q.content.stock = None;
    });
    assert_eq!(rested.answer(), "sent");
}

#[test]
fn a15_a_disabled_channel_stays_silent_until_the_person_enables_it() {
    let mut question = push().with(|q| {
        q.person.disabled = BTreeSet::from([MessageChannel::PhonePush]);
        q.content.stock = None;
        q.candidate.wishful();
    });
    for day in 0..365 {
        question.now = at(day * 24 * 60);
        assert_eq!(question.answer(), "channel_disabled");
    }
    question.person.disabled.clear();
    assert_eq!(question.answer(), "sent");
}

impl Candidate {
    /// Without a category and end, so that a year of virtual days changes nothing but what the test is about.
    fn wishful(&mut self) {
        self.category = None;
        self.valid_until = at(1_000_000);
    }
}

#[test]
fn a16_a_cat_owner_never_hears_of_dog_food_and_a_dog_owner_does() {
    let dog_food = push().with(|q| q.candidate.category = Some(category("pet-dog")));
    assert_eq!(dog_food.answer(), "veto:irrelevant");
    let dog_owner = dog_food.with(|q| q.person.evidence = BTreeMap::from([(category("pet-dog"), at(-100))]));
    assert_eq!(dog_owner.answer(), "sent");
    let wished = dog_food.with(|q| q.person.wishes = BTreeSet::from([category("pet-dog")]));
    assert_eq!(wished.answer(), "sent");
    let forgotten = push().with(|q| q.person.evidence = BTreeMap::from([(category("pet-cat"), q.now - EVIDENCE_LIFE)]));
    assert_eq!(forgotten.answer(), "veto:irrelevant");
    assert_eq!(push().with(|q| q.candidate.category = None).answer(), "sent");
}

#[test]
fn a79_of_two_pushes_the_more_useful_goes_and_the_other_is_outbid_by_it() {
    let weaker = push().with(|q| q.candidate.p_relevant = unit(0.8));
    let mut stronger = push();
    stronger.candidate.id = CandidateId(Uuid::from_u128(2));
    for order in [[&weaker, &stronger], [&stronger, &weaker]] {
        let decisions = judge_round(&order.map(Question::input));
        let by_id = |n: u128| decisions.iter().find(|d| d.candidate == CandidateId(Uuid::from_u128(n))).unwrap();
        assert_eq!(by_id(2).reason(), None);
        assert_eq!(by_id(1).reason(), Some(&Reason::OutbidBy(CandidateId(Uuid::from_u128(2)))));
    }
    let tie = stronger.with(|q| q.candidate.id = CandidateId(Uuid::from_u128(3)));
    let decisions = judge_round(&[tie.input(), stronger.input()]);
    assert_eq!(decisions[0].reason(), Some(&Reason::OutbidBy(CandidateId(Uuid::from_u128(2)))));
}

#[test]
fn a79_a_candidate_that_fails_an_earlier_clause_outbids_nobody() {
    let vetoed = push().with(|q| {
        q.candidate.id = CandidateId(Uuid::from_u128(2));
        q.candidate.p_relevant = Unit::ONE;
        q.candidate.category = Some(category("pet-dog"));
    });
    let plain = push();
    let decisions = judge_round(&[vetoed.input(), plain.input()]);
    assert_eq!(decisions[0].reason(), Some(&Reason::Irrelevant));
    assert_eq!(decisions[1].reason(), None);
}

#[test]
fn a82_pause_hurry_and_complaint_hold_marketing_back_and_let_a_confirmation_through() {
    let cases: [(&str, Change); 4] = [
        ("paused_by_user", |q| q.person.pause = Some(Pause { until: Some(q.now + TimeDelta::days(7)) })),
        ("dnd", |q| q.person.hurried = true),
        ("open_complaint", |q| q.person.open_service_case = true),
        ("open_complaint", |q| q.person.last_one_star_at = Some(q.now - TimeDelta::days(13))),
    ];
    for (reason, change) in cases {
        assert_eq!(push().with(change).answer(), reason);
        let confirmation = push().with(change).with(|q| {
            q.candidate.class = MessageClass::Transactional { channel_needs_consent: true };
        });
        assert_eq!(confirmation.answer(), "sent", "{reason}");
    }
    let over = push().with(|q| q.person.pause = Some(Pause { until: Some(q.now) }));
    assert_eq!(over.answer(), "sent");
    let forgiven = push().with(|q| q.person.last_one_star_at = Some(q.now - ONE_STAR_PAUSE));
    assert_eq!(forgiven.answer(), "sent");
    let feed = Question::about(MessageChannel::OwnFeed).with(|q| q.person.pause = Some(Pause { until: None }));
    assert_eq!(feed.answer(), "sent", "a pause stops interrupts, not what one opens oneself");
}
