//! Whose job is next: accounts take turns, and none has more under way than its bounds allow. Pure; `fair` hands out
//! the workers.
//!
//! A key is in `ready` exactly when it has a job waiting and is below its bound. It gives up its turn by going to the end,
//! so a key with a thousand waiting jobs delays another key by what it has under way, not by what it has waiting.

use std::collections::{BTreeMap, VecDeque};

/// What may be under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Jobs in all.
    pub(crate) workers: usize,
    /// Jobs of one key.
    pub(crate) jobs_per_key: usize,
}

/// Waiting jobs of each key, and counts of what is under way.
#[derive(Debug)]
pub(crate) struct Turns<K, T> {
    bounds: Bounds,
    running: usize,
    lines: BTreeMap<K, Line<T>>,
    ready: VecDeque<K>,
}

#[derive(Debug)]
struct Line<T> {
    /// Oldest first.
    waiting: VecDeque<T>,
    running: usize,
    is_ready: bool,
}

impl<K: Copy + Ord, T> Turns<K, T> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            running: 0,
            lines: BTreeMap::new(),
            ready: VecDeque::new(),
        }
    }

    /// Queues a job behind those of its key.
    pub(crate) fn push(&mut self, key: K, job: T) {
        let line = self.lines.entry(key).or_insert_with(Line::new);
        line.waiting.push_back(job);
        self.offer(key);
    }

    /// Takes the job whose turn it is, when a worker is free. Each is given back with [`Turns::finished`].
    pub(crate) fn next(&mut self) -> Option<(K, T)> {
        if self.running >= self.bounds.workers {
            return None;
        }
        let key = self.ready.pop_front()?;
        let line = self.lines.get_mut(&key)?;
        line.is_ready = false;
        let job = line.waiting.pop_front()?;
        line.running += 1;
        self.running += 1;
        self.offer(key);
        Some((key, job))
    }

    /// Notes that a job taken with [`Turns::next`] is over.
    pub(crate) fn finished(&mut self, key: K) {
        self.running = self.running.saturating_sub(1);
        let Some(line) = self.lines.get_mut(&key) else {
            return;
        };
        line.running = line.running.saturating_sub(1);
        if line.running == 0 && line.waiting.is_empty() {
            self.lines.remove(&key);
        } else {
            self.offer(key);
        }
    }

    /// Whether nothing waits and nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.lines.is_empty()
    }

    /// Puts a key at the end of those that may go on, if it may and is not there.
    fn offer(&mut self, key: K) {
        let bounds = self.bounds;
        if let Some(line) = self.lines.get_mut(&key)
            && !line.is_ready
            && line.may_go_on(bounds)
        {
            line.is_ready = true;
            self.ready.push_back(key);
        }
    }
}

impl<T> Line<T> {
    fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            running: 0,
            is_ready: false,
        }
    }

    fn may_go_on(&self, bounds: Bounds) -> bool {
        !self.waiting.is_empty() && self.running < bounds.jobs_per_key
    }
}

#[cfg(test)]
mod tests;
