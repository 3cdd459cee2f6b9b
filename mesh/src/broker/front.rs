//! The TLS listener in front of the embedded broker.
//!
//! Owns: the listening socket, one task per connection, and which certificate each connection showed. Takes: connections. Emits: plain
//! ones to the broker's own listener, which is bound to the loopback; the broker asks `Peers` whose a connection is, because its
//! library hands out no certificate. On failure of a handshake the connection is closed and counted; when an account or a certificate
//! is shut out, its connections are cut at once.
//!
//! Who has shown nothing yet takes no client's place: there are few handshakes at a time, and when they are all under way the oldest gives
//! way to who comes next. So any number of silent connections keeps nobody out who answers.

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Access, Bus, Refusal, Refused};
use crate::telemetry::Counted;
use crate::tls::{Certificate, ServerTls};

/// Pause after a failed accept, which means that the process has no file descriptors left for a moment.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Handshakes under way at once. After a broker's restart all stores of a chain come within seconds, some over slow lines: none of these gives way
/// to the next. 2,048 take some eighty MiB for as long as [`HANDSHAKE_TIMEOUT`].
const HANDSHAKES_MAX: usize = 2_048;
/// Longest handshake, and longest wait for a place after it: a satellite's line needs three seconds.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Certificates by the address from which their connection reaches the broker. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Peers(Arc<Mutex<HashMap<SocketAddr, Arc<Certificate>>>>);

impl Peers {
    /// The certificate of a connection.
    pub(super) fn get(&self, address: SocketAddr) -> Option<Arc<Certificate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&address).cloned()
    }

    fn enter(&self, address: SocketAddr, certificate: Arc<Certificate>) -> Entered {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(address, certificate);
        Entered { peers: self.clone(), address }
    }
}

/// An entry that lasts as long as its connection.
struct Entered {
    peers: Peers,
    address: SocketAddr,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.peers.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.address);
    }
}

/// The running listener. Dropping it closes the socket and every connection.
pub(super) struct Front {
    address: SocketAddr,
    _stop: watch::Sender<()>,
}

/// What every connection needs.
struct Desk {
    bus: Bus,
    access: Access,
    acceptor: TlsAcceptor,
    upstream: SocketAddr,
    peers: Peers,
    /// Of clients that have shown a certificate.
    places: Arc<Semaphore>,
}

/// Handshakes under way, oldest first. Each ends when its sender goes.
#[derive(Default)]
struct Handshakes(VecDeque<oneshot::Sender<()>>);

impl Handshakes {
    /// Begins one; the oldest that is still under way gives way where there are too many.
    fn begin(&mut self) -> oneshot::Receiver<()> {
        if self.0.len() >= HANDSHAKES_MAX {
            self.0.retain(|handshake| !handshake.is_closed());
            let surplus = self.0.len().saturating_sub(HANDSHAKES_MAX - 1);
            self.0.drain(..surplus);
        }
        let (sender, given_way) = oneshot::channel();
        self.0.push_back(sender);
        given_way
    }
}

impl Front {
    /// Listens on `bind` and carries connections to `upstream`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub(super) async fn start(
        bus: Bus,
        bind: SocketAddr,
        tls: &ServerTls,
        access: Access,
        upstream: SocketAddr,
        peers: Peers,
        clients_max: usize,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(bind).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(());
        let places = Arc::new(Semaphore::new(clients_max));
        let desk = Arc::new(Desk { bus, access, acceptor: TlsAcceptor::from(Arc::clone(&tls.0)), upstream, peers, places });
        tokio::spawn(accept(listener, desk, stopped));
        Ok(Self { address, _stop: stop })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Resolves when the sender is gone.
async fn gone(mut stopped: watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

async fn accept(listener: TcpListener, desk: Arc<Desk>, stopped: watch::Receiver<()>) {
    let over = gone(stopped.clone());
    tokio::pin!(over);
    let mut handshakes = Handshakes::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut over => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let (desk, stopped, given_way) = (Arc::clone(&desk), stopped.clone(), handshakes.begin());
                tokio::spawn(async move {
                    tokio::select! {
                        () = desk.serve(stream, given_way) => {}
                        () = gone(stopped) => {}
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Desk {
    async fn serve(&self, stream: TcpStream, given_way: oneshot::Receiver<()>) {
        if let Err(error) = self.carry(stream, given_way).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection to the broker ended");
        }
    }

    /// A client's place for who shows a certificate in time.
    async fn shake(&self, stream: TcpStream) -> std::io::Result<(TlsStream<TcpStream>, OwnedSemaphorePermit)> {
        let tls = self.acceptor.accept(stream).await?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(std::io::Error::other)?;
        Ok((tls, place))
    }

    async fn carry(&self, stream: TcpStream, given_way: oneshot::Receiver<()>) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let shaken = tokio::select! {
            shaken = timeout(HANDSHAKE_TIMEOUT, self.shake(stream)) => shaken.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())),
            // Only a dropped sender ends the wait: nothing is ever sent.
            _ = given_way => Err(std::io::ErrorKind::ConnectionAborted.into()),
        };
        let (mut tls, _place) = match shaken {
            Ok(shaken) => shaken,
            Err(error) => {
                self.refuse("", Refusal::CertificateMissing);
                return Err(error);
            }
        };
        let shown = tls.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(|der| Certificate::from_der(der));
        let Some(Ok(certificate)) = shown else {
            self.refuse("", Refusal::CertificateMissing);
            return Ok(());
        };
        let certificate = Arc::new(certificate);
        let mut access = self.access.changes();
        if let Err(refusal) = self.access.with(|rules| rules.certified(&certificate)) {
            self.refuse(certificate.identity.name().as_str(), refusal);
            return Ok(());
        }
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let _entered = self.peers.enter(socket.local_addr()?, Arc::clone(&certificate));
        let mut plain = socket.connect(self.upstream).await?;
        plain.set_nodelay(true)?;
        let carried = copy_bidirectional(&mut tls, &mut plain);
        tokio::pin!(carried);
        loop {
            tokio::select! {
                ended = &mut carried => return ended.map(drop),
                changed = access.changed() => {
                    let refused = self.access.with(|rules| rules.certified(&certificate));
                    if let Err(refusal) = refused {
                        self.refuse(certificate.identity.name().as_str(), refusal);
                        return Ok(());
                    }
                    // Without a sender the rules can no longer change.
                    if changed.is_err() {
                        return carried.await.map(drop);
                    }
                }
            }
        }
    }

    fn refuse(&self, account: &str, refusal: Refusal) {
        Refused { bus: self.bus, account, refusal }.emit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_most_handshakes_the_oldest_gives_way_and_those_that_have_ended_make_room() {
        let mut handshakes = Handshakes::default();
        let mut under_way: VecDeque<_> = (0..HANDSHAKES_MAX).map(|_| handshakes.begin()).collect();
        let has_given_way =
            |handshake: &mut oneshot::Receiver<()>| matches!(handshake.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert!(!under_way.iter_mut().any(has_given_way), "a storm of honest boxes fits");
        // One in the middle has ended: the next takes its room.
        drop(under_way.remove(7));
        under_way.push_back(handshakes.begin());
        assert!(!under_way.iter_mut().any(has_given_way));
        let _last = handshakes.begin();
        let gone: Vec<usize> = under_way.iter_mut().enumerate().filter_map(|(place, one)| has_given_way(one).then_some(place)).collect();
        assert_eq!(gone, [0], "the oldest");
    }
}
