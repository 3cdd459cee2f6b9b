//! Digital handshake, the phone's side: who offers, claim, consent, end, receipt; and what customers tell about themselves.
//!
//! Owns these routes. A claim is decided by the store's node, which alone knows the code: it is handed over to the node's open call and
//! answered by it while the phone waits. Consent is committed here before the store hears of it. On failure: the codes of TOUCHPOINTS 5;
//! a store that does not answer is `store_away`, and nothing happened.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use aisle_cloud_core::consent::{Purpose, TextStanding};
use aisle_cloud_core::consultation::{self as rules, Event, GrantRefused, MINUTES, Recipient, Record, SHARED, Shown};
use aisle_schemas::{
    handshake::{HandshakeId, Lease},
    http::cloud::{
        AboutMe, HandshakeClaim, HandshakeClaimed, HandshakeFacts, HandshakeGrant, HandshakeGranted, HandshakeReceipt, HandshakeState,
        RelayAsk, RelayAskKind,
    },
    ids::{CustomerId, EventId},
};
use aisle_store::{
    StoreError,
    consultation::{self, Granted, HandshakeRow, NewRecord},
    sealed::NONCE_LEN,
};
use ed25519_dalek::Signer as _;
use rand::RngCore as _;
use serde::{Deserialize, Serialize};

use super::{
    auth::Customer,
    extract::{Body, path_part},
};
use crate::{
    actors::customer::{
        change,
        commands::handshake::{GetSharer, Sharer},
    },
    fresh,
    problem::Refusal,
    shared::{Channel, Live, RateRule},
    state::Cloud,
    wire,
};

/// How long a phone waits for its store: less than it waits for us, so that it hears why.
const STORE_PATIENCE: Duration = Duration::from_secs(8);
/// Times that a record is made anew because another one of the same customer took its place in their chain.
const PLACE_TRIES: usize = 8;
/// Open handshakes of one customer that a withdrawal ends at a time: more than anybody has, for each needs a tablet in front of them.
const OPEN_MAX: u32 = 100;
/// Claims of one customer per minute: more than a person scans, fewer than it takes to guess.
const CLAIMS_PER_MINUTE: u32 = 10;

type Answer = Result<HttpResponse, Refusal>;

fn refused(code: &'static str, detail: &'static str) -> Refusal {
    Refusal::conflict(code).detail(detail)
}
fn not_open() -> Refusal {
    refused("not_open", "the handshake is not at this step")
}

async fn find(cloud: &Cloud, request: &HttpRequest) -> Result<HandshakeRow, Refusal> {
    let id: HandshakeId = path_part(request, "handshake")?;
    let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
    let row = consultation::find(&mut connection, id).await.map_err(Refusal::unavailable)?;
    row.ok_or_else(|| Refusal::not_found("handshake"))
}

/// A handshake that this customer claimed; to everybody else it does not exist.
async fn own(cloud: &Cloud, request: &HttpRequest, customer: &Customer) -> Result<HandshakeRow, Refusal> {
    let row = find(cloud, request).await?;
    if row.customer == Some(customer.id()) { Ok(row) } else { Err(Refusal::not_found("handshake")) }
}

/// The state as it is now: time ends a handshake also where its store is away.
fn state_of(cloud: &Cloud, row: &HandshakeRow) -> HandshakeState {
    let now = cloud.now();
    match row.state {
        HandshakeState::Offered if row.expires_at <= now => HandshakeState::Over,
        HandshakeState::Active if row.until.is_none_or(|until| until <= now) => HandshakeState::Over,
        state @ (HandshakeState::Offered | HandshakeState::Claimed | HandshakeState::Active | HandshakeState::Over) => state,
    }
}

/// `GET /v1/handshakes/{handshake}`
pub async fn facts(cloud: web::Data<Cloud>, _customer: Customer, request: HttpRequest) -> Answer {
    let row = find(&cloud, &request).await?;
    let state = state_of(&cloud, &row);
    let offer = row.offer;
    Ok(HttpResponse::Ok().json(HandshakeFacts {
        handshake: row.id,
        store_name: cloud.settings.store_name(&row.store),
        store: row.store,
        staff: offer.staff,
        wanted: offer.wanted,
        shared: SHARED.to_vec(),
        minutes: MINUTES.to_vec(),
        reason: offer.reason,
        commit: offer.commit,
        expires_at: row.expires_at,
        state,
    }))
}

/// What a node answered to a claim.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoreAnswer {
    pub nonce: Option<String>,
    pub refused: Option<String>,
}

/// Puts a question on the way to the store.
async fn put(cloud: &Cloud, handshake: HandshakeId, ask: &RelayAsk) -> Result<(), Refusal> {
    let data = serde_json::to_string(ask).expect("texts and ids are JSON");
    let event = Live { kind: "ask", store: None, data };
    cloud.shared.publish(&Channel::Handshake(handshake), event, cloud.now()).await.map_err(Refusal::unavailable)
}

/// Says something to the store that needs no answer: the store finds out at its next renewal, should it get lost.
async fn say(cloud: &Cloud, handshake: HandshakeId, what: RelayAskKind) {
    let ask = RelayAsk { ask: fresh::id(cloud.now(), EventId::new), what };
    if let Err(refusal) = put(cloud, handshake, &ask).await {
        tracing::warn!(code = refusal.code(), "a store hears of a handshake at its next renewal");
    }
}

async fn answered(cloud: &Cloud, handshake: HandshakeId, what: RelayAskKind) -> Result<StoreAnswer, Refusal> {
    let away = || {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "store_away").detail("the store does not answer").retry_after(Duration::from_secs(2))
    };
    let ask = RelayAsk { ask: fresh::id(cloud.now(), EventId::new), what };
    let mut answers = cloud.shared.subscribe(&Channel::Ask(ask.ask), None, cloud.now()).await.map_err(Refusal::unavailable)?.events;
    put(cloud, handshake, &ask).await?;
    let event = tokio::time::timeout(STORE_PATIENCE, answers.recv()).await.map_err(|_| away())?.ok_or_else(away)?;
    serde_json::from_str(&event.data).map_err(Refusal::unavailable)
}

/// `POST /v1/handshakes/{handshake}/claim`
pub async fn claim(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest, Body(body): Body<HandshakeClaim>) -> Answer {
    let rule = RateRule { name: "handshake-claims", burst: CLAIMS_PER_MINUTE, period: Duration::from_secs(60) };
    cloud.limit(rule, &customer.id().to_string()).await?;
    let row = find(&cloud, &request).await?;
    // What is over has nobody who could answer.
    match state_of(&cloud, &row) {
        HandshakeState::Offered | HandshakeState::Claimed => {}
        HandshakeState::Active => return Err(Refusal::conflict("code_used").field("/code")),
        HandshakeState::Over => return Err(Refusal::conflict("code_expired").field("/code")),
    }
    let Sharer { visit, language } = cloud.customers.ask(customer.id(), GetSharer, None).await?;
    let (visit, store) = visit.ok_or_else(|| refused("no_session", "check in at the store first"))?;
    if store != row.store {
        return Err(refused("not_in_store", "you are checked in at another store"));
    }
    let HandshakeClaim { code, nonce } = body;
    let StoreAnswer { nonce, refused: code } = answered(&cloud, row.id, RelayAskKind::Claim { code, visit, nonce, language }).await?;
    let Some(nonce) = nonce else {
        return Err(Refusal::conflict(store_code(code.as_deref())).field("/code"));
    };
    match consultation::claim(&cloud.db, row.id, customer.id(), visit).await {
        Ok(()) => Ok(HttpResponse::Ok().json(HandshakeClaimed { nonce })),
        Err(StoreError::Stale) => Err(Refusal::conflict("code_used").field("/code")),
        Err(error) => Err(Refusal::unavailable(error)),
    }
}

/// The store's reason, if it is one of ours.
fn store_code(code: Option<&str>) -> &'static str {
    const KNOWN: [&str; 6] = ["code_expired", "code_used", "not_in_store", "no_session", "too_many_tries", "not_open"];
    KNOWN.into_iter().find(|known| Some(*known) == code).unwrap_or("not_open")
}

/// `POST /v1/handshakes/{handshake}/attend`
pub async fn attend(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest) -> Answer {
    let row = own(&cloud, &request, &customer).await?;
    say(&cloud, row.id, RelayAskKind::Attend).await;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /v1/handshakes/{handshake}/deny`
pub async fn deny(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest) -> Answer {
    let row = own(&cloud, &request, &customer).await?;
    if state_of(&cloud, &row) != HandshakeState::Claimed {
        return Err(not_open());
    }
    // The store first: a no holds there whatever the database does.
    say(&cloud, row.id, RelayAskKind::Deny).await;
    end(&cloud, &row, Event::Refused, "denied").await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /v1/handshakes/{handshake}/grant`
pub async fn grant(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest, Body(body): Body<HandshakeGrant>) -> Answer {
    let row = own(&cloud, &request, &customer).await?;
    let HandshakeGrant { jti, scopes, minutes, legal_text, version, language, shown_sha256 } = body;
    {
        let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
        if consultation::has_record(&mut connection, jti).await.map_err(Refusal::unavailable)? {
            return Err(refused("replay", "this grant was used before").field("/jti"));
        }
    }
    match state_of(&cloud, &row) {
        HandshakeState::Claimed | HandshakeState::Active => {}
        HandshakeState::Offered | HandshakeState::Over => return Err(not_open()),
    }
    let Sharer { visit, .. } = cloud.customers.ask(customer.id(), GetSharer, None).await?;
    if visit.map(|(visit, _)| visit) != row.visit {
        return Err(refused("no_session", "the visit has ended"));
    }
    let now = cloud.now();
    let granted = rules::grant(&scopes, minutes, row.granted_at, now).map_err(|error| {
        let field = match error {
            GrantRefused::NothingShared | GrantRefused::ScopeUnknown => "/scopes",
            GrantRefused::Time => "/minutes",
            GrantRefused::Over => return not_open(),
        };
        Refusal::invalid(field, error.to_string())
    })?;
    let unpublished = || Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "text_not_published").field("/version");
    let text = wire::text_version(&legal_text, version, language).map_err(|_| unpublished())?;
    let catalogue = cloud.catalogue();
    let wording = catalogue.wording(&text).filter(|wording| wording.purpose == Purpose::InstoreContext.as_str());
    match catalogue.texts.standing(&text, now) {
        TextStanding::InForce | TextStanding::Compatible if wording.is_some() => {}
        TextStanding::InForce | TextStanding::Compatible | TextStanding::RenewalDue | TextStanding::NotPublished => {
            return Err(unpublished());
        }
    }
    let shown = Shown { legal_text, version, locale: language.as_str().to_owned(), sha256: shown_sha256 };
    let mut tries = 0;
    loop {
        let record = record(&cloud, &row, customer.id(), Event::Given, Some((shown.clone(), granted.clone())), jti).await?;
        match consultation::grant(&cloud.db, row.id, Granted { scopes: granted.scopes.clone(), until: granted.until, record }).await {
            Ok(()) => break,
            Err(StoreError::Conflict(conflict)) => {
                let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
                if consultation::has_record(&mut connection, jti).await.map_err(Refusal::unavailable)? {
                    return Err(refused("replay", "this grant was used before").field("/jti"));
                }
                tries += 1;
                if tries >= PLACE_TRIES {
                    return Err(Refusal::unavailable(StoreError::Conflict(conflict)));
                }
            }
            Err(StoreError::Stale) => return Err(not_open()),
            Err(error) => return Err(Refusal::unavailable(error)),
        }
    }
    let row = find(&cloud, &request).await?;
    if let Some(lease) = lease(&cloud, &row) {
        say(&cloud, row.id, RelayAskKind::Granted { lease: lease.encode(&cloud.keys.signing) }).await;
    }
    tell(&cloud, &row).await;
    Ok(HttpResponse::Created().json(HandshakeGranted { grant: jti, scopes: granted.scopes, until: granted.until }))
}

/// What the store may do now; none where nothing is granted.
pub fn lease(cloud: &Cloud, row: &HandshakeRow) -> Option<Lease> {
    let now = cloud.now();
    let until = row.until.filter(|until| *until > now && row.state == HandshakeState::Active)?;
    Some(Lease {
        grant: row.grant?,
        handshake: row.id,
        pseudonym: row.pseudonym,
        staff: row.offer.staff.staff.clone(),
        device: row.offer.device.clone(),
        device_sha256: row.offer.device_sha256.clone(),
        scopes: row.scopes.clone(),
        issued_at: now,
        expires_at: until,
        seq: row.seq,
    })
}

/// The next record of this customer's chain, signed.
async fn record(
    cloud: &Cloud,
    row: &HandshakeRow,
    customer: CustomerId,
    event: Event,
    granted: Option<(Shown, rules::Grant)>,
    id: EventId,
) -> Result<NewRecord, Refusal> {
    let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
    let newest = consultation::newest_record(&mut connection, customer).await.map_err(Refusal::unavailable)?;
    drop(connection);
    let at = cloud.now();
    let (shown, scopes, until) = match granted {
        Some((shown, rules::Grant { scopes, until })) => (Some(shown), scopes, Some(until)),
        None => (None, row.scopes.clone(), row.until),
    };
    let record = Record {
        id,
        handshake: row.id,
        pseudonym: row.pseudonym,
        controller: row.node.tenant.to_string(),
        recipient: Recipient {
            staff: row.offer.staff.staff.clone(),
            role: row.offer.staff.role.clone(),
            device: row.offer.device.to_string(),
            store: row.store.clone(),
        },
        event,
        scopes,
        shown,
        at,
        until,
        previous: newest.map(|(_, hash)| hash),
    }
    .canonical();
    let signature = cloud.keys.signing.sign(record.as_bytes()).to_bytes();
    let place = newest.map_or(1, |(place, _)| place + 1);
    Ok(NewRecord { id, customer, place, sha256: rules::hash(&record), record, signature, at })
}

/// Ends a handshake in the cloud, with its record, and tells the customer. A second end changes nothing.
pub async fn end(cloud: &Cloud, row: &HandshakeRow, event: Event, outcome: &'static str) -> Result<(), Refusal> {
    let mut tries = 0;
    let ended = loop {
        let record = match row.customer {
            Some(customer) => Some(record(cloud, row, customer, event, None, fresh::id(cloud.now(), EventId::new)).await?),
            None => None,
        };
        match consultation::end(&cloud.db, row.id, outcome, record, cloud.now()).await {
            // The record's id is new, so it is its place that another one took.
            Err(StoreError::Conflict(_)) if tries < PLACE_TRIES => tries += 1,
            ended => break ended.map_err(Refusal::unavailable)?,
        }
    };
    if ended {
        let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
        if let Some(row) = consultation::find(&mut connection, row.id).await.map_err(Refusal::unavailable)? {
            drop(connection);
            tell(cloud, &row).await;
        }
    }
    Ok(())
}

/// Shows the customer where the handshake stands, on their own stream.
async fn tell(cloud: &Cloud, row: &HandshakeRow) {
    let Some(customer) = row.customer else { return };
    let told = match receipt_of(cloud, row).await {
        Ok(receipt) => {
            let event = change::live("handshake", None, &receipt);
            cloud.shared.publish(&Channel::Customer(customer), event, cloud.now()).await.map_err(Refusal::unavailable)
        }
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = told {
        metrics::counter!("aisle_live_events_lost_total", "role" => "cloud").increment(1);
        tracing::warn!(code = refusal.code(), "a live event was not published");
    }
}

async fn receipt_of(cloud: &Cloud, row: &HandshakeRow) -> Result<HandshakeReceipt, Refusal> {
    let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
    let read = consultation::fields_read(&mut connection, row.id).await.map_err(Refusal::unavailable)?;
    let mut names: Vec<String> = read.into_iter().map(|(_, field)| field).collect();
    names.sort();
    names.dedup();
    Ok(HandshakeReceipt {
        handshake: row.id,
        store_name: cloud.settings.store_name(&row.store),
        staff: row.offer.staff.clone(),
        state: state_of(cloud, row),
        granted_at: row.granted_at,
        until: row.until,
        ended_at: row.ended_at,
        scopes: row.scopes.clone(),
        read: names,
    })
}

/// `POST /v1/handshakes/{handshake}/revoke`
pub async fn revoke(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest) -> Answer {
    let row = own(&cloud, &request, &customer).await?;
    stop(&cloud, &row).await?;
    receipt(cloud, customer, request).await
}

/// The customer stops it. The store hears of it first: whatever the database does, nothing more is shown.
async fn stop(cloud: &Cloud, row: &HandshakeRow) -> Result<(), Refusal> {
    say(cloud, row.id, RelayAskKind::Revoke).await;
    match (row.state, state_of(cloud, row)) {
        (HandshakeState::Claimed, _) => end(cloud, row, Event::Refused, "denied").await,
        (_, HandshakeState::Active) => end(cloud, row, Event::Withdrawn, "revoked").await,
        (HandshakeState::Active, _) => end(cloud, row, Event::Expired, "expired").await,
        (HandshakeState::Offered | HandshakeState::Over, _) => Ok(()),
    }
}

async fn open(cloud: &Cloud, customer: CustomerId) -> Result<Vec<HandshakeRow>, Refusal> {
    let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
    let ids = consultation::open_of_customer(&mut connection, customer, OPEN_MAX).await.map_err(Refusal::unavailable)?;
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        rows.extend(consultation::find(&mut connection, id).await.map_err(Refusal::unavailable)?);
    }
    Ok(rows)
}

/// The customer took back their consent to advice in the store (DOMAIN 10): with it goes what they share now.
pub async fn withdrawn(cloud: &Cloud, customer: CustomerId) -> Result<(), Refusal> {
    for row in open(cloud, customer).await? {
        stop(cloud, &row).await?;
    }
    Ok(())
}

/// What a customer shares now, for a page that has just come.
pub async fn shared_now(cloud: &Cloud, customer: CustomerId) -> Result<Option<HandshakeReceipt>, Refusal> {
    let active = open(cloud, customer).await?.into_iter().find(|row| state_of(cloud, row) == HandshakeState::Active);
    match active {
        Some(row) => receipt_of(cloud, &row).await.map(Some),
        None => Ok(None),
    }
}

/// `GET /v1/handshakes/{handshake}/receipt`
pub async fn receipt(cloud: web::Data<Cloud>, customer: Customer, request: HttpRequest) -> Answer {
    let row = own(&cloud, &request, &customer).await?;
    Ok(HttpResponse::Ok().json(receipt_of(&cloud, &row).await?))
}

/// What a customer told about themselves; nothing where they told nothing.
pub async fn about(cloud: &Cloud, customer: CustomerId) -> Result<AboutMe, Refusal> {
    let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
    let sealed = consultation::about_me(&mut connection, customer).await.map_err(Refusal::unavailable)?;
    let Some(sealed) = sealed else { return Ok(AboutMe::default()) };
    let text = cloud.seal.open(customer, &sealed).map_err(Refusal::unavailable)?;
    serde_json::from_str(&text).map_err(Refusal::unavailable)
}

/// `GET /v1/me/about`
pub async fn get_about(cloud: web::Data<Cloud>, customer: Customer) -> Answer {
    Ok(HttpResponse::Ok().json(about(&cloud, customer.id()).await?))
}

/// `PUT /v1/me/about`
pub async fn put_about(cloud: web::Data<Cloud>, customer: Customer, Body(body): Body<AboutMe>) -> Answer {
    let text = serde_json::to_string(&body).expect("texts are JSON");
    let mut nonce = [0; NONCE_LEN];
    rand::rng().fill_bytes(&mut nonce);
    let sealed = cloud.seal.seal(nonce, customer.id(), &text);
    consultation::put_about_me(&cloud.db, customer.id(), sealed, cloud.now()).await.map_err(Refusal::unavailable)?;
    Ok(HttpResponse::Ok().json(body))
}
