//! Blobs on the disk, each a file under its own hash.
//!
//! Owns the folder `content` beside the journal. Takes bytes as they come; emits whole blobs that have their hash. A download is a file ending
//! in `.part` until its size and hash are right and it is synced; only then does it get its name, so a name is a promise. On failure: the error
//! of the file system; what does not have its hash is deleted, never returned.
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use aisle_schemas::blob::{Blob, ContentHash};
use sha2::{Digest, Sha256};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

/// Ending of a download.
const PART: &str = "part";
/// Bytes hashed at a time when a download goes on.
const READ_BYTES: usize = 64 * 1024;

/// See the module. Clones share the folder.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// A download that goes on.
pub struct Partial {
    file: File,
    hasher: Sha256,
    pub len: u64,
}

/// What a finished download turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    Kept,
    /// It was deleted.
    WrongHash,
}

/// The blob that a file is, and whether it is a download.
fn name_of(path: &Path) -> Option<(ContentHash, bool)> {
    let hash = ContentHash::parse(path.file_stem()?.to_str()?).ok()?;
    match path.extension() {
        None => Some((hash, false)),
        Some(ending) if ending == PART => Some((hash, true)),
        Some(_) => None,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

impl Cache {
    /// Opens the folder, made where missing; returns the whole blobs in it with their sizes.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub async fn open(folder: PathBuf) -> io::Result<(Self, BTreeMap<ContentHash, u32>)> {
        let cache = Self { folder };
        let folder = cache.folder.clone();
        let kept = blocking(move || {
            std::fs::create_dir_all(&folder)?;
            let mut kept = BTreeMap::new();
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                if let (Some((hash, false)), Ok(size)) = (name_of(&entry.path()), u32::try_from(entry.metadata()?.len())) {
                    kept.insert(hash, size);
                }
            }
            Ok(kept)
        })
        .await?;
        Ok((cache, kept))
    }

    fn whole(&self, hash: ContentHash) -> PathBuf {
        self.folder.join(hash.to_string())
    }

    fn part(&self, hash: ContentHash) -> PathBuf {
        self.folder.join(format!("{hash}.{PART}"))
    }

    /// Deletes every file that is none of these.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file not deleted.
    pub async fn sweep(&self, keep: BTreeSet<ContentHash>) -> io::Result<()> {
        let folder = self.folder.clone();
        blocking(move || {
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if !name_of(&path).is_some_and(|(hash, _)| keep.contains(&hash)) {
                    remove(&path)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Opens the download of a blob where it was left.
    ///
    /// # Errors
    /// When the file cannot be read or opened.
    pub async fn resume(&self, hash: ContentHash) -> io::Result<Partial> {
        let path = self.part(hash);
        let read = path.clone();
        let (hasher, len) = blocking(move || hash_file(&read)).await?;
        let file = OpenOptions::new().create(true).append(true).open(&path).await?;
        Ok(Partial { file, hasher, len })
    }

    /// Throws away what was downloaded of a blob.
    ///
    /// # Errors
    /// When the file cannot be deleted.
    pub async fn discard(&self, hash: ContentHash) -> io::Result<()> {
        let path = self.part(hash);
        blocking(move || remove(&path)).await
    }

    /// Gives a download of the right size its name, if its hash is right too.
    ///
    /// # Errors
    /// When it cannot be synced or renamed; then it has no name.
    pub async fn finish(&self, blob: Blob, partial: Partial) -> io::Result<Finished> {
        let Partial { mut file, hasher, len: _ } = partial;
        if ContentHash::from_bytes(hasher.finalize().into()) != blob.sha256 {
            drop(file);
            self.discard(blob.sha256).await?;
            return Ok(Finished::WrongHash);
        }
        // The last write may still be under way, and only a flush tells that it failed.
        file.flush().await?;
        file.sync_all().await?;
        let (part, whole, folder) = (self.part(blob.sha256), self.whole(blob.sha256), self.folder.clone());
        blocking(move || {
            std::fs::rename(part, whole)?;
            std::fs::File::open(folder)?.sync_all()
        })
        .await?;
        Ok(Finished::Kept)
    }

    /// The bytes of a blob; `None` where it is not here, or no longer what its name says: then it is deleted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn read(&self, hash: ContentHash) -> io::Result<Option<Vec<u8>>> {
        let path = self.whole(hash);
        blocking(move || {
            let bytes = match std::fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            if ContentHash::of(&bytes) == hash {
                return Ok(Some(bytes));
            }
            remove(&path)?;
            Ok(None)
        })
        .await
    }
}

impl Partial {
    /// Adds bytes.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        self.hasher.update(bytes);
        self.len += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Begins anew.
    ///
    /// # Errors
    /// When the file cannot be cut.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0).await?;
        self.hasher = Sha256::new();
        self.len = 0;
        Ok(())
    }

    /// Hands what was written to the operating system, so that the next run finds it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.file.flush().await
    }
}

/// A file that is gone already is fine.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn hash_file(path: &Path) -> io::Result<(Sha256, u64)> {
    let mut hasher = Sha256::new();
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((hasher, 0)),
        Err(error) => return Err(error),
    };
    let (mut buffer, mut len) = (vec![0; READ_BYTES], 0);
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { return Ok((hasher, len)) };
        hasher.update(bytes);
        len += u64::try_from(read).unwrap_or(u64::MAX);
    }
}
