//! The receiving half of the blob lane, the same at both ends: which blobs are expected from which offset, and the credit that goes back as bytes
//! reach the disk. The sessions own one each.

use std::collections::BTreeMap;

use domain::BlobHash;

use crate::frame::{BlobData, Credit, Reason};
use crate::limit::STALLED_BLOB_MS;

/// A piece of a blob to be written.
#[derive(Clone, PartialEq, Eq)]
pub struct WriteBlob {
    /// The blob.
    pub hash: BlobHash,
    /// Where the piece belongs.
    pub offset: u64,
    /// The blob's whole length; the piece that reaches it is the last.
    pub total: u64,
    /// The piece; may be empty when nothing but the verification is left.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for WriteBlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "WriteBlob({}, {}+{} of {})",
            self.hash,
            self.offset,
            self.bytes.len(),
            self.total
        )
    }
}

/// What became of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobWritten {
    /// Written; more is to come.
    Piece,
    /// It was the last: the blob is verified, flushed and in its place.
    Stored,
    /// It was the last, and hash or length are wrong: part file dropped.
    Bad(Reason),
    /// The disk did not take it: part file kept or dropped as the shell likes.
    Failed(Reason),
}

/// What a received piece is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Expected: to be written.
    Write(WriteBlob),
    /// Of a blob that is no longer expected: dropped, its credit is due.
    Stray,
}

/// The peer broke the rules of the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LaneViolation {
    #[error("blob data beyond the credit")]
    OverCredit,
    #[error("blob data that does not follow what was sent before")]
    OutOfOrder,
    #[error("a blob longer than announced or allowed")]
    TooLong,
}

/// Blobs on their way in.
#[derive(Debug, Default)]
pub(crate) struct BlobReceiver {
    incoming: BTreeMap<BlobHash, Incoming>,
    writes: BTreeMap<BlobHash, Writes>,
    /// Bytes received and not yet returned as credit.
    held_bytes: u64,
    due_bytes: u64,
    due_relayed: BTreeMap<BlobHash, u64>,
    credit_bytes: u64,
    last_data_ms: u64,
}

#[derive(Debug)]
struct Incoming {
    next: u64,
    /// Known from the offer, or from the first piece.
    total: Option<u64>,
    total_max: u64,
    relayed: bool,
}

/// Pieces of one blob handed out to be written and not answered.
#[derive(Debug, Default)]
struct Writes {
    under_way: usize,
    /// So many of them belong to a receiving that was given up: their answers mean nothing but credit.
    stale: usize,
}

/// What the answer to a write means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It speaks of the receiving under way.
    Current {
        /// The pieces were relayed.
        relayed: bool,
    },
    /// It speaks of one given up before.
    Stale,
}

impl BlobReceiver {
    pub fn new(credit_bytes: u64) -> BlobReceiver {
        BlobReceiver {
            credit_bytes,
            ..BlobReceiver::default()
        }
    }

    /// Expects a blob from `offset` on, of exactly `total` bytes or, when that is not known, at most `total_max`.
    pub fn expect(
        &mut self,
        hash: BlobHash,
        offset: u64,
        total: Option<u64>,
        total_max: u64,
        now_ms: u64,
    ) {
        if self.incoming.is_empty() {
            self.last_data_ms = now_ms;
        }
        self.forget(&hash);
        self.incoming.insert(
            hash,
            Incoming {
                next: offset,
                total,
                total_max,
                relayed: false,
            },
        );
    }

    /// No longer expects a blob; what still comes of it is dropped. Gives where its next piece would have begun.
    pub fn forget(&mut self, hash: &BlobHash) -> Option<u64> {
        if let Some(writes) = self.writes.get_mut(hash) {
            writes.stale = writes.under_way;
        }
        self.incoming.remove(hash).map(|incoming| incoming.next)
    }

    pub fn expects(&self, hash: &BlobHash) -> bool {
        self.incoming.contains_key(hash)
    }

    /// Nothing is expected, nothing is being written.
    pub fn is_idle(&self) -> bool {
        self.incoming.is_empty() && self.writes.is_empty()
    }

    /// Where the next piece of a blob should begin.
    pub fn next_offset(&self, hash: &BlobHash) -> Option<u64> {
        self.incoming.get(hash).map(|incoming| incoming.next)
    }

    /// A piece has come.
    pub fn handle_data(&mut self, data: BlobData, now_ms: u64) -> Result<Received, LaneViolation> {
        let len = data.bytes.len() as u64;
        if self.held_bytes + len > self.credit_bytes {
            return Err(LaneViolation::OverCredit);
        }
        self.held_bytes += len;
        self.last_data_ms = now_ms;
        let Some(incoming) = self.incoming.get_mut(&data.hash) else {
            self.due_bytes += len;
            return Ok(Received::Stray);
        };
        let end = data.offset.saturating_add(len);
        if incoming.total.is_some_and(|total| total != data.total)
            || data.total > incoming.total_max
            || end > data.total
        {
            return Err(LaneViolation::TooLong);
        }
        // An empty piece only says that nothing is left; elsewhere it would keep us busy for nothing.
        if data.offset != incoming.next || (len == 0 && end != data.total) {
            return Err(LaneViolation::OutOfOrder);
        }
        incoming.total = Some(data.total);
        incoming.next = end;
        incoming.relayed = data.relayed;
        self.writes.entry(data.hash).or_default().under_way += 1;
        Ok(Received::Write(WriteBlob {
            hash: data.hash,
            offset: data.offset,
            total: data.total,
            bytes: data.bytes,
        }))
    }

    /// So much of a piece that is not answered yet has left memory: its credit is due.
    pub fn handle_taken(&mut self, hash: &BlobHash, bytes: usize, now_ms: u64) -> bool {
        self.last_data_ms = now_ms;
        let relayed = self
            .incoming
            .get(hash)
            .is_some_and(|incoming| incoming.relayed);
        let bytes = (bytes as u64).min(self.held_bytes - self.due_bytes());
        if relayed {
            *self.due_relayed.entry(*hash).or_default() += bytes;
        } else {
            self.due_bytes += bytes;
        }
        relayed
    }

    /// A piece is done with, of which so much had not been told to have left memory.
    pub fn handle_written(&mut self, hash: &BlobHash, bytes: usize, now_ms: u64) -> Answer {
        let relayed = self.handle_taken(hash, bytes, now_ms);
        let Some(writes) = self.writes.get_mut(hash) else {
            return Answer::Stale;
        };
        writes.under_way = writes.under_way.saturating_sub(1);
        let stale = writes.stale > 0;
        writes.stale = writes.stale.saturating_sub(1);
        if writes.under_way == 0 {
            self.writes.remove(hash);
        }
        if stale {
            Answer::Stale
        } else {
            Answer::Current { relayed }
        }
    }

    /// The credit to return now: of relayed blobs each by itself.
    pub fn take_credit(&mut self) -> Vec<Credit> {
        self.held_bytes -= self.due_bytes();
        let own = Credit {
            bytes: std::mem::take(&mut self.due_bytes),
            hash: None,
        };
        std::iter::once(own)
            .chain(
                std::mem::take(&mut self.due_relayed)
                    .into_iter()
                    .map(|(hash, bytes)| Credit {
                        bytes,
                        hash: Some(hash),
                    }),
            )
            .filter(|credit| credit.bytes > 0)
            .collect()
    }

    /// When a peer that was to send has moved nothing for too long. Writes of our own that are slow are not its fault.
    pub fn stalled_at(&self) -> Option<u64> {
        (!self.incoming.is_empty() && self.writes.is_empty())
            .then(|| self.last_data_ms + STALLED_BLOB_MS)
    }

    fn due_bytes(&self) -> u64 {
        self.due_bytes + self.due_relayed.values().sum::<u64>()
    }
}
