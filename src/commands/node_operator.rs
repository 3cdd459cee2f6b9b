//! `aisle node --config FILE reclaim | new-epoch | show | clear`: what a person at the box tells the node that runs there.
//!
//! Owns the requests. Takes the node's data folder, where the running node has laid its operator's key. Emits one line. On failure: what the
//! node said, or that none runs on this folder.

use std::path::Path;

use aisle_node::operator::{OperatorKey, key_file, read_key};
use aisle_schemas::content::{Content, ContentClass};
use aisle_schemas::document::OverrideRequest;
use aisle_schemas::text::LocalText;
use aisle_sim::client::Api;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use reqwest::Method;

/// Seconds of a minute.
const MINUTE_S: u32 = 60;

/// What the operator wants.
#[derive(Debug, Subcommand)]
pub enum Wish {
    /// Connect again, where another box had this one's place; an operator of the cloud must have taken it back
    Reclaim,
    /// Begin a new epoch of the log at the next contact with the cloud: all that is on disk is logged again
    NewEpoch,
    /// Show something else on a screen or an NFC display for a while
    Show(Show),
    /// Show what the cloud wants again
    Clear(Device),
}

/// One device.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Device {
    #[arg(long)]
    screen: Option<String>,
    #[arg(long)]
    nfc: Option<String>,
}

impl Device {
    fn path(&self) -> String {
        match (&self.screen, &self.nfc) {
            (Some(screen), _) => format!("/v1/screens/{screen}/override"),
            (None, nfc) => format!("/v1/nfc/{}/override", nfc.as_deref().unwrap_or_default()),
        }
    }
}

/// What is shown.
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    device: Device,
    /// Headline in German
    #[arg(long)]
    de: String,
    /// Headline in English
    #[arg(long)]
    en: String,
    #[arg(long)]
    reason: String,
    /// Until the programme is shown again
    #[arg(long)]
    minutes: u32,
}

impl Show {
    fn request(&self) -> OverrideRequest {
        let content = Content {
            class: ContentClass::P0,
            headline: LocalText::new(&self.de, &self.en),
            line: LocalText::default(),
            image: None,
            price: None,
            was: None,
            segment: None,
        };
        OverrideRequest { content, reason: self.reason.clone(), ttl_s: self.minutes.saturating_mul(MINUTE_S) }
    }
}

/// Tells the node that runs on this folder.
///
/// # Errors
/// When none runs there, or it refuses.
pub async fn tell(data_dir: &Path, wish: &Wish) -> Result<()> {
    let OperatorKey { address, token } =
        read_key(data_dir).with_context(|| format!("failed to read {}: has a node been started here?", key_file(data_dir).display()))?;
    let node = Api::new(&format!("http://{address}"))?.with_bearer(&token);
    let nothing = None::<&OverrideRequest>;
    let said = match wish {
        Wish::Reclaim => {
            node.tell(Method::POST, "/v1/operator/reclaim", nothing).await?;
            "the node connects again"
        }
        Wish::NewEpoch => {
            node.tell(Method::POST, "/v1/operator/new-epoch", nothing).await?;
            "the log begins a new epoch at the next contact with the cloud"
        }
        Wish::Show(show) => {
            node.tell(Method::PUT, &show.device.path(), Some(&show.request())).await?;
            "it is shown"
        }
        Wish::Clear(device) => {
            node.tell(Method::DELETE, &device.path(), nothing).await?;
            "the programme is shown again"
        }
    };
    println!("{said}");
    Ok(())
}
