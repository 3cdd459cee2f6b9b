//! The bad line over real sockets: what passes, what does not, and what either end learns of it.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use aisle_sim::proxy::{FaultProxy, Line, State};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Longest wait for anything; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that says everything back.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.into_split();
                tokio::io::copy(&mut from, &mut to).await.ok();
            });
        }
    });
    address
}

async fn proxy(line: Line) -> FaultProxy {
    FaultProxy::start(echo().await, State::Whole(line), 5).await.unwrap()
}

/// Sends bytes and reads as many back; `None` once the line is gone.
async fn round_trip(stream: &mut TcpStream, bytes: &[u8]) -> Option<Vec<u8>> {
    stream.write_all(bytes).await.ok()?;
    let mut back = vec![0; bytes.len()];
    timeout(PATIENCE, stream.read_exact(&mut back)).await.unwrap().ok()?;
    Some(back)
}

#[tokio::test]
async fn a_whole_line_passes_every_byte_in_order_whatever_it_is_like() {
    for line in [Line::PERFECT, Line::CELLULAR, Line { loss: 0.5, bytes_per_s: Some(4_000_000), ..Line::PERFECT }] {
        let proxy = proxy(line).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        let sent: Vec<u8> = (0..20_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        assert_eq!(round_trip(&mut stream, &sent).await, Some(sent), "{line:?}");
    }
}

#[tokio::test]
async fn a_cut_line_ends_connections_and_a_healed_one_takes_new_ones() {
    let proxy = proxy(Line::PERFECT).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(round_trip(&mut stream, b"before").await.is_some());
    proxy.set(State::Cut);
    let ended = timeout(PATIENCE, stream.read(&mut [0; 8])).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    proxy.set(State::Whole(Line::PERFECT));
    let again = async {
        loop {
            let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
            if round_trip(&mut stream, b"after").await.is_some() {
                return;
            }
        }
    };
    timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn a_silent_line_swallows_what_is_sent_and_its_connections_do_not_outlive_it() {
    let proxy = proxy(Line::PERFECT).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(round_trip(&mut stream, b"before").await.is_some());
    proxy.set(State::HalfOpen);
    // Neither end learns of it: writing still works.
    stream.write_all(b"swallowed").await.unwrap();
    proxy.set(State::Whole(Line::PERFECT));
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap();
    assert!(ended.is_err() || rest.len() <= b"swallowed".len(), "{rest:?}");
}
