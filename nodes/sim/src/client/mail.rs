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
        let page = self.api.text("/demo/mail").await.context("failed to read the demo's mail")?;
        Ok(newest_code(&page, email))
    }
}

/// The code beside an address on the mail page, which shows the newest mail first and marks both for programs.
fn newest_code(page: &str, email: &str) -> Option<String> {
    let marked = |text: &str, mark: &str| Some(text.split_once(mark)?.1.split_once('<')?.0.to_owned());
    page.split("<article>")
        .skip(1)
        .find(|mail| marked(mail, "data-to>").as_deref() == Some(email))
        .and_then(|mail| marked(mail, "data-code>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_code_of_an_address_is_read_from_the_mail_page() {
        let mail = |to: &str, code: &str| {
            format!("<article><p>To <span data-to>{to}</span>, code <strong data-code>{code}</strong></p></article>")
        };
        let page =
            format!("<h1>Mails</h1>{}{}{}", mail("b@x.example", "222222"), mail("a@x.example", "333333"), mail("a@x.example", "111111"));
        assert_eq!(newest_code(&page, "a@x.example").as_deref(), Some("333333"));
        assert_eq!(newest_code(&page, "c@x.example"), None);
    }
}
