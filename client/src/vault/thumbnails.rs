//! Small copies of pictures, made when they are first asked for, by the worker that reads media. A cache of this device: never synced,
//! named by what went into them, and safe to delete at any time.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use domain::BlobHash;
use media_worker::Worker;

use super::{Vault, VaultError, VaultResult};

/// Longest side of a small copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThumbnailSide {
    /// 200 pixels: lists.
    Small,
    /// 400 pixels: cards on a small screen.
    Large,
}

impl ThumbnailSide {
    const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// In pixels.
    pub fn pixels(self) -> u32 {
        match self {
            Self::Small => 200,
            Self::Large => 400,
        }
    }
}

/// What the name is derived for; a pipeline that makes other bytes takes another number.
const CONTEXT: &str = "memoryvault 2026 thumbnail WebP 1";

impl Vault {
    /// A small WebP copy of a picture.
    ///
    /// # Errors
    /// The picture is not here or no picture, or the disk refuses.
    pub fn thumbnail(
        &self,
        blob: BlobHash,
        side: ThumbnailSide,
        worker: &Worker,
    ) -> VaultResult<Vec<u8>> {
        let path = self.thumbnail_path(blob, side);
        if let Ok(bytes) = fs::read(&path) {
            return Ok(bytes);
        }
        let bytes = self.blobs.read(&blob)?;
        let small = worker
            .thumbnail(&bytes, side.pixels())
            .map_err(|error| VaultError::Refused(error.to_string()))?;
        // What cannot be kept is made again the next time.
        self.keep_thumbnail(&path, &small).ok();
        Ok(small)
    }

    /// Deletes what the cache has of a blob.
    pub(super) fn drop_thumbnails(&self, blob: BlobHash) -> VaultResult<()> {
        for side in ThumbnailSide::ALL {
            let path = self.thumbnail_path(blob, side);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(VaultError::File {
                        doing: "remove",
                        path,
                        source,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whole or not at all: a reader never meets half a picture.
    fn keep_thumbnail(&self, path: &PathBuf, bytes: &[u8]) -> std::io::Result<()> {
        let dir = self.dir.join("thumbnails");
        fs::create_dir_all(&dir)?;
        let mut file = tempfile::NamedTempFile::new_in(&dir)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    }

    fn thumbnail_path(&self, blob: BlobHash, side: ThumbnailSide) -> PathBuf {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(blob.as_bytes());
        hasher.update(&side.pixels().to_le_bytes());
        let name = format!("{}.webp", hasher.finalize().to_hex());
        self.dir.join("thumbnails").join(name)
    }
}
