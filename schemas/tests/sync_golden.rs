//! The golden payloads of SYNC.md section 2.14: each parses into its type and encodes back to the same JSON.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use aisle_schemas::{
    event::Event,
    ids::EventId,
    sync::{
        Ack, AckCode, Batch, BatchEncoder, BatchHeader, Body, Hello, Message, Nack, NodeStatus, Presence, Seq, State, Stream, Welcome,
        WelcomeCode,
    },
};
use serde_json::Value;

const HELLO: &str = r#"{"specversion":"1.0","id":"01a20cd3-971c-7a55-8d4e-7f1c20a9b301","source":"/acme/s042/n1","type":"aisle.sync.hello.v1","time":"2026-11-24T09:12:03.100Z","datacontenttype":"application/json","session":"42-5f3a9c01","epoch":"3-9f2c4e8a71b05d36",
 "data":{"nonce":"c41e7d02a8b96f35","mark":"9917","lineage":["2-07d1c3aa5be94f60"],"pending":"116","software":"0.4.2","schemas":["aisle.visit.v1","aisle.tele.v1"],
  "up":{"sess":{"kept":"180001","next":"184468"},"audit":{"kept":"7001","next":"7406"},"reported":{"kept":"1","next":"2210"},"tele":{"kept":"901241","next":"901299"}},"down":{"epoch":"4-1b7e90d2c3f4a586","mark":"551","cursors":{"order":"812","desired":"1206"}}}}"#;
const WELCOME: &str = r#"{"specversion":"1.0","id":"01a20cd3-976c-7b10-9c11-0a4e5d6f7788","source":"/acme/cloud","type":"aisle.sync.welcome.v1","time":"2026-11-24T09:12:03.180Z","datacontenttype":"application/json","session":"42-5f3a9c01","term":"1795511520",
 "data":{"nonce":"c41e7d02a8b96f35","code":"ok","epoch":"3-9f2c4e8a71b05d36","session":"42-5f3a9c01","mark":"9917","cursors":{"sess":"184410","audit":"7404","reported":"2209","tele":"899240"},"credit":{"batches":2,"bytes":131072},"down":{"epoch":"4-1b7e90d2c3f4a586"}}}"#;
const BATCH: &str = r#"[{"specversion":"1.0","id":"01a20cd3-97bc-7c01-a2b3-11c2d3e4f506","source":"/acme/s042/n1","type":"aisle.sync.batch.v1","time":"2026-11-24T09:12:03.260Z","datacontenttype":"application/json","session":"42-5f3a9c01","stream":"sess","epoch":"3-9f2c4e8a71b05d36","data":{"after":"184410","to":"184411","mark":"9918","base":"0","left":"56"}},
 {"specversion":"1.0","id":"01a20cc5-15e0-7d3c-9e2f-4b5a6c7d8e9f","source":"/acme/s042/n1","type":"aisle.visit.opened.v1","subject":"visit/01a20cc5-15df-7aa1-8c00-90d1e2f3a4b5","time":"2026-11-24T08:56:12.512Z","datacontenttype":"application/json","stream":"sess","epoch":"3-9f2c4e8a71b05d36","seq":"184411","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":{"customer":"c-7f3a","touchpoint":"reader-2"}}]"#;
/// Members in which the others differ; `envelope` adds the rest.
const RECORDS: [&str; 4] = [
    r#"{"type":"aisle.desired.set.v1","subject":"sign/window-1","stream":"desired","epoch":"4-1b7e90d2c3f4a586","seq":"1207","data":{"scene":"autumn","bundle":"sha256:3f0a","size":"48211034"}}"#,
    r#"{"type":"aisle.reported.set.v1","subject":"sign/window-1","stream":"reported","epoch":"3-9f2c4e8a71b05d36","seq":"2210","data":{"rev":"4.1207","status":"overridden"}}"#,
    r#"{"type":"aisle.override.set.v1","subject":"override/sign/window-1","stream":"reported","epoch":"3-9f2c4e8a71b05d36","seq":"2211","data":{"body":{"scene":"closed-early"},"reason":"power cut","by":"staff-19","ttl_s":14400}}"#,
    r#"{"type":"aisle.log.lost.v1","stream":"audit","epoch":"3-9f2c4e8a71b05d36","seq":"7405","data":{"stream":"tele","epoch":"3-9f2c4e8a71b05d36","from":"899241","to":"901240","count":"2000","bytes":"1180220","reason":"budget"}}"#,
];
const ACK_CLOUD: &str = r#"{"type":"aisle.sync.ack.v1","session":"42-5f3a9c01","term":"1795511520","epoch":"3-9f2c4e8a71b05d36","data":{"code":"ok","cursors":{"sess":"184411"},"nack":{"tele":"resend"},"credit":{"batches":2,"bytes":131072}}}"#;
const ACK_NODE: &str = r#"{"type":"aisle.sync.ack.v1","session":"42-5f3a9c01","epoch":"4-1b7e90d2c3f4a586","data":{"code":"ok","cursors":{"order":"812","desired":"1207"},"nack":{},"pending":"115"}}"#;
const PRESENCE: &str = r#"{"type":"aisle.node.presence.v1","session":"42-5f3a9c01","data":{"status":"online"}}"#;
const STATE: &str = r#"{"type":"aisle.partition.state.v1","term":"1795511520","data":{"instance":"cloud.eu1-a"}}"#;

fn envelope(members: &str) -> String {
    let common = r#"{"specversion":"1.0","id":"01a20cd3-971c-7a55-8d4e-7f1c20a9b301","source":"/acme/s042/n1","time":"2026-11-24T09:12:03.100Z","datacontenttype":"application/json","#;
    members.replacen('{', common, 1)
}
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
fn round_trip<B: Body + Clone>(text: &str) -> B {
    let message = Message::<B>::decode(text.as_bytes()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&message.encode()).unwrap(), json(text));
    message.body
}

#[test]
fn as_099_every_golden_message_parses_and_encodes_to_itself() {
    let hello: Hello = round_trip(HELLO);
    assert_eq!(hello.up.get(Stream::Tele).map(|up| up.next), Some(Seq::new(901_299)));
    let welcome: Welcome = round_trip(WELCOME);
    assert_eq!((welcome.code, welcome.nonce), (WelcomeCode::Ok, hello.nonce));
    let ack: Ack = round_trip(&envelope(ACK_CLOUD));
    assert_eq!((ack.code, ack.nack.get(Stream::Tele)), (AckCode::Ok, Some(&Nack::Resend)));
    let ack: Ack = round_trip(&envelope(ACK_NODE));
    assert_eq!(ack.cursors.get(Stream::Desired), Some(&Seq::new(1_207)));
    assert_eq!(round_trip::<Presence>(&envelope(PRESENCE)).status, NodeStatus::Online);
    assert_eq!(round_trip::<State>(&envelope(STATE)).instance, "cloud.eu1-a");
}

#[test]
fn as_099_the_golden_batch_parses_and_its_encoder_makes_the_same_bytes() {
    let batch = Batch::decode(BATCH.as_bytes()).unwrap();
    let (seq, record, _) = &batch.records[0];
    assert_eq!((*seq, batch.header.body.to), (Seq::new(184_411), Seq::new(184_411)));
    let (stream, epoch) = (batch.header.stream.unwrap(), batch.header.epoch.unwrap());
    let mut encoder = BatchEncoder::new(&batch.header, stream, epoch);
    encoder.push(*seq, &record.to_stored().unwrap(), None);
    assert_eq!(serde_json::from_slice::<Value>(&encoder.finish()).unwrap(), json(BATCH));
}

#[test]
fn as_101_every_golden_record_parses_and_encodes_to_itself() {
    for members in RECORDS {
        let text = envelope(members);
        let event = Event::parse(text.as_bytes()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&event.to_wire()).unwrap(), json(&text));
    }
}

#[test]
fn as_101_a_message_without_an_extension_that_it_needs_is_refused_by_name() {
    let refused = |text: &str| Message::<Ack>::decode(text.as_bytes()).unwrap_err().field;
    assert_eq!(refused(&envelope(&ACK_CLOUD.replace(r#""session":"42-5f3a9c01","#, ""))), "session");
    assert_eq!(refused(&envelope(&ACK_CLOUD.replace(r#""epoch":"3-9f2c4e8a71b05d36","#, ""))), "epoch");
    assert_eq!(refused(&envelope(&ACK_CLOUD.replace("sync.ack", "sync.hello"))), "type");
    let presence = Message::<Presence>::decode(envelope(&PRESENCE.replace("{\"status\":\"online\"}", "{}")).as_bytes());
    assert_eq!(presence.unwrap_err().field, "data");
}

#[test]
fn as_051_a_batch_that_is_out_of_range_order_stream_or_epoch_is_refused() {
    for (from, to, field) in [
        (r#""seq":"184411""#, r#""seq":"184412""#, "seq"),
        (r#""seq":"184411""#, r#""seq":"184410""#, "seq"),
        (r#""seq":"184411","#, "", "seq"),
        (r#""after":"184410""#, r#""after":"184412""#, "data"),
        (r#""stream":"sess","epoch":"3-9f2c4e8a71b05d36","seq""#, r#""stream":"tele","epoch":"3-9f2c4e8a71b05d36","seq""#, "stream"),
        (r#""epoch":"3-9f2c4e8a71b05d36","seq""#, r#""epoch":"2-9f2c4e8a71b05d36","seq""#, "epoch"),
        ("}]", "", "json"),
    ] {
        let text = BATCH.replacen(from, to, 1);
        assert_ne!(text, BATCH, "{from}");
        assert_eq!(Batch::decode(text.as_bytes()).unwrap_err().field, field, "{from} to {to}");
    }
    assert_eq!(Batch::decode(b"[]").unwrap_err().field, "json");
}

#[test]
fn as_025_a_header_alone_is_a_batch_and_as_103_a_newer_code_is_read_as_unknown() {
    let message = Message::<BatchHeader>::decode(json(BATCH)[0].to_string().as_bytes()).unwrap();
    let encoder = BatchEncoder::new(&message, Stream::Sess, message.epoch.unwrap());
    assert!(Batch::decode(&encoder.finish()).unwrap().records.is_empty());
    let newer = WELCOME.replace(r#""code":"ok""#, r#""code":"sleep""#);
    assert_eq!(Message::<Welcome>::decode(newer.as_bytes()).unwrap().body.code, WelcomeCode::Unknown);
}

#[test]
fn as_007_a_corrupt_record_of_the_largest_size_fits_a_batch_and_parses() {
    let batch = Batch::decode(BATCH.as_bytes()).unwrap();
    let (_, record, _) = &batch.records[0];
    let raw = "A".repeat(aisle_schemas::limits::RECORD_BYTES_MAX.div_ceil(3) * 4);
    let corrupt = Event::corrupt(EventId(record.id.0), record.source.clone(), record.time, raw);
    let mut encoder = BatchEncoder::new(&batch.header, Stream::Sess, batch.header.epoch.unwrap());
    encoder.push(Seq::new(184_411), &corrupt.to_wire(), None);
    assert_eq!(Batch::decode(&encoder.finish()).unwrap().records.len(), 1);
}
