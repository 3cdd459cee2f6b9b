//! A disk so small that a test can fill it: a file system in memory, mounted over a folder.
//!
//! Owns the mount and ends it on drop. Takes a folder and a size. Emits a disk with no byte left, and one with room again. Where the machine
//! does not let a test mount anything, there is none: the caller says so and passes.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What another program has written.
const FILLER: &str = "filler";
/// First in large pieces, then byte by byte.
const PIECES: [usize; 3] = [64 * 1024, 512, 1];

/// A mounted disk.
pub struct SmallDisk {
    folder: PathBuf,
    filled: u32,
}

impl SmallDisk {
    /// Mounts `mib` MiB over a folder, whose contents are hidden until it ends; `None`, with a line that says why, where that is not allowed.
    ///
    /// # Errors
    /// When `mount` cannot be run.
    pub fn mount(folder: &Path, mib: u32) -> Result<Option<Self>> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(folder).output();
        let mounted = mounted.context("failed to run mount")?;
        if mounted.status.success() {
            return Ok(Some(Self { folder: folder.to_owned(), filled: 0 }));
        }
        eprintln!("SKIPPED: no small disk on this machine: {}", String::from_utf8_lossy(&mounted.stderr).trim());
        Ok(None)
    }

    /// Writes until there is no byte left.
    ///
    /// # Errors
    /// When writing fails for another reason than a full disk.
    pub fn fill(&mut self) -> Result<()> {
        self.filled += 1;
        let mut file = File::create(self.folder.join(format!("{FILLER}.{}", self.filled)))?;
        for piece in PIECES {
            let bytes = vec![0; piece];
            loop {
                match file.write(&bytes) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error).context("failed to fill the disk"),
                }
            }
        }
        Ok(())
    }

    /// Takes away what [`SmallDisk::fill`] wrote.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn free(&mut self) -> Result<()> {
        for number in 1..=std::mem::take(&mut self.filled) {
            std::fs::remove_file(self.folder.join(format!("{FILLER}.{number}")))?;
        }
        Ok(())
    }

    /// Ends the disk; the folder shows what lay there before.
    ///
    /// # Errors
    /// When it cannot be unmounted.
    pub fn end(self) -> Result<()> {
        let ended = unmount(&self.folder)?;
        std::mem::forget(self);
        ensure!(ended, "the small disk is still there");
        Ok(())
    }
}

fn unmount(folder: &Path) -> Result<bool> {
    Ok(Command::new("umount").arg("-l").arg(folder).status().context("failed to run umount")?.success())
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if !unmount(&self.folder).is_ok_and(|ended| ended) {
            eprintln!("{} is still mounted", self.folder.display());
        }
    }
}
