//! What a node says of itself: the reported document `node/self`.
//!
//! Owns the choice of alarms, and the last report. Takes the journal's storage and the status of the link, once a minute. Emits the document
//! where it changed. On failure: the journal's error; the next minute says it anew.
use aisle_mesh::sync::node_driver::LinkStatus;
use aisle_mesh::sync::turn::Alarm;
use aisle_schemas::log::{NodeAlarm, NodeReport};
use aisle_schemas::record::{Body, NODE_SELF};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use crate::journal::{Cause, Entry, Journal, JournalError, RecordMaker, Storage};

/// Hours for which an alarm of the link is told: a person looks at least once a day.
const ALARM_HOURS: i64 = 24;

/// The node as it is.
#[must_use]
pub fn report(storage: Storage, link: &LinkStatus, at: DateTime<Utc>) -> NodeReport {
    let Storage { class_a, class_c, nearly_full, refusing, disk_full, offline_days } = storage;
    let own = [
        (nearly_full, NodeAlarm::StorageNearlyFull),
        (refusing, NodeAlarm::StorageFull),
        (disk_full, NodeAlarm::DiskFull),
        (link.clock_ok == Some(false), NodeAlarm::ClockOff),
    ];
    let own = own.into_iter().filter_map(|(raised, alarm)| raised.then_some(alarm));
    let recent = link.alarms.iter().filter(|(raised_at, _)| at - *raised_at < TimeDelta::hours(ALARM_HOURS));
    let mut alarms: Vec<NodeAlarm> = own.chain(recent.filter_map(|(_, alarm)| of_link(*alarm))).collect();
    alarms.sort_unstable();
    alarms.dedup();
    NodeReport { software: env!("CARGO_PKG_VERSION").to_owned(), alarms, class_a, class_c, offline_days, at }
}

/// What the cloud cannot see by itself. A node that is refused tells nobody: the cloud knows why, and the page of the box shows it.
const fn of_link(alarm: Alarm) -> Option<NodeAlarm> {
    match alarm {
        Alarm::IdentityInUse => Some(NodeAlarm::IdentityInUse),
        Alarm::DiskBehind => Some(NodeAlarm::DiskBehind),
        Alarm::Held(_) => Some(NodeAlarm::StreamHeld),
        Alarm::SubscribeRefused
        | Alarm::PublishRefused
        | Alarm::PeerBehind
        | Alarm::CloneSuspected
        | Alarm::Unsupported
        | Alarm::Superseded
        | Alarm::Replaced
        | Alarm::BadIdentity => None,
    }
}

/// Writes the document.
pub struct Reporter {
    journal: Journal,
    maker: RecordMaker,
    link: watch::Receiver<LinkStatus>,
    last: Option<NodeReport>,
}

impl Reporter {
    /// Has told nothing yet.
    #[must_use]
    pub fn new(journal: Journal, maker: RecordMaker, link: watch::Receiver<LinkStatus>) -> Self {
        Self { journal, maker, link, last: None }
    }

    /// Writes the document if it says anything new.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn tell(&mut self, now: DateTime<Utc>) -> Result<(), JournalError> {
        let report = report(self.journal.storage(now), &self.link.borrow(), now);
        if self.last.as_ref().is_some_and(|last| *last == NodeReport { at: last.at, ..report.clone() }) {
            return Ok(());
        }
        let record = self.maker.make(&Body::NodeReported(Box::new(report.clone())), NODE_SELF.to_owned(), Cause::default())?;
        self.journal.commit(Entry { changes: vec![], records: vec![record] }).await?;
        self.last = Some(report);
        Ok(())
    }
}
