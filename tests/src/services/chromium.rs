//! Where Chromium and Node are, for the browser tests. Owns nothing: Playwright starts and stops the browser.

use std::path::PathBuf;

use anyhow::Result;

use crate::process::find_program;

/// Environment variable that names the browser.
pub const CHROMIUM_PATH: &str = "CHROMIUM_PATH";

/// Path of the browser.
///
/// # Errors
/// When none is installed.
pub fn chromium() -> Result<PathBuf> {
    match std::env::var_os(CHROMIUM_PATH) {
        Some(path) => Ok(PathBuf::from(path)),
        None => find_program("chromium", "chromium", &[]),
    }
}

/// Path of `npm`.
///
/// # Errors
/// When Node is not installed.
pub fn npm() -> Result<PathBuf> {
    find_program("npm", "nodejs and npm", &[])
}
