//! Fan-out of live events to the readers at this instance.
//!
//! Owns the senders of open readers by channel. Takes events; emits them to each reader. A reader whose queue is full is dropped: it comes
//! back with its last place and is told what it missed, so one slow phone never holds up another.

use std::{collections::HashMap, sync::Mutex};

use tokio::sync::mpsc;

use super::{LiveEvent, READER_QUEUE, READERS_PER_CHANNEL, SharedError};

#[derive(Default)]
pub(super) struct Hub {
    readers: Mutex<HashMap<String, Vec<mpsc::Sender<LiveEvent>>>>,
}

impl Hub {
    /// Opens a reader.
    pub(super) fn subscribe(&self, channel: &str) -> Result<mpsc::Receiver<LiveEvent>, SharedError> {
        let mut readers = self.readers.lock().expect("no holder panics");
        let of_channel = readers.entry(channel.to_owned()).or_default();
        of_channel.retain(|reader| !reader.is_closed());
        if of_channel.len() >= READERS_PER_CHANNEL {
            return Err(SharedError::TooManyReaders);
        }
        let (sender, receiver) = mpsc::channel(READER_QUEUE);
        of_channel.push(sender);
        Ok(receiver)
    }

    /// Hands an event to every reader of the channel.
    pub(super) fn send(&self, channel: &str, event: &LiveEvent) {
        let mut readers = self.readers.lock().expect("no holder panics");
        let Some(of_channel) = readers.get_mut(channel) else { return };
        of_channel.retain(|reader| match reader.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                metrics::counter!("aisle_stream_readers_dropped_total", "role" => "cloud").increment(1);
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
        if of_channel.is_empty() {
            readers.remove(channel);
        }
    }

    /// Drops every reader: something was missed, so all have to come back and say where they are.
    pub(super) fn drop_all(&self) {
        self.readers.lock().expect("no holder panics").clear();
    }
}
