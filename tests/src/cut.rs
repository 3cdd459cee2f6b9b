//! A line that can be cut: a TCP relay between a store and the broker.
//!
//! Owns the listening socket, every relayed connection, and a transcript of what went over them, both ways, bounded. [`Cut::cut`] drops all connections and lets none through, as a severed cable does;
//! [`Cut::heal`] lets the next attempt through. The port stays the same, so both ends keep their configuration. On failure: a connection whose
//! far end is away is dropped, which is what a dead line looks like.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Bytes of transcript kept; later ones are only passed on.
const TRANSCRIPT_MAX: usize = 64 << 20;
/// Bytes passed on at a time.
const PIECE: usize = 16 * 1024;

type Transcript = Arc<Mutex<Vec<u8>>>;

/// A relay to one address.
pub struct Cut {
    address: SocketAddr,
    /// True while the line is whole. Dropping it ends the relay.
    whole: watch::Sender<bool>,
    transcript: Transcript,
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
        let transcript = Transcript::default();
        tokio::spawn(relay(listener, target, whole.subscribe(), Arc::clone(&transcript)));
        Ok(Self { address, whole, transcript })
    }

    /// Where the store connects.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Severs the line.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Everything that went over the line, in both directions.
    pub fn transcript(&self) -> Vec<u8> {
        self.transcript.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Mends the line.
    pub fn heal(&self) {
        self.whole.send_replace(true);
    }
}

async fn relay(listener: TcpListener, target: SocketAddr, mut whole: watch::Receiver<bool>, transcript: Transcript) {
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
                    lines.spawn(join(near, target, Arc::clone(&transcript)));
                }
            }
            Some(_) = lines.join_next(), if !lines.is_empty() => {}
        }
    }
}

async fn join(near: TcpStream, target: SocketAddr, transcript: Transcript) {
    let Ok(far) = TcpStream::connect(target).await else { return };
    // Both ends may have small writes in flight; a relay that waits would add its own latency to what is measured.
    if near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).is_err() {
        return;
    }
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    // One end hanging up ends the line.
    tokio::select! {
        () = pass(near_in, far_out, &transcript) => {}
        () = pass(far_in, near_out, &transcript) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, transcript: &Transcript) {
    let mut piece = vec![0; PIECE];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        {
            let mut kept = transcript.lock().unwrap_or_else(PoisonError::into_inner);
            let room = TRANSCRIPT_MAX.saturating_sub(kept.len());
            kept.extend_from_slice(&piece[..length.min(room)]);
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
