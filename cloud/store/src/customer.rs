//! A customer's rows: everything that the customer's one writer decides from, read in few statements.
//!
//! Owns the row types of tables `customer`, `consent`, `send`, `outcome`, `bookmark`, `card`, `candidate` and `dialogue`, and their reads.
//! Writes are one transaction, in [`crate::customer_commit`]. The version is read first: whoever commits between two of these reads makes
//! the reader's own commit stale.

use aisle_schemas::{
    http::cloud::{ContextClass, DialogueLine, MessageKind, Outcome},
    ids::{CampaignId, CandidateId, CardId, ConsentId, CustomerId, DialogueId, DisplayId, OfferId, StoreId, VisitId},
    text::{Language, LocalText},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::types::Json;

use crate::{
    db::{Conn, Db},
    error::StoreError,
    statement::{Bytes, Id, Num, Text, Word, instant, run},
    visit::{self, VisitRow},
};

/// Sends that are loaded: the rolling week of every cap and budget, and a day for clocks.
pub const SENDS_DAYS: i64 = 8;
/// Outcomes that are loaded, newest first: fatigue halves every seven days, so older ones weigh nothing.
pub const OUTCOMES_MAX: u32 = 200;

#[derive(Debug, Clone, PartialEq)]
pub struct ProfileRow {
    pub customer: CustomerId,
    /// Raised by every commit; compare-and-set on it keeps two writers apart.
    pub version: u64,
    pub language: Language,
    pub consent_epoch: u64,
    pub paused_until: Option<DateTime<Utc>>,
    pub hurried: bool,
    pub open_complaint: bool,
    /// Class as last reported, and when.
    pub context: Option<(ContextClass, DateTime<Utc>)>,
    pub channels_off: Vec<String>,
    pub created_at: DateTime<Utc>,
}

/// One declaration; rows are never changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsentRow {
    pub consent: ConsentId,
    pub purpose: String,
    pub channel: Option<String>,
    pub granted: bool,
    pub legal_text: String,
    pub text_version: u32,
    pub language: Language,
    pub text_sha256: [u8; 32],
    pub shown_sha256: Option<[u8; 32]>,
    pub method: String,
    pub occurred_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub supersedes: Option<ConsentId>,
    pub epoch: u64,
}

/// A message that was sent, or holds a reservation until `committed`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SendRow {
    pub candidate: CandidateId,
    pub channel: String,
    pub offer: Option<OfferId>,
    pub campaign: Option<CampaignId>,
    pub category: Option<String>,
    pub visit: Option<VisitId>,
    /// Attention cost in thousandths.
    pub cost_milli: u32,
    pub committed: bool,
    #[serde(serialize_with = "instant::serialize")]
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeRow {
    pub channel: String,
    pub outcome: Outcome,
    pub category: Option<String>,
    pub offer: Option<OfferId>,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct BookmarkRow {
    pub offer: OfferId,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardRow {
    pub card: CardId,
    pub offer: OfferId,
    pub offer_rev: u32,
    pub visit: Option<VisitId>,
    pub candidate: CandidateId,
    pub why: Vec<String>,
    pub score: f64,
    #[serde(serialize_with = "instant::serialize")]
    pub until: DateTime<Utc>,
    #[serde(serialize_with = "instant::serialize")]
    pub at: DateTime<Utc>,
    pub traceparent: Option<String>,
}

/// A message that is not finally judged: `due` is when to look at it next, and is its durable timer (AS-092).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CandidateRow {
    pub candidate: CandidateId,
    pub customer: CustomerId,
    pub kind: MessageKind,
    pub channel: String,
    pub offer: Option<OfferId>,
    pub category: Option<String>,
    pub title: LocalText,
    pub body: LocalText,
    pub relevance: Option<f64>,
    pub value: f64,
    #[serde(serialize_with = "instant::serialize")]
    pub valid_until: DateTime<Utc>,
    #[serde(serialize_with = "instant::serialize")]
    pub due: DateTime<Utc>,
    pub traceparent: Option<String>,
    #[serde(serialize_with = "instant::serialize")]
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DialogueRow {
    pub dialogue: DialogueId,
    pub customer: CustomerId,
    pub store: StoreId,
    pub display: Option<DisplayId>,
    pub offer: Option<OfferId>,
    pub lines: Vec<DialogueLine>,
    /// No choices are left.
    pub done: bool,
    pub at: DateTime<Utc>,
}

/// All of one customer that decisions need.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerRows {
    pub profile: ProfileRow,
    /// Oldest first.
    pub consents: Vec<ConsentRow>,
    /// Opaque; empty before the first update.
    pub affinity: Vec<u8>,
    /// Of the last [`SENDS_DAYS`], and all of the open visit; oldest first.
    pub sends: Vec<SendRow>,
    /// Newest first.
    pub outcomes: Vec<OutcomeRow>,
    pub bookmarks: Vec<BookmarkRow>,
    /// Neither removed nor over.
    pub cards: Vec<CardRow>,
    pub visit: Option<VisitRow>,
    pub last_visit: Option<VisitRow>,
    pub candidates: Vec<CandidateRow>,
    /// Candidates with a decision within the open visit.
    pub judged: Vec<CandidateId>,
}

/// Loads a customer; `None` where there is none.
pub async fn load(db: &Db, customer: CustomerId, now: DateTime<Utc>) -> Result<Option<CustomerRows>, StoreError> {
    let conn = &mut db.read().await?;
    let Some((profile, affinity)) = profile(conn, customer).await? else { return Ok(None) };
    let visit = visit::open_of_customer(conn, customer).await?;
    let open = visit.as_ref().map(|visit| visit.visit);
    let judged = match open {
        Some(visit) => judged(conn, customer, visit).await?,
        None => Vec::new(),
    };
    Ok(Some(CustomerRows {
        consents: consents(conn, customer).await?,
        sends: sends(conn, customer, now - TimeDelta::days(SENDS_DAYS), open).await?,
        outcomes: outcomes(conn, customer).await?,
        bookmarks: bookmarks(conn, customer).await?,
        cards: cards(conn, customer, now).await?,
        last_visit: visit::last_closed_of_customer(conn, customer).await?,
        candidates: candidates(conn, customer).await?,
        profile,
        affinity,
        visit,
        judged,
    }))
}

async fn profile(conn: &mut Conn, customer: CustomerId) -> Result<Option<(ProfileRow, Vec<u8>)>, StoreError> {
    type Row = (
        Id<CustomerId>,
        Num<u64>,
        Word<Language>,
        Num<u64>,
        Option<DateTime<Utc>>,
        bool,
        bool,
        Option<Word<ContextClass>>,
        Option<DateTime<Utc>>,
        Json<Vec<String>>,
        Vec<u8>,
        DateTime<Utc>,
    );
    let row: Option<Row> = run!(conn, fetch_optional: Row, "customer/profile.sql", customer)?;
    Ok(row.map(|row| {
        let (
            Id(customer),
            Num(version),
            Word(language),
            Num(consent_epoch),
            paused_until,
            hurried,
            open_complaint,
            class,
            class_at,
            off,
            affinity,
            created_at,
        ) = row;
        let context = class.map(|Word(class)| class).zip(class_at);
        let Json(channels_off) = off;
        let profile = ProfileRow {
            customer,
            version,
            language,
            consent_epoch,
            paused_until,
            hurried,
            open_complaint,
            context,
            channels_off,
            created_at,
        };
        (profile, affinity)
    }))
}

/// All declarations of a customer, oldest first.
pub async fn consents(conn: &mut Conn, customer: CustomerId) -> Result<Vec<ConsentRow>, StoreError> {
    type Row = (
        Id<ConsentId>,
        String,
        Option<String>,
        bool,
        String,
        Num<u32>,
        Word<Language>,
        Bytes<[u8; 32]>,
        Option<Bytes<[u8; 32]>>,
        String,
        DateTime<Utc>,
        DateTime<Utc>,
        Option<DateTime<Utc>>,
        Option<Id<ConsentId>>,
        Num<u64>,
    );
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "consent/of_customer.sql", customer)?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let (
                Id(consent),
                purpose,
                channel,
                granted,
                legal_text,
                version,
                language,
                text_sha256,
                shown_sha256,
                method,
                occurred_at,
                recorded_at,
                expires_at,
                supersedes,
                epoch,
            ) = row;
            ConsentRow {
                consent,
                purpose,
                channel,
                granted,
                legal_text,
                text_version: version.0,
                language: language.0,
                text_sha256: text_sha256.0,
                shown_sha256: shown_sha256.map(|Bytes(hash)| hash),
                method,
                occurred_at,
                recorded_at,
                expires_at,
                supersedes: supersedes.map(|Id(id)| id),
                epoch: epoch.0,
            }
        })
        .collect())
}

async fn judged(conn: &mut Conn, customer: CustomerId, visit: VisitId) -> Result<Vec<CandidateId>, StoreError> {
    let rows: Vec<(Id<CandidateId>,)> = run!(conn, fetch_all: (Id<CandidateId>,), "decision/judged.sql", visit, customer)?;
    Ok(rows.into_iter().map(|(Id(candidate),)| candidate).collect())
}

async fn sends(conn: &mut Conn, customer: CustomerId, since: DateTime<Utc>, open: Option<VisitId>) -> Result<Vec<SendRow>, StoreError> {
    type Row = (
        Id<CandidateId>,
        String,
        Option<Id<OfferId>>,
        Option<Id<CampaignId>>,
        Option<String>,
        Option<Id<VisitId>>,
        Num<u32>,
        bool,
        DateTime<Utc>,
    );
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "send/of_customer.sql", customer, since, open)?;
    let row = |(Id(candidate), channel, offer, campaign, category, visit, Num(cost_milli), committed, at): Row| SendRow {
        candidate,
        channel,
        offer: offer.map(|Id(id)| id),
        campaign: campaign.map(|Id(id)| id),
        category,
        visit: visit.map(|Id(id)| id),
        cost_milli,
        committed,
        at,
    };
    Ok(rows.into_iter().map(row).collect())
}

async fn outcomes(conn: &mut Conn, customer: CustomerId) -> Result<Vec<OutcomeRow>, StoreError> {
    type Row = (String, Word<Outcome>, Option<String>, Option<Id<OfferId>>, DateTime<Utc>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "outcome/newest.sql", customer, OUTCOMES_MAX)?;
    let row =
        |(channel, Word(outcome), category, offer, at): Row| OutcomeRow { channel, outcome, category, offer: offer.map(|Id(id)| id), at };
    Ok(rows.into_iter().map(row).collect())
}

async fn bookmarks(conn: &mut Conn, customer: CustomerId) -> Result<Vec<BookmarkRow>, StoreError> {
    type Row = (Id<OfferId>, DateTime<Utc>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "bookmark/of_customer.sql", customer)?;
    Ok(rows.into_iter().map(|(Id(offer), at)| BookmarkRow { offer, at }).collect())
}

async fn cards(conn: &mut Conn, customer: CustomerId, now: DateTime<Utc>) -> Result<Vec<CardRow>, StoreError> {
    type Row = (
        Id<CardId>,
        Id<OfferId>,
        Num<u32>,
        Option<Id<VisitId>>,
        Id<CandidateId>,
        Json<Vec<String>>,
        f64,
        DateTime<Utc>,
        DateTime<Utc>,
        Option<String>,
    );
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "card/live.sql", customer, now)?;
    let row = |(Id(card), Id(offer), Num(offer_rev), visit, Id(candidate), Json(why), score, until, at, traceparent): Row| CardRow {
        card,
        offer,
        offer_rev,
        visit: visit.map(|Id(id)| id),
        candidate,
        why,
        score,
        until,
        at,
        traceparent,
    };
    Ok(rows.into_iter().map(row).collect())
}

async fn candidates(conn: &mut Conn, customer: CustomerId) -> Result<Vec<CandidateRow>, StoreError> {
    type Row = (
        Id<CandidateId>,
        Word<MessageKind>,
        String,
        Option<Id<OfferId>>,
        Option<String>,
        Json<LocalText>,
        Json<LocalText>,
        Option<f64>,
        f64,
        DateTime<Utc>,
        DateTime<Utc>,
        Option<String>,
        DateTime<Utc>,
    );
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "candidate/of_customer.sql", customer)?;
    let row = |(
        Id(candidate),
        Word(kind),
        channel,
        offer,
        category,
        Json(title),
        Json(body),
        relevance,
        value,
        valid_until,
        due,
        traceparent,
        at,
    ): Row| {
        CandidateRow {
            candidate,
            customer,
            kind,
            channel,
            offer: offer.map(|Id(id)| id),
            category,
            title,
            body,
            relevance,
            value,
            valid_until,
            due,
            traceparent,
            at,
        }
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Candidates whose next look is due, soonest first.
pub async fn due_candidates(conn: &mut Conn, now: DateTime<Utc>, limit: u32) -> Result<Vec<(CustomerId, CandidateId)>, StoreError> {
    type Row = (Id<CustomerId>, Id<CandidateId>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "candidate/due.sql", now, limit)?;
    Ok(rows.into_iter().map(|(Id(customer), Id(candidate))| (customer, candidate)).collect())
}

/// When the next candidate is due.
pub async fn next_due(conn: &mut Conn) -> Result<Option<DateTime<Utc>>, StoreError> {
    let (due,): (Option<DateTime<Utc>>,) = run!(conn, fetch_one: (Option<DateTime<Utc>>,), "candidate/next_due.sql")?;
    Ok(due)
}

/// The version of what is stored of a customer; `None` where there is no such customer.
pub async fn version(conn: &mut Conn, customer: CustomerId) -> Result<Option<u64>, StoreError> {
    let row: Option<(Num<u64>,)> = run!(conn, fetch_optional: (Num<u64>,), "customer/version.sql", customer)?;
    Ok(row.map(|(Num(version),)| version))
}

/// A dialogue.
pub async fn dialogue(conn: &mut Conn, dialogue: DialogueId) -> Result<Option<DialogueRow>, StoreError> {
    type Row = (
        Id<DialogueId>,
        Id<CustomerId>,
        Text<StoreId>,
        Option<Text<DisplayId>>,
        Option<Id<OfferId>>,
        Json<Vec<DialogueLine>>,
        bool,
        DateTime<Utc>,
    );
    let row: Option<Row> = run!(conn, fetch_optional: Row, "dialogue/find.sql", dialogue)?;
    Ok(row.map(|(Id(dialogue), Id(customer), Text(store), display, offer, Json(lines), done, at)| DialogueRow {
        dialogue,
        customer,
        store,
        display: display.map(|Text(display)| display),
        offer: offer.map(|Id(offer)| offer),
        lines,
        done,
        at,
    }))
}

/// Customers with a visit or a sign-in since then, for dry runs.
pub async fn recent(conn: &mut Conn, since: DateTime<Utc>, limit: u32) -> Result<Vec<CustomerId>, StoreError> {
    let rows: Vec<(Id<CustomerId>,)> = run!(conn, fetch_all: (Id<CustomerId>,), "customer/recent.sql", since, limit)?;
    Ok(rows.into_iter().map(|(Id(customer),)| customer).collect())
}

/// All open visits with a known customer, oldest first: what a starting instance keeps leases for.
pub async fn open_visits(conn: &mut Conn) -> Result<Vec<(CustomerId, VisitId, StoreId)>, StoreError> {
    type Row = (Id<CustomerId>, Id<VisitId>, Text<StoreId>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "customer/open_visits.sql")?;
    Ok(rows.into_iter().map(|(Id(customer), Id(visit), Text(store))| (customer, visit, store)).collect())
}

/// The hash of a sale that was taken under this reference.
pub async fn sale_hash(conn: &mut Conn, source_ref: &str) -> Result<Option<[u8; 32]>, StoreError> {
    let row: Option<(Bytes<[u8; 32]>,)> = run!(conn, fetch_optional: (Bytes<[u8; 32]>,), "sale/hash.sql", source_ref)?;
    Ok(row.map(|(Bytes(hash),)| hash))
}
