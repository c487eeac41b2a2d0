//! Blobs of an account: offered, reserved, received, verified, read. A blob of another account is as absent as one
//! that nobody has.
//!
//! Order of a blob's life: claim (memory), reservation row (quota), part file, verified and named file, blob row in
//! the same commit that turns the reservation into use. A crash between any two is put right at the next start.

mod judge;
mod offers;
mod receive;

use std::sync::Arc;

use domain::BlobHash;
use serde::{Deserialize, Serialize};
use storage::{Batch, BlobError, BlobStore, View};
use sync_protocol::server::{BlobRead, Found};

use super::accounts::from_json;
use super::keys::{self, Keys};
use super::quota::ledger_row;
use super::uploaded::Source;
use super::{AccountId, Store, StoreError, lock};

pub(crate) use offers::{Offered, Offers};

/// The files of one account.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) blobs: BlobStore,
    pub(super) packs: BlobStore,
}

/// A stored blob.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct BlobRow {
    pub(super) bytes: u64,
    pub(super) mime: String,
    pub(super) stored_at_ms: u64,
    /// Since when no device names it; 0: it is to go at once. It goes after a grace, and only while that still holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unreferenced_since_ms: Option<u64>,
    /// Uploads that the server made it of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) sources: Vec<Source>,
}

/// A blob on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Reservation {
    /// Its whole length.
    pub(super) bytes: u64,
    /// What is charged for it: its whole length while it is received, afterwards what lies in its part file.
    pub(super) held: u64,
    pub(super) mime: String,
    pub(super) since_ms: u64,
}

impl Store {
    /// Which of these blobs are here. Whoever asks for one names it.
    pub(crate) fn find_blobs(
        &self,
        account: AccountId,
        hashes: Vec<BlobHash>,
    ) -> Result<Vec<Found>, StoreError> {
        let view = self.kv.view();
        let mut named_again = Vec::new();
        let mut found = Vec::with_capacity(hashes.len());
        for hash in hashes {
            let row = blob_row(&view, account, hash)?;
            if row
                .as_ref()
                .is_some_and(|row| row.unreferenced_since_ms.is_some())
            {
                named_again.push(hash);
            }
            let bytes = row.map(|row| row.bytes);
            found.push(Found { hash, bytes });
        }
        if !named_again.is_empty() {
            self.clear_unused(account, named_again)?;
        }
        Ok(found)
    }

    /// A piece of a blob, exactly as long as asked for.
    pub(crate) fn read_blob(
        &self,
        account: AccountId,
        hash: BlobHash,
        offset: u64,
        len: usize,
    ) -> Result<BlobRead, StoreError> {
        if blob_row(&self.kv.view(), account, hash)?.is_none() {
            return Ok(BlobRead::Failed);
        }
        let bytes = self.files(account)?.blobs.read_chunk(&hash, offset, len);
        Ok(match bytes {
            Ok(bytes) if bytes.len() == len => BlobRead::Bytes(bytes),
            Ok(_) => BlobRead::Failed,
            Err(error) => {
                tracing::warn!(%account, %hash, %error, "a stored blob could not be read");
                BlobRead::Failed
            }
        })
    }

    /// Verifies a blob somebody found bad; a damaged one is moved aside and counts as absent.
    pub(crate) fn suspect_blob(
        &self,
        account: AccountId,
        hash: BlobHash,
    ) -> Result<bool, StoreError> {
        if blob_row(&self.kv.view(), account, hash)?.is_none() {
            return Ok(false);
        }
        let blobs = &self.files(account)?.blobs;
        match blobs.verify(&hash) {
            Ok(true) => return Ok(false),
            Ok(false) => drop(blobs.quarantine(&hash)?),
            Err(BlobError::Missing(_)) => {}
            Err(error) => return Err(error.into()),
        }
        tracing::error!(%account, %hash, "a stored blob is damaged; it was moved to quarantine and is asked of the devices again");
        self.kv.update_for(account.owner(), move |view| {
            let mut batch = Batch::new();
            if let Some(row) = blob_row(&view, account, hash)? {
                let mut ledger = ledger_row(&view, account)?;
                ledger.used = ledger.used.saturating_sub(row.bytes);
                ledger.blobs = ledger.blobs.saturating_sub(1);
                batch.delete(Keys(account).blob(hash));
                forget_sources(account, &row, &mut batch);
                batch.put(Keys(account).quota(), ledger.row());
            }
            Ok((batch, true))
        })
    }

    /// The account's folders, made on first use.
    pub(super) fn files(&self, account: AccountId) -> Result<Arc<Files>, StoreError> {
        // Held while the folders are opened: opening sweeps, and two sweeps get in each other's way.
        let mut all = lock(&self.files);
        if let Some(files) = all.get(&account) {
            return Ok(Arc::clone(files));
        }
        let dir = self.account_dir(account);
        let files = Arc::new(Files {
            blobs: BlobStore::open(&dir.join("blobs"))?,
            packs: BlobStore::open(&dir.join("packs"))?,
        });
        all.insert(account, Arc::clone(&files));
        Ok(files)
    }
}

/// Of a blob that goes, nothing is known any more of the uploads it was made of.
pub(super) fn forget_sources(account: AccountId, row: &BlobRow, batch: &mut Batch) {
    for source in &row.sources {
        batch.delete(Keys(account).source(*source));
    }
}

pub(super) fn blob_row(
    view: &View<'_>,
    account: AccountId,
    hash: BlobHash,
) -> Result<Option<BlobRow>, StoreError> {
    let row = view.get(&Keys(account).blob(hash))?;
    row.map(|row| from_json("blob", &row)).transpose()
}

pub(super) fn reservation_row(
    view: &View<'_>,
    account: AccountId,
    hash: BlobHash,
) -> Result<Option<Reservation>, StoreError> {
    let row = view.get(&Keys(account).reservation(hash))?;
    row.map(|row| from_json("reservation", &row)).transpose()
}

pub(super) fn reservations(
    view: &View<'_>,
    account: AccountId,
) -> Result<Vec<(BlobHash, Reservation)>, StoreError> {
    view.scan(&Keys(account).reservations())
        .map(|entry| {
            let (key, row) = entry?;
            let hash = keys::tail(&key).ok_or(StoreError::Damaged("reservation"))?;
            Ok((BlobHash::from_bytes(hash), from_json("reservation", &row)?))
        })
        .collect()
}
