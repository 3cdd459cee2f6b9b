//! What a node says of itself: the reported document `node/self`.
//!
//! Owns the choice of alarms, and the last report. Takes the journal's storage, the status of the link and the certificate's time, once a minute.
//! Emits the document where it changed. On failure: the journal's error; the next minute says it anew.
use aisle_mesh::sync::node_driver::LinkStatus;
use aisle_mesh::sync::turn::Alarm;
use aisle_mesh::tls::Validity;
use aisle_schemas::log::{NodeAlarm, NodeReport};
use aisle_schemas::record::{Body, NODE_SELF};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use crate::journal::{Cause, Entry, Journal, JournalError, RecordMaker, Storage};

/// Hours for which an alarm of the link is told: a person looks at least once a day.
const ALARM_HOURS: i64 = 24;

/// A certificate with less left is told of: it is renewed from day 30 of 90 (AS-107), so that its renewal has failed for as long.
const CERTIFICATE_CARE: TimeDelta = TimeDelta::days(30);

/// The node as it is.
#[must_use]
pub fn report(storage: Storage, link: &LinkStatus, certificate: Option<Validity>, at: DateTime<Utc>) -> NodeReport {
    let Storage { class_a, class_c, nearly_full, refusing, disk_full, offline_days } = storage;
    let left = certificate.map(|validity| validity.not_after - at);
    let own = [
        (nearly_full, NodeAlarm::StorageNearlyFull),
        (refusing, NodeAlarm::StorageFull),
        (disk_full, NodeAlarm::DiskFull),
        (link.clock_ok == Some(false), NodeAlarm::ClockOff),
        (left.is_some_and(|left| left < TimeDelta::zero()), NodeAlarm::CertificateExpired),
        (left.is_some_and(|left| (TimeDelta::zero()..CERTIFICATE_CARE).contains(&left)), NodeAlarm::CertificateDue),
    ];
    let own = own.into_iter().filter_map(|(raised, alarm)| raised.then_some(alarm));
    let recent = link.alarms.iter().filter(|(raised_at, _)| at - *raised_at < TimeDelta::hours(ALARM_HOURS));
    let mut alarms: Vec<NodeAlarm> = own.chain(recent.filter_map(|(_, alarm)| of_link(*alarm))).collect();
    alarms.sort_unstable();
    alarms.dedup();
    NodeReport { software: env!("CARGO_PKG_VERSION").to_owned(), alarms, class_a, class_c, offline_days, at }
}

/// What a person should see. Why a node is refused, the cloud knows as well; the page of the box tells it to who stands before it.
const fn of_link(alarm: Alarm) -> Option<NodeAlarm> {
    match alarm {
        Alarm::IdentityInUse => Some(NodeAlarm::IdentityInUse),
        Alarm::DiskBehind => Some(NodeAlarm::DiskBehind),
        Alarm::Held(_) => Some(NodeAlarm::StreamHeld),
        Alarm::CloneSuspected => Some(NodeAlarm::CloneSuspected),
        Alarm::Unsupported => Some(NodeAlarm::Unsupported),
        Alarm::Superseded => Some(NodeAlarm::Superseded),
        Alarm::Replaced => Some(NodeAlarm::Replaced),
        Alarm::SubscribeRefused | Alarm::PublishRefused | Alarm::PeerBehind | Alarm::BadIdentity => None,
    }
}

/// Writes the document.
pub struct Reporter {
    journal: Journal,
    maker: RecordMaker,
    link: watch::Receiver<LinkStatus>,
    certificate: watch::Receiver<Option<Validity>>,
    last: Option<NodeReport>,
}

impl Reporter {
    /// Has told nothing yet.
    #[must_use]
    pub fn new(
        journal: Journal,
        maker: RecordMaker,
        link: watch::Receiver<LinkStatus>,
        certificate: watch::Receiver<Option<Validity>>,
    ) -> Self {
        Self { journal, maker, link, certificate, last: None }
    }

    /// Writes the document if it says anything new.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn tell(&mut self, now: DateTime<Utc>) -> Result<(), JournalError> {
        let report = report(self.journal.storage(now), &self.link.borrow(), *self.certificate.borrow(), now);
        if self.last.as_ref().is_some_and(|last| *last == NodeReport { at: last.at, ..report.clone() }) {
            return Ok(());
        }
        let record = self.maker.make(&Body::NodeReported(Box::new(report.clone())), NODE_SELF.to_owned(), Cause::default())?;
        self.journal.commit(Entry { changes: vec![], records: vec![record] }).await?;
        self.last = Some(report);
        Ok(())
    }
}
