//! How a store's node proves itself when it calls the cloud about a handshake.
//!
//! Owns the `authorization` header `Aisle-Node {node} {unix s} {proof}` over node, path, time and body, under the key of the node's certificate, or
//! under the store's key where the node has none. Takes the call. Emits the header, and verdicts. On failure: a header that does not parse proves
//! nobody. A call may come twice, each bears that; the time keeps one that was recorded from being sent again later.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::blob::Proof;
use crate::code::StoreKey;
use crate::ids::NodeId;

const SCHEME: &str = "Aisle-Node ";
/// How far a call's time may lie from the cloud's, seconds: a minute for clocks and the way.
pub const CALL_SKEW_S: i64 = 60;

/// What a node signs to call: itself, where, when and what.
pub fn claim(node: &NodeId, path: &str, body: &[u8], at: DateTime<Utc>) -> String {
    format!("{node}\n{path}\n{}\n{}", at.timestamp(), hex::encode(Sha256::digest(body)))
}

/// The proof of a node without a certificate: whoever has the store's key can make it.
pub fn store_proof(key: &StoreKey, claim: &str) -> Proof {
    Proof::StoreKey(key.relay_proof(claim).to_vec())
}

/// Makes the header. The proof is of [`claim`].
pub fn authorization(node: &NodeId, at: DateTime<Utc>, proof: &Proof) -> String {
    format!("{SCHEME}{node} {} {proof}", at.timestamp())
}

/// Who claims to call, and the proof to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub node: NodeId,
    pub at: DateTime<Utc>,
    pub proof: Proof,
}

impl Caller {
    /// Reads the header; `None` where it is another scheme or unreadable.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.strip_prefix(SCHEME)?.split(' ');
        let (node, at, proof) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let at = DateTime::from_timestamp(at.parse().ok()?, 0)?;
        Some(Self { node: NodeId::parse(node).ok()?, at, proof: Proof::parse(proof)? })
    }

    /// Whether it calls now.
    pub fn is_in_time(&self, now: DateTime<Utc>) -> bool {
        (now - self.at).num_seconds().abs() <= CALL_SKEW_S
    }

    /// What was signed for this call.
    pub fn claim(&self, path: &str, body: &[u8]) -> String {
        claim(&self.node, path, body, self.at)
    }

    /// Whether the node that it names knows the store's key.
    pub fn knows(&self, key: &StoreKey, path: &str, body: &[u8]) -> bool {
        match &self.proof {
            Proof::StoreKey(proof) => key.is_relay_proof(&self.claim(path, body), proof),
            Proof::Certificate { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_for_its_node_path_body_and_minute_alone() {
        let node = NodeId::parse("acme.s1.n1").unwrap();
        let key = StoreKey::new([3; 32]);
        let at = |s: i64| DateTime::from_timestamp(1_000 + s, 0).unwrap();
        let header = authorization(&node, at(0), &store_proof(&key, &claim(&node, "/v1/relay", b"{}", at(0))));
        let caller = Caller::parse(&header).unwrap();
        assert_eq!(caller.node, node);
        assert!(caller.is_in_time(at(60)) && caller.is_in_time(at(-60)) && !caller.is_in_time(at(61)));
        assert!(caller.knows(&key, "/v1/relay", b"{}"));
        assert!(!caller.knows(&key, "/v1/other", b"{}"));
        assert!(!caller.knows(&key, "/v1/relay", b"[]"));
        assert!(!caller.knows(&StoreKey::new([4; 32]), "/v1/relay", b"{}"));
        let other = Caller::parse(&header.replace("n1", "n2")).unwrap();
        assert!(!other.knows(&key, "/v1/relay", b"{}"));
        let later = Caller::parse(&header.replace("1000", "1001")).unwrap();
        assert!(!later.knows(&key, "/v1/relay", b"{}"));
        let proof = Proof::Certificate { fingerprint: [7; 32], signature: vec![1, 2] };
        let certified = Caller::parse(&authorization(&node, at(0), &proof)).unwrap();
        assert_eq!((&certified.proof, certified.knows(&key, "/v1/relay", b"{}")), (&proof, false));
        for broken in
            ["", "Bearer x", "Aisle-Node acme.s1.n1 5", "Aisle-Node acme.s1.n1 x 00", "Aisle-Node acme 5 00", "Aisle-Node a.b.c 5 00 1"]
        {
            assert_eq!(Caller::parse(broken), None, "{broken}");
        }
    }
}
