//! The files of a document: `<vault>/docs/<doc>/<generation>.pack` holds its sealed raw changes, `<generation>.doc` the saved document.
//!
//! The pack is truth and synced before a row names it; the saved document is a cache that its reader verifies by hash. One earlier
//! generation is kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use domain::DocId;

use super::StoreError;
use crate::durable;
use crate::limit::PACKS_AT_ONCE_MAX;

/// The folder of all documents' files.
#[derive(Debug, Clone)]
pub(super) struct Files {
    root: PathBuf,
}

impl Files {
    pub(super) fn new(vault: &Path) -> Self {
        Self {
            root: vault.join("docs"),
        }
    }

    pub(super) fn dir(&self, doc: DocId) -> PathBuf {
        self.root.join(doc.to_string())
    }

    pub(super) fn pack(&self, doc: DocId, generation: u64) -> PathBuf {
        self.dir(doc).join(format!("{generation}.pack"))
    }

    pub(super) fn saved(&self, doc: DocId, generation: u64) -> PathBuf {
        self.dir(doc).join(format!("{generation}.doc"))
    }

    /// Writes both files of a generation; the pack is durable when this returns.
    pub(super) fn write(
        &self,
        doc: DocId,
        generation: u64,
        pack: &[u8],
        saved: &[u8],
    ) -> Result<(), StoreError> {
        let dir = self.dir(doc);
        durable::create_dir(&dir).map_err(StoreError::io("create", &dir))?;
        let path = self.saved(doc, generation);
        durable::write_cache(&path, saved).map_err(StoreError::io("write", &path))?;
        self.write_pack(doc, generation, pack)
    }

    /// Writes a generation's pack into the document's folder, durably.
    pub(super) fn write_pack(
        &self,
        doc: DocId,
        generation: u64,
        pack: &[u8],
    ) -> Result<(), StoreError> {
        let path = self.pack(doc, generation);
        durable::write(&path, pack).map_err(StoreError::io("write", &path))
    }

    /// Writes packs of many documents, each as [`Files::write_pack`]; several at once, because most of it is waiting for the disk.
    pub(super) fn write_packs(&self, packs: &[(DocId, u64, &[u8])]) -> Vec<Result<(), StoreError>> {
        if packs.is_empty() {
            return Vec::new();
        }
        let dirs: Vec<PathBuf> = packs.iter().map(|(doc, ..)| self.dir(*doc)).collect();
        let made = durable::create_dirs(&self.root, &dirs);
        let share = packs.len().div_ceil(PACKS_AT_ONCE_MAX);
        let write = |some: &[(DocId, u64, &[u8])]| -> Vec<_> {
            some.iter()
                .map(|(doc, generation, pack)| self.write_pack(*doc, *generation, pack))
                .collect()
        };
        if let Err(e) = made {
            let failed = |_| {
                Err(StoreError::io("create folders in", &self.root)(
                    io::Error::from(e.kind()),
                ))
            };
            return packs.iter().map(failed).collect();
        }
        std::thread::scope(|scope| {
            let threads: Vec<_> = packs
                .chunks(share)
                .map(|some| scope.spawn(move || write(some)))
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| match thread.join() {
                    Ok(written) => written,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
                .collect()
        })
    }

    /// A file's bytes if they are those of `hash`; `None` when missing or damaged.
    pub(super) fn read_verified(
        &self,
        path: &Path,
        hash: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = durable::read(path).map_err(StoreError::io("read", path))?;
        Ok(bytes.filter(|bytes| blake3::hash(bytes).as_bytes() == hash))
    }

    /// Removes all generations but `keep` and the one before. Failing to is harmless, so it is only logged.
    pub(super) fn tidy(&self, doc: DocId, keep: u64) {
        for (generation, path) in self.list(doc) {
            let old = generation != keep && generation.checked_add(1) != Some(keep);
            if old && let Err(e) = durable::remove(&path) {
                tracing::debug!(path = %path.display(), error = %e, "an old generation stays");
            }
        }
    }

    /// Every file of a document with its generation, newest first.
    pub(super) fn list(&self, doc: DocId) -> Vec<(u64, PathBuf)> {
        let Ok(entries) = fs::read_dir(self.dir(doc)) else {
            return Vec::new();
        };
        let mut found: Vec<(u64, PathBuf)> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter_map(|path| {
                let known = matches!(
                    path.extension().and_then(|e| e.to_str()),
                    Some("pack" | "doc")
                );
                let generation = path.file_stem()?.to_str()?.parse().ok()?;
                known.then_some((generation, path))
            })
            .collect();
        found.sort_by(|a, b| b.cmp(a));
        found
    }

    /// The highest generation on the disk, 0 without any.
    pub(super) fn last_generation(&self, doc: DocId) -> u64 {
        self.list(doc)
            .first()
            .map_or(0, |(generation, _)| *generation)
    }

    /// Documents that have files.
    pub(super) fn documents(&self) -> Vec<DocId> {
        let Ok(entries) = fs::read_dir(&self.root) else {
            return Vec::new();
        };
        let mut found: Vec<DocId> = entries
            .filter_map(Result::ok)
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        found.sort();
        found
    }
}
