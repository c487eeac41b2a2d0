//! Compaction: a long tail becomes a pack of all raw changes and a saved document beside it.
//!
//! Order: both files are written under the next generation, verified and durable; then the one commit of the writer flips the header
//! and deletes exactly the tail rows that went into the pack. A crash before the commit leaves files that nothing names.

use domain::DocId;

use super::rows::Header;
use super::writer::Work;
use super::{StoreError, VaultStore, trial};
use crate::limit::{TAIL_BYTES_MIN, TAIL_CHANGES_MAX};
use crate::pack::{encode_pack, pack_hash};

/// The header of a new generation with everything sealed, if the tail has grown long enough. A disk that refuses is no reason to
/// refuse the edit: the tail just grows on.
pub(super) fn seal_if_due(
    store: &VaultStore,
    doc: DocId,
    work: &Work,
) -> Result<Option<Header>, StoreError> {
    let count = work.header.tail_count + work.pending.len() as u64;
    let bytes = work.header.tail_bytes + work.pending_bytes();
    let is_long = count >= TAIL_CHANGES_MAX || bytes >= work.header.saved_bytes.max(TAIL_BYTES_MIN);
    if work.header.is_saved() && !is_long {
        return Ok(None);
    }
    let Some(mut all) = store.raw_changes(doc, &work.header)? else {
        tracing::warn!(%doc, "its pack is damaged, so its tail stays; run verify");
        return Ok(None);
    };
    all.extend(work.pending.iter().map(|change| change.raw.clone()));
    match seal(store, doc, work, &all) {
        Err(StoreError::Io { what, path, source }) => {
            tracing::warn!(what, path = %path.display(), error = %source, "the tail stays: it could not be sealed");
            Ok(None)
        }
        other => other,
    }
}

/// Writes the next generation from all raw changes; `None` when the saved form does not load again.
pub(super) fn seal(
    store: &VaultStore,
    doc: DocId,
    work: &Work,
    all: &[Vec<u8>],
) -> Result<Option<Header>, StoreError> {
    let Some(saved) = trial::save(&work.doc) else {
        tracing::warn!(%doc, "its saved form does not load again; it stays as changes");
        return Ok(None);
    };
    let pack = encode_pack(all);
    let generation = work.header.generation + 1;
    store.files.write(doc, generation, &pack, &saved)?;
    Ok(Some(Header {
        generation,
        sealed_count: all.len() as u64,
        sealed_bytes: all.iter().map(|raw| raw.len() as u64).sum(),
        pack_hash: pack_hash(&pack),
        saved_hash: *blake3::hash(&saved).as_bytes(),
        saved_bytes: saved.len() as u64,
        tail_count: 0,
        tail_bytes: 0,
        heads: Vec::new(),
    }))
}

/// Whether changes are too many or too long for a tail.
pub(super) fn is_long(changes: &[Vec<u8>]) -> bool {
    changes.len() as u64 >= TAIL_CHANGES_MAX || bytes_of(changes) >= TAIL_BYTES_MIN
}

/// Bytes of all changes.
pub(super) fn bytes_of(changes: &[Vec<u8>]) -> u64 {
    changes.iter().map(|raw| raw.len() as u64).sum()
}
