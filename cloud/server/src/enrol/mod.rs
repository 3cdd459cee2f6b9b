//! A box becomes a node and stays one: claims are redeemed, certificates renewed (AS-105, AS-107).
//!
//! Owns the order of checks, and the authority's key while the instance runs. Takes claims and signing requests; emits certificates, each
//! written with its audit entry before it is told. On failure: a typed refusal, and nothing has changed. Who asks twice with the same key
//! gets the same certificate, so a lost answer costs nothing.

pub mod admission;
pub mod office;
pub mod tls_files;

use std::path::{Path, PathBuf};

use aisle_mesh::tls::{Authority, Certificate, Identity, SERIAL_BYTES, SigningRequest, TlsError, ValidityState};
use aisle_schemas::{
    http::cloud::{Claim, ClaimError, Enrolled, EnrolmentRequest, RenewalRequest},
    ids::EventId,
};
use aisle_store::{
    Db, StoreError,
    enrolment::{self, Giving, NewCertificate},
};
use chrono::{DateTime, Utc};

use crate::fresh;

/// Name of the authority's certificate in its folder.
pub const AUTHORITY_FILE: &str = "ca.pem";
/// Name of the authority's key in its folder.
pub const AUTHORITY_KEY_FILE: &str = "ca.key";
/// Name of the list of revoked certificates in its folder.
pub const REVOKED_FILE: &str = "crl.pem";

/// Why the authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("failed to read {}", file.display())]
    File {
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to use the authority in {}", folder.display())]
    Unusable {
        folder: PathBuf,
        #[source]
        source: TlsError,
    },
}

/// Reads the authority in a folder that `aisle enrol ca` filled.
pub fn authority(folder: &Path) -> Result<Authority, AuthorityError> {
    let read = |name| {
        let file = folder.join(name);
        std::fs::read_to_string(&file).map_err(|source| AuthorityError::File { file, source })
    };
    let (certificate, key) = (read(AUTHORITY_FILE)?, read(AUTHORITY_KEY_FILE)?);
    Authority::from_pem(&certificate, &key).map_err(|source| AuthorityError::Unusable { folder: folder.to_owned(), source })
}

/// Why no certificate was given.
#[derive(Debug, thiserror::Error)]
pub enum EnrolRefused {
    #[error("the claim cannot be read")]
    Claim(#[source] ClaimError),
    #[error("the signing request cannot be used")]
    Request(#[source] TlsError),
    #[error("the certificate cannot be read")]
    Certificate(#[source] TlsError),
    #[error("the signature is not hex")]
    SignatureForm,
    /// No such claim, or one of another node or authority. Which of these, strangers are not told.
    #[error("there is no such claim")]
    Unknown,
    #[error("the claim has run out")]
    Expired,
    #[error("the claim was used for another key")]
    Used,
    /// Not signed by the certificate's key, not ours, revoked, or its node is shut out.
    #[error("the certificate is not good for a renewal")]
    NotOurs,
    #[error("the certificate ended more than 30 days ago")]
    Spent,
    #[error("the certificate is too young to be renewed")]
    TooEarly,
    #[error("failed to make the certificate")]
    Make(#[source] TlsError),
    #[error("failed to write the enrolment")]
    Store(#[source] StoreError),
}

impl EnrolRefused {
    /// Label of metrics and code of the answer.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Claim(_) | Self::Request(_) | Self::Certificate(_) | Self::SignatureForm => "invalid",
            Self::Unknown => "claim_unknown",
            Self::Expired => "claim_expired",
            Self::Used => "claim_used",
            Self::NotOurs => "certificate_refused",
            Self::Spent => "certificate_spent",
            Self::TooEarly => "too_early",
            Self::Make(_) | Self::Store(_) => "unavailable",
        }
    }
}

impl From<StoreError> for EnrolRefused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Gives certificates.
pub struct Enroller {
    authority: Authority,
    db: Db,
}

impl Enroller {
    /// An enroller over an authority.
    pub fn new(authority: Authority, db: Db) -> Self {
        Self { authority, db }
    }

    /// Redeems a claim.
    pub async fn redeem(&self, asked: &EnrolmentRequest, now: DateTime<Utc>) -> Result<Enrolled, EnrolRefused> {
        let claim: Claim = asked.claim.parse().map_err(EnrolRefused::Claim)?;
        let request = SigningRequest::from_pem(&asked.request).map_err(EnrolRefused::Request)?;
        let hash = claim.hash();
        let row = enrolment::claim(&mut self.db.read().await?, hash).await?.ok_or(EnrolRefused::Unknown)?;
        if row.node != claim.node || claim.authority != self.authority.fingerprint() {
            return Err(EnrolRefused::Unknown);
        }
        if now > row.expires_at {
            return Err(EnrolRefused::Expired);
        }
        if let Some(given) = row.given {
            // The answer was lost on its way.
            return if given.key_hash == request.key_hash() { self.told(given.pem) } else { Err(EnrolRefused::Used) };
        }
        let certificate = self.make(&Identity::Node(row.node), &request, now)?;
        let pem = certificate.pem.clone();
        match enrolment::redeem(&self.db, hash, row.replaces, certificate, giving(now)).await {
            Ok(()) => self.told(pem),
            // Two at once: the other one was first.
            Err(StoreError::Stale) => Err(EnrolRefused::Used),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a node its next certificate.
    pub async fn renew(&self, asked: &RenewalRequest, now: DateTime<Utc>) -> Result<Enrolled, EnrolRefused> {
        let present = Certificate::from_pem(&asked.certificate).map_err(EnrolRefused::Certificate)?;
        let request = SigningRequest::from_pem(&asked.request).map_err(EnrolRefused::Request)?;
        let signature = hex::decode(&asked.signature).map_err(|_| EnrolRefused::SignatureForm)?;
        if !present.verifies(asked.request.as_bytes(), &signature) {
            return Err(EnrolRefused::NotOurs);
        }
        let known = enrolment::certificate(&mut self.db.read().await?, present.fingerprint).await?;
        let Some((node, true)) = known else { return Err(EnrolRefused::NotOurs) };
        match present.validity.state(now) {
            ValidityState::Fresh => return Err(EnrolRefused::TooEarly),
            ValidityState::Due | ValidityState::Expired => {}
            ValidityState::Spent => return Err(EnrolRefused::Spent),
        }
        let certificate = self.make(&Identity::Node(node), &request, now)?;
        let pem = certificate.pem.clone();
        match enrolment::renew(&self.db, present.fingerprint, certificate, giving(now)).await {
            Ok(()) => self.told(pem),
            Err(StoreError::Stale) => Err(EnrolRefused::NotOurs),
            Err(error) => Err(error.into()),
        }
    }

    fn make(&self, identity: &Identity, request: &SigningRequest, now: DateTime<Utc>) -> Result<NewCertificate, EnrolRefused> {
        let serial: [u8; SERIAL_BYTES] = fresh::secret();
        let pem = self.authority.certify(identity, request, now, serial).map_err(EnrolRefused::Make)?;
        let made = Certificate::from_pem(&pem).map_err(EnrolRefused::Make)?;
        let key_hash = made.key_hash();
        let Identity::Node(node) = made.identity else { return Err(EnrolRefused::NotOurs) };
        let Certificate { validity, serial, fingerprint, .. } = made;
        Ok(NewCertificate { fingerprint, node, serial, key_hash, pem, not_after: validity.not_after })
    }

    fn told(&self, pem: String) -> Result<Enrolled, EnrolRefused> {
        let certificate = Certificate::from_pem(&pem).map_err(EnrolRefused::Make)?;
        let Identity::Node(node) = certificate.identity else { return Err(EnrolRefused::NotOurs) };
        Ok(Enrolled {
            node,
            certificate: pem,
            authority: self.authority.certificate().to_owned(),
            not_after: certificate.validity.not_after,
        })
    }
}

fn giving(now: DateTime<Utc>) -> Giving {
    Giving { at: now, audit: fresh::id(now, EventId::new), random: fresh::draw() }
}
