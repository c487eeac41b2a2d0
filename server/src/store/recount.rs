//! At start: what the rows say and what lies on the disk are brought together again, so that a crash at any point
//! leaves neither a byte uncharged nor a charge without bytes.

use std::collections::BTreeSet;

use domain::BlobHash;
use storage::Batch;
use sync_protocol::PackHash;

use super::accounts::{from_json, json};
use super::blobs::{BlobRow, Files, Reservation, reservations};
use super::keys::{self, Keys};
use super::packs::file_name;
use super::quota::{Ledger, ledger_row};
use super::{AccountId, Store, StoreError};
use crate::clock::{millis, wall_ms};
use crate::limit;

impl Store {
    /// Recounts every account. Nothing else runs yet.
    pub(super) fn recount(&self) -> Result<(), StoreError> {
        for (_, account) in self.users()? {
            let has_files = self.account_dir(account).is_dir();
            if has_files {
                self.settle_or_shrink(account)?;
                self.sweep_files(account)?;
            }
            self.recount_ledger(account)?;
        }
        Ok(())
    }

    /// A reservation whose blob is in place becomes use; any other shrinks to its part file.
    fn settle_or_shrink(&self, account: AccountId) -> Result<(), StoreError> {
        let files = self.files(account)?;
        let now_ms = wall_ms();
        for (hash, row) in reservations(&self.kv.view(), account)? {
            if files.blobs.has(&hash)? == Some(row.bytes)
                && files.blobs.verify(&hash)?
                && matches!(self.judge(account, &files, hash, &row.mime), Ok(None))
            {
                self.settle(account, hash, now_ms)?;
                continue;
            }
            let old = now_ms.saturating_sub(row.since_ms) > millis(limit::PART_GRACE);
            if old {
                files.blobs.part(&hash, 0)?.discard()?;
            }
            self.shrink(account, hash, row, &files)?;
        }
        Ok(())
    }

    fn shrink(
        &self,
        account: AccountId,
        hash: BlobHash,
        mut row: Reservation,
        files: &Files,
    ) -> Result<(), StoreError> {
        let left = files.blobs.part_len(&hash)?.min(row.bytes);
        let mut batch = Batch::new();
        row.held = left;
        match left {
            0 => batch.delete(Keys(account).reservation(hash)),
            _ => batch.put(Keys(account).reservation(hash), json(&row)?),
        }
        Ok(self.kv.commit(batch)?)
    }

    /// Removes files that no row names.
    fn sweep_files(&self, account: AccountId) -> Result<(), StoreError> {
        let files = self.files(account)?;
        let named = self.blob_rows(account)?.into_iter().map(|(hash, _)| hash);
        let named: BTreeSet<BlobHash> = named.collect();
        for (hash, _) in files.blobs.list()? {
            if !named.contains(&hash) {
                tracing::info!(%account, %hash, "a blob without a row is removed");
                files.blobs.remove(&hash)?;
            }
        }
        let named: BTreeSet<BlobHash> = self
            .all_packs(account)?
            .into_iter()
            .map(file_name)
            .collect();
        for (hash, _) in files.packs.list()? {
            if !named.contains(&hash) {
                self.drop_pack(account, PackHash::from_bytes(hash.to_bytes()))?;
            }
        }
        Ok(())
    }

    fn recount_ledger(&self, account: AccountId) -> Result<(), StoreError> {
        let view = self.kv.view();
        let mut counted = Ledger::default();
        for (_, row) in self.blob_rows(account)? {
            counted.used += row.bytes;
            counted.blobs += 1;
        }
        for (_, row) in reservations(&view, account)? {
            counted.reserved += row.held;
        }
        let stored = ledger_row(&view, account)?;
        if stored == counted {
            return Ok(());
        }
        if stored.used != counted.used || stored.blobs != counted.blobs {
            tracing::warn!(%account, ?stored, ?counted, "an account's use was counted anew");
        }
        let mut batch = Batch::new();
        batch.put(Keys(account).quota(), counted.row());
        Ok(self.kv.commit(batch)?)
    }

    pub(super) fn blob_rows(
        &self,
        account: AccountId,
    ) -> Result<Vec<(BlobHash, BlobRow)>, StoreError> {
        self.kv
            .scan(&Keys(account).blobs())
            .map(|entry| {
                let (key, row) = entry?;
                let hash = keys::tail(&key).ok_or(StoreError::Damaged("blob"))?;
                Ok((BlobHash::from_bytes(hash), from_json("blob", &row)?))
            })
            .collect()
    }
}
