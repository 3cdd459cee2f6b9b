//! Offers, campaigns, products and legal texts.
//!
//! Owns tables `offer`, `offer_revision`, `campaign`, `product` and `legal_text`. Takes what their one writer decided; every revision ever
//! published is kept, so that an old card or play still says what was shown. A published legal text is never edited.

use std::collections::BTreeMap;

use aisle_schemas::{
    http::cloud::{LegalText, OfferDraft, OfferState},
    ids::{CampaignId, OfferId},
    offer::{Offer, Product},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use crate::{
    counter,
    db::{Conn, Db, Tx},
    down::{self, DownWrite, LoggedDown},
    error::StoreError,
    outbox::{self, OutboxNew, OutboxRow},
    statement::{Id, Num, Word, run, word},
};

/// Offers that are kept in memory and listed: more needs archiving, not a longer list.
pub const OFFERS_MAX: u32 = 10_000;

/// What is in force of an offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedOffer {
    pub offer: Offer,
    /// CEL; empty means everyone.
    pub rule: String,
    pub value_percent: u8,
    pub push: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct OfferRow {
    pub offer: OfferId,
    pub campaign: CampaignId,
    pub state: OfferState,
    pub rev: u32,
    pub draft: OfferDraft,
    pub published: Option<PublishedOffer>,
    pub changed_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignRow {
    pub campaign: CampaignId,
    pub name: String,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub cap_per_day: u32,
    pub paused: bool,
}

/// What to write at once.
#[derive(Debug, Clone)]
pub struct OfferCommit {
    /// Version that was decided from; the commit raises it by one.
    pub expect_version: u64,
    pub offers: Vec<OfferRow>,
    pub campaigns: Vec<CampaignRow>,
    pub down: Vec<DownWrite>,
    pub outbox_put: Vec<OutboxNew>,
    pub outbox_done: Vec<i64>,
    pub at: DateTime<Utc>,
}

/// Name and key of the version of everything published here.
const VERSION: (&str, &str) = ("catalogue", "version");

/// The version of everything published; read it first, so that what changes while the rest is read is read again.
pub async fn version(conn: &mut Conn) -> Result<u64, StoreError> {
    counter::value(conn, VERSION.0, VERSION.1).await
}

/// Commits offers, campaigns, the documents of nodes and what follows from them. Products of the offers are known from then on. `Stale` where
/// another instance has published since the version that the caller decided from.
pub async fn commit(db: &Db, commit: OfferCommit) -> Result<(Vec<LoggedDown>, Vec<OutboxRow>), StoreError> {
    let places = db.clone();
    db.write(move |tx| {
        Box::pin(async move {
            let OfferCommit { expect_version, offers, campaigns, down, outbox_put, outbox_done, at } = commit;
            if !counter::raise(tx, VERSION.0, VERSION.1, expect_version).await? {
                return Err(StoreError::Stale);
            }
            for CampaignRow { campaign, name, from, to, cap_per_day, paused } in &campaigns {
                run!(tx, execute, "campaign/upsert.sql", *campaign, name.as_str(), *from, *to, *cap_per_day, *paused)?;
            }
            for OfferRow { offer, campaign, state, rev, draft, published, changed_at } in &offers {
                run!(
                    tx,
                    execute,
                    "offer/upsert.sql",
                    *offer,
                    *campaign,
                    word(state),
                    *rev,
                    Json(draft),
                    published.as_ref().map(Json),
                    *changed_at
                )?;
                if let Some(published) = published {
                    run!(tx, execute, "offer/keep_revision.sql", *offer, published.offer.rev, Json(published), at)?;
                }
                put_products(tx, std::slice::from_ref(&draft.product)).await?;
            }
            outbox::finish(tx, &outbox_done).await?;
            let outbox = outbox::put(tx, &places, outbox_put).await?;
            Ok((down::enqueue(tx, &down).await?, outbox))
        })
    })
    .await
}

/// All offers, last changed first, at most [`OFFERS_MAX`].
pub async fn all(conn: &mut Conn) -> Result<Vec<OfferRow>, StoreError> {
    type Row = (Id<OfferId>, Id<CampaignId>, Word<OfferState>, Num<u32>, Json<OfferDraft>, Option<Json<PublishedOffer>>, DateTime<Utc>);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "offer/all.sql", OFFERS_MAX)?;
    let row = |(Id(offer), Id(campaign), Word(state), Num(rev), Json(draft), published, changed_at): Row| OfferRow {
        offer,
        campaign,
        state,
        rev,
        draft,
        published: published.map(|Json(published)| published),
        changed_at,
    };
    Ok(rows.into_iter().map(row).collect())
}

/// What a revision said when it was published.
pub async fn revision(conn: &mut Conn, offer: OfferId, rev: u32) -> Result<Option<PublishedOffer>, StoreError> {
    let row: Option<(Json<PublishedOffer>,)> = run!(conn, fetch_optional: (Json<PublishedOffer>,), "offer/revision.sql", offer, rev)?;
    Ok(row.map(|(Json(published),)| published))
}

/// Cards and plays of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OfferCounts {
    pub cards: u32,
    pub plays: u32,
}

/// Cards and plays per offer since then.
pub async fn counts(conn: &mut Conn, since: DateTime<Utc>) -> Result<BTreeMap<OfferId, OfferCounts>, StoreError> {
    type Row = (Id<OfferId>, Num<u32>);
    let mut counts: BTreeMap<OfferId, OfferCounts> = BTreeMap::new();
    let cards: Vec<Row> = run!(conn, fetch_all: Row, "offer/cards_since.sql", since)?;
    for (Id(offer), Num(cards)) in cards {
        counts.entry(offer).or_default().cards = cards;
    }
    let plays: Vec<Row> = run!(conn, fetch_all: Row, "offer/plays_since.sql", since)?;
    for (Id(offer), Num(plays)) in plays {
        counts.entry(offer).or_default().plays = plays;
    }
    Ok(counts)
}

/// All campaigns, oldest first.
pub async fn campaigns(conn: &mut Conn) -> Result<Vec<CampaignRow>, StoreError> {
    type Row = (Id<CampaignId>, String, DateTime<Utc>, DateTime<Utc>, Num<u32>, bool);
    let rows: Vec<Row> = run!(conn, fetch_all: Row, "campaign/all.sql")?;
    let row = |(Id(campaign), name, from, to, Num(cap_per_day), paused): Row| CampaignRow { campaign, name, from, to, cap_per_day, paused };
    Ok(rows.into_iter().map(row).collect())
}

/// Makes products known, or renews what is known of them.
pub async fn put_products(tx: &mut Tx, products: &[Product]) -> Result<(), StoreError> {
    for product in products {
        run!(tx, execute, "product/upsert.sql", &product.sku, Json(product))?;
    }
    Ok(())
}

/// All products known, by sku.
pub async fn products(conn: &mut Conn) -> Result<Vec<Product>, StoreError> {
    let rows: Vec<(Json<Product>,)> = run!(conn, fetch_all: (Json<Product>,), "product/all.sql")?;
    Ok(rows.into_iter().map(|(Json(product),)| product).collect())
}

/// Publishes a legal text; `Conflict` where this id, version and language was published before.
pub async fn publish_legal_text(db: &Db, text: LegalText) -> Result<(), StoreError> {
    db.write(move |tx| {
        Box::pin(async move {
            run!(tx, execute, "legal_text/insert.sql", text.id.as_str(), text.version, text.language, Json(&text))?;
            counter::add_in(tx, VERSION.0, VERSION.1, 1).await
        })
    })
    .await
}

/// All legal texts ever published.
pub async fn legal_texts(conn: &mut Conn) -> Result<Vec<LegalText>, StoreError> {
    let rows: Vec<(Json<LegalText>,)> = run!(conn, fetch_all: (Json<LegalText>,), "legal_text/all.sql")?;
    Ok(rows.into_iter().map(|(Json(text),)| text).collect())
}
