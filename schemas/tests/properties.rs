//! Every parser of this crate that meets the outside, on texts that nobody would send: none panics, each accepts one spelling only, and what it
//! accepts it prints and reads again.
//!
//! Owns the generators. Bounded for a commit; `PROPTEST_CASES=100000` runs as long as one likes.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use aisle_schemas::{
    code::{CODE_LEN_MAX, Code, CodeSubject, Pass, StoreKey},
    document::OverrideRequest,
    emergency::EmergencyRequest,
    event::{Event, EventType, Source, check_depth, frame_into},
    fact::FactReports,
    golden,
    http::{cloud::*, node::*, tablet::*},
    ids::*,
    limits::{BATCH_BYTES_MAX, JSON_DEPTH_MAX, RECORD_BYTES_MAX},
    nfc::NfcTap,
    product::{ProductBatch, StockBatch},
    record::{Body as RecordBody, RECORD_TYPES},
    screen::{PlayReport, ScreenCommand, ScreenInteraction, ScreenState},
    store::ZoneCount,
    sync::{
        Ack, Batch, BatchEncoder, BatchHeader, Body, Count, Epoch, Hello, Mark, Message, Nonce, Presence, Seq, Session, State, Stream,
        Term, Welcome,
    },
    topic::Topic,
    trip::{CheckResult, ExitRequest, LineAdd, LineChange, TillPayment, TripStepRequest},
};
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// Most of what breaks parsers: separators of ours, wildcards, numbers at their limits, controls, text outside ASCII.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z0-9./+#{}$-]{0,80}",
        r"(aisle|local)/1/[a-z0-9./+-]{0,60}",
        "[dtp]1(\\.[a-z0-9-]{0,34}){0,7}",
        r"[0-9]{1,25}(-[0-9a-fA-F]{0,20})?",
        proptest::collection::vec(any::<char>(), 0..300).prop_map(|letters| letters.into_iter().collect()),
    ]
}

fn slug() -> impl Strategy<Value = String> {
    "[a-z0-9-]{1,32}"
}

/// What a text type must be: whatever it accepts it prints as it came.
fn one_spelling<T>(text: &str)
where
    T: std::str::FromStr + std::fmt::Display + std::fmt::Debug,
{
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}

proptest! {
    #[test]
    fn whatever_a_text_type_accepts_it_prints_as_it_came(text in hostile()) {
        one_spelling::<StoreId>(&text);
        one_spelling::<NodeId>(&text);
        one_spelling::<Partition>(&text);
        one_spelling::<VisitToken>(&text);
        one_spelling::<Seq>(&text);
        one_spelling::<Mark>(&text);
        one_spelling::<Term>(&text);
        one_spelling::<Count>(&text);
        one_spelling::<Epoch>(&text);
        one_spelling::<Session>(&text);
        one_spelling::<Nonce>(&text);
        one_spelling::<Stream>(&text);
        if let Ok(source) = Source::parse(&text) {
            prop_assert_eq!(source.to_string(), text.clone());
        }
        if let Ok(ty) = EventType::parse(&text) {
            prop_assert_eq!(ty.as_str(), text.as_str());
        }
        // UUIDs have several spellings; what is printed is read as the same.
        if let Ok(id) = EventId::parse(&text) {
            prop_assert_eq!(EventId::parse(&id.to_string()), Ok(id));
        }
    }

    #[test]
    fn as_095_a_topic_is_known_in_one_spelling_or_not_at_all(text in hostile()) {
        if let Some(topic) = Topic::parse(&text) {
            prop_assert_eq!(topic.build(), text.clone());
            prop_assert!(!text.contains(['+', '#', '\0']));
        }
    }

    #[test]
    fn as_095_no_id_ever_becomes_more_than_one_level_of_a_topic(store in any::<String>(), device in any::<String>(), node in any::<String>()) {
        if let (Ok(store), Ok(screen)) = (StoreId::parse(&store), ScreenId::parse(&device)) {
            prop_assert_eq!(Topic::ScreenState { store, screen }.build().split('/').count(), 6);
        }
        if let Ok(node) = NodeId::parse(&node) {
            prop_assert_ne!(node.tenant.as_str(), "cloud");
            prop_assert_eq!(Topic::SyncHello { part: node.partition(), node }.build().split('/').count(), 6);
        }
    }

    #[test]
    fn no_text_is_a_code_or_a_pass_but_those_that_we_made(text in hostile(), at in any::<i64>()) {
        let (key, signer) = (StoreKey::new([1; 32]), SigningKey::from_bytes(&[4; 32]));
        let now = DateTime::from_timestamp(at, 0).unwrap_or_default();
        let here = StoreId::parse("s1").unwrap();
        if let Ok(code) = Code::parse_unverified(&text) {
            prop_assert!(text.len() <= CODE_LEN_MAX);
            prop_assert!(code.verify(&here, &key, now).is_err());
        }
        prop_assert!(Pass::verify(&text, &signer.verifying_key(), now).is_err());
    }

    #[test]
    fn a_code_and_a_pass_come_back_as_they_were_made(
        store in slug(), touchpoint in slug(), nonce in any::<u64>(), issued_s in 0_i64..4_000_000_000, random in any::<[u8; 10]>(), tap in any::<Option<bool>>(),
    ) {
        let issued_at = DateTime::from_timestamp(issued_s, 0).unwrap();
        let subject = match tap {
            None => CodeSubject::Door { touchpoint: TouchpointId::parse(&touchpoint).unwrap() },
            Some(offer) => CodeSubject::Tap { display: DisplayId::parse(&touchpoint).unwrap(), offer: offer.then(|| OfferId::new(5, random)) },
        };
        let code = Code { store: StoreId::parse(&store).unwrap(), subject, issued_at, nonce };
        let key = StoreKey::new([7; 32]);
        let text = code.encode(&key);
        prop_assert!(text.len() <= CODE_LEN_MAX);
        // It travels as a query parameter: no character of it needs escaping.
        prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{}", text);
        let verified = Code::parse_unverified(&text).unwrap().verify(&code.store, &key, issued_at);
        prop_assert_eq!(verified, Ok(code));

        let signer = SigningKey::from_bytes(&[4; 32]);
        let pass = Pass { id: PassId::new(9, random), expires_at: issued_at };
        let text = pass.encode(&signer);
        prop_assert!(text.len() <= CODE_LEN_MAX);
        prop_assert_eq!(Pass::verify(&text, &signer.verifying_key(), issued_at - TimeDelta::seconds(1)), Ok(pass));
    }

    #[test]
    fn as_108_depth_is_bounded_before_any_parser_recurses(depth in 0_usize..2_000, close in any::<bool>()) {
        let mut text = "[".repeat(depth);
        if close {
            text.push_str(&"]".repeat(depth));
        }
        prop_assert_eq!(check_depth(text.as_bytes(), JSON_DEPTH_MAX).is_ok(), depth <= JSON_DEPTH_MAX);
        let body = format!(r#"{{"specversion":"1.0","data":{text}}}"#);
        prop_assert!(Event::parse(body.as_bytes()).is_err());
        prop_assert!(Batch::decode(text.as_bytes()).is_err());
        prop_assert!(Message::<Hello>::decode(text.as_bytes()).is_err());
    }

    #[test]
    fn no_bytes_make_a_parser_of_the_protocol_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        decode_all(&bytes);
    }
}

/// Every parser of the protocol on the same bytes.
fn decode_all(bytes: &[u8]) {
    fn message<B: Body + Clone + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
        if let Ok(message) = Message::<B>::decode(bytes) {
            assert!(bytes.len() <= BATCH_BYTES_MAX);
            assert_eq!(Message::<B>::decode(&message.encode()).unwrap(), message);
        }
    }
    message::<Hello>(bytes);
    message::<Welcome>(bytes);
    message::<BatchHeader>(bytes);
    message::<Ack>(bytes);
    message::<Presence>(bytes);
    message::<State>(bytes);
    if let Ok(event) = Event::parse(bytes) {
        let again = Event::parse(&event.to_wire()).unwrap();
        assert_eq!(again.to_wire(), event.to_wire());
        if let Ok(stored) = event.to_stored() {
            assert!(stored.len() <= RECORD_BYTES_MAX);
        }
    }
    if let Ok(batch) = Batch::decode(bytes) {
        let range = batch.header.body;
        assert!(batch.records.iter().all(|(seq, _, _)| *seq > range.after && *seq <= range.to));
        assert!(batch.records.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}

/// One change to a text: what a faulty sender, a cut line or an attacker makes of it.
#[derive(Debug, Clone)]
enum Change {
    Cut(prop::sample::Index),
    Remove(prop::sample::Index),
    Insert(prop::sample::Index, String),
    Swap(prop::sample::Index, u8),
    Repeat(prop::sample::Index, prop::sample::Index),
    /// Puts something else in place of one value of the JSON tree.
    Replace(prop::sample::Index, Value),
    /// Adds a member that nobody knows to one object.
    Add(prop::sample::Index, Value),
    /// Drops one member.
    Drop(prop::sample::Index),
}

fn junk() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        hostile().prop_map(Value::from),
        Just(json!("9223372036854775808")),
        Just(json!([])),
        Just(json!({})),
        (1_usize..40).prop_map(|depth| (0..depth).fold(Value::Null, |inner, _| json!([inner]))),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        place().prop_map(Change::Cut),
        place().prop_map(Change::Remove),
        (place(), hostile()).prop_map(|(at, text)| Change::Insert(at, text)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Change::Swap(at, byte)),
        (place(), place()).prop_map(|(from, to)| Change::Repeat(from, to)),
        (place(), junk()).prop_map(|(at, value)| Change::Replace(at, value)),
        (place(), junk()).prop_map(|(at, value)| Change::Add(at, value)),
        place().prop_map(Change::Drop),
    ]
}

/// Values of a tree, depth first.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// The `at`-th value of a tree.
fn nth<'a>(value: &'a mut Value, at: &mut usize) -> Option<&'a mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, at)),
        Value::Object(members) => members.values_mut().find_map(|member| nth(member, at)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn changed(text: &str, change: &Change) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let tree = || serde_json::from_str::<Value>(text).unwrap();
    let edit = |at: &prop::sample::Index, edit: &dyn Fn(&mut Value)| {
        let mut root = tree();
        let mut place = at.index(count(&root));
        if let Some(value) = nth(&mut root, &mut place) {
            edit(value);
        }
        serde_json::to_vec(&root).unwrap()
    };
    match change {
        Change::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Change::Remove(at) => {
            bytes.remove(at.index(bytes.len()));
        }
        Change::Insert(at, text) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, text.bytes());
        }
        Change::Swap(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Change::Repeat(from, to) => {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            let part = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.extend(part);
        }
        Change::Replace(at, with) => return edit(at, &|value| *value = with.clone()),
        Change::Add(at, with) => {
            return edit(at, &|value| {
                if let Value::Object(members) = value {
                    members.insert("nobody-knows".to_owned(), with.clone());
                }
            });
        }
        Change::Drop(at) => {
            return edit(at, &|value| {
                if let Value::Object(members) = value {
                    let first = members.keys().next().cloned();
                    first.map(|name| members.remove(&name));
                }
            });
        }
    }
    bytes
}

fn example(name: &str) -> String {
    golden::examples().into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string()).unwrap()
}

/// What a body accepts, it writes and reads again as the same.
fn reads_or_refuses<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(bytes) {
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
    }
}

macro_rules! bodies {
    ($($body:ident),*) => {
        /// Bodies that devices, phones, browsers and systems send: name of the example, and its parser.
        const BODIES: &[(&str, fn(&[u8]))] = &[$((stringify!($body), reads_or_refuses::<$body>)),*];
    };
}

bodies! {
    NfcTap, FactReports, EmergencyRequest, PlayReport, ScreenState, ScreenInteraction, ScreenCommand, ZoneCount,
    ProductBatch, StockBatch, LineAdd, LineChange, TripStepRequest, CheckResult, TillPayment, ExitRequest, DeviceSignIn, NodeCheckIn, ZoneEntered, OverrideRequest, RolloutDraft,
    SignInStart, SignInFinish, MeChange, OutcomeReport, BookmarkAdd, ConsentChange, PassRequest, CloudCheckIn, TapClaim, DialogueReply,
    AboutMe, HandshakeClaim, HandshakeGrant, RelayCall, StaffSignIn, OfferAdvice, ReadShared, TabletSign,
    CampaignDraft, OfferDraft, LegalText, SalesReport, CandidateRequest, ContextReport, ScreenCommandRequest
}

#[test]
fn every_body_of_a_route_and_of_a_device_is_among_those_that_are_changed() {
    // Bodies of a slice that has tests of its own beside it.
    const ELSEWHERE: [&str; 4] = ["ClaimRequest", "EnrolmentRequest", "RenewalRequest", "OperatorDecision"];
    let routes = aisle_schemas::http::node::ROUTES.iter().chain(aisle_schemas::http::cloud::ROUTES).filter_map(|route| route.request);
    let topics = aisle_schemas::topic::DECLARATIONS
        .iter()
        .filter(|declared| declared.publisher == aisle_schemas::topic::Publisher::Device)
        .map(|declared| declared.body);
    for name in routes.chain(topics).filter(|name| !ELSEWHERE.contains(name)) {
        assert!(BODIES.iter().any(|(known, _)| *known == name), "{name}");
    }
}

fn header() -> Message<BatchHeader> {
    let body = BatchHeader { after: Seq::ZERO, to: Seq::new(2), mark: Mark::new(1), base: Seq::ZERO, left: Count::ZERO };
    Message {
        id: EventId::new(1, [1; 10]),
        source: Source::parse("/acme/s042/n1").unwrap(),
        time: DateTime::<Utc>::UNIX_EPOCH,
        session: Some("1-00000001".parse().unwrap()),
        term: None,
        stream: Some(Stream::Sess),
        epoch: Some("1-0000000000000001".parse().unwrap()),
        body,
    }
}

/// A batch of two records.
fn batch() -> String {
    let header = header();
    let (stream, epoch) = (header.stream.unwrap(), header.epoch.unwrap());
    let mut encoder = BatchEncoder::new(&header, stream, epoch);
    for seq in 1..=2 {
        let ty = EventType::literal("aisle.visit.opened.v1");
        let event = Event::new(EventId::new(seq, [2; 10]), header.source.clone(), ty, header.time, &json!({"n": seq})).unwrap();
        encoder.push(Seq::new(seq), &event.to_stored().unwrap(), None);
    }
    String::from_utf8(encoder.finish()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.min(64).max(cases_asked_for()), ..ProptestConfig::default() })]

    #[test]
    fn a_changed_body_is_read_or_refused_and_never_read_twice_in_two_ways(changes in proptest::collection::vec(change(), 1..3)) {
        for (name, parse) in BODIES {
            let text = example(name);
            let first = changed(&text, &changes[0]);
            parse(&first);
            if let (Some(second), Ok(text)) = (changes.get(1), std::str::from_utf8(&first))
                && serde_json::from_str::<Value>(text).is_ok()
            {
                parse(&changed(text, second));
            }
        }
    }

    #[test]
    fn a_changed_record_is_read_or_refused_by_its_type(change in change()) {
        for record in RECORD_TYPES {
            let bytes = changed(&example(record.body), &change);
            let Ok(raw) = serde_json::from_slice::<Box<serde_json::value::RawValue>>(&bytes) else { continue };
            let subject = format!("{}/x", record.subject);
            if let Ok(body) = RecordBody::parse(record.name, &subject, &raw) {
                let again = RecordBody::parse(record.name, &subject, &body.to_raw().unwrap()).unwrap();
                prop_assert_eq!(again, body);
            }
        }
    }

    #[test]
    fn a_changed_message_or_batch_is_read_or_refused(change in change()) {
        decode_all(&changed(&batch(), &change));
        decode_all(&changed(std::str::from_utf8(&header().encode()).unwrap(), &change));
    }
}

/// `PROPTEST_CASES`, where it was set above what a commit runs: proptest has read it already.
fn cases_asked_for() -> u32 {
    let asked = ProptestConfig::default().cases;
    if asked > 256 { asked } else { 0 }
}

#[test]
fn as_006_a_stored_record_is_framed_without_being_read() {
    let mut out = Vec::new();
    let epoch: Epoch = "1-0000000000000001".parse().unwrap();
    frame_into(&mut out, b"{\"a\":1}", Stream::Tele, epoch, Seq::new(7), Some("1-0000000000000001/3"));
    let framed: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(framed, json!({"a": 1, "stream": "tele", "epoch": "1-0000000000000001", "seq": "7", "relogof": "1-0000000000000001/3"}));
}

/// The reader of JSON is off by a last bit for such numbers unless told to be exact; the amount of a body must be what was sent.
#[test]
fn a_number_is_written_as_it_was_read_to_the_last_bit() {
    for number in ["13945954332183237633", "0.30000000000000004", "1.3946009202453015e19"] {
        let read: f64 = serde_json::from_str(number).unwrap();
        let exact: f64 = number.parse().unwrap();
        assert_eq!(read.to_bits(), exact.to_bits(), "{number}");
        assert_eq!(serde_json::from_str::<f64>(&serde_json::to_string(&read).unwrap()).unwrap().to_bits(), exact.to_bits(), "{number}");
    }
}
