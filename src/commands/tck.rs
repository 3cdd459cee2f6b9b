//! `aisle tck --broker URL --role ROLE --identities FILE`: whether a foreign broker, node or cloud keeps the sentences of `aisle-sync/1` that can
//! be seen from outside.
//!
//! Takes an address and test identities; the missing parties are played. Emits one line per check with the number of its sentence, or JSON. On
//! failure: exit code 1 when a sentence is broken.

use aisle_mesh::clock::SystemClock;
use aisle_mesh::tck::{broker, cloud, edge};
use anyhow::Result;
use clap::{Args, ValueEnum};

use super::broker_check::{Target, finish};

/// Who is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// The broker between stores and cloud
    Broker,
    /// A store's box, the [node] of the identities, with records on its disk; on a broker without its cloud
    Edge,
    /// A cloud instance that knows the [node] of the identities and has never heard of it
    Cloud,
}

/// Which broker, as whom, and what to look at.
#[derive(Debug, Args)]
pub struct Tck {
    #[command(flatten)]
    target: Target,
    /// Who is looked at
    #[arg(long)]
    role: Role,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

impl Tck {
    /// Runs the checks.
    ///
    /// # Errors
    /// When the identities cannot be read, or a sentence is broken.
    pub async fn run(self) -> Result<()> {
        let Self { target, role, json } = self;
        let (endpoint, identities) = target.read()?;
        let report = match role {
            Role::Broker => broker::check(&endpoint, &identities).await,
            Role::Edge => edge::check(&endpoint, &identities, SystemClock::new().as_ref()).await,
            Role::Cloud => cloud::check(&endpoint, &identities, SystemClock::new().as_ref()).await,
        };
        finish(&report, json)
    }
}
