//! Rebuilding a lost store from what lies beside it: packs, saved documents, the export, and rows of the damaged store that still read.
//!
//! Everything passes the intake again, as if it came from outside. The rebuilt documents are queued for the server, which has most of
//! them and says so, and the cursor is gone, so the next sync brings what was lost here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use domain::DocId;

use super::waiting::WaitingRow;
use super::{StoreError, StoreOptions, VaultStore, export, kv_dir, rows};
use crate::kv::{Kv, KvError, salvage};
use crate::lock::VaultLock;

/// What a repair saved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Documents rebuilt.
    pub documents: u64,
    /// Changes in them.
    pub changes: u64,
    /// Rows of the client saved.
    pub rows: u64,
    /// Changes that could not be used, or wait for others.
    pub unused: u64,
}

impl VaultStore {
    /// Rebuilds a damaged store. The client's rows are saved under these prefixes only; the rest is its index, which it makes again.
    ///
    /// # Errors
    /// When the vault is locked, was never made, or the new store cannot be written.
    pub fn repair(
        dir: &Path,
        options: &StoreOptions,
        client_prefixes: &[&[u8]],
    ) -> Result<(Self, RepairReport), StoreError> {
        let lock = VaultLock::acquire(dir, &options.who, options.kind, options.wait)?;
        let mut saved: BTreeMap<Vec<u8>, Vec<u8>> = export::read(dir).into_iter().collect();
        // Rows of the damaged store are later than the export where both have one.
        for damaged in set_damaged_aside(dir)? {
            saved.extend(salvage(&damaged));
        }
        let kv = Kv::recreate(&kv_dir(dir), super::kv_options())?;
        let mut store = Self::assemble(dir, options, kv, lock)?;
        let mut report = RepairReport::default();
        store.restore_rows(&saved, client_prefixes, &mut report)?;
        store.restore_documents(&saved, &mut report)?;
        // Last: a store without it is unfinished, and opening it asks for another repair.
        store.mark_format()?;
        store.finish()?;
        Ok((store, report))
    }

    fn restore_rows(
        &mut self,
        saved: &BTreeMap<Vec<u8>, Vec<u8>>,
        client_prefixes: &[&[u8]],
        report: &mut RepairReport,
    ) -> Result<(), StoreError> {
        let keep: Vec<Vec<u8>> = client_prefixes
            .iter()
            .map(|prefix| rows::client_key(prefix))
            .collect();
        let mut writer = self.begin();
        for (key, value) in saved {
            let wanted = keep.iter().any(|prefix| key.starts_with(prefix));
            if wanted {
                report.rows += 1;
            }
            if wanted || key.as_slice() == rows::SERVER {
                writer.rows.insert(key.clone(), Some(value.clone()));
            }
        }
        writer.server = saved
            .get(rows::SERVER)
            .and_then(|row| row.as_slice().try_into().ok())
            .map(super::ServerKey);
        writer.commit()
    }

    fn restore_documents(
        &mut self,
        saved: &BTreeMap<Vec<u8>, Vec<u8>>,
        report: &mut RepairReport,
    ) -> Result<(), StoreError> {
        let mut documents: BTreeSet<DocId> = self.files.documents().into_iter().collect();
        let loose = |key: &Vec<u8>| key.starts_with(rows::TAILS) || key.starts_with(rows::WAITING);
        documents.extend(
            saved
                .keys()
                .filter(|key| loose(key))
                .filter_map(|key| rows::document_in(key)),
        );
        for doc in documents {
            let mut found = self.everything_found(doc);
            found.extend(under(saved, &rows::tail_prefix(doc)).cloned());
            found.extend(
                under(saved, &rows::waiting_prefix(doc))
                    .filter_map(|row| WaitingRow::decode(row))
                    .map(|row| row.raw.to_vec()),
            );
            let mut writer = self.begin();
            let received = writer.adopt(doc, found)?;
            writer.commit()?;
            if !received.applied.is_empty() {
                report.documents += 1;
            }
            report.changes += received.applied.len() as u64;
            report.unused += (received.set_aside.len() + received.waiting) as u64;
        }
        Ok(())
    }
}

fn under<'a>(
    rows: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    prefix: &'a [u8],
) -> impl Iterator<Item = &'a Vec<u8>> {
    rows.range(prefix.to_vec()..)
        .take_while(move |(key, _)| key.starts_with(prefix))
        .map(|(_, value)| value)
}

/// Moves what is left of the store aside, if opening has not done so already, and lists everything that was ever moved, oldest first.
fn set_damaged_aside(vault: &Path) -> Result<Vec<std::path::PathBuf>, StoreError> {
    let dir = kv_dir(vault);
    match Kv::open(&dir, super::kv_options()) {
        Err(KvError::Damaged { .. } | KvError::Missing { .. }) => {}
        Err(e) => return Err(e.into()),
        Ok(kv) => drop(kv),
    }
    Ok(crate::kv::set_aside(&dir)?)
}
