//! The cloud of a world: one instance in this process.

use std::net::SocketAddr;
use std::sync::Arc;

use aisle_cloud::{CloudApp, MailSink};
use aisle_mesh::clock::Clock;
use aisle_sim::client::Mail;
use aisle_sim::world::deployment::Deployment;
use anyhow::{Context, Result};
use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running instance.
pub struct RunningCloud {
    pub mail: SinkMail,
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
        let config = serde_json::from_value(deployment.cloud_config()).context("failed to configure the cloud")?;
        let app = CloudApp::build(config, clock).await.context("failed to build the cloud")?;
        let mail = SinkMail(app.mail_sink());
        let broker = deployment.broker.or(app.broker_addr()).context("the cloud has no broker")?;
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            // A dropped sender is an order to stop, too.
            app.run(async { drop(stopped.await) }).await.context("the cloud ended")
        });
        Ok(Self { mail, broker, running: Some((stop, running)) })
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
