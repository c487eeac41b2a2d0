//! The target's end of a relay: pieces another device sends go straight through to this one, held back by what this one takes. (The source's end is
//! an upload that is not stored: uploads.rs.)

use std::collections::BTreeMap;

use domain::BlobHash;

use super::{Output, RelayChunk, ServerSession, Waiting};
use crate::frame::{BlobData, GetItem};
use crate::limit::RELAY_BUFFER_BYTES_MAX;

#[derive(Debug, Default)]
pub(super) struct RelaysIn {
    relays: BTreeMap<BlobHash, RelayIn>,
    /// Handed over and not yet taken by the device.
    buffered_bytes: u64,
}

#[derive(Debug)]
struct RelayIn {
    get: GetItem,
    next: u64,
    total: u64,
    taken: u64,
}

impl RelaysIn {
    pub fn contains(&self, hash: &BlobHash) -> bool {
        self.relays.contains_key(hash)
    }

    /// Forgets a relay. `false`: there was none.
    pub fn remove(&mut self, hash: &BlobHash) -> bool {
        self.end(hash).is_some()
    }

    pub fn take(&mut self) -> Vec<BlobHash> {
        self.buffered_bytes = 0;
        std::mem::take(&mut self.relays).into_keys().collect()
    }

    fn end(&mut self, hash: &BlobHash) -> Option<RelayIn> {
        let relay = self.relays.remove(hash)?;
        self.buffered_bytes -= (relay.next - relay.get.offset).saturating_sub(relay.taken);
        Some(relay)
    }
}

impl ServerSession {
    pub(super) fn relay_chunk(&mut self, chunk: RelayChunk) {
        let RelayChunk {
            hash,
            offset,
            total,
            bytes,
        } = chunk;
        if let Some(get) = self.downloads.absent.remove(&hash) {
            let relay = RelayIn {
                next: get.offset,
                get,
                total,
                taken: 0,
            };
            self.relays_in.relays.insert(hash, relay);
        }
        let Some(relay) = self.relays_in.relays.get_mut(&hash) else {
            return self.outputs.push_back(Output::RelayEnded(hash));
        };
        let len = bytes.len() as u64;
        let fits = self.relays_in.buffered_bytes + len <= RELAY_BUFFER_BYTES_MAX;
        if offset != relay.next || total != relay.total || !fits {
            self.outputs.push_back(Output::RelayEnded(hash));
            return self.relay_ended(hash);
        }
        relay.next += len;
        self.relays_in.buffered_bytes += len;
        self.sender.push_relayed(BlobData {
            hash,
            offset,
            total,
            bytes,
            relayed: true,
        });
    }

    /// The device took bytes of a relayed blob.
    pub(super) fn relay_taken(&mut self, hash: BlobHash, bytes: u64) {
        let Some(relay) = self.relays_in.relays.get_mut(&hash) else {
            return;
        };
        let bytes = bytes.min(relay.next - relay.get.offset - relay.taken);
        relay.taken += bytes;
        self.relays_in.buffered_bytes -= bytes;
        self.outputs.push_back(Output::RelayCredit { hash, bytes });
    }

    /// The device has relayed blobs whole.
    pub(super) fn on_stored(&mut self, hashes: Vec<BlobHash>) {
        let done: Vec<BlobHash> = hashes
            .into_iter()
            .filter(|hash| self.relays_in.remove(hash))
            .collect();
        for hash in &done {
            self.outputs.push_back(Output::RelayEnded(*hash));
        }
        if !done.is_empty() {
            self.outputs.push_back(Output::StopAsking(done));
        }
    }

    pub(super) fn relay_ended(&mut self, hash: BlobHash) {
        if self.source_ended(hash) {
            return;
        }
        let whole = self
            .relays_in
            .relays
            .get(&hash)
            .is_some_and(|relay| relay.next == relay.total);
        if whole {
            // Everything has been handed over: the source may go.
            return;
        }
        if let Some(relay) = self.relays_in.end(&hash) {
            let offset = self.sender.remove(&hash).unwrap_or(relay.next);
            self.are_absent(vec![GetItem {
                offset,
                ..relay.get
            }]);
        } else if let Some(get) = self.downloads.absent.get(&hash) {
            // It ended before its first piece; whoever offered meanwhile may have been sent away.
            let offset = get.offset;
            self.outputs
                .push_back(Output::AskOthers(vec![Waiting { hash, offset }]));
        }
    }
}
