//! One customer as their writer keeps them in memory.
//!
//! Owns [`Customer`] and what is derived from it: the gate's view, the context class, consents in force. Built from rows, moved only by
//! committed [`Changes`]. On failure: rows that mean nothing are an error, and the customer is not served until a person has looked.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use aisle_cloud_core::{
    consent::{self, Channel, ConsentKey, ConsentRecord, ConsentView, Epoch, LegalTexts, Purpose},
    gate::{
        RESERVATION_LIFE,
        attention::Reaction,
        candidate::MessageChannel,
        person::{AppState, OpenVisit, Pause, PersonState, SendRecord, SendState, Standing},
    },
    home::{ContextClass, ContextSignals, VisitPhase, context_class},
    ranking::Taste,
};
use aisle_schemas::{
    http::cloud::{self as http, Me, Role, VisitView},
    ids::{CandidateId, CategoryId, CustomerId, DialogueId, OfferId},
};
use aisle_store::{
    customer::{BookmarkRow, CandidateRow, CardRow, CustomerRows, DialogueRow, OutcomeRow, ProfileRow, SendRow},
    visit::VisitRow,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::change::{Changes, VisitChange};
use crate::{
    settings::Settings,
    wire::{self, Unreadable},
};

/// Sends that caps and the weekly budget may still count; as long as they are loaded.
const SENDS_LIFE: TimeDelta = TimeDelta::days(aisle_store::customer::SENDS_DAYS);
/// Dialogues remembered in memory.
const DIALOGUES_KEPT: usize = 8;
/// Age at which a store's context of an open visit is renewed; it lives 15 min there.
pub const RENEW_AFTER: TimeDelta = TimeDelta::minutes(10);
/// Reactions that fatigue still feels.
const REACTIONS_LIFE: TimeDelta = TimeDelta::days(90);

/// See the module.
#[derive(Debug, Clone)]
pub struct Customer {
    pub profile: ProfileRow,
    /// As recorded: a record without a channel speaks for every channel of its purpose.
    pub consents: Vec<ConsentRecord>,
    /// What this person likes, as learned from purchases and reactions.
    pub taste: Taste,
    pub sends: Vec<SendRow>,
    pub outcomes: Vec<OutcomeRow>,
    pub bookmarks: Vec<BookmarkRow>,
    pub cards: Vec<CardRow>,
    /// The open visit.
    pub visit: Option<VisitRow>,
    pub last_visit: Option<VisitRow>,
    /// Not decided yet: they wait for arbitration or for the end of quiet hours.
    pub candidates: Vec<CandidateRow>,
    /// Candidates that were decided during the open visit, so that none is decided twice.
    pub judged: HashSet<CandidateId>,
    /// Dialogues as last committed here; others are read when they are needed.
    pub dialogues: HashMap<DialogueId, DialogueRow>,
    /// When the store was last sent a context of the open visit; none after a restart.
    pub context_sent_at: Option<DateTime<Utc>>,
}

impl Customer {
    /// Reads rows.
    pub fn from_rows(rows: CustomerRows) -> Result<Self, Unreadable> {
        let CustomerRows { profile, consents, affinity, sends, outcomes, bookmarks, cards, visit, last_visit, candidates, judged } = rows;
        let consents = consents.iter().map(|row| wire::consent_record(profile.customer, row)).collect::<Result<_, _>>()?;
        let taste = read_taste(&affinity)?;
        Ok(Self {
            profile,
            consents,
            taste,
            sends,
            outcomes,
            bookmarks,
            cards,
            visit,
            last_visit,
            candidates,
            judged: judged.into_iter().collect(),
            dialogues: HashMap::new(),
            context_sent_at: None,
        })
    }

    pub fn id(&self) -> CustomerId {
        self.profile.customer
    }

    /// Takes over what was committed. `version` is the stored one.
    pub fn apply(&mut self, changes: &Changes, version: u64, now: DateTime<Utc>) -> Result<(), Unreadable> {
        let Changes {
            profile,
            consents,
            taste,
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
            tap_used: _,
            sale: _,
            down: _,
            outbox_put: _,
            outbox_done: _,
            visit,
            context_sent,
            live: _,
            console: _,
        } = changes;
        if let Some(profile) = profile {
            self.profile = profile.clone();
        }
        self.profile.version = version;
        for row in consents {
            self.consents.push(wire::consent_record(self.profile.customer, row)?);
        }
        if let Some(packed) = taste {
            self.taste = read_taste(packed)?;
        }
        match visit {
            Some(VisitChange::Opened(row)) => {
                if self.visit.as_ref().is_none_or(|open| open.visit != row.visit) {
                    self.judged.clear();
                    self.context_sent_at = None;
                }
                self.visit = Some(row.clone());
            }
            Some(VisitChange::Moved(row)) => self.visit = Some(row.clone()),
            Some(VisitChange::Closed(row)) => {
                self.visit = None;
                self.last_visit = Some(row.clone());
                self.judged.clear();
                self.context_sent_at = None;
            }
            None => {}
        }
        if *context_sent {
            self.context_sent_at = Some(now);
        }
        self.judged.extend(decisions.iter().map(|decision| decision.candidate));
        self.cards.retain(|card| !cards_removed.contains(&card.card) && card.until > now);
        self.cards.extend(cards_put.iter().cloned());
        for send in sends {
            self.sends.retain(|known| known.candidate != send.candidate);
            self.sends.push(send.clone());
        }
        self.sends.retain(|send| send.at > now - SENDS_LIFE && !sends_released.contains(&send.candidate));
        self.outcomes.extend(outcomes.iter().cloned());
        self.outcomes.retain(|outcome| outcome.at > now - REACTIONS_LIFE);
        self.bookmarks.retain(|mark| !bookmarks_removed.contains(&mark.offer));
        for mark in bookmarks_put {
            self.bookmarks.retain(|known| known.offer != mark.offer);
            self.bookmarks.push(mark.clone());
        }
        if let Some(dialogue) = dialogue {
            if self.dialogues.len() >= DIALOGUES_KEPT {
                self.dialogues.clear();
            }
            self.dialogues.insert(dialogue.dialogue, dialogue.clone());
        }
        for candidate in candidates_put {
            self.candidates.retain(|known| known.candidate != candidate.candidate);
            self.candidates.push(candidate.clone());
        }
        self.candidates.retain(|candidate| !candidates_done.contains(&candidate.candidate));
        Ok(())
    }

    /// Where the person is.
    pub fn context(&self, now: DateTime<Utc>) -> ContextClass {
        let reported = |class: http::ContextClass| self.profile.context.filter(|(known, _)| *known == class).map(|(_, at)| at);
        let paying = reported(http::ContextClass::AtTill).is_some_and(|at| self.visit.as_ref().is_some_and(|visit| visit.opened_at <= at));
        let visit = match (&self.visit, &self.last_visit) {
            (Some(_), _) if paying => VisitPhase::Paying,
            (Some(_), _) => VisitPhase::Shopping,
            (None, Some(last)) => last.closed_at.map_or(VisitPhase::None, |at| VisitPhase::Ended { at }),
            (None, None) => VisitPhase::None,
        };
        let signals = ContextSignals {
            visit,
            near_store_at: reported(http::ContextClass::NearStore),
            transit_at: reported(http::ContextClass::Transit),
        };
        context_class(signals, now)
    }

    /// Records with those for all channels spelled out for each, which is how the core asks.
    pub fn spelled_consents(&self) -> Vec<ConsentRecord> {
        let mut records = Vec::with_capacity(self.consents.len() * 2);
        for record in &self.consents {
            records.push(record.clone());
            if record.key.channel.is_none() {
                records.extend(
                    Channel::ALL.into_iter().map(|channel| ConsentRecord {
                        key: ConsentKey { channel: Some(channel), ..record.key.clone() },
                        ..record.clone()
                    }),
                );
            }
        }
        records
    }

    /// Whether a purpose is allowed now, on a channel where it has one.
    pub fn allows(&self, purpose: Purpose, channel: Option<Channel>, texts: &LegalTexts, now: DateTime<Utc>) -> bool {
        let records = self.spelled_consents();
        let view = ConsentView { records: &records, texts, restricted: false };
        consent::allowed(view, &ConsentKey { purpose, channel, partner: None }, now).is_ok()
    }

    /// Purposes in force, as a store may know them: a purpose counts when it is allowed on its own or on some channel.
    pub fn purposes(&self, texts: &LegalTexts, now: DateTime<Utc>) -> Vec<String> {
        let records = self.spelled_consents();
        let view = ConsentView { records: &records, texts, restricted: false };
        let allowed = |purpose: Purpose, channel| consent::allowed(view, &ConsentKey { purpose, channel, partner: None }, now).is_ok();
        Purpose::ALL
            .into_iter()
            .filter(|purpose| allowed(*purpose, None) || Channel::ALL.into_iter().any(|channel| allowed(*purpose, Some(channel))))
            .map(|purpose| purpose.as_str().to_owned())
            .collect()
    }

    /// Whether a purpose is allowed in any way.
    pub fn uses(&self, purpose: Purpose, texts: &LegalTexts, now: DateTime<Utc>) -> bool {
        self.purposes(texts, now).iter().any(|name| name == purpose.as_str())
    }

    /// What decisions may know of the person's taste: nothing without the consent to profiling.
    pub fn usable_taste(&self, texts: &LegalTexts, now: DateTime<Utc>) -> Taste {
        if self.uses(Purpose::Profiling, texts, now) { self.taste.clone() } else { Taste::default() }
    }

    /// The person as the gate sees them, with what is known about the categories that the messages at hand are about.
    pub fn person(&self, settings: &Settings, interest: Interest, now: DateTime<Utc>) -> PersonState {
        let Interest { evidence, wishes } = interest;
        let zone_of = |visit: &VisitRow| settings.stores.get(&visit.store).map(|store| store.zone);
        let disabled: BTreeSet<MessageChannel> =
            self.profile.channels_off.iter().filter_map(|name| Channel::parse(name)).flat_map(wire::channels_of).collect();
        PersonState {
            customer: self.profile.customer,
            version: self.profile.version,
            standing: Standing::Active,
            app: AppState::Installed,
            disabled,
            restricted: false,
            consents: self.spelled_consents(),
            consent_epoch: Epoch(self.profile.consent_epoch),
            lease_until: None,
            holdouts: Vec::new(),
            pause: self.profile.paused_until.filter(|until| *until > now).map(|until| Pause { until: Some(until) }),
            hurried: self.profile.hurried,
            open_service_case: self.profile.open_complaint,
            last_one_star_at: None,
            context: self.context(now),
            open_visit: self
                .visit
                .as_ref()
                .and_then(|visit| Some(OpenVisit { visit: visit.visit, store: visit.store.clone(), store_zone: zone_of(visit)? })),
            zone: None,
            home_store_zone: self.last_visit.as_ref().and_then(zone_of),
            evidence,
            wishes,
            sends: self.sends.iter().filter_map(send_record).collect(),
            reactions: self.outcomes.iter().map(|row| Reaction { kind: wire::reaction(row.outcome), at: row.at }).collect(),
            leased_milli: 0,
        }
    }

    /// When the owner has to look again by itself.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        let lease = self.visit.as_ref().map(|visit| self.context_sent_at.map_or(visit.opened_at, |sent| sent + RENEW_AFTER));
        self.candidates.iter().map(|candidate| candidate.due).chain(lease).min()
    }

    /// The card of an offer, if one lies in the feed.
    pub fn card_of(&self, offer: OfferId) -> Option<&CardRow> {
        self.cards.iter().find(|card| card.offer == offer)
    }

    pub fn has_bookmark(&self, offer: OfferId) -> bool {
        self.bookmarks.iter().any(|mark| mark.offer == offer)
    }

    /// The person as they see themselves.
    pub fn me(&self, roles: Vec<Role>, new: bool, settings: &Settings, now: DateTime<Utc>) -> Me {
        Me {
            customer: self.profile.customer,
            language: self.profile.language,
            new,
            roles,
            visit: self.visit.as_ref().map(|visit| visit_view(visit, settings)),
            paused_until: self.profile.paused_until.filter(|until| *until > now),
        }
    }
}

/// Interest in some categories.
#[derive(Debug, Default)]
pub struct Interest {
    /// Newest positive evidence per category.
    pub evidence: BTreeMap<CategoryId, DateTime<Utc>>,
    /// Categories the person asked for.
    pub wishes: BTreeSet<CategoryId>,
}

/// A visit for its customer and for staff.
pub fn visit_view(visit: &VisitRow, settings: &Settings) -> VisitView {
    VisitView {
        visit: visit.visit,
        store: visit.store.clone(),
        store_name: settings.store_name(&visit.store),
        opened_at: visit.opened_at,
        zone: visit.zone.as_ref().map(ToString::to_string),
        closed_at: visit.closed_at,
        closed_reason: visit.closed_reason,
        traceparent: visit.traceparent.clone(),
    }
}

fn read_taste(packed: &[u8]) -> Result<Taste, Unreadable> {
    if packed.is_empty() {
        return Ok(Taste::default());
    }
    Taste::from_bytes(packed).map_err(|refused| Unreadable { what: "taste", value: refused.to_string() })
}

/// A send as the gate counts it. A channel that this release does not know cannot be in its caps either.
fn send_record(row: &SendRow) -> Option<SendRecord> {
    Some(SendRecord {
        candidate: row.candidate,
        channel: wire::message_channel(&row.channel)?,
        tags: row.campaign.map(wire::campaign_tag).into_iter().collect(),
        at: row.at,
        // What was sent during a visit came from its budget, everything else from the budget at home.
        context: if row.visit.is_some() { ContextClass::InStore } else { ContextClass::Home },
        visit: row.visit,
        state: if row.committed { SendState::Committed } else { SendState::Reserved { until: row.at + RESERVATION_LIFE } },
    })
}
