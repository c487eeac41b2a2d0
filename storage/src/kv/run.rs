//! A run: rows in key order in one file that is written once and never changes. Bulky rows that their owner can make again live in
//! runs (`kv/runs.rs` says which of several holds); packed in blocks they take a fifth of the room they take in the engine.
//!
//! | part | bytes |
//! |---|---|
//! | head | `MVRUN01\n` |
//! | blocks | one after the other, each one zstd frame of rows |
//! | row in a block | key length u16 be, value length u32 be (all ones: the key is removed), key, value |
//! | index, one zstd frame | rows of: last key as key, and as value offset u64 be, length u32 be, plain length u32 be, first 8 bytes of the block's BLAKE3 |
//!
//! Where the index lies, and its BLAKE3, stand in [`RunAt`], which the store keeps among its own rows: every byte that is read was
//! checked along that chain.

mod write;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use write::RunWriter;

use super::KvError;
use super::runs::End;
use crate::limit::{RUN_BLOCK_BYTES, RUN_BLOCKS_CACHED, VALUE_BYTES_MAX};

const MAGIC: &[u8; 8] = b"MVRUN01\n";
/// Value length of a removed key.
const REMOVED: u32 = u32::MAX;
/// Largest plain block: the last row of one may be as large as a value can be.
const BLOCK_BYTES_MAX: usize = RUN_BLOCK_BYTES + VALUE_BYTES_MAX + 1_024;

/// Where a run is and how it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunAt {
    /// Its number, and its file's name.
    pub(crate) id: u64,
    pub(crate) rows: u64,
    /// Bytes of its keys and values.
    pub(crate) bytes: u64,
    pub(crate) index_at: u64,
    pub(crate) index_bytes: u32,
    pub(crate) index_plain_bytes: u32,
    pub(crate) index_hash: [u8; 32],
}

/// A block's place in the file.
#[derive(Debug)]
struct BlockAt {
    last_key: Vec<u8>,
    offset: u64,
    bytes: u32,
    plain_bytes: u32,
    check: [u8; 8],
}

/// An open run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) at: RunAt,
    path: PathBuf,
    file: File,
    blocks: Vec<BlockAt>,
    cached: Mutex<Cached>,
}

/// Blocks kept plain, the last used first, and what unpacks them.
#[derive(Default)]
struct Cached {
    blocks: VecDeque<(usize, Arc<Block>)>,
    unpacker: zstd::bulk::Decompressor<'static>,
}

impl std::fmt::Debug for Cached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cached")
    }
}

/// A place between the rows of a run: a block, and a row in it.
type Place = (usize, usize);

impl Run {
    /// Opens the file and checks its index.
    pub(crate) fn open(dir: &Path, at: RunAt) -> Result<Self, KvError> {
        let path = path(dir, at.id);
        let file = File::open(&path).map_err(KvError::io("open", &path))?;
        let damaged = || damaged(&path, "its index does not match");
        let mut bytes = vec![0; at.index_bytes as usize];
        file.read_exact_at(&mut bytes, at.index_at)
            .map_err(|_| damaged())?;
        if blake3::hash(&bytes).as_bytes() != &at.index_hash {
            return Err(damaged());
        }
        let index = zstd::bulk::decompress(&bytes, at.index_plain_bytes as usize)
            .ok()
            .and_then(Block::parse)
            .ok_or_else(damaged)?;
        let blocks = (0..index.len())
            .map(|row| index.row(row).and_then(BlockAt::read))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(damaged)?;
        Ok(Self {
            at,
            path,
            file,
            blocks,
            cached: Mutex::default(),
        })
    }

    /// What the run says of a key: nothing, that it is removed, or its value.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Option<Vec<u8>>>, KvError> {
        let (block, row) = self.place(key, false)?;
        if block >= self.blocks.len() {
            return Ok(None);
        }
        let block = self.block(block)?;
        Ok(block
            .row(row)
            .filter(|(found, _)| *found == key)
            .map(|(_, value)| value.map(<[u8]>::to_vec)))
    }

    /// Reads and checks every block.
    pub(crate) fn verify(&self) -> Result<(), KvError> {
        let mut unpacker = zstd::bulk::Decompressor::default();
        (0..self.blocks.len())
            .try_for_each(|number| self.read_block(number, &mut unpacker).map(drop))
    }

    /// The place of the first row whose key is not below `key`, or with `beyond` of the first above it.
    fn place(&self, key: &[u8], beyond: bool) -> Result<Place, KvError> {
        let before = |other: &[u8]| other < key || (beyond && other == key);
        let number = self.blocks.partition_point(|block| before(&block.last_key));
        if number >= self.blocks.len() {
            return Ok((number, 0));
        }
        let block = self.block(number)?;
        let row = block
            .rows
            .partition_point(|row| block.row_at(row).is_some_and(|(key, _)| before(key)));
        Ok((number, row))
    }

    fn block(&self, number: usize) -> Result<Arc<Block>, KvError> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = cached.blocks.iter().position(|(held, _)| *held == number)
            && let Some(hit) = cached.blocks.remove(at)
        {
            let block = Arc::clone(&hit.1);
            cached.blocks.push_front(hit);
            return Ok(block);
        }
        let block = Arc::new(self.read_block(number, &mut cached.unpacker)?);
        cached.blocks.truncate(RUN_BLOCKS_CACHED - 1);
        cached.blocks.push_front((number, Arc::clone(&block)));
        Ok(block)
    }

    fn read_block(
        &self,
        number: usize,
        unpacker: &mut zstd::bulk::Decompressor<'_>,
    ) -> Result<Block, KvError> {
        let damaged = || damaged(&self.path, "a block does not match its checksum");
        let at = self.blocks.get(number).ok_or_else(damaged)?;
        let mut bytes = vec![0; at.bytes as usize];
        match self.file.read_exact_at(&mut bytes, at.offset) {
            Err(e) if e.kind() != io::ErrorKind::UnexpectedEof => {
                return Err(KvError::io("read", &self.path)(e));
            }
            Err(_) => return Err(damaged()),
            Ok(()) => {}
        }
        if check(&bytes) != at.check || at.plain_bytes as usize > BLOCK_BYTES_MAX {
            return Err(damaged());
        }
        let plain = unpacker.decompress(&bytes, at.plain_bytes as usize);
        plain.ok().and_then(Block::parse).ok_or_else(damaged)
    }
}

/// The file of a run.
pub(crate) fn path(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("{id}.run"))
}

fn damaged(path: &Path, why: &str) -> KvError {
    KvError::Corrupt {
        reason: format!("{}: {why}", path.display()),
    }
}

/// A key, and its value unless it is removed.
pub(crate) type RowRef<'a> = (&'a [u8], Option<&'a [u8]>);

/// A plain block.
#[derive(Debug)]
struct Block {
    bytes: Vec<u8>,
    rows: Vec<RowAt>,
}

#[derive(Debug, Clone, Copy)]
struct RowAt {
    key: u32,
    value: u32,
    end: u32,
    removed: bool,
}

impl Block {
    fn parse(bytes: Vec<u8>) -> Option<Self> {
        let mut rows = Vec::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (key_len, after) = rest.split_first_chunk::<2>()?;
            let (value_len, after) = after.split_first_chunk::<4>()?;
            let value_len = u32::from_be_bytes(*value_len);
            let removed = value_len == REMOVED;
            let key = u32::try_from(bytes.len() - after.len()).ok()?;
            let value = key.checked_add(u32::from(u16::from_be_bytes(*key_len)))?;
            let end = value.checked_add(if removed { 0 } else { value_len })?;
            rest = bytes.get(end as usize..)?;
            rows.push(RowAt {
                key,
                value,
                end,
                removed,
            });
        }
        Some(Self { bytes, rows })
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, number: usize) -> Option<RowRef<'_>> {
        self.row_at(self.rows.get(number)?)
    }

    fn row_at(&self, at: &RowAt) -> Option<RowRef<'_>> {
        let key = self.bytes.get(at.key as usize..at.value as usize)?;
        let value = self.bytes.get(at.value as usize..at.end as usize)?;
        Some((key, (!at.removed).then_some(value)))
    }
}

impl BlockAt {
    fn read((last_key, value): RowRef<'_>) -> Option<Self> {
        let (offset, rest) = value?.split_first_chunk::<8>()?;
        let (bytes, rest) = rest.split_first_chunk::<4>()?;
        let (plain_bytes, check) = rest.split_first_chunk::<4>()?;
        Some(Self {
            last_key: last_key.to_vec(),
            offset: u64::from_be_bytes(*offset),
            bytes: u32::from_be_bytes(*bytes),
            plain_bytes: u32::from_be_bytes(*plain_bytes),
            check: check.try_into().ok()?,
        })
    }

    fn value(&self) -> Vec<u8> {
        [
            self.offset.to_be_bytes().as_slice(),
            &self.bytes.to_be_bytes(),
            &self.plain_bytes.to_be_bytes(),
            &self.check,
        ]
        .concat()
    }
}

fn check(bytes: &[u8]) -> [u8; 8] {
    *blake3::hash(bytes)
        .as_bytes()
        .first_chunk()
        .expect("a hash has 32 bytes")
}

/// A walk over a part of a run from both ends. What stands at an end is looked at as often as one likes before it is passed.
#[derive(Debug)]
pub(crate) struct Cursor {
    run: Arc<Run>,
    front: Place,
    back: Place,
    front_block: Option<(usize, Arc<Block>)>,
    back_block: Option<(usize, Arc<Block>)>,
}

impl Cursor {
    /// The rows from a key (or from the first above it) up to, not including, another.
    pub(crate) fn new(
        run: Arc<Run>,
        from: (&[u8], bool),
        to: Option<&[u8]>,
    ) -> Result<Self, KvError> {
        let front = run.place(from.0, from.1)?;
        let back = match to {
            Some(key) => run.place(key, false)?,
            None => (run.blocks.len(), 0),
        };
        Ok(Self {
            run,
            front,
            back: back.max(front),
            front_block: None,
            back_block: None,
        })
    }

    /// The row left at an end.
    pub(crate) fn at(&mut self, end: End) -> Result<Option<RowRef<'_>>, KvError> {
        if self.front >= self.back {
            return Ok(None);
        }
        let ((number, row), slot) = match end {
            End::First => (self.front, &mut self.front_block),
            End::Last => (self.last_place()?, &mut self.back_block),
        };
        Ok(held(&self.run, slot, number)?.row(row))
    }

    /// Passes the row at an end.
    pub(crate) fn pass(&mut self, end: End) -> Result<(), KvError> {
        match end {
            End::Last => self.back = self.last_place()?,
            End::First => {
                let (number, row) = self.front;
                let len = held(&self.run, &mut self.front_block, number)?.len();
                self.front = if row + 1 < len {
                    (number, row + 1)
                } else {
                    (number + 1, 0)
                };
            }
        }
        Ok(())
    }

    fn last_place(&mut self) -> Result<Place, KvError> {
        match self.back {
            (number, 0) => {
                let number = number.saturating_sub(1);
                let len = held(&self.run, &mut self.back_block, number)?.len();
                Ok((number, len.saturating_sub(1)))
            }
            (number, row) => Ok((number, row - 1)),
        }
    }
}

fn held<'a>(
    run: &Run,
    slot: &'a mut Option<(usize, Arc<Block>)>,
    number: usize,
) -> Result<&'a Block, KvError> {
    if slot.as_ref().is_none_or(|(held, _)| *held != number) {
        *slot = Some((number, run.block(number)?));
    }
    match slot {
        Some((_, block)) => Ok(block),
        None => Err(damaged(&run.path, "a block is missing")),
    }
}
