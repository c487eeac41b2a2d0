//! Offers: claimed, checked, reserved on the writer thread before the first byte.

use std::sync::Arc;

use domain::BlobHash;
use media::Mime;
use storage::{Batch, View};
use sync_protocol::server::{OfferAnswer, OfferDecision};
use sync_protocol::{OfferItem, Quota, Reason};

use super::{Reservation, blob_row, reservation_row, reservations};
use crate::hub::SessionId;
use crate::limit;
use crate::store::accounts::{account_row, json};
use crate::store::keys::Keys;
use crate::store::quota::{Ledger, ledger_row};
use crate::store::unused::clear;
use crate::store::{AccountId, Store, StoreError};

/// Offers of one session, taken up together.
#[derive(Debug)]
pub(crate) struct Offers {
    pub(crate) account: AccountId,
    pub(crate) session: SessionId,
    pub(crate) items: Vec<OfferItem>,
}

/// What was decided on offers.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    pub(crate) answers: Vec<OfferAnswer>,
    /// Claimed for the moment of deciding only: a session that offered one meanwhile was told to wait.
    pub(crate) released: Vec<BlobHash>,
}

impl Offered {
    fn say(&mut self, hash: BlobHash, decision: OfferDecision) {
        self.answers.push(OfferAnswer { hash, decision });
    }
}

impl Store {
    /// Decides on offers; what is granted is reserved when this returns.
    pub(crate) fn offer_blobs(&self, offers: Offers, now_ms: u64) -> Result<Offered, StoreError> {
        let Offers {
            account,
            session,
            items,
        } = offers;
        let mut claimed = Vec::new();
        let mut offered = Offered::default();
        for item in items {
            let hash = item.hash;
            if let Some(reason) = refused_kind(&item) {
                offered.say(hash, refuse(reason));
            } else if self.uploads.claim(account, hash, session) {
                claimed.push(item);
            } else {
                offered.say(hash, OfferDecision::Wait);
            }
        }
        let hashes: Vec<_> = claimed.iter().map(|item| item.hash).collect();
        let reserved = match self.reserve(account, claimed, now_ms) {
            Ok(reserved) => reserved,
            Err(error) => {
                for hash in hashes {
                    self.uploads.release(account, hash, session);
                }
                return Err(error);
            }
        };
        for hash in reserved.evicted {
            self.discard_part(account, hash, session)?;
            offered.released.push(hash);
        }
        for (hash, decided) in hashes.into_iter().zip(reserved.decisions) {
            let decision = match decided {
                Decided::Reserved(bytes) => OfferDecision::Grant {
                    offset: self.part_offset(account, hash, bytes)?,
                },
                Decided::Held => OfferDecision::Held,
                Decided::NoRoom => refuse(Reason::Storage),
                Decided::Refused(quota) => OfferDecision::Refuse {
                    reason: Reason::Quota,
                    quota,
                },
            };
            if !matches!(decision, OfferDecision::Grant { .. }) {
                self.uploads.release(account, hash, session);
                offered.released.push(hash);
            }
            offered.say(hash, decision);
        }
        Ok(offered)
    }

    fn reserve(
        &self,
        account: AccountId,
        items: Vec<OfferItem>,
        now_ms: u64,
    ) -> Result<Reserved, StoreError> {
        let uploads = Arc::clone(&self.uploads);
        let quota_default = self.quota_default;
        let room = self.room_for_blobs()?;
        self.kv.update_for(account.owner(), move |view| {
            let row = account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
            let mut reserving = Reserving {
                view,
                account,
                limit: row.quota_bytes.unwrap_or(quota_default),
                ledger: ledger_row(&view, account)?,
                room,
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

    /// Bytes of blobs the disk still takes.
    fn room_for_blobs(&self) -> Result<u64, StoreError> {
        let disk = rustix::fs::statvfs(&self.dir).map_err(|error| StoreError::Io {
            path: self.dir.clone(),
            source: error.into(),
        })?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        Ok(free.saturating_sub(limit::BLOB_FLOOR_BYTES))
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
    /// The disk has no room.
    NoRoom,
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
    ledger: Ledger,
    /// Bytes the disk still takes.
    room: u64,
    batch: Batch,
    /// Parts nobody is receiving, given up to make room; `None` until room was needed.
    evicted: Option<Vec<BlobHash>>,
    is_claimed: Box<dyn Fn(BlobHash) -> bool>,
}

impl Reserving<'_> {
    fn item(&mut self, item: OfferItem, now_ms: u64) -> Result<Decided, StoreError> {
        let keys = Keys(self.account);
        if blob_row(&self.view, self.account, item.hash)?.is_some() {
            // Whoever offers it names it.
            clear(&self.view, self.account, item.hash, &mut self.batch)?;
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
        let Some(room) = self.room.checked_sub(more) else {
            return Ok(Decided::NoRoom);
        };
        self.room = room;
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

/// Why a kind, or its size, is not taken.
fn refused_kind(item: &OfferItem) -> Option<Reason> {
    match item.mime.parse::<Mime>() {
        Err(_) => Some(Reason::KindNotAllowed),
        Ok(mime) if item.bytes > mime.bytes_max() => Some(Reason::TooLarge),
        Ok(_) if item.bytes == 0 => Some(Reason::WrongLength),
        Ok(_) => None,
    }
}

fn refuse(reason: Reason) -> OfferDecision {
    OfferDecision::Refuse {
        reason,
        quota: Quota::default(),
    }
}
