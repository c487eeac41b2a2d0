//! The runs of a store, newest first, and what they hold together: of several runs that name a key the newest is right. Rows of the
//! engine are newer than all of them.
//!
//! Only rows under one prefix ever live in runs, the *derived* ones: bulky, and their owner can make them again. They come here in
//! three ways: a commit with many of them writes a run instead of feeding the engine; rows that single commits left in the engine are
//! spilled when there are many; runs of like size are merged. Which runs hold stands in one row of the engine, so a run counts from
//! the very commit that names it, and files that no row names are swept at open.

use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::run::{self, Cursor, Run, RunAt, RunWriter};
use super::split::Physical;
use super::{Engine, Entry, KvError};
use crate::durable;
use crate::limit::{RUNS_MAX, RUNS_MERGED_MIN};

/// The engine's row that names the runs. Unlike the store's other own rows it counts in the totals.
pub(crate) const LIST: &[u8] = b"\0runs";

/// A row of a run: a key, and its value unless it is removed.
pub(crate) type RunRow = (Vec<u8>, Option<Vec<u8>>);

/// Runs, newest first.
pub(crate) type RunList = Arc<Vec<Arc<Run>>>;

/// The runs of one store.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    dir: PathBuf,
    /// Prefix of derived rows; empty where a store keeps none.
    prefix: Vec<u8>,
    list: RwLock<RunList>,
    next_id: AtomicU64,
    /// A run that the row names is missing or damaged.
    lost: bool,
}

impl Runs {
    /// Opens what the engine's row names. If any of it cannot be read all of it is left out and [`Runs::lost`] says so: half an index is
    /// worth less than none.
    pub(crate) fn open(dir: &Path, prefix: &[u8], engine: &Engine) -> Result<Self, KvError> {
        let mut runs = Self {
            dir: dir.to_path_buf(),
            prefix: prefix.to_vec(),
            ..Self::default()
        };
        let Some(row) = engine.get(LIST)? else {
            return Ok(runs);
        };
        let opened = parse(&row).and_then(|(next_id, named)| {
            runs.next_id = AtomicU64::new(next_id);
            named
                .into_iter()
                .map(|at| Run::open(dir, at).map(Arc::new))
                .collect::<Result<Vec<_>, _>>()
        });
        match opened {
            Ok(list) => runs.list = RwLock::new(Arc::new(list)),
            Err(e) => {
                tracing::warn!(error = %e, "rows that can be made again are lost");
                runs.lost = true;
            }
        }
        Ok(runs)
    }

    /// Whether rows under the derived prefix are lost and have to be made again.
    pub(crate) fn lost(&self) -> bool {
        self.lost
    }

    /// Whether a key is one of a derived row.
    pub(crate) fn covers(&self, key: &[u8]) -> bool {
        !self.prefix.is_empty() && key.starts_with(&self.prefix)
    }

    /// Where derived rows begin.
    pub(crate) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    pub(crate) fn list(&self) -> RunList {
        Arc::clone(&self.list.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, list: RunList) {
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = list;
    }

    /// The value that the runs have under a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        if !self.covers(key) {
            return Ok(None);
        }
        for run in self.list().iter() {
            if let Some(said) = run.get(key)? {
                return Ok(said);
            }
        }
        Ok(None)
    }

    /// A walk over the rows of a range, if any of it may be here.
    pub(crate) fn walk(
        &self,
        prefix: &[u8],
        from: &Bound<Vec<u8>>,
        to: &Bound<Vec<u8>>,
    ) -> Option<Walk> {
        let meets = !self.prefix.is_empty()
            && (prefix.starts_with(&self.prefix) || self.prefix.starts_with(prefix));
        let list = self.list();
        (meets && !list.is_empty()).then(|| Walk::new(list, from.clone(), to.clone()))
    }

    /// Writes a run of rows in rising order; `None` as a value removes.
    pub(crate) fn write(
        &self,
        rows: impl Iterator<Item = Result<RunRow, KvError>>,
    ) -> Result<Arc<Run>, KvError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut writer = RunWriter::create(&self.dir, id)?;
        for row in rows {
            let (key, value) = row?;
            writer.push(&key, value.as_deref())?;
        }
        Run::open(&self.dir, writer.finish()?).map(Arc::new)
    }

    /// The operation that makes these the runs.
    pub(crate) fn put(&self, list: &RunList) -> Physical {
        let mut row = vec![1];
        row.extend_from_slice(&self.next_id.load(Ordering::Relaxed).to_be_bytes());
        for run in list.iter() {
            let at = &run.at;
            for number in [at.id, at.rows, at.bytes, at.index_at] {
                row.extend_from_slice(&number.to_be_bytes());
            }
            row.extend_from_slice(&at.index_bytes.to_be_bytes());
            row.extend_from_slice(&at.index_plain_bytes.to_be_bytes());
            row.extend_from_slice(&at.index_hash);
        }
        Physical::Put(LIST.to_vec(), row)
    }

    /// How many of the newest runs are to become one: runs of like size, so that each row is written again only a few times while the
    /// whole grows. Nothing is due below four.
    pub(crate) fn due(&self) -> usize {
        let list = self.list();
        let mut bytes = 0;
        let mut count = 0;
        for run in list.iter() {
            if count > 0 && run.at.bytes > bytes * 2 && list.len() <= RUNS_MAX {
                break;
            }
            bytes += run.at.bytes.max(1);
            count += 1;
        }
        if count >= RUNS_MERGED_MIN { count } else { 0 }
    }

    /// Removes the files of runs that no row names any more; they are swept at the next open otherwise.
    pub(crate) fn remove(&self, gone: &[Arc<Run>]) {
        for run in gone {
            let path = run::path(&self.dir, run.at.id);
            if let Err(e) = durable::remove(&path) {
                tracing::debug!(path = %path.display(), error = %e, "a run that was merged stays");
            }
        }
    }

    /// Removes files that no row names: unfinished ones, and those of commits that a crash prevented.
    pub(crate) fn sweep(&self) {
        if self.lost {
            return;
        }
        let list = self.list();
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return;
        };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if !list
                .iter()
                .any(|run| run::path(&self.dir, run.at.id) == path)
            {
                fs::remove_file(&path).ok();
            }
        }
    }

    /// Bytes the files take.
    pub(crate) fn disk_bytes(&self) -> u64 {
        let bytes = |run: &Arc<Run>| run.at.index_at + u64::from(run.at.index_bytes);
        self.list().iter().map(bytes).sum()
    }
}

fn parse(row: &[u8]) -> Result<(u64, Vec<RunAt>), KvError> {
    parse_row(row).ok_or_else(|| KvError::Corrupt {
        reason: "the list of runs has an unknown form".to_owned(),
    })
}

fn parse_row(row: &[u8]) -> Option<(u64, Vec<RunAt>)> {
    let (next_id, mut rest) = number(row.strip_prefix(&[1])?)?;
    let mut named = Vec::new();
    while !rest.is_empty() {
        let (id, after) = number(rest)?;
        let (rows, after) = number(after)?;
        let (bytes, after) = number(after)?;
        let (index_at, after) = number(after)?;
        let (index_bytes, after) = after.split_first_chunk::<4>()?;
        let (index_plain_bytes, after) = after.split_first_chunk::<4>()?;
        let (index_hash, after) = after.split_first_chunk::<32>()?;
        named.push(RunAt {
            id,
            rows,
            bytes,
            index_at,
            index_bytes: u32::from_be_bytes(*index_bytes),
            index_plain_bytes: u32::from_be_bytes(*index_plain_bytes),
            index_hash: *index_hash,
        });
        rest = after;
    }
    Some((next_id, named))
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    bytes
        .split_first_chunk::<8>()
        .map(|(n, rest)| (u64::from_be_bytes(*n), rest))
}

/// A walk over the rows that several runs hold together, from both ends.
#[derive(Debug)]
pub(crate) struct Walk {
    list: RunList,
    from: Bound<Vec<u8>>,
    to: Bound<Vec<u8>>,
    /// Made at the first step, because making them reads.
    cursors: Option<Vec<Cursor>>,
    /// Whether removals are handed out too.
    removals: bool,
}

/// One end of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    First,
    Last,
}

impl End {
    /// The other one.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::First => Self::Last,
            Self::Last => Self::First,
        }
    }
}

impl Walk {
    pub(crate) fn new(list: RunList, from: Bound<Vec<u8>>, to: Bound<Vec<u8>>) -> Self {
        Self {
            list,
            from,
            to,
            cursors: None,
            removals: false,
        }
    }

    /// Everything in some runs, removals too: for merging them.
    pub(crate) fn whole(list: RunList) -> Self {
        Self {
            removals: true,
            ..Self::new(list, Bound::Unbounded, Bound::Unbounded)
        }
    }

    /// The key that stands at an end.
    pub(crate) fn key(&mut self, end: End) -> Result<Option<&[u8]>, KvError> {
        let Some(at) = self.settle(end)? else {
            return Ok(None);
        };
        match self.cursors.as_mut().and_then(|all| all.get_mut(at)) {
            Some(cursor) => Ok(cursor.at(end)?.map(|(key, _)| key)),
            None => Ok(None),
        }
    }

    /// Takes the row that stands at an end.
    pub(crate) fn take(&mut self, end: End) -> Result<Option<RunRow>, KvError> {
        let Some(at) = self.settle(end)? else {
            return Ok(None);
        };
        let cursors = self.cursors()?;
        let Some(row) = cursors.get_mut(at) else {
            return Ok(None);
        };
        let row = row
            .at(end)?
            .map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
        if let Some((key, _)) = &row {
            pass(cursors, end, key)?;
        }
        Ok(row)
    }

    /// The newest of the cursors that stand at the outermost key; removed keys are passed on the way.
    fn settle(&mut self, end: End) -> Result<Option<usize>, KvError> {
        let removals = self.removals;
        let cursors = self.cursors()?;
        loop {
            let mut best: Option<(usize, Vec<u8>)> = None;
            let mut removed = false;
            for (number, cursor) in cursors.iter_mut().enumerate() {
                let Some((key, value)) = cursor.at(end)? else {
                    continue;
                };
                let outer = best.as_ref().is_none_or(|(_, best)| match end {
                    End::First => key < best.as_slice(),
                    End::Last => key > best.as_slice(),
                });
                if outer {
                    removed = value.is_none();
                    best = Some((number, key.to_vec()));
                }
            }
            match best {
                Some((_, key)) if removed && !removals => pass(cursors, end, &key)?,
                best => return Ok(best.map(|(number, _)| number)),
            }
        }
    }

    fn cursors(&mut self) -> Result<&mut Vec<Cursor>, KvError> {
        if self.cursors.is_none() {
            let from = match &self.from {
                Bound::Included(key) => (key.as_slice(), false),
                Bound::Excluded(key) => (key.as_slice(), true),
                Bound::Unbounded => (&[][..], false),
            };
            let to = match &self.to {
                Bound::Included(key) | Bound::Excluded(key) => Some(key.as_slice()),
                Bound::Unbounded => None,
            };
            let made = self
                .list
                .iter()
                .map(|run| Cursor::new(Arc::clone(run), from, to))
                .collect::<Result<_, _>>()?;
            self.cursors = Some(made);
        }
        Ok(self.cursors.get_or_insert_default())
    }
}

/// Passes a key in every run that has it at this end.
fn pass(cursors: &mut [Cursor], end: End, key: &[u8]) -> Result<(), KvError> {
    for cursor in cursors {
        if cursor.at(end)?.is_some_and(|(found, _)| found == key) {
            cursor.pass(end)?;
        }
    }
    Ok(())
}

/// Rows of a merge, in rising order. The oldest run's merge keeps no removals: there is nothing below that they could hide.
pub(crate) struct Merge {
    walk: Walk,
    with_oldest: bool,
}

impl Merge {
    pub(crate) fn new(list: RunList, with_oldest: bool) -> Self {
        Self {
            walk: Walk::whole(list),
            with_oldest,
        }
    }
}

impl Iterator for Merge {
    type Item = Result<RunRow, KvError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.walk.take(End::First).transpose()? {
                Ok((_, None)) if self.with_oldest => {}
                row => return Some(row),
            }
        }
    }
}

/// A row of a walk as an entry.
pub(crate) fn entry(row: RunRow) -> Option<Entry> {
    let (key, value) = row;
    value.map(|value| (key, value))
}
