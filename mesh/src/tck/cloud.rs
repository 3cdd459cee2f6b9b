//! `aisle tck --role cloud`: a cloud instance as a box sees it that has just been enrolled.
//!
//! Owns the conversation. Takes a broker, and the identity of a box that the cloud knows by name and has never heard of: a second run with the same
//! box is answered as a clone would be. Emits findings. Sends headers without records only, so that nothing takes effect. On failure of the link, or
//! without an answer: the finding at hand fails, and where nothing can follow from it the run ends there.

use std::time::Duration;

use aisle_schemas::event::Source;
use aisle_schemas::ids::NodeName;
use aisle_schemas::limits::{CLONE_QUIET, CREDIT_LIVE_BATCHES};
use aisle_schemas::sync::{
    Ack, Count, DownState, Epoch, Hello, Mark, Message, Nack, NodeStatus, Nonce, PerStream, Presence, Seq, Session, State, Stream, UpState,
    Welcome, WelcomeCode,
};
use aisle_schemas::topic::{Topic, node_down_filter};
use bytes::Bytes;
use tokio::time::Instant;

use super::client::{Endpoint, Gone, Identities, Manner, Peer};
use super::report::{Finding, Report};
use super::talk::{Range, Talk, travels_as_declared};
use crate::clock::Clock;
use crate::link::Will;

/// Longest wait for an answer of the instance; its first may follow a failover (PERFORMANCE.md allows 15 s).
const ANSWER: Duration = Duration::from_secs(20);
/// A family of payloads that no cloud understands.
const UNKNOWN_SCHEMA: &str = "aisle.tck.v1";
/// Cursor that the empty batches move `tele` to.
const MOVED: u64 = 3;

/// Runs the conversation.
pub async fn check(endpoint: &Endpoint, identities: &Identities, clock: &dyn Clock) -> Report {
    let mut findings = Vec::new();
    if let Err(gone) = converse(endpoint, identities, clock, &mut findings).await {
        findings.push(Finding::of("AS-096", "the broker carries the conversation to its end", false, gone.to_string()));
    }
    Report::of(format!("cloud behind {endpoint}"), findings)
}

async fn converse(endpoint: &Endpoint, identities: &Identities, clock: &dyn Clock, findings: &mut Vec<Finding>) -> Result<(), Gone> {
    let own = &identities.node.name;
    let (part, node) = (own.partition(), own.clone());
    let account = identities.node.account();
    let will = Will { topic: Topic::SyncPresence { part, node }.build(), payload: Bytes::new(), retain: true, content_type: None };
    let mut peer = Peer::connect(endpoint, &account, Manner { will: Some(will), ..Manner::default() }).await?;
    peer.subscribe(&node_down_filter(own)).await?;
    peer.subscribe(&Topic::SyncState { part }.build()).await?;
    let mut talk = Talk::new(peer, own, Source::Node(own.clone()), clock);
    let session = Session { counter: 1, random: rand::random() };
    let epoch = Epoch { counter: 1, random: rand::random() };
    talk.session = Some(session);

    let until = Instant::now() + ANSWER;
    let state = loop {
        match talk.hear(until).await? {
            Some((Topic::SyncState { .. }, message)) => break Message::<State>::decode(&message.payload).ok(),
            Some(_) => {}
            None => break None,
        }
    };
    let seen = state
        .as_ref()
        .map_or_else(|| "no STATE that can be read".to_owned(), |state| format!("{} in term {:?}", state.body.instance, state.term));
    findings.push(Finding::of("AS-089", "a retained STATE names the partition's owner and term", state.is_some(), seen));

    let topic = Topic::SyncPresence { part, node: own.clone() };
    talk.say(&topic, None, Presence { status: NodeStatus::Online }).await?;
    let first = hello();
    let Some(welcome) = greet(&mut talk, epoch, first.clone(), findings).await? else { return Ok(()) };
    let body = &welcome.body;
    let zero = body.cursors.iter().all(|(_, cursor)| *cursor == Seq::ZERO);
    findings.push(Finding::of(
        "AS-018",
        "a box never seen is welcome, from the beginning",
        body.code == WelcomeCode::Ok && zero,
        format!("{:?}", body.code),
    ));
    let term_fits = welcome.term >= state.and_then(|state| state.term);
    findings.push(Finding::of(
        "AS-020",
        "WELCOME is of this session and of no older term",
        welcome.session == Some(session) && term_fits,
        format!("{:?}", welcome.term),
    ));
    let echoed = body.epoch == Some(epoch) && body.session == Some(session) && body.mark.is_some();
    findings.push(Finding::of(
        "AS-064",
        "WELCOME echoes epoch, session and mark",
        echoed,
        format!("{:?} {:?} {:?}", body.epoch, body.session, body.mark),
    ));
    let credit = body.credit.is_some_and(|credit| credit.batches >= CREDIT_LIVE_BATCHES);
    findings.push(Finding::of("AS-023", "an open session has live credit", credit, format!("{:?}", body.credit)));
    if body.code != WelcomeCode::Ok {
        return Ok(());
    }

    let tele = |after, to| Range { stream: Stream::Tele, epoch, after, to };
    let moved = Seq::new(MOVED);
    talk.say_empty_batch(tele(0, MOVED)).await?;
    let ack = acknowledged(&mut talk, |ack| ack.cursors.get(Stream::Tele) == Some(&moved)).await?;
    findings.push(of_ack("AS-026", "in class C a header without records is a valid batch", &ack));
    findings.push(of_ack("AS-043", "a committed batch is acknowledged by its cursor", &ack));
    talk.say_empty_batch(tele(0, MOVED)).await?;
    let ack = acknowledged(&mut talk, |ack| ack.cursors.get(Stream::Tele) == Some(&moved) && ack.nack.get(Stream::Tele).is_none()).await?;
    findings.push(of_ack("AS-036", "a duplicate has no effect but an acknowledgement", &ack));
    talk.say_empty_batch(tele(MOVED + 7, MOVED + 9)).await?;
    let ack = acknowledged(&mut talk, |ack| ack.nack.get(Stream::Tele) == Some(&Nack::Resend)).await?;
    findings.push(of_ack("AS-036", "a gap is dropped and asked for again", &ack));
    talk.say_empty_batch(Range { stream: Stream::Sess, epoch, after: 0, to: 2 }).await?;
    let ack = acknowledged(&mut talk, |ack| ack.nack.get(Stream::Sess) == Some(&Nack::Bad)).await?;
    findings.push(of_ack("AS-026", "in class A a batch with a hole is bad", &ack));
    talk.send(&Topic::SyncBatchUp { part, node: own.clone(), stream: Stream::Audit }, Bytes::from_static(b"[{")).await?;
    let ack = acknowledged(&mut talk, |ack| ack.nack.get(Stream::Audit) == Some(&Nack::Bad)).await?;
    findings.push(of_ack("AS-051", "a batch that cannot be read is answered bad", &ack));

    // Neither may move the cursor; the next WELCOME tells.
    talk.session = Some(Session { counter: 1, random: session.random ^ 1 });
    talk.say_empty_batch(tele(MOVED, MOVED + 1)).await?;
    talk.session = Some(session);
    if let Ok(node) = NodeName::parse("aisle-tck-stranger") {
        talk.source = Source::Node(aisle_schemas::ids::NodeId { node, ..own.clone() });
        talk.say_empty_batch(tele(MOVED, MOVED + 2)).await?;
        talk.source = Source::Node(own.clone());
    }
    let Some(again) = greet(&mut talk, epoch, Hello { up: up(MOVED + 1), ..hello() }, findings).await? else { return Ok(()) };
    let cursor = again.body.cursors.get(Stream::Tele).copied();
    let seen = || format!("{:?}, tele {cursor:?}", again.body.code);
    findings.push(Finding::of("AS-018", "a HELLO within the session finds what was committed", again.body.code == WelcomeCode::Ok, seen()));
    findings.push(Finding::of("AS-035", "a batch of another session is dropped", cursor == Some(moved), seen()));
    findings.push(Finding::of("AS-106", "a batch of another source is dropped", cursor == Some(moved), seen()));

    let unknown = Hello { schemas: vec![UNKNOWN_SCHEMA.to_owned()], up: up(MOVED + 1), ..hello() };
    refused(&mut talk, epoch, unknown, ("AS-103", "a schema that the cloud lacks is unsupported", WelcomeCode::Unsupported), findings)
        .await?;
    let foreign = Epoch { counter: 9, random: rand::random() };
    let stranger = Hello { up: up(MOVED + 1), ..hello() };
    refused(
        &mut talk,
        foreign,
        stranger,
        ("AS-018", "an epoch that follows from nothing known is superseded", WelcomeCode::Superseded),
        findings,
    )
    .await?;
    // The disk of an hour ago: the stored epoch with an earlier session.
    talk.session = Some(Session { counter: 0, random: rand::random() });
    let behind = Hello { up: up(1), ..hello() };
    let clone = ("AS-066", "a disk that is behind within 15 min of a message is suspected to be a clone", WelcomeCode::CloneSuspected);
    let retry = refused(&mut talk, epoch, behind, clone, findings).await?;
    let waits = retry.is_some_and(|ms| Duration::from_millis(ms.into()) >= CLONE_QUIET);
    findings.push(Finding::of("AS-066", "it is told to stay away for 15 min", waits, format!("{retry:?} ms")));
    talk.peer.leave().await;
    Ok(())
}

fn up(next: u64) -> PerStream<UpState> {
    Stream::UP
        .into_iter()
        .map(|stream| (stream, UpState { kept: Seq::new(1), next: Seq::new(if stream == Stream::Tele { next } else { 1 }) }))
        .collect()
}

/// What a box says whose log is empty.
fn hello() -> Hello {
    Hello {
        nonce: Nonce(rand::random()),
        mark: Mark::ZERO,
        lineage: vec![],
        pending: Count::ZERO,
        software: "aisle-tck".to_owned(),
        schemas: vec![],
        up: up(1),
        down: DownState { epoch: None, mark: Mark::ZERO, cursors: PerStream::default() },
    }
}

/// Says HELLO and waits for the WELCOME that bears its nonce.
async fn greet(talk: &mut Talk<'_>, epoch: Epoch, mut hello: Hello, findings: &mut Vec<Finding>) -> Result<Option<Message<Welcome>>, Gone> {
    // The marks of what was sent: a disk that has lived so far.
    hello.mark = talk.mark();
    let nonce = hello.nonce;
    let topic = Topic::SyncHello { part: talk.node.partition(), node: talk.node.clone() };
    talk.say(&topic, Some(epoch), hello).await?;
    let until = Instant::now() + ANSWER;
    while let Some((topic, message)) = talk.hear(until).await? {
        let Topic::SyncWelcome { .. } = topic else { continue };
        let declared = travels_as_declared(&topic, &message);
        match Message::<Welcome>::decode(&message.payload) {
            Ok(welcome) if welcome.body.nonce == nonce => {
                findings.push(Finding::of("AS-017", "WELCOME bears the nonce of its HELLO", true, nonce.to_string()));
                findings.push(Finding::of(
                    "AS-028",
                    "WELCOME travels with QoS 1 and its content type, and is not kept",
                    declared,
                    topic.build(),
                ));
                return Ok(Some(welcome));
            }
            Ok(_) => {}
            Err(error) => findings.push(Finding::of("AS-099", "WELCOME can be read", false, error.to_string())),
        }
    }
    findings.push(Finding::of("AS-017", "HELLO is answered", false, "no WELCOME with its nonce"));
    Ok(None)
}

/// Says a HELLO that must be answered with this code; how long it is told to wait.
async fn refused(
    talk: &mut Talk<'_>,
    epoch: Epoch,
    hello: Hello,
    (sentence, what, code): (&'static str, &'static str, WelcomeCode),
    findings: &mut Vec<Finding>,
) -> Result<Option<u32>, Gone> {
    let welcome = greet(talk, epoch, hello, findings).await?;
    let answered = welcome.as_ref().map(|welcome| welcome.body.code);
    findings.push(Finding::of(sentence, what, answered == Some(code), format!("{answered:?}")));
    Ok(welcome.and_then(|welcome| welcome.body.retry_ms))
}

/// Waits for an ACK of which `wanted` holds; what came instead.
async fn acknowledged(talk: &mut Talk<'_>, wanted: impl Fn(&Ack) -> bool) -> Result<Result<Ack, String>, Gone> {
    let mut last = "no ACK".to_owned();
    let until = Instant::now() + ANSWER;
    while let Some((topic, message)) = talk.hear(until).await? {
        let Topic::SyncAckDown { .. } = topic else { continue };
        match Message::<Ack>::decode(&message.payload) {
            Ok(ack) if wanted(&ack.body) => return Ok(Ok(ack.body)),
            Ok(ack) => last = format!("{:?}", ack.body),
            Err(error) => last = error.to_string(),
        }
    }
    Ok(Err(last))
}

fn of_ack(sentence: &'static str, what: &'static str, ack: &Result<Ack, String>) -> Finding {
    match ack {
        Ok(ack) => Finding::of(sentence, what, true, format!("cursors {:?}", ack.cursors.iter().collect::<Vec<_>>())),
        Err(seen) => Finding::of(sentence, what, false, seen.clone()),
    }
}
