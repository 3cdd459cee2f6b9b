//! `aisle tck --role edge`: a store's box as its cloud sees it.
//!
//! Owns the conversation. Takes a broker to which the box connects, on which no instance of its cloud is at work, and the identity of an instance. Emits
//! findings. It changes what the box believes of its cloud: a new down epoch, and no document in it; so the box under test must be one for tests, with
//! records on its disk. On failure of the link, or without an answer: the finding at hand fails, and where nothing can follow from it the run ends.

use std::time::Duration;

use aisle_schemas::event::Source;
use aisle_schemas::ids::NodeId;
use aisle_schemas::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, CREDIT_LIVE_BATCHES};
use aisle_schemas::sync::{
    Ack, AckCode, Batch, BatchHeader, Class, Credit, DownLog, Epoch, Hello, Message, Nack, NodeStatus, PerStream, Presence, Seq, Session,
    State, Stream, Term, Welcome, WelcomeCode,
};
use aisle_schemas::topic::{Topic, owner_up_filter};
use bytes::Bytes;
use tokio::time::Instant;

use super::client::{Endpoint, Gone, Identities, Manner, Peer};
use super::report::{Finding, Report};
use super::talk::{Range, Talk, travels_as_declared};
use crate::clock::Clock;
use crate::link::Incoming;

/// Longest wait for the first HELLO: a box that was alone for long dials once a minute, and connecting takes up to 20 s.
const FIRST_HELLO: Duration = Duration::from_secs(90);
/// Longest wait for anything else: the slowest repeat of HELLO, and a margin.
const ANSWER: Duration = Duration::from_secs(25);
/// Cursor that the empty batches move `desired` to.
const MOVED: u64 = 5;

/// Runs the conversation.
pub async fn check(endpoint: &Endpoint, identities: &Identities, clock: &dyn Clock) -> Report {
    let mut findings = Vec::new();
    if let Err(gone) = converse(endpoint, identities, clock, &mut findings).await {
        findings.push(Finding::of("AS-096", "the broker carries the conversation to its end", false, gone.to_string()));
    }
    Report::of(format!("box {} behind {endpoint}", identities.node.name), findings)
}

/// A HELLO as it came.
struct Heard {
    session: Session,
    epoch: Epoch,
    hello: Hello,
}

async fn converse(endpoint: &Endpoint, identities: &Identities, clock: &dyn Clock, findings: &mut Vec<Finding>) -> Result<(), Gone> {
    let own = &identities.node.name;
    let account = identities.cloud.account();
    let mut peer = Peer::connect(endpoint, &account, Manner::default()).await?;
    peer.subscribe(&owner_up_filter(own.partition())).await?;
    let mut talk = Talk::new(peer, own, Source::Cloud(own.tenant.clone()), clock);
    // As a real owner's: seconds of the clock, which every later owner exceeds.
    talk.term = Some(Term::new(u64::try_from(clock.now().timestamp()).unwrap_or_default()));
    let state = Topic::SyncState { part: own.partition() };
    talk.say(&state, None, State::of(&identities.cloud.instance)).await?;
    let done = met(&mut talk, findings).await;
    // No owner stays behind.
    talk.send(&state, Bytes::new()).await?;
    talk.peer.leave().await;
    done
}

async fn met(talk: &mut Talk<'_>, findings: &mut Vec<Finding>) -> Result<(), Gone> {
    let Some((first, born)) = next_hello(talk, FIRST_HELLO, false, findings).await? else { return Ok(()) };
    let before = born == Some(first.session);
    findings.push(Finding::of("AS-015", "PRESENCE online of this session came before HELLO", before, format!("{born:?}")));
    talk.session = Some(first.session);

    let epoch = Epoch { counter: 1, random: rand::random() };
    let mut wrong = welcome(&first, epoch);
    wrong.nonce.0 ^= 1;
    say_welcome(talk, wrong).await?;
    let Some((second, _)) = next_hello(talk, ANSWER, false, findings).await? else { return Ok(()) };
    let fresh = second.hello.nonce != first.hello.nonce;
    let what = "a WELCOME with another nonce is ignored, and HELLO repeated with a fresh one";
    findings.push(Finding::of("AS-017", what, fresh, second.hello.nonce.to_string()));
    talk.session = Some(second.session);
    say_welcome(talk, welcome(&second, epoch)).await?;

    upward(talk, &second, findings).await?;
    downward(talk, epoch, findings).await?;

    let ack = Ack { code: AckCode::Hello, cursors: PerStream::default(), nack: PerStream::default(), credit: None, pending: None };
    let topic = Topic::SyncAckDown { part: talk.node.partition(), node: talk.node.clone() };
    talk.say(&topic, Some(second.epoch), ack).await?;
    let third = next_hello(talk, ANSWER, true, findings).await?;
    let same = third.is_some_and(|(third, _)| third.hello.nonce != second.hello.nonce && third.session == second.session);
    let seen = if same { "a fresh nonce" } else { "no HELLO, or of another session" };
    findings.push(Finding::of("AS-016", "ACK code hello is followed by HELLO in the same session", same, seen));
    Ok(())
}

/// What a node publishes about itself, with the node.
enum Said {
    Hello,
    Presence,
    Batch(Stream),
    Ack,
}

fn said(own: &NodeId, topic: &Topic) -> Option<Said> {
    let (node, said) = match topic {
        Topic::SyncHello { node, part: _ } => (node, Said::Hello),
        Topic::SyncPresence { node, part: _ } => (node, Said::Presence),
        Topic::SyncBatchUp { node, part: _, stream } => (node, Said::Batch(*stream)),
        Topic::SyncAckUp { node, part: _ } => (node, Said::Ack),
        _ => return None,
    };
    (node == own).then_some(said)
}

/// The next HELLO within `wait`, and the session of a PRESENCE online before it. Before a WELCOME a BATCH is a fault (AS-019).
async fn next_hello(
    talk: &mut Talk<'_>,
    wait: Duration,
    welcomed: bool,
    findings: &mut Vec<Finding>,
) -> Result<Option<(Heard, Option<Session>)>, Gone> {
    let until = Instant::now() + wait;
    let (mut born, mut early) = (None, 0);
    let heard = loop {
        let Some((topic, message)) = talk.hear(until).await? else { break None };
        match said(talk.node, &topic) {
            Some(Said::Hello) => break read_hello(talk, &topic, &message, findings),
            Some(Said::Presence) => {
                let presence = Message::<Presence>::decode(&message.payload).ok();
                born = presence.filter(|presence| presence.body.status == NodeStatus::Online).and_then(|presence| presence.session);
            }
            Some(Said::Batch(_)) => early += 1,
            Some(Said::Ack) | None => {}
        }
    };
    if !welcomed {
        findings.push(Finding::of("AS-019", "no BATCH is sent before WELCOME ok", early == 0, format!("{early} batches")));
    }
    if heard.is_none() {
        findings.push(Finding::of("AS-016", "the box says HELLO", false, format!("none within {} s", wait.as_secs())));
    }
    Ok(heard.map(|heard| (heard, born)))
}

fn read_hello(talk: &Talk<'_>, topic: &Topic, message: &Incoming, findings: &mut Vec<Finding>) -> Option<Heard> {
    let decoded = Message::<Hello>::decode(&message.payload);
    let seen = decoded.as_ref().map_or_else(ToString::to_string, |hello| hello.source.to_string());
    findings.push(Finding::of("AS-099", "HELLO can be read", decoded.is_ok(), seen.clone()));
    let Message { source, session, epoch, body, .. } = decoded.ok()?;
    findings.push(Finding::of("AS-106", "its source is the node of its topic", source == Source::Node(talk.node.clone()), seen));
    findings.push(Finding::of(
        "AS-028",
        "it travels with QoS 1 and its content type, and is not kept",
        travels_as_declared(topic, message),
        topic.build(),
    ));
    Some(Heard { session: session?, epoch: epoch?, hello: body })
}

/// A WELCOME that asks for everything on the box's disk.
fn welcome(heard: &Heard, down: Epoch) -> Welcome {
    let cursors = heard.hello.up.iter().map(|(stream, up)| (stream, up.kept.minus(1))).collect();
    Welcome {
        nonce: heard.hello.nonce,
        code: WelcomeCode::Ok,
        retry_ms: None,
        epoch: Some(heard.epoch),
        session: Some(heard.session),
        mark: Some(heard.hello.mark),
        cursors,
        credit: Some(credit()),
        down: Some(DownLog { epoch: down }),
    }
}

fn credit() -> Credit {
    let bytes = CREDIT_LIVE_BATCHES.saturating_mul(u32::try_from(BATCH_BYTES_MAX).unwrap_or(u32::MAX));
    Credit { batches: CREDIT_LIVE_BATCHES, bytes }
}

async fn say_welcome(talk: &mut Talk<'_>, welcome: Welcome) -> Result<(), Gone> {
    let topic = Topic::SyncWelcome { part: talk.node.partition(), node: talk.node.clone() };
    talk.say(&topic, None, welcome).await.map(drop)
}

async fn acknowledge(talk: &mut Talk<'_>, epoch: Epoch, stream: Stream, cursor: Seq, nack: Option<Nack>) -> Result<(), Gone> {
    let cursors = [(stream, cursor)].into_iter().collect();
    let nack = nack.map(|nack| (stream, nack)).into_iter().collect();
    let ack = Ack { code: AckCode::Ok, cursors, nack, credit: Some(credit()), pending: None };
    let topic = Topic::SyncAckDown { part: talk.node.partition(), node: talk.node.clone() };
    talk.say(&topic, Some(epoch), ack).await.map(drop)
}

/// A batch that was read, and how it came.
type Batched = (Stream, BatchHeader, Topic, Incoming);

/// The next batch of which `wanted` holds. `Err` says why there is none.
async fn next_batch(talk: &mut Talk<'_>, wanted: impl Fn(Stream, &BatchHeader) -> bool) -> Result<Result<Batched, String>, Gone> {
    let until = Instant::now() + ANSWER;
    while let Some((topic, message)) = talk.hear(until).await? {
        let Some(Said::Batch(stream)) = said(talk.node, &topic) else { continue };
        match Batch::decode(&message.payload) {
            Ok(batch) if wanted(stream, &batch.header.body) => {
                let header = batch.header.body;
                return Ok(Ok((stream, header, topic, message)));
            }
            // What was under way already.
            Ok(_) => {}
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
    Ok(Err(format!("no batch within {} s", ANSWER.as_secs())))
}

/// What the box sends of its log.
async fn upward(talk: &mut Talk<'_>, heard: &Heard, findings: &mut Vec<Finding>) -> Result<(), Gone> {
    let (stream, header, topic, message) = match next_batch(talk, |_, _| true).await? {
        Ok(batch) => batch,
        Err(seen) => {
            findings.push(Finding::of("AS-019", "after WELCOME ok the box sends what it has", false, seen));
            return Ok(());
        }
    };
    let asked = heard.hello.up.get(stream).map_or(Seq::ZERO, |up| up.kept.minus(1));
    let range = format!("{stream} ({}, {}]", header.after, header.to);
    findings.push(Finding::of("AS-019", "each stream starts at cursor + 1", header.after == asked, range.clone()));
    findings.push(Finding::of(
        "AS-028",
        "a BATCH travels with QoS 1 and its content type, and is not kept",
        travels_as_declared(&topic, &message),
        topic.build(),
    ));
    // `Batch::decode` has looked at the records: of the header's stream and epoch, in its range, in rising seq.
    let records = Batch::decode(&message.payload).map_or(0, |batch| batch.records.len());
    let whole = stream.class() != Class::A || u64::try_from(records).is_ok_and(|records| records == header.to.since(header.after));
    findings.push(Finding::of("AS-026", "in class A every seq of the range is there", whole, format!("{records} records in {range}")));
    let small = message.payload.len() <= BATCH_BYTES_MAX && records <= BATCH_RECORDS_MAX;
    findings.push(Finding::of(
        "AS-027",
        "a batch is no larger than the limits",
        small,
        format!("{} bytes, {records} records", message.payload.len()),
    ));
    findings.push(Finding::of(
        "AS-011",
        "its mark is above the one that HELLO named",
        header.mark > heard.hello.mark,
        format!("{} after {}", header.mark, heard.hello.mark),
    ));

    acknowledge(talk, heard.epoch, stream, asked, Some(Nack::Resend)).await?;
    let again = next_batch(talk, |again, header| again == stream && header.after == asked).await?;
    let goes_back = again.is_ok();
    let seen = again.map_or_else(|seen| seen, |(_, again, ..)| format!("({}, {}]", again.after, again.to));
    findings.push(Finding::of("AS-044", "on nack resend the box goes back to acked + 1", goes_back, seen));
    acknowledge(talk, heard.epoch, stream, header.to, None).await?;
    Ok(())
}

/// What the box does with the cloud's log, on headers without records.
async fn downward(talk: &mut Talk<'_>, epoch: Epoch, findings: &mut Vec<Finding>) -> Result<(), Gone> {
    let desired = |after, to| Range { stream: Stream::Desired, epoch, after, to };
    let moved = Seq::new(MOVED);
    let at = |ack: &Ack, cursor: Seq| ack.cursors.get(Stream::Desired) == Some(&cursor);
    talk.say_empty_batch(desired(0, MOVED)).await?;
    let seen = acknowledged(talk, |ack| at(ack, moved)).await?;
    findings.push(Finding::of("AS-072", "a batch of the cloud moves the box's cursor", seen.is_ok(), seen.unwrap_or_else(|seen| seen)));
    talk.say_empty_batch(desired(0, MOVED)).await?;
    let seen = acknowledged(talk, |ack| at(ack, moved) && ack.nack.get(Stream::Desired).is_none()).await?;
    findings.push(Finding::of(
        "AS-036",
        "a duplicate has no effect but an acknowledgement",
        seen.is_ok(),
        seen.unwrap_or_else(|seen| seen),
    ));
    talk.say_empty_batch(desired(MOVED + 7, MOVED + 9)).await?;
    let seen = acknowledged(talk, |ack| ack.nack.get(Stream::Desired) == Some(&Nack::Resend)).await?;
    findings.push(Finding::of("AS-036", "a gap is dropped and asked for again", seen.is_ok(), seen.unwrap_or_else(|seen| seen)));
    let topic = Topic::SyncBatchDown { part: talk.node.partition(), node: talk.node.clone(), stream: Stream::Order };
    talk.send(&topic, Bytes::from_static(b"[{")).await?;
    let seen = acknowledged(talk, |ack| ack.nack.get(Stream::Order) == Some(&Nack::Bad)).await?;
    findings.push(Finding::of("AS-051", "a batch that cannot be read is answered bad", seen.is_ok(), seen.unwrap_or_else(|seen| seen)));

    // Of an older owner, and of another session: neither may move the cursor, as the answer to a duplicate shows.
    let (term, session) = (talk.term, talk.session);
    talk.term = term.map(|term| term.minus(1));
    talk.say_empty_batch(desired(MOVED, MOVED + 1)).await?;
    talk.term = term;
    talk.session = session.map(|session| Session { random: session.random ^ 1, ..session });
    talk.say_empty_batch(desired(MOVED, MOVED + 1)).await?;
    talk.session = session;
    talk.say_empty_batch(desired(0, MOVED)).await?;
    let seen = acknowledged(talk, |ack| at(ack, moved)).await?;
    findings.push(Finding::of(
        "AS-020",
        "messages of an older term or another session are ignored",
        seen.is_ok(),
        seen.unwrap_or_else(|seen| seen),
    ));
    Ok(())
}

/// Waits for an ACK of which `wanted` holds; what it, or the last one, said.
async fn acknowledged(talk: &mut Talk<'_>, wanted: impl Fn(&Ack) -> bool) -> Result<Result<String, String>, Gone> {
    let until = Instant::now() + ANSWER;
    let mut last = "no ACK".to_owned();
    while let Some((topic, message)) = talk.hear(until).await? {
        let Some(Said::Ack) = said(talk.node, &topic) else { continue };
        match Message::<Ack>::decode(&message.payload) {
            Ok(ack) => {
                last = format!(
                    "cursors {:?}, nack {:?}",
                    ack.body.cursors.iter().collect::<Vec<_>>(),
                    ack.body.nack.iter().collect::<Vec<_>>()
                );
                if wanted(&ack.body) {
                    return Ok(Ok(last));
                }
            }
            Err(error) => last = error.to_string(),
        }
    }
    Ok(Err(last))
}
