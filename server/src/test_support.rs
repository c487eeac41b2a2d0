//! The change log without sessions around it, for measurements of the workspace. Behind the feature `test-support`; no shipped code calls it.

use std::path::Path;

use sync_protocol::DocChange;

use crate::auth::user_name::UserName;
use crate::store::{AccountId, Store};

/// The log of one account in a store of its own.
#[derive(Debug)]
pub struct ChangeLog {
    store: Store,
    account: AccountId,
    last_batch: u64,
}

impl ChangeLog {
    /// Makes a store in an empty folder, with one account.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn create(dir: &Path) -> anyhow::Result<Self> {
        let store = Store::open(dir, 0, None)?;
        let (account, _) = store.add_account(&UserName::parse("ann")?, String::new(), 1)?;
        Ok(Self {
            store,
            account,
            last_batch: 0,
        })
    }

    /// Checks changes and appends them, flushed when this returns; how many were not taken.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn append(&mut self, items: &[DocChange]) -> anyhow::Result<usize> {
        self.last_batch += 1;
        let appended = self
            .store
            .append(self.account, self.last_batch, items, None)?;
        Ok(appended
            .refused
            .iter()
            .map(|refusal| refusal.items.len())
            .sum())
    }
}
