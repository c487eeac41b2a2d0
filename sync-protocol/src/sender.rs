//! The sending half of the blob lane, the same at both ends: which blobs go out, in what order, read ahead only as far as the delay window allows, and
//! each relay within a window of its own. The sessions own one each; what a finished or failed blob means is theirs.

use std::collections::{BTreeMap, VecDeque};

use domain::BlobHash;

use crate::frame::BlobData;
use crate::lane::Lane;
use crate::limit::{RELAY_WINDOW_BYTES, STALLED_BLOB_MS};

/// The answer to a read of a piece of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobRead {
    /// The bytes, exactly as many as asked for.
    Bytes(Vec<u8>),
    /// The blob can not be read.
    Failed,
}

/// A read the sender wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadRequest {
    pub hash: BlobHash,
    pub offset: u64,
    pub len: usize,
}

/// A blob to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing {
    pub hash: BlobHash,
    pub offset: u64,
    pub total: u64,
    pub priority: u64,
    /// It has a relay's own window.
    pub relay: bool,
}

/// Blobs on their way out.
#[derive(Debug)]
pub(crate) struct BlobSender {
    lane: Lane,
    jobs: BTreeMap<BlobHash, Job>,
    /// (descending priority, arrival) -> blob with bytes left to ask for.
    queue: BTreeMap<(u64, u64), BlobHash>,
    slots: VecDeque<Slot>,
    /// Bytes asked for or read and not sent.
    reserved_bytes: u64,
    arrivals: u64,
}

#[derive(Debug)]
struct Job {
    next: u64,
    total: u64,
    place: (u64, u64),
    relay_window: Option<u64>,
    /// Distinguishes this sending from an earlier one of the same blob.
    arrival: u64,
}

/// A chunk between its read and its sending; they leave in the order they were asked for.
#[derive(Debug)]
struct Slot {
    hash: BlobHash,
    arrival: u64,
    offset: u64,
    total: u64,
    len: usize,
    bytes: Option<Vec<u8>>,
    relayed: bool,
}

impl BlobSender {
    pub fn new(credit_bytes: u64) -> BlobSender {
        BlobSender {
            lane: Lane::new(credit_bytes),
            jobs: BTreeMap::new(),
            queue: BTreeMap::new(),
            slots: VecDeque::new(),
            reserved_bytes: 0,
            arrivals: 0,
        }
    }

    pub fn set_credit(&mut self, bytes: u64) {
        self.lane.set_credit(bytes);
    }

    /// Takes a blob to send; replaces an earlier sending of the same blob.
    pub fn add(&mut self, blob: Outgoing) {
        self.remove(&blob.hash);
        self.arrivals += 1;
        let place = (u64::MAX - blob.priority, self.arrivals);
        self.queue.insert(place, blob.hash);
        let relay_window = blob.relay.then_some(RELAY_WINDOW_BYTES);
        self.jobs.insert(
            blob.hash,
            Job {
                next: blob.offset,
                total: blob.total,
                place,
                relay_window,
                arrival: self.arrivals,
            },
        );
    }

    /// Forgets a blob; chunks of it that are not sent yet never are. Gives where the first of those would have begun.
    pub fn remove(&mut self, hash: &BlobHash) -> Option<u64> {
        let mut unsent = self.jobs.remove(hash).map(|job| {
            self.queue.remove(&job.place);
            job.next
        });
        let mut dropped_bytes = 0;
        self.slots.retain(|slot| {
            let drop = slot.hash == *hash;
            if drop {
                dropped_bytes += slot.len as u64;
                unsent = Some(unsent.map_or(slot.offset, |offset| offset.min(slot.offset)));
            }
            !drop
        });
        self.reserved_bytes -= dropped_bytes;
        unsent
    }

    /// Blobs that are not sent whole yet.
    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.slots.is_empty()
    }

    /// Changes the priority of a blob that is under way. `false`: it is not, or all of it has been asked for.
    pub fn prioritise(&mut self, hash: &BlobHash, priority: u64) -> bool {
        let Some(job) = self.jobs.get_mut(hash) else {
            return false;
        };
        if self.queue.remove(&job.place).is_some() {
            job.place = (u64::MAX - priority, job.place.1);
            self.queue.insert(job.place, *hash);
        }
        true
    }

    /// The next read to start, as long as the window has room.
    pub fn next_read(&mut self, now_ms: u64) -> Option<ReadRequest> {
        loop {
            let slot = self.reserve_next(now_ms)?;
            if slot.len > 0 {
                return Some(slot);
            }
            // Nothing is left of a blob that the receiver has whole but unverified: the empty chunk needs no read.
            if let Some(slot) = self.slots.back_mut() {
                slot.bytes = Some(Vec::new());
            }
        }
    }

    fn reserve_next(&mut self, now_ms: u64) -> Option<ReadRequest> {
        let chunk = self.lane.chunk_bytes() as u64;
        let (place, hash, len) = self.queue.iter().find_map(|(place, hash)| {
            let job = self.jobs.get(hash)?;
            let len = chunk.min(job.total - job.next);
            job.relay_window
                .is_none_or(|window| window >= len)
                .then_some((*place, *hash, len))
        })?;
        if !self.lane.has_room(self.reserved_bytes, len, now_ms) {
            return None;
        }
        let job = self.jobs.get_mut(&hash)?;
        let offset = job.next;
        job.next += len;
        if let Some(window) = &mut job.relay_window {
            *window -= len;
        }
        if job.next == job.total {
            self.queue.remove(&place);
        }
        self.reserved_bytes += len;
        let len = len as usize;
        let (arrival, total) = (job.arrival, job.total);
        self.slots.push_back(Slot {
            hash,
            arrival,
            offset,
            total,
            len,
            bytes: None,
            relayed: false,
        });
        Some(ReadRequest { hash, offset, len })
    }

    /// Takes a read's answer. `Some`: the blob can not be sent and is forgotten; everything before this offset was sent.
    pub fn handle_read(&mut self, hash: BlobHash, offset: u64, read: BlobRead) -> Option<u64> {
        let slot = self
            .slots
            .iter_mut()
            .find(|slot| slot.hash == hash && slot.offset == offset && slot.bytes.is_none())?;
        match read {
            BlobRead::Bytes(bytes) if bytes.len() == slot.len => {
                slot.bytes = Some(bytes);
                None
            }
            BlobRead::Bytes(_) | BlobRead::Failed => self.remove(&hash),
        }
    }

    /// Takes a relayed chunk, to be sent in turn. Its bytes are bounded by the relay's window.
    pub fn push_relayed(&mut self, data: BlobData) {
        self.arrivals += 1;
        self.reserved_bytes += data.bytes.len() as u64;
        self.slots.push_back(Slot {
            hash: data.hash,
            arrival: self.arrivals,
            offset: data.offset,
            total: data.total,
            len: data.bytes.len(),
            bytes: Some(data.bytes),
            relayed: true,
        });
    }

    /// The next chunk to send, and whether it is the blob's last.
    pub fn next_data(&mut self, now_ms: u64) -> Option<(BlobData, bool)> {
        let relayed = self
            .slots
            .front()
            .filter(|slot| slot.bytes.is_some())?
            .relayed;
        if relayed {
            let len = self.slots.front()?.len as u64;
            if !self.lane.has_room(0, len, now_ms) {
                return None;
            }
        }
        let slot = self.slots.pop_front()?;
        self.reserved_bytes -= slot.len as u64;
        self.lane.sent(slot.len as u64, now_ms);
        let last = slot.offset + slot.len as u64 == slot.total;
        if last
            && self
                .jobs
                .get(&slot.hash)
                .is_some_and(|job| job.arrival == slot.arrival)
        {
            self.jobs.remove(&slot.hash);
        }
        let data = BlobData {
            hash: slot.hash,
            offset: slot.offset,
            total: slot.total,
            bytes: slot.bytes?,
            relayed: slot.relayed,
        };
        Some((data, last))
    }

    /// The receiver returned credit.
    pub fn handle_credit(&mut self, bytes: u64, now_ms: u64) {
        self.lane.returned(bytes, now_ms);
    }

    /// The target of a relay took bytes.
    pub fn handle_relay_credit(&mut self, hash: &BlobHash, bytes: u64) {
        if let Some(Job {
            relay_window: Some(window),
            ..
        }) = self.jobs.get_mut(hash)
        {
            *window = window.saturating_add(bytes).min(RELAY_WINDOW_BYTES);
        }
    }

    /// When the receiver has taken nothing for too long.
    pub fn stalled_at(&self) -> Option<u64> {
        self.lane.stalled_at(STALLED_BLOB_MS)
    }
}
