//! Builders of ids, instants and rows for the contract suite.

use aisle_schemas::{
    ids::{CustomerId, NodeId},
    text::Language,
};
use aisle_store::{
    Db,
    node::{self, Enrolment},
    sign_in::{self, NewCustomer},
};
use chrono::{DateTime, TimeDelta, Utc};

/// Milliseconds of the suite's own time.
pub fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_511_520, 0).expect("a date") + TimeDelta::milliseconds(ms)
}

/// A distinct id; `n` shows in both halves.
pub fn uuid(n: u8) -> (u64, [u8; 10]) {
    (u64::from(n) + 1_000, [n; 10])
}

macro_rules! ids {
    ($($name:ident: $ty:ty),*) => { $(pub fn $name(n: u8) -> $ty { let (ms, random) = uuid(n); <$ty>::new(ms, random) })* };
}
pub mod id {
    use super::uuid;
    use aisle_schemas::ids::*;
    ids!(event: EventId, customer: CustomerId, visit: VisitId, offer: OfferId, campaign: CampaignId, card: CardId, decision: DecisionId,
        candidate: CandidateId, pass: PassId, dialogue: DialogueId, consent: ConsentId);
}

pub fn node(text: &str) -> NodeId {
    NodeId::parse(text).expect("a node id")
}

/// Enrols nodes.
pub async fn enrol(db: &Db, nodes: &[&str]) {
    let enrolments = nodes.iter().map(|text| Enrolment { node: node(text), random: 0xfeed }).collect();
    node::enrol(db, enrolments).await.expect("enrolled");
}

/// Makes a customer with an identifier of the same number.
pub async fn customer(db: &Db, n: u8) -> CustomerId {
    let new = NewCustomer { customer: id::customer(n), sealed: vec![n], language: Language::De };
    sign_in::create(db, [n; 32], new, at(0)).await.expect("a customer")
}
