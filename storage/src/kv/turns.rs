//! Whose commit is next: owners take turns, so that one who has many waiting delays another by one turn and not by all of them. Pure;
//! the writer thread is the only one that asks.
//!
//! A turn is a number of rows, not of jobs: an owner goes on until it has written that many, then goes to the end of the line. A flush
//! is due when a turn begins of somebody who had one since the last flush, unless nobody else wrote: so everybody who waits is in every
//! group, and an owner alone has groups as large as what it brings.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Owner;

/// What waits, by owner.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    rows_a_turn: usize,
    waiting: BTreeMap<Owner, VecDeque<T>>,
    /// Those with something waiting, the one whose turn it is first.
    line: VecDeque<Owner>,
    /// Rows of the turn under way, and whose it is.
    now: Option<(Owner, usize)>,
    /// Who wrote since the last flush, and who of them has ended a turn.
    wrote: BTreeSet<Owner>,
    had: BTreeSet<Owner>,
}

impl<T> Turns<T> {
    pub(crate) fn new(rows_a_turn: usize) -> Self {
        Self {
            rows_a_turn,
            waiting: BTreeMap::new(),
            line: VecDeque::new(),
            now: None,
            wrote: BTreeSet::new(),
            had: BTreeSet::new(),
        }
    }

    /// Queues a job behind those of its owner. Who had no turn since the last flush goes before those who had one.
    pub(crate) fn push(&mut self, owner: Owner, job: T) {
        let jobs = self.waiting.entry(owner).or_default();
        if jobs.is_empty() {
            let had_one = |other: &Owner| self.had.contains(other);
            let behind = self.line.iter().position(had_one);
            let place = behind.filter(|_| !had_one(&owner));
            self.line.insert(place.unwrap_or(self.line.len()), owner);
        }
        jobs.push_back(job);
    }

    /// The job whose turn it is.
    pub(crate) fn next(&mut self) -> Option<(Owner, T)> {
        let owner = *self.line.front()?;
        let jobs = self.waiting.get_mut(&owner)?;
        let job = jobs.pop_front()?;
        if jobs.is_empty() {
            self.waiting.remove(&owner);
            self.line.pop_front();
        }
        Some((owner, job))
    }

    /// Notes what the job last taken has written. One that wrote nothing was work too.
    pub(crate) fn wrote(&mut self, owner: Owner, rows: usize) {
        let before = match self.now {
            Some((now, rows)) if now == owner => rows,
            _ => 0,
        };
        let rows = before + rows.max(1);
        self.wrote.insert(owner);
        self.now = Some((owner, rows));
        if rows < self.rows_a_turn {
            return;
        }
        self.now = None;
        self.had.insert(owner);
        if self.line.front() == Some(&owner) {
            self.line.rotate_left(1);
        }
    }

    /// Whether all who wait have had a turn since the last flush, and it was not one owner alone.
    pub(crate) fn is_flush_due(&self) -> bool {
        let again = self
            .line
            .front()
            .is_some_and(|owner| self.had.contains(owner));
        again && self.wrote.len() > 1
    }

    /// Notes that everything written is flushed. A turn goes on after it only when more of it waits.
    pub(crate) fn flushed(&mut self) {
        let front = self.line.front();
        self.now = self.now.filter(|(owner, _)| front == Some(owner));
        self.wrote.clear();
        self.had.clear();
    }
}

#[cfg(test)]
mod tests;
