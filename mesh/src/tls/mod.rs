//! Identities on the wire: keys, certificates, and TLS 1.3 in which both ends show one (AS-105, AS-107).
//!
//! Owns: our own certificate authority, what a certificate of ours says, and the two TLS configurations made from them. Takes: PEM
//! texts, instants, serial numbers. Emits: PEM texts, identities, TLS configurations. On failure: a typed error; nothing here falls
//! back to plain text or to a certificate that does not check out.

mod authority;
mod certificate;
mod key;
mod session;

use chrono::TimeDelta;

pub use authority::{Authority, Revoked, SERIAL_BYTES};
pub use certificate::{Certificate, Fingerprint, Identity, Validity, ValidityState};
pub use key::{PrivateKey, SigningRequest};
pub use session::{ClientTls, ServerTls};

/// How long a certificate of a node or an instance is good (AS-107).
pub const VALID: TimeDelta = TimeDelta::days(90);
/// Age from which it is renewed (AS-107).
pub const RENEW_FROM: TimeDelta = TimeDelta::days(30);
/// How long after its end it is still good for renewal, and for nothing else (AS-107).
pub const RENEWAL_GRACE: TimeDelta = TimeDelta::days(30);
/// How long a broker's certificate is good: an operator renews it by hand.
pub const SERVER_VALID: TimeDelta = TimeDelta::days(365);
/// How long the authority itself is good: longer than the hardware of a store.
pub const AUTHORITY_VALID: TimeDelta = TimeDelta::days(3_650);
/// Certificates begin this much before they are made, for boxes whose clock is a little behind.
pub const BACKDATED: TimeDelta = TimeDelta::minutes(10);
/// Longest PEM text that is parsed: ours have under 2 KiB.
pub const PEM_BYTES_MAX: usize = 8 * 1024;

/// Why an identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Longer than any text of ours.
    #[error("PEM text of {bytes} bytes is longer than {PEM_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not what it should be.
    #[error("failed to read {what}")]
    Unreadable {
        /// Kind of thing, e.g. `certificate`.
        what: &'static str,
        /// What the library says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A certificate whose names are not those of a node or an instance of ours.
    #[error("certificate names no node or instance: {reason}")]
    Names {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// A key could not be made, or something could not be signed.
    #[error("failed to make {what}")]
    Make {
        /// Kind of thing.
        what: &'static str,
        /// What the library says.
        #[source]
        source: rcgen::Error,
    },
    /// Key, certificate and authority do not fit together.
    #[error("key, certificate and authority do not fit together")]
    Mismatch(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TlsError {
    fn unreadable(what: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unreadable { what, source: source.into() }
    }
}

/// Refuses texts that nobody of ours writes.
fn bounded(pem: &str) -> Result<&str, TlsError> {
    if pem.len() > PEM_BYTES_MAX { Err(TlsError::TooLong { bytes: pem.len() }) } else { Ok(pem) }
}
