//! Receiving: pieces into the part file, the last one verified, named and charged; or given up.

use domain::BlobHash;
use storage::{Batch, BlobError, BlobPart};
use sync_protocol::Reason;
use sync_protocol::server::{BlobWritten, WriteBlob};

use super::{BlobRow, Reservation, blob_row, reservation_row};
use crate::hub::SessionId;
use crate::store::accounts::{account_row, json};
use crate::store::keys::Keys;
use crate::store::quota::ledger_row;
use crate::store::{AccountId, Store, StoreError, lock};

impl Store {
    /// Takes a piece of a blob; the last one verifies, flushes and charges it. `taken` is called once before that, when the last piece's
    /// bytes are with the system.
    pub(crate) fn write_blob(
        &self,
        account: AccountId,
        session: SessionId,
        piece: &WriteBlob,
        now_ms: u64,
        taken: impl FnOnce(),
    ) -> Result<BlobWritten, StoreError> {
        let hash = piece.hash;
        let Some(open) = self.uploads.part(account, hash, session) else {
            return Ok(BlobWritten::Failed(Reason::Storage));
        };
        let reservation = reservation_row(&self.kv.view(), account, hash)?;
        let Some(reservation) = reservation.filter(|row| row.bytes == piece.total) else {
            self.fail_upload(account, hash, session)?;
            return Ok(BlobWritten::Bad(Reason::WrongLength));
        };
        let written = {
            // Held until the blob's row is written, so that giving the grant back waits for it.
            let mut open = lock(&open);
            match self.append_piece(account, &mut open, piece) {
                Ok(false) => Ok(BlobWritten::Piece),
                Ok(true) => {
                    taken();
                    match open.take() {
                        Some(part) => self.finish(account, part, &reservation, now_ms),
                        None => Ok(BlobWritten::Failed(Reason::Storage)),
                    }
                }
                Err(error) => Err(error),
            }
        };
        match written {
            Ok(BlobWritten::Stored) => {
                self.uploads.release(account, hash, session);
                Ok(BlobWritten::Stored)
            }
            Ok(BlobWritten::Bad(reason)) => {
                self.fail_upload(account, hash, session)?;
                Ok(BlobWritten::Bad(reason))
            }
            Ok(other) => Ok(other),
            Err(StoreError::Blob(BlobError::Mismatch(_))) => {
                self.fail_upload(account, hash, session)?;
                Ok(BlobWritten::Bad(Reason::WrongHash))
            }
            Err(StoreError::Blob(BlobError::TooLarge { .. })) => {
                self.fail_upload(account, hash, session)?;
                Ok(BlobWritten::Bad(Reason::WrongLength))
            }
            Err(error) => {
                tracing::warn!(%account, %hash, %error, "a blob could not be written");
                self.abandon_blobs(account, session, &[hash])?;
                Ok(BlobWritten::Failed(Reason::Storage))
            }
        }
    }

    /// Ends a session's grants: their reservations shrink to what lies in the part files. Returns those that were
    /// the session's.
    pub(crate) fn abandon_blobs(
        &self,
        account: AccountId,
        session: SessionId,
        hashes: &[BlobHash],
    ) -> Result<Vec<BlobHash>, StoreError> {
        let mut freed = Vec::new();
        for &hash in hashes {
            let Some(open) = self.uploads.part(account, hash, session) else {
                continue;
            };
            drop(lock(&open).take());
            let left = self.files(account)?.blobs.part_len(&hash)?;
            freed.push((hash, left));
        }
        let released = freed.clone();
        let result = self.kv.update_for(account.owner(), move |view| {
            let keys = Keys(account);
            let mut ledger = ledger_row(&view, account)?;
            let mut batch = Batch::new();
            for (hash, left) in released {
                let Some(mut row) = reservation_row(&view, account, hash)? else {
                    continue;
                };
                let left = left.min(row.held);
                ledger.reserved = ledger.reserved.saturating_sub(row.held - left);
                row.held = left;
                match left {
                    0 => batch.delete(keys.reservation(hash)),
                    _ => batch.put(keys.reservation(hash), json(&row)?),
                }
                batch.put(keys.quota(), ledger.row());
            }
            Ok::<_, StoreError>((batch, ()))
        });
        let freed: Vec<_> = freed.into_iter().map(|(hash, _)| hash).collect();
        for &hash in &freed {
            self.uploads.release(account, hash, session);
        }
        result.map(|()| freed)
    }

    /// Ends all grants of a session that is over.
    pub(crate) fn abandon_session(
        &self,
        account: AccountId,
        session: SessionId,
    ) -> Result<Vec<BlobHash>, StoreError> {
        let hashes = self.uploads.of_session(account, session);
        self.abandon_blobs(account, session, &hashes)
    }

    /// Whether some session receives the blob.
    pub(crate) fn is_receiving(&self, account: AccountId, hash: BlobHash) -> bool {
        self.uploads.is_claimed(account, hash)
    }

    /// Adds a piece to the part file; true when all bytes are there.
    fn append_piece(
        &self,
        account: AccountId,
        open: &mut Option<BlobPart>,
        piece: &WriteBlob,
    ) -> Result<bool, StoreError> {
        let part = match open {
            Some(part) => part,
            None => open.insert(self.files(account)?.blobs.part(&piece.hash, piece.total)?),
        };
        if piece.offset == 0 && part.offset() > 0 && !piece.bytes.is_empty() {
            part.restart()?;
        }
        if piece.offset != part.offset() {
            return Err(StoreError::Blob(BlobError::TooLarge { max: piece.total }));
        }
        part.append(&piece.bytes)?;
        Ok(part.is_complete())
    }

    /// Verifies and names a whole part, then turns its reservation into use.
    fn finish(
        &self,
        account: AccountId,
        part: BlobPart,
        reservation: &Reservation,
        now_ms: u64,
    ) -> Result<BlobWritten, StoreError> {
        let hash = part.hash();
        part.finish()?;
        let files = self.files(account)?;
        let judged = self.judge(account, &files, hash, &reservation.mime);
        if !matches!(judged, Ok(None)) {
            files.blobs.erase(&hash)?;
        }
        if let Some(reason) = judged? {
            return Ok(BlobWritten::Bad(reason));
        }
        self.settle(account, hash, now_ms)?;
        Ok(BlobWritten::Stored)
    }

    /// Turns the reservation of a blob whose file is in place into use.
    pub(in crate::store) fn settle(
        &self,
        account: AccountId,
        hash: BlobHash,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        self.kv.update_for(account.owner(), move |view| {
            account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
            let reservation = reservation_row(&view, account, hash)?
                .ok_or(StoreError::Damaged("a blob without its reservation"))?;
            let mut ledger = ledger_row(&view, account)?;
            ledger.reserved = ledger.reserved.saturating_sub(reservation.held);
            let mut batch = Batch::new();
            batch.delete(Keys(account).reservation(hash));
            if blob_row(&view, account, hash)?.is_none() {
                ledger.used += reservation.bytes;
                ledger.blobs += 1;
                let row = BlobRow {
                    bytes: reservation.bytes,
                    mime: reservation.mime,
                    stored_at_ms: now_ms,
                    unreferenced_since_ms: None,
                    sources: Vec::new(),
                };
                batch.put(Keys(account).blob(hash), json(&row)?);
            }
            batch.put(Keys(account).quota(), ledger.row());
            Ok((batch, ()))
        })
    }

    /// Drops part file, reservation and claim of a blob that turned out bad.
    fn fail_upload(
        &self,
        account: AccountId,
        hash: BlobHash,
        session: SessionId,
    ) -> Result<(), StoreError> {
        if let Some(open) = self.uploads.part(account, hash, session) {
            drop(lock(&open).take());
        }
        self.files(account)?.blobs.part(&hash, 0)?.discard()?;
        self.abandon_blobs(account, session, &[hash]).map(drop)
    }
}
