//! Blobs to the device: what it asks for is looked up and sent, and what is not here is remembered, asked of the account's other devices, and announced
//! when it comes.

use std::collections::{BTreeMap, BTreeSet};

use domain::BlobHash;

use super::{Found, Output, Phase, ServerSession, Waiting};
use crate::close::CloseCode;
use crate::frame::{
    BlobAbsent, BlobAvailable, BlobBad, BlobGet, BlobWanted, Credit, GetItem, Reason,
};
use crate::limit::{BLOBS_A_FRAME_MAX, GETS_MAX};
use crate::sender::Outgoing;

#[derive(Debug, Default)]
pub(super) struct Downloads {
    /// Asked for; the shell is looking.
    finding: BTreeMap<BlobHash, GetItem>,
    /// Stored by another session while the shell was looking: its answer may be from before.
    arrived: BTreeSet<BlobHash>,
    /// The device found their bytes bad and the shell is verifying them; what it has asked for again meanwhile.
    suspects: BTreeMap<BlobHash, Option<GetItem>>,
    /// Not here; what the device said when it asked.
    pub(super) absent: BTreeMap<BlobHash, GetItem>,
}

impl ServerSession {
    pub(super) fn on_get(&mut self, get: BlobGet) {
        if get.items.len() > BLOBS_A_FRAME_MAX {
            return self.fail(CloseCode::Malformed, "more blobs than fit in a frame");
        }
        let Downloads {
            finding,
            absent,
            suspects,
            ..
        } = &self.downloads;
        let known = finding.len() + absent.len() + suspects.len() + self.sender.jobs();
        if known + get.items.len() > GETS_MAX {
            return self.fail(
                CloseCode::Flood,
                "more blobs asked for than can be remembered",
            );
        }
        let mut hashes = Vec::with_capacity(get.items.len());
        for item in get.items {
            if self.sender.prioritise(&item.hash, item.priority)
                || self.relays_in.contains(&item.hash)
            {
                continue;
            }
            self.downloads.absent.remove(&item.hash);
            let hash = item.hash;
            if let Some(again) = self.downloads.suspects.get_mut(&hash) {
                *again = Some(item);
                continue;
            }
            if self.downloads.finding.insert(hash, item).is_none() {
                hashes.push(hash);
            }
        }
        if !hashes.is_empty() {
            self.outputs.push_back(Output::FindBlobs(hashes));
        }
    }

    pub(super) fn found(&mut self, found: Vec<Found>) {
        let (mut absent, mut look_again) = (Vec::new(), Vec::new());
        for Found { hash, bytes } in found {
            let Some(item) = self.downloads.finding.remove(&hash) else {
                continue;
            };
            let arrived = self.downloads.arrived.remove(&hash);
            match bytes {
                Some(total) if item.offset > total => {
                    self.transmit(BlobBad {
                        hash,
                        reason: Reason::WrongLength,
                    });
                }
                Some(total) => {
                    let (offset, priority) = (item.offset, item.priority);
                    self.sender.add(Outgoing {
                        hash,
                        offset,
                        total,
                        priority,
                        relay: false,
                    });
                }
                None if arrived => {
                    self.downloads.finding.insert(hash, item);
                    look_again.push(hash);
                }
                None => absent.push(item),
            }
        }
        self.are_absent(absent);
        if !look_again.is_empty() {
            self.outputs.push_back(Output::FindBlobs(look_again));
        }
    }

    /// Tells the device that these are not here, and asks the account's other devices.
    pub(super) fn are_absent(&mut self, items: Vec<GetItem>) {
        if items.is_empty() || self.phase != Phase::Open {
            return;
        }
        let hashes = items.iter().map(|item| item.hash).collect();
        let waiting = items
            .iter()
            .map(|item| Waiting {
                hash: item.hash,
                offset: item.offset,
            })
            .collect();
        self.downloads
            .absent
            .extend(items.into_iter().map(|item| (item.hash, item)));
        self.transmit(BlobAbsent { hashes });
        self.outputs.push_back(Output::AskOthers(waiting));
    }

    /// The file was there when it was looked up and can not be read.
    pub(super) fn unreadable(&mut self, hash: BlobHash, offset: u64) {
        if self.phase != Phase::Open {
            return;
        }
        self.suspect(hash);
        let priority = 0;
        self.are_absent(vec![GetItem {
            hash,
            offset,
            priority,
        }]);
    }

    pub(super) fn blobs_available(&mut self, hashes: &[BlobHash]) {
        self.offers_available(hashes);
        let Downloads {
            finding,
            arrived,
            absent,
            ..
        } = &mut self.downloads;
        arrived.extend(hashes.iter().filter(|hash| finding.contains_key(hash)));
        let here: Vec<BlobHash> = hashes
            .iter()
            .copied()
            .filter(|hash| absent.remove(hash).is_some())
            .collect();
        if !here.is_empty() {
            self.outputs.push_back(Output::StopAsking(here.clone()));
            self.transmit(BlobAvailable { hashes: here });
        }
    }

    /// The device asked for it before, and has brought it itself meanwhile.
    pub(super) fn device_has(&mut self, hash: BlobHash) {
        if self.downloads.absent.remove(&hash).is_some() {
            self.outputs.push_back(Output::StopAsking(vec![hash]));
        }
    }

    pub(super) fn blobs_wanted(&mut self, hashes: &[BlobHash]) {
        for hashes in hashes.chunks(BLOBS_A_FRAME_MAX) {
            self.transmit(BlobWanted {
                hashes: hashes.to_vec(),
            });
        }
    }

    pub(super) fn on_bad(&mut self, bad: BlobBad) {
        self.sender.remove(&bad.hash);
        if self.relays_in.remove(&bad.hash) {
            // The device asks again; then it is looked for anew.
            self.outputs.push_back(Output::StopAsking(vec![bad.hash]));
            self.outputs.push_back(Output::RelayEnded(bad.hash));
        } else if matches!(bad.reason, Reason::WrongHash | Reason::WrongLength) {
            self.suspect(bad.hash);
        }
    }

    fn suspect(&mut self, hash: BlobHash) {
        if self.downloads.suspects.insert(hash, None).is_none() {
            self.outputs.push_back(Output::BlobSuspect(hash));
        }
    }

    /// A suspect is verified: what the device asked for again meanwhile is looked up now, so that it does not get the same bytes again.
    pub(super) fn verified(&mut self, hash: BlobHash) {
        let Some(Some(item)) = self.downloads.suspects.remove(&hash) else {
            return;
        };
        if self.phase == Phase::Open && self.downloads.finding.insert(hash, item).is_none() {
            self.outputs.push_back(Output::FindBlobs(vec![hash]));
        }
    }

    pub(super) fn on_credit(&mut self, credit: Credit, now_ms: u64) {
        self.sender.handle_credit(credit.bytes, now_ms);
        if let Some(hash) = credit.hash {
            self.relay_taken(hash, credit.bytes);
        }
    }

    pub(super) fn release_downloads(&mut self) {
        let mut waited: Vec<BlobHash> = std::mem::take(&mut self.downloads.absent)
            .into_keys()
            .collect();
        for hash in self.relays_in.take() {
            self.outputs.push_back(Output::RelayEnded(hash));
            waited.push(hash);
        }
        if !waited.is_empty() {
            self.outputs.push_back(Output::StopAsking(waited));
        }
    }
}
