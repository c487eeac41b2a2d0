//! The derived index: everything that listing, studying and counting need, computed from documents and journal, kept beside
//! them in the same commits, and never a truth of its own. The files in `index/` know the keys, the rows and how a change
//! of a document becomes changes of rows.
//!
//! The code is written against `Rows`, because it runs on two things: on the transaction of a write, and on rows in
//! memory when the whole index is computed anew to compare or replace the stored one.

mod cards;
pub(crate) mod field;
pub(crate) mod key;
pub(crate) mod row;
mod settings;

use std::collections::BTreeMap;

pub(crate) use cards::{CardChange, Indexer, change_conflicts, read_events, totals};
pub(crate) use row::{CardRow, Content, DeckRow};
pub(crate) use settings::SettingsRow;

use crate::vault::{VaultError, VaultResult};
use key::Key;

/// Rows to read.
pub(crate) trait ReadRows {
    /// The bytes of a row.
    fn row(&self, key: &[u8]) -> VaultResult<Option<Vec<u8>>>;

    /// A row, read.
    fn read<T: for<'b> minicbor::Decode<'b, ()>>(&self, key: &[u8]) -> VaultResult<Option<T>> {
        let Some(bytes) = self.row(key)? else {
            return Ok(None);
        };
        row::decode(&bytes).map(Some).map_err(|_| damaged(key))
    }
}

/// Rows to read and write.
pub(crate) trait Rows: ReadRows {
    /// Puts or removes a row.
    fn set(&mut self, key: Key, value: Option<Vec<u8>>);

    /// Writes a row.
    fn write<T: minicbor::Encode<()>>(&mut self, key: Key, row: &T) {
        self.set(key, Some(row::encode(row)));
    }
}

/// Rows in memory: the index computed anew.
pub(crate) type Scratch = BTreeMap<Key, Vec<u8>>;

impl ReadRows for Scratch {
    fn row(&self, key: &[u8]) -> VaultResult<Option<Vec<u8>>> {
        Ok(self.get(key).cloned())
    }
}

impl Rows for Scratch {
    fn set(&mut self, key: Key, value: Option<Vec<u8>>) {
        match value {
            Some(value) => self.insert(key, value),
            None => self.remove(&key),
        };
    }
}

/// The error of a row that cannot be read.
pub(crate) fn damaged(key: &[u8]) -> VaultError {
    VaultError::Damaged {
        row: key.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
