//! A look at every picture and sound of this device.

use serde::Serialize;

use super::{Vault, VaultResult};
use crate::index::key;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MediaReport {
    /// Blobs that are here and whole.
    pub whole: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that cards name and that are not here.
    pub missing: u64,
    /// Blobs that are here and that no card names.
    pub unused: u64,
    /// What was damaged or gone and is fetched again by the next sync.
    pub problems: Vec<String>,
}

impl Vault {
    /// Reads every blob anew. A damaged one is put aside, so that the next sync fetches it again.
    ///
    /// # Errors
    /// The index or the disk cannot be read.
    pub fn check_media(&mut self) -> VaultResult<MediaReport> {
        let mut problems = Vec::new();
        self.verify_blobs(&mut problems)?;
        let here: Vec<_> = self.media()?.into_iter().filter(|blob| blob.here).collect();
        Ok(MediaReport {
            whole: here.len() as u64,
            bytes: here.iter().map(|blob| blob.bytes).sum(),
            missing: self.count(key::WANTS)?,
            unused: here.iter().filter(|blob| blob.cards == 0).count() as u64,
            problems,
        })
    }
}
