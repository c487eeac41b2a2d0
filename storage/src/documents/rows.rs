//! The key layout of a vault and the forms of its rows. All numbers are big-endian.
//!
//! | key | value |
//! |---|---|
//! | `m/format` | `1`; written last, so a store without it was never finished |
//! | `m/server` | server 16: whom edits are queued for |
//! | `m/actor` | actor 16, write counter u64, last change hash 32 |
//! | `h/` doc 16 | [`Header`] |
//! | `i/` doc 16, position u64 | raw change of the tail |
//! | `w/` doc 16, change hash 32 | flags u8 (1 = queue when taken, 2 = a time follows), Unix milliseconds u64, raw change that waits for a dependency |
//! | `y/` doc 16, BLAKE3 32 | reason length u16, reason, bytes that were set aside |
//! | `q/` server 16, lseq u64 | doc 16, position u64: a change the server has not acknowledged |
//! | `o/` server 16 | next lseq u64, count u64 |
//! | `k/` server 16 | the client's encoded cursor |
//! | `x/` … | the client's own rows; those under `x/i` are its index, which it can make again |

use domain::{ActorId, ChangeHash, DocId};

use super::{ServerKey, StoreError};
use crate::kv::KvError;

pub(super) const FORMAT: &[u8] = b"m/format";
pub(super) const FORMAT_NOW: &[u8] = b"1";
pub(super) const SERVER: &[u8] = b"m/server";
pub(super) const ACTOR: &[u8] = b"m/actor";
pub(super) const META: &[u8] = b"m/";
pub(super) const HEADERS: &[u8] = b"h/";
pub(super) const TAILS: &[u8] = b"i/";
pub(super) const WAITING: &[u8] = b"w/";
pub(super) const SET_ASIDE: &[u8] = b"y/";
pub(super) const CURSORS: &[u8] = b"k/";
pub(super) const CLIENT: &[u8] = b"x/";
/// The client's [`DERIVED`] as rows of the store.
pub(super) const DERIVED_ROWS: &[u8] = b"x/i";

/// First byte of the keys of the client's rows that it can make again from the documents: kept packed, and lost without harm.
pub const DERIVED: &[u8] = b"i";

/// What is known of a document without loading it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// Generation of the files last written for it.
    pub(super) generation: u64,
    /// Changes in the pack; the tail's positions follow.
    pub(super) sealed_count: u64,
    pub(super) sealed_bytes: u64,
    pub(super) pack_hash: [u8; 32],
    pub(super) saved_hash: [u8; 32],
    pub(super) saved_bytes: u64,
    pub(super) tail_count: u64,
    pub(super) tail_bytes: u64,
    pub(super) heads: Vec<ChangeHash>,
}

impl Header {
    pub(super) fn count(&self) -> u64 {
        self.sealed_count + self.tail_count
    }

    /// Whether what is sealed also stands as a saved document. What arrived whole is only saved once it is written to.
    pub(super) fn is_saved(&self) -> bool {
        self.sealed_count == 0 || self.saved_bytes > 0
    }

    pub(super) fn bytes(&self) -> u64 {
        self.sealed_bytes + self.tail_bytes
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![1];
        for n in [
            self.generation,
            self.sealed_count,
            self.sealed_bytes,
            self.saved_bytes,
            self.tail_count,
            self.tail_bytes,
        ] {
            out.extend_from_slice(&n.to_be_bytes());
        }
        out.extend_from_slice(&self.pack_hash);
        out.extend_from_slice(&self.saved_hash);
        for head in &self.heads {
            out.extend_from_slice(head.as_bytes());
        }
        out
    }

    pub(super) fn decode(row: &[u8]) -> Result<Self, StoreError> {
        Self::parse(row).ok_or_else(|| corrupt("document header"))
    }

    fn parse(row: &[u8]) -> Option<Self> {
        let rest = row.strip_prefix(&[1])?;
        let (generation, rest) = number(rest)?;
        let (sealed_count, rest) = number(rest)?;
        let (sealed_bytes, rest) = number(rest)?;
        let (saved_bytes, rest) = number(rest)?;
        let (tail_count, rest) = number(rest)?;
        let (tail_bytes, rest) = number(rest)?;
        let (pack_hash, rest) = rest.split_first_chunk::<32>()?;
        let (saved_hash, rest) = rest.split_first_chunk::<32>()?;
        let (heads, rest) = rest.as_chunks::<32>();
        rest.is_empty().then(|| Self {
            generation,
            sealed_count,
            sealed_bytes,
            pack_hash: *pack_hash,
            saved_hash: *saved_hash,
            saved_bytes,
            tail_count,
            tail_bytes,
            heads: heads.iter().copied().map(ChangeHash::from_bytes).collect(),
        })
    }
}

/// Which actor wrote last here, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ActorRow {
    pub(super) actor: ActorId,
    pub(super) counter: u64,
    pub(super) last: ChangeHash,
}

impl ActorRow {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = self.actor.as_bytes().to_vec();
        out.extend_from_slice(&self.counter.to_be_bytes());
        out.extend_from_slice(self.last.as_bytes());
        out
    }

    pub(super) fn decode(row: &[u8]) -> Option<Self> {
        let (actor, rest) = row.split_first_chunk::<16>()?;
        let (counter, rest) = number(rest)?;
        let last = rest.try_into().ok()?;
        Some(Self {
            actor: ActorId::from_bytes(*actor),
            counter,
            last: ChangeHash::from_bytes(last),
        })
    }
}

/// Counters of one server's outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutboxRow {
    pub(super) next: u64,
    pub(super) count: u64,
}

impl OutboxRow {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut out = self.next.to_be_bytes().to_vec();
        out.extend_from_slice(&self.count.to_be_bytes());
        out
    }

    pub(super) fn decode(row: Option<&[u8]>) -> Result<Self, StoreError> {
        let Some(row) = row else {
            return Ok(Self { next: 1, count: 0 });
        };
        number(row)
            .and_then(|(next, rest)| number(rest).map(|(count, _)| Self { next, count }))
            .ok_or_else(|| corrupt("outbox counter"))
    }
}

pub(super) fn header_key(doc: DocId) -> Vec<u8> {
    [HEADERS, doc.as_bytes()].concat()
}

pub(super) fn tail_prefix(doc: DocId) -> Vec<u8> {
    [TAILS, doc.as_bytes()].concat()
}

pub(super) fn tail_key(doc: DocId, position: u64) -> Vec<u8> {
    [TAILS, doc.as_bytes(), &position.to_be_bytes()].concat()
}

pub(super) fn waiting_prefix(doc: DocId) -> Vec<u8> {
    [WAITING, doc.as_bytes()].concat()
}

pub(super) fn waiting_key(doc: DocId, hash: &ChangeHash) -> Vec<u8> {
    [WAITING, doc.as_bytes(), hash.as_bytes()].concat()
}

pub(super) fn set_aside_prefix(doc: DocId) -> Vec<u8> {
    [SET_ASIDE, doc.as_bytes()].concat()
}

pub(super) fn set_aside_key(doc: DocId, bytes_hash: &[u8; 32]) -> Vec<u8> {
    [SET_ASIDE, doc.as_bytes(), bytes_hash].concat()
}

pub(super) fn outbox_prefix(server: ServerKey) -> Vec<u8> {
    [b"q/".as_slice(), &server.0].concat()
}

pub(super) fn outbox_key(server: ServerKey, lseq: u64) -> Vec<u8> {
    [b"q/".as_slice(), &server.0, &lseq.to_be_bytes()].concat()
}

pub(super) fn outbox_value(doc: DocId, position: u64) -> Vec<u8> {
    [doc.as_bytes().as_slice(), &position.to_be_bytes()].concat()
}

/// `(lseq, document, position)` of an outbox row.
pub(super) fn parse_outbox(key: &[u8], value: &[u8]) -> Result<(u64, DocId, u64), StoreError> {
    let lseq = key.last_chunk::<8>().map(|n| u64::from_be_bytes(*n));
    let place = value
        .split_first_chunk::<16>()
        .and_then(|(doc, rest)| number(rest).map(|(n, _)| (*doc, n)));
    let (lseq, (doc, position)) = lseq.zip(place).ok_or_else(|| corrupt("outbox row"))?;
    Ok((lseq, DocId::from_bytes(doc), position))
}

pub(super) fn counter_key(server: ServerKey) -> Vec<u8> {
    [b"o/".as_slice(), &server.0].concat()
}

pub(super) fn cursor_key(server: ServerKey) -> Vec<u8> {
    [CURSORS, &server.0].concat()
}

pub(super) fn client_key(key: &[u8]) -> Vec<u8> {
    [CLIENT, key].concat()
}

/// The document named right after a two-byte prefix.
pub(super) fn document_in(key: &[u8]) -> Option<DocId> {
    key.get(2..18)
        .and_then(|id| id.first_chunk::<16>())
        .map(|id| DocId::from_bytes(*id))
}

pub(super) fn set_aside_value(reason: &str, bytes: &[u8]) -> Vec<u8> {
    let mut cut = reason.len().min(1_000);
    while !reason.is_char_boundary(cut) {
        cut -= 1;
    }
    let (reason, _) = reason.split_at(cut);
    let len = u16::try_from(reason.len()).expect("cut to 1 000 bytes above");
    [&len.to_be_bytes(), reason.as_bytes(), bytes].concat()
}

/// Reason and bytes of a change that was set aside.
pub(super) fn parse_set_aside(value: &[u8]) -> Option<(String, &[u8])> {
    let (len, rest) = value.split_first_chunk::<2>()?;
    let (reason, bytes) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    Some((String::from_utf8_lossy(reason).into_owned(), bytes))
}

pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::Kv(KvError::Corrupt {
        reason: format!("a {what} has an unknown form"),
    })
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    bytes
        .split_first_chunk::<8>()
        .map(|(n, rest)| (u64::from_be_bytes(*n), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trip() {
        let header = Header {
            generation: 3,
            sealed_count: 7,
            sealed_bytes: 900,
            pack_hash: [4; 32],
            saved_hash: [5; 32],
            saved_bytes: 80,
            tail_count: 2,
            tail_bytes: 77,
            heads: vec![
                ChangeHash::from_bytes([9; 32]),
                ChangeHash::from_bytes([8; 32]),
            ],
        };
        let row = header.encode();
        assert_eq!(Header::decode(&row).unwrap(), header);
        assert!(Header::decode(&row[..row.len() - 1]).is_err());
        assert!(Header::decode(&[]).is_err());
    }
}
