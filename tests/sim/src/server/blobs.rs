//! Blobs as the server's store keeps them: claimed (memory), reserved (row), received (part file), verified, named and charged; and what a start puts right.

use std::rc::Rc;

use domain::BlobHash;
use sync_protocol::server::{BlobRead, BlobWritten, OfferAnswer, OfferDecision, WriteBlob};
use sync_protocol::{OfferItem, Quota, Reason};

use super::rows::{Put, Reservation};
use super::{ConnId, Server};

/// What was decided on offers.
#[derive(Debug, Default)]
pub struct Offered {
    pub answers: Vec<OfferAnswer>,
    /// Claimed for the moment of deciding only.
    pub released: Vec<BlobHash>,
}

impl Server {
    /// Decides on offers; what is granted is reserved when the commit is flushed.
    pub fn offer(&mut self, account: usize, conn: ConnId, items: &[OfferItem]) -> Offered {
        let mut offered = Offered::default();
        let mut evicted = false;
        for item in items {
            let hash = item.hash;
            let claims = &mut self.accounts[account].claims;
            let decision = if *claims.entry(hash).or_insert(conn) != conn {
                OfferDecision::Wait
            } else {
                let decision = self.decide(account, item, &mut evicted, &mut offered.released);
                if !matches!(decision, OfferDecision::Grant { .. }) {
                    self.accounts[account].claims.remove(&hash);
                    offered.released.push(hash);
                }
                decision
            };
            offered.answers.push(OfferAnswer { hash, decision });
        }
        offered
    }

    fn decide(
        &mut self,
        account: usize,
        item: &OfferItem,
        evicted: &mut bool,
        released: &mut Vec<BlobHash>,
    ) -> OfferDecision {
        let seen = &self.accounts[account].seen;
        if seen.blobs.contains_key(&item.hash) {
            return OfferDecision::Held;
        }
        let held = seen.reservations.get(&item.hash).map_or(0, |row| row.held);
        let more = item.bytes.saturating_sub(held);
        if seen.quota().used + more > seen.limit && !std::mem::replace(evicted, true) {
            released.extend(self.evict(account));
        }
        let quota = self.accounts[account].seen.quota();
        if quota.used + more > quota.limit {
            let reason = Reason::Quota;
            return OfferDecision::Refuse { reason, quota };
        }
        if self.full {
            return OfferDecision::Refuse {
                reason: Reason::Storage,
                quota: Quota::default(),
            };
        }
        let row = Reservation {
            bytes: item.bytes,
            held: item.bytes,
        };
        self.commit(account, vec![Put::Reservation(item.hash, Some(row))]);
        let part = self.disk.accounts[account]
            .parts
            .get(&item.hash)
            .map_or(0, Vec::len) as u64;
        OfferDecision::Grant {
            offset: if part <= item.bytes { part } else { 0 },
        }
    }

    /// Gives up every part that no session is receiving.
    fn evict(&mut self, account: usize) -> Vec<BlobHash> {
        let of = &self.accounts[account];
        let idle = of
            .seen
            .reservations
            .keys()
            .filter(|hash| !of.claims.contains_key(*hash));
        let idle: Vec<BlobHash> = idle.copied().collect();
        for hash in &idle {
            self.commit(account, vec![Put::Reservation(*hash, None)]);
            self.disk.accounts[account].parts.remove(hash);
        }
        idle
    }

    /// Takes a piece; the last one verifies and charges the blob.
    pub fn write_blob(&mut self, account: usize, conn: ConnId, write: &WriteBlob) -> BlobWritten {
        let hash = write.hash;
        if self.accounts[account].claims.get(&hash) != Some(&conn) {
            return BlobWritten::Failed(Reason::Storage);
        }
        if self.full {
            self.abandon(account, conn, &[hash]);
            return BlobWritten::Failed(Reason::Storage);
        }
        let reserved = self.accounts[account].seen.reservations.get(&hash).copied();
        if reserved.is_none_or(|row| row.bytes != write.total) {
            self.fail_upload(account, conn, hash);
            return BlobWritten::Bad(Reason::WrongLength);
        }
        let part = self.disk.accounts[account].parts.entry(hash).or_default();
        if write.offset == 0 && !write.bytes.is_empty() {
            part.clear();
        }
        if part.len() as u64 != write.offset {
            self.fail_upload(account, conn, hash);
            return BlobWritten::Bad(Reason::WrongLength);
        }
        part.extend(&write.bytes);
        if part.len() as u64 != write.total {
            return BlobWritten::Piece;
        }
        if blake3::hash(part).as_bytes() != hash.as_bytes() {
            self.fail_upload(account, conn, hash);
            return BlobWritten::Bad(Reason::WrongHash);
        }
        let bytes = self.disk.accounts[account]
            .parts
            .remove(&hash)
            .unwrap_or_default();
        self.disk.accounts[account]
            .files
            .insert(hash, Rc::new(bytes));
        self.commit(
            account,
            vec![
                Put::Reservation(hash, None),
                Put::Blob(hash, Some(write.total)),
            ],
        );
        self.accounts[account].claims.remove(&hash);
        BlobWritten::Stored
    }

    fn fail_upload(&mut self, account: usize, conn: ConnId, hash: BlobHash) {
        self.disk.accounts[account].parts.remove(&hash);
        self.abandon(account, conn, &[hash]);
    }

    /// Ends a session's grants: their reservations shrink to what lies in the part files.
    pub fn abandon(&mut self, account: usize, conn: ConnId, hashes: &[BlobHash]) -> Vec<BlobHash> {
        let mut freed = Vec::new();
        for hash in hashes {
            if self.accounts[account].claims.get(hash) != Some(&conn) {
                continue;
            }
            self.accounts[account].claims.remove(hash);
            freed.push(*hash);
            self.shrink(account, *hash);
        }
        freed
    }

    fn shrink(&mut self, account: usize, hash: BlobHash) {
        let part = self.disk.accounts[account]
            .parts
            .get(&hash)
            .map_or(0, Vec::len) as u64;
        if let Some(row) = self.accounts[account].seen.reservations.get(&hash).copied() {
            let held = part.min(row.held);
            let row = (held > 0).then_some(Reservation { held, ..row });
            self.commit(account, vec![Put::Reservation(hash, row)]);
        }
    }

    pub fn abandon_session(&mut self, account: usize, conn: ConnId) -> Vec<BlobHash> {
        let claims = self.accounts[account]
            .claims
            .iter()
            .filter(|(_, owner)| **owner == conn);
        let hashes: Vec<BlobHash> = claims.map(|(hash, _)| *hash).collect();
        self.abandon(account, conn, &hashes)
    }

    /// Reads a piece of a blob.
    pub fn read_blob(&self, account: usize, hash: &BlobHash, offset: u64, len: usize) -> BlobRead {
        let file = self.disk.accounts[account].files.get(hash);
        let bytes = file.and_then(|file| file.get(offset as usize..offset as usize + len));
        bytes.map_or(BlobRead::Failed, |bytes| BlobRead::Bytes(bytes.to_vec()))
    }

    /// A device found the bytes of a blob bad: a damaged file goes.
    pub fn suspect(&mut self, account: usize, hash: BlobHash) {
        let files = &mut self.disk.accounts[account].files;
        let whole = files
            .get(&hash)
            .is_some_and(|file| blake3::hash(file).as_bytes() == hash.as_bytes());
        if !whole && self.accounts[account].seen.blobs.contains_key(&hash) {
            files.remove(&hash);
            self.commit(account, vec![Put::Blob(hash, None)]);
        }
    }

    /// At a start: a reservation whose blob is in place becomes use, any other shrinks to its part; files no row names go.
    pub(super) fn recount(&mut self) {
        for account in &mut self.disk.accounts {
            let mut puts = Vec::new();
            for (hash, row) in &account.rows.reservations {
                let file = account.files.get(hash);
                if file.is_some_and(|file| file.len() as u64 == row.bytes) {
                    puts.push(Put::Reservation(*hash, None));
                    puts.push(Put::Blob(*hash, Some(row.bytes)));
                    continue;
                }
                let held = account.parts.get(hash).map_or(0, Vec::len) as u64;
                let held = held.min(row.bytes);
                puts.push(Put::Reservation(
                    *hash,
                    (held > 0).then_some(Reservation { held, ..*row }),
                ));
            }
            puts.iter().for_each(|put| account.rows.apply(put));
            let rows = &account.rows;
            account
                .files
                .retain(|hash, _| rows.blobs.contains_key(hash));
            account
                .parts
                .retain(|hash, _| rows.reservations.contains_key(hash));
        }
    }
}
