//! Values larger than a row: a header under the key, pieces under the store's own prefix.
//!
//! | row | bytes |
//! |---|---|
//! | small value | `00`, value |
//! | removed, and a run still has it | `02` |
//! | header of a large one | `01`, total u32 be, piece id u64 be, first 8 bytes of the value's BLAKE3 |
//! | piece key | `00 'p'`, piece id u64 be, index u16 be |
//!
//! A piece id is used once, so a reader never mixes two versions of a value.

use super::KvError;
use crate::limit::{INLINE_BYTES_MAX, VALUE_BYTES_MAX};

/// First byte of every key that is the store's own.
pub(crate) const RESERVED: u8 = 0;
pub(crate) const PIECES: &[u8] = b"\0p";

const INLINE: u8 = 0;
const SPLIT: u8 = 1;
const REMOVED: u8 = 2;

/// What a row under a caller's key says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Row<'a> {
    Inline(&'a [u8]),
    Split(Header),
    Removed,
}

/// Where the pieces of a large value are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) total: u32,
    pub(crate) id: u64,
    check: [u8; 8],
}

/// One operation on the engine's own rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Physical {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
}

impl Physical {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Put(key, value) => key.len() + value.len(),
            Self::Delete(key) => key.len(),
        }
    }
}

pub(crate) fn parse(row: &[u8]) -> Result<Row<'_>, KvError> {
    match row.split_first() {
        Some((&INLINE, value)) => Ok(Row::Inline(value)),
        Some((&SPLIT, rest)) => Header::parse(rest).map(Row::Split),
        Some((&REMOVED, [])) => Ok(Row::Removed),
        _ => Err(corrupt("unknown row form")),
    }
}

/// The row that hides what a run has under a key.
pub(crate) fn removed(key: Vec<u8>) -> Physical {
    Physical::Put(key, vec![REMOVED])
}

/// Appends the rows of `value` under `key`; `id` is used when it needs pieces.
pub(crate) fn lower(
    key: Vec<u8>,
    value: &[u8],
    id: u64,
    out: &mut Vec<Physical>,
) -> Result<bool, KvError> {
    if value.len() <= INLINE_BYTES_MAX {
        let mut row = Vec::with_capacity(value.len() + 1);
        row.push(INLINE);
        row.extend_from_slice(value);
        out.push(Physical::Put(key, row));
        return Ok(false);
    }
    let too_large = KvError::TooLarge {
        what: "value",
        size: value.len(),
        max: VALUE_BYTES_MAX,
    };
    if value.len() > VALUE_BYTES_MAX {
        return Err(too_large);
    }
    for (index, piece) in value.chunks(INLINE_BYTES_MAX).enumerate() {
        let index = u16::try_from(index).map_err(|_| too_large.clone())?;
        out.push(Physical::Put(piece_key(id, index), piece.to_vec()));
    }
    let total = u32::try_from(value.len()).map_err(|_| too_large.clone())?;
    out.push(Physical::Put(
        key,
        Header {
            total,
            id,
            check: check(value),
        }
        .row(),
    ));
    Ok(true)
}

impl Header {
    fn parse(rest: &[u8]) -> Result<Self, KvError> {
        let short = || corrupt("short header");
        let (total, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (id, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let check: [u8; 8] = rest.try_into().map_err(|_| short())?;
        let total = u32::from_be_bytes(*total);
        if total as usize > VALUE_BYTES_MAX || (total as usize) <= INLINE_BYTES_MAX {
            return Err(corrupt("impossible length"));
        }
        Ok(Self {
            total,
            id: u64::from_be_bytes(*id),
            check,
        })
    }

    fn row(self) -> Vec<u8> {
        let mut row = vec![SPLIT];
        row.extend_from_slice(&self.total.to_be_bytes());
        row.extend_from_slice(&self.id.to_be_bytes());
        row.extend_from_slice(&self.check);
        row
    }

    /// Keys of all pieces, in order.
    pub(crate) fn piece_keys(self) -> impl Iterator<Item = Vec<u8>> {
        let count = (self.total as usize).div_ceil(INLINE_BYTES_MAX);
        (0..count).map_while(move |i| u16::try_from(i).ok().map(|i| piece_key(self.id, i)))
    }

    /// Whether the joined pieces are the value that was put.
    pub(crate) fn verifies(self, value: &[u8]) -> bool {
        value.len() == self.total as usize && check(value) == self.check
    }
}

/// The piece id in a piece's key.
pub(crate) fn piece_id(key: &[u8]) -> Option<u64> {
    let rest = key.strip_prefix(PIECES)?;
    rest.first_chunk::<8>().map(|id| u64::from_be_bytes(*id))
}

fn piece_key(id: u64, index: u16) -> Vec<u8> {
    let mut key = PIECES.to_vec();
    key.extend_from_slice(&id.to_be_bytes());
    key.extend_from_slice(&index.to_be_bytes());
    key
}

fn check(value: &[u8]) -> [u8; 8] {
    let hash = blake3::hash(value);
    let mut out = [0; 8];
    out.iter_mut()
        .zip(hash.as_bytes())
        .for_each(|(o, h)| *o = *h);
    out
}

fn corrupt(reason: &str) -> KvError {
    KvError::Corrupt {
        reason: reason.to_owned(),
    }
}
