//! Room on the disk for what a run writes.
//!
//! Owns nothing. Takes a folder; emits the bytes free where it lies, and the rate that a span can last there. On failure: an error.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Bytes that one event leaves behind in the database, its indexes and its write-ahead log; measured: 620 in tables, the log on top.
const EVENT_BYTES: f64 = 1_600.0;
/// Bytes that stay free whatever is asked for: other work needs a disk too.
pub const RESERVE_BYTES: u64 = 4 << 30;

/// Bytes free on the disk of `folder`.
///
/// # Errors
/// When the system does not say.
pub fn free_bytes(folder: &Path) -> Result<u64> {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(folder).output().context("failed to run df")?;
    ensure!(output.status.success(), "df: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().nth(1).and_then(|line| line.trim().parse().ok()).context("df names no number")
}

/// Events a second that `span` has room for, above the reserve.
pub fn rate_max(free: u64, span: Duration) -> f64 {
    (free.saturating_sub(RESERVE_BYTES) as f64) / EVENT_BYTES / span.as_secs_f64().max(1.0)
}

/// Bytes of all files below a folder.
///
/// # Errors
/// When one cannot be read.
pub fn bytes_in(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))? {
        let entry = entry.context("failed to read a folder")?;
        let meta = entry.metadata().with_context(|| format!("failed to look at {}", entry.path().display()))?;
        bytes += if meta.is_dir() { bytes_in(&entry.path())? } else { meta.len() };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_is_slower_than_a_short_one_and_a_full_disk_takes_none() {
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3_600));
        assert!(rate_max(RESERVE_BYTES * 2, minute) > rate_max(RESERVE_BYTES * 2, hour) * 59.0);
        assert!(rate_max(RESERVE_BYTES, hour) <= 0.0);
    }

    #[test]
    fn a_folder_with_a_file_has_its_bytes_and_lies_on_a_disk_with_room() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("below")).unwrap();
        std::fs::write(folder.path().join("below/file"), b"twelve bytes").unwrap();
        assert_eq!(bytes_in(folder.path()).unwrap(), 12);
        assert!(free_bytes(folder.path()).unwrap() > 0);
    }
}
