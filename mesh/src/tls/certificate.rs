//! What a certificate of ours says: whose it is, from when to when, and under which key.
//!
//! Owns: the two names of an identity, common name and URI, and the rule that they agree. Takes: DER or PEM, from a peer or from a
//! file. Emits: an `Identity` with its validity. On failure: a typed error; a certificate with names we never give is nobody's.
//!
//! Whether a certificate was made by our authority is decided where it is shown: by TLS in a handshake, by the list of certificates
//! at renewal.

use aisle_schemas::ids::{InstanceId, NodeId};
use chrono::{DateTime, Utc};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{RENEW_FROM, RENEWAL_GRACE, TlsError, VALID, bounded};
use crate::broker::{AccountName, Role};

/// SHA-256 of a certificate's DER.
pub type Fingerprint = [u8; 32];

/// Who may hold a client certificate of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A store's box.
    Node(NodeId),
    /// A cloud instance.
    Cloud(InstanceId),
}

impl Identity {
    /// Reads a common name.
    ///
    /// # Errors
    /// When it is not `tenant.store.node` or `cloud.instance`.
    pub fn parse(name: &str) -> Result<Self, TlsError> {
        let refused = |_| TlsError::Names { reason: "common name is neither tenant.store.node nor cloud.instance" };
        match name.strip_prefix("cloud.") {
            Some(instance) => InstanceId::parse(instance).map(Self::Cloud).map_err(refused),
            None => NodeId::parse(name).map(Self::Node).map_err(refused),
        }
    }

    /// Common name: account at the broker, client id, topic level (AS-098).
    #[must_use]
    pub fn name(&self) -> AccountName {
        self.role().name()
    }

    /// What it may do at a broker.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Node(node) => Role::Node(node.clone()),
            Self::Cloud(instance) => Role::Cloud(instance.clone()),
        }
    }

    /// Alternative name, `aisle://tenant/store/node` (AS-105). No tenant is called `cloud`.
    #[must_use]
    pub fn uri(&self) -> String {
        match self {
            Self::Node(NodeId { tenant, store, node }) => format!("aisle://{tenant}/{store}/{node}"),
            Self::Cloud(instance) => format!("aisle://cloud/{instance}"),
        }
    }
}

/// From when to when a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// First instant.
    pub not_before: DateTime<Utc>,
    /// Last instant.
    pub not_after: DateTime<Utc>,
}

/// What its holder should do (AS-107). Links are decided by TLS alone; nothing local asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValidityState {
    /// Younger than 30 days.
    Fresh,
    /// Good, and to be renewed.
    Due,
    /// Over: good for renewal alone.
    Expired,
    /// Over for more than 30 days: a new claim is needed.
    Spent,
}

impl Validity {
    /// The state at an instant.
    #[must_use]
    pub fn state(self, now: DateTime<Utc>) -> ValidityState {
        let Self { not_before: _, not_after } = self;
        if now > not_after + RENEWAL_GRACE {
            ValidityState::Spent
        } else if now > not_after {
            ValidityState::Expired
        } else if now >= not_after - (VALID - RENEW_FROM) {
            ValidityState::Due
        } else {
            ValidityState::Fresh
        }
    }
}

/// A certificate of a node or an instance, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub identity: Identity,
    /// From when to when.
    pub validity: Validity,
    /// Serial number, big-endian.
    pub serial: Vec<u8>,
    /// SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
    /// The public key as a point on P-256.
    public_key: Vec<u8>,
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// When there is none, or it is not one of ours.
    pub fn from_pem(pem: &str) -> Result<Self, TlsError> {
        let der = CertificateDer::from_pem_slice(bounded(pem)?.as_bytes()).map_err(|error| TlsError::unreadable("certificate", error))?;
        Self::from_der(&der)
    }

    /// Reads a certificate.
    ///
    /// # Errors
    /// When it does not parse or its names are not those of a node or an instance.
    pub fn from_der(der: &[u8]) -> Result<Self, TlsError> {
        let (_, parsed) = X509Certificate::from_der(der).map_err(|error| TlsError::unreadable("certificate", error))?;
        let mut names = parsed.subject().iter_common_name();
        let (Some(name), None) = (names.next(), names.next()) else {
            return Err(TlsError::Names { reason: "there is not exactly one common name" });
        };
        let identity = Identity::parse(name.as_str().map_err(|error| TlsError::unreadable("common name", error))?)?;
        let alternative = parsed.subject_alternative_name().map_err(|error| TlsError::unreadable("alternative name", error))?;
        let uri = identity.uri();
        let agree =
            alternative.is_some_and(|names| matches!(names.value.general_names.as_slice(), [GeneralName::URI(given)] if *given == uri));
        if !agree {
            return Err(TlsError::Names { reason: "the alternative name is not the identity's URI" });
        }
        let instant = |seconds| DateTime::from_timestamp(seconds, 0).ok_or(TlsError::Names { reason: "validity is outside the calendar" });
        let validity = parsed.validity();
        Ok(Self {
            identity,
            validity: Validity {
                not_before: instant(validity.not_before.timestamp())?,
                not_after: instant(validity.not_after.timestamp())?,
            },
            serial: parsed.raw_serial().to_vec(),
            fingerprint: Sha256::digest(der).into(),
            public_key: parsed.public_key().subject_public_key.data.to_vec(),
        })
    }

    /// SHA-256 of the public key: tells whether two certificates, or a request and a certificate, are of one key.
    #[must_use]
    pub fn key_hash(&self) -> [u8; 32] {
        Sha256::digest(&self.public_key).into()
    }

    /// Whether the holder of this certificate's key signed `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_ASN1, &self.public_key)
            .verify(message, signature)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn as_107_a_certificate_is_renewed_from_day_30_and_for_30_days_after_its_end() {
        let made = DateTime::from_timestamp(1_795_511_520, 0).unwrap();
        let validity = Validity { not_before: made, not_after: made + VALID };
        for (day, state) in [
            (0, ValidityState::Fresh),
            (29, ValidityState::Fresh),
            (30, ValidityState::Due),
            (90, ValidityState::Due),
            (91, ValidityState::Expired),
            (120, ValidityState::Expired),
            (121, ValidityState::Spent),
        ] {
            assert_eq!(validity.state(made + TimeDelta::days(day)), state, "day {day}");
        }
    }

    #[test]
    fn as_105_names_are_those_of_a_node_or_an_instance() {
        let node = Identity::parse("acme.s042.n1").unwrap();
        assert_eq!(node.uri(), "aisle://acme/s042/n1");
        assert_eq!(node.name().as_str(), "acme.s042.n1");
        let cloud = Identity::parse("cloud.eu1-a").unwrap();
        assert_eq!((cloud.uri(), cloud.name().as_str().to_owned()), ("aisle://cloud/eu1-a".to_owned(), "cloud.eu1-a".to_owned()));
        for bad in ["", "acme", "acme.s042", "acme.s042.n1.x", "cloud.", "cloud.a.b", "acme.+.n1", "acme/s042/n1"] {
            assert!(Identity::parse(bad).is_err(), "{bad:?}");
        }
    }
}
