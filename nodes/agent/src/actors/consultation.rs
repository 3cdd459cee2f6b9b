//! Consultations of the store: tablets, shifts, offers of advice and what customers granted.
//!
//! Owns the book of handshakes, who is on shift at which tablet, and what each tablet shows. All of it lives in memory alone: after a restart
//! nothing is granted. Takes what tablets, phones on the store's network and the cloud say, ticks. Emits each tablet's view, and calls to the
//! cloud. On failure: a refusal that changes nothing; a cloud that is away suspends what is active after two minutes.
//! Full mailbox: askers wait; ticks are dropped, the next one does their work.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use aisle_mesh::clock::Clock;
use aisle_node_core::consultation::{self as core, Book, Claim, EndReason, Moment, Outcome, Phase, Refusal, ShownEnd, Standing, Tries};
use aisle_node_core::monotonic::Monotonic;
use aisle_schemas::handshake::{CODE_PERIOD_S, CodeSecret, HandshakeId, Lease, period};
use aisle_schemas::http::cloud::{RelayAskKind, RelayCall, RelayReply, SealedFields, StaffCard};
use aisle_schemas::http::tablet::TabletView;
use aisle_schemas::ids::{DeviceId, VisitId};
use aisle_schemas::text::Language;
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::VerifyingKey;
use serde::{Serialize, Serializer};
use tokio::sync::watch;

use super::consultation_messages::{
    Announced, End, Heard, Offer, OnShift, Purged, Read, Renewed, Revoke, Sign, SignIn, SignOut, TabletError,
};
use super::consultation_talk::{RETRY, converse};
use super::visit_messages::{StandingVisits, StoreChanged, VisitOfToken};
use super::{MAILBOX, Tick};
use crate::relay::Relay;
use crate::staff::{self, StaffConfig};

/// A tablet that nobody touches for this long locks itself.
const IDLE_LOCK: Duration = Duration::from_secs(60);
/// A lease is renewed this often.
const RENEW_AFTER: Duration = Duration::from_secs(60);
/// While the customer decides, the cloud is asked this often whether they granted: its word about that may have been lost.
const ASK_AFTER: Duration = Duration::from_secs(10);

/// What a tablet shows, with the place of the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub rev: u64,
    pub view: TabletView,
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.view.serialize(serializer)
    }
}

/// What the actor starts from.
pub struct ConsultationsConfig {
    pub tablets: BTreeMap<DeviceId, watch::Sender<Option<Arc<Shown>>>>,
    pub roster: Vec<StaffConfig>,
    pub cloud_key: VerifyingKey,
    /// None where no way to the cloud is configured: tablets work, no advice is offered.
    pub relay: Option<Arc<Relay>>,
    pub standing: Recipient<StandingVisits>,
    pub visit_of: Recipient<VisitOfToken>,
    pub clock: Arc<dyn Clock>,
}

#[derive(Debug, Clone)]
struct Shift {
    card: StaffCard,
    touched_at: Monotonic,
    locked: bool,
}

struct Tablet {
    shift: Option<Shift>,
    shown: watch::Sender<Option<Arc<Shown>>>,
}

/// What belongs to a handshake beside its rules.
struct Talk {
    announced: bool,
    language: Language,
    active_at: Option<Monotonic>,
    renewing: bool,
    /// When the cloud was last asked for a lease.
    asked_at: Monotonic,
    /// How it ended, for the task that speaks with the cloud.
    over: watch::Sender<Option<Outcome>>,
    /// Flagged once as not confirmed.
    flagged: bool,
}

/// The actor.
pub struct Consultations {
    book: Book,
    talks: BTreeMap<HandshakeId, Talk>,
    tablets: BTreeMap<DeviceId, Tablet>,
    roster: Arc<Vec<StaffConfig>>,
    tries: Tries,
    cloud_key: VerifyingKey,
    relay: Option<Arc<Relay>>,
    standing: Recipient<StandingVisits>,
    visit_of: Recipient<VisitOfToken>,
    /// Address of the shop, once the profile has come.
    shop_url: Option<String>,
    clock: Arc<dyn Clock>,
}

impl Consultations {
    /// No shift, no offer.
    #[must_use]
    pub fn new(config: ConsultationsConfig) -> Self {
        let ConsultationsConfig { tablets, roster, cloud_key, relay, standing, visit_of, clock } = config;
        let tablet = |(id, shown)| (id, Tablet { shift: None, shown });
        let tablets = tablets.into_iter().map(tablet).collect();
        let (book, talks) = (Book::default(), BTreeMap::new());
        Self {
            book,
            talks,
            tablets,
            roster: Arc::new(roster),
            tries: Tries::default(),
            cloud_key,
            relay,
            standing,
            visit_of,
            shop_url: None,
            clock,
        }
    }

    fn now(&self) -> Moment {
        let crate::now::Now { wall, mono } = crate::now::Now::read(self.clock.as_ref());
        Moment { wall, mono }
    }

    fn tablet(&mut self, device: &DeviceId) -> Result<&mut Tablet, TabletError> {
        self.tablets.get_mut(device).ok_or(TabletError::Unknown)
    }

    /// Who is on shift at a tablet that is not locked.
    fn on_shift(&mut self, device: &DeviceId) -> Result<StaffCard, TabletError> {
        let shift = self.tablet(device)?.shift.as_ref().filter(|shift| !shift.locked);
        shift.map(|shift| shift.card.clone()).ok_or(TabletError::Locked)
    }

    /// A handshake of this tablet; to every other one it does not exist.
    fn of_tablet(&self, device: &DeviceId, handshake: HandshakeId) -> Result<(), TabletError> {
        match self.book.get(handshake) {
            Some(kept) if kept.offer().device == *device => Ok(()),
            Some(_) | None => Err(Refusal::NotOpen.into()),
        }
    }

    /// Tells the tasks that speak with the cloud, and shows every tablet what is now.
    fn settle(&mut self) {
        let now = self.now();
        let Self { book, talks, tablets, shop_url, .. } = self;
        talks.retain(|id, talk| {
            let Some(kept) = book.get(*id) else { return false };
            if let Phase::Over { outcome, .. } = kept.phase() {
                talk.over.send_if_modified(|over| over.replace(*outcome).is_none());
            }
            if kept.is_overdue(now) && !talk.flagged {
                talk.flagged = true;
                metrics::counter!("aisle_tablets_unpurged_total").increment(1);
                tracing::error!(device = %kept.offer().device, "a tablet did not confirm that nothing of a consultation is left on it: it is locked");
                // Whoever has the tablet by now has nothing to do with it.
                if let Some(tablet) = tablets.get_mut(&kept.offer().device)
                    && tablet.shift.as_ref().is_some_and(|shift| shift.card.staff == kept.offer().staff)
                {
                    tablet.shift = None;
                }
            }
            true
        });
        for (device, tablet) in tablets {
            let view = view(tablet, book.of_device(device), talks, shop_url.as_deref(), now);
            tablet.shown.send_if_modified(|shown| {
                if shown.as_ref().is_some_and(|shown| shown.view == view) {
                    return false;
                }
                let least = u64::try_from(now.wall.timestamp_micros()).unwrap_or(0);
                let rev = shown.as_ref().map_or(least, |shown| least.max(shown.rev + 1));
                *shown = Some(Arc::new(Shown { rev, view }));
                true
            });
        }
    }

    fn grant(&mut self, id: HandshakeId, lease: &str, now: Moment) -> Result<(), Refusal> {
        let lease = Lease::verify(lease, &self.cloud_key).map_err(|_| Refusal::WrongLease)?;
        self.book.grant(id, lease, now)?;
        if let Some(talk) = self.talks.get_mut(&id) {
            talk.active_at = talk.active_at.or(Some(now.mono));
        }
        Ok(())
    }

    /// What the phone asked, once the visit's standing is known. Emits what the cloud is told.
    fn hear(&mut self, id: HandshakeId, ask: aisle_schemas::http::cloud::RelayAsk, stands: bool) -> Option<RelayCall> {
        let now = self.now();
        let (ask, what) = (ask.ask, ask.what);
        let answer = match what {
            RelayAskKind::Claim { code, visit, nonce, language } => {
                let standing = if stands { Standing::Here(visit) } else { Standing::NoVisit };
                let claimed = match nonce_of(&nonce) {
                    Some(nonce) => self.book.claim(id, Claim { code: &code, standing, nonce }, now),
                    None => Err(Refusal::CodeExpired),
                };
                let (nonce, refused) = match claimed {
                    Ok(claimed) => {
                        if let Some(talk) = self.talks.get_mut(&id) {
                            talk.language = language;
                        }
                        (Some(hex::encode(claimed.nonce_tablet)), None)
                    }
                    Err(refusal) => {
                        metrics::counter!("aisle_handshake_claims_refused_total", "reason" => refusal.code()).increment(1);
                        (None, Some(refusal.code().to_owned()))
                    }
                };
                Some(RelayCall::Answer { ask, nonce, refused })
            }
            RelayAskKind::Attend => unanswered(self.book.attend(id, now)),
            RelayAskKind::Deny => unanswered(self.book.deny(id, now)),
            RelayAskKind::Granted { lease } => unanswered(self.grant(id, &lease, now)),
            RelayAskKind::Revoke => unanswered(self.book.revoke(id, None, now)),
        };
        self.settle();
        answer
    }
}

fn unanswered(done: Result<(), Refusal>) -> Option<RelayCall> {
    if let Err(refusal) = done {
        tracing::info!(code = refusal.code(), "the cloud told of a handshake that is at another step");
    }
    None
}

fn nonce_of(text: &str) -> Option<[u8; 32]> {
    let mut nonce = [0; 32];
    hex::decode_to_slice(text, &mut nonce).ok()?;
    Some(nonce)
}

/// What a tablet shows. Of a customer it knows the comparison number and what was granted, never more.
fn view(
    tablet: &Tablet,
    kept: Option<&core::Consultation>,
    talks: &BTreeMap<HandshakeId, Talk>,
    shop_url: Option<&str>,
    now: Moment,
) -> TabletView {
    let Some(Shift { card, touched_at: _, locked }) = &tablet.shift else { return TabletView::Locked { first_name: None } };
    if *locked {
        return TabletView::Locked { first_name: Some(card.first_name.clone()) };
    }
    let staff = card.clone();
    let Some(kept) = kept.filter(|kept| kept.offer().staff == card.staff) else { return TabletView::Ready { staff } };
    let handshake = kept.offer().id;
    let Some(talk) = talks.get(&handshake) else { return TabletView::Ready { staff } };
    match kept.phase() {
        Phase::Offered { .. } => {
            let code = kept.code(now).unwrap_or_default();
            TabletView::Offered {
                staff,
                handshake,
                url: shop_url.map(|shop| format!("{shop}/h/{handshake}#{code}")),
                code,
                code_until: code_until(now.wall),
                expires_at: kept.offer().at.wall + TimeDelta::from_std(core::OFFER_LIFE).unwrap_or_default(),
                announced: talk.announced,
            }
        }
        Phase::Claimed { claimed, .. } => TabletView::Claimed { staff, handshake, sas: claimed.sas, language: talk.language },
        Phase::Active { lease, .. } => TabletView::Active {
            staff,
            handshake,
            scopes: lease.scopes.clone(),
            until: lease.expires_at,
            suspended: kept.is_suspended(now),
        },
        Phase::Over { outcome, at, .. } => {
            let shared = outcome.shown() == ShownEnd::Over && talk.active_at.is_some();
            let lasted = talk.active_at.map_or(Duration::ZERO, |since| at.since(since));
            TabletView::Over { staff, handshake, shared, minutes: u32::try_from(lasted.as_secs().div_ceil(60)).unwrap_or(u32::MAX) }
        }
    }
}

fn code_until(now: DateTime<Utc>) -> DateTime<Utc> {
    let next = i64::try_from(period(now)).unwrap_or(i64::MAX / CODE_PERIOD_S - 1) + 1;
    DateTime::from_timestamp(next * CODE_PERIOD_S, 0).unwrap_or(now)
}

impl Actor for Consultations {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.settle();
    }
}

impl Handler<StoreChanged> for Consultations {
    type Result = ();

    fn handle(&mut self, StoreChanged(store): StoreChanged, _: &mut Self::Context) {
        self.shop_url = Some(store.shop_url.clone());
        self.settle();
    }
}

impl Handler<SignIn> for Consultations {
    type Result = ResponseActFuture<Self, Result<StaffCard, TabletError>>;

    fn handle(&mut self, SignIn { device, badge, pin }: SignIn, _: &mut Self::Context) -> Self::Result {
        let now = self.now();
        let badge_sha256 = staff::badge_hash(&badge);
        let known = self.roster.iter().any(|member| member.badge_sha256 == badge_sha256);
        let may_try = self.tablet(&device).map(drop).and_then(|()| {
            let of = known.then_some(badge_sha256.as_str());
            self.tries.begin(&device, of, now.mono).map_err(|core::TooManyTries| TabletError::TooManyPins)
        });
        if let Err(error) = may_try {
            return Box::pin(actix::fut::ready(Err(error)));
        }
        let roster = Arc::clone(&self.roster);
        let found = tokio::task::spawn_blocking(move || staff::find(&roster, &badge, &pin).map(StaffConfig::card));
        Box::pin(found.into_actor(self).map(move |found, act, _| {
            let now = act.now();
            let found = found.ok().flatten();
            act.tries.done(&device, found.is_some());
            let Some(card) = found else {
                metrics::counter!("aisle_staff_sign_ins_total", "fate" => "refused").increment(1);
                return Err(TabletError::SignIn);
            };
            let tablet = act.tablet(&device)?;
            let same = tablet.shift.as_ref().is_some_and(|shift| shift.card.staff == card.staff);
            tablet.shift = Some(Shift { card: card.clone(), touched_at: now.mono, locked: false });
            if !same {
                // What somebody else left open is not this one's.
                act.book.signed_out(&device, now);
            }
            metrics::counter!("aisle_staff_sign_ins_total", "fate" => "done").increment(1);
            tracing::info!(%device, staff = card.staff, "shift at a tablet");
            act.settle();
            Ok(card)
        }))
    }
}

impl Handler<SignOut> for Consultations {
    type Result = Result<(), TabletError>;

    fn handle(&mut self, SignOut(device): SignOut, _: &mut Self::Context) -> Self::Result {
        let now = self.now();
        if let Some(shift) = self.tablet(&device)?.shift.take() {
            tracing::info!(%device, staff = shift.card.staff, "end of a shift at a tablet");
        }
        self.book.signed_out(&device, now);
        self.settle();
        Ok(())
    }
}

impl Handler<Sign> for Consultations {
    type Result = Result<(), TabletError>;

    fn handle(&mut self, Sign { device, touched }: Sign, _: &mut Self::Context) -> Self::Result {
        let now = self.now();
        if let Some(shift) = self.tablet(&device)?.shift.as_mut().filter(|shift| touched && !shift.locked) {
            shift.touched_at = now.mono;
        }
        // There until now, and not heard of until the next sign.
        self.book.tablet(&device, true, now);
        self.book.tablet(&device, false, now);
        self.settle();
        Ok(())
    }
}

impl Handler<OnShift> for Consultations {
    type Result = Result<StaffCard, TabletError>;

    fn handle(&mut self, OnShift(device): OnShift, _: &mut Self::Context) -> Self::Result {
        self.on_shift(&device)
    }
}

impl Handler<Offer> for Consultations {
    type Result = Result<HandshakeId, TabletError>;

    fn handle(&mut self, Offer { device, device_sha256, wanted, reason }: Offer, ctx: &mut Self::Context) -> Self::Result {
        let now = self.now();
        let staff = self.on_shift(&device)?;
        let relay = self.relay.clone().ok_or(TabletError::NoRelay)?;
        let id = HandshakeId::from_random(rand::random());
        let offer = core::Offer {
            id,
            staff: staff.staff.clone(),
            device: device.clone(),
            device_sha256: device_sha256.clone(),
            wanted: wanted.clone(),
            secret: CodeSecret::new(rand::random()),
            nonce: rand::random(),
            at: now,
        };
        self.book.offer(offer, now)?;
        self.book.tablet(&device, false, now);
        let commit = self.book.get(id).map(|kept| hex::encode(kept.commitment())).unwrap_or_default();
        let expires_at = now.wall + TimeDelta::from_std(core::OFFER_LIFE).unwrap_or_default();
        let announce = RelayCall::Announce { commit, staff, device, device_sha256, wanted, reason, expires_at };
        let (over, is_over) = watch::channel(None);
        let talk = Talk {
            announced: false,
            language: Language::default(),
            active_at: None,
            renewing: false,
            asked_at: now.mono,
            over,
            flagged: false,
        };
        self.talks.insert(id, talk);
        actix::spawn(converse(relay, id, announce, ctx.address(), is_over));
        self.settle();
        Ok(id)
    }
}

impl Handler<Announced> for Consultations {
    type Result = ();

    fn handle(&mut self, Announced(id): Announced, _: &mut Self::Context) {
        if let Some(talk) = self.talks.get_mut(&id) {
            talk.announced = true;
        }
        self.settle();
    }
}

impl Handler<Heard> for Consultations {
    type Result = ResponseActFuture<Self, Option<RelayCall>>;

    fn handle(&mut self, Heard { handshake, ask }: Heard, _: &mut Self::Context) -> Self::Result {
        let visits: Vec<VisitId> = match &ask.what {
            RelayAskKind::Claim { visit, .. } => vec![*visit],
            RelayAskKind::Attend | RelayAskKind::Deny | RelayAskKind::Granted { .. } | RelayAskKind::Revoke => vec![],
        };
        let standing = self.standing.clone();
        // Only a claim asks where somebody is.
        let stands = async move { !visits.is_empty() && standing.send(StandingVisits(visits)).await.is_ok_and(|open| !open.is_empty()) };
        Box::pin(stands.into_actor(self).map(move |stands, act, _| act.hear(handshake, ask, stands)))
    }
}

impl Handler<Read> for Consultations {
    type Result = ResponseActFuture<Self, Result<SealedFields, TabletError>>;

    fn handle(&mut self, Read { device, device_sha256, handshake, scope, key }: Read, _: &mut Self::Context) -> Self::Result {
        let now = self.now();
        let allowed = self.on_shift(&device).and_then(|staff| {
            self.of_tablet(&device, handshake)?;
            let kept = self.book.get(handshake).ok_or(Refusal::NotOpen)?;
            kept.read(&staff.staff, &device_sha256, scope, now)?;
            Ok((staff, self.relay.clone().ok_or(TabletError::NoRelay)?))
        });
        let (staff, relay) = match allowed {
            Ok(allowed) => allowed,
            Err(error) => return Box::pin(actix::fut::ready(Err(error))),
        };
        let call = RelayCall::Read { staff: staff.staff, device_sha256, scope, key };
        let replied = async move { relay.call(handshake, &call).await };
        Box::pin(replied.into_actor(self).map(move |replied, act, _| match replied {
            // It may have ended while the cloud was asked.
            Ok(RelayReply::Sealed { sealed }) if act.book.get(handshake).is_some_and(|kept| !kept.is_over()) => {
                let now = act.now();
                act.book.handed_over(handshake, now)?;
                Ok(sealed)
            }
            Ok(RelayReply::Over) => {
                let now = act.now();
                act.book.end(handshake, EndReason::LeaseLost, now)?;
                act.settle();
                Err(Refusal::NotOpen.into())
            }
            Ok(RelayReply::Sealed { .. } | RelayReply::Done | RelayReply::Asks { .. } | RelayReply::Lease { .. }) => {
                Err(Refusal::NotOpen.into())
            }
            Err(error) => {
                tracing::info!(error = &error as &dyn std::error::Error, "what was shared was not read");
                Err(TabletError::CloudAway)
            }
        }))
    }
}

impl Handler<End> for Consultations {
    type Result = Result<(), TabletError>;

    fn handle(&mut self, End { device, handshake }: End, _: &mut Self::Context) -> Self::Result {
        let now = self.now();
        self.of_tablet(&device, handshake)?;
        self.book.end(handshake, EndReason::Staff, now)?;
        self.settle();
        Ok(())
    }
}

impl Handler<Purged> for Consultations {
    type Result = Result<(), TabletError>;

    fn handle(&mut self, Purged { device, handshake }: Purged, _: &mut Self::Context) -> Self::Result {
        let now = self.now();
        self.of_tablet(&device, handshake)?;
        Ok(self.book.purged(handshake, now)?)
    }
}

impl Handler<Revoke> for Consultations {
    type Result = ResponseActFuture<Self, Result<(), TabletError>>;

    fn handle(&mut self, Revoke { token, handshake }: Revoke, _: &mut Self::Context) -> Self::Result {
        let visit_of = self.visit_of.clone();
        let visit = async move { visit_of.send(VisitOfToken(token)).await.ok().flatten() };
        Box::pin(visit.into_actor(self).map(move |visit, act, _| {
            let visit = visit.ok_or(Refusal::NoSession)?;
            let now = act.now();
            act.book.revoke(handshake, Some(visit), now)?;
            act.settle();
            Ok(())
        }))
    }
}

impl Handler<Renewed> for Consultations {
    type Result = ();

    fn handle(&mut self, Renewed { handshake, reply }: Renewed, _: &mut Self::Context) {
        let now = self.now();
        if let Some(talk) = self.talks.get_mut(&handshake) {
            talk.renewing = false;
        }
        let done = match reply {
            // That the customer granted was lost on its way here.
            Some(RelayReply::Lease { lease }) if self.book.get(handshake).is_some_and(core::Consultation::is_claimed) => {
                self.grant(handshake, &lease, now)
            }
            Some(RelayReply::Lease { lease }) => match Lease::verify(&lease, &self.cloud_key) {
                Ok(lease) => self.book.renew(handshake, lease, now),
                Err(_) => Err(Refusal::WrongLease),
            },
            Some(RelayReply::Over) => self.book.end(handshake, EndReason::LeaseLost, now),
            Some(RelayReply::Done | RelayReply::Asks { .. } | RelayReply::Sealed { .. }) | None => Ok(()),
        };
        if let Err(refusal) = done {
            tracing::info!(code = refusal.code(), "a lease was not renewed");
        }
        self.settle();
    }
}

impl Handler<Tick> for Consultations {
    type Result = ();

    fn handle(&mut self, _: Tick, ctx: &mut Self::Context) {
        let now = self.now();
        self.book.tick(now);
        for tablet in self.tablets.values_mut() {
            if let Some(shift) = tablet.shift.as_mut().filter(|shift| now.mono.since(shift.touched_at) >= IDLE_LOCK) {
                shift.locked = true;
            }
        }
        let claimed: Vec<VisitId> = self.book.all().filter_map(core::Consultation::visit).collect();
        if !claimed.is_empty() {
            let standing = self.standing.clone();
            let asked = claimed.clone();
            let open = async move { standing.send(StandingVisits(asked)).await };
            ctx.spawn(open.into_actor(self).map(move |open, act, _| {
                let Ok(open) = open else { return };
                let now = act.now();
                for closed in claimed.into_iter().filter(|visit| !open.contains(visit)) {
                    act.book.visit_closed(closed, now);
                }
                act.settle();
            }));
        }
        if let Some(relay) = &self.relay {
            let due = self.book.all().filter_map(|kept| match kept.phase() {
                Phase::Active { renewed_at, .. } if now.mono.since(*renewed_at) >= RENEW_AFTER => Some((kept.offer().id, Duration::ZERO)),
                Phase::Claimed { .. } => Some((kept.offer().id, ASK_AFTER)),
                Phase::Active { .. } | Phase::Offered { .. } | Phase::Over { .. } => None,
            });
            for (id, gap) in due {
                let may_ask = |talk: &&mut Talk| !talk.renewing && now.mono.since(talk.asked_at) >= gap;
                let Some(talk) = self.talks.get_mut(&id).filter(may_ask) else { continue };
                (talk.renewing, talk.asked_at) = (true, now.mono);
                let (relay, to) = (Arc::clone(relay), ctx.address());
                actix::spawn(async move {
                    let reply = match relay.call(id, &RelayCall::Renew).await {
                        Ok(reply) => Some(reply),
                        Err(error) => {
                            tracing::debug!(error = &error as &dyn std::error::Error, "a lease is not renewed yet");
                            tokio::time::sleep(RETRY).await;
                            None
                        }
                    };
                    if to.send(Renewed { handshake: id, reply }).await.is_err() {
                        tracing::debug!("the node ended before a renewal");
                    }
                });
            }
        }
        self.settle();
    }
}
