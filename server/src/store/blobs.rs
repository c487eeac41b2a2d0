//! Blobs of an account: offered, reserved, received, verified, read. A blob of another account is as absent as one
//! that nobody has.
//!
//! Order of a blob's life: claim (memory), reservation row (quota), part file, verified and named file, blob row in
//! the same commit that turns the reservation into use. A crash between any two is put right at the next start.

use std::sync::Arc;

use domain::BlobHash;
use media::Mime;
use serde::{Deserialize, Serialize};
use storage::{Batch, BlobError, BlobPart, BlobStore, View};
use sync_protocol::server::{BlobRead, BlobWritten, Found, OfferAnswer, OfferDecision, WriteBlob};
use sync_protocol::{OfferItem, Quota, Reason};

use super::accounts::{account_row, from_json, json};
use super::keys::{self, Keys};
use super::quota::ledger_row;
use super::{AccountId, Store, StoreError, lock};
use crate::hub::SessionId;
use crate::limit;

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
    /// Since when no device has named it. It may go 30 days later, and only while that still holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unreferenced_since_ms: Option<u64>,
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

/// Offers of one session, taken up together.
#[derive(Debug)]
pub(crate) struct Offers {
    pub(crate) account: AccountId,
    pub(crate) session: SessionId,
    pub(crate) items: Vec<OfferItem>,
}

impl Store {
    /// Which of these blobs are here.
    pub(crate) fn find_blobs(
        &self,
        account: AccountId,
        hashes: Vec<BlobHash>,
    ) -> Result<Vec<Found>, StoreError> {
        let view = self.kv.view();
        let found = |hash| {
            let row = blob_row(&view, account, hash)?;
            Ok(Found {
                hash,
                bytes: row.map(|row| row.bytes),
            })
        };
        hashes.into_iter().map(found).collect()
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

    /// Decides on offers; what is granted is reserved when this returns.
    pub(crate) fn offer_blobs(
        &self,
        offers: Offers,
        now_ms: u64,
    ) -> Result<Vec<OfferAnswer>, StoreError> {
        let Offers {
            account,
            session,
            items,
        } = offers;
        let mut answers = Vec::with_capacity(items.len());
        let mut claimed = Vec::new();
        for item in items {
            let decision = if let Some(refusal) = refused_kind(&item) {
                Some(refusal)
            } else if self.uploads.claim(account, item.hash, session) {
                None
            } else {
                Some(OfferDecision::Wait)
            };
            answers.push((item.hash, decision));
            if decision.is_none() {
                claimed.push(item);
            }
        }
        let mine: Vec<_> = claimed.iter().map(|item| item.hash).collect();
        let reserved = match self.reserve(account, claimed, now_ms) {
            Ok(reserved) => reserved,
            Err(error) => {
                for hash in mine {
                    self.uploads.release(account, hash, session);
                }
                return Err(error);
            }
        };
        for hash in reserved.evicted {
            self.discard_part(account, hash, session)?;
        }
        let mut decided = reserved.decisions.into_iter();
        let mut out = Vec::with_capacity(answers.len());
        for (hash, decision) in answers {
            let decision = match decision {
                Some(decision) => decision,
                None => match decided.next() {
                    Some(Decided::Reserved(bytes)) => OfferDecision::Grant {
                        offset: self.part_offset(account, hash, bytes)?,
                    },
                    other => {
                        self.uploads.release(account, hash, session);
                        match other {
                            Some(Decided::Refused(quota)) => OfferDecision::Refuse {
                                reason: Reason::Quota,
                                quota,
                            },
                            _ => OfferDecision::Held,
                        }
                    }
                },
            };
            out.push(OfferAnswer { hash, decision });
        }
        Ok(out)
    }

    /// Takes a piece of a blob; the last one verifies, flushes and charges it.
    pub(crate) fn write_blob(
        &self,
        account: AccountId,
        session: SessionId,
        piece: &WriteBlob,
        now_ms: u64,
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
                Ok(true) => match open.take() {
                    Some(part) => self.finish(account, part, &reservation, now_ms),
                    None => Ok(BlobWritten::Failed(Reason::Storage)),
                },
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
        let result = self.kv.update(move |view| {
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
        self.kv.update(move |view| {
            let mut batch = Batch::new();
            if let Some(row) = blob_row(&view, account, hash)? {
                let mut ledger = ledger_row(&view, account)?;
                ledger.used = ledger.used.saturating_sub(row.bytes);
                ledger.blobs = ledger.blobs.saturating_sub(1);
                batch.delete(Keys(account).blob(hash));
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

    fn reserve(
        &self,
        account: AccountId,
        items: Vec<OfferItem>,
        now_ms: u64,
    ) -> Result<Reserved, StoreError> {
        let uploads = Arc::clone(&self.uploads);
        let quota_default = self.quota_default;
        self.kv.update(move |view| {
            let row = account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
            let mut reserving = Reserving {
                view,
                account,
                limit: row.quota_bytes.unwrap_or(quota_default),
                ledger: ledger_row(&view, account)?,
                batch: Batch::new(),
                evicted: None,
                is_claimed: Box::new(move |hash| uploads.is_claimed(account, hash)),
            };
            let mut decisions = Vec::with_capacity(items.len());
            for item in items {
                decisions.push(reserving.item(item, now_ms)?);
            }
            let Reserving {
                mut batch,
                ledger,
                evicted,
                ..
            } = reserving;
            if !batch.is_empty() {
                batch.put(Keys(account).quota(), ledger.row());
            }
            let evicted = evicted.unwrap_or_default();
            Ok((batch, Reserved { decisions, evicted }))
        })
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
        if !is_kind(&files.blobs, hash, &reservation.mime)? {
            files.blobs.remove(&hash)?;
            return Ok(BlobWritten::Bad(Reason::KindNotAllowed));
        }
        self.settle(account, hash, now_ms)?;
        Ok(BlobWritten::Stored)
    }

    /// Turns the reservation of a blob whose file is in place into use.
    pub(super) fn settle(
        &self,
        account: AccountId,
        hash: BlobHash,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        self.kv.update(move |view| {
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

    /// Removes an evicted part file, unless a session has taken the blob up meanwhile.
    fn discard_part(
        &self,
        account: AccountId,
        hash: BlobHash,
        session: SessionId,
    ) -> Result<(), StoreError> {
        if !self.uploads.is_claimed(account, hash) && self.uploads.claim(account, hash, session) {
            self.files(account)?.blobs.part(&hash, 0)?.discard()?;
            self.uploads.release(account, hash, session);
        }
        Ok(())
    }

    fn part_offset(
        &self,
        account: AccountId,
        hash: BlobHash,
        bytes: u64,
    ) -> Result<u64, StoreError> {
        let len = self.files(account)?.blobs.part_len(&hash)?;
        Ok(if len <= bytes { len } else { 0 })
    }
}

/// What the writer thread decided on one offer.
enum Decided {
    Held,
    Reserved(u64),
    Refused(Quota),
}

struct Reserved {
    decisions: Vec<Decided>,
    evicted: Vec<BlobHash>,
}

/// Reserves offers one after the other on the writer thread.
struct Reserving<'a> {
    view: View<'a>,
    account: AccountId,
    limit: u64,
    ledger: super::quota::Ledger,
    batch: Batch,
    /// Parts nobody is receiving, given up to make room; `None` until room was needed.
    evicted: Option<Vec<BlobHash>>,
    is_claimed: Box<dyn Fn(BlobHash) -> bool>,
}

impl Reserving<'_> {
    fn item(&mut self, item: OfferItem, now_ms: u64) -> Result<Decided, StoreError> {
        let keys = Keys(self.account);
        if blob_row(&self.view, self.account, item.hash)?.is_some() {
            return Ok(Decided::Held);
        }
        let held = reservation_row(&self.view, self.account, item.hash)?.map_or(0, |row| row.held);
        let more = item.bytes.saturating_sub(held);
        if self.ledger.total().saturating_add(more) > self.limit {
            self.evict()?;
        }
        let total = self.ledger.total();
        if total.saturating_add(more) > self.limit {
            return Ok(Decided::Refused(Quota {
                used: total,
                limit: self.limit,
            }));
        }
        self.ledger.reserved = self.ledger.reserved.saturating_sub(held) + item.bytes;
        let row = Reservation {
            bytes: item.bytes,
            held: item.bytes,
            mime: item.mime,
            since_ms: now_ms,
        };
        self.batch.put(keys.reservation(item.hash), json(&row)?);
        Ok(Decided::Reserved(item.bytes))
    }

    /// Gives up every part that no session is receiving.
    fn evict(&mut self) -> Result<(), StoreError> {
        if self.evicted.is_some() {
            return Ok(());
        }
        let mut evicted = Vec::new();
        for (hash, row) in reservations(&self.view, self.account)? {
            if !(self.is_claimed)(hash) {
                self.ledger.reserved = self.ledger.reserved.saturating_sub(row.held);
                self.batch.delete(Keys(self.account).reservation(hash));
                evicted.push(hash);
            }
        }
        self.evicted = Some(evicted);
        Ok(())
    }
}

/// Refuses a kind that is not taken, or more bytes than its kind may have.
fn refused_kind(item: &OfferItem) -> Option<OfferDecision> {
    let reason = match item.mime.parse::<Mime>() {
        Err(_) => Reason::KindNotAllowed,
        Ok(mime) if item.bytes > mime.bytes_max() => Reason::TooLarge,
        Ok(_) if item.bytes == 0 => Reason::WrongLength,
        Ok(_) => return None,
    };
    Some(OfferDecision::Refuse {
        reason,
        quota: Quota::default(),
    })
}

/// Whether a stored file begins like the kind it was announced as.
pub(super) fn is_kind(blobs: &BlobStore, hash: BlobHash, mime: &str) -> Result<bool, StoreError> {
    let first = blobs.read_chunk(&hash, 0, limit::SNIFF_BYTES)?;
    Ok(media::sniff(&first).is_some_and(|found| mime.parse::<Mime>() == Ok(found)))
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
