//! Actors that fail are built anew; what keeps failing takes the process down.
//!
//! Owns: the rule of restarts, the health of the process's parts, the order to stop, and the sending of messages to
//! bounded mailboxes. Takes: failures. Emits: fresh actors, `/healthz` and `/readyz`, an exit. On failure: more than
//! `RESTARTS_MAX` restarts of one actor within `RESTART_WINDOW` mark it failed and ask the process to exit; whoever runs
//! the process (systemd, Kubernetes) starts it again from the database.
//!
//! What actix does by itself: its `Supervisor` keeps the address, calls `restarting` on the *same* value, and calls
//! `started` again; timers and spawned futures are gone, and so is the message in hand. So an actor implements `Rebuilt`,
//! calls `rebuild` in `restarting` and arms its timers in `started`. A panic is not caught: it aborts the process.

mod health;
mod mailbox;
mod shutdown;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, ArbiterHandle, AsyncContext as _, Context, Supervised, Supervisor, WrapFuture as _};

pub use health::{Condition, Health, Reporter};
pub use mailbox::{Mailbox, Unsent, offer};
pub use shutdown::{Guard, Shutdown, StopReason};

use crate::telemetry::Counted;

/// Restarts of one actor that are taken for bad luck: a database that restarts costs two or three.
pub const RESTARTS_MAX: usize = 5;
/// Time within which they count.
pub const RESTART_WINDOW: Duration = Duration::from_secs(60);
/// Exit code of a process that failed.
pub const EXIT_FAILED: i32 = 1;

/// What became of a failed actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Build it anew.
    Restart,
    /// It failed too often: the process must exit.
    GiveUp,
}

/// Remembers the failures of one actor. Pure but for the reports it is given.
#[derive(Debug)]
pub struct Lifeline {
    restarts: VecDeque<Instant>,
    given_up: bool,
    reporter: Reporter,
    shutdown: Shutdown,
}

impl Lifeline {
    /// A lifeline for the actor that `reporter` speaks for.
    #[must_use]
    pub fn new(reporter: Reporter, shutdown: Shutdown) -> Self {
        Self { restarts: VecDeque::with_capacity(RESTARTS_MAX + 1), given_up: false, reporter, shutdown }
    }

    /// The actor has loaded its state and works.
    pub fn ready(&self) {
        self.reporter.ready();
    }

    /// Decides on one more failure at `now`.
    pub fn failed(&mut self, now: Instant) -> Verdict {
        while self.restarts.front().is_some_and(|first| now.duration_since(*first) > RESTART_WINDOW) {
            self.restarts.pop_front();
        }
        self.restarts.push_back(now);
        let verdict = if self.restarts.len() > RESTARTS_MAX { Verdict::GiveUp } else { Verdict::Restart };
        ActorFailed { actor: self.reporter.name(), verdict }.emit();
        match verdict {
            Verdict::Restart => self.reporter.not_ready("restarting"),
            Verdict::GiveUp => {
                self.given_up = true;
                self.reporter.failed("failed too often");
                self.shutdown.request(StopReason::Failed { part: self.reporter.name().to_owned() });
            }
        }
        verdict
    }
}

/// An actor stopped because it could not go on.
struct ActorFailed<'a> {
    actor: &'a str,
    verdict: Verdict,
}

impl Counted for ActorFailed<'_> {
    fn emit(self) {
        let Self { actor, verdict } = self;
        metrics::counter!("aisle_actor_failures_total", "actor" => actor.to_owned()).increment(1);
        match verdict {
            Verdict::Restart => tracing::warn!(actor, "actor failed, building it anew"),
            Verdict::GiveUp => tracing::error!(actor, "actor failed too often, the process must exit"),
        }
    }
}

/// An actor that can be built anew behind the same address.
pub trait Rebuilt: Supervised + Actor<Context = Context<Self>> {
    /// Its record of failures.
    fn lifeline(&mut self) -> &mut Lifeline;

    /// A new value from what never changes (pools, recipients, settings); state is loaded again in `started`.
    fn fresh(&self) -> Self;
}

/// What `Supervised::restarting` of a `Rebuilt` actor calls: replaces the value, or silences it for good.
///
/// actix restarts an actor for as long as somebody holds its address, so one that was given up cannot end: it is left waiting,
/// handles nothing more, and the process exits by `Shutdown`. If it stops once more, in `started`, it would spin: then the process
/// ends at once.
pub fn rebuild<A: Rebuilt>(actor: &mut A, context: &mut Context<A>) {
    if actor.lifeline().given_up {
        tracing::error!(actor = actor.lifeline().reporter.name(), "actor that was given up stopped again, ending the process");
        std::process::exit(EXIT_FAILED);
    }
    match actor.lifeline().failed(Instant::now()) {
        Verdict::Restart => {
            let mut fresh = actor.fresh();
            std::mem::swap(actor.lifeline(), fresh.lifeline());
            *actor = fresh;
        }
        Verdict::GiveUp => context.wait(std::future::pending::<()>().into_actor(actor)),
    }
}

/// Starts an actor under supervision on `arbiter` with a mailbox of `mailbox` messages. actix counts messages and lets each
/// clone of an address exceed the bound by one; whoever sends big messages also accounts bytes at intake.
pub fn start<A>(arbiter: &ArbiterHandle, mailbox: usize, build: impl FnOnce(&mut Context<A>) -> A + Send + 'static) -> Addr<A>
where
    A: Rebuilt,
{
    Supervisor::start_in_arbiter(arbiter, move |context: &mut Context<A>| {
        context.set_mailbox_capacity(mailbox);
        build(context)
    })
}
