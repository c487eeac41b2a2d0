//! Bytes of blobs an account uses, has reserved and may use. Changed on the writer thread only, in the same commit as
//! the rows it counts, so used + reserved <= limit holds at every instant and needs no lock.

use storage::{Batch, View};
use sync_protocol::Quota;

use super::accounts::{AccountRow, account_row, json};
use super::keys::Keys;
use super::row::{Reader, Writer};
use super::{AccountId, Store, StoreError};

/// What the blobs of an account amount to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// Bytes of stored blobs.
    pub(super) used: u64,
    /// Bytes of blobs on their way.
    pub(super) reserved: u64,
    /// Stored blobs.
    pub(super) blobs: u64,
}

/// What an account uses, as its owner and the administrator see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) quota_used_bytes: u64,
    pub(crate) quota_limit_bytes: u64,
    pub(crate) documents: u64,
    pub(crate) document_bytes: u64,
    pub(crate) blobs: u64,
    pub(crate) devices: u64,
}

impl Ledger {
    /// Used and reserved together.
    pub(super) fn total(&self) -> u64 {
        self.used.saturating_add(self.reserved)
    }

    pub(super) fn row(&self) -> Vec<u8> {
        Writer::new()
            .u64(self.used)
            .u64(self.reserved)
            .u64(self.blobs)
            .done()
    }
}

impl Store {
    /// The account's figures as a device sees them: reservations included.
    pub(crate) fn quota(&self, account: AccountId) -> Result<Quota, StoreError> {
        let view = self.kv.view();
        let row = account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
        quota_in(&view, account, &row, self.quota_default)
    }

    /// Everything an account uses.
    pub(crate) fn usage(&self, account: AccountId) -> Result<Usage, StoreError> {
        let view = self.kv.view();
        let row = account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
        let ledger = ledger_row(&view, account)?;
        let (documents, document_bytes) = self.document_totals(account)?;
        Ok(Usage {
            quota_used_bytes: ledger.used,
            quota_limit_bytes: row.quota_bytes.unwrap_or(self.quota_default),
            documents,
            document_bytes,
            blobs: ledger.blobs,
            devices: self.devices(account)?.len() as u64,
        })
    }

    /// Sets an account's own quota, or with `None` the server's. What is stored stays, even above it.
    pub(crate) fn set_quota(
        &self,
        account: AccountId,
        bytes: Option<u64>,
    ) -> Result<(), StoreError> {
        self.kv.update_for(account.owner(), move |view| {
            let mut row = account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
            row.quota_bytes = bytes;
            let mut batch = Batch::new();
            batch.put(Keys(account).account(), json(&row)?);
            Ok((batch, ()))
        })
    }
}

pub(super) fn quota_in(
    view: &View<'_>,
    account: AccountId,
    row: &AccountRow,
    default: u64,
) -> Result<Quota, StoreError> {
    Ok(Quota {
        used: ledger_row(view, account)?.total(),
        limit: row.quota_bytes.unwrap_or(default),
    })
}

pub(super) fn ledger_row(view: &View<'_>, account: AccountId) -> Result<Ledger, StoreError> {
    let Some(row) = view.get(&Keys(account).quota())? else {
        return Ok(Ledger::default());
    };
    let mut row = Reader::new("quota", &row)?;
    Ok(Ledger {
        used: row.u64()?,
        reserved: row.u64()?,
        blobs: row.u64()?,
    })
}
