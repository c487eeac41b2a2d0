//! The raw export: the rows that exist nowhere else, in one plain file, from which [`VaultStore::repair`] rebuilds a lost store.
//!
//! `MVEXPT1\n`, then for each row u32 be length and key, u32 be length and value, then the BLAKE3 of all before. Sealed changes are not
//! in it: their packs are files already.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{StoreError, VaultStore, rows};
use crate::durable;
use crate::kv::Entry;

const MAGIC: &[u8; 8] = b"MVEXPT1\n";

impl VaultStore {
    /// Writes tails, waiting changes, and the client's rows under these prefixes (identity, journal) to the vault's export file.
    ///
    /// # Errors
    /// When a row cannot be read or the file cannot be written; the earlier export stays then.
    pub fn export(&self, client_prefixes: &[&[u8]]) -> Result<(), StoreError> {
        let path = path(&self.dir);
        let tmp = path.with_extension("tmp");
        let file = File::create(&tmp).map_err(StoreError::io("create", &tmp))?;
        let mut out = Hashing {
            inner: BufWriter::new(file),
            hasher: blake3::Hasher::new(),
        };
        let mut prefixes: Vec<Vec<u8>> = [rows::META, rows::TAILS, rows::WAITING]
            .iter()
            .map(|p| p.to_vec())
            .collect();
        prefixes.extend(
            client_prefixes
                .iter()
                .map(|prefix| rows::client_key(prefix)),
        );
        out.write(MAGIC).map_err(StoreError::io("write", &tmp))?;
        for prefix in prefixes {
            for row in self.kv.scan(&prefix) {
                let (key, value) = row?;
                for field in [key, value] {
                    let len = u32::try_from(field.len())
                        .expect("keys and values are bounded by the store");
                    out.write(&len.to_be_bytes())
                        .and_then(|()| out.write(&field))
                        .map_err(StoreError::io("write", &tmp))?;
                }
            }
        }
        let hash = out.hasher.finalize();
        out.write(hash.as_bytes())
            .map_err(StoreError::io("write", &tmp))?;
        let file = out
            .inner
            .into_inner()
            .map_err(|e| StoreError::io("write", &tmp)(e.into_error()))?;
        file.sync_data().map_err(StoreError::io("sync", &tmp))?;
        std::fs::rename(&tmp, &path).map_err(StoreError::io("rename", &tmp))?;
        durable::sync_parent(&path).map_err(StoreError::io("sync", &path))
    }
}

/// The rows of the vault's export; none when there is no whole one.
pub(super) fn read(vault: &Path) -> Vec<Entry> {
    let path = path(vault);
    match durable::read(&path) {
        Ok(Some(bytes)) => decode(&bytes).unwrap_or_else(|| {
            tracing::warn!(path = %path.display(), "the export is damaged and not used");
            Vec::new()
        }),
        Ok(None) => Vec::new(),
        Err(e) => {
            tracing::warn!(path = %path.display(), error = %e, "the export cannot be read");
            Vec::new()
        }
    }
}

/// Whether there is a copy.
pub(super) fn exists(vault: &Path) -> bool {
    path(vault).exists()
}

fn path(vault: &Path) -> PathBuf {
    vault.join("export")
}

fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let (body, hash) = bytes.split_last_chunk::<32>()?;
    if blake3::hash(body).as_bytes() != hash {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    let mut rows = Vec::new();
    while !rest.is_empty() {
        let (key, tail) = field(rest)?;
        let (value, tail) = field(tail)?;
        rows.push((key.to_vec(), value.to_vec()));
        rest = tail;
    }
    Some(rows)
}

fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*len) as usize)
}

struct Hashing {
    inner: BufWriter<File>,
    hasher: blake3::Hasher,
}

impl Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hasher.update(bytes);
        self.inner.write_all(bytes)
    }
}
