//! Supervision on real actix actors: what restarts keep, what they lose, and when they end.
//!
//! Owns a system per test. The actor under test adds numbers up in memory and fails on demand.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use actix::prelude::*;
use aisle_mesh::supervision::{Condition, Health, Lifeline, Rebuilt, Shutdown, StopReason, Unsent, offer, rebuild, start};
use aisle_mesh::supervision::{RESTARTS_MAX, Verdict};
use std::time::{Duration, Instant};

/// Adds up; keeps its sum in memory only.
struct Sum {
    sum: u32,
    starts: u32,
    lifeline: Lifeline,
    health: Health,
    shutdown: Shutdown,
}

impl Sum {
    fn new(health: Health, shutdown: Shutdown) -> Self {
        let lifeline = Lifeline::new(health.register("sum"), shutdown.clone());
        Self { sum: 0, starts: 0, lifeline, health, shutdown }
    }
}

impl Actor for Sum {
    type Context = Context<Self>;
    fn started(&mut self, _: &mut Context<Self>) {
        self.starts += 1;
        self.lifeline.ready();
    }
}

impl Supervised for Sum {
    fn restarting(&mut self, context: &mut Context<Self>) {
        rebuild(self, context);
    }
}

impl Rebuilt for Sum {
    fn lifeline(&mut self) -> &mut Lifeline {
        &mut self.lifeline
    }
    fn fresh(&self) -> Self {
        Self::new(self.health.clone(), self.shutdown.clone())
    }
}

#[derive(Message)]
#[rtype(result = "(u32, u32)")]
struct Add(u32);

impl Handler<Add> for Sum {
    type Result = MessageResult<Add>;
    fn handle(&mut self, Add(number): Add, _: &mut Context<Self>) -> Self::Result {
        self.sum += number;
        MessageResult((self.sum, self.starts))
    }
}

#[derive(Message, Debug, PartialEq)]
#[rtype(result = "()")]
struct Fail;

impl Handler<Fail> for Sum {
    type Result = ();
    fn handle(&mut self, _: Fail, context: &mut Context<Self>) {
        context.stop();
    }
}

#[actix::test]
async fn a_failed_actor_is_a_new_value_behind_the_same_address() {
    let (health, shutdown) = (Health::new(), Shutdown::new());
    let world = (health.clone(), shutdown.clone());
    let sum = start(&Arbiter::current(), 16, move |_| Sum::new(world.0, world.1));
    assert_eq!(sum.send(Add(5)).await, Ok((5, 1)));
    assert!(health.is_ready());
    sum.send(Fail).await.unwrap();
    assert_eq!(sum.send(Add(1)).await, Ok((1, 1)), "state that was only in memory is gone, and started ran");
    assert!(health.is_ready());
    assert_eq!(shutdown.reason(), None);
}

#[actix::test]
async fn an_actor_that_keeps_failing_asks_the_process_to_exit() {
    let (health, shutdown) = (Health::new(), Shutdown::new());
    let world = (health.clone(), shutdown.clone());
    let sum = start(&Arbiter::current(), 16, move |_| Sum::new(world.0, world.1));
    for _ in 0..=RESTARTS_MAX {
        sum.send(Fail).await.unwrap();
    }
    assert_eq!(shutdown.requested().await, StopReason::Failed { part: "sum".to_owned() });
    assert!(!health.is_alive());
    assert!(matches!(health.report()[0].1, Condition::Failed(_)));
    // Nothing is handled any more with state that may be wrong; messages queue up to the bound.
    let full = loop {
        if let Err(unsent) = offer(&sum, "sum", Fail) {
            break unsent;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(full, Unsent::Full(Fail));
}

#[test]
fn failures_that_are_long_past_do_not_count() {
    let shutdown = Shutdown::new();
    let mut lifeline = Lifeline::new(Health::new().register("sum"), shutdown.clone());
    let start = Instant::now();
    for minute in 0..100_u32 {
        let now = start + Duration::from_secs(61) * minute;
        assert_eq!(lifeline.failed(now), Verdict::Restart);
    }
    let end = start + Duration::from_secs(61) * 99;
    for _ in 0..RESTARTS_MAX - 1 {
        assert_eq!(lifeline.failed(end), Verdict::Restart);
    }
    assert_eq!(lifeline.failed(end), Verdict::GiveUp);
    assert_eq!(shutdown.reason(), Some(StopReason::Failed { part: "sum".to_owned() }));
}

/// Takes nothing until the test is over.
struct Busy;

impl Actor for Busy {
    type Context = Context<Self>;
    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(2);
        context.wait(std::future::pending::<()>().into_actor(self));
    }
}

impl Handler<Fail> for Busy {
    type Result = ();
    fn handle(&mut self, _: Fail, _: &mut Context<Self>) {}
}

#[actix::test]
async fn a_full_mailbox_gives_the_message_back() {
    let busy = Busy.start();
    tokio::task::yield_now().await;
    // One recipient: each clone of an address may exceed the bound by one.
    let recipient = busy.recipient();
    let full = loop {
        if let Err(unsent) = offer(&recipient, "busy", Fail) {
            break unsent;
        }
    };
    assert_eq!(full, Unsent::Full(Fail));
}
