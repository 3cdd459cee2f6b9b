//! Planted names, addresses, codes and ids are nowhere that they do not belong: no log, topic, metric, screen or store.
//!
//! In a binary of its own, since a process has one log.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use aisle_schemas::topic::DeviceKind;
use aisle_sim::client::Api;
use aisle_sim::client::customer::{INSTORE_CONTEXT, MARKETING, PROFILING};
use aisle_sim::device::Bus;
use aisle_sim::world::stores::DEVICES;
use aisle_tests::canary::{find_in_bytes, find_in_folder};
use aisle_tests::world::{Profile, World};
use aisle_tests::{DEADLINE, eventually};
use anyhow::{Context, Result};

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_canary_is_in_any_log_topic_metric_screen_or_store() -> Result<()> {
    let log = Log::default();
    let writer = log.clone();
    // Our own crates down to the last detail, libraries as an operator would see them in trouble.
    let filter = "warn,aisle_node=trace,aisle_cloud=trace,aisle_mesh=trace,aisle_store=trace";
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || writer.clone());
    subscriber.try_init().map_err(|error| anyhow::anyhow!(error))?;

    for profile in Profile::all() {
        let world = World::start(profile, 1).await?;
        let store = &world.stores[0];
        let mut buses = Vec::new();
        for device in DEVICES.iter().filter(|device| device.kind != DeviceKind::Sensor) {
            buses.push(Bus::join(&store.bus(device.kind, device.id)?, None).await?);
        }
        let marketer = world.marketer().await?;
        world.publish_with(&marketer, "milk", |draft| draft.push = true).await?;
        let member = world.member("zoe-lovelace", &[INSTORE_CONTEXT, MARKETING, PROFILING]).await?;
        world.has_bought(&member, "milk", 3).await?;
        let code = world.door_code(0);
        let pass = member.pass().await?;
        let entered = store.floor()?.check_in(&code, &pass, aisle_schemas::visit::CheckInMethod::Nfc).await?;
        member.card_of(entered.visit, DEADLINE).await.context("the card arrives")?;
        world.walk(0, entered.token, "fresh").await?;
        // A refusal is logged and counted, too.
        store.floor()?.check_in(&code, &pass, aisle_schemas::visit::CheckInMethod::Nfc).await.expect_err("the code is used");
        world.leave(0, entered.token).await?;
        eventually("the visit is closed", async || member.look_at_me().await.ok().filter(|me| me.visit.is_none()).map(drop)).await;
        store.in_step().await;

        let person: Vec<Vec<u8>> = ["lovelace", "shopper.example"].into_iter().map(|text| text.as_bytes().to_vec()).collect();
        let mut identity = person.clone();
        identity.push(member.me.customer.to_string().into_bytes());
        identity.push(member.me.customer.0.simple().to_string().into_bytes());
        identity.push(member.me.customer.0.as_bytes().to_vec());
        let secrets: Vec<Vec<u8>> = [code, pass, entered.token.to_string()].into_iter().map(String::into_bytes).collect();
        let found_nothing = Vec::<String>::new();

        assert_eq!(find_in_folder(store.folder(), &identity)?, found_nothing, "in the store's files");
        assert_eq!(find_in_bytes(&store.line.transcript(), &identity), found_nothing, "between store and cloud");
        for bus in &buses {
            let heard: String = bus.inbox().all().into_iter().map(|seen| seen.kind + &seen.body).collect();
            assert_eq!(find_in_bytes(heard.as_bytes(), &[identity.clone(), secrets.clone()].concat()), found_nothing, "on the store's bus");
        }
        for api in [Api::new(&world.url())?, Api::new(&store.target.http)?] {
            let metrics = api.text("/metrics").await?;
            assert_eq!(find_in_bytes(metrics.as_bytes(), &[identity.clone(), secrets.clone()].concat()), found_nothing, "in the metrics");
        }
        world.stop().await?;
        let logged = log.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(!logged.is_empty(), "something is logged");
        assert_eq!(find_in_bytes(&logged, &[person, secrets].concat()), found_nothing, "in the log");
    }
    Ok(())
}
