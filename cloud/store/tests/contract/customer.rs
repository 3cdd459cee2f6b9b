//! Contract of a customer's unit of work, of sign-in and of what marketers publish, on both databases.

use crate::common::{at, enrol, id, node};
use aisle_schemas::{
    content::{Currency, Money},
    http::cloud::{ContextClass, DialogueLine, LegalText, MessageKind, OfferDraft, OfferState, Outcome},
    ids::{CategoryId, CustomerId, StoreId, TouchpointId, VisitToken},
    offer::{Offer, OfferTarget, Product},
    sync::Seq,
    text::{Language, LocalText},
    visit::{CheckInMethod, CloseReason},
};
use aisle_store::{
    Db, DownStream, DownWrite, Message, OutboxNew, StoreError,
    customer::{self, BookmarkRow, CandidateRow, CardRow, ConsentRow, DialogueRow, OutcomeRow, SendRow},
    customer_commit::{self, CustomerCommit, Sale, TapUse},
    decision::{self, DecisionFilter, DecisionRow},
    idempotency::{self, Answer},
    offer::{self, CampaignRow, OfferCommit, OfferRow, PublishedOffer},
    outbox, retention,
    sign_in::{self, NewCustomer, NewSession, SignInRow},
    testing::{World, on_both},
    visit::{self, NewVisit},
};
use chrono::TimeDelta;

fn text(de: &str) -> LocalText {
    LocalText::new(de, de)
}

fn send(n: u8, committed: bool, ms: i64) -> SendRow {
    SendRow {
        candidate: id::candidate(n),
        channel: "push".to_owned(),
        offer: Some(id::offer(1)),
        campaign: None,
        category: Some("pet-cat".to_owned()),
        visit: None,
        cost_milli: 1_000,
        committed,
        at: at(ms),
    }
}

fn card(n: u8, until_ms: i64) -> CardRow {
    CardRow {
        card: id::card(n),
        offer: id::offer(1),
        offer_rev: 3,
        visit: Some(id::visit(1)),
        candidate: id::candidate(n),
        why: vec!["often_buys".to_owned()],
        score: 0.25,
        until: at(until_ms),
        at: at(i64::from(n)),
        traceparent: Some("00-a-b-01".to_owned()),
    }
}

fn candidate(n: u8, due_ms: i64) -> CandidateRow {
    CandidateRow {
        candidate: id::candidate(n),
        customer: id::customer(1),
        kind: MessageKind::Marketing,
        channel: "push".to_owned(),
        offer: None,
        category: None,
        title: text("\u{201e}Äpfel\u{201c} \\ 'x'"),
        body: text("zwei"),
        relevance: Some(0.9),
        value: 1.0,
        valid_until: at(90_000),
        due: at(due_ms),
        traceparent: None,
        at: at(i64::from(n)),
    }
}

fn verdict(n: u8, customer: CustomerId, visit: Option<u8>, ms: i64) -> DecisionRow {
    DecisionRow {
        decision: id::decision(n),
        candidate: id::candidate(n),
        customer,
        offer: Some(id::offer(n % 2 + 1)),
        title: text("Katzenfutter"),
        channel: "in_app".to_owned(),
        store: Some(StoreId::parse("s1").expect("a slug")),
        visit: visit.map(id::visit),
        sent: n.is_multiple_of(2),
        clause: (n % 2 == 1).then_some(2),
        reason: "no_consent".to_owned(),
        score: Some(0.5),
        propensity: None,
        why: vec![],
        inputs: serde_json::json!({ "consent_epoch": 3 }),
        at: at(ms),
        traceparent: None,
    }
}

fn consent(n: u8) -> ConsentRow {
    ConsentRow {
        consent: id::consent(n),
        purpose: "marketing".to_owned(),
        channel: Some("push".to_owned()),
        granted: true,
        legal_text: "terms".to_owned(),
        text_version: 1,
        language: Language::En,
        text_sha256: [n; 32],
        shown_sha256: Some([n; 32]),
        method: "app".to_owned(),
        occurred_at: at(i64::from(n)),
        recorded_at: at(i64::from(n)),
        expires_at: None,
        supersedes: None,
        epoch: u64::from(n),
    }
}

async fn open_visit(db: &Db, n: u8, customer: CustomerId, closed: Option<i64>) {
    let new = NewVisit {
        visit: id::visit(n),
        node: node("t.s1.n1"),
        token: VisitToken::from_random([n; 16]),
        customer: Some(customer),
        method: CheckInMethod::Nfc,
        touchpoint: TouchpointId::parse("door-1").expect("a slug"),
        opened_at: at(i64::from(n)),
        closed: closed.map(|ms| (at(ms), CloseReason::Left)),
        prev_visit: None,
        traceparent: None,
    };
    assert!(db.write(move |tx| Box::pin(async move { visit::insert(tx, &new).await })).await.expect("committed"));
}

#[test]
fn all_parts_of_a_commit_are_loaded_again() {
    on_both(|World { db, kind, .. }| async move {
        enrol(&db, &["t.s1.n1"]).await;
        let customer = crate::common::customer(&db, 1).await;
        open_visit(&db, 2, customer, Some(50)).await;
        open_visit(&db, 1, customer, None).await;
        let before = customer::load(&db, customer, at(0)).await.unwrap().unwrap();
        assert_eq!((before.profile.version, before.affinity.as_slice()), (0, [].as_slice()));

        let dialogue = DialogueRow {
            dialogue: id::dialogue(1),
            customer,
            store: StoreId::parse("s1").unwrap(),
            display: None,
            offer: None,
            lines: vec![DialogueLine { from: "store".to_owned(), text: text("Hallo"), at: at(1) }],
            done: false,
            at: at(1),
        };
        let mut profile = before.profile.clone();
        profile.language = Language::En;
        profile.consent_epoch = 4;
        profile.hurried = true;
        profile.context = Some((ContextClass::Transit, at(3)));
        profile.channels_off = vec!["push".to_owned()];
        let mut commit = CustomerCommit::new(customer, 0, at(10));
        commit.profile = Some(profile.clone());
        commit.consents = vec![consent(1), consent(2)];
        commit.affinity = Some(vec![1, 2, 3]);
        commit.decisions = vec![verdict(1, customer, Some(1), 5), verdict(2, customer, None, 6)];
        commit.cards_put = vec![card(1, 90_000), card(2, 90_000), card(3, 5)];
        commit.sends = vec![send(1, false, 1), send(2, false, 2), send(3, true, -10 * 86_400_000)];
        commit.outcomes =
            vec![OutcomeRow { channel: "push".to_owned(), outcome: Outcome::Dismissed, category: None, offer: None, at: at(4) }];
        commit.bookmarks_put = vec![BookmarkRow { offer: id::offer(1), at: at(2) }, BookmarkRow { offer: id::offer(2), at: at(3) }];
        commit.candidates_put = vec![candidate(7, 2_000), candidate(8, 1_000)];
        commit.dialogue = Some(dialogue.clone());
        commit.passes = vec![(id::pass(1), at(99_000))];
        assert_eq!(customer_commit::commit(&db, commit).await.unwrap().version, 1, "{kind}");

        let mut second = CustomerCommit::new(customer, 1, at(20));
        second.cards_removed = vec![id::card(2)];
        second.sends = vec![send(1, true, 15)];
        second.sends_released = vec![id::candidate(2)];
        second.bookmarks_removed = vec![id::offer(2)];
        second.candidates_done = vec![id::candidate(8)];
        second.candidates_put = vec![candidate(7, 3_000)];
        customer_commit::commit(&db, second).await.unwrap();

        let rows = customer::load(&db, customer, at(20)).await.unwrap().unwrap();
        assert_eq!(rows.profile, customer::ProfileRow { version: 2, ..profile }, "{kind}");
        assert_eq!(rows.consents, [consent(1), consent(2)], "{kind}");
        assert_eq!(rows.affinity, [1, 2, 3], "a commit without affinity keeps it");
        assert_eq!(rows.cards, [card(1, 90_000)], "{kind}: removed and past ones are gone");
        assert_eq!(rows.sends, [send(1, true, 15)], "{kind}: released and old ones are gone");
        assert_eq!(rows.outcomes.len(), 1);
        assert_eq!(rows.bookmarks, [BookmarkRow { offer: id::offer(1), at: at(2) }]);
        assert_eq!(rows.candidates, [candidate(7, 3_000)], "{kind}");
        assert_eq!(rows.visit.as_ref().map(|visit| visit.visit), Some(id::visit(1)));
        assert_eq!(rows.last_visit.as_ref().map(|visit| visit.visit), Some(id::visit(2)));
        assert_eq!(rows.judged, [id::candidate(1)]);
        let conn = &mut db.read().await.unwrap();
        assert_eq!(customer::dialogue(conn, id::dialogue(1)).await.unwrap(), Some(dialogue));
        assert_eq!(customer::due_candidates(conn, at(3_000), 10).await.unwrap(), [(customer, id::candidate(7))]);
        assert_eq!(customer::next_due(conn).await.unwrap(), Some(at(3_000)));
        assert_eq!(visit::customer_of_pass(conn, id::pass(1)).await.unwrap(), Some(customer));
        assert_eq!(customer::recent(conn, at(0), 10).await.unwrap(), [customer]);
        assert_eq!(customer::open_visits(conn).await.unwrap().len(), 1);
    });
}

#[test]
fn a_commit_from_an_old_version_changes_nothing() {
    on_both(|World { db, kind, .. }| async move {
        let customer = crate::common::customer(&db, 1).await;
        let commit = |n| {
            let mut commit = CustomerCommit::new(customer, 0, at(1));
            commit.bookmarks_put = vec![BookmarkRow { offer: id::offer(n), at: at(1) }];
            commit
        };
        let (a, b) = tokio::join!(customer_commit::commit(&db, commit(1)), customer_commit::commit(&db, commit(2)));
        let refused = [&a, &b].into_iter().filter(|outcome| matches!(outcome, Err(StoreError::Stale))).count();
        assert_eq!(refused, 1, "{kind}: {a:?} {b:?}");
        let rows = customer::load(&db, customer, at(1)).await.unwrap().unwrap();
        assert_eq!((rows.profile.version, rows.bookmarks.len()), (1, 1));
    });
}

#[test]
fn a_message_is_handled_once_and_a_candidate_judged_once() {
    on_both(|World { db, kind, .. }| async move {
        let customer = crate::common::customer(&db, 1).await;
        let message = Message::DeviceAttached { customer, visit: id::visit(1) };
        let new = OutboxNew { message, traceparent: Some("00-a-b-01".to_owned()), at: at(1) };
        let mut first = CustomerCommit::new(customer, 0, at(1));
        first.outbox_put = vec![new.clone(), new];
        let written = customer_commit::commit(&db, first).await.unwrap().outbox;
        assert!(written[0].place < written[1].place);
        let conn = &mut db.read().await.unwrap();
        let standing: Vec<i64> = outbox::places(conn, 0, 10).await.unwrap().into_iter().map(|(place, _)| place).collect();
        assert_eq!(outbox::at_places(conn, &standing).await.unwrap(), written, "{kind}");

        let mut handled = CustomerCommit::new(customer, 1, at(2));
        handled.outbox_done = written.iter().map(|row| row.place).collect();
        handled.decisions = vec![verdict(1, customer, None, 2)];
        customer_commit::commit(&db, handled.clone()).await.unwrap();
        handled.expect_version = 2;
        assert!(matches!(customer_commit::commit(&db, handled.clone()).await, Err(StoreError::Stale)), "{kind}");
        handled.outbox_done.clear();
        assert!(matches!(customer_commit::commit(&db, handled).await, Err(StoreError::Conflict(_))), "{kind}");
        assert_eq!(customer::load(&db, customer, at(1)).await.unwrap().unwrap().profile.version, 2);
    });
}

#[test]
fn a_code_a_sale_and_an_idempotency_key_count_once() {
    on_both(|World { db, kind, .. }| async move {
        let customer = crate::common::customer(&db, 1).await;
        let store = StoreId::parse("s1").unwrap();
        let tap = |version| {
            let mut commit = CustomerCommit::new(customer, version, at(1));
            commit.tap_used = Some(TapUse { store: store.clone(), nonce: u64::MAX - 1, expires_at: at(60_000) });
            commit
        };
        customer_commit::commit(&db, tap(0)).await.unwrap();
        assert!(matches!(customer_commit::commit(&db, tap(1)).await, Err(StoreError::CodeUsed)), "{kind}");

        let sale = || {
            let mut commit = CustomerCommit::new(customer, 1, at(1));
            commit.sale = Some(Sale { source_ref: "till-1/7".to_owned(), hash: [5; 32], at: at(1), products: vec![product()] });
            commit.answer = Some(Answer { key: "k".to_owned(), request_hash: [6; 32], status: 202, body: b"{}".to_vec(), at: at(1) });
            commit
        };
        customer_commit::commit(&db, sale()).await.unwrap();
        let mut again = sale();
        again.expect_version = 2;
        assert!(matches!(customer_commit::commit(&db, again).await, Err(StoreError::Conflict(_))), "{kind}");
        let conn = &mut db.read().await.unwrap();
        assert_eq!(customer::sale_hash(conn, "till-1/7").await.unwrap(), Some([5; 32]));
        assert_eq!(offer::products(conn).await.unwrap(), [product()]);
        assert_eq!(idempotency::find(conn, "k").await.unwrap().unwrap().status, 202);
        retention::apply(&db, at(0) + TimeDelta::days(3)).await.unwrap();
        assert_eq!(idempotency::find(conn, "k").await.unwrap(), None, "{kind}");
    });
}

#[test]
fn what_is_owed_to_a_node_is_logged_with_the_decision_or_not_at_all() {
    on_both(|World { db, kind, .. }| async move {
        enrol(&db, &["t.s1.n1"]).await;
        let customer = crate::common::customer(&db, 1).await;
        let lease = |name: &str| DownWrite {
            node: node(name),
            stream: DownStream::Desired,
            id: id::event(1),
            type_name: "aisle.desired.set.v1".to_owned(),
            subject: "context/00".to_owned(),
            data: Some(serde_json::value::to_raw_value(&1).unwrap()),
            at: at(1),
            traceparent: None,
        };
        let mut commit = CustomerCommit::new(customer, 0, at(1));
        commit.down = vec![lease("t.s1.n1"), lease("t.s9.n1")];
        assert!(matches!(customer_commit::commit(&db, commit.clone()).await, Err(StoreError::UnknownNode(_))), "{kind}");
        commit.down.pop();
        let committed = customer_commit::commit(&db, commit).await.unwrap();
        assert_eq!(committed.logged[0].head, Seq::new(1), "{kind}: the failed one left no hole");
    });
}

#[test]
fn decisions_are_listed_newest_first_by_any_key_and_paged_without_gaps() {
    on_both(|World { db, kind, .. }| async move {
        let (ada, bob) = (crate::common::customer(&db, 1).await, crate::common::customer(&db, 2).await);
        let mut commit = CustomerCommit::new(ada, 0, at(1));
        // Several share an instant: the id decides.
        commit.decisions = (1..=9).map(|n| verdict(n, ada, (n > 4).then_some(1), i64::from(n / 3))).collect();
        customer_commit::commit(&db, commit).await.unwrap();
        let mut commit = CustomerCommit::new(bob, 0, at(1));
        commit.decisions = vec![verdict(20, bob, None, 1)];
        customer_commit::commit(&db, commit).await.unwrap();

        let conn = &mut db.read().await.unwrap();
        let mut seen = Vec::new();
        let mut before = None;
        for _ in 0..20 {
            let page = decision::list(conn, &DecisionFilter { customer: Some(ada), before, limit: 2, ..Default::default() }).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some((last.at, last.decision));
            seen.extend(page.into_iter().map(|row| row.decision));
        }
        let newest_first: Vec<_> = (1..=9).rev().map(id::decision).collect();
        assert_eq!(seen, newest_first, "{kind}");
        let count = |filter: DecisionFilter| {
            let db = db.clone();
            async move { decision::list(&mut db.read().await.unwrap(), &DecisionFilter { limit: 100, ..filter }).await.unwrap().len() }
        };
        let by = DecisionFilter::default;
        assert_eq!(count(by()).await, 10);
        assert_eq!(count(DecisionFilter { offer: Some(id::offer(1)), ..by() }).await, 5, "{kind}");
        assert_eq!(count(DecisionFilter { visit: Some(id::visit(1)), ..by() }).await, 5);
        assert_eq!(count(DecisionFilter { store: StoreId::parse("s1").ok(), ..by() }).await, 10);
        assert_eq!(count(DecisionFilter { customer: Some(ada), offer: Some(id::offer(2)), visit: Some(id::visit(1)), ..by() }).await, 3);
        assert_eq!(count(DecisionFilter { offer: Some(id::offer(1)), store: StoreId::parse("s2").ok(), ..by() }).await, 0);
        let one = decision::list(conn, &DecisionFilter { customer: Some(bob), limit: 1, ..by() }).await.unwrap().remove(0);
        assert_eq!(one, DecisionRow { inputs: serde_json::Value::Null, ..verdict(20, bob, None, 1) }, "{kind}");
        assert_eq!(decision::inputs(conn, one.decision).await.unwrap(), Some(serde_json::json!({ "consent_epoch": 3 })));
    });
}

#[test]
fn a_sign_in_code_is_answered_once_and_finds_the_same_customer_again() {
    on_both(|World { db, kind, .. }| async move {
        let challenge = |n: u8| SignInRow {
            id: id::event(n),
            identifier: [1; 32],
            code_hash: [n; 32],
            tries_left: 5,
            issued_at: at(i64::from(n)),
            expires_at: at(600_000),
        };
        let session = |n: u8| NewSession { token_hash: [n; 32], identifier: [1; 32], created_at: at(3), expires_at: at(1_000) };
        let new = |n: u8| NewCustomer { customer: id::customer(n), sealed: vec![n], language: Language::De };
        sign_in::open(&db, challenge(1)).await.unwrap();
        sign_in::open(&db, challenge(2)).await.unwrap();
        let conn = &mut db.read().await.unwrap();
        assert_eq!(sign_in::find(conn, [1; 32]).await.unwrap(), Some(challenge(2)), "{kind}: only the newest code is open");
        assert_eq!(sign_in::issued(conn, [1; 32], at(0)).await.unwrap(), [at(1), at(2)]);
        assert!(sign_in::count_try(&db, id::event(2), 5, 4).await.unwrap());
        assert!(!sign_in::count_try(&db, id::event(2), 5, 4).await.unwrap(), "{kind}: of two guesses at once one counts");
        assert_eq!(sign_in::prove(&db, id::event(2), session(1), new(1)).await.unwrap(), (id::customer(1), true));
        assert!(matches!(sign_in::prove(&db, id::event(2), session(2), new(2)).await, Err(StoreError::Stale)), "{kind}");
        sign_in::open(&db, challenge(3)).await.unwrap();
        assert_eq!(sign_in::prove(&db, id::event(3), session(3), new(2)).await.unwrap(), (id::customer(1), false), "{kind}");
        sign_in::open(&db, challenge(4)).await.unwrap();
        sign_in::spend(&db, id::event(4)).await.unwrap();
        assert_eq!(sign_in::find(conn, [1; 32]).await.unwrap(), None);

        assert_eq!(sign_in::session(conn, [3; 32], at(999)).await.unwrap().unwrap().customer, id::customer(1));
        assert_eq!(sign_in::session(conn, [3; 32], at(1_000)).await.unwrap(), None, "{kind}: over at its end");
        sign_in::end_session(&db, [3; 32]).await.unwrap();
        assert_eq!(sign_in::session(conn, [3; 32], at(4)).await.unwrap(), None);
        assert_eq!(sign_in::customer_of(conn, [1; 32]).await.unwrap(), Some(id::customer(1)));
        assert_eq!(sign_in::sealed_address(conn, id::customer(1)).await.unwrap(), Some(vec![1]));
        assert_eq!(sign_in::customer_of(conn, [9; 32]).await.unwrap(), None);
    });
}

#[test]
fn two_sign_ins_of_a_new_address_at_once_make_one_customer() {
    on_both(|World { db, kind, .. }| async move {
        let create = |n: u8| {
            sign_in::create(&db, [7; 32], NewCustomer { customer: id::customer(n), sealed: vec![n], language: Language::De }, at(0))
        };
        let outcomes = tokio::join!(create(1), create(2), create(3), create(4));
        let made: Vec<_> = [outcomes.0, outcomes.1, outcomes.2, outcomes.3].into_iter().filter_map(Result::ok).collect();
        let owner = sign_in::customer_of(&mut db.read().await.unwrap(), [7; 32]).await.unwrap().unwrap();
        assert!(!made.is_empty() && made.iter().all(|customer| *customer == owner), "{kind}: {made:?}");
        assert_eq!(create(5).await.unwrap(), owner);
    });
}

fn product() -> Product {
    let sku = aisle_schemas::ids::Sku::parse("cat-food").expect("a slug");
    Product { sku, name: text("Katzenfutter"), category: CategoryId::parse("pet-cat").expect("a slug"), sibling_group: None, image: None }
}

fn draft(minor: i64) -> OfferDraft {
    OfferDraft {
        campaign: id::campaign(1),
        product: product(),
        price: Money { minor, currency: Currency::Eur },
        was: None,
        from: at(0),
        to: at(1_000),
        target: OfferTarget::default(),
        variants: Vec::new(),
        fallback: None,
        fallback_for: Vec::new(),
        rule: String::new(),
        value_percent: 50,
        push: false,
    }
}

fn published(rev: u32, minor: i64) -> PublishedOffer {
    let OfferDraft { campaign, product, price, was, from, to, target, variants, fallback, fallback_for, rule, value_percent, push } =
        draft(minor);
    let offer = Offer {
        offer: id::offer(1),
        rev,
        campaign,
        product,
        price,
        was,
        from,
        to,
        target,
        variants,
        fallback,
        fallback_for,
        media: vec![],
    };
    PublishedOffer { offer, rule, value_percent, push }
}

#[test]
fn an_offer_keeps_every_revision_that_was_published() {
    on_both(|World { db, kind, .. }| async move {
        let campaign =
            CampaignRow { campaign: id::campaign(1), name: "Herbst".to_owned(), from: at(0), to: at(9), cap_per_day: 3, paused: false };
        let row = |rev, minor, ms| OfferRow {
            offer: id::offer(1),
            campaign: id::campaign(1),
            state: OfferState::Published,
            rev,
            draft: draft(minor),
            published: Some(published(rev, minor)),
            changed_at: at(ms),
        };
        for (rev, minor) in [(1, 199), (2, 149)] {
            let commit = OfferCommit {
                expect_version: u64::from(rev) - 1,
                offers: vec![row(rev, minor, i64::from(rev))],
                campaigns: vec![campaign.clone()],
                down: Vec::new(),
                outbox_put: Vec::new(),
                outbox_done: Vec::new(),
                at: at(i64::from(rev)),
            };
            offer::commit(&db, commit.clone()).await.unwrap();
            let outdated = offer::commit(&db, commit).await;
            assert!(matches!(outdated, Err(StoreError::Stale)), "{kind}: another one has published since: {outdated:?}");
        }
        let customer = crate::common::customer(&db, 1).await;
        let mut commit = CustomerCommit::new(customer, 0, at(1));
        commit.cards_put = vec![card(1, 90_000)];
        customer_commit::commit(&db, commit).await.unwrap();
        let conn = &mut db.read().await.unwrap();
        assert_eq!(offer::all(conn).await.unwrap(), [row(2, 149, 2)], "{kind}");
        assert_eq!(offer::revision(conn, id::offer(1), 1).await.unwrap(), Some(published(1, 199)), "{kind}");
        assert_eq!(offer::campaigns(conn).await.unwrap(), [campaign]);
        assert_eq!(offer::products(conn).await.unwrap(), [product()]);
        assert_eq!(offer::counts(conn, at(0)).await.unwrap()[&id::offer(1)].cards, 1);
        assert!(offer::counts(conn, at(2)).await.unwrap().is_empty());
    });
}

#[test]
fn a_published_legal_text_cannot_be_published_again() {
    on_both(|World { db, kind, .. }| async move {
        let legal = |body: &str| LegalText {
            id: "terms".to_owned(),
            version: 1,
            language: Language::De,
            purpose: "marketing".to_owned(),
            title: "Werbung".to_owned(),
            body: body.to_owned(),
            sha256: "00".to_owned(),
            valid_from: at(0),
            valid_to: None,
            requires_renewal_from: None,
        };
        offer::publish_legal_text(&db, legal("eins")).await.unwrap();
        assert!(matches!(offer::publish_legal_text(&db, legal("zwei")).await, Err(StoreError::Conflict(_))), "{kind}");
        assert_eq!(offer::legal_texts(&mut db.read().await.unwrap()).await.unwrap(), [legal("eins")]);
    });
}
