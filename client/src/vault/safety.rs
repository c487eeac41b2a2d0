//! What keeps a vault alive when its store is lost: a plain copy once a day of the rows that exist nowhere else, and the
//! repair that makes a new store of it, of the documents' files and of whatever still reads.

use std::path::Path;
use std::sync::Arc;

use domain::document::{self, DocKind, settings};
use storage::{BlobStore, VaultStore};

use super::view::Repaired;
use super::{Hold, Vault, VaultError, VaultResult};
use crate::clock::Clock;
use crate::index::{ReadRows, Rows, key};
use crate::local_state::{self, LocalState, Retired};

/// The device's own rows that no document holds: its records and the journal.
const KEPT: [&[u8]; 2] = [key::LOCAL, key::JOURNAL];

/// The day of the last copy.
const COPIED: &str = "copied";

impl Vault {
    /// Makes a new store for a vault whose store is damaged, out of the documents' files, the last daily copy and the rows that
    /// still read; the damaged files stay beside it. The next sync brings what was lost here and the server has.
    ///
    /// # Errors
    /// There is no vault, another process holds it, or the disk refuses.
    pub fn repair(dir: &Path, who: &str) -> VaultResult<(Self, Repaired)> {
        if !VaultStore::is_made(dir) {
            return Err(VaultError::NoVault(dir.to_owned()));
        }
        let (store, report) = VaultStore::repair(dir, &super::options(who, Hold::Short), &KEPT)?;
        let blobs = BlobStore::open(&dir.join("blobs"))?;
        let known = store.row(&local_state::state_key())?.is_some();
        let local = if known {
            local_state::read(&store)?
        } else {
            LocalState::fresh("repaired device", Clock::System.now(0))?
        };
        let settings = Arc::default();
        let mut vault = Self {
            dir: dir.to_owned(),
            store,
            blobs,
            local,
            settings,
            clock: Clock::System,
            repairing: false,
            turning: false,
            batch: None,
            writes: 0,
            progress: None,
            table: std::sync::Mutex::default(),
            keeps_table: false,
        };
        if !known {
            vault.begin_anew()?;
        }
        vault.rebuild_index()?;
        vault.sync_start_repair()?;
        let repaired = Repaired {
            documents: report.documents,
            changes: report.changes,
            unused: report.unused,
            identity_lost: !known,
        };
        Ok((vault, repaired))
    }

    /// Copies what exists nowhere else, if that was not done today.
    pub(crate) fn copy_daily(&mut self) -> VaultResult<()> {
        let key = key::local(COPIED);
        let today = self.clock.now(0).day(0).0;
        if self.store.read::<i32>(&key)? == Some(today) {
            return Ok(());
        }
        self.store.export(&KEPT)?;
        self.write(|tx| {
            tx.writer.write(key, &today);
            Ok(())
        })
    }

    /// Goes on as a new device whose settings are those that were found.
    fn begin_anew(&mut self) -> VaultResult<()> {
        let mut found = Vec::new();
        for document in self.store.document_ids()? {
            let doc = self.store.load(document)?;
            if document::kind(&*doc) == Some(DocKind::Settings) {
                found.push((document, settings::read(&*doc)));
            }
        }
        self.write(|tx| {
            tx.local.retired = found
                .iter()
                .map(|(document, _)| Retired(*document))
                .collect();
            local_state::write(&mut tx.writer, &tx.local);
            tx.begin_settings()?;
            found
                .iter()
                .try_for_each(|(_, view)| tx.edit_settings(|doc| settings::absorb(doc, view)))
        })
    }
}
