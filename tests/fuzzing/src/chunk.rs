//! The body of a change taken apart and put together again, with the checksum made right: written anew here, so that the
//! code under test is not its own measure.
//!
//! A chunk is: magic `85 6f 4a 83`, the first four bytes of the SHA-256 of what follows them, the kind (1 change, 2
//! deflated), the body's length, the body: dependencies, actor, seq, start_op, time, message, other actors, the columns'
//! numbers and lengths, the columns.

use std::collections::BTreeMap;
use std::io::Write;

use sha2::{Digest, Sha256};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const PLAIN: u8 = 1;
const DEFLATED: u8 = 2;

/// A change in parts. Any value can be written, also one that no change has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// Changes it was made upon.
    pub deps: Vec<[u8; 32]>,
    /// Writer.
    pub actor: Vec<u8>,
    /// Number among the writer's changes.
    pub seq: u64,
    /// Number of the first operation.
    pub start_op: u64,
    /// Seconds.
    pub time_s: i64,
    /// Commit message.
    pub message: Vec<u8>,
    /// Other actors it names.
    pub others: Vec<Vec<u8>>,
    /// Columns by their number.
    pub columns: BTreeMap<u64, Vec<u8>>,
    /// What follows.
    pub rest: Vec<u8>,
}

impl Parts {
    /// Takes a plain chunk apart; nothing when it is none.
    pub fn of(chunk: &[u8]) -> Option<Self> {
        let mut bytes = body(chunk)?;
        let from = &mut bytes;
        let mut parts = Self::default();
        for _ in 0..unsigned(from)? {
            parts.deps.push(*take(from, 32)?.first_chunk()?);
        }
        parts.actor = counted(from)?;
        parts.seq = unsigned(from)?;
        parts.start_op = unsigned(from)?;
        parts.time_s = signed(from)?;
        parts.message = counted(from)?;
        for _ in 0..unsigned(from)? {
            parts.others.push(counted(from)?);
        }
        let mut lengths = Vec::new();
        for _ in 0..unsigned(from)? {
            lengths.push((unsigned(from)?, unsigned(from)?));
        }
        for (number, length) in lengths {
            let column = take(from, usize::try_from(length).ok()?)?;
            parts.columns.insert(number, column.to_vec());
        }
        parts.rest = from.to_vec();
        Some(parts)
    }

    /// The parts as a plain chunk.
    pub fn chunk(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put_unsigned(&mut body, self.deps.len() as u64);
        self.deps.iter().for_each(|dep| body.extend(dep));
        put_counted(&mut body, &self.actor);
        put_unsigned(&mut body, self.seq);
        put_unsigned(&mut body, self.start_op);
        put_signed(&mut body, self.time_s);
        put_counted(&mut body, &self.message);
        put_unsigned(&mut body, self.others.len() as u64);
        for other in &self.others {
            put_counted(&mut body, other);
        }
        put_unsigned(&mut body, self.columns.len() as u64);
        for (number, column) in &self.columns {
            put_unsigned(&mut body, *number);
            put_unsigned(&mut body, column.len() as u64);
        }
        self.columns.values().for_each(|column| body.extend(column));
        body.extend(&self.rest);
        seal(&body)
    }
}

/// A plain chunk around a body.
pub fn seal(body: &[u8]) -> Vec<u8> {
    sealed(PLAIN, body, &hash(body))
}

/// The chunk with its body deflated; nothing when it is no plain chunk.
pub fn deflate(chunk: &[u8]) -> Option<Vec<u8>> {
    let body = body(chunk)?;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).ok()?;
    Some(sealed(DEFLATED, &encoder.finish().ok()?, &hash(body)))
}

/// The body of a plain chunk whose length is right.
pub fn body(chunk: &[u8]) -> Option<&[u8]> {
    let mut rest = chunk.strip_prefix(&MAGIC)?;
    take(&mut rest, 4)?;
    let kind = take(&mut rest, 1)?;
    let length = unsigned(&mut rest)?;
    (kind == [PLAIN] && length == rest.len() as u64).then_some(rest)
}

/// A change is named by the hash of its plain form, whichever form it has.
fn hash(body: &[u8]) -> [u8; 32] {
    let mut length = Vec::new();
    put_unsigned(&mut length, body.len() as u64);
    let hash = Sha256::new().chain_update([PLAIN]).chain_update(length);
    hash.chain_update(body).finalize().into()
}

fn sealed(kind: u8, body: &[u8], hash: &[u8; 32]) -> Vec<u8> {
    let mut chunk = MAGIC.to_vec();
    chunk.extend(hash.iter().take(4));
    chunk.push(kind);
    put_unsigned(&mut chunk, body.len() as u64);
    chunk.extend(body);
    chunk
}

/// Cuts so many bytes off the front.
pub(crate) fn take<'a>(from: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = from.split_at_checked(count)?;
    *from = tail;
    Some(head)
}

pub(crate) fn unsigned(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let [byte] = *take(from, 1)?.first_chunk()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

pub(crate) fn signed(from: &mut &[u8]) -> Option<i64> {
    let mut number = 0i64;
    for shift in (0..64).step_by(7) {
        let [byte] = *take(from, 1)?.first_chunk()?;
        number |= i64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let is_negative = byte & 0x40 != 0 && shift + 7 < 64;
            return Some(if is_negative {
                number | -1 << (shift + 7)
            } else {
                number
            });
        }
    }
    None
}

pub(crate) fn counted(from: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(unsigned(from)?).ok()?;
    take(from, length).map(<[u8]>::to_vec)
}

pub(crate) fn put_unsigned(to: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return to.push(low & 0x7f);
        }
        to.push(low | 0x80);
    }
}

pub(crate) fn put_signed(to: &mut Vec<u8>, mut number: i64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        let low = low & 0x7f;
        number >>= 7;
        if (number == 0 && low & 0x40 == 0) || (number == -1 && low & 0x40 != 0) {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}

pub(crate) fn put_counted(to: &mut Vec<u8>, bytes: &[u8]) {
    put_unsigned(to, bytes.len() as u64);
    to.extend(bytes);
}
