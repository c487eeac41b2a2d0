//! Packs: the changes of one document, sealed from rows into a compressed file, small ones merged.
//!
//! A pack's file is durable before its row; the raw rows go in the same commit as the pack's row comes. A pack that
//! was merged away stays readable for a while, because sessions may have been told of it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use domain::{BlobHash, DocId};
use storage::{Batch, BlobError, PackBounds, View};
use sync_protocol::PackHash;
use sync_protocol::server::PackRef;
use tokio::sync::Notify;

use super::accounts::account_row;
use super::keys::Keys;
use super::log::{document_row, seq_of};
use super::row::{Reader, Writer};
use super::{AccountId, Store, StoreError, lock};
use crate::clock::millis;
use crate::limit;

/// A pack of a document: its changes from `first_seq` to the last entry, which is in the row's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PackRow {
    pub(super) hash: PackHash,
    pub(super) first_seq: u64,
    pub(super) raw_bytes: u64,
    pub(super) bytes: u64,
}

/// Documents whose rows wait to be sealed. A set: asking twice is once.
#[derive(Debug, Default)]
pub(crate) struct Sealing {
    waiting: Mutex<BTreeSet<(AccountId, DocId)>>,
    asked: Notify,
    doomed: Mutex<Vec<(u64, AccountId, PackHash)>>,
}

impl Sealing {
    /// Notes that a document has enough rows.
    pub(super) fn ask(&self, account: AccountId, doc: DocId) {
        lock(&self.waiting).insert((account, doc));
        self.asked.notify_one();
    }

    /// Waits until something is to be sealed, and takes it.
    pub(crate) async fn next(&self) -> (AccountId, DocId) {
        loop {
            if let Some(next) = lock(&self.waiting).pop_first() {
                return next;
            }
            self.asked.notified().await;
        }
    }
}

impl PackRow {
    fn row(&self) -> Vec<u8> {
        Writer::new()
            .bytes(self.hash.as_bytes())
            .u64(self.first_seq)
            .u64(self.raw_bytes)
            .u64(self.bytes)
            .done()
    }

    fn parse(row: &[u8]) -> Result<Self, StoreError> {
        let mut row = Reader::new("pack", row)?;
        Ok(Self {
            hash: PackHash::from_bytes(row.array()?),
            first_seq: row.u64()?,
            raw_bytes: row.u64()?,
            bytes: row.u64()?,
        })
    }

    pub(super) fn reference(&self, doc: DocId) -> PackRef {
        PackRef {
            doc,
            pack: self.hash,
            bytes: self.bytes,
        }
    }

    /// Packs of one class differ by less than four times in size.
    fn class(&self) -> u32 {
        (self.raw_bytes / limit::SEAL_BYTES_MIN).max(1).ilog(4)
    }
}

impl Store {
    /// Moves a document's rows into a pack, then merges small packs.
    pub(crate) fn seal(
        &self,
        account: AccountId,
        doc: DocId,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        // Behind this no large append is half visible.
        self.barrier()?;
        let mut changes = Vec::new();
        let mut seqs = Vec::new();
        for entry in self.kv.scan(&Keys(account).raws(doc)) {
            let (key, change) = entry?;
            seqs.push(seq_of(&key)?);
            changes.push(change);
        }
        let (Some(&first_seq), Some(&last_seq)) = (seqs.first(), seqs.last()) else {
            return Ok(());
        };
        let pack = self.put_pack(account, first_seq, &changes)?;
        let rows = u32::try_from(seqs.len()).unwrap_or(u32::MAX);
        self.kv.update(move |view| {
            account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
            let keys = Keys(account);
            let mut document = document_row(&view, account, doc)?;
            document.tail_bytes = document.tail_bytes.saturating_sub(pack.raw_bytes);
            document.tail_rows = document.tail_rows.saturating_sub(rows);
            let mut batch = Batch::new();
            batch.put(keys.document(doc), document.row());
            batch.put(keys.pack(doc, last_seq), pack.row());
            for seq in seqs {
                batch.delete(keys.raw(doc, seq));
            }
            Ok::<_, StoreError>((batch, ()))
        })?;
        while self.merge(account, doc, now_ms)? {}
        Ok(())
    }

    /// A piece of a pack; `None` when the pack is no more.
    pub(crate) fn read_pack(
        &self,
        account: AccountId,
        pack: PackHash,
        offset: u64,
        len: usize,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let files = self.files(account)?;
        match files.packs.read_chunk(&file_name(pack), offset, len) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(BlobError::Missing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes packs that were merged away long enough ago.
    pub(crate) fn drop_doomed_packs(&self, now_ms: u64) -> Result<(), StoreError> {
        let old_ms = now_ms.saturating_sub(millis(limit::PACK_GRACE));
        let due: Vec<_> = {
            let mut doomed = lock(&self.sealing.doomed);
            let due = doomed.iter().filter(|(since, ..)| *since <= old_ms);
            let due = due.copied().collect();
            doomed.retain(|(since, ..)| *since > old_ms);
            due
        };
        for (_, account, pack) in due {
            self.drop_pack(account, pack)?;
        }
        Ok(())
    }

    /// Removes a doomed pack's file, then its row. Documents that hold the same changes share a file: it stays while one of them names it.
    pub(super) fn drop_pack(&self, account: AccountId, pack: PackHash) -> Result<(), StoreError> {
        if !self.account_dir(account).is_dir() {
            return Ok(());
        }
        if !self.all_packs(account)?.contains(&pack) {
            self.files(account)?.packs.remove(&file_name(pack))?;
        }
        let mut batch = Batch::new();
        batch.delete(Keys(account).doomed_pack(pack));
        Ok(self.kv.commit(batch)?)
    }

    fn put_pack(
        &self,
        account: AccountId,
        first_seq: u64,
        changes: &[Vec<u8>],
    ) -> Result<PackRow, StoreError> {
        let bytes = storage::encode_pack(changes);
        let put = self.files(account)?.packs.put_bytes(&bytes)?;
        Ok(PackRow {
            hash: PackHash::from_bytes(put.hash.to_bytes()),
            first_seq,
            raw_bytes: changes.iter().map(|change| change.len() as u64).sum(),
            bytes: put.bytes,
        })
    }

    /// Merges the newest packs when enough of them are no larger than the newest's class.
    fn merge(&self, account: AccountId, doc: DocId, now_ms: u64) -> Result<bool, StoreError> {
        let packs = self.packs_of(account, doc)?;
        let Some(class) = packs.last().map(|(_, pack)| pack.class()) else {
            return Ok(false);
        };
        let small = packs
            .iter()
            .rev()
            .take_while(|(_, pack)| pack.class() <= class);
        let count = small.count();
        if count < limit::PACKS_PER_CLASS_MAX {
            return Ok(false);
        }
        let (_, merged) = packs.split_at(packs.len() - count);
        let merged = merged.to_vec();
        let mut changes = Vec::new();
        for (_, pack) in &merged {
            let bytes = self.files(account)?.packs.read(&file_name(pack.hash))?;
            changes.append(&mut storage::decode_pack(&bytes, PackBounds::default())?);
        }
        let (Some((_, first)), Some((last_seq, _))) = (merged.first(), merged.last()) else {
            return Ok(false);
        };
        let (first_seq, last_seq) = (first.first_seq, *last_seq);
        let pack = self.put_pack(account, first_seq, &changes)?;
        let gone: Vec<_> = merged.iter().map(|(_, pack)| pack.hash).collect();
        let doomed = gone.clone();
        self.kv.update(move |view| {
            account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
            let keys = Keys(account);
            let mut batch = Batch::new();
            for (last, old) in merged {
                batch.delete(keys.pack(doc, last));
                batch.put(keys.doomed_pack(old.hash), Writer::new().u64(now_ms).done());
            }
            batch.put(keys.pack(doc, last_seq), pack.row());
            Ok::<_, StoreError>((batch, ()))
        })?;
        let doomed = doomed.into_iter().map(|pack| (now_ms, account, pack));
        lock(&self.sealing.doomed).extend(doomed);
        Ok(true)
    }

    /// A document's packs with their last entries, oldest first.
    pub(super) fn packs_of(
        &self,
        account: AccountId,
        doc: DocId,
    ) -> Result<Vec<(u64, PackRow)>, StoreError> {
        self.kv
            .scan(&Keys(account).packs(doc))
            .map(|entry| {
                let (key, row) = entry?;
                Ok((seq_of(&key)?, PackRow::parse(&row)?))
            })
            .collect()
    }

    /// Names of all packs that some document of the account refers to.
    pub(super) fn all_packs(&self, account: AccountId) -> Result<BTreeSet<PackHash>, StoreError> {
        self.kv
            .scan(&Keys(account).all_packs())
            .map(|entry| Ok(PackRow::parse(&entry?.1)?.hash))
            .collect()
    }
}

/// The pack that holds an entry of a document, with its last entry.
pub(super) fn pack_of(
    view: &View<'_>,
    account: AccountId,
    doc: DocId,
    seq: u64,
) -> Result<Option<(u64, PackRow)>, StoreError> {
    let keys = Keys(account);
    let before = keys.pack(doc, seq.saturating_sub(1));
    let Some(entry) = view.scan_after(&keys.packs(doc), &before).next() else {
        return Ok(None);
    };
    let (key, row) = entry?;
    let pack = PackRow::parse(&row)?;
    Ok((pack.first_seq <= seq).then_some((seq_of(&key)?, pack)))
}

/// A pack lies in its folder under its hash, as blobs do.
pub(super) fn file_name(pack: PackHash) -> BlobHash {
    BlobHash::from_bytes(pack.to_bytes())
}
