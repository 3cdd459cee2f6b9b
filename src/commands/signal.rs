//! When a command shall end: Ctrl-C, or SIGTERM from whoever runs the process.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

/// Resolves at the first of both.
///
/// # Errors
/// When the process may not listen for them.
pub fn asked_to_end() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
