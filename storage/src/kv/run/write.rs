//! Writing a run: rows in rising order into a file that gets its name when it is whole and on the disk.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{BlockAt, MAGIC, REMOVED, RunAt, check, path};
use crate::durable;
use crate::kv::KvError;
use crate::limit::{RUN_BLOCK_BYTES, RUN_ZSTD_LEVEL};

/// A run in the making. Dropping it before [`RunWriter::finish`] leaves at most a file that the next open sweeps.
pub(crate) struct RunWriter {
    id: u64,
    path: PathBuf,
    unfinished: PathBuf,
    file: BufWriter<File>,
    packer: zstd::bulk::Compressor<'static>,
    offset: u64,
    block: Vec<u8>,
    last_key: Vec<u8>,
    index: Vec<u8>,
    rows: u64,
    bytes: u64,
}

impl RunWriter {
    pub(crate) fn create(dir: &Path, id: u64) -> Result<Self, KvError> {
        let path = path(dir, id);
        let unfinished = path.with_extension("tmp");
        let made: std::io::Result<_> = (|| {
            durable::create_dir(dir)?;
            let mut file = BufWriter::new(File::create(&unfinished)?);
            file.write_all(MAGIC)?;
            Ok((file, zstd::bulk::Compressor::new(RUN_ZSTD_LEVEL)?))
        })();
        let (file, packer) = made.map_err(KvError::io("write", &unfinished))?;
        Ok(Self {
            id,
            path,
            unfinished,
            file,
            packer,
            offset: MAGIC.len() as u64,
            block: Vec::with_capacity(RUN_BLOCK_BYTES * 2),
            last_key: Vec::new(),
            index: Vec::new(),
            rows: 0,
            bytes: 0,
        })
    }

    /// Adds a row, or that a key is removed. Keys rise.
    pub(crate) fn push(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), KvError> {
        debug_assert!(self.rows == 0 || key > self.last_key.as_slice());
        put_row(&mut self.block, key, value)?;
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        self.rows += 1;
        self.bytes += (key.len() + value.map_or(0, <[u8]>::len)) as u64;
        if self.block.len() >= RUN_BLOCK_BYTES {
            self.end_block()?;
        }
        Ok(())
    }

    /// Makes the run durable under its name.
    pub(crate) fn finish(mut self) -> Result<RunAt, KvError> {
        self.end_block()?;
        let plain = std::mem::take(&mut self.index);
        let index = self.pack(&plain)?;
        let at = RunAt {
            id: self.id,
            rows: self.rows,
            bytes: self.bytes,
            index_at: self.offset,
            index_bytes: len32(index.len())?,
            index_plain_bytes: len32(plain.len())?,
            index_hash: *blake3::hash(&index).as_bytes(),
        };
        let written: std::io::Result<()> = (|| {
            self.file.write_all(&index)?;
            self.file.flush()?;
            self.file.get_ref().sync_data()?;
            fs::rename(&self.unfinished, &self.path)?;
            durable::sync_parent(&self.path)
        })();
        written.map_err(KvError::io("write", &self.path))?;
        Ok(at)
    }

    fn end_block(&mut self) -> Result<(), KvError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let plain = std::mem::take(&mut self.block);
        let packed = self.pack(&plain)?;
        let at = BlockAt {
            last_key: Vec::new(),
            offset: self.offset,
            bytes: len32(packed.len())?,
            plain_bytes: len32(plain.len())?,
            check: check(&packed),
        };
        put_row(&mut self.index, &self.last_key, Some(&at.value()))?;
        self.file
            .write_all(&packed)
            .map_err(KvError::io("write", &self.unfinished))?;
        self.offset += packed.len() as u64;
        self.block = plain;
        self.block.clear();
        Ok(())
    }

    fn pack(&mut self, plain: &[u8]) -> Result<Vec<u8>, KvError> {
        self.packer
            .compress(plain)
            .map_err(KvError::io("pack", &self.unfinished))
    }
}

fn put_row(block: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) -> Result<(), KvError> {
    let key_len = u16::try_from(key.len()).map_err(|_| KvError::TooLarge {
        what: "key",
        size: key.len(),
        max: usize::from(u16::MAX),
    })?;
    let value_len = value.map_or(Ok(REMOVED), |value| len32(value.len()))?;
    block.extend_from_slice(&key_len.to_be_bytes());
    block.extend_from_slice(&value_len.to_be_bytes());
    block.extend_from_slice(key);
    block.extend_from_slice(value.unwrap_or_default());
    Ok(())
}

fn len32(len: usize) -> Result<u32, KvError> {
    u32::try_from(len)
        .ok()
        .filter(|len| *len != REMOVED)
        .ok_or(KvError::TooLarge {
            what: "run",
            size: len,
            max: REMOVED as usize,
        })
}
