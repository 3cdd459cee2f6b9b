//! A67: written consent, lawfully managed permission and legal texts.

use std::time::Duration;

use aisle_schemas::http::cloud::ConsentChange;
use aisle_schemas::ids::EventSlug;
use aisle_schemas::screen::{Condition, Criterion};
use aisle_schemas::text::Language;
use aisle_sim::client::customer::{INSTORE_CONTEXT, MARKETING};
use aisle_sim::device::Screen;
use aisle_sim::world::deployment::StoreDeployment;
use aisle_tests::world::{Profile, World, WorldPlan};
use aisle_tests::{DEADLINE, eventually, within};
use anyhow::{Context, Result};
use chrono::TimeDelta;

#[tokio::test(flavor = "multi_thread")]
async fn a67_a_grant_keeps_what_was_read_and_a_published_text_is_never_edited() -> Result<()> {
    for profile in Profile::all() {
        let world = World::start(profile, 1).await?;
        let agent = world.agent().await?;
        let member = world.stranger("lena").await?;
        let text = member.legal_texts(Language::De).await?.into_iter().find(|text| text.purpose == MARKETING).context("a text")?;
        let granted = member.grant(MARKETING).await?;
        assert_eq!((granted.text_sha256.as_str(), granted.language, granted.method.as_str()), (text.sha256.as_str(), Language::De, "app"));
        assert!(granted.granted && granted.in_force);

        let mut unknown = ConsentChange {
            purpose: MARKETING.to_owned(),
            channel: None,
            granted: true,
            legal_text: text.id.clone(),
            version: text.version + 1,
            language: Language::De,
            shown_sha256: text.sha256.clone(),
        };
        let refused = member.change_consent(&unknown).await.expect_err("a version that was never published");
        assert_eq!(refused.refusal().map(|(status, _)| status), Some(422));
        unknown.version = text.version;
        unknown.legal_text = "no-such-text".to_owned();
        let refused = member.change_consent(&unknown).await.expect_err("a text that was never published");
        assert_eq!(refused.refusal().map(|(status, _)| status), Some(422));

        let mut edited = text.clone();
        edited.body.push_str(" Und mehr.");
        let refused = agent.edit_legal_text(&edited).await.expect_err("published is published");
        assert_eq!(refused.refusal().map(|(status, _)| status), Some(409));
        edited.version += 1;
        edited.valid_from = world.now();
        let published = agent.publish_legal_text(&edited).await?;
        assert_ne!(published.sha256, text.sha256);
        assert!(member.legal_texts(Language::De).await?.iter().any(|text| text.version == edited.version && text.id == edited.id));
        world.stop().await?;
    }
    Ok(())
}

/// People in each store: more than any threshold of an audience (5 + n, n up to 2).
const CROWD: usize = 7;

/// A store whose entrance screen greets a crowd, and nobody else.
fn greeting(shape: &mut StoreDeployment) {
    let Some(screen) = shape.screens.iter_mut().find(|programme| programme.screen.as_str() == "aisle-5") else { return };
    let Some(mut event) = screen.events.first().cloned() else { return };
    event.id = EventSlug::parse("crowd").expect("a literal");
    event.criteria = vec![Criterion { metric: "zone.pets.count".to_owned(), condition: Condition::Gte, value: "5".to_owned() }];
    screen.events.push(event);
}

/// Waits until the screen greets, or no longer does; slots of audiences last a minute each, and the clock is moved over them.
async fn greets(world: &World, screen: &Screen, greets: bool) {
    eventually("the audience is what it should be", async || {
        let planned = screen
            .plan(DEADLINE, |plan| Some(plan.zones.iter().flat_map(|zone| &zone.items).any(|item| item.event.as_str() == "crowd")))
            .await?;
        if planned != greets {
            world.pass(TimeDelta::seconds(5));
        }
        (planned == greets).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a67_after_a_withdrawal_nothing_is_sent_and_every_store_forgets_even_one_that_is_cut_off() -> Result<()> {
    for profile in Profile::all() {
        let world = WorldPlan::new(profile, 4).shaped(greeting).start().await?;
        let (marketer, campaigns, agent) = (world.marketer().await?, world.integration()?, world.agent().await?);
        world.publish(&marketer, "milk").await?;
        let mut stores = Vec::new();
        for store in 0..4 {
            let mut crowd = Vec::new();
            for number in 0..CROWD {
                let member = world.member(&format!("mia-{store}-{number}"), &[INSTORE_CONTEXT, MARKETING]).await?;
                let visit = world.enter_and_be_known(&member, store).await?;
                world.walk(store, visit.token, "pets").await?;
                crowd.push((member, visit));
            }
            stores.push((crowd, world.stores[store].screen("aisle-5").await?));
        }
        for (_, screen) in &stores {
            greets(&world, screen, true).await;
        }
        world.stores[3].line.cut();
        for (member, _) in stores.iter().flat_map(|(crowd, _)| crowd) {
            member.withdraw(INSTORE_CONTEXT).await?;
            member.withdraw(MARKETING).await?;
        }
        for store in &world.stores[..3] {
            let mut documents = store.documents().await?;
            within("a store on the line forgets", Duration::from_secs(2), async || {
                let contexts = documents.of("context").await.ok()?;
                let allowed = contexts.values().flatten().any(|context| context.contains(INSTORE_CONTEXT));
                (!allowed).then_some(())
            })
            .await;
        }
        for (_, screen) in &stores[..3] {
            greets(&world, screen, false).await;
        }
        world.pass(TimeDelta::minutes(15));
        greets(&world, &stores[3].1, false).await;

        let sent =
            || stores.iter().flat_map(|(crowd, _)| crowd).map(|(member, _)| member.cards().len() + member.pushes().len()).sum::<usize>();
        let before = sent();
        for (crowd, _) in &stores {
            let (member, _) = &crowd[0];
            let push = world.push(member);
            campaigns.raise(&push).await?;
            let decision = world.decided(&agent, member, push.candidate).await;
            assert!(!decision.sent && decision.reason.starts_with("consent_withdrawn@"), "{}", decision.reason);
        }
        world.publish(&marketer, "bread").await?;
        assert_eq!(sent(), before, "nothing is sent");
        world.stop().await?;
    }
    Ok(())
}
