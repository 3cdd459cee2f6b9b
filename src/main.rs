//! The command line of aisle: one binary for every role.
//!
//! Owns the tree of commands and the exit code: 0 done, 1 failed, 2 wrong usage. Each command is a file in `commands`. On failure: the whole
//! chain of reasons on one line of standard error.

mod commands;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};

use commands::locate::WrongUsage;
use commands::{
    bench::Bench, broker_check::BrokerCheck, cloud::Cloud, demo::Demo, enrol::Enrol, init::Init, inspect::Inspect, locate::Locate,
    node::Node, sim::Sim, staff_pin::StaffPin, tck::Tck,
};

/// Connects what happens in a store with who the customer is and what they allowed.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything in one process on embedded parts: cloud, broker, stores, shoppers
    Demo(Demo),
    /// Draw keys and write the configuration of one cloud instance, one store node and mosquitto
    Init(Init),
    /// One cloud instance
    Cloud(Cloud),
    /// One store node
    Node(Node),
    /// Seeded shoppers and devices against a running system
    Sim(Sim),
    /// Measured load on the real system, with an independent ledger; or chaos
    Bench(Bench),
    /// Identities of boxes, instances and brokers: authority, claims, certificates, revocation
    Enrol(Enrol),
    /// Whether a broker refuses what it must, before a deployment goes live
    BrokerCheck(BrokerCheck),
    /// Whether a broker, a node or a cloud keeps the sentences of the protocol, as far as they can be seen from outside
    Tck(Tck),
    /// What tags and product codes say: one JSON answer per JSON line
    Inspect(Inspect),
    /// Lines for a node's configuration that let a member of staff use its tablets: badge and PIN from standard input
    StaffPin(StaffPin),
    /// How well a survey locates people, before a store goes live
    Locate(Locate),
}

fn main() -> ExitCode {
    let started = Instant::now();
    let Cli { command } = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error).context("failed to start the runtime")),
    };
    let done = runtime.block_on(async {
        match command {
            Command::Demo(demo) => demo.run(started).await,
            Command::Init(init) => init.run().await,
            Command::Cloud(cloud) => cloud.run().await,
            Command::Enrol(enrol) => enrol.run().await,
            Command::Node(node) => node.run().await,
            Command::Sim(sim) => sim.run(started).await,
            Command::Bench(bench) => bench.run().await,
            Command::BrokerCheck(check) => check.run().await,
            Command::Tck(tck) => tck.run().await,
            Command::Inspect(inspect) => inspect.run(),
            Command::StaffPin(pin) => pin.run(),
            Command::Locate(locate) => locate.run(),
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("aisle: {error:#}");
    if error.is::<WrongUsage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
}
