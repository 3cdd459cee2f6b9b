//! What people and devices see of a disk that fills up, and what the node says of itself.
use aisle_mesh::clock::Clock;
use aisle_node::config::StorageConfig;
use aisle_schemas::http::Problem;
use aisle_schemas::log::{NodeAlarm, NodeReport};
use aisle_schemas::sync::Stream;
use aisle_schemas::topic::DeviceKind;
use chrono::TimeDelta;
use serde_json::json;
use tokio::io::AsyncReadExt;

use super::world::World;

#[tokio::test]
async fn as_054_a_full_store_refuses_check_in_by_name_and_all_else_goes_on() {
    let mut world = World::start().await;
    world.kill().await;
    world.storage = StorageConfig { class_a_mib: 1, ..world.storage };
    world.fill().await;
    world.run().await;
    let code = world.code_at("s042", world.clock.now(), 1);
    let refused = world.check_in(&code, &world.pass(1)).await;
    assert_eq!(refused.status(), 507);
    let problem: Problem = refused.json().await.unwrap();
    assert_eq!(problem.code, "storage_full");
    let overview = world.overview().await;
    assert_eq!(overview.report.alarms, [NodeAlarm::StorageNearlyFull, NodeAlarm::StorageFull]);
    assert_eq!(overview.visits_open, 0);
    world.clock.advance(TimeDelta::minutes(1));
    let full = |report: &NodeReport| report.alarms.contains(&NodeAlarm::StorageFull);
    world.logs::<NodeReport>(Stream::Reported, full).await;
    assert_eq!(world.http.get(world.url("/readyz")).send().await.unwrap().status(), 200, "the node goes on");
    let cookie = world.cookie(DeviceKind::Nfc, "shelf").await;
    let tap = json!({ "tap": "00000000-0001-7101-8101-010101010101", "traceparent": null });
    let taken = world.http.post(world.url("/v1/nfc/shelf/taps")).header("cookie", &cookie).json(&tap).send().await.unwrap();
    assert_eq!(taken.status(), 202, "telemetry has a share of its own");
    let metrics = world.http.get(world.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("aisle_log_used_bytes{") && metrics.contains("aisle_storage_alarm{"), "{metrics}");
    world.kill().await;
    world.storage.class_a_mib = 2;
    world.run().await;
    let code = world.code_at("s042", world.clock.now(), 2);
    assert_eq!(world.check_in(&code, &world.pass(2)).await.status(), 201, "with room, work goes on where it stopped");
}

#[tokio::test]
async fn as_059_the_node_reports_itself_and_only_what_changed() {
    let mut world = World::start().await;
    world.clock.advance(TimeDelta::minutes(1));
    let first: NodeReport = world.logs(Stream::Reported, |report: &NodeReport| report.offline_days.is_none()).await;
    assert_eq!((first.alarms.len(), first.class_a.used_bytes.get()), (0, 0));
    world.checked_in(1).await;
    world.clock.advance(TimeDelta::minutes(1));
    let second: NodeReport = world.logs(Stream::Reported, |report: &NodeReport| report.class_a.pending.get() == 1).await;
    assert!(second.at > first.at);
    world.clock.advance(TimeDelta::days(1));
    let next_day: NodeReport = world.logs(Stream::Reported, |report: &NodeReport| report.offline_days.is_some()).await;
    assert!(next_day.offline_days > Some(14), "{next_day:?}");
    world.kill().await;
    let reports = world.logged(Stream::Reported).await.into_iter().filter(|event| event.subject.as_deref() == Some("node/self"));
    assert_eq!(reports.count(), 1, "one row, the newest");
}

/// The parts of an MQTT 5 CONNECT that tell how the session begins.
struct Connect {
    clean_start: bool,
    session_expiry_s: u32,
    client_id: String,
}

async fn read_connect(listener: &tokio::net::TcpListener) -> Connect {
    let (mut socket, _) = listener.accept().await.unwrap();
    assert_eq!(socket.read_u8().await.unwrap(), 0x10, "CONNECT comes first");
    variable(&mut socket).await;
    let mut name = vec![0; usize::from(socket.read_u16().await.unwrap())];
    socket.read_exact(&mut name).await.unwrap();
    assert_eq!((name.as_slice(), socket.read_u8().await.unwrap()), (b"MQTT".as_slice(), 5));
    let flags = socket.read_u8().await.unwrap();
    socket.read_u16().await.unwrap();
    let mut properties = vec![0; variable(&mut socket).await];
    socket.read_exact(&mut properties).await.unwrap();
    let mut client_id = vec![0; usize::from(socket.read_u16().await.unwrap())];
    socket.read_exact(&mut client_id).await.unwrap();
    Connect {
        clean_start: flags & 0x02 != 0,
        session_expiry_s: session_expiry(&properties),
        client_id: String::from_utf8(client_id).unwrap(),
    }
}

async fn variable(socket: &mut tokio::net::TcpStream) -> usize {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = socket.read_u8().await.unwrap();
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

/// Absent is 0 by the standard. Of the properties of CONNECT without text: 4 bytes for 0x11 and 0x27, 2 for 0x21 and 0x22, 1 for 0x17 and 0x19.
fn session_expiry(mut properties: &[u8]) -> u32 {
    while let [id, rest @ ..] = properties {
        let length = match id {
            0x11 | 0x27 => 4,
            0x21 | 0x22 => 2,
            0x17 | 0x19 => 1,
            other => panic!("property {other:#x}"),
        };
        let (value, after) = rest.split_at(length);
        if *id == 0x11 {
            return value.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        }
        properties = after;
    }
    0
}

#[tokio::test]
async fn as_014_the_node_connects_with_clean_start_no_session_and_its_own_name() {
    let mut world = World::bare();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.broker_port = listener.local_addr().unwrap().port();
    world.run().await;
    let Connect { clean_start, session_expiry_s, client_id } = read_connect(&listener).await;
    assert_eq!((clean_start, session_expiry_s, client_id.as_str()), (true, 0, "acme.s042.n1"));
}
