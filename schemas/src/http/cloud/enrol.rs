//! How a box becomes a node, and stays one: claim → signing request → certificate, and renewal (AS-105, AS-107).
//!
//! Owns these bodies and the text form of a claim. Emits nothing. The private key is in none of them.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use ts_rs::TS;

use crate::ids::NodeId;

/// Longest PEM text in a body.
pub const PEM_CHARS_MAX: usize = 8 * 1024;

/// Leave to become one node, once: `tenant.store.node:secret:authority`. An operator makes it and carries it to the box.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    pub node: NodeId,
    /// 128 random bits.
    pub secret: [u8; 16],
    /// SHA-256 of the authority's certificate: the box knows whom to trust before it has talked to anybody.
    pub authority: [u8; 32],
}

impl Claim {
    /// What the cloud keeps of the secret.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }
}

/// Why a text is not a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be tenant.store.node:secret:authority as `aisle enrol claim` prints it")]
pub struct ClaimError;

impl FromStr for Claim {
    type Err = ClaimError;
    fn from_str(text: &str) -> Result<Self, ClaimError> {
        let mut parts = text.split(':');
        let (Some(node), Some(secret), Some(authority), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(ClaimError);
        };
        let mut claim = Self { node: NodeId::parse(node).map_err(|_| ClaimError)?, secret: [0; 16], authority: [0; 32] };
        hex::decode_to_slice(secret, &mut claim.secret).map_err(|_| ClaimError)?;
        hex::decode_to_slice(authority, &mut claim.authority).map_err(|_| ClaimError)?;
        Ok(claim)
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.node, hex::encode(self.secret), hex::encode(self.authority))
    }
}

impl fmt::Debug for Claim {
    /// Without the secret: a claim in a log would be leave to become this node.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "claim of {}", self.node)
    }
}

/// A box asks for its first certificate.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// As `aisle enrol claim` printed it.
    #[schemars(length(max = 256))]
    pub claim: String,
    /// Signing request in PEM, made with a key that stays on the box.
    #[schemars(length(max = 8192))]
    pub request: String,
}

/// A node asks for its next certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct RenewalRequest {
    /// The present certificate in PEM.
    #[schemars(length(max = 8192))]
    pub certificate: String,
    /// Signing request in PEM, made with a new key.
    #[schemars(length(max = 8192))]
    pub request: String,
    /// Signature over `request` by the present certificate's key, in hex: TLS may end at a proxy, and an expired certificate passes none.
    #[schemars(length(max = 256))]
    pub signature: String,
}

/// A certificate was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Enrolled {
    pub node: NodeId,
    /// The certificate in PEM.
    pub certificate: String,
    /// The authority's certificate in PEM.
    pub authority: String,
    pub not_after: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_survives_its_text_form_and_hides_its_secret_from_logs() {
        let claim = Claim { node: NodeId::parse("acme.s042.n1").unwrap(), secret: [0xab; 16], authority: [0xcd; 32] };
        let text = claim.to_string();
        assert_eq!(text.parse(), Ok(claim.clone()));
        assert!(!format!("{claim:?}").contains("abab"));
        for bad in ["", "acme.s042.n1", "acme.s042.n1:ab:cd", &format!("{text}:x"), &text.replace("acme", "cloud")] {
            assert_eq!(bad.parse::<Claim>(), Err(ClaimError), "{bad:?}");
        }
    }
}
