//! What only a person at the box may do: make a halted box connect again, have its log begin a new epoch (AS-061, AS-067).
//!
//! Owns the key that lies beside the journal, drawn anew at each start: whoever can read the node's folder is its operator. Takes the address of
//! the node and a token. Emits the file, and whether a request may pass. On failure to write the file: the error, and nobody is an operator.
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aisle_mesh::sync::node_driver::OperatorHandle;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The file, in the node's data folder.
const FILE: &str = "operator.json";
/// Its owner alone reads it.
const MODE: u32 = 0o600;

/// What the file holds.
#[derive(Clone, Serialize, Deserialize)]
pub struct OperatorKey {
    /// Where the node answers on this machine, such as `127.0.0.1:8081`.
    pub address: SocketAddr,
    pub token: String,
}

/// Where the file lies.
#[must_use]
pub fn key_file(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

/// Who may act as operator, and what with.
pub struct OperatorDesk {
    hash: [u8; 32],
    pub link: OperatorHandle,
}

impl OperatorDesk {
    /// Draws a key for this run.
    #[must_use]
    pub fn new(token: &str, link: OperatorHandle) -> Self {
        Self { hash: hash(token), link }
    }

    /// Whether a request comes from this machine with the key. Hashes are compared, so that time tells nothing of the key.
    #[must_use]
    pub fn admits(&self, peer: Option<IpAddr>, authorization: Option<&str>) -> bool {
        let token = authorization.and_then(|header| header.strip_prefix("Bearer "));
        peer.is_some_and(|peer| peer.to_canonical().is_loopback()) && token.is_some_and(|token| hash(token) == self.hash)
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Writes the file whole, in place of that of an earlier run.
///
/// # Errors
/// What the file system says.
pub fn write_key(data_dir: &Path, listening: SocketAddr, token: String) -> std::io::Result<()> {
    let here = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    let key = OperatorKey { address: SocketAddr::new(here, listening.port()), token };
    let path = key_file(data_dir);
    let fresh = path.with_extension("new");
    // A file that was left there may be open to others, and keeps its rights; a new one has ours.
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().create_new(true).write(true).mode(MODE).open(&fresh)?;
    file.write_all(&serde_json::to_vec(&key)?)?;
    file.sync_all()?;
    std::fs::rename(fresh, path)
}

/// Reads the key of the node that runs on this folder.
///
/// # Errors
/// What the file system says; a file that no node wrote is one of them.
pub fn read_key(data_dir: &Path) -> std::io::Result<OperatorKey> {
    Ok(serde_json::from_slice(&std::fs::read(key_file(data_dir))?)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn as_061_the_operators_key_is_its_owners_alone_whatever_was_left_there() {
        let folder = tempfile::tempdir().unwrap();
        let left = key_file(folder.path()).with_extension("new");
        std::fs::write(&left, "half a key").unwrap();
        std::fs::set_permissions(&left, std::fs::Permissions::from_mode(0o644)).unwrap();
        write_key(folder.path(), SocketAddr::from(([0, 0, 0, 0], 8081)), "token".to_owned()).unwrap();
        let mode = std::fs::metadata(key_file(folder.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        let OperatorKey { address, token } = read_key(folder.path()).unwrap();
        assert_eq!((address.to_string().as_str(), token.as_str()), ("127.0.0.1:8081", "token"));
        assert!(!left.exists());
    }
}
