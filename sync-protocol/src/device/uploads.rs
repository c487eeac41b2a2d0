//! Blobs on their way to the server: offered in pages, sent when granted, marked when stored; and offered again when another device asks for them.

use std::collections::{BTreeMap, BTreeSet};

use domain::BlobHash;

use super::{BlobFailure, BlobRefused, DeviceSession, OfferPage, Output, Phase};
use crate::close::CloseCode;
use crate::frame::{
    BlobAbsent, BlobBad, BlobData, BlobGrant, BlobOffer, BlobRefuse, Credit, OfferItem, Quota,
    Reason,
};
use crate::limit::BLOBS_A_FRAME_MAX;
use crate::sender::Outgoing;

/// Questions of the server that are being looked up at once; more are not answered (they are a favour).
const FINDING_MAX: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Uploads {
    after: Option<BlobHash>,
    reading: bool,
    scanned: bool,
    added: bool,
    finding: usize,
    offers: BTreeMap<BlobHash, Offer>,
    /// Not offered again in this session.
    refused: BTreeSet<BlobHash>,
}

#[derive(Debug)]
struct Offer {
    item: OfferItem,
    granted: bool,
    relay: bool,
    retried: bool,
    /// Another device has asked for it since: a refusal may be from before that.
    wanted: bool,
}

impl Uploads {
    pub fn scan_again(&mut self) {
        self.added = true;
        if self.scanned {
            self.scanned = false;
            self.after = None;
        }
    }

    /// There is more room: what was refused is worth another offer.
    pub fn forget_refusals(&mut self) {
        if !self.refused.is_empty() {
            self.refused.clear();
            self.scan_again();
        }
    }

    pub fn is_settled(&self) -> bool {
        self.scanned && self.offers.is_empty() && self.finding == 0
    }
}

impl DeviceSession {
    pub(super) fn advance_uploads(&mut self) {
        let room = self.uploads.offers.len() + BLOBS_A_FRAME_MAX <= self.limits.offers_max as usize
            || self.uploads.offers.is_empty();
        if !self.uploads.scanned && !self.uploads.reading && room {
            self.uploads.reading = true;
            self.uploads.added &= self.uploads.after.is_some();
            let after = self.uploads.after;
            let count_max = BLOBS_A_FRAME_MAX.min(self.limits.offers_max as usize);
            self.outputs
                .push_back(Output::ReadOffers { after, count_max });
        }
    }

    pub(super) fn offers_read(&mut self, page: OfferPage) {
        self.uploads.reading = false;
        let last = page.items.last().map(|item| item.hash);
        let more = page.more && last.is_some() && last > self.uploads.after;
        if more {
            self.uploads.after = last;
        } else {
            // Blobs added behind the place of the scan are found by another.
            self.uploads.scanned = !std::mem::take(&mut self.uploads.added);
            self.uploads.after = None;
        }
        let fresh = page
            .items
            .into_iter()
            .filter(|item| !self.uploads.refused.contains(&item.hash))
            .collect();
        self.offer(fresh);
    }

    fn offer(&mut self, items: Vec<OfferItem>) {
        if self.phase != Phase::Open {
            return;
        }
        let mut offered = Vec::with_capacity(items.len());
        for item in items {
            let hash = item.hash;
            let full = self.uploads.offers.len() >= self.limits.offers_max as usize;
            if self.uploads.offers.contains_key(&hash) || full {
                continue;
            }
            if item.bytes > u64::from(self.limits.blob_bytes_max) {
                self.refused(BlobRefused {
                    hash,
                    reason: Reason::TooLarge,
                    quota: Quota::default(),
                    bytes: item.bytes,
                });
                continue;
            }
            offered.push(item.clone());
            self.uploads.offers.insert(
                hash,
                Offer {
                    item,
                    granted: false,
                    relay: false,
                    retried: false,
                    wanted: false,
                },
            );
        }
        while !offered.is_empty() {
            let rest = offered.split_off(offered.len().min(BLOBS_A_FRAME_MAX));
            self.transmit(BlobOffer {
                items: std::mem::replace(&mut offered, rest),
            });
        }
    }

    fn refused(&mut self, refused: BlobRefused) {
        // Told once, until there is more room.
        if self.uploads.refused.insert(refused.hash) {
            self.outputs.push_back(Output::BlobRefused(refused));
        }
    }

    /// A relay of a blob is over at this end. The server had no room for it, so whoever has it now offers it again when there is more: its source may be
    /// gone by then.
    pub(super) fn relayed(&mut self, hash: BlobHash, bytes: u64) {
        let quota = self.quota;
        if quota.limit.saturating_sub(quota.used) >= bytes {
            // By now there is.
            return self.uploads.scan_again();
        }
        self.refused(BlobRefused {
            hash,
            reason: Reason::Quota,
            quota,
            bytes,
        });
    }

    pub(super) fn on_grant(&mut self, grant: BlobGrant) {
        for item in grant.items {
            let Some(offer) = self.uploads.offers.get_mut(&item.hash) else {
                self.transmit(BlobAbsent {
                    hashes: vec![item.hash],
                });
                continue;
            };
            if item.offset > offer.item.bytes || offer.granted {
                return self.fail(CloseCode::Malformed, "a grant that does not fit its offer");
            }
            offer.granted = true;
            offer.relay = item.relay;
            let (hash, offset, total, relay) =
                (item.hash, item.offset, offer.item.bytes, item.relay);
            self.sender.add(Outgoing {
                hash,
                offset,
                total,
                priority: 0,
                relay,
            });
        }
    }

    pub(super) fn on_held(&mut self, hashes: Vec<BlobHash>) {
        let held = hashes
            .into_iter()
            .filter(|hash| self.uploads.offers.remove(hash).is_some());
        let held: Vec<BlobHash> = held.collect();
        for hash in &held {
            self.sender.remove(hash);
        }
        if !held.is_empty() {
            self.outputs.push_back(Output::BlobsStored(held));
        }
    }

    pub(super) fn on_stored(&mut self, hashes: Vec<BlobHash>) {
        let sent_before = self.uploads.offers.len();
        self.on_held(hashes);
        self.counters.blobs_sent += (sent_before - self.uploads.offers.len()) as u64;
    }

    pub(super) fn on_refuse(&mut self, refuse: BlobRefuse) {
        for item in refuse.items {
            self.sender.remove(&item.hash);
            let Some(offer) = self.uploads.offers.remove(&item.hash) else {
                continue;
            };
            let quota = Quota {
                used: item.used,
                limit: item.limit,
            };
            if item.reason == Reason::Quota {
                self.quota = quota;
            }
            if offer.wanted {
                self.offer(vec![offer.item]);
            } else if item.reason == Reason::NobodyWaits {
                self.relayed(item.hash, offer.item.bytes);
            } else {
                self.refused(BlobRefused {
                    hash: item.hash,
                    reason: item.reason,
                    quota,
                    bytes: offer.item.bytes,
                });
            }
        }
    }

    /// The receiver found other bytes than the hash says: once more from the start, then a person hears of it.
    pub(super) fn upload_was_bad(&mut self, bad: &BlobBad) {
        self.sender.remove(&bad.hash);
        let Some(offer) = self.uploads.offers.get_mut(&bad.hash) else {
            return;
        };
        if matches!(
            bad.reason,
            Reason::KindNotAllowed | Reason::TooLarge | Reason::Infected
        ) {
            // Sent again it would be the same.
            let bytes = offer.item.bytes;
            self.uploads.offers.remove(&bad.hash);
            return self.refused(BlobRefused {
                hash: bad.hash,
                reason: bad.reason,
                quota: self.quota,
                bytes,
            });
        }
        if std::mem::replace(&mut offer.retried, true) {
            self.uploads.offers.remove(&bad.hash);
            self.uploads.refused.insert(bad.hash);
            self.outputs.push_back(Output::BlobFailed {
                hash: bad.hash,
                why: BlobFailure::Damaged,
            });
            return;
        }
        offer.granted = false;
        let items = vec![offer.item.clone()];
        self.transmit(BlobOffer { items });
    }

    pub(super) fn unreadable(&mut self, hash: BlobHash) {
        if self.uploads.offers.remove(&hash).is_some() && self.phase == Phase::Open {
            self.uploads.refused.insert(hash);
            self.transmit(BlobAbsent { hashes: vec![hash] });
            self.outputs.push_back(Output::BlobFailed {
                hash,
                why: BlobFailure::Unreadable,
            });
        }
    }

    pub(super) fn on_wanted(&mut self, hashes: Vec<BlobHash>) {
        if self.uploads.finding < FINDING_MAX && !hashes.is_empty() {
            self.uploads.finding += 1;
            self.outputs.push_back(Output::FindBlobs { hashes });
        }
    }

    pub(super) fn found(&mut self, items: Vec<OfferItem>) {
        self.uploads.finding = self.uploads.finding.saturating_sub(1);
        for item in &items {
            if let Some(offer) = self.uploads.offers.get_mut(&item.hash) {
                offer.wanted = true;
            }
        }
        self.offer(items);
    }

    /// A chunk goes to the socket. Of a relayed blob no more is heard after the last.
    pub(super) fn chunk_leaves(&mut self, data: &BlobData, last: bool) {
        if last
            && self
                .uploads
                .offers
                .get(&data.hash)
                .is_some_and(|offer| offer.relay)
        {
            self.uploads.offers.remove(&data.hash);
            self.counters.blobs_sent += 1;
            self.relayed(data.hash, data.total);
        }
    }

    pub(super) fn on_credit(&mut self, credit: Credit, now_ms: u64) {
        match credit.hash {
            Some(hash) => self.sender.handle_relay_credit(&hash, credit.bytes),
            None => self.sender.handle_credit(credit.bytes, now_ms),
        }
    }
}
