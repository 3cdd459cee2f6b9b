//! Certificates for boxes: a claim for the first, the present one for the next.
//!
//! Owns the routes of enrolment and their limit per network address. The caller has no session: what it brings proves who it is. On
//! failure: a refusal, counted by its reason.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use aisle_schemas::http::cloud::{Enrolled, EnrolmentRequest, PEM_CHARS_MAX, RenewalRequest};

use super::{
    check::{Check, Faults},
    extract::Body,
    sign_in::caller,
};
use crate::{
    enrol::{EnrolRefused, Enroller},
    problem::Refusal,
    shared::RateRule,
    state::Cloud,
};

/// Requests per network address and minute: a store has one box, and a claim has 128 random bits.
const PER_MINUTE: u32 = 30;
/// Longest claim: its node's name and two texts in hex.
const CLAIM_CHARS_MAX: usize = 256;

impl Check for EnrolmentRequest {
    fn check(&self, faults: &mut Faults) {
        let Self { claim, request } = self;
        at_most(faults, "/claim", claim, CLAIM_CHARS_MAX);
        at_most(faults, "/request", request, PEM_CHARS_MAX);
    }
}

impl Check for RenewalRequest {
    fn check(&self, faults: &mut Faults) {
        let Self { certificate, request, signature } = self;
        at_most(faults, "/certificate", certificate, PEM_CHARS_MAX);
        at_most(faults, "/request", request, PEM_CHARS_MAX);
        at_most(faults, "/signature", signature, CLAIM_CHARS_MAX);
    }
}

fn at_most(faults: &mut Faults, field: &str, text: &str, max: usize) {
    if text.len() > max {
        faults.add(field, format!("must have at most {max} characters"));
    }
}

async fn enroller<'c>(cloud: &'c Cloud, request: &HttpRequest) -> Result<&'c Enroller, Refusal> {
    let rule = RateRule { name: "enrolment", burst: PER_MINUTE, period: Duration::from_secs(60) };
    cloud.limit(rule, &caller(request)).await?;
    cloud.enroller.as_ref().ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "enrolment_off").detail("this cloud has no authority"))
}

fn answer(outcome: Result<Enrolled, EnrolRefused>) -> Result<HttpResponse, Refusal> {
    let error = match outcome {
        Ok(enrolled) => {
            metrics::counter!("aisle_enrolments_total", "fate" => "given").increment(1);
            tracing::info!(node = %enrolled.node, not_after = %enrolled.not_after, "certificate given");
            return Ok(HttpResponse::Created().json(enrolled));
        }
        Err(error) => error,
    };
    let code = error.code();
    metrics::counter!("aisle_enrolments_total", "fate" => code).increment(1);
    tracing::warn!(error = &error as &dyn std::error::Error, "no certificate given");
    let text = error.to_string();
    Err(match error {
        EnrolRefused::Claim(error) => Refusal::invalid("/claim", error.to_string()),
        EnrolRefused::Request(_) => Refusal::invalid("/request", text),
        EnrolRefused::Certificate(_) => Refusal::invalid("/certificate", text),
        EnrolRefused::SignatureForm => Refusal::invalid("/signature", text),
        EnrolRefused::Unknown | EnrolRefused::NotOurs => Refusal::new(StatusCode::FORBIDDEN, code).detail(text),
        EnrolRefused::Expired | EnrolRefused::Used | EnrolRefused::Spent => Refusal::new(StatusCode::GONE, code).detail(text),
        EnrolRefused::TooEarly => Refusal::conflict(code).detail(text),
        EnrolRefused::Make(_) | EnrolRefused::Store(_) => Refusal::unavailable(error),
    })
}

/// `POST /v1/enrolments`
pub async fn claim(cloud: web::Data<Cloud>, request: HttpRequest, Body(body): Body<EnrolmentRequest>) -> Result<HttpResponse, Refusal> {
    let enroller = enroller(&cloud, &request).await?;
    answer(enroller.redeem(&body, cloud.now()).await)
}

/// `POST /v1/enrolments/renewals`
pub async fn renew(cloud: web::Data<Cloud>, request: HttpRequest, Body(body): Body<RenewalRequest>) -> Result<HttpResponse, Refusal> {
    let enroller = enroller(&cloud, &request).await?;
    answer(enroller.renew(&body, cloud.now()).await)
}
