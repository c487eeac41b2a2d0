//! The one thread that writes: takes what has queued up, in the order of `turns`, applies it, makes it durable with one flush, then answers everybody. What
//! goes into runs is `writer/derived.rs`'s.

mod derived;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;

use super::split::{self, Physical, RESERVED};
use super::totals::{Mark, Totals};
use super::turns::Turns;
use super::view::Pending;
use super::{Batch, Engine, KvError, Owner, Poison, Space, View, redo};
use crate::durable;
use crate::limit::{BATCH_OPS_MAX, GROUP_BYTES_MAX, GROUP_JOBS_MAX, KEY_BYTES_MAX, TURN_ROWS};

/// Tells a caller how its commit ended. Runs on the writer thread.
pub(crate) type Answer = Box<dyn FnOnce(Result<(), KvError>) + Send>;

/// Decides on the writer thread what to write; `None` when the caller's own check refused.
pub(crate) type Job = Box<dyn FnOnce(View<'_>) -> (Option<Batch>, Answer) + Send>;

pub(crate) struct Writer {
    pub(crate) dir: PathBuf,
    pub(crate) engine: Arc<Engine>,
    pub(crate) poison: Arc<Poison>,
    pub(crate) space: Space,
    pub(crate) waiting: Arc<AtomicUsize>,
    pub(crate) next_piece: u64,
    pub(crate) last_redo: u64,
    pub(crate) totals: Totals,
    pub(crate) mark: Mark,
}

/// Commits that will be answered after the next flush.
#[derive(Default)]
struct Group {
    answers: Vec<(Answer, Result<(), KvError>)>,
    bytes: usize,
    /// Rows not yet given to the engine: the jobs of a group share its batches, and with them the row of the totals.
    pending: Pending,
    dirty: bool,
}

impl Writer {
    /// Runs until every sender is gone.
    pub(crate) fn run(mut self, jobs: &Receiver<(Owner, Job)>) {
        let mut turns = Turns::new(TURN_ROWS);
        while let Some((owner, job)) = next(&mut turns, jobs) {
            let mut group = Group::default();
            turns.wrote(owner, self.job(job, &mut group));
            while group.answers.len() < GROUP_JOBS_MAX && group.bytes < GROUP_BYTES_MAX {
                jobs.try_iter()
                    .for_each(|(owner, job)| turns.push(owner, job));
                if turns.is_flush_due() {
                    break;
                }
                let Some((owner, job)) = turns.next() else {
                    break;
                };
                turns.wrote(owner, self.job(job, &mut group));
            }
            self.finish(&mut group);
            turns.flushed();
            self.merge_runs();
        }
    }

    /// Runs a job within a group; says how many rows it asked to write.
    fn job(&mut self, job: Job, group: &mut Group) -> usize {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let engine = Arc::clone(&self.engine);
        // A job that panics drops its answer, which then reports that it was not run.
        let Ok((batch, answer)) = catch_unwind(AssertUnwindSafe(|| {
            job(View::over(&engine, &group.pending))
        })) else {
            tracing::error!("a commit job panicked");
            return 0;
        };
        let rows = batch.as_ref().map_or(0, Batch::len);
        let result = match batch {
            Some(batch) if !batch.is_empty() => self.write(batch, group),
            _ => self.poison.check(),
        };
        group.answers.push((answer, result));
        rows
    }

    fn write(&mut self, batch: Batch, group: &mut Group) -> Result<(), KvError> {
        self.poison.check()?;
        if self.is_for_runs(&batch) {
            self.finish(group);
            return self.write_derived(batch);
        }
        let engine = Arc::clone(&self.engine);
        let ops = self.lower(batch, View::over(&engine, &group.pending))?;
        let bytes = ops.iter().map(Physical::bytes).sum::<usize>();
        let only_deletes = ops.iter().all(|op| matches!(op, Physical::Delete(_)));
        self.space.admit(
            (bytes + group.bytes) as u64,
            only_deletes && group.pending.is_empty(),
        )?;
        let totals = self
            .totals
            .after(View::over(&engine, &group.pending), &ops)?;
        // One place in a batch is for the totals.
        if group.pending.len() + ops.len() >= BATCH_OPS_MAX {
            self.apply(group)?;
        }
        if ops.len() >= BATCH_OPS_MAX {
            self.finish(group);
            self.write_large(ops, totals)?;
            self.totals = totals;
            self.mark.write(totals.commits);
            return Ok(());
        }
        group.bytes += bytes;
        group.dirty = true;
        group.pending.extend(ops.into_iter().map(|op| match op {
            Physical::Put(key, row) => (key, Some(row)),
            Physical::Delete(key) => (key, None),
        }));
        self.totals = totals;
        Ok(())
    }

    /// Gives the engine what is pending, as one atomic batch with the totals up to there.
    fn apply(&mut self, group: &mut Group) -> Result<(), KvError> {
        if group.pending.is_empty() {
            return Ok(());
        }
        let mut ops: Vec<Physical> = std::mem::take(&mut group.pending)
            .into_iter()
            .map(|(key, row)| match row {
                Some(row) => Physical::Put(key, row),
                None => Physical::Delete(key),
            })
            .collect();
        ops.push(self.totals.put());
        self.guarded(|writer| writer.engine.apply(&ops))
    }

    /// A commit beyond one engine batch goes alone, through a redo file.
    fn write_large(&mut self, mut ops: Vec<Physical>, totals: Totals) -> Result<(), KvError> {
        self.poison.check()?;
        ops.push(totals.put());
        let n = self.last_redo + 1;
        // Until the file has its name nothing has happened, so this failure does not poison.
        let path = match redo::write(&self.dir, n, &ops) {
            Ok(path) => path,
            Err(e) => return Err(self.redo_failed(n, e)),
        };
        self.last_redo = n;
        self.guarded(|writer| redo::apply(&writer.engine, n, ops))?;
        if let Err(e) = durable::remove(&path) {
            tracing::warn!(path = %path.display(), error = %e, "a finished redo file could not be removed; it is ignored at the next open");
        }
        Ok(())
    }

    /// If the file got its name after all, the commit would happen at the next open although its caller was told otherwise.
    fn redo_failed(&mut self, n: u64, error: KvError) -> KvError {
        let path = self.dir.join(format!("redo-{n}"));
        match durable::remove(&path).and_then(|()| durable::sync_dir(&self.dir)) {
            Ok(()) => error,
            Err(e) => self
                .poison
                .set(format!("{error}; and its redo file stays: {e}")),
        }
    }

    fn finish(&mut self, group: &mut Group) {
        let mut flushed = Ok(());
        if group.dirty {
            flushed = self
                .apply(group)
                .and_then(|()| self.guarded(|writer| writer.engine.flush()));
            if flushed.is_ok() {
                self.mark.write(self.totals.commits);
                self.spill_if_due();
            }
        }
        for (answer, result) in group.answers.drain(..) {
            let result = result.and_then(|()| flushed.clone());
            if catch_unwind(AssertUnwindSafe(|| answer(result))).is_err() {
                tracing::error!("the completion of a commit panicked");
            }
        }
        *group = Group::default();
    }

    /// A failed write or flush leaves an unknown state on the disk: nothing may be acknowledged after it.
    fn guarded(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), KvError>,
    ) -> Result<(), KvError> {
        self.poison.check()?;
        work(self).map_err(|e| self.poison.set(e.to_string()))
    }

    fn lower(&mut self, batch: Batch, view: View<'_>) -> Result<Vec<Physical>, KvError> {
        let mut out = Vec::with_capacity(batch.len());
        for (key, value) in batch.into_ops() {
            check_key(&key)?;
            if let Some(old) = view.header_of(&key)? {
                out.extend(old.piece_keys().map(Physical::Delete));
            }
            match value {
                None if view.is_below(&key)? => out.push(split::removed(key)),
                None => out.push(Physical::Delete(key)),
                Some(value) => {
                    if split::lower(key, &value, self.next_piece, &mut out)? {
                        self.next_piece += 1;
                    }
                }
            }
        }
        Ok(out)
    }
}

/// The next job, waited for when there is none; `None` when every sender is gone.
fn next(turns: &mut Turns<Job>, jobs: &Receiver<(Owner, Job)>) -> Option<(Owner, Job)> {
    jobs.try_iter()
        .for_each(|(owner, job)| turns.push(owner, job));
    turns.next().or_else(|| jobs.recv().ok())
}

fn check_key(key: &[u8]) -> Result<(), KvError> {
    if key.first().is_none_or(|first| *first == RESERVED) {
        return Err(KvError::ReservedKey);
    }
    if key.len() > KEY_BYTES_MAX {
        return Err(KvError::TooLarge {
            what: "key",
            size: key.len(),
            max: KEY_BYTES_MAX,
        });
    }
    Ok(())
}
