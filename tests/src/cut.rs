//! A line that can be cut: a TCP relay between a store and the broker.
//!
//! Owns the listening socket and every relayed connection. [`Cut::cut`] drops all connections and lets none through, as a severed cable does;
//! [`Cut::heal`] lets the next attempt through. The port stays the same, so both ends keep their configuration. On failure: a connection whose
//! far end is away is dropped, which is what a dead line looks like.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A relay to one address.
pub struct Cut {
    address: SocketAddr,
    /// True while the line is whole. Dropping it ends the relay.
    whole: watch::Sender<bool>,
}

impl Cut {
    /// Starts a whole line to `target`.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("failed to open the relay")?;
        let address = listener.local_addr().context("failed to read the relay's address")?;
        let whole = watch::Sender::new(true);
        tokio::spawn(relay(listener, target, whole.subscribe()));
        Ok(Self { address, whole })
    }

    /// Where the store connects.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Severs the line.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Mends the line.
    pub fn heal(&self) {
        self.whole.send_replace(true);
    }
}

async fn relay(listener: TcpListener, target: SocketAddr, mut whole: watch::Receiver<bool>) {
    let mut lines = JoinSet::new();
    loop {
        tokio::select! {
            changed = whole.changed() => {
                if changed.is_err() {
                    return;
                }
                if !*whole.borrow_and_update() {
                    lines.shutdown().await;
                }
            }
            accepted = listener.accept() => {
                let Ok((near, _)) = accepted else { return };
                if *whole.borrow() {
                    lines.spawn(join(near, target));
                }
            }
            Some(_) = lines.join_next(), if !lines.is_empty() => {}
        }
    }
}

async fn join(mut near: TcpStream, target: SocketAddr) {
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    // Both ends may have small writes in flight; a relay that waits would add its own latency to what is measured.
    if near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).is_err() {
        return;
    }
    // An error here is one end hanging up, which ends the line; there is nobody to tell.
    drop(copy_bidirectional(&mut near, &mut far).await);
}
