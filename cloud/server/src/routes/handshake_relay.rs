//! Digital handshake, the store's side: what a node asks about a handshake of its tablets.
//!
//! Owns the one route, and who may call it: a node that proves to know its store's key, for this path, body and minute, and is enrolled. Takes
//! offers, answers and ends; emits the customer's questions, leases and sealed fields. Each field is entered in the audit before it leaves.
//! On failure: a refusal that says nothing about other stores' handshakes.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use aisle_cloud_core::consultation::Event;
use aisle_schemas::{
    blob::Proof,
    handshake::{HandshakeId, Scope},
    http::cloud::{HandshakeState, RelayAsk, RelayCall, RelayReply, SharedField, SharedFields},
    ids::{CustomerId, EventId, NodeId},
    relay::Caller,
};
use aisle_store::{
    consultation::{self, Announced, FieldsRead, HandshakeRow},
    content,
};

use super::{
    content::certified,
    extract::{self, path_part},
    handshake::{StoreAnswer, about, end, lease},
};
use crate::{
    actors::customer::commands::bookmark::GetBookmarks,
    fresh, handshake_seal,
    problem::Refusal,
    shared::{Channel, Cursor, Live, LiveEvent, RateRule, Replay},
    state::Cloud,
};

/// How long a call waits for a question: shorter than what proxies allow, so that it ends by itself.
const POLL_WAIT: Duration = Duration::from_secs(20);
/// Calls per node and minute: a store with a hundred consultations at a time makes fewer.
const CALLS_PER_MINUTE: u32 = 1_200;
/// Longest life of an offer as a store may claim it, with room for its clock.
const OFFER_MINUTES_MAX: i64 = 6;

/// `POST /v1/relay/handshakes/{handshake}`
pub async fn call(cloud: web::Data<Cloud>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Refusal> {
    let body = extract::read(payload.into_inner()).await?;
    let node = admit(&cloud, &request, &body).await?;
    let id: HandshakeId = path_part(&request, "handshake")?;
    let reply = answer(&cloud, &node, id, extract::parse::<RelayCall>(&body)?).await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(reply))
}

async fn admit(cloud: &Cloud, request: &HttpRequest, body: &[u8]) -> Result<NodeId, Refusal> {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let caller = given.and_then(Caller::parse).ok_or_else(Refusal::unauthorised)?;
    let info = cloud.settings.stores.get(&caller.node.store).filter(|info| info.node.tenant == caller.node.tenant);
    let Some(info) = info.filter(|_| caller.is_in_time(cloud.now())) else { return Err(Refusal::forbidden()) };
    let is_proven = match &caller.proof {
        Proof::StoreKey(_) if !caller.knows(&info.key, request.path(), body) => false,
        Proof::StoreKey(_) => {
            let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
            content::may_fetch(&mut connection, &caller.node).await.map_err(Refusal::unavailable)?
        }
        Proof::Certificate { fingerprint, signature } => {
            let claim = caller.claim(request.path(), body);
            certified(cloud, &caller.node, (*fingerprint, signature), &claim).await.map_err(Refusal::unavailable)?
        }
    };
    if !is_proven {
        return Err(Refusal::forbidden());
    }
    let rule = RateRule { name: "relay", burst: CALLS_PER_MINUTE, period: Duration::from_secs(60) };
    cloud.limit(rule, &caller.node.to_string()).await?;
    Ok(caller.node)
}

async fn answer(cloud: &Cloud, node: &NodeId, id: HandshakeId, call: RelayCall) -> Result<RelayReply, Refusal> {
    if let RelayCall::Announce { commit, staff, device, device_sha256, wanted, reason, expires_at } = call {
        let now = cloud.now();
        let latest = now + chrono::TimeDelta::minutes(OFFER_MINUTES_MAX);
        let offer = Announced { commit, staff, device, device_sha256, wanted, reason };
        let pseudonym = fresh::id(now, EventId::new);
        let named = (id, node.clone(), pseudonym);
        consultation::announce(&cloud.db, named, offer, (now, expires_at.min(latest))).await.map_err(Refusal::unavailable)?;
        let head = cloud.shared.subscribe(&Channel::Handshake(id), None, now).await.map_err(Refusal::unavailable)?.head;
        return Ok(RelayReply::Asks { asks: Vec::new(), after: head.to_string() });
    }
    let row = find(cloud, node, id).await?;
    match call {
        // Taken above.
        RelayCall::Announce { .. } => Ok(RelayReply::Done),
        RelayCall::Poll { after } => poll(cloud, id, after.parse().ok()).await,
        RelayCall::Answer { ask, nonce, refused } => {
            let data = serde_json::to_string(&StoreAnswer { nonce, refused }).expect("texts are JSON");
            let event = Live { kind: "answer", store: None, data };
            cloud.shared.publish(&Channel::Ask(ask), event, cloud.now()).await.map_err(Refusal::unavailable)?;
            Ok(RelayReply::Done)
        }
        RelayCall::Renew => {
            match row.state {
                // The customer has not decided: the store asks because our word of it may have been lost.
                HandshakeState::Offered | HandshakeState::Claimed => return Ok(RelayReply::Done),
                HandshakeState::Over => return Ok(RelayReply::Over),
                HandshakeState::Active => {}
            }
            if !consultation::renew(&cloud.db, id, cloud.now()).await.map_err(Refusal::unavailable)? {
                return Ok(RelayReply::Over);
            }
            let row = find(cloud, node, id).await?;
            Ok(lease(cloud, &row).map_or(RelayReply::Over, |lease| RelayReply::Lease { lease: lease.encode(&cloud.keys.signing) }))
        }
        RelayCall::Read { staff, device_sha256, scope, key } => read(cloud, &row, &staff, &device_sha256, (scope, &key)).await,
        RelayCall::End { outcome } => {
            let (event, outcome) = end_of(row.state, &outcome);
            end(cloud, &row, event, outcome).await?;
            Ok(RelayReply::Done)
        }
    }
}

/// What is recorded of an end that a store tells of. What was granted was not refused: the store that says so had not heard of the grant.
fn end_of(state: HandshakeState, outcome: &str) -> (Event, &'static str) {
    let granted = match state {
        HandshakeState::Active | HandshakeState::Over => true,
        HandshakeState::Offered | HandshakeState::Claimed => false,
    };
    match outcome {
        "expired" => (Event::Expired, "expired"),
        "revoked" => (Event::Withdrawn, "revoked"),
        "denied" if !granted => (Event::Refused, "denied"),
        "abandoned" if !granted => (Event::Refused, "abandoned"),
        "lapsed" if !granted => (Event::Ended, "lapsed"),
        _ => (Event::Ended, "ended"),
    }
}

async fn find(cloud: &Cloud, node: &NodeId, id: HandshakeId) -> Result<HandshakeRow, Refusal> {
    let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
    let row = consultation::find(&mut connection, id).await.map_err(Refusal::unavailable)?;
    row.filter(|row| row.node == *node).ok_or_else(|| Refusal::not_found("handshake"))
}

async fn poll(cloud: &Cloud, id: HandshakeId, after: Option<Cursor>) -> Result<RelayReply, Refusal> {
    let subscribed = cloud.shared.subscribe(&Channel::Handshake(id), after, cloud.now()).await.map_err(Refusal::unavailable)?;
    let head = subscribed.head;
    let waiting = match subscribed.replay {
        Replay::Newer(events) => events,
        // What was asked before is lost: the phone tries again, and the lease tells the rest.
        Replay::Fresh | Replay::TooOld => Vec::new(),
    };
    if !waiting.is_empty() {
        return asks(&waiting, head);
    }
    let mut events = subscribed.events;
    let mut stopping = cloud.stopping.clone();
    let next = tokio::select! {
        next = tokio::time::timeout(POLL_WAIT, events.recv()) => next.ok().flatten(),
        _ = stopping.wait_for(|stopping| *stopping) => None,
    };
    let come: Vec<LiveEvent> = next.into_iter().collect();
    asks(&come, head)
}

fn asks(events: &[LiveEvent], head: Cursor) -> Result<RelayReply, Refusal> {
    let after = events.last().map_or(head, |event| event.cursor.max(head));
    let asks: Result<Vec<RelayAsk>, _> = events.iter().map(|event| serde_json::from_str(&event.data)).collect();
    Ok(RelayReply::Asks { asks: asks.map_err(Refusal::unavailable)?, after: after.to_string() })
}

async fn read(
    cloud: &Cloud,
    row: &HandshakeRow,
    staff: &str,
    device_sha256: &str,
    (scope, key): (Scope, &str),
) -> Result<RelayReply, Refusal> {
    let refused = |code: &'static str| Refusal::new(StatusCode::FORBIDDEN, code);
    let now = cloud.now();
    let (Some(customer), true) = (row.customer, row.state == HandshakeState::Active && row.until.is_some_and(|until| until > now)) else {
        return Ok(RelayReply::Over);
    };
    if row.offer.staff.staff != staff || row.offer.device_sha256 != device_sha256 {
        return Err(refused("not_party"));
    }
    if !row.scopes.contains(&scope) {
        return Err(refused("insufficient_scope"));
    }
    let fields = SharedFields { scope, fields: fields(cloud, customer, scope).await? };
    let sealed = handshake_seal::seal(key, row.id, &fields).map_err(|error| Refusal::invalid("/key", error.to_string()))?;
    let named = fields.fields.iter().map(|field| (fresh::id(now, EventId::new), field.name.clone())).collect();
    let entry = FieldsRead { store: row.store.clone(), staff: staff.to_owned(), fields: named, at: now };
    consultation::enter_read(&cloud.db, row.id, entry).await.map_err(Refusal::unavailable)?;
    Ok(RelayReply::Sealed { sealed })
}

/// What a scope holds; each entry is a field of its own, with a name that tells nothing.
async fn fields(cloud: &Cloud, customer: CustomerId, scope: Scope) -> Result<Vec<SharedField>, Refusal> {
    let numbered = |place: usize, value: String, sku| SharedField { name: format!("{}.{place}", scope.as_str()), value, sku };
    Ok(match scope {
        Scope::DisplayName => {
            let name = about(cloud, customer).await?.display_name;
            name.into_iter().map(|value| SharedField { name: scope.as_str().to_owned(), value, sku: None }).collect()
        }
        Scope::Bookmarks => {
            let bookmarks = cloud.customers.ask(customer, GetBookmarks, None).await?.bookmarks;
            let marks = bookmarks.into_iter().enumerate();
            marks.map(|(place, mark)| numbered(place, mark.product.name.de, Some(mark.product.sku))).collect()
        }
        Scope::Wishlist => {
            let wishes = about(cloud, customer).await?.wishes.into_iter().enumerate();
            wishes.map(|(place, wish)| numbered(place, wish.text, wish.sku)).collect()
        }
        Scope::Sizes => {
            let sizes = about(cloud, customer).await?.sizes.into_iter().enumerate();
            sizes.map(|(place, size)| numbered(place, format!("{} {}", size.of, size.size), None)).collect()
        }
        // Nothing is kept under these; none can be granted.
        Scope::Cart | Scope::Purchases90d | Scope::PurchasesAll | Scope::NotesRead | Scope::NotesWrite | Scope::Contact => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_granted_is_never_recorded_as_refused() {
        for outcome in ["denied", "abandoned", "lapsed"] {
            assert_eq!(end_of(HandshakeState::Active, outcome), (Event::Ended, "ended"));
        }
        assert_eq!(end_of(HandshakeState::Claimed, "abandoned"), (Event::Refused, "abandoned"));
        assert_eq!(end_of(HandshakeState::Active, "expired"), (Event::Expired, "expired"));
    }
}
