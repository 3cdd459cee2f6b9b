//! Keeps personal data and secrets out of logs and spans by the names of their fields.
//!
//! Owns: the list of forbidden field names. Takes: every call site, once. Emits: a count of refused call sites. On
//! failure: a refused call site is silent, so a wrong name costs a log line and never a leak.

use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::Context;

/// Field names that no log line or span may declare.
pub const FORBIDDEN: &[&str] = &[
    "address",
    "authorization",
    "birthday",
    "body",
    "card_number",
    "cookie",
    "email",
    "first_name",
    "last_name",
    "password",
    "payload",
    "phone",
    "secret",
    "sign_in_code",
    "token",
];

/// Refuses call sites that declare a forbidden field.
pub(super) struct Gate;

impl<S: Subscriber> tracing_subscriber::Layer<S> for Gate {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if allowed(metadata) {
            return Interest::always();
        }
        ::metrics::counter!("aisle_log_callsites_refused_total", "target" => metadata.target()).increment(1);
        Interest::never()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        allowed(metadata)
    }
}

fn allowed(metadata: &Metadata<'_>) -> bool {
    metadata.fields().iter().all(|field| !FORBIDDEN.contains(&field.name()))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_line_with_a_forbidden_field_is_dropped() {
        let captured = Captured::default();
        let writer = captured.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(Gate).with(lines);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(email = "canary@example.com", "signed in");
            tracing::info!(visit = "v-1", "opened");
            tracing::info_span!("http.sign_in", token = "canary").in_scope(|| tracing::info!("inside"));
        });
        let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains("v-1") && text.contains("inside"), "{text}");
    }
}
