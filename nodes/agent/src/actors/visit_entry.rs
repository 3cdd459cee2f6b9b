//! From a decided change of the visits to what is committed.
//!
//! Owns the translation into rows and records. Takes the change and the book as it is before it. Emits a journal entry. On failure: a record
//! that is too large, which no visit's is.
use aisle_node_core::ids::{DisplayId, OfferId};
use aisle_node_core::visit::book::{Change, Opened, UsedCode};
use aisle_node_core::visit::{OpenVisit, Visits};
use aisle_schemas::ids::Sku;
use aisle_schemas::record::Body;
use aisle_schemas::visit::{DeviceAttached, Hlc, VisitClosed, VisitOpened, VisitSeen, VisitSignal};

use crate::journal::{Cause, Entry, JournalError, NewRecord, RecordMaker, StateChange};

/// What the entry of a change needs besides the change.
pub struct Writing<'a> {
    pub book: &'a Visits,
    pub maker: &'a RecordMaker,
    /// The stamp of this change.
    pub hlc: Hlc,
    pub cause: Cause<'a>,
}

/// Which signal a `Change::Seen` stands for.
#[derive(Debug, Clone)]
pub enum Signal {
    /// The zone of the change.
    Zone,
    Tapped {
        display: DisplayId,
        offer: Option<OfferId>,
    },
    Scanned(Sku),
}

impl Writing<'_> {
    /// The rows and records of `change`.
    ///
    /// # Errors
    /// [`JournalError::TooLarge`].
    pub fn entry(&self, change: &Change, signal: &Signal) -> Result<Entry, JournalError> {
        let stamp = StateChange::Stamp(self.hlc);
        let (changes, records) = match change {
            Change::Opened(opened) => (self.opened_rows(opened), vec![self.opened_record(opened)?]),
            Change::Attached { visit, pass, code, at } => {
                let body = DeviceAttached { visit: *visit, pass: *pass, at: *at, hlc: self.hlc };
                (vec![use_code(*code), stamp], vec![self.record(&Body::DeviceAttached(Box::new(body)), *visit)?])
            }
            Change::Seen { visit, zone, at, now } => {
                let Some(open) = self.book.get(*visit) else { return Ok(Entry::default()) };
                let seen = open.clone().seen(zone.clone(), *at, *now);
                let signal = match (signal, zone) {
                    (Signal::Zone, Some(zone)) => Some(VisitSignal::ZoneEntered { zone: zone.clone() }),
                    (Signal::Zone, None) => None,
                    (Signal::Tapped { display, offer }, _) => Some(VisitSignal::Tapped { display: display.clone(), offer: *offer }),
                    (Signal::Scanned(sku), _) => Some(VisitSignal::Scanned { sku: sku.clone() }),
                };
                let record = signal.map(|signal| {
                    let body = VisitSeen { visit: *visit, signal, at: *at, hlc: self.hlc };
                    self.record(&Body::VisitSeen(Box::new(body)), *visit)
                });
                (vec![save(seen), stamp], record.into_iter().collect::<Result<_, _>>()?)
            }
            Change::WentIdle { visit, now } => {
                let Some(open) = self.book.get(*visit) else { return Ok(Entry::default()) };
                (vec![save(open.clone().idle(*now))], vec![])
            }
            Change::Closed { visit, reason, ended_at, now } => {
                let body = VisitClosed { visit: *visit, reason: *reason, ended_at: *ended_at, hlc: self.hlc };
                let record = self.record(&Body::VisitClosed(Box::new(body)), *visit)?;
                (vec![StateChange::CloseVisit { visit: *visit, at: *now }, stamp], vec![record])
            }
        };
        Ok(Entry { changes, records })
    }

    fn opened_rows(&self, opened: &Opened) -> Vec<StateChange> {
        vec![
            save(opened.clone().into_visit()),
            use_code(opened.code),
            StateChange::UsePass { pass: opened.pass, visit: opened.visit, expires_at: opened.pass_expires_at },
            StateChange::Stamp(self.hlc),
        ]
    }

    fn opened_record(&self, opened: &Opened) -> Result<NewRecord, JournalError> {
        let body = VisitOpened {
            visit: opened.visit,
            token: opened.token,
            pass: opened.pass,
            method: opened.method,
            touchpoint: opened.touchpoint.clone(),
            at: opened.at,
            hlc: self.hlc,
        };
        self.record(&Body::VisitOpened(Box::new(body)), opened.visit)
    }

    fn record(&self, body: &Body, visit: aisle_node_core::ids::VisitId) -> Result<NewRecord, JournalError> {
        self.maker.make(body, format!("visit/{visit}"), self.cause)
    }
}

fn save(visit: OpenVisit) -> StateChange {
    StateChange::SaveVisit(Box::new(visit))
}

fn use_code(code: UsedCode) -> StateChange {
    StateChange::UseCode { nonce: code.nonce, issued_at: code.issued_at }
}
