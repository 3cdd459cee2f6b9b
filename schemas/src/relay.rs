//! How a store's node proves itself when it calls the cloud about a handshake.
//!
//! Owns the `authorization` header `Aisle-Node {node} {unix s} {HMAC}` over node, path, time and body, under the store's key. Takes the call.
//! Emits the header, and verdicts. On failure: a header that does not parse proves nobody. A call may come twice, each bears that; the time
//! keeps one that was recorded from being sent again later.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::code::StoreKey;
use crate::ids::NodeId;

const SCHEME: &str = "Aisle-Node ";
/// How far a call's time may lie from the cloud's, seconds: a minute for clocks and the way.
pub const CALL_SKEW_S: i64 = 60;

/// Makes the header.
pub fn authorization(node: &NodeId, key: &StoreKey, path: &str, body: &[u8], at: DateTime<Utc>) -> String {
    let unix_s = at.timestamp();
    format!("{SCHEME}{node} {unix_s} {}", hex::encode(key.relay_proof(&claim(node, path, body, unix_s))))
}

/// Who claims to call, and the proof to be checked with the store's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub node: NodeId,
    unix_s: i64,
    proof: Vec<u8>,
}

impl Caller {
    /// Reads the header; `None` where it is another scheme or unreadable.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.strip_prefix(SCHEME)?.split(' ');
        let (node, unix_s, proof) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self { node: NodeId::parse(node).ok()?, unix_s: unix_s.parse().ok()?, proof: hex::decode(proof).ok()? })
    }

    /// Whether the node that it names knows the store's key and calls now.
    pub fn is_proven(&self, key: &StoreKey, path: &str, body: &[u8], now: DateTime<Utc>) -> bool {
        let in_time = now.timestamp().abs_diff(self.unix_s) <= CALL_SKEW_S.unsigned_abs();
        in_time && key.is_relay_proof(&claim(&self.node, path, body, self.unix_s), &self.proof)
    }
}

fn claim(node: &NodeId, path: &str, body: &[u8], unix_s: i64) -> String {
    format!("{node}\n{path}\n{unix_s}\n{}", hex::encode(Sha256::digest(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_for_its_node_path_body_and_minute_alone() {
        let node = NodeId::parse("acme.s1.n1").unwrap();
        let key = StoreKey::new([3; 32]);
        let at = |s: i64| DateTime::from_timestamp(1_000 + s, 0).unwrap();
        let header = authorization(&node, &key, "/v1/relay", b"{}", at(0));
        let caller = Caller::parse(&header).unwrap();
        assert_eq!(caller.node, node);
        assert!(caller.is_proven(&key, "/v1/relay", b"{}", at(60)));
        assert!(caller.is_proven(&key, "/v1/relay", b"{}", at(-60)));
        assert!(!caller.is_proven(&key, "/v1/relay", b"{}", at(61)));
        assert!(!caller.is_proven(&key, "/v1/other", b"{}", at(0)));
        assert!(!caller.is_proven(&key, "/v1/relay", b"[]", at(0)));
        assert!(!caller.is_proven(&StoreKey::new([4; 32]), "/v1/relay", b"{}", at(0)));
        let other = Caller::parse(&header.replace("n1", "n2")).unwrap();
        assert!(!other.is_proven(&key, "/v1/relay", b"{}", at(0)));
        for broken in
            ["", "Bearer x", "Aisle-Node acme.s1.n1 5", "Aisle-Node acme.s1.n1 x 00", "Aisle-Node acme 5 00", "Aisle-Node a.b.c 5 00 1"]
        {
            assert_eq!(Caller::parse(broken), None, "{broken}");
        }
    }
}
