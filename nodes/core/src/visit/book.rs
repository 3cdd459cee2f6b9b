//! All visits of a store, open and just closed, with the codes and passes that opened them.
//!
//! Owns the fold of committed changes; every `decide_…` only reads, [`Visits::apply`] only folds, so that nothing uncommitted is ever visible.
//! Takes requests, signals and the passing of time. Emits [`Change`]s. On failure: refusals are values and change nothing.
use std::collections::BTreeMap;

use aisle_schemas::visit::{CheckInMethod, CloseReason};
use chrono::{DateTime, Utc};
use thiserror::Error;

use super::check_in::{CheckInRefusal, Presented};
use super::open::{Closing, OpenVisit, Overdue, State, TOKEN_LIFE, TOKEN_LIFE_AFTER_CLOSE};
use crate::code::UsedCodes;
use crate::ids::{PassId, TouchpointId, VisitId, VisitToken, ZoneId};
use crate::monotonic::Monotonic;

/// Visits open at once; ten times a full hypermarket.
pub const OPEN_MAX: usize = 20_000;
/// Used passes remembered at once; each is forgotten when it expires by itself.
pub const PASSES_MAX: usize = 200_000;

/// Something that happened to the visits, to be committed and then applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Opened(Opened),
    /// The pass of an open visit was presented again: nothing but another device of its customer.
    Attached {
        visit: VisitId,
        pass: PassId,
        code: UsedCode,
        at: DateTime<Utc>,
    },
    Seen {
        visit: VisitId,
        zone: Option<ZoneId>,
        at: DateTime<Utc>,
        now: Monotonic,
    },
    WentIdle {
        visit: VisitId,
        now: Monotonic,
    },
    Closed {
        visit: VisitId,
        reason: CloseReason,
        ended_at: DateTime<Utc>,
        now: Monotonic,
    },
}

/// A visit that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub visit: VisitId,
    pub token: VisitToken,
    pub pass: PassId,
    pub pass_expires_at: DateTime<Utc>,
    pub code: UsedCode,
    pub method: CheckInMethod,
    pub touchpoint: TouchpointId,
    pub at: DateTime<Utc>,
    pub now: Monotonic,
}

/// A code that is used up by a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedCode {
    pub nonce: u64,
    pub issued_at: DateTime<Utc>,
}

/// Names drawn for a visit that may begin.
#[derive(Debug, Clone, Copy)]
pub struct Drawn {
    pub visit: VisitId,
    pub token: VisitToken,
}

/// Why a token or visit id names nothing that can act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoVisit {
    #[error("no such visit")]
    Unknown,
    #[error("the visit is closed")]
    Closed,
}

/// A visit that ended a short while ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedVisit {
    pub visit: VisitId,
    pub token: VisitToken,
    pub opened: Monotonic,
    pub closed: Monotonic,
}

impl ClosedVisit {
    fn is_over(&self, now: Monotonic) -> bool {
        now.since(self.closed) >= TOKEN_LIFE_AFTER_CLOSE || now.since(self.opened) >= TOKEN_LIFE
    }
}

/// A pass that was used, and the visit it opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedPass {
    pub pass: PassId,
    pub visit: VisitId,
    /// From here on its own expiry refuses it.
    pub expires_at: DateTime<Utc>,
}

/// All visits of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visits {
    open: BTreeMap<VisitId, OpenVisit>,
    closed: BTreeMap<VisitId, ClosedVisit>,
    by_token: BTreeMap<VisitToken, VisitId>,
    passes: BTreeMap<PassId, UsedPass>,
    codes: UsedCodes,
}

impl Visits {
    /// The visits as committed by an earlier run.
    #[must_use]
    pub fn restore(open: Vec<OpenVisit>, closed: Vec<ClosedVisit>, passes: Vec<UsedPass>, codes: UsedCodes) -> Self {
        let by_token = open.iter().map(|visit| (visit.token, visit.visit)).chain(closed.iter().map(|visit| (visit.token, visit.visit)));
        Self {
            by_token: by_token.collect(),
            open: open.into_iter().map(|visit| (visit.visit, visit)).collect(),
            closed: closed.into_iter().map(|visit| (visit.visit, visit)).collect(),
            passes: passes.into_iter().map(|used| (used.pass, used)).collect(),
            codes,
        }
    }

    /// Open visits, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &OpenVisit> {
        self.open.values()
    }

    /// An open visit.
    #[must_use]
    pub fn get(&self, visit: VisitId) -> Option<&OpenVisit> {
        self.open.get(&visit)
    }

    /// The open visit of a token.
    ///
    /// # Errors
    /// [`NoVisit`].
    pub fn by_token(&self, token: VisitToken) -> Result<&OpenVisit, NoVisit> {
        let visit = self.by_token.get(&token).ok_or(NoVisit::Unknown)?;
        self.open.get(visit).ok_or(NoVisit::Closed)
    }

    /// The visit of a token, open or closed a while ago.
    #[must_use]
    pub fn known(&self, token: VisitToken) -> Option<VisitId> {
        self.by_token.get(&token).copied()
    }

    /// Decides a check-in whose texts were checked.
    ///
    /// # Errors
    /// [`CheckInRefusal`].
    pub fn decide_check_in(
        &self,
        presented: &Presented,
        method: CheckInMethod,
        drawn: Drawn,
        at: DateTime<Utc>,
        now: Monotonic,
    ) -> Result<Change, CheckInRefusal> {
        self.codes.check(&presented.code)?;
        let code = UsedCode { nonce: presented.code.nonce, issued_at: presented.code.issued_at };
        if let Some(used) = self.passes.get(&presented.pass.id) {
            if !self.open.contains_key(&used.visit) {
                return Err(CheckInRefusal::PassInvalid);
            }
            return Ok(Change::Attached { visit: used.visit, pass: used.pass, code, at });
        }
        if self.open.len() >= OPEN_MAX || self.passes.len() >= PASSES_MAX {
            return Err(CheckInRefusal::NotReady);
        }
        Ok(Change::Opened(Opened {
            visit: drawn.visit,
            token: drawn.token,
            pass: presented.pass.id,
            pass_expires_at: presented.pass.expires_at,
            code,
            method,
            touchpoint: presented.touchpoint.clone(),
            at,
            now,
        }))
    }

    /// Decides a signal of an open visit: a zone entered, a tap.
    ///
    /// # Errors
    /// [`NoVisit`].
    pub fn decide_seen(&self, token: VisitToken, zone: Option<ZoneId>, at: DateTime<Utc>, now: Monotonic) -> Result<Change, NoVisit> {
        let visit = self.by_token(token)?;
        Ok(Change::Seen { visit: visit.visit, zone, at, now })
    }

    /// Decides the end of a visit by its customer, by the cloud or by erasure. A time-out ends at the last signal, the others now.
    ///
    /// # Errors
    /// [`NoVisit`].
    pub fn decide_close(&self, visit: VisitId, reason: CloseReason, at: DateTime<Utc>, now: Monotonic) -> Result<Change, NoVisit> {
        let Some(open) = self.open.get(&visit) else {
            return Err(if self.closed.contains_key(&visit) { NoVisit::Closed } else { NoVisit::Unknown });
        };
        let ended_at = match reason {
            CloseReason::Timeout => open.last_seen_at,
            CloseReason::CheckedOut | CloseReason::Left | CloseReason::HandedOver | CloseReason::Erased => at,
        };
        Ok(Change::Closed { visit, reason, ended_at, now })
    }

    /// What the passing of time changes, at most `changes_max` of it; the caller asks again after applying.
    #[must_use]
    pub fn overdue(&self, closing: Option<Closing>, at: DateTime<Utc>, now: Monotonic, changes_max: usize) -> Vec<Change> {
        self.open
            .values()
            .filter_map(|visit| match visit.overdue(closing, now, at)? {
                Overdue::GoesIdle => Some(Change::WentIdle { visit: visit.visit, now }),
                Overdue::TimesOut => {
                    Some(Change::Closed { visit: visit.visit, reason: CloseReason::Timeout, ended_at: visit.last_seen_at, now })
                }
            })
            .take(changes_max)
            .collect()
    }

    /// Folds a committed change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Opened(opened) => {
                self.codes.apply(opened.code.nonce, opened.code.issued_at);
                self.passes.insert(opened.pass, UsedPass { pass: opened.pass, visit: opened.visit, expires_at: opened.pass_expires_at });
                self.by_token.insert(opened.token, opened.visit);
                self.open.insert(opened.visit, opened.into_visit());
            }
            Change::Attached { visit: _, pass: _, code, at: _ } => self.codes.apply(code.nonce, code.issued_at),
            Change::Seen { visit, zone, at, now } => {
                if let Some(open) = self.open.remove(&visit) {
                    self.open.insert(visit, open.seen(zone, at, now));
                }
            }
            Change::WentIdle { visit, now } => {
                if let Some(open) = self.open.remove(&visit) {
                    self.open.insert(visit, open.idle(now));
                }
            }
            Change::Closed { visit, reason: _, ended_at: _, now } => {
                if let Some(open) = self.open.remove(&visit) {
                    self.closed.insert(visit, ClosedVisit { visit, token: open.token, opened: open.opened, closed: now });
                }
            }
        }
    }

    /// Forgets what time has made useless: tokens of closed visits, expired passes, old codes.
    pub fn forget(&mut self, at: DateTime<Utc>, now: Monotonic) -> Forgotten {
        let visits: Vec<VisitId> = self.closed.values().filter(|visit| visit.is_over(now)).map(|visit| visit.visit).collect();
        for visit in &visits {
            if let Some(closed) = self.closed.remove(visit) {
                self.by_token.remove(&closed.token);
            }
        }
        let over = |used: &UsedPass| used.expires_at <= at && !self.open.contains_key(&used.visit);
        let passes: Vec<PassId> = self.passes.values().filter(|used| over(used)).map(|used| used.pass).collect();
        for pass in &passes {
            self.passes.remove(pass);
        }
        Forgotten { visits, passes, codes: self.codes.forget(at) }
    }
}

/// What [`Visits::forget`] dropped, for the shell to delete from disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    pub visits: Vec<VisitId>,
    pub passes: Vec<PassId>,
    pub codes: Vec<u64>,
}

impl Opened {
    /// The visit that begins.
    #[must_use]
    pub fn into_visit(self) -> OpenVisit {
        OpenVisit {
            visit: self.visit,
            token: self.token,
            pass: self.pass,
            method: self.method,
            touchpoint: self.touchpoint,
            opened_at: self.at,
            last_seen_at: self.at,
            zone: None,
            state: State::CheckedIn,
            opened: self.now,
            last_seen: self.now,
        }
    }
}
