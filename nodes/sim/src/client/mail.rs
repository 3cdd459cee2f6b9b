//! Where sign-in codes arrive.
//!
//! [`DemoMail`] reads the demo's mail page over HTTP; tests and the demo command read the mail sink of the process they share with the cloud.

use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;

use super::api::Api;

/// Looks until a mail is there, and the time between them.
const LOOKS_MAX: u32 = 100;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A mailbox that anyone's codes can be read from.
#[async_trait]
pub trait Mail: Send + Sync {
    /// Code in the newest mail to this address; `None` when there is none yet.
    async fn code_for(&self, email: &str) -> Result<Option<String>>;
}

/// Waits for a sign-in code of an address other than the `stale` one that was there before.
///
/// # Errors
/// When none arrives, or the mailbox cannot be read.
pub async fn code(mail: &dyn Mail, email: &str, stale: Option<&str>) -> Result<String> {
    for _ in 0..LOOKS_MAX {
        if let Some(code) = mail.code_for(email).await?
            && Some(code.as_str()) != stale
        {
            return Ok(code);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    anyhow::bail!("no sign-in code arrived")
}

/// The demo's mail page.
pub struct DemoMail {
    api: Api,
}

/// One mail as the page tells it to programs.
#[derive(serde::Deserialize)]
struct DemoMessage {
    to: String,
    code: String,
}

impl DemoMail {
    /// Reads the mail of the demo at this base URL.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(cloud: &str) -> Result<Self> {
        Ok(Self { api: Api::new(cloud)? })
    }
}

#[async_trait]
impl Mail for DemoMail {
    async fn code_for(&self, email: &str) -> Result<Option<String>> {
        let mails: Vec<DemoMessage> = self.api.get("/demo/mail.json").await.context("failed to read the demo's mail")?;
        Ok(mails.into_iter().find(|mail| mail.to == email).map(|mail| mail.code))
    }
}
