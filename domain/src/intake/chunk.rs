//! The frame around a change: magic, checksum, kind, length, and its two forms. What is inside is `gate`'s.

use std::io::Write;

use sha2::{Digest, Sha256};

use crate::id::ChangeHash;
use crate::intake::cursor::Cursor;
use crate::limit;

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
#[cfg(any(test, feature = "test-support"))]
pub(crate) fn of(body: &[u8]) -> Vec<u8> {
    with_hash(&hash(body), body)
}

/// An uncompressed chunk around a body whose hash is known.
pub(crate) fn with_hash(hash: &ChangeHash, body: &[u8]) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(body.len() + 16);
    chunk.extend(MAGIC);
    chunk.extend(hash.as_bytes().iter().take(4));
    chunk.push(PLAIN);
    chunk.extend(uleb(length(body)));
    chunk.extend(body);
    chunk
}

/// The body of an uncompressed chunk.
pub(crate) fn plain_body(chunk: &[u8]) -> Option<&[u8]> {
    split_plain(chunk).map(|(_, body)| body)
}

/// A change in the form in which it travels: deflated, as Automerge does it, when that is shorter. The hash stays. Anything
/// but a plain change is given back as it is.
pub fn travelling(change: Vec<u8>) -> Vec<u8> {
    if change.len() < limit::CHANGE_DEFLATED_FROM_BYTES {
        return change;
    }
    match deflated(&change) {
        Some(shorter) if shorter.len() < change.len() => shorter,
        _ => change,
    }
}

/// The deflated form of a plain chunk.
pub(crate) fn deflated(change: &[u8]) -> Option<Vec<u8>> {
    let (checksum, body) = split_plain(change)?;
    Some(deflated_of(&checksum, &squeeze(body)))
}

/// Checksum and body of an uncompressed chunk.
fn split_plain(chunk: &[u8]) -> Option<([u8; 4], &[u8])> {
    let mut rest = Cursor::new(chunk);
    let magic: [u8; 4] = rest.array().ok()?;
    let checksum: [u8; 4] = rest.array().ok()?;
    let [kind] = rest.array().ok()?;
    let body_bytes = rest.uleb().ok()?;
    let body = rest.take(body_bytes).ok()?;
    if magic != MAGIC || kind != PLAIN || !rest.is_empty() {
        return None;
    }
    Some((checksum, body))
}

/// A deflated chunk around what is deflated already.
pub(crate) fn deflated_of(checksum: &[u8], squeezed: &[u8]) -> Vec<u8> {
    let mut chunk = MAGIC.to_vec();
    chunk.extend(checksum);
    chunk.push(DEFLATED);
    chunk.extend(uleb(length(squeezed)));
    chunk.extend(squeezed);
    chunk
}

/// Bytes, deflated.
pub(crate) fn squeeze(bytes: &[u8]) -> Vec<u8> {
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("a vector takes every byte written to it")
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
