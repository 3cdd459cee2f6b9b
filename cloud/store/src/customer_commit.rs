//! One customer's decisions, committed: cards, verdicts, sends, consents, context documents and outbox in one transaction.
//!
//! Owns [`CustomerCommit`] and [`commit`]. Takes what the customer's one writer decided from a version; emits the next version and what was
//! logged for nodes. Refuses with `Stale` where the version is no longer the stored one or a message that caused the commit was handled
//! before, with `Conflict` where a candidate was judged or a sale taken before, with `CodeUsed` where a tap's code was used before.

use aisle_schemas::ids::{CandidateId, CardId, CustomerId, OfferId, PassId, StoreId};
use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    customer::{BookmarkRow, CandidateRow, CardRow, ConsentRow, DialogueRow, OutcomeRow, ProfileRow, SendRow},
    db::{Db, Tx},
    decision::{self, DecisionRow},
    down::{self, DownWrite, LoggedDown},
    error::StoreError,
    idempotency::{self, Answer},
    offer,
    outbox::{self, OutboxNew, OutboxRow},
    statement::{run, word},
    visit,
};

/// What to write of one customer; everything but the version may be empty.
#[derive(Debug, Clone)]
pub struct CustomerCommit {
    pub customer: CustomerId,
    /// The version that was decided from.
    pub expect_version: u64,
    pub at: DateTime<Utc>,
    /// New settings; its `version` and `created_at` are not written.
    pub profile: Option<ProfileRow>,
    pub consents: Vec<ConsentRow>,
    pub affinity: Option<Vec<u8>>,
    pub decisions: Vec<DecisionRow>,
    pub cards_put: Vec<CardRow>,
    pub cards_removed: Vec<CardId>,
    /// Upserted by candidate: reserved first, then committed.
    pub sends: Vec<SendRow>,
    /// Reservations that end without a send.
    pub sends_released: Vec<CandidateId>,
    pub outcomes: Vec<OutcomeRow>,
    pub bookmarks_put: Vec<BookmarkRow>,
    pub bookmarks_removed: Vec<OfferId>,
    /// New ones, or a new `due` of those that stand.
    pub candidates_put: Vec<CandidateRow>,
    pub candidates_done: Vec<CandidateId>,
    pub dialogue: Option<DialogueRow>,
    pub tap_used: Option<TapUse>,
    pub sale: Option<Sale>,
    pub passes: Vec<(PassId, DateTime<Utc>)>,
    pub down: Vec<DownWrite>,
    pub outbox_put: Vec<OutboxNew>,
    /// Places of the messages that led to this commit.
    pub outbox_done: Vec<i64>,
    pub answer: Option<Answer>,
}

impl CustomerCommit {
    /// A commit that only raises the version.
    pub fn new(customer: CustomerId, expect_version: u64, at: DateTime<Utc>) -> Self {
        Self {
            customer,
            expect_version,
            at,
            profile: None,
            consents: Vec::new(),
            affinity: None,
            decisions: Vec::new(),
            cards_put: Vec::new(),
            cards_removed: Vec::new(),
            sends: Vec::new(),
            sends_released: Vec::new(),
            outcomes: Vec::new(),
            bookmarks_put: Vec::new(),
            bookmarks_removed: Vec::new(),
            candidates_put: Vec::new(),
            candidates_done: Vec::new(),
            dialogue: None,
            tap_used: None,
            sale: None,
            passes: Vec::new(),
            down: Vec::new(),
            outbox_put: Vec::new(),
            outbox_done: Vec::new(),
            answer: None,
        }
    }
}

/// The one-time code of an NFC display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapUse {
    pub store: StoreId,
    pub nonce: u64,
    pub expires_at: DateTime<Utc>,
}

/// A sale of a source system, with the hash of what it said.
#[derive(Debug, Clone)]
pub struct Sale {
    pub source_ref: String,
    pub hash: [u8; 32],
    pub at: DateTime<Utc>,
    /// Products to be known from now on.
    pub products: Vec<aisle_schemas::offer::Product>,
}

/// A commit that stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    pub version: u64,
    /// For the owner of each node's link.
    pub logged: Vec<LoggedDown>,
    /// For whoever handles these messages next.
    pub outbox: Vec<OutboxRow>,
}

/// Commits in one transaction.
pub async fn commit(db: &Db, commit: CustomerCommit) -> Result<Committed, StoreError> {
    let places = db.clone();
    db.write(move |tx| Box::pin(async move { write(tx, &places, commit).await })).await
}

async fn write(tx: &mut Tx, places: &Db, commit: CustomerCommit) -> Result<Committed, StoreError> {
    let CustomerCommit {
        customer,
        expect_version,
        at,
        profile,
        consents,
        affinity,
        decisions,
        cards_put,
        cards_removed,
        sends,
        sends_released,
        outcomes,
        bookmarks_put,
        bookmarks_removed,
        candidates_put,
        candidates_done,
        dialogue,
        tap_used,
        sale,
        passes,
        down,
        outbox_put,
        outbox_done,
        answer,
    } = commit;

    raise_version(tx, customer, expect_version, profile.as_ref(), affinity.as_deref()).await?;
    if outbox::finish(tx, &outbox_done).await? != u64::try_from(outbox_done.len()).unwrap_or(u64::MAX) {
        return Err(StoreError::Stale);
    }
    if let Some(TapUse { store, nonce, expires_at }) = &tap_used
        && !visit::use_code(tx, store, *nonce, *expires_at).await?
    {
        return Err(StoreError::CodeUsed);
    }
    if let Some(Sale { source_ref, hash, at, products }) = &sale {
        run!(tx, execute, "sale/insert.sql", source_ref.as_str(), customer, *hash, *at)?;
        offer::put_products(tx, products).await?;
    }
    for consent in &consents {
        insert_consent(tx, customer, consent).await?;
    }
    decision::insert(tx, &decisions).await?;
    put_messages(tx, customer, &cards_put, &sends, &candidates_put).await?;
    if !cards_removed.is_empty() {
        let cards: Vec<Uuid> = cards_removed.iter().map(|card| card.0).collect();
        run!(tx, execute, pair "card/remove", pg(cards, customer, at), sqlite(Json(&cards_removed), customer, at))?;
    }
    for candidate in &sends_released {
        run!(tx, execute, "send/delete.sql", *candidate, customer)?;
    }
    for candidate in &candidates_done {
        run!(tx, execute, "candidate/delete.sql", *candidate, customer)?;
    }
    for OutcomeRow { channel, outcome, category, offer, at } in &outcomes {
        run!(tx, execute, "outcome/insert.sql", customer, channel.as_str(), word(outcome), category.as_deref(), *offer, *at)?;
    }
    for BookmarkRow { offer, at } in &bookmarks_put {
        run!(tx, execute, "bookmark/put.sql", customer, *offer, *at)?;
    }
    for offer in &bookmarks_removed {
        run!(tx, execute, "bookmark/delete.sql", customer, *offer)?;
    }
    if let Some(DialogueRow { dialogue, customer, store, display, offer, lines, done, at }) = &dialogue {
        run!(tx, execute, "dialogue/upsert.sql", *dialogue, *customer, store, display.as_ref(), *offer, Json(lines), *done, *at)?;
    }
    for (pass, expires_at) in &passes {
        visit::add_pass(tx, *pass, customer, *expires_at).await?;
    }
    if let Some(answer) = &answer {
        idempotency::put_in(tx, answer).await?;
    }
    let outbox = outbox::put(tx, places, outbox_put).await?;
    // Last, because a node's log is locked from here to the commit.
    let logged = down::enqueue(tx, &down).await?;
    Ok(Committed { version: expect_version + 1, logged, outbox })
}

async fn raise_version(
    tx: &mut Tx,
    customer: CustomerId,
    expect_version: u64,
    profile: Option<&ProfileRow>,
    affinity: Option<&[u8]>,
) -> Result<(), StoreError> {
    let raised = match profile {
        None => run!(tx, execute, "customer/bump.sql", customer, expect_version, affinity)?,
        Some(profile) => {
            let ProfileRow {
                customer: _,
                version: _,
                language,
                consent_epoch,
                paused_until,
                hurried,
                open_complaint,
                context,
                channels_off,
                created_at: _,
            } = profile;
            let (class, class_at) = context.as_ref().map_or((None, None), |(class, at)| (Some(word(class)), Some(*at)));
            run!(
                tx,
                execute,
                "customer/change.sql",
                customer,
                expect_version,
                affinity,
                *language,
                *consent_epoch,
                *paused_until,
                *hurried,
                *open_complaint,
                class,
                class_at,
                Json(channels_off)
            )?
        }
    };
    if raised == 1 { Ok(()) } else { Err(StoreError::Stale) }
}

async fn insert_consent(tx: &mut Tx, customer: CustomerId, row: &ConsentRow) -> Result<(), StoreError> {
    let ConsentRow {
        consent,
        purpose,
        channel,
        granted,
        legal_text,
        text_version,
        language,
        text_sha256,
        shown_sha256,
        method,
        occurred_at,
        recorded_at,
        expires_at,
        supersedes,
        epoch,
    } = row;
    run!(
        tx,
        execute,
        "consent/insert.sql",
        *consent,
        customer,
        purpose.as_str(),
        channel.as_deref(),
        *granted,
        legal_text.as_str(),
        *text_version,
        *language,
        *text_sha256,
        *shown_sha256,
        method.as_str(),
        *occurred_at,
        *recorded_at,
        *expires_at,
        *supersedes,
        *epoch
    )?;
    Ok(())
}

async fn put_messages(
    tx: &mut Tx,
    customer: CustomerId,
    cards: &[CardRow],
    sends: &[SendRow],
    candidates: &[CandidateRow],
) -> Result<(), StoreError> {
    if !cards.is_empty() {
        run!(tx, execute, pair "card/insert", customer, Json(cards))?;
    }
    if !sends.is_empty() {
        run!(tx, execute, pair "send/upsert", customer, Json(sends))?;
    }
    if !candidates.is_empty() {
        run!(tx, execute, pair "candidate/upsert", customer, Json(candidates))?;
    }
    Ok(())
}
