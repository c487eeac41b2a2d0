//! The table of an account's open sessions, with the letter boxes of the server's own hub: sets and latest values, looked at whenever the session gets to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::{BlobHash, DeviceId};
use sync_protocol::server::{RelayChunk, Waiting};
use sync_protocol::{CloseCode, Quota};

use super::ConnId;

/// Open sockets of one account.
const CONNECTIONS_MAX: usize = 16;
/// Relayed chunks that may wait for one session.
const RELAY_CHUNKS_MAX: usize = 128;

/// News for one session since it last looked.
#[derive(Debug, Default)]
pub struct Mail {
    pub head: Option<u64>,
    pub available: BTreeSet<BlobHash>,
    pub free: BTreeSet<BlobHash>,
    pub wanted: BTreeSet<BlobHash>,
    pub chunks: VecDeque<RelayChunk>,
    pub credits: BTreeMap<BlobHash, u64>,
    pub relays_ended: BTreeSet<BlobHash>,
    pub quota: Option<Quota>,
    pub close: Option<(CloseCode, &'static str)>,
}

#[derive(Debug)]
struct Seat {
    device: DeviceId,
    mail: Mail,
}

/// The open sessions of an account.
#[derive(Debug, Default)]
pub struct Hub {
    seats: BTreeMap<ConnId, Seat>,
    pub waiting: BTreeMap<BlobHash, BTreeMap<ConnId, u64>>,
    target_by_source: BTreeMap<(ConnId, BlobHash), ConnId>,
    source_by_target: BTreeMap<(ConnId, BlobHash), ConnId>,
    /// Who got news since this was last emptied.
    pub rang: BTreeSet<ConnId>,
}

impl Hub {
    /// Takes a seat. At the bound, an older connection of the same device makes room.
    pub fn join(&mut self, id: ConnId, device: DeviceId) -> bool {
        if self.seats.len() >= CONNECTIONS_MAX {
            let older = self
                .seats
                .iter()
                .find(|(_, seat)| seat.device == device)
                .map(|(id, _)| *id);
            let Some(older) = older else { return false };
            self.tell(older, |mail| {
                mail.close = Some((CloseCode::Unavailable, "replaced"))
            });
            if self.seats.len() >= 2 * CONNECTIONS_MAX {
                return false;
            }
        }
        let mail = Mail::default();
        self.seats.insert(id, Seat { device, mail });
        true
    }

    pub fn leave(&mut self, id: ConnId) {
        self.seats.remove(&id);
        let relays: Vec<BlobHash> = self
            .target_by_source
            .keys()
            .chain(self.source_by_target.keys())
            .filter(|(session, _)| *session == id)
            .map(|(_, hash)| *hash)
            .collect();
        relays
            .into_iter()
            .for_each(|hash| self.relay_ended(id, hash));
        let waited: Vec<BlobHash> = self.waiting.keys().copied().collect();
        self.stop_asking(id, &waited);
    }

    pub fn take(&mut self, id: ConnId) -> Mail {
        self.seats
            .get_mut(&id)
            .map(|seat| std::mem::take(&mut seat.mail))
            .unwrap_or_default()
    }

    /// Ends every session of a device.
    pub fn close(&mut self, device: DeviceId) {
        let of_device: Vec<ConnId> = self
            .seats
            .iter()
            .filter(|(_, seat)| seat.device == device)
            .map(|(id, _)| *id)
            .collect();
        for id in of_device {
            self.tell(id, |mail| {
                mail.close = Some((CloseCode::Unauthorized, "removed"))
            });
        }
    }

    pub fn quota(&mut self, quota: Quota) {
        self.tell_others(0, |mail| mail.quota = Some(quota));
    }

    fn tell(&mut self, id: ConnId, change: impl FnOnce(&mut Mail)) {
        if let Some(seat) = self.seats.get_mut(&id) {
            change(&mut seat.mail);
            self.rang.insert(id);
        }
    }

    /// Tells every session but one.
    pub fn tell_others(&mut self, id: ConnId, change: impl Fn(&mut Mail)) {
        let others: Vec<ConnId> = self
            .seats
            .keys()
            .copied()
            .filter(|other| *other != id)
            .collect();
        others
            .into_iter()
            .for_each(|other| self.tell(other, &change));
    }

    pub fn blobs_free(&mut self, id: ConnId, hashes: &[BlobHash]) {
        if !hashes.is_empty() {
            self.tell_others(id, |mail| mail.free.extend(hashes));
        }
    }

    /// Learns what the others wait for.
    pub fn ask_me(&mut self, id: ConnId) {
        let others = |sessions: &BTreeMap<ConnId, u64>| sessions.keys().any(|other| *other != id);
        let wanted: Vec<BlobHash> = self
            .waiting
            .iter()
            .filter(|(_, sessions)| others(sessions))
            .map(|(hash, _)| *hash)
            .collect();
        if !wanted.is_empty() {
            self.tell(id, |mail| mail.wanted.extend(wanted));
        }
    }

    pub fn ask_others(&mut self, id: ConnId, waiting: &[Waiting]) {
        for item in waiting {
            self.waiting
                .entry(item.hash)
                .or_default()
                .insert(id, item.offset);
        }
        self.tell_others(id, |mail| {
            mail.wanted.extend(waiting.iter().map(|item| item.hash))
        });
    }

    pub fn stop_asking(&mut self, id: ConnId, hashes: &[BlobHash]) {
        for hash in hashes {
            let Some(sessions) = self.waiting.get_mut(hash) else {
                continue;
            };
            let waited = sessions.remove(&id).is_some();
            let left: BTreeSet<ConnId> = sessions.keys().copied().collect();
            if left.is_empty() {
                self.waiting.remove(hash);
            } else if waited {
                self.want_of(&left, id, *hash);
            }
        }
    }

    fn want_of(&mut self, except: &BTreeSet<ConnId>, id: ConnId, hash: BlobHash) {
        let helpers: Vec<ConnId> = self
            .seats
            .keys()
            .copied()
            .filter(|other| !except.contains(other) && *other != id)
            .collect();
        for helper in helpers {
            self.tell(helper, |mail| {
                mail.wanted.insert(hash);
            });
        }
    }

    /// Pairs this session, which has a blob, with one that waits for it and has no source yet.
    pub fn relay_from(&mut self, id: ConnId, hash: BlobHash) -> Option<u64> {
        if self.target_by_source.contains_key(&(id, hash)) {
            return None;
        }
        let waiting = self.waiting.get(&hash)?;
        let knows_of_end = |target: &ConnId| {
            self.seats
                .get(target)
                .is_some_and(|seat| !seat.mail.relays_ended.contains(&hash))
        };
        let free = |target: &ConnId| {
            *target != id
                && !self.source_by_target.contains_key(&(*target, hash))
                && knows_of_end(target)
        };
        let (target, offset) = waiting
            .iter()
            .map(|(target, offset)| (*target, *offset))
            .find(|(target, _)| free(target))?;
        self.target_by_source.insert((id, hash), target);
        self.source_by_target.insert((target, hash), id);
        // What still lies in their boxes is of the relay before.
        self.tell(id, |mail| {
            mail.relays_ended.remove(&hash);
            mail.credits.remove(&hash);
        });
        self.tell(target, |mail| {
            mail.chunks.retain(|chunk| chunk.hash != hash)
        });
        Some(offset)
    }

    pub fn relay_chunk(&mut self, id: ConnId, chunk: RelayChunk) {
        let hash = chunk.hash;
        let Some(target) = self.target_by_source.get(&(id, hash)).copied() else {
            return self.tell(id, |mail| {
                mail.relays_ended.insert(hash);
            });
        };
        let mut full = false;
        self.tell(target, |mail| {
            full = mail.chunks.len() >= RELAY_CHUNKS_MAX;
            if !full {
                mail.chunks.push_back(chunk);
            }
        });
        if full {
            self.tell(id, |mail| {
                mail.relays_ended.insert(hash);
            });
            self.relay_ended(id, hash);
        }
    }

    pub fn relay_credit(&mut self, id: ConnId, hash: BlobHash, bytes: u64) {
        if let Some(source) = self.source_by_target.get(&(id, hash)).copied() {
            self.tell(source, |mail| {
                *mail.credits.entry(hash).or_default() += bytes
            });
        }
    }

    /// A session's part in relaying the blob is over.
    pub fn relay_ended(&mut self, id: ConnId, hash: BlobHash) {
        let mut others = Vec::new();
        if let Some(target) = self.target_by_source.remove(&(id, hash)) {
            self.source_by_target.remove(&(target, hash));
            others.push(target);
        }
        if let Some(source) = self.source_by_target.remove(&(id, hash)) {
            self.target_by_source.remove(&(source, hash));
            others.push(source);
        }
        for other in others {
            self.tell(other, |mail| {
                mail.relays_ended.insert(hash);
            });
            let waits = self
                .waiting
                .get(&hash)
                .is_some_and(|sessions| sessions.contains_key(&other));
            if waits {
                self.want_of(&BTreeSet::from([other]), id, hash);
            }
        }
    }

    /// What is left in it when nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.target_by_source.is_empty() && self.source_by_target.is_empty()
    }
}
