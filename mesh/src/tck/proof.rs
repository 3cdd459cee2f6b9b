//! How a test identity shows who it is: by a secret, or by a certificate over TLS 1.3 (AS-105).
//!
//! Owns [`Proof`] and the two wrong ones that a broker must turn away: none at all, and one that says the same and was made by somebody else.
//! Takes secrets and PEM texts. Emits what a link needs. On failure: a typed error when the texts are read, none later.

use secrecy::{ExposeSecret, SecretString};

use crate::tls::{Authority, Certificate, ClientTls, Identity, PrivateKey, SigningRequest, TlsError};

/// A secret that no broker knows.
const WRONG: &str = "aisle-broker-check";

/// What stands behind a name.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A secret that the broker knows.
    Secret(SecretString),
    /// A certificate of the authority that the broker trusts.
    Certificate(Box<Shown>),
}

/// A certificate, and what strangers would show in its place.
#[derive(Debug, Clone)]
pub struct Shown {
    identity: Identity,
    own: ClientTls,
    /// Trusts the same authority and shows nothing.
    nothing: ClientTls,
    /// Shows the same names, in a certificate of another authority.
    forged: ClientTls,
}

/// User name, secret and TLS of one connection.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: Option<SecretString>,
    pub(super) tls: Option<ClientTls>,
}

impl Shown {
    /// Reads a certificate with its key, and the authority that the broker's certificate comes from. The forgery is as old as the original.
    ///
    /// # Errors
    /// When a text does not parse or they do not fit together.
    pub fn new(authority: &str, certificate: &str, key: &str) -> Result<Self, TlsError> {
        let Certificate { identity, validity, .. } = Certificate::from_pem(certificate)?;
        let root = PrivateKey::generate()?;
        let other = Authority::create(&root, validity.not_before, rand::random())?;
        let other = Authority::from_pem(&other, root.to_pem().expose_secret())?;
        let forged = PrivateKey::generate()?;
        let request = SigningRequest::from_pem(&forged.request(&identity)?)?;
        let forgery = other.certify(&identity, &request, validity.not_before, rand::random())?;
        Ok(Self {
            identity,
            own: ClientTls::new(authority, certificate, key)?,
            nothing: ClientTls::without_certificate(authority)?,
            forged: ClientTls::new(authority, &forgery, forged.to_pem().expose_secret())?,
        })
    }

    /// Whom the certificate names.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Proof {
    /// What the identity `name` signs in with; `anonymous` holds everything back.
    pub(super) fn login(&self, name: &str, anonymous: bool) -> Login {
        match (self, anonymous) {
            (Self::Secret(secret), false) => Login { username: Some(name.to_owned()), password: Some(secret.clone()), tls: None },
            (Self::Secret(_), true) => Login { username: None, password: None, tls: None },
            (Self::Certificate(shown), false) => Login { username: None, password: None, tls: Some(shown.own.clone()) },
            (Self::Certificate(shown), true) => Login { username: None, password: None, tls: Some(shown.nothing.clone()) },
        }
    }

    /// A proof that proves nothing, and what to call it.
    pub(super) fn wrong(&self) -> (Self, &'static str) {
        match self {
            Self::Secret(_) => (Self::Secret(SecretString::from(WRONG.to_owned())), "a wrong secret"),
            Self::Certificate(shown) => {
                let forged = Shown { own: shown.forged.clone(), ..(**shown).clone() };
                (Self::Certificate(Box::new(forged)), "a certificate of another authority")
            }
        }
    }
}

impl From<SecretString> for Proof {
    fn from(secret: SecretString) -> Self {
        Self::Secret(secret)
    }
}
