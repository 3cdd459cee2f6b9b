//! The cloud of a world: one instance in this process, or several.

use std::net::SocketAddr;
use std::sync::Arc;

use aisle_cloud::{CloudApp, MailSink};
use aisle_mesh::clock::Clock;
use aisle_sim::client::Mail;
use aisle_sim::world::deployment::Deployment;
use anyhow::{Context, Result};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::ports::{free_port, loopback};

/// A running instance.
pub struct RunningCloud {
    pub mail: SinkMail,
    /// Base URL.
    pub url: String,
    pub broker: SocketAddr,
    running: Option<(oneshot::Sender<()>, JoinHandle<Result<()>>)>,
}

/// Mail that no server took.
#[derive(Clone)]
pub struct SinkMail(MailSink);

#[async_trait]
impl Mail for SinkMail {
    async fn code_for(&self, email: &str) -> Result<Option<String>> {
        Ok(self.0.code_for(email))
    }
}

impl RunningCloud {
    pub(super) async fn start(deployment: &Deployment, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::run(deployment.cloud_config(), deployment, clock).await
    }

    /// A second instance on the same database, broker and shared state, under a name of its own.
    pub(super) async fn start_sister(deployment: &Deployment, name: &str, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut config = deployment.cloud_config();
        let url = loopback(free_port());
        config["instance"] = json!(name);
        config["http_addr"] = json!(url);
        config["public_url"] = json!(format!("http://{url}"));
        Self::run(config, deployment, clock).await
    }

    async fn run(config: Value, deployment: &Deployment, clock: Arc<dyn Clock>) -> Result<Self> {
        let config = serde_json::from_value(config).context("failed to configure the cloud")?;
        let app = CloudApp::build(config, clock).await.context("failed to build the cloud")?;
        let mail = SinkMail(app.mail_sink());
        let url = format!("http://{}", app.http_addr());
        let broker = deployment.broker.or(app.broker_addr()).context("the cloud has no broker")?;
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            // A dropped sender is an order to stop, too.
            app.run(async { drop(stopped.await) }).await.context("the cloud ended")
        });
        Ok(Self { mail, url, broker, running: Some((stop, running)) })
    }

    /// Ends it without a word, as a power cut does: nothing is given back, nobody is told.
    pub async fn kill(&mut self) {
        let Some((_stop, running)) = self.running.take() else { return };
        running.abort();
        assert!(running.await.is_err_and(|ended| ended.is_cancelled()), "it had not ended by itself");
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// When it ended badly.
    pub async fn stop(&mut self) -> Result<()> {
        let Some((stop, running)) = self.running.take() else { return Ok(()) };
        drop(stop);
        running.await.context("the cloud's task was aborted")?
    }
}
