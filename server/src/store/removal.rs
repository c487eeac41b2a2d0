//! Removing an account: its name, tokens and row go at once, which makes it unknown to everything else; its other
//! rows and its files follow, after a crash at the next start.

use std::io::ErrorKind;

use storage::Batch;

use super::accounts::{account_row, device_rows};
use super::keys::{self, Keys};
use super::{AccountId, Store, StoreError, lock};
use crate::auth::token::TokenHash;
use crate::auth::user_name::UserName;

/// Rows deleted in one commit, so that others get their turn on the writer thread.
const ROWS_A_COMMIT: usize = 1_000;

impl Store {
    /// Makes an account unknown: name, tokens and row go. What else it has goes by [`Store::purge`].
    pub(crate) fn cut_off(&self, name: &UserName, account: AccountId) -> Result<(), StoreError> {
        let name = name.clone();
        self.kv.update(move |view| {
            account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
            let mut batch = Batch::new();
            for (_, device) in device_rows(&view, account)? {
                batch.delete(keys::token(&TokenHash::from_bytes(device.token)));
            }
            batch.delete(keys::user(&name));
            batch.delete(Keys(account).account());
            batch.put(keys::leaving(account), []);
            Ok((batch, ()))
        })
    }

    /// Goes on with removals that a crash interrupted.
    pub(super) fn finish_removals(&self) -> Result<(), StoreError> {
        let leaving: Vec<_> = self
            .kv
            .scan(keys::LEAVING)
            .map(|entry| {
                let id = keys::tail::<16>(&entry?.0).ok_or(StoreError::Damaged("removal"))?;
                Ok(AccountId::from_bytes(id))
            })
            .collect::<Result<_, StoreError>>()?;
        leaving
            .into_iter()
            .try_for_each(|account| self.purge(account))
    }

    /// Deletes the rows and files of an account that was cut off.
    pub(crate) fn purge(&self, account: AccountId) -> Result<(), StoreError> {
        loop {
            let rows = self.kv.scan(&Keys(account).all()).take(ROWS_A_COMMIT);
            let mut batch = Batch::new();
            for row in rows {
                batch.delete(row?.0);
            }
            if batch.is_empty() {
                break;
            }
            self.kv.commit(batch)?;
        }
        lock(&self.files).remove(&account);
        lock(&self.marks).remove(&account);
        let path = self.account_dir(account);
        match std::fs::remove_dir_all(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(StoreError::Io { path, source });
            }
            _ => {}
        }
        let mut batch = Batch::new();
        batch.delete(keys::leaving(account));
        Ok(self.kv.commit(batch)?)
    }
}
