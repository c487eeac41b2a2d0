//! A blob that is arriving, perhaps over several connections.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use domain::BlobHash;

use super::{BlobError, BlobPut, BlobStore};
use crate::durable;

/// An unfinished blob. Dropping it keeps what arrived for a later resume.
#[derive(Debug)]
pub struct BlobPart {
    store: BlobStore,
    hash: BlobHash,
    total: u64,
    offset: u64,
    hasher: blake3::Hasher,
    file: File,
    path: PathBuf,
}

impl BlobPart {
    pub(super) fn open(store: BlobStore, hash: BlobHash, total: u64) -> Result<Self, BlobError> {
        let path = store.part_path(&hash);
        let mut file = take(&path, hash)?;
        let mut hasher = blake3::Hasher::new();
        let mut offset = 0_u64;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = file
                .read(&mut buffer)
                .map_err(BlobError::io("read", &path))?;
            let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else {
                break;
            };
            hasher.update(piece);
            offset += piece.len() as u64;
        }
        let mut part = Self {
            store,
            hash,
            total,
            offset,
            hasher,
            file,
            path,
        };
        if part.offset > part.total {
            part.restart()?;
        }
        part.store.admit_bytes(part.total - part.offset)?;
        Ok(part)
    }

    /// How many bytes are here; the next [`BlobPart::append`] continues there.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The announced length.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The blob's name.
    #[must_use]
    pub fn hash(&self) -> BlobHash {
        self.hash
    }

    /// Whether all announced bytes are here.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.offset == self.total
    }

    /// Adds the next bytes.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] when they pass the announced length; what was here stays.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        let after = self.offset.saturating_add(bytes.len() as u64);
        if after > self.total {
            return Err(BlobError::TooLarge { max: self.total });
        }
        self.file
            .seek(SeekFrom::Start(self.offset))
            .map_err(BlobError::io("write", &self.path))?;
        self.file
            .write_all(bytes)
            .map_err(BlobError::io("write", &self.path))?;
        self.hasher.update(bytes);
        self.offset = after;
        Ok(())
    }

    /// Forgets what arrived, to begin again from 0.
    ///
    /// # Errors
    /// When the file cannot be emptied.
    pub fn restart(&mut self) -> Result<(), BlobError> {
        self.file
            .set_len(0)
            .map_err(BlobError::io("empty", &self.path))?;
        self.hasher = blake3::Hasher::new();
        self.offset = 0;
        Ok(())
    }

    /// Checks the whole and gives it its name; durable when this returns.
    ///
    /// # Errors
    /// [`BlobError::Mismatch`] when bytes are missing or wrong; the part is removed then.
    pub fn finish(self) -> Result<BlobPut, BlobError> {
        if !self.is_complete() || self.hasher.finalize().as_bytes() != self.hash.as_bytes() {
            let hash = self.hash;
            self.discard()?;
            return Err(BlobError::Mismatch(hash));
        }
        let new = self.store.has(&self.hash)?.is_none();
        self.store.publish(&self.file, &self.path, &self.hash)?;
        Ok(BlobPut {
            hash: self.hash,
            bytes: self.total,
            new,
        })
    }

    /// Removes what arrived.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn discard(self) -> Result<(), BlobError> {
        durable::remove(&self.path).map_err(BlobError::io("remove", &self.path))
    }
}

/// Opens the part's file for this receiver alone.
fn take(path: &Path, hash: BlobHash) -> Result<File, BlobError> {
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(BlobError::io("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BlobError::Busy(hash)),
            Err(TryLockError::Error(e)) => return Err(BlobError::io("lock", path)(e)),
        }
        // Another receiver may have finished between opening and locking: then this is its finished blob, not to be written.
        let mine = file.metadata().map_err(BlobError::io("look at", path))?;
        match std::fs::metadata(path) {
            Ok(named) if named.ino() == mine.ino() && named.dev() == mine.dev() => return Ok(file),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(BlobError::io("look at", path)(e)),
        }
    }
}
