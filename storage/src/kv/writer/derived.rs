//! How derived rows get into runs: at once from a commit with many of them, later from the engine when single commits have left many
//! there, and from runs of like size into one. Each is one commit that changes the list of runs, so a crash leaves the old list or the
//! new one; a run's file is on the disk before.

use std::ops::Bound;
use std::sync::Arc;

use super::super::run::Run;
use super::super::runs::{Merge, RunRow};
use super::super::split::{self, Physical, Row};
use super::super::view::successor;
use super::super::{Batch, KvError, View};
use super::{Writer, check_key};
use crate::limit::{BATCH_OPS_MAX, DERIVED_ROWS_MAX, VALUE_BYTES_MAX};

/// Rows for a run, in rising order; `None` as a value removes.
type Rows = Vec<RunRow>;

impl Writer {
    /// Whether a commit has so many derived rows that the engine is better spared.
    pub(super) fn is_for_runs(&self, batch: &Batch) -> bool {
        let derived = batch
            .iter()
            .filter(|(key, _)| self.engine.runs.covers(key))
            .count();
        batch.forgets_derived() || derived >= BATCH_OPS_MAX
    }

    /// A commit whose derived rows become a run; durable when this returns.
    pub(super) fn write_derived(&mut self, batch: Batch) -> Result<(), KvError> {
        let engine = Arc::clone(&self.engine);
        self.space.admit(batch.bytes() as u64, false)?;
        let forgets = batch.forgets_derived();
        let (mut rest, mut rows, mut ops) = (Batch::new(), Rows::new(), Vec::new());
        if forgets {
            self.each_engine_row(|key, _| forget(&engine, key, &mut ops))?;
        }
        for (key, value) in batch.into_ops() {
            if !engine.runs.covers(&key) {
                match value {
                    Some(value) => rest.put(key, value),
                    None => rest.delete(key),
                }
                continue;
            }
            check_key(&key)?;
            if let Some(size) = value
                .as_ref()
                .map(Vec::len)
                .filter(|size| *size > VALUE_BYTES_MAX)
            {
                return Err(KvError::TooLarge {
                    what: "value",
                    size,
                    max: VALUE_BYTES_MAX,
                });
            }
            if !forgets {
                forget(&engine, &key, &mut ops)?;
            }
            if value.is_some() || (!forgets && engine.runs.get(&key)?.is_some()) {
                rows.push((key, value));
            }
        }
        ops.extend(self.lower(rest, View::new(&engine))?);
        let older = if forgets {
            Vec::new()
        } else {
            engine.runs.list().to_vec()
        };
        let mut list = Vec::with_capacity(older.len() + 1);
        if !rows.is_empty() {
            list.push(engine.runs.write(rows.into_iter().map(Ok))?);
        }
        list.extend(older);
        self.commit_runs(list, ops)
    }

    /// Moves derived rows from the engine into a run when there are many. What fails here is tried again later; no commit depends on it.
    pub(super) fn spill_if_due(&mut self) {
        if self.totals.derived < DERIVED_ROWS_MAX {
            return;
        }
        if let Err(e) = self.spill() {
            tracing::warn!(error = %e, "derived rows stay in the engine");
        }
    }

    /// Merges runs of like size. What fails here is tried again later; no commit depends on it.
    pub(super) fn merge_runs(&mut self) {
        loop {
            let due = self.engine.runs.due();
            if due == 0 || self.poison.check().is_err() {
                return;
            }
            if let Err(e) = self.merge(due) {
                tracing::warn!(error = %e, "runs stay apart");
                return;
            }
        }
    }

    fn spill(&mut self) -> Result<(), KvError> {
        let engine = Arc::clone(&self.engine);
        let mut ops = Vec::new();
        let rows = self.engine_rows(&mut ops)?;
        let bytes: usize = rows
            .iter()
            .map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len))
            .sum();
        self.space.admit(bytes as u64, false)?;
        let mut list = engine.runs.list().to_vec();
        if !rows.is_empty() {
            list.insert(0, engine.runs.write(rows.into_iter().map(Ok))?);
        }
        self.commit_runs(list, ops)
    }

    fn merge(&mut self, count: usize) -> Result<(), KvError> {
        let engine = Arc::clone(&self.engine);
        let old = engine.runs.list();
        let (newest, older) = old.split_at_checked(count).unwrap_or((&old, &[]));
        self.space
            .admit(newest.iter().map(|run| run.at.bytes).sum(), false)?;
        let rows = Merge::new(Arc::new(newest.to_vec()), older.is_empty());
        let merged = engine.runs.write(rows)?;
        let mut list = vec![merged];
        list.extend_from_slice(older);
        self.commit_runs(list, Vec::new())
    }

    /// Makes a new list of runs durable together with rows of the engine, and removes the files that it no longer names.
    fn commit_runs(&mut self, list: Vec<Arc<Run>>, mut ops: Vec<Physical>) -> Result<(), KvError> {
        let engine = Arc::clone(&self.engine);
        let (old, list) = (engine.runs.list(), Arc::new(list));
        ops.push(engine.runs.put(&list));
        let totals = self.totals.after(View::new(&engine), &ops)?;
        if ops.len() < BATCH_OPS_MAX {
            ops.push(totals.put());
            self.guarded(|writer| {
                writer
                    .engine
                    .apply(&ops)
                    .and_then(|()| writer.engine.flush())
            })?;
        } else {
            self.write_large(ops, totals)?;
        }
        self.totals = totals;
        self.mark.write(totals.commits);
        let is_named = |run: &Arc<Run>| list.iter().any(|named| named.at.id == run.at.id);
        let gone: Vec<Arc<Run>> = old.iter().filter(|run| !is_named(run)).cloned().collect();
        engine.runs.set(list);
        engine.runs.remove(&gone);
        Ok(())
    }

    /// The engine's derived rows as they would stand in a run, and the operations that take them out of the engine.
    fn engine_rows(&self, ops: &mut Vec<Physical>) -> Result<Rows, KvError> {
        let view = View::new(&self.engine);
        let mut rows = Rows::new();
        self.each_engine_row(|key, row| {
            if let Some(value) = plain(&view, key, row)? {
                rows.push((key.to_vec(), value));
            }
            forget(&self.engine, key, ops)
        })?;
        Ok(rows)
    }

    fn each_engine_row(
        &self,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), KvError>,
    ) -> Result<(), KvError> {
        let prefix = self.engine.runs.prefix();
        let mut range = self
            .engine
            .range(Bound::Included(prefix.to_vec()), successor(prefix));
        while let Some(row) = range.next() {
            let (key, row) = row?;
            each(&key, &row)?;
        }
        Ok(())
    }
}

/// What a row of the engine says as a row of a run; nothing when it is a removal that hides nothing.
fn plain(view: &View<'_>, key: &[u8], row: &[u8]) -> Result<Option<Option<Vec<u8>>>, KvError> {
    Ok(match split::parse(row)? {
        Row::Inline(value) => Some(Some(value.to_vec())),
        Row::Split(_) => Some(view.get(key)?),
        Row::Removed => view.is_below(key)?.then_some(None),
    })
}

/// The operations that take a row and its pieces out of the engine, if it is there.
fn forget(engine: &super::Engine, key: &[u8], ops: &mut Vec<Physical>) -> Result<(), KvError> {
    let Some(row) = engine.get(key)? else {
        return Ok(());
    };
    if let Ok(Row::Split(header)) = split::parse(&row) {
        ops.extend(header.piece_keys().map(Physical::Delete));
    }
    ops.push(Physical::Delete(key.to_vec()));
    Ok(())
}
