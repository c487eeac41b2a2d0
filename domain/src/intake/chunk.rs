//! The frame around a change: magic, checksum, kind, length. What is inside is `gate`'s.

use sha2::{Digest, Sha256};

use crate::id::ChangeHash;

/// How every chunk begins.
pub(crate) const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// Kind of a chunk that is one change.
pub(crate) const PLAIN: u8 = 1;
/// Kind of a chunk that is one change, its body deflated.
pub(crate) const DEFLATED: u8 = 2;

/// The hash of a change with this body; it begins with the checksum that the chunk carries.
pub(crate) fn hash(body: &[u8]) -> ChangeHash {
    let mut hasher = Sha256::new();
    hasher.update([PLAIN]);
    hasher.update(uleb(length(body)));
    hasher.update(body);
    ChangeHash::from_bytes(hasher.finalize().into())
}

/// An uncompressed chunk around a body, its checksum right.
pub(crate) fn of(body: &[u8]) -> Vec<u8> {
    let mut chunk = MAGIC.to_vec();
    chunk.extend(hash(body).as_bytes().iter().take(4));
    chunk.push(PLAIN);
    chunk.extend(uleb(length(body)));
    chunk.extend(body);
    chunk
}

/// A number as an unsigned LEB128.
pub(crate) fn uleb(mut number: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(10);
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return out;
        }
        out.push(low | 0x80);
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("a usize has at most 64 bits")
}
