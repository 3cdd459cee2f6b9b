//! Frequency caps: how many messages of a kind within a window (clause 8).
//!
//! Owns [`Cap`] and its windows. Takes the live sends of one person; emits the first cap that is used up. Counts are per root, not per
//! address, and a reservation counts like a send, so that two messages on their way cannot share the last place (G2).

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{
    candidate::{Candidate, MessageChannel},
    person::SendRecord,
};
use crate::{
    ids::{CapId, Tag},
    local_time::{first_of_month, local_day, monday_of, start_of_day},
};

/// The time over which a cap counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The last so many seconds.
    Rolling {
        seconds: u32,
    },
    CalendarDay,
    /// From Monday.
    CalendarWeek,
    CalendarMonth,
}

/// At most `limit` matching messages per window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    pub id: CapId,
    /// Channels it counts; empty means all.
    pub channels: BTreeSet<MessageChannel>,
    /// Counts messages with any of these labels; empty means all.
    pub tags: BTreeSet<Tag>,
    pub window: Window,
    pub limit: u32,
}

impl Cap {
    fn matches(&self, channel: MessageChannel, tags: &BTreeSet<Tag>) -> bool {
        (self.channels.is_empty() || self.channels.contains(&channel)) && (self.tags.is_empty() || !self.tags.is_disjoint(tags))
    }

    /// Sends after this instant count; for calendar windows sends at it count too.
    fn counts(&self, sent_at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> bool {
        let today = local_day(zone, now);
        match self.window {
            Window::Rolling { seconds } => sent_at > now - TimeDelta::seconds(i64::from(seconds)),
            Window::CalendarDay => sent_at >= start_of_day(zone, today),
            Window::CalendarWeek => sent_at >= start_of_day(zone, monday_of(today)),
            Window::CalendarMonth => sent_at >= start_of_day(zone, first_of_month(today)),
        }
    }
}

/// The first cap that has no place left for the candidate. Calendar windows follow `zone`, or UTC where none is known.
pub fn first_used_up<'a>(
    caps: &'a [Cap],
    candidate: &Candidate,
    sends: &[SendRecord],
    zone: Option<Tz>,
    now: DateTime<Utc>,
) -> Option<&'a CapId> {
    let zone = zone.unwrap_or(Tz::UTC);
    caps.iter()
        .filter(|cap| cap.matches(candidate.channel, &candidate.tags))
        .find(|cap| {
            let used = sends
                .iter()
                .filter(|send| send.is_live(now) && cap.matches(send.channel, &send.tags) && cap.counts(send.at, now, zone))
                .count();
            used >= usize::try_from(cap.limit).unwrap_or(usize::MAX)
        })
        .map(|cap| &cap.id)
}
