//! Blobs from the device: an offer is looked up and reserved, granted or refused, its bytes are written or, relayed, handed on, and what is stored is
//! acknowledged in groups.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::BlobHash;

use super::{
    BlobWritten, OfferAnswer, OfferDecision, Output, RelayChunk, ServerSession, WriteBlob,
};
use crate::close::CloseCode;
use crate::frame::{
    BlobBad, BlobData, BlobGrant, BlobHeld, BlobOffer, BlobRefuse, BlobStored, Credit, GrantItem,
    OfferItem, Quota, Reason, RefuseItem,
};
use crate::limit::{BLOBS_A_FRAME_MAX, RELAYS_MAX};
use crate::receiver::{Answer, Received};

#[derive(Debug, Default)]
pub(super) struct Uploads {
    /// Offered; the shell is deciding.
    asked: BTreeMap<BlobHash, OfferItem>,
    /// Stored or let go by another session while the shell was deciding: its answer may be from before.
    news: BTreeSet<BlobHash>,
    /// Another session receives them.
    waiting: BTreeMap<BlobHash, OfferItem>,
    granted: BTreeMap<BlobHash, u64>,
    relays: BTreeSet<BlobHash>,
    /// Relays beyond the bound, with offset and length.
    relays_waiting: VecDeque<(BlobHash, u64, u64)>,
    stored: Vec<BlobHash>,
}

impl Uploads {
    fn count(&self) -> usize {
        self.asked.len()
            + self.waiting.len()
            + self.granted.len()
            + self.relays.len()
            + self.relays_waiting.len()
    }

    fn knows(&self, hash: &BlobHash) -> bool {
        self.asked.contains_key(hash)
            || self.waiting.contains_key(hash)
            || self.granted.contains_key(hash)
            || self.relays.contains(hash)
            || self
                .relays_waiting
                .iter()
                .any(|(waiting, _, _)| waiting == hash)
    }
}

impl ServerSession {
    pub(super) fn on_offer(&mut self, offer: BlobOffer) {
        if offer.items.len() > BLOBS_A_FRAME_MAX {
            return self.fail(CloseCode::Malformed, "more offers than fit in a frame");
        }
        if self.uploads.count() + offer.items.len() > self.limits.offers_max as usize {
            return self.fail(CloseCode::Flood, "more offers than were answered");
        }
        let mut items = Vec::with_capacity(offer.items.len());
        let mut refused = Vec::new();
        for item in offer.items {
            if item.bytes > u64::from(self.limits.blob_bytes_max) {
                refused.push(refusal(item.hash, Reason::TooLarge, Quota::default()));
            } else if !self.uploads.knows(&item.hash) {
                items.push(item);
            }
        }
        self.refuse(refused);
        self.ask(items);
    }

    pub(super) fn offered(&mut self, answers: Vec<OfferAnswer>, now_ms: u64) {
        let (mut grants, mut held, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        let mut ask_again = Vec::new();
        for OfferAnswer { hash, decision } in answers {
            let Some(item) = self.uploads.asked.remove(&hash) else {
                continue;
            };
            let news = self.uploads.news.remove(&hash);
            match decision {
                OfferDecision::Grant { offset } => {
                    let offset = offset.min(item.bytes);
                    self.uploads.granted.insert(hash, item.bytes);
                    self.receiver
                        .expect(hash, offset, Some(item.bytes), item.bytes, now_ms);
                    grants.push(GrantItem {
                        hash,
                        offset,
                        relay: false,
                    });
                }
                OfferDecision::Held => held.push(hash),
                OfferDecision::Wait if news => ask_again.push(item),
                OfferDecision::Wait => {
                    self.uploads.waiting.insert(hash, item);
                }
                OfferDecision::Relay { offset } => self.uploads.relays_waiting.push_back((
                    hash,
                    offset.min(item.bytes),
                    item.bytes,
                )),
                OfferDecision::Refuse { reason, quota } => {
                    refused.push(refusal(hash, reason, quota))
                }
            }
        }
        if !grants.is_empty() {
            self.transmit(BlobGrant { items: grants });
        }
        if !held.is_empty() {
            self.transmit(BlobHeld { hashes: held });
        }
        self.refuse(refused);
        self.ask(ask_again);
    }

    fn ask(&mut self, items: Vec<OfferItem>) {
        if !items.is_empty() {
            self.uploads
                .asked
                .extend(items.iter().map(|item| (item.hash, item.clone())));
            self.outputs.push_back(Output::OfferBlobs(items));
        }
    }

    fn refuse(&mut self, items: Vec<RefuseItem>) {
        if !items.is_empty() {
            self.transmit(BlobRefuse { items });
        }
    }

    /// Starts relays that waited for their turn, and acknowledges what was stored since.
    pub(super) fn advance_uploads(&mut self, now_ms: u64) {
        while self.uploads.relays.len() < RELAYS_MAX
            && let Some((hash, offset, bytes)) = self.uploads.relays_waiting.pop_front()
        {
            self.uploads.relays.insert(hash);
            self.receiver
                .expect(hash, offset, Some(bytes), bytes, now_ms);
            self.transmit(BlobGrant {
                items: vec![GrantItem {
                    hash,
                    offset,
                    relay: true,
                }],
            });
        }
        let stored = std::mem::take(&mut self.uploads.stored);
        if !stored.is_empty()
            && let Some(quota) = self.quota_stored.take()
        {
            self.handle_quota(quota, now_ms);
        }
        for hashes in stored.chunks(BLOBS_A_FRAME_MAX) {
            self.outputs
                .push_back(Output::AnnounceBlobs(hashes.to_vec()));
            self.transmit(BlobStored {
                hashes: hashes.to_vec(),
            });
        }
    }

    pub(super) fn on_data(&mut self, data: BlobData, now_ms: u64) {
        let write = match self.receiver.handle_data(data, now_ms) {
            Ok(Received::Write(write)) => write,
            Ok(Received::Stray) => return,
            Err(violation) => return self.fail(CloseCode::Malformed, &violation.to_string()),
        };
        if !self.uploads.relays.contains(&write.hash) {
            self.outputs.push_back(Output::WriteBlob(write));
            return;
        }
        let WriteBlob {
            hash,
            offset,
            total,
            bytes,
        } = write;
        self.receiver.handle_written(&hash, bytes.len(), now_ms);
        if offset + bytes.len() as u64 == total {
            self.receiver.forget(&hash);
            self.uploads.relays.remove(&hash);
        }
        self.outputs.push_back(Output::RelayChunk(RelayChunk {
            hash,
            offset,
            total,
            bytes,
        }));
    }

    pub(super) fn blob_written(
        &mut self,
        hash: BlobHash,
        bytes: usize,
        written: BlobWritten,
        now_ms: u64,
    ) {
        let answer = self.receiver.handle_written(&hash, bytes, now_ms);
        if answer == Answer::Stale
            || written == BlobWritten::Piece
            || self.uploads.granted.remove(&hash).is_none()
        {
            return;
        }
        self.receiver.forget(&hash);
        match written {
            BlobWritten::Piece => {}
            BlobWritten::Stored => {
                self.uploads.stored.push(hash);
                self.device_has(hash);
            }
            BlobWritten::Bad(reason) => self.transmit(BlobBad { hash, reason }),
            BlobWritten::Failed(reason) => {
                self.refuse(vec![refusal(hash, reason, Quota::default())])
            }
        }
    }

    /// The device can not send what it offered.
    pub(super) fn on_absent(&mut self, hashes: Vec<BlobHash>) {
        let mut abandoned = Vec::new();
        for hash in hashes {
            self.receiver.forget(&hash);
            if self.uploads.granted.remove(&hash).is_some() {
                abandoned.push(hash);
            }
            if self.uploads.relays.remove(&hash) {
                self.outputs.push_back(Output::RelayEnded(hash));
            }
        }
        if !abandoned.is_empty() {
            self.outputs.push_back(Output::AbandonBlobs(abandoned));
        }
    }

    /// Waiting offers of blobs that another session has stored meanwhile.
    pub(super) fn offers_available(&mut self, hashes: &[BlobHash]) {
        let held: Vec<BlobHash> = hashes
            .iter()
            .copied()
            .filter(|hash| self.uploads.waiting.remove(hash).is_some())
            .collect();
        self.note_news(hashes);
        if !held.is_empty() {
            self.transmit(BlobHeld { hashes: held });
        }
    }

    pub(super) fn blobs_free(&mut self, hashes: &[BlobHash]) {
        let items: Vec<OfferItem> = hashes
            .iter()
            .filter_map(|hash| self.uploads.waiting.remove(hash))
            .collect();
        self.note_news(hashes);
        self.ask(items);
    }

    fn note_news(&mut self, hashes: &[BlobHash]) {
        let Uploads { asked, news, .. } = &mut self.uploads;
        news.extend(hashes.iter().filter(|hash| asked.contains_key(hash)));
    }

    /// The target of a relay took bytes: the source may send as many more.
    pub(super) fn relay_credit(&mut self, hash: BlobHash, bytes: u64) {
        if self.uploads.relays.contains(&hash) {
            self.transmit(Credit {
                bytes,
                hash: Some(hash),
            });
        }
    }

    /// `true`: this session was the source, and has stopped.
    pub(super) fn source_ended(&mut self, hash: BlobHash) -> bool {
        let waiting = self.uploads.relays_waiting.len();
        self.uploads
            .relays_waiting
            .retain(|(other, _, _)| *other != hash);
        let was_source =
            self.uploads.relays.remove(&hash) || self.uploads.relays_waiting.len() < waiting;
        if was_source {
            self.receiver.forget(&hash);
            self.refuse(vec![refusal(hash, Reason::NobodyWaits, Quota::default())]);
        }
        was_source
    }

    /// When the device counts as stalled. A relay is paced by its target, so only stored uploads count.
    pub(super) fn uploads_stalled_at(&self) -> Option<u64> {
        self.receiver
            .stalled_at()
            .filter(|_| !self.uploads.granted.is_empty())
    }

    pub(super) fn release_uploads(&mut self) {
        let granted: Vec<BlobHash> = std::mem::take(&mut self.uploads.granted)
            .into_keys()
            .collect();
        if !granted.is_empty() {
            self.outputs.push_back(Output::AbandonBlobs(granted));
        }
        let relays = std::mem::take(&mut self.uploads.relays);
        let waiting = std::mem::take(&mut self.uploads.relays_waiting);
        for hash in relays
            .into_iter()
            .chain(waiting.into_iter().map(|(hash, _, _)| hash))
        {
            self.outputs.push_back(Output::RelayEnded(hash));
        }
    }
}

fn refusal(hash: BlobHash, reason: Reason, quota: Quota) -> RefuseItem {
    RefuseItem {
        hash,
        reason,
        used: quota.used,
        limit: quota.limit,
    }
}
