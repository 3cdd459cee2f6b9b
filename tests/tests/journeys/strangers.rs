//! Clients that other people wrote work as a screen and as an NFC display; without credentials or on another's topic they are refused.

use aisle_schemas::http::Problem;
use aisle_schemas::ids::{DisplayId, ScreenId, TapId};
use aisle_schemas::nfc::{NfcShow, NfcTap};
use aisle_schemas::screen::{ScreenPlan, ScreenState};
use aisle_schemas::topic::{DeviceKind, Topic};
use aisle_tests::process::services_are_skipped;
use aisle_tests::stranger::{Account, PahoTask, VERSIONS, mosquitto_pub, mosquitto_sub, paho};
use aisle_tests::world::{Profile, RunningStore, World};
use aisle_tests::{DEADLINE, eventually};
use anyhow::{Context, Result};

fn account(store: &RunningStore, kind: DeviceKind, id: &str) -> Result<Account> {
    let address = store.bus(kind, id)?;
    Ok(Account::named(address.broker, &address.username(), &address.secret))
}

fn screen_topics(store: &RunningStore, id: &str) -> Result<[Topic; 3]> {
    let (store, screen) = (store.id().clone(), ScreenId::parse(id)?);
    Ok([
        Topic::ScreenPlan { store: store.clone(), screen: screen.clone() },
        Topic::ScreenState { store: store.clone(), screen: screen.clone() },
        Topic::ScreenRefused { store, screen },
    ])
}

fn display_topics(store: &RunningStore, id: &str) -> Result<[Topic; 2]> {
    let (store, display) = (store.id().clone(), DisplayId::parse(id)?);
    Ok([Topic::NfcShown { store: store.clone(), display: display.clone() }, Topic::NfcTapped { store, display }])
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_and_paho_are_a_screen() -> Result<()> {
    if services_are_skipped() {
        return Ok(());
    }
    let world = World::start(Profile::Embedded, 1).await?;
    let store = &world.stores[0];
    let [plan, state, _] = screen_topics(store, "aisle-5")?;
    let screen = account(store, DeviceKind::Screen, "aisle-5")?;
    let operator = world.operator().await?;
    for (version, flag) in VERSIONS {
        let heard = mosquitto_sub(&screen, flag, &plan.build(), 1, 10).await?;
        let body = heard.out.split_once(' ').map(|(_, body)| body).context("a retained plan")?;
        assert_eq!(serde_json::from_str::<ScreenPlan>(body.trim())?.screen.as_str(), "aisle-5", "mosquitto {version}");
        let task = PahoTask { subscribe: vec![plan.build()], until: Some("aisle-5".to_owned()), ..PahoTask::default() };
        let heard = paho(&screen, version, &task).await?;
        assert_eq!(heard.code, Some(0), "paho {version}: {heard:?}");
        let bodies = heard.all("payload");
        let first = bodies.first().and_then(|body| body.as_str()).context("a plan")?;
        assert_eq!(serde_json::from_str::<ScreenPlan>(first)?.screen.as_str(), "aisle-5", "paho {version}");
    }
    for (client, online) in [("mosquitto_pub", true), ("paho", false)] {
        let body = serde_json::to_string(&ScreenState { online, plan_rev: Some(1), software: "stranger".to_owned() })?;
        match client {
            "paho" => paho(&screen, "3.1.1", &PahoTask { publish: vec![(state.build(), body)], ..PahoTask::default() }).await?,
            _ => mosquitto_pub(&screen, "mqttv5", &state.build(), &body).await?,
        };
        eventually("the console sees the screen's state", async || {
            let live = operator.live(store.id()).await.ok()?;
            live.screens.iter().any(|shown| shown.screen.as_str() == "aisle-5" && shown.online == online).then_some(())
        })
        .await;
    }
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_and_paho_are_an_nfc_display() -> Result<()> {
    if services_are_skipped() {
        return Ok(());
    }
    let world = World::start(Profile::Embedded, 1).await?;
    let store = &world.stores[0];
    let [show, tap] = display_topics(store, "shelf-pets")?;
    let display = account(store, DeviceKind::Nfc, "shelf-pets")?;
    // A second eye on what is shown, since mosquitto_pub only speaks.
    let eye = store.display("shelf-pets").await?;
    for (number, (version, flag)) in VERSIONS.into_iter().enumerate() {
        let touch = |n: u8| TapId::new(u64::from(n) + 1, [n; 10]);
        let number = u8::try_from(number)?;
        let by_paho = touch(number * 2);
        let body = serde_json::to_string(&NfcTap { tap: by_paho, traceparent: None })?;
        let task = PahoTask { subscribe: vec![show.build()], publish: vec![(tap.build(), body)], until: Some(by_paho.to_string()) };
        let heard = paho(&display, version, &task).await?;
        assert_eq!(heard.code, Some(0), "paho {version}: {heard:?}");

        let by_mosquitto = touch(number * 2 + 1);
        let body = serde_json::to_string(&NfcTap { tap: by_mosquitto, traceparent: None })?;
        let said = mosquitto_pub(&display, flag, &tap.build(), &body).await?;
        assert_eq!(said.code, Some(0), "mosquitto {version}: {said:?}");
        let answered = eye.bus().inbox().find_within(DEADLINE, |seen| match seen.read::<NfcShow>()? {
            NfcShow::Answering { tap, .. } if tap == by_mosquitto => Some(()),
            NfcShow::Answering { .. } | NfcShow::Inviting { .. } | NfcShow::Kept { .. } => None,
        });
        answered.await.with_context(|| format!("an answer to mosquitto {version}"))?;
    }
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_without_credentials_or_on_anothers_topic_is_refused() -> Result<()> {
    if services_are_skipped() {
        return Ok(());
    }
    let world = World::start(Profile::Embedded, 1).await?;
    let store = &world.stores[0];
    let own = account(store, DeviceKind::Screen, "aisle-5")?;
    let [_, own_state, own_error] = screen_topics(store, "aisle-5")?;
    let [other_plan, other_state, _] = screen_topics(store, "window-1")?;
    let nobody = Account { login: None, ..own.clone() };
    let liar = Account { login: Some((own.client_id.clone(), "wrong".to_owned())), ..own.clone() };
    for (version, flag) in VERSIONS {
        for account in [&nobody, &liar] {
            assert_ne!(mosquitto_sub(account, flag, &own_state.build(), 1, 3).await?.code, Some(0), "mosquitto_sub {version}");
            assert_ne!(mosquitto_pub(account, flag, &own_state.build(), "{}").await?.code, Some(0), "mosquitto_pub {version}");
            let heard = paho(account, version, &PahoTask { subscribe: vec![own_state.build()], ..PahoTask::default() }).await?;
            assert_ne!(heard.code, Some(0), "paho {version}: {heard:?}");
        }
        let heard = paho(&own, version, &PahoTask { subscribe: vec![other_plan.build()], ..PahoTask::default() }).await?;
        let codes = heard.all("subscribed");
        let refused = codes
            .iter()
            .flat_map(|codes| codes.as_array().into_iter().flatten())
            .all(|code| code.as_u64().is_some_and(|code| code >= 0x80));
        assert!(refused, "paho {version} on another's topic: {heard:?}");
    }
    // A publish to another's topic may be answered in different ways; what counts is that nobody hears it. The refusal of a message on the own topic,
    // sent afterwards, proves that the first one was settled.
    let (eye, other) = (store.screen("aisle-5").await?, store.screen("window-1").await?);
    let liar = Account { client_id: "aisle-5-tool".to_owned(), ..own.clone() };
    mosquitto_pub(&liar, "mqttv5", &other_state.build(), r#"{"online":false,"plan_rev":66,"software":"liar"}"#).await?;
    mosquitto_pub(&liar, "mqttv5", &own_state.build(), "not json").await?;
    let problem =
        eye.bus().inbox().find_within(DEADLINE, |seen| (seen.kind == own_error.build()).then(|| seen.read::<Problem>()).flatten());
    let status = problem.await.context("the node says why")?.status;
    assert!(matches!(status, 400 | 422), "{status}");
    assert!(!other.bus().inbox().all().iter().any(|seen| seen.body.contains("liar")));
    world.stop().await
}
