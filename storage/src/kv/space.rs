//! Free space: a floor under every commit, and a ballast file given up when the disk is full at open.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::KvError;
use crate::durable;
use crate::limit::{BALLAST_BYTES, COMMIT_SPACE_FACTOR, FLOOR_BYTES, FLOOR_DELETE_BYTES};

/// Watches the disk that holds the store.
#[derive(Debug, Clone)]
pub(crate) struct Space {
    dir: PathBuf,
}

impl Space {
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_path_buf(),
        }
    }

    /// Whether a commit that writes `bytes` may start. Deletions are let through to a lower floor: they are how space is freed.
    pub(crate) fn admit(&self, bytes: u64, only_deletes: bool) -> Result<(), KvError> {
        let need = if only_deletes {
            FLOOR_DELETE_BYTES
        } else {
            FLOOR_BYTES.saturating_add(bytes.saturating_mul(COMMIT_SPACE_FACTOR))
        };
        let free = self.free()?;
        if free < need {
            Err(KvError::Full { free, need })
        } else {
            Ok(())
        }
    }

    /// Before the engine opens: gives up the ballast when the disk is full.
    pub(crate) fn before_open(&self) -> Result<(), KvError> {
        if self.free()? < FLOOR_BYTES {
            durable::remove(&self.ballast()).map_err(KvError::io("remove", &self.ballast()))?;
        }
        Ok(())
    }

    /// After the engine opened: lays the ballast down again where there is plenty of room.
    pub(crate) fn after_open(&self) -> Result<(), KvError> {
        let path = self.ballast();
        let plenty = FLOOR_BYTES.saturating_mul(4).saturating_add(BALLAST_BYTES);
        if path.exists() || self.free()? < plenty {
            return Ok(());
        }
        lay(&path).map_err(KvError::io("write", &path))
    }

    fn free(&self) -> Result<u64, KvError> {
        free_bytes(&self.dir).map_err(KvError::io("ask for the free space of", &self.dir))
    }

    fn ballast(&self) -> PathBuf {
        self.dir.join("ballast")
    }
}

/// Bytes a person without special rights may still write to the disk that holds `path`.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn lay(path: &Path) -> io::Result<()> {
    // Random-looking bytes, so that a compressing file system really sets the space aside.
    let mut reader = blake3::Hasher::new_derive_key("memoryvault ballast v1").finalize_xof();
    let mut file = File::create(path)?;
    let mut block = vec![0_u8; 64 * 1024];
    let mut left = BALLAST_BYTES;
    while left > 0 {
        reader.fill(&mut block);
        file.write_all(&block)?;
        left = left.saturating_sub(block.len() as u64);
    }
    Ok(())
}
