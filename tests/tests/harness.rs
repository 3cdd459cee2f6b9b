//! The harness itself: servers start, answer and end; a cut line is dead and a healed one lives.

use aisle_mesh::broker::AccessRules;
use aisle_tests::process::services_are_skipped;
use aisle_tests::services::{Mosquitto, OtlpSink, Postgres, Redis};
use aisle_tests::{Cut, eventually};
use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Whether a process is still there.
fn alive(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn servers_start_on_private_ports_and_end_with_their_owner() -> Result<()> {
    if services_are_skipped() {
        return Ok(());
    }
    let (postgres, redis, mosquitto) = (Postgres::start().await?, Redis::start().await?, Mosquitto::start(&AccessRules::new()).await?);
    assert_ne!(postgres.database()?, postgres.database()?, "each database is fresh");
    assert!(postgres.dump()?.contains("CREATE DATABASE test_1"));
    redis.flush()?;
    TcpStream::connect(mosquitto.address()).await?;
    let pids = [postgres.pid(), redis.pid()];
    drop((postgres, redis, mosquitto));
    for pid in pids {
        eventually("the server is gone", async || (!alive(pid)).then_some(())).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_cut_line_is_dead_and_a_healed_one_lives() -> Result<()> {
    let far = TcpListener::bind("127.0.0.1:0").await?;
    let line = Cut::start(far.local_addr()?).await?;
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = far.accept().await {
            tokio::spawn(async move {
                let mut byte = [0];
                while socket.read_exact(&mut byte).await.is_ok() && socket.write_all(&byte).await.is_ok() {}
            });
        }
    });
    let echoes = async || -> Result<bool> {
        let mut near = TcpStream::connect(line.address()).await?;
        let mut byte = [7];
        Ok(near.write_all(&byte).await.is_ok() && near.read_exact(&mut byte).await.is_ok())
    };
    let mut open = TcpStream::connect(line.address()).await?;
    let mut byte = [7];
    open.write_all(&byte).await?;
    open.read_exact(&mut byte).await?;
    line.cut();
    assert!(open.read_exact(&mut byte).await.is_err(), "an open connection breaks");
    assert!(!echoes().await?, "nothing goes through");
    line.heal();
    assert!(echoes().await?, "everything goes through");
    Ok(())
}

#[tokio::test]
async fn the_collector_keeps_spans_by_trace() -> Result<()> {
    let sink = OtlpSink::start().await?;
    let body = serde_json::json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "node"}}]},
        "scopeSpans": [{"spans": [{"traceId": "aa", "spanId": "1", "parentSpanId": "", "name": "http.checkin.open"}]}],
    }]});
    let url = format!("{}/v1/traces", sink.endpoint());
    let answer = reqwest::Client::new().post(url).json(&body).send().await?;
    assert!(answer.status().is_success());
    let spans = sink.trace("aa");
    assert_eq!(spans.iter().map(|span| (span.service.as_str(), span.name.as_str())).collect::<Vec<_>>(), [("node", "http.checkin.open")]);
    assert_eq!(sink.trace("bb"), []);
    Ok(())
}
