//! Private ports for servers that cannot be asked to pick one themselves.
//!
//! Emits port numbers that were free a moment ago and that this process has not handed out before.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};

static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A loopback port nobody listens on.
///
/// # Panics
/// When the machine has no free port.
pub fn free_port() -> u16 {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the machine has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        if taken.insert(port) {
            return port;
        }
    }
}

/// A port of this machine's loopback.
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
