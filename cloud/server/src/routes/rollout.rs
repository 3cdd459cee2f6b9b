//! Rollouts as staff begin, watch and stop them.
//!
//! Owns the routes of rollouts. Marketers and operators decide, all staff look; each decision stands in the audit with who made it. What
//! happens then, `rollouts` does. On failure: a refusal, and nothing has changed.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use aisle_cloud_core::rollout::{self as core, Phase, Progress, Reach, Reason, Rollout, Terms};
use aisle_schemas::{
    emergency,
    http::cloud::{
        Role, RolloutBody, RolloutDraft, RolloutPhase, RolloutProgress, RolloutReason, RolloutStore, RolloutView, Rollouts, WaveReach,
    },
    ids::{EventId, StoreId},
    record::Body as Record,
};
use aisle_store::{
    StoreError,
    audit::Actor,
    rollout::{self, NewRollout, RolloutRow, Step},
};

use super::{
    auth::Staff,
    check::{Check, Faults},
    content::media,
    extract::{Body, path_part},
};
use crate::{fresh, problem::Refusal, settings::Settings, state::Cloud};

/// Longest body of a document: a record has 32 KiB, its envelope included.
const BODY_BYTES_MAX: usize = 30 << 10;
/// Longest name of a rollout, in characters.
const NAME_CHARS_MAX: usize = 100;
/// Tries of a decision of staff against the machine's own steps, which are over in milliseconds.
const TRIES: usize = 5;

type Answer = Result<HttpResponse, Refusal>;

impl Check for RolloutDraft {
    fn check(&self, faults: &mut Faults) {
        let chars = self.name.chars().count();
        if self.name.chars().any(char::is_control) || !(1..=NAME_CHARS_MAX).contains(&chars) {
            faults.add("/name", "must be one line of 1 to 100 characters");
        }
    }
}

fn view(row: RolloutRow, settings: &Settings) -> RolloutView {
    let RolloutRow { rollout, name, key, body: _, version: _, made_by, made_at, ended_at, state } = row;
    let Rollout { terms, phase, wave, targets } = state;
    let Terms { per_minute, rejected_percent_max, applied_percent_min, patience_s } = terms;
    let (phase, reason) = match phase {
        Phase::Running => (RolloutPhase::Running, None),
        Phase::Paused => (RolloutPhase::Paused, None),
        Phase::RollingBack(reason) => (RolloutPhase::RollingBack, Some(reason)),
        Phase::Done => (RolloutPhase::Done, None),
        Phase::RolledBack(reason) => (RolloutPhase::RolledBack, Some(reason)),
    };
    let reason = reason.map(|reason| match reason {
        Reason::TooManyRejected => RolloutReason::TooManyRejected,
        Reason::NotConverged => RolloutReason::NotConverged,
        Reason::Staff => RolloutReason::Staff,
    });
    let number = |wave: usize| u32::try_from(wave).unwrap_or(u32::MAX);
    let stores = targets.into_iter().map(|target| {
        let set_at = core::set_at(&target.progress);
        let (progress, code) = match target.progress {
            Progress::Waiting => (RolloutProgress::Waiting, None),
            Progress::Set { at: _ } => (RolloutProgress::Set, None),
            Progress::Applied { at: _ } => (RolloutProgress::Applied, None),
            Progress::Rejected { at: _, code } => (RolloutProgress::Rejected, Some(code)),
            Progress::Restored => (RolloutProgress::Restored, None),
            Progress::Overtaken { at: _ } => (RolloutProgress::Overtaken, None),
        };
        let name = settings.store_name(&target.store);
        RolloutStore { store: target.store, name, wave: number(target.wave), progress, code, set_at }
    });
    RolloutView {
        rollout,
        name,
        key,
        phase,
        reason,
        wave: number(wave),
        per_minute,
        rejected_percent_max,
        applied_percent_min,
        patience_s,
        stores: stores.collect(),
        made_by,
        made_at,
        ended_at,
    }
}

/// `GET /v1/rollouts`
pub async fn list(cloud: web::Data<Cloud>, _staff: Staff) -> Answer {
    let rows = rollout::all(&mut cloud.db.read().await.map_err(Refusal::unavailable)?).await.map_err(Refusal::unavailable)?;
    Ok(HttpResponse::Ok().json(Rollouts { rollouts: rows.into_iter().map(|row| view(row, &cloud.settings)).collect() }))
}

async fn find(cloud: &Cloud, id: EventId) -> Result<RolloutRow, Refusal> {
    let row = rollout::find(&mut cloud.db.read().await.map_err(Refusal::unavailable)?, id).await.map_err(Refusal::unavailable)?;
    row.ok_or_else(|| Refusal::not_found("rollout"))
}

/// `GET /v1/rollouts/{rollout}`
pub async fn get(cloud: web::Data<Cloud>, _staff: Staff, request: HttpRequest) -> Answer {
    let row = find(&cloud, path_part(&request, "rollout")?).await?;
    Ok(HttpResponse::Ok().json(view(row, &cloud.settings)))
}

/// The document that a draft means: its key and its body.
async fn document(cloud: &Cloud, body: RolloutBody) -> Result<(String, Record), Refusal> {
    Ok(match body {
        RolloutBody::Screen(mut programme) => {
            programme.media = media(cloud, programme.images(), "/body").await?;
            (format!("screen/{}", programme.screen), Record::ScreenDesired(programme))
        }
        RolloutBody::Nfc(programme) => (format!("nfc/{}", programme.display), Record::NfcDesired(programme)),
        RolloutBody::Emergency(mut set) => {
            set.media = media(cloud, set.images(), "/body").await?;
            (format!("{}/{}", emergency::NOUN, set.set), Record::EmergencyDesired(set))
        }
    })
}

/// `POST /v1/rollouts`
pub async fn begin(cloud: web::Data<Cloud>, staff: Staff, Body(draft): Body<RolloutDraft>) -> Answer {
    staff.with(&[Role::Marketer, Role::Operator])?;
    let RolloutDraft { name, body, stores, waves, per_minute, rejected_percent_max, applied_percent_min, patience_s } = draft;
    let now = cloud.now();
    let id = fresh::id(now, EventId::new);
    let known = &cloud.settings.stores;
    if let Some(unknown) = stores.iter().position(|store| !known.contains_key(store)) {
        return Err(Refusal::invalid(format!("/stores/{unknown}"), "there is no such store"));
    }
    let cohort: BTreeSet<StoreId> = if stores.is_empty() { known.keys().cloned().collect() } else { stores.into_iter().collect() };
    let terms = Terms { per_minute, rejected_percent_max, applied_percent_min, patience_s };
    let waves: Vec<Reach> = waves
        .into_iter()
        .map(|wave| match wave {
            WaveReach::Stores(stores) => Reach::Stores(stores),
            WaveReach::Percent(percent) => Reach::Percent(percent),
        })
        .collect();
    let targets = core::plan(&cohort, &waves, &terms, &id.to_string()).map_err(|error| Refusal::invalid(error.field, error.reason))?;
    let (key, body) = document(&cloud, body).await?;
    let body = body.to_raw().map_err(Refusal::unavailable)?;
    if body.get().len() > BODY_BYTES_MAX {
        return Err(Refusal::invalid("/body", "is longer than 30 KiB; bigger content is named by its hash"));
    }
    let targets = targets.into_iter().filter_map(|target| Some((target.clone(), known.get(&target.store)?.node.clone()))).collect();
    let new =
        NewRollout { rollout: id, name, key, body, terms, targets, by: staff.0.customer, at: now, audit: fresh::id(now, EventId::new) };
    let on_its_way = || Refusal::conflict("rollout_open").detail("this document is on its way by another rollout");
    match rollout::begin(&cloud.db, new).await {
        Ok(true) => {}
        Ok(false) | Err(StoreError::Conflict(_)) => return Err(on_its_way()),
        Err(error) => return Err(Refusal::unavailable(error)),
    }
    tracing::info!(rollout = %id, by = %staff.0.customer, "a rollout has begun");
    Ok(HttpResponse::Created().json(view(find(&cloud, id).await?, &cloud.settings)))
}

/// Carries out a decision of staff; a rollout that is already where they want it stays.
async fn decide(
    cloud: &Cloud,
    staff: &Staff,
    request: &HttpRequest,
    action: &'static str,
    change: impl Fn(&mut Rollout) -> bool,
) -> Answer {
    staff.with(&[Role::Marketer, Role::Operator])?;
    let id: EventId = path_part(request, "rollout")?;
    for _ in 0..TRIES {
        let row = find(cloud, id).await?;
        let (now, mut state) = (cloud.now(), row.state.clone());
        if !change(&mut state) {
            return Err(Refusal::conflict("rollout_phase").detail("the rollout is in no phase in which this can be done"));
        }
        let audit = Some((fresh::id(now, EventId::new), Actor::Staff(staff.0.customer), action, row.key.clone()));
        let step = Step { rollout: id, version: row.version, state, moved: Vec::new(), written: Vec::new(), order: None, audit, at: now };
        match rollout::advance(&cloud.db, step).await {
            Ok(_) => {
                tracing::info!(rollout = %id, by = %staff.0.customer, action, "staff have decided about a rollout");
                return Ok(HttpResponse::Ok().json(view(find(cloud, id).await?, &cloud.settings)));
            }
            Err(StoreError::Stale) => {}
            Err(StoreError::Conflict(_)) => {
                return Err(Refusal::conflict("rollout_open").detail("this document is on its way by another rollout"));
            }
            Err(error) => return Err(Refusal::unavailable(error)),
        }
    }
    Err(Refusal::conflict("busy").detail("the rollout moves on faster than this could be decided; try again"))
}

/// `POST /v1/rollouts/{rollout}/pause`
pub async fn pause(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest) -> Answer {
    decide(&cloud, &staff, &request, "rollout.paused", |rollout| rollout.pause(true)).await
}

/// `POST /v1/rollouts/{rollout}/resume`
pub async fn resume(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest) -> Answer {
    decide(&cloud, &staff, &request, "rollout.resumed", |rollout| rollout.pause(false)).await
}

/// `POST /v1/rollouts/{rollout}/roll-back`
pub async fn roll_back(cloud: web::Data<Cloud>, staff: Staff, request: HttpRequest) -> Answer {
    decide(&cloud, &staff, &request, "rollout.reversed", Rollout::roll_back).await
}
