//! What the store should hold, kept with every commit: the engine takes some damage for the end of its log and drops rows without a
//! word. The number of rows and the sum of their hashes show missing and altered rows; the number of commits, repeated in the file
//! `MARK` after each flush, shows a store that fell back to an earlier state.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::runs::LIST;
use super::split::{PIECES, Physical, RESERVED};
use super::{Engine, KvError, View};

const ROW: &[u8] = b"\0totals";

/// Commits so far, rows held, the sum modulo 2^128 of the rows' hashes, and how many of the rows are derived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) commits: u64,
    rows: u64,
    sum: u128,
    pub(crate) derived: u64,
}

impl Totals {
    /// As the last commit left them; `None` in a store that never finished its first. A store from before rows could live in runs did not count
    /// its derived rows: they are counted here, under this prefix.
    pub(crate) fn read(engine: &Engine, prefix: &[u8]) -> Result<Option<Self>, KvError> {
        let Some(row) = engine.get(ROW)? else {
            return Ok(None);
        };
        let Some((totals, rest)) = Self::parse(&row) else {
            return Ok(None);
        };
        let derived = match <[u8; 8]>::try_from(rest) {
            Ok(count) => u64::from_be_bytes(count),
            Err(_) if rest.is_empty() => count_under(engine, prefix)?,
            Err(_) => return Ok(None),
        };
        Ok(Some(Self { derived, ..totals }))
    }

    /// As they will be after these operations, each on another key.
    pub(crate) fn after(self, view: View<'_>, ops: &[Physical]) -> Result<Self, KvError> {
        let mut totals = Self {
            commits: self.commits + 1,
            ..self
        };
        for op in ops {
            let (Physical::Put(key, _) | Physical::Delete(key)) = op;
            if let Some(old) = view.row(key)? {
                totals.rows = totals.rows.wrapping_sub(1);
                totals.sum = totals.sum.wrapping_sub(hash(key, &old));
                totals.derived = totals.derived.wrapping_sub(view.is_derived(key).into());
            }
            if let Physical::Put(key, value) = op {
                totals.add(key, value);
                totals.derived = totals.derived.wrapping_add(view.is_derived(key).into());
            }
        }
        Ok(totals)
    }

    /// The operation that keeps them.
    pub(crate) fn put(self) -> Physical {
        let row = [
            self.commits.to_be_bytes().as_slice(),
            &self.rows.to_be_bytes(),
            &self.sum.to_be_bytes(),
            &self.derived.to_be_bytes(),
        ]
        .concat();
        Physical::Put(ROW.to_vec(), row)
    }

    /// Reads every row and compares.
    pub(crate) fn check(self, engine: &Engine) -> Result<(), KvError> {
        let mut found = Self {
            rows: 0,
            sum: 0,
            ..self
        };
        let mut range = engine.range(Bound::Unbounded, Bound::Unbounded);
        while let Some(row) = range.next() {
            let (key, value) = row?;
            if key.first() != Some(&RESERVED) || key.starts_with(PIECES) || key == LIST {
                found.add(&key, &value);
            }
        }
        if found == self {
            return Ok(());
        }
        let reason = format!(
            "{} rows were written and {} are there, or some were altered",
            self.rows, found.rows
        );
        Err(KvError::Corrupt { reason })
    }

    fn add(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(hash(key, value));
    }

    /// All but the derived rows' number, which is in the rest.
    fn parse(row: &[u8]) -> Option<(Self, &[u8])> {
        let (commits, rest) = row.split_first_chunk::<8>()?;
        let (rows, rest) = rest.split_first_chunk::<8>()?;
        let (sum, rest) = rest.split_first_chunk::<16>()?;
        let totals = Self {
            commits: u64::from_be_bytes(*commits),
            rows: u64::from_be_bytes(*rows),
            sum: u128::from_be_bytes(*sum),
            derived: 0,
        };
        Some((totals, rest))
    }
}

/// Rows of the engine under a prefix; none under the empty one.
fn count_under(engine: &Engine, prefix: &[u8]) -> Result<u64, KvError> {
    let mut count = 0;
    if !prefix.is_empty() {
        let mut range = engine.range(Bound::Included(prefix.to_vec()), Bound::Unbounded);
        while let Some(row) = range.next() {
            if !row?.0.starts_with(prefix) {
                break;
            }
            count += 1;
        }
    }
    Ok(count)
}

/// The file that repeats the number of commits. It is never synced: it is written after the flush, so it can only lag.
#[derive(Debug)]
pub(crate) struct Mark {
    file: File,
}

impl Mark {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(Self { file })
    }

    /// The number last written; 0 when there is none or it is torn.
    pub(crate) fn read(&self) -> u64 {
        let mut bytes = [0; 16];
        if self.file.read_exact_at(&mut bytes, 0).is_err() {
            return 0;
        }
        let [a, b] = [0, 8].map(|at| {
            bytes
                .get(at..)
                .and_then(|rest| rest.first_chunk::<8>())
                .copied()
                .unwrap_or_default()
        });
        if b == check(a) {
            u64::from_be_bytes(a)
        } else {
            0
        }
    }

    /// Notes the number. Failing to only costs the check.
    pub(crate) fn write(&self, commits: u64) {
        let number = commits.to_be_bytes();
        let bytes = [number, check(number)].concat();
        if let Err(e) = self.file.write_all_at(&bytes, 0) {
            tracing::debug!(error = %e, "the mark could not be written");
        }
    }
}

fn check(number: [u8; 8]) -> [u8; 8] {
    *blake3::hash(&number)
        .as_bytes()
        .first_chunk()
        .expect("a hash has 32 bytes")
}

fn hash(key: &[u8], value: &[u8]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&(key.len() as u64).to_be_bytes())
        .update(key)
        .update(value);
    u128::from_be_bytes(
        *hasher
            .finalize()
            .as_bytes()
            .first_chunk()
            .expect("a hash has 32 bytes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::{Batch, Kv, KvOptions};

    #[test]
    fn a_store_that_did_not_count_its_derived_rows_opens_and_counts_them() {
        let dir = tempfile::tempdir().unwrap();
        let options = KvOptions::device().deriving(b"i");
        let kv = Kv::create(dir.path(), options).unwrap();
        let mut batch = Batch::new();
        (0..50).for_each(|i| batch.put(format!("i{i:04}"), b"derived".as_slice()));
        (0..20).for_each(|i| batch.put(format!("row{i:04}"), b"row".as_slice()));
        kv.commit(batch).unwrap();
        drop(kv);
        let layout = crate::kv::open::Layout::new(dir.path());
        let engine = Engine::open(&layout.engine(), 1 << 20).ok().unwrap();
        let mut row = engine.get(ROW).unwrap().unwrap();
        row.truncate(32);
        engine.apply(&[Physical::Put(ROW.to_vec(), row)]).unwrap();
        assert_eq!(Totals::read(&engine, b"i").unwrap().unwrap().derived, 50);
        engine.flush().unwrap();
        drop(engine);

        for _ in 0..2 {
            let kv = Kv::open(dir.path(), options).unwrap();
            let mut batch = Batch::new();
            batch.put(b"row".to_vec(), b"new".as_slice());
            kv.commit(batch).unwrap();
            assert_eq!(kv.verify().unwrap().entries, 71);
        }
    }
}
