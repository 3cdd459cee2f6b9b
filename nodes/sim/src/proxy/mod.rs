//! A bad line: a TCP relay that cuts, goes silent, delays, loses, throttles, from a seed.
//!
//! Owns the listening socket and every relayed connection. Takes a target and what the line shall be like, which may change at any moment; emits an
//! address that stays the same, so that both ends keep their configuration. Bytes under way are bounded: a slow line pushes back on the sender. On
//! failure: a connection whose far end is away is dropped, which is what a dead line looks like.

mod profile;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use anyhow::{Context, Result};
use bytes::Bytes;
use rand::{SeedableRng, rngs::SmallRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

pub use profile::{Line, Schedule};

/// Bytes read at a time: about what a line carries in one go.
const PIECE: usize = 4 * 1024;
/// Pieces under way in one direction: 1 MiB, which a fast satellite line has in the air.
const PIECES_MAX: usize = 256;

/// What the line does now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum State {
    /// Passes bytes, as well as this line can.
    Whole(Line),
    /// Keeps connections and passes nothing: neither end learns of it.
    HalfOpen,
    /// Drops all connections and lets none through.
    Cut,
}

/// The line now, and how often its connections had to end before: a change and its opposite must not cancel out unseen.
#[derive(Debug, Clone, Copy)]
struct Now {
    state: State,
    breaks: u64,
}

/// A relay to one address.
pub struct FaultProxy {
    address: SocketAddr,
    /// Dropping it ends the relay.
    now: watch::Sender<Now>,
}

impl FaultProxy {
    /// Starts a line to `target`.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(target: SocketAddr, state: State, seed: u64) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("failed to open the proxy")?;
        let address = listener.local_addr().context("failed to read the proxy's address")?;
        let now = watch::Sender::new(Now { state, breaks: 0 });
        tokio::spawn(relay(listener, target, now.subscribe(), seed));
        Ok(Self { address, now })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the line. What was under way on a silent line is gone, so its connections end when it speaks again.
    pub fn set(&self, state: State) {
        self.now.send_modify(|now| {
            let was_silent = now.state == State::HalfOpen && state != State::HalfOpen;
            now.breaks += u64::from(was_silent || state == State::Cut);
            now.state = state;
        });
    }
}

async fn relay(listener: TcpListener, target: SocketAddr, mut now: watch::Receiver<Now>, seed: u64) {
    let mut lines = JoinSet::new();
    let mut seeds = seed..;
    let mut seen = *now.borrow_and_update();
    loop {
        tokio::select! {
            changed = now.changed() => {
                if changed.is_err() {
                    return;
                }
                let newest = *now.borrow_and_update();
                if newest.breaks != seen.breaks {
                    lines.shutdown().await;
                }
                seen = newest;
            }
            accepted = listener.accept() => {
                let Ok((near, _)) = accepted else { return };
                if seen.state != State::Cut {
                    lines.spawn(join(near, target, now.clone(), seeds.next().unwrap_or(seed)));
                }
            }
            Some(_) = lines.join_next(), if !lines.is_empty() => {}
        }
    }
}

async fn join(near: TcpStream, target: SocketAddr, state: watch::Receiver<Now>, seed: u64) {
    let Ok(far) = TcpStream::connect(target).await else { return };
    // A relay that waits for more would add a delay that nobody asked for.
    if near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).is_err() {
        return;
    }
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    // One end hanging up ends the line.
    tokio::select! {
        () = pass(near_in, far_out, state.clone(), seed) => {}
        () = pass(far_in, near_out, state, !seed) => {}
    }
}

/// One direction: a piece leaves when the line lets it, in order.
async fn pass(from: OwnedReadHalf, to: OwnedWriteHalf, state: watch::Receiver<Now>, seed: u64) {
    let (under_way, arriving) = mpsc::channel(PIECES_MAX);
    tokio::select! {
        () = read(from, under_way, state.clone(), seed) => {}
        () = write(to, arriving, state) => {}
    }
}

async fn read(mut from: OwnedReadHalf, under_way: mpsc::Sender<(Instant, Bytes)>, mut state: watch::Receiver<Now>, seed: u64) {
    let (mut schedule, mut piece) = (Schedule::default(), vec![0; PIECE]);
    let mut rng = SmallRng::seed_from_u64(seed);
    loop {
        let Some(line) = whole(&mut state).await else { return };
        let Ok(length @ 1..) = from.read(&mut piece).await else { break };
        let leaves = schedule.leaves(&line, Instant::now(), length, &mut rng);
        if under_way.send((leaves, Bytes::copy_from_slice(&piece[..length]))).await.is_err() {
            return;
        }
    }
    // What is under way when one end hangs up still arrives.
    drop(under_way);
    std::future::pending().await
}

async fn write(mut to: OwnedWriteHalf, mut arriving: mpsc::Receiver<(Instant, Bytes)>, mut state: watch::Receiver<Now>) {
    while let Some((leaves, piece)) = arriving.recv().await {
        tokio::time::sleep_until(leaves.into()).await;
        if whole(&mut state).await.is_none() || to.write_all(&piece).await.is_err() {
            return;
        }
    }
}

/// Waits while the line is silent; `None` once the relay has ended.
async fn whole(state: &mut watch::Receiver<Now>) -> Option<Line> {
    let passing = state.wait_for(|now| matches!(now.state, State::Whole(_))).await.ok()?;
    match passing.state {
        State::Whole(line) => Some(line),
        State::HalfOpen | State::Cut => None,
    }
}
