//! Signing in with a code by mail, and out.
//!
//! Owns the routes of sign-in. Takes an address or a code; emits a mail, or a session in a cookie. The answer never tells whether an address
//! is known. Guessing is bounded three times: tries per code, codes per address, requests per network address.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time},
    http::{StatusCode, header},
    web,
};
use aisle_cloud_core::identity::{
    CODE_WINDOW, EmailRefused, IdentifierHash, IdentifierKind, NormalEmail, SignIn, SignInCode, SignInSpent, SignInStep,
};
use aisle_schemas::{
    http::cloud::{SignInFinish, SignInStart},
    ids::{CustomerId, EventId},
    text::Language,
};
use aisle_store::{StoreError, sealed::NONCE_LEN, sign_in};
use rand::RngCore;

use super::{auth::Customer, extract::Body, serve::Trace};
use crate::{
    actors::customer::commands::profile::GetMe,
    fresh,
    problem::Refusal,
    session::{self, COOKIE, EMAIL_POLICY},
    shared::RateRule,
    state::Cloud,
};

/// Wait of a guess that met another guess at the same code.
const OTHER_GUESS_WAIT: Duration = Duration::from_secs(1);

/// The network address of a caller.
pub fn caller(request: &HttpRequest) -> String {
    request.peer_addr().map_or_else(|| "unknown".to_owned(), |address| address.ip().to_string())
}

async fn limit(cloud: &Cloud, request: &HttpRequest) -> Result<(), Refusal> {
    let rule = RateRule { name: "sign-in", burst: cloud.limits.sign_ins_per_minute, period: Duration::from_secs(60) };
    cloud.limit(rule, &caller(request)).await
}

/// Reads an address; the field is the same in every body.
pub fn parse_email(text: &str) -> Result<NormalEmail, Refusal> {
    NormalEmail::parse(text, EMAIL_POLICY).map_err(|refused| match refused {
        EmailRefused::Malformed | EmailRefused::TooLong | EmailRefused::Blocked => Refusal::invalid("/email", refused.to_string()),
    })
}

/// The identifier under which an address is known.
pub fn identifier(cloud: &Cloud, email: &NormalEmail) -> IdentifierHash {
    IdentifierHash::of(&cloud.keys.pepper, IdentifierKind::Email, email.expose())
}

/// `POST /v1/sign-in`
pub async fn start(cloud: web::Data<Cloud>, request: HttpRequest, Body(body): Body<SignInStart>) -> Result<HttpResponse, Refusal> {
    limit(&cloud, &request).await?;
    let email = parse_email(&body.email)?;
    let identifier = identifier(&cloud, &email);
    let now = cloud.now();
    let issued = {
        let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
        sign_in::issued(&mut connection, identifier.0, now - CODE_WINDOW).await.map_err(Refusal::unavailable)?
    };
    let code = SignInCode::from_draw(fresh::draw());
    let challenge = SignIn::open(fresh::id(now, EventId::new), identifier, &cloud.keys.pepper, &code, &issued, now)
        .map_err(|refused| Refusal::too_many((refused.retry_at - now).to_std().unwrap_or(Duration::from_secs(1))))?;
    let row = sign_in::SignInRow {
        id: challenge.id,
        identifier: identifier.0,
        code_hash: challenge.code_hash,
        tries_left: challenge.tries_left,
        issued_at: now,
        expires_at: challenge.expires_at,
    };
    sign_in::open(&cloud.db, row).await.map_err(Refusal::unavailable)?;
    cloud.mailer.send_code(&email, &code, body.language, now).await.map_err(Refusal::unavailable)?;
    Ok(HttpResponse::Accepted().finish())
}

fn wrong_code() -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "wrong_code").field("/code").detail("this code is wrong")
}

/// `POST /v1/sign-in/code`
pub async fn finish(cloud: web::Data<Cloud>, request: HttpRequest, Body(body): Body<SignInFinish>) -> Result<HttpResponse, Refusal> {
    limit(&cloud, &request).await?;
    let email = parse_email(&body.email)?;
    let code = SignInCode::parse(&body.code).ok_or_else(|| Refusal::invalid("/code", "has six digits"))?;
    let identifier = identifier(&cloud, &email);
    let now = cloud.now();
    let row = {
        let mut connection = cloud.db.read().await.map_err(Refusal::unavailable)?;
        sign_in::find(&mut connection, identifier.0).await.map_err(Refusal::unavailable)?.ok_or_else(wrong_code)?
    };
    let challenge = SignIn {
        id: row.id,
        identifier: IdentifierHash(row.identifier),
        code_hash: row.code_hash,
        expires_at: row.expires_at,
        tries_left: row.tries_left,
    };
    // The try is taken before the code is looked at: of many guesses sent at once, each that is looked at has cost one.
    let left = row.tries_left.checked_sub(1);
    let taken = match left {
        Some(left) => sign_in::count_try(&cloud.db, row.id, row.tries_left, left).await.map_err(Refusal::unavailable)?,
        None => return spent(&cloud, row.id, SignInSpent::TooManyTries).await,
    };
    if !taken {
        return Err(Refusal::too_many(OTHER_GUESS_WAIT));
    }
    match challenge.answer(&cloud.keys.pepper, &code, now) {
        SignInStep::Proved(identifier) => open_session(&cloud, &request, row.id, identifier, &email).await,
        SignInStep::Wrong(_) => Err(wrong_code()),
        SignInStep::Spent(why) => spent(&cloud, row.id, why).await,
    }
}

/// Ends a challenge that cannot be answered any more.
async fn spent(cloud: &Cloud, challenge: EventId, why: SignInSpent) -> Result<HttpResponse, Refusal> {
    sign_in::spend(&cloud.db, challenge).await.map_err(Refusal::unavailable)?;
    let code = match why {
        SignInSpent::Expired => "expired",
        SignInSpent::TooManyTries => "too_many_tries",
    };
    Err(Refusal::new(StatusCode::GONE, code).field("/code").detail("ask for a new code"))
}

async fn open_session(
    cloud: &Cloud,
    request: &HttpRequest,
    challenge: EventId,
    identifier: IdentifierHash,
    email: &NormalEmail,
) -> Result<HttpResponse, Refusal> {
    let now = cloud.now();
    let (token, token_hash) = session::new_token();
    let customer = fresh::id(now, CustomerId::new);
    let mut nonce = [0; NONCE_LEN];
    rand::rng().fill_bytes(&mut nonce);
    let new =
        sign_in::NewCustomer { customer, sealed: cloud.seal.seal(nonce, customer, email.expose()), language: preferred_language(request) };
    let opened = sign_in::NewSession { token_hash, identifier: identifier.0, created_at: now, expires_at: now + session::LIFE };
    let (customer, new) = sign_in::prove(&cloud.db, challenge, opened, new).await.map_err(|error| match error {
        StoreError::Stale => wrong_code(),
        error => Refusal::unavailable(error),
    })?;
    let roles = cloud.sessions.roles(identifier.0);
    let me = cloud.customers.ask(customer, GetMe { roles, new }, Trace::of(request)).await?;
    Ok(HttpResponse::Ok().cookie(cookie(cloud, token, session::LIFE.num_seconds())).json(me))
}

/// Language of a new account, until its owner sets another.
fn preferred_language(request: &HttpRequest) -> Language {
    let header = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header.split(',').find_map(|part| Language::parse(part.trim().get(..2)?)).unwrap_or_default()
}

fn cookie(cloud: &Cloud, token: String, life_s: i64) -> Cookie<'static> {
    Cookie::build(COOKIE, token)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(cloud.settings.secure)
        .max_age(time::Duration::seconds(life_s))
        .finish()
}

/// `POST /v1/sign-out`
pub async fn end(cloud: web::Data<Cloud>, customer: Customer) -> Result<HttpResponse, Refusal> {
    cloud.sessions.end(&customer.0).await.map_err(Refusal::unavailable)?;
    Ok(HttpResponse::NoContent().cookie(cookie(&cloud, String::new(), 0)).finish())
}
