//! `aisle broker-check`: whether a broker refuses everything that AS-098 forbids (AS-097), seen from outside.
//!
//! Owns the walk over every declared topic, as every test identity, publishing and subscribing. Takes a broker and [`Identities`]. Emits one
//! finding per identity and way, naming what got through. On failure of the link: a refused packet may cost the connection (the sentence
//! allows it), so the walk connects again; a broker that gives no answer has failed.
//!
//! mosquitto grants subscriptions that its rules forbid and withholds the messages. A granted subscription therefore counts as refused only
//! after somebody who may publish there has done so and nothing came; where no test identity may publish there, it counts as open.

use std::collections::{BTreeMap, BTreeSet};

use aisle_schemas::ids::{NodeId, NodeName, StoreId, TenantId};
use aisle_schemas::topic::{LOCAL_ALL, OWNER_UP_ALL, Topic, node_down_filter};

use super::client::{Account, Endpoint, Gone, Identities, Manner, Peer, probe};
use super::expectation::{every_topic, grant};
use super::report::{Finding, Report};
use crate::broker::{Role, filter_covers};
use crate::link::{LostReason, PubReason, SubCode, Will};

/// Name of a box, store, tenant or device that no deployment has: probes about others reach nobody.
const NOBODY: &str = "aisle-broker-check";
/// Body of every probe.
const PROBE: &str = "\"aisle broker-check\"";
/// Findings name at most so many topics; the count says how many there were.
const NAMED_MAX: usize = 5;

/// Runs the check.
pub async fn check(endpoint: &Endpoint, identities: &Identities) -> Report {
    let accounts = identities.accounts();
    let topics = topics(identities);
    let mut findings = Vec::new();
    for account in &accounts {
        findings.extend(strangers(endpoint, account, &accounts).await);
        findings.extend(publishing(endpoint, account, &topics).await);
    }
    findings.extend(subscribing(endpoint, &accounts, &topics).await);
    findings.push(will(endpoint, &accounts).await);
    Report::of(format!("access rules of {endpoint}"), findings)
}

/// Topics about the test identities, and about a box of the same store, of another store and of another tenant.
fn topics(identities: &Identities) -> Vec<Topic> {
    let own = &identities.node.name;
    let mut nodes = vec![own.clone()];
    nodes.extend(NodeName::parse(NOBODY).ok().map(|node| NodeId { node, ..own.clone() }));
    nodes.extend(StoreId::parse(NOBODY).ok().map(|store| NodeId { store, ..own.clone() }));
    nodes.extend(TenantId::parse(NOBODY).ok().map(|tenant| NodeId { tenant, ..own.clone() }));
    nodes.extend(identities.other_node.as_ref().map(|other| other.name.clone()));
    every_topic(&nodes, std::slice::from_ref(&own.store), &[NOBODY])
}

fn named<'a>(topics: impl Iterator<Item = &'a String>) -> String {
    let all: Vec<&String> = topics.collect();
    let first = all.iter().take(NAMED_MAX).map(|topic| topic.as_str()).collect::<Vec<_>>().join(", ");
    if all.len() > NAMED_MAX { format!("{first} and {} more", all.len() - NAMED_MAX) } else { first }
}

/// A peer that connects again when its connection was cut over a packet.
struct Walker<'a> {
    endpoint: &'a Endpoint,
    account: &'a Account,
    peer: Option<Peer>,
}

impl<'a> Walker<'a> {
    fn new(endpoint: &'a Endpoint, account: &'a Account) -> Self {
        Self { endpoint, account, peer: None }
    }

    async fn peer(&mut self) -> Result<&mut Peer, Gone> {
        let peer = match self.peer.take() {
            Some(peer) => peer,
            None => Peer::connect(self.endpoint, self.account, Manner::default()).await?,
        };
        Ok(self.peer.insert(peer))
    }

    /// `Ok(None)` when the broker ended the connection over it.
    async fn publish(&mut self, topic: &str) -> Result<Option<PubReason>, Gone> {
        match self.peer().await?.publish(probe(topic.to_owned(), PROBE, false)).await {
            Ok(reason) => Ok(Some(reason)),
            Err(gone) => self.cut_over(gone).map(|()| None),
        }
    }

    async fn subscribe(&mut self, filter: &str) -> Result<Option<SubCode>, Gone> {
        match self.peer().await?.subscribe(filter).await {
            Ok(code) => Ok(Some(code)),
            Err(gone) => self.cut_over(gone).map(|()| None),
        }
    }

    fn cut_over(&mut self, gone: Gone) -> Result<(), Gone> {
        self.peer = None;
        match gone {
            Gone::Lost(LostReason::Closed | LostReason::Disconnected(_)) => Ok(()),
            Gone::Lost(_) | Gone::Silent | Gone::Link(_) | Gone::Config(_) | Gone::TooMuch => Err(gone),
        }
    }

    async fn leave(self) {
        if let Some(peer) = self.peer {
            peer.leave().await;
        }
    }
}

fn went_through(answer: Option<PubReason>) -> bool {
    match answer {
        Some(PubReason::Accepted | PubReason::NoSubscriber) => true,
        Some(PubReason::Refused(_)) | None => false,
    }
}

/// Publishes to every topic as one identity.
async fn publishing(endpoint: &Endpoint, account: &Account, topics: &[Topic]) -> Vec<Finding> {
    let name = account.name();
    let (mut let_through, mut held_back, mut allowed, mut forbidden) = (Vec::new(), Vec::new(), 0_u32, 0_u32);
    let mut walker = Walker::new(endpoint, account);
    for topic in topics {
        let text = topic.build();
        let answer = match walker.publish(&text).await {
            Ok(answer) => answer,
            Err(gone) => {
                return vec![Finding::of("AS-097", format!("{name} gets an answer to every publish"), false, format!("{text}: {gone}"))];
            }
        };
        let passed = went_through(answer);
        if grant(&account.role, topic).publish {
            allowed += 1;
            if !passed {
                held_back.push(text);
            }
        } else {
            forbidden += 1;
            if passed {
                let_through.push(text);
            }
        }
    }
    walker.leave().await;
    let refused = if let_through.is_empty() { format!("{forbidden} refused") } else { format!("accepted: {}", named(let_through.iter())) };
    let granted = if held_back.is_empty() { format!("{allowed} accepted") } else { format!("refused: {}", named(held_back.iter())) };
    vec![
        Finding::of("AS-097", format!("{name} is refused every publish that AS-098 forbids"), let_through.is_empty(), refused),
        Finding::of("AS-098", format!("{name} may publish what AS-098 allows"), held_back.is_empty(), granted),
    ]
}

/// What one identity's subscriptions came to.
struct Subscribed<'a> {
    account: &'a Account,
    walker: Walker<'a>,
    refused: u32,
    /// Allowed and granted.
    allowed: Vec<String>,
    /// Allowed and refused.
    held_back: Vec<String>,
    /// Forbidden and granted: what comes of it, messages will tell.
    granted: BTreeSet<String>,
}

/// Filters that reach beyond any single grant.
fn wide_filters(own: &NodeId) -> Vec<String> {
    let down = node_down_filter(own);
    let everybody = down.replace(&own.to_string(), "+");
    vec!["#".to_owned(), "+/#".to_owned(), OWNER_UP_ALL.to_owned(), LOCAL_ALL.to_owned(), everybody]
}

async fn subscribe_all<'a>(
    endpoint: &'a Endpoint,
    account: &'a Account,
    topics: &[Topic],
    wide: &[String],
) -> Result<Subscribed<'a>, Gone> {
    let walker = Walker::new(endpoint, account);
    let mut done = Subscribed { account, walker, refused: 0, allowed: vec![], held_back: vec![], granted: BTreeSet::new() };
    let filters = topics.iter().map(|topic| (topic.build(), grant(&account.role, topic).subscribe));
    let within = account.role.subscribe();
    let wide = wide.iter().map(|filter| (filter.clone(), within.iter().any(|granted| filter_covers(granted, filter))));
    // Forbidden ones first: a broker that cuts the connection over one also ends what was granted before.
    let mut all: Vec<(String, bool)> = filters.chain(wide).collect();
    all.sort_by_key(|(_, allowed)| *allowed);
    for (filter, allowed) in all {
        let answer = done.walker.subscribe(&filter).await?;
        if answer.is_none() {
            // The connection was the price; what it had been granted before is asked for again, so that it can still be overheard.
            for before in &done.granted {
                done.walker.subscribe(before).await?;
            }
        }
        match (allowed, answer == Some(SubCode::Granted)) {
            (true, true) => done.allowed.push(filter),
            (true, false) => done.held_back.push(filter),
            (false, true) => {
                done.granted.insert(filter);
            }
            (false, false) => done.refused += 1,
        }
    }
    Ok(done)
}

/// Subscribes to everything as every identity, lets everybody publish what they may, and looks who heard what.
async fn subscribing(endpoint: &Endpoint, accounts: &[Account], topics: &[Topic]) -> Vec<Finding> {
    match try_subscribing(endpoint, accounts, topics).await {
        Ok(findings) => findings,
        Err(gone) => vec![Finding::of("AS-097", "every subscribe gets an answer", false, gone.to_string())],
    }
}

async fn try_subscribing(endpoint: &Endpoint, accounts: &[Account], topics: &[Topic]) -> Result<Vec<Finding>, Gone> {
    let wide = accounts.iter().find_map(|account| match &account.role {
        Role::Node(own) => Some(wide_filters(own)),
        Role::Cloud(_) | Role::StoreNode | Role::Device { .. } => None,
    });
    let wide = wide.unwrap_or_default();
    let mut everybody = Vec::new();
    for account in accounts {
        everybody.push(subscribe_all(endpoint, account, topics, &wide).await?);
    }
    // Each says what it may say, so that whoever hears more than it should shows it.
    let mut said = BTreeSet::new();
    for one in &mut everybody {
        for topic in topics.iter().filter(|topic| grant(&one.account.role, topic).publish) {
            let text = topic.build();
            if went_through(one.walker.publish(&text).await?) {
                said.insert(text);
            }
        }
    }
    let known: BTreeMap<String, &Topic> = topics.iter().map(|topic| (topic.build(), topic)).collect();
    let mut findings = Vec::new();
    for mut one in everybody {
        let name = one.account.name();
        // Every role has something that it may subscribe to; without it nothing can be said of what was withheld.
        let Some(own) = one.allowed.first().cloned() else {
            findings.push(Finding::of("AS-098", format!("{name} may subscribe to what AS-098 allows"), false, "everything was refused"));
            continue;
        };
        let heard: BTreeSet<String> = one.walker.peer().await?.heard(&own).await?.into_iter().map(|message| message.topic).collect();
        let overheard: BTreeSet<String> = heard.into_iter().filter(|text| is_secret(&one.account.role, text)).collect();
        let proven = |filter: &String| said.contains(filter) || known.get(filter).is_none_or(|topic| stands_for_another(accounts, topic));
        let unproven: Vec<&String> = one.granted.iter().filter(|filter| !proven(filter)).collect();
        let seen = if !overheard.is_empty() {
            format!("heard: {}", named(overheard.iter()))
        } else if !unproven.is_empty() {
            format!("granted, and no test identity may publish there (give `other_node`): {}", named(unproven.iter().copied()))
        } else if one.granted.is_empty() {
            format!("{} refused", one.refused)
        } else {
            format!("{} refused, {} granted and then withheld", one.refused, one.granted.len())
        };
        let closed = overheard.is_empty() && unproven.is_empty();
        findings.push(Finding::of("AS-097", format!("{name} is refused every subscribe that AS-098 forbids"), closed, seen));
        let seen = if one.held_back.is_empty() { format!("{} granted", one.allowed.len()) } else { named(one.held_back.iter()) };
        findings.push(Finding::of("AS-098", format!("{name} may subscribe to what AS-098 allows"), one.held_back.is_empty(), seen));
        one.walker.leave().await;
    }
    Ok(findings)
}

/// Whether hearing a topic tells `role` what it must not know. That an instance reads STATE, which instances write, is let pass: mosquitto's three
/// patterns for all boxes hold for instances too, and a `deny` would take away their writing as well.
fn is_secret(role: &Role, topic: &str) -> bool {
    Topic::parse(topic).is_none_or(|topic| {
        let is_state = matches!((role, &topic), (Role::Cloud(_), Topic::SyncState { .. }));
        !grant(role, &topic).subscribe && !is_state
    })
}

/// Whether silence on `topic` needs no proof of its own: nobody here may publish there, and either the topic is of the in-store bus, which no
/// party of this broker may use, or it is about a box that no deployment has, and a second box has shown the same for its own topics.
fn stands_for_another(accounts: &[Account], topic: &Topic) -> bool {
    let someone_may = accounts.iter().any(|account| grant(&account.role, topic).publish);
    let boxes = accounts.iter().filter(|account| matches!(account.role, Role::Node(_))).count();
    !someone_may && (filter_covers(LOCAL_ALL, &topic.build()) || boxes > 1)
}

/// Who must not even connect.
async fn strangers(endpoint: &Endpoint, account: &Account, accounts: &[Account]) -> Vec<Finding> {
    let name = account.name();
    let attempt = async |account: &Account, manner: Manner| match Peer::connect(endpoint, account, manner).await {
        Ok(peer) => {
            peer.leave().await;
            Err("was let in".to_owned())
        }
        Err(gone @ Gone::Lost(LostReason::Refused(_) | LostReason::Closed | LostReason::Disconnected(_))) => Ok(gone.to_string()),
        // A handshake that is refused ends with an alert where an answer is awaited.
        Err(gone @ Gone::Lost(LostReason::Io(_) | LostReason::Protocol(_))) if endpoint.tls => Ok(gone.to_string()),
        Err(gone) => Err(gone.to_string()),
    };
    let nameless = attempt(account, Manner { anonymous: true, ..Manner::default() }).await;
    let (proof, called) = account.proof.wrong();
    let wrong = Account { proof, ..account.clone() };
    let wrong = attempt(&wrong, Manner::default()).await;
    let finding = |what: String, outcome: Result<String, String>| {
        let holds = outcome.is_ok();
        Finding::of("AS-098", what, holds, outcome.unwrap_or_else(|seen| seen))
    };
    let mut findings = vec![
        finding(format!("nobody connects as {name} without credentials"), nameless),
        finding(format!("nobody connects as {name} with {called}"), wrong),
    ];
    for other in accounts.iter().filter(|other| other.name() != name) {
        findings.push(foreign_client_id(endpoint, account, other).await);
    }
    findings
}

/// Under the client id of another identity nobody gets in, or at least nobody cuts the other off.
async fn foreign_client_id(endpoint: &Endpoint, account: &Account, other: &Account) -> Finding {
    let what = format!("{} cannot take the client id of {}", account.name(), other.name());
    let watched = async {
        let mut owner = Peer::connect(endpoint, other, Manner::default()).await?;
        let manner = Manner { client_id: Some(other.name()), ..Manner::default() };
        let intruder = Peer::connect(endpoint, account, manner).await;
        let still_there = owner.subscribe(&other.role.subscribe().swap_remove(0)).await.is_ok();
        let seen = match &intruder {
            Ok(_) if still_there => "let in under its own name",
            Ok(_) => "the owner was cut off",
            Err(_) if still_there => "refused",
            Err(_) => "refused, but the owner was cut off",
        };
        if let Ok(intruder) = intruder {
            intruder.leave().await;
        }
        owner.leave().await;
        Ok::<_, Gone>((still_there, seen))
    };
    match watched.await {
        Ok((still_there, seen)) => Finding::of("AS-098", what, still_there, seen),
        Err(gone) => Finding::of("AS-098", what, false, gone.to_string()),
    }
}

/// A will is a publish: one outside the grants is refused with the connection, or never published.
async fn will(endpoint: &Endpoint, accounts: &[Account]) -> Finding {
    let what = "a will outside the identity's topics is refused or never published";
    match try_will(endpoint, accounts).await {
        Ok((holds, seen)) => Finding::of("AS-097", what, holds, seen),
        Err(gone) => Finding::of("AS-097", what, false, gone.to_string()),
    }
}

async fn try_will(endpoint: &Endpoint, accounts: &[Account]) -> Result<(bool, &'static str), Gone> {
    let node = accounts.iter().find_map(|account| match &account.role {
        Role::Node(own) => Some((account, own.clone())),
        Role::Cloud(_) | Role::StoreNode | Role::Device { .. } => None,
    });
    let cloud = accounts.iter().find(|account| matches!(account.role, Role::Cloud(_)));
    let (Some((account, own)), Some(cloud)) = (node, cloud) else { return Ok((false, "no identity of a box or an instance")) };
    // Retained, on a topic that the box may read and not write: when it comes back it sees whether the broker kept it.
    let topic = Topic::SyncWelcome { part: own.partition(), node: own.clone() }.build();
    let forged = Will { topic: topic.clone(), payload: PROBE.as_bytes().into(), retain: true, content_type: None };
    match Peer::connect(endpoint, account, Manner { will: Some(forged), ..Manner::default() }).await {
        Err(Gone::Lost(LostReason::Refused(_) | LostReason::Closed | LostReason::Disconnected(_))) => {
            return Ok((true, "refused with the connection"));
        }
        Err(gone) => return Err(gone),
        Ok(peer) => peer.cut(),
    }
    let mut back = Peer::connect(endpoint, account, Manner::default()).await?;
    back.subscribe(&node_down_filter(&own)).await?;
    let kept = back.heard(&Topic::SyncAckDown { part: own.partition(), node: own.clone() }.build()).await?.len();
    back.leave().await;
    if kept == 0 {
        return Ok((true, "never published"));
    }
    // An open broker must not keep our probe.
    let mut cleaner = Peer::connect(endpoint, cloud, Manner::default()).await?;
    cleaner.publish(probe(topic, "", true)).await?;
    cleaner.leave().await;
    Ok((false, "published"))
}
