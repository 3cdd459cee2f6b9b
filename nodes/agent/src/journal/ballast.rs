//! The ballast: a file that is given up first when the disk is full (AS-053, AS-056).
//!
//! Owns one file beside the database. Takes its size. Emits whether it is there. On failure: what cannot be written is taken away again, so that
//! half a ballast does not fill the disk; the next upkeep tries anew.
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// To write it again, so many times its size must be free: else it would fill what it was given up for.
const HEADROOM: u64 = 2;

/// The file.
#[derive(Debug, Clone)]
pub(super) struct Ballast {
    path: PathBuf,
    bytes: u64,
}

impl Ballast {
    /// The file beside the database in `folder`; of 0 bytes for none.
    pub fn new(folder: &Path, bytes: u64) -> Self {
        Self { path: folder.join("journal.ballast"), bytes }
    }

    /// Whether the whole file is there, or none is wanted.
    pub fn is_whole(&self) -> bool {
        self.bytes == 0 || std::fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes)
    }

    /// Writes the file if it is missing. Bytes, not a hole: a hole would give nothing back.
    pub fn fill(&self) -> io::Result<()> {
        if self.is_whole() {
            return Ok(());
        }
        let filled = self.write();
        if filled.is_err() {
            self.give_up()?;
        }
        filled
    }

    fn write(&self) -> io::Result<()> {
        let mut file = File::create(&self.path)?;
        io::copy(&mut io::repeat(0).take(self.bytes.saturating_mul(HEADROOM)), &mut file)?;
        file.flush()?;
        file.sync_all()?;
        file.set_len(self.bytes)?;
        file.sync_all()
    }

    /// Takes the file away; `Ok(false)` if there was none.
    pub fn give_up(&self) -> io::Result<bool> {
        match std::fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
