//! Changes that no honest device writes, byte by byte: the inputs that crash, hang or poison Automerge when they reach it unchecked.
//!
//! A change chunk is: magic `85 6f 4a 83`, the first four bytes of the SHA-256 of what follows them, the type (1 change, 2 deflated change, 0 document), the body's length,
//! the body: dependencies, actor, seq, start_op, time, message, other actors, columns' metadata, columns.

use std::io::Write;

use sha2::{Digest, Sha256};

use crate::media::random_bytes;

/// One hostile input.
#[derive(Debug, Clone)]
pub struct Hostile {
    /// What it is.
    pub name: &'static str,
    /// What travels as "a change".
    pub bytes: Vec<u8>,
}

/// The head of a change; the default is an honest first change of a fresh actor.
#[derive(Debug, Clone)]
struct Head {
    deps: Vec<[u8; 32]>,
    actor: [u8; 16],
    seq: u64,
    start_op: u64,
}

impl Head {
    fn fresh(actor: u8) -> Self {
        Self {
            deps: Vec::new(),
            actor: [actor; 16],
            seq: 1,
            start_op: 1,
        }
    }

    fn body(&self, columns: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut body = Vec::new();
        unsigned(&mut body, self.deps.len() as u64);
        for dep in &self.deps {
            body.extend_from_slice(dep);
        }
        unsigned(&mut body, 16);
        body.extend_from_slice(&self.actor);
        unsigned(&mut body, self.seq);
        unsigned(&mut body, self.start_op);
        // Time, message, other actors: none.
        body.extend_from_slice(&[0, 0, 0]);
        unsigned(&mut body, columns.len() as u64);
        for (specification, data) in columns {
            unsigned(&mut body, u64::from(*specification));
            unsigned(&mut body, data.len() as u64);
        }
        for (_, data) in columns {
            body.extend_from_slice(data);
        }
        body
    }

    fn change(&self, columns: &[(u32, Vec<u8>)]) -> Vec<u8> {
        chunk(1, &self.body(columns))
    }
}

// Column specifications of a change: id << 4 | type.
const KEY_TEXT: u32 = 0x15;
const OBJECT_ACTOR: u32 = 0x01;
const OBJECT_COUNTER: u32 = 0x02;
const INSERT: u32 = 0x34;
const ACTION: u32 = 0x42;
const VALUE_META: u32 = 0x56;
const PREDECESSORS: u32 = 0x70;

const MAKE_MAP: u64 = 0;
const PUT: u64 = 1;

/// The inputs of the table in the security page, each small.
pub fn hostile_changes() -> Vec<Hostile> {
    let case = |name, bytes| Hostile { name, bytes };
    vec![
        case(
            "a sync message whose bloom filter has an entry and no bits",
            bloom_message(&[1, 0, 7]),
        ),
        case(
            "a sync message whose bloom filter wants 2^32-1 probes",
            bloom_message(&[1, 10, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        ),
        case(
            "a run of ten million operations",
            Head::fresh(1).change(&puts(10_000_000)),
        ),
        case(
            "a document of ten million nulls",
            document_of_nulls(10_000_000),
        ),
        case("a change that inflates to 64 MiB", deflated_zeros(64 << 20)),
        case(
            "seq of 10^12",
            Head {
                seq: 1_000_000_000_000,
                ..Head::fresh(2)
            }
            .change(&puts(1)),
        ),
        case(
            "start_op of 2^32-2",
            Head {
                start_op: (1 << 32) - 2,
                ..Head::fresh(3)
            }
            .change(&puts(1)),
        ),
        case(
            "start_op far from its dependencies",
            Head {
                start_op: 77,
                ..Head::fresh(4)
            }
            .change(&puts(1)),
        ),
        case("20 000 nested maps", nested_maps(20_000)),
        case(
            "a dependency on a change that nobody has",
            Head {
                deps: vec![[9; 32]],
                ..Head::fresh(5)
            }
            .change(&puts(1)),
        ),
        case(
            "seq 2 without seq 1",
            Head {
                seq: 2,
                ..Head::fresh(6)
            }
            .change(&puts(1)),
        ),
        case("lying column lengths", lying_lengths()),
        case(
            "a wrong checksum",
            flipped(Head::fresh(7).change(&puts(1)), 5),
        ),
        case(
            "bytes after the change",
            [Head::fresh(8).change(&puts(1)), vec![0]].concat(),
        ),
        case("half a change", halved(Head::fresh(9).change(&puts(1)))),
        case("no bytes at all", Vec::new()),
        case("noise", random_bytes(42, 300)),
    ]
}

/// A well-formed first change of a fresh actor: one null under the key "k" of the root.
pub fn plain_change(actor: u8) -> Vec<u8> {
    Head::fresh(actor).change(&puts(1))
}

/// Changes that never end: `count` of them, each on top of a change nobody has.
pub fn orphans(count: u64) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| {
            let dep = random_bytes(n, 32)
                .try_into()
                .expect("32 bytes were asked for");
            let actor = random_bytes(n + 1_000_000, 16)
                .try_into()
                .expect("16 bytes were asked for");
            Head {
                deps: vec![dep],
                actor,
                seq: 1,
                start_op: 2,
            }
            .change(&puts(1))
        })
        .collect()
}

/// Mutations of an honest change with a recomputed checksum: what gets past a receiver that only looks at the checksum.
pub fn mutations(honest: &[u8], seed: u64, count: usize) -> Vec<Vec<u8>> {
    let Some((kind, body)) = parts(honest) else {
        return Vec::new();
    };
    let choices = random_bytes(seed, count * 8);
    choices
        .chunks_exact(8)
        .map(|choice| {
            let mut body = body.to_vec();
            for pair in choice[..6].chunks_exact(3) {
                let at = usize::from(u16::from_le_bytes([pair[0], pair[1]])) % body.len();
                // One change in four is a big step, the others flip a bit or count by one.
                body[at] = match pair[2] % 4 {
                    0 => choice[6],
                    1 => body[at] ^ (1 << (choice[6] % 8)),
                    2 => body[at].wrapping_add(1),
                    _ => body[at].wrapping_sub(1),
                };
            }
            chunk(kind, &body)
        })
        .collect()
}

/// A chunk with a right checksum.
fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut rest = vec![kind];
    unsigned(&mut rest, body.len() as u64);
    rest.extend_from_slice(body);
    let hash = Sha256::digest(&rest);
    [&[0x85, 0x6f, 0x4a, 0x83], &hash[..4], &rest].concat()
}

/// Type and body of a chunk.
fn parts(chunk: &[u8]) -> Option<(u8, &[u8])> {
    let kind = *chunk.get(8)?;
    let mut at = 9;
    while chunk.get(at)? & 0x80 != 0 {
        at += 1;
    }
    Some((kind, chunk.get(at + 1..)?))
}

/// `count` operations "put null under `k` of the root", each column one run.
fn puts(count: u64) -> Vec<(u32, Vec<u8>)> {
    vec![
        (KEY_TEXT, run_of_text(count, "k")),
        (INSERT, run_of_false(count)),
        (ACTION, run(count, PUT)),
        (VALUE_META, run(count, 0)),
        (PREDECESSORS, run(count, 0)),
    ]
}

fn nested_maps(depth: u64) -> Vec<u8> {
    // Operation n makes a map inside the one that operation n - 1 made: object counters 1, 2, 3, ... and none for the first.
    let mut actors = null_run(1);
    actors.extend(run(depth - 1, 0));
    let mut counters = null_run(1);
    let literal = i64::try_from(depth - 1).expect("a depth fits");
    signed(&mut counters, -literal);
    for counter in 1..depth {
        unsigned(&mut counters, counter);
    }
    let columns = [
        (OBJECT_ACTOR, actors),
        (OBJECT_COUNTER, counters),
        (KEY_TEXT, run_of_text(depth, "k")),
        (INSERT, run_of_false(depth)),
        (ACTION, run(depth, MAKE_MAP)),
        (VALUE_META, run(depth, 0)),
        (PREDECESSORS, run(depth, 0)),
    ];
    Head::fresh(10).change(&columns)
}

fn lying_lengths() -> Vec<u8> {
    let mut columns = puts(1);
    // The value column's metadata promises 1 000 bytes that are not there.
    columns[3].1 = run(1, 1_000 << 4 | 7);
    Head::fresh(11).change(&columns)
}

fn deflated_zeros(bytes: usize) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder
        .write_all(&vec![0; bytes])
        .expect("a Vec takes everything");
    chunk(2, &encoder.finish().expect("a Vec takes everything"))
}

/// A document chunk: an actor, one change, and that many operations as runs.
fn document_of_nulls(count: u64) -> Vec<u8> {
    let mut body = Vec::new();
    unsigned(&mut body, 1);
    unsigned(&mut body, 16);
    body.extend_from_slice(&[12; 16]);
    // No heads, no change columns.
    body.extend_from_slice(&[0, 0]);
    let columns = puts(count);
    unsigned(&mut body, columns.len() as u64);
    for (specification, data) in &columns {
        unsigned(&mut body, u64::from(*specification));
        unsigned(&mut body, data.len() as u64);
    }
    for (_, data) in &columns {
        body.extend_from_slice(data);
    }
    chunk(0, &body)
}

/// An Automerge sync message (type 0x42): no heads, no needs, one `have` with the given filter, no changes.
fn bloom_message(filter: &[u8]) -> Vec<u8> {
    let mut message = vec![0x42, 0, 0, 1, 0];
    let mut filter = filter.to_vec();
    filter.extend_from_slice(&[0xff; 16]);
    unsigned(&mut message, filter.len() as u64);
    message.extend(filter);
    message.push(0);
    message
}

fn flipped(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] ^= 1;
    bytes
}

fn halved(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}

fn run(count: u64, value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if count == 1 {
        // A run of one is written as a literal of one.
        signed(&mut bytes, -1);
    } else {
        signed(
            &mut bytes,
            i64::try_from(count).expect("a run's length fits"),
        );
    }
    unsigned(&mut bytes, value);
    bytes
}

fn null_run(count: u64) -> Vec<u8> {
    let mut bytes = vec![0];
    unsigned(&mut bytes, count);
    bytes
}

fn run_of_text(count: u64, value: &str) -> Vec<u8> {
    let mut bytes = run(count, value.len() as u64);
    bytes.extend_from_slice(value.as_bytes());
    bytes
}

fn run_of_false(count: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    unsigned(&mut bytes, count);
    bytes
}

fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("seven bits"));
}

fn signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = u8::try_from(value & 0x7f).expect("seven bits");
        value >>= 7;
        let last = (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0);
        out.push(if last { byte } else { byte | 0x80 });
        if last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use automerge::{Automerge, Change, ReadDoc};

    use super::*;

    #[test]
    fn the_plain_change_is_a_change_that_automerge_takes() {
        // Else every hostile one could be refused for a mistake of this encoder and prove nothing.
        let change = Change::from_bytes(plain_change(1)).unwrap();
        let mut document = Automerge::new();
        document.apply_changes([change.clone()]).unwrap();
        assert_eq!(
            (
                change.seq(),
                change.max_op(),
                document.keys(automerge::ROOT).count()
            ),
            (1, 1, 1)
        );
    }

    #[test]
    fn a_few_nested_maps_are_a_change_that_automerge_takes() {
        let change = Change::from_bytes(nested_maps(5)).unwrap();
        let mut document = Automerge::new();
        document.apply_changes([change.clone()]).unwrap();
        assert_eq!(change.max_op(), 5);
    }

    #[test]
    fn a_short_run_is_a_change_that_automerge_takes() {
        let change = Change::from_bytes(Head::fresh(1).change(&puts(3))).unwrap();
        assert_eq!(change.len(), 3);
    }

    #[test]
    fn the_inputs_are_small_and_different() {
        let mut all: Vec<Vec<u8>> = hostile_changes()
            .into_iter()
            .map(|case| case.bytes)
            .collect();
        assert!(all.iter().all(|bytes| bytes.len() < 256 * 1024));
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
