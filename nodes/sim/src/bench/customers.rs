//! Customers of a bench: signed in and consenting over the public interface, with passes fetched in advance as phones do.

use aisle_schemas::http::cloud::{PassRequest, Passes};
use aisle_schemas::ids::PassId;
use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::world::World;
use crate::client::customer::{INSTORE_CONTEXT, PROFILING};
use crate::client::{Customer, DemoMail};
use crate::hollow::Fleet;
use crate::world::people::people;

/// Passes of one request.
const PASSES_AT_ONCE: u8 = 5;
/// Sign-ins at the same time; more would only wait for each other at the mailbox.
const SIGN_INS_AT_ONCE: usize = 16;

/// Signs in `count` customers who consent to personal offers in the store.
///
/// # Errors
/// When a step is refused.
pub async fn arrive(world: &World, count: usize, seed: u64) -> Result<Vec<Customer>> {
    let mut coming = people(count, seed).into_iter();
    let (mut signing_in, mut arrived) = (JoinSet::new(), Vec::with_capacity(count));
    loop {
        while signing_in.len() < SIGN_INS_AT_ONCE
            && let Some(person) = coming.next()
        {
            let cloud = world.deployment.url();
            signing_in.spawn(async move {
                let customer = Customer::sign_in(&cloud, &DemoMail::new(&cloud)?, &person.email, person.language).await?;
                for purpose in [INSTORE_CONTEXT, PROFILING] {
                    customer.grant(purpose).await.with_context(|| format!("failed to consent to {purpose}"))?;
                }
                Ok::<_, anyhow::Error>(customer)
            });
        }
        let Some(signed_in) = signing_in.join_next().await else { return Ok(arrived) };
        arrived.push(signed_in.context("a sign-in was aborted")??);
    }
}

/// Passes as texts, at least `count`.
///
/// # Errors
/// When the route refuses.
pub async fn passes(customer: &Customer, count: usize) -> Result<Vec<String>> {
    let mut fetched = Vec::with_capacity(count);
    while fetched.len() < count {
        let Passes { passes } = customer.api().post("/v1/passes", &PassRequest { count: PASSES_AT_ONCE }).await?;
        fetched.extend(passes.into_iter().map(|pass| pass.pass));
    }
    Ok(fetched)
}

/// Gives each store customers of its own, with passes for `visits` visits: nobody is in two stores at once.
///
/// # Errors
/// When a pass is refused or cannot be read.
pub async fn expected(fleet: &Fleet, customers: &[Customer], visits: usize) -> Result<()> {
    let mut of_store: Vec<Vec<Vec<PassId>>> = vec![Vec::new(); fleet.len()];
    for (number, customer) in customers.iter().enumerate() {
        let own = passes(customer, visits).await?.iter().map(|pass| pass_id(pass)).collect::<Result<Vec<_>>>()?;
        if let Some(own_store) = of_store.get_mut(number % fleet.len().max(1)) {
            own_store.push(own);
        }
    }
    for (place, customers) in of_store.into_iter().enumerate() {
        // In turns: the same person does not come twice in a row.
        let longest = customers.iter().map(Vec::len).max().unwrap_or(0);
        let turns = (0..longest).flat_map(|turn| customers.iter().filter_map(move |own| own.get(turn).copied())).collect();
        fleet.expect(place, turns);
    }
    Ok(())
}

/// The id inside a pass's text: a node reads it after it has checked the signature.
fn pass_id(pass: &str) -> Result<PassId> {
    let id = pass.split('.').nth(1).context("a pass has parts")?;
    PassId::parse(id).context("a pass holds an id")
}
