//! Fan-out of live events to the readers at this instance.
//!
//! Owns the senders of open readers by channel. Takes events; emits them to each reader. A reader whose queue is full is dropped: it comes
//! back with its last place and is told what it missed, so one slow phone never holds up another.

use std::{collections::HashMap, sync::Mutex};

use tokio::sync::mpsc;

use super::{LiveEvent, READER_QUEUE, READERS_PER_CHANNEL, SharedError};

/// Channels from which on those without a reader are looked for: many are used once and then never written to.
const SWEEP_FROM: usize = 1_024;

#[derive(Default)]
pub(super) struct Hub {
    readers: Mutex<Readers>,
}

#[derive(Default)]
struct Readers {
    by_channel: HashMap<String, Vec<mpsc::Sender<LiveEvent>>>,
    /// Channels that the last sweep left: the next one is worth its work when there are twice as many.
    swept_to: usize,
}

impl Readers {
    fn sweep(&mut self) {
        if self.by_channel.len() >= SWEEP_FROM.max(2 * self.swept_to) {
            self.by_channel.retain(|_, readers| readers.iter().any(|reader| !reader.is_closed()));
            self.swept_to = self.by_channel.len();
        }
    }
}

impl Hub {
    /// Opens a reader.
    pub(super) fn subscribe(&self, channel: &str) -> Result<mpsc::Receiver<LiveEvent>, SharedError> {
        let mut readers = self.readers.lock().expect("no holder panics");
        readers.sweep();
        let of_channel = readers.by_channel.entry(channel.to_owned()).or_default();
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
        let Some(of_channel) = readers.by_channel.get_mut(channel) else { return };
        of_channel.retain(|reader| match reader.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                metrics::counter!("aisle_stream_readers_dropped_total", "role" => "cloud").increment(1);
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
        if of_channel.is_empty() {
            readers.by_channel.remove(channel);
        }
    }

    /// Drops every reader: something was missed, so all have to come back and say where they are.
    pub(super) fn drop_all(&self) {
        self.readers.lock().expect("no holder panics").by_channel.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_that_are_used_once_do_not_add_up() {
        let hub = Hub::default();
        let staying = hub.subscribe("stays").unwrap();
        for n in 0..10 * SWEEP_FROM {
            drop(hub.subscribe(&format!("ask:{n}")).unwrap());
        }
        let readers = hub.readers.lock().unwrap();
        assert!(readers.by_channel.len() <= SWEEP_FROM, "{}", readers.by_channel.len());
        assert!(readers.by_channel.contains_key("stays") && !staying.is_closed());
    }
}
