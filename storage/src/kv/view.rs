//! Reading: single keys and ordered ranges, with large values joined again.
//!
//! A view is not a snapshot. Inside a job on the writer thread nothing moves under it; elsewhere a commit may be seen a moment before
//! it is durable and a large one half applied, so whoever needs one picture, or must not tell others what could still vanish, reads
//! inside `Kv::update` or stays behind a mark that it advances in its own completions.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use super::runs::{self, End, Walk};
use super::split::{self, Header, RESERVED, Row};
use super::{Engine, EngineRange, KvError};

/// How often a value that is being replaced while it is read is looked up again.
const RETRIES: usize = 8;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Rows that earlier jobs of the same group have decided on and the engine has not been given yet; `None` deletes.
pub(crate) type Pending = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Read access to the store.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    engine: &'a Engine,
    pending: Option<&'a Pending>,
}

impl<'a> View<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self {
            engine,
            pending: None,
        }
    }

    pub(crate) fn over(engine: &'a Engine, pending: &'a Pending) -> Self {
        Self {
            engine,
            pending: Some(pending),
        }
    }

    /// The row exactly as it is stored.
    pub(crate) fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        match self.pending.and_then(|pending| pending.get(key)) {
            Some(row) => Ok(row.clone()),
            None => self.engine.get(key),
        }
    }

    /// Whether a key is one of the rows that may live in runs.
    pub(crate) fn is_derived(&self, key: &[u8]) -> bool {
        self.engine.runs.covers(key)
    }

    /// Whether a run has a value under a key, whatever the engine says.
    pub(crate) fn is_below(&self, key: &[u8]) -> Result<bool, KvError> {
        Ok(self.engine.runs.get(key)?.is_some())
    }

    /// The value under `key`.
    ///
    /// # Errors
    /// [`KvError::Corrupt`] when the row is damaged.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        for _ in 0..RETRIES {
            // The engine first: what moves into a run meanwhile is found there afterwards.
            let Some(row) = self.row(key)? else {
                return self.engine.runs.get(key);
            };
            match split::parse(&row)? {
                Row::Inline(value) => return Ok(Some(value.to_vec())),
                Row::Removed => return Ok(None),
                Row::Split(header) => match self.join(header)? {
                    Some(value) => return Ok(Some(value)),
                    None => continue,
                },
            }
        }
        Err(KvError::Corrupt {
            reason: "pieces of a large value are missing".to_owned(),
        })
    }

    /// Entries whose key starts with `prefix`, in key order. An empty prefix means all.
    #[must_use]
    pub fn scan(&self, prefix: &[u8]) -> Scan<'a> {
        self.range(Bound::Included(prefix.to_vec()), prefix)
    }

    /// Entries whose key starts with `prefix` and is greater than `key`.
    #[must_use]
    pub fn scan_after(&self, prefix: &[u8], key: &[u8]) -> Scan<'a> {
        let from = if key < prefix {
            Bound::Included(prefix.to_vec())
        } else {
            Bound::Excluded(key.to_vec())
        };
        self.range(from, prefix)
    }

    /// The last entry whose key starts with `prefix`.
    ///
    /// # Errors
    /// [`KvError::Corrupt`] when the row is damaged.
    pub fn last(&self, prefix: &[u8]) -> Result<Option<Entry>, KvError> {
        self.scan(prefix).next_back().transpose()
    }

    /// Where the pieces of a large value under `key` are, for the writer, which replaces them.
    pub(crate) fn header_of(&self, key: &[u8]) -> Result<Option<Header>, KvError> {
        match self.row(key)? {
            None => Ok(None),
            Some(row) => match split::parse(&row)? {
                Row::Inline(_) | Row::Removed => Ok(None),
                Row::Split(header) => Ok(Some(header)),
            },
        }
    }

    fn range(&self, from: Bound<Vec<u8>>, prefix: &[u8]) -> Scan<'a> {
        let from = match from {
            Bound::Included(key) if key.is_empty() => Bound::Included(vec![RESERVED + 1]),
            other => other,
        };
        let to = successor(prefix);
        let empty = matches!((&from, &to), (Bound::Included(a) | Bound::Excluded(a), Bound::Excluded(b)) if a >= b);
        let pending = match self.pending {
            Some(pending) if !empty && !pending.is_empty() => pending
                .range((from.clone(), to.clone()))
                .map(|(key, row)| (key.clone(), row.clone()))
                .collect(),
            _ => VecDeque::new(),
        };
        let runs = if empty {
            None
        } else {
            self.engine.runs.walk(prefix, &from, &to)
        };
        Scan {
            view: *self,
            stored: Stored {
                range: self.engine.range(from, to),
                front: None,
                back: None,
            },
            pending,
            over: [None, None],
            over_ended: false,
            runs,
        }
    }

    /// Joins the pieces; `None` when the value was replaced meanwhile.
    fn join(&self, header: Header) -> Result<Option<Vec<u8>>, KvError> {
        let mut value = Vec::with_capacity(header.total as usize);
        for key in header.piece_keys() {
            match self.row(&key)? {
                Some(piece) => value.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
        if header.verifies(&value) {
            Ok(Some(value))
        } else {
            Err(KvError::Corrupt {
                reason: "pieces of a large value do not match its checksum".to_owned(),
            })
        }
    }

    fn resolve(&self, key: Vec<u8>, row: &[u8]) -> Option<Result<Entry, KvError>> {
        match split::parse(row) {
            Ok(Row::Inline(value)) => Some(Ok((key, value.to_vec()))),
            Ok(Row::Removed) => None,
            Ok(Row::Split(_)) => self
                .get(&key)
                .transpose()
                .map(|value| value.map(|value| (key, value))),
            Err(e) => Some(Err(e)),
        }
    }
}

/// An ordered walk over entries; reversible with `rev`.
#[derive(Debug)]
pub struct Scan<'a> {
    view: View<'a>,
    stored: Stored,
    pending: VecDeque<(Vec<u8>, Option<Vec<u8>>)>,
    /// Rows of engine and pending that were looked at and not taken, from the front and from the back.
    over: [Option<Entry>; 2],
    /// The engine has no more; asking it again would search it again.
    over_ended: bool,
    runs: Option<Walk>,
}

/// The engine's rows, of which one may be taken at either end and put back.
#[derive(Debug)]
struct Stored {
    range: EngineRange,
    front: Option<Entry>,
    back: Option<Entry>,
}

impl Stored {
    fn next(&mut self) -> Result<Option<Entry>, KvError> {
        match self.front.take() {
            Some(row) => Ok(Some(row)),
            None => Ok(self.range.next().transpose()?.or_else(|| self.back.take())),
        }
    }

    fn next_back(&mut self) -> Result<Option<Entry>, KvError> {
        match self.back.take() {
            Some(row) => Ok(Some(row)),
            None => Ok(self
                .range
                .next_back()
                .transpose()?
                .or_else(|| self.front.take())),
        }
    }
}

impl Scan<'_> {
    /// The next row from the front, a pending one hiding the stored one of the same key.
    fn step(&mut self) -> Result<Option<Entry>, KvError> {
        loop {
            let stored = self.stored.next()?;
            let first = match (&stored, self.pending.front()) {
                (_, None) => return Ok(stored),
                (None, Some(_)) => true,
                (Some((key, _)), Some((pending, _))) if key < pending => return Ok(stored),
                (Some((key, _)), Some((pending, _))) => key > pending,
            };
            if first {
                self.stored.front = stored;
            }
            if let Some((key, Some(row))) = self.pending.pop_front() {
                return Ok(Some((key, row)));
            }
        }
    }

    fn step_back(&mut self) -> Result<Option<Entry>, KvError> {
        loop {
            let stored = self.stored.next_back()?;
            let last = match (&stored, self.pending.back()) {
                (_, None) => return Ok(stored),
                (None, Some(_)) => true,
                (Some((key, _)), Some((pending, _))) if key > pending => return Ok(stored),
                (Some((key, _)), Some((pending, _))) => key < pending,
            };
            if last {
                self.stored.back = stored;
            }
            if let Some((key, Some(row))) = self.pending.pop_back() {
                return Ok(Some((key, row)));
            }
        }
    }
}

impl Scan<'_> {
    /// The next row of engine and pending, which may have been put back at either end.
    fn next_over(&mut self, end: End) -> Result<Option<Entry>, KvError> {
        let [front, back] = &mut self.over;
        let (own, other) = match end {
            End::First => (front, back),
            End::Last => (back, front),
        };
        if let Some(row) = own.take() {
            return Ok(Some(row));
        }
        let other = other.take();
        let next = match end {
            _ if self.over_ended => None,
            End::First => self.step()?,
            End::Last => self.step_back()?,
        };
        match next {
            // What the other end holds is the last one left.
            None => {
                self.over_ended = true;
                Ok(other)
            }
            next => {
                self.put_back(other, end.other());
                Ok(next)
            }
        }
    }

    fn put_back(&mut self, row: Option<Entry>, end: End) {
        let [front, back] = &mut self.over;
        match end {
            End::First => *front = row,
            End::Last => *back = row,
        }
    }

    /// The next entry at an end: rows of the engine hide those of the runs.
    fn entry(&mut self, end: End) -> Result<Option<Entry>, KvError> {
        loop {
            let over = self.next_over(end)?;
            let below = match &mut self.runs {
                Some(runs) => runs.key(end)?,
                None => None,
            };
            let order = match (&over, below) {
                (None, None) => return Ok(None),
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some((key, _)), Some(below)) => match end {
                    End::First => key.as_slice().cmp(below),
                    End::Last => below.cmp(key),
                },
            };
            let taken = match (&mut self.runs, order) {
                (Some(runs), Ordering::Equal | Ordering::Greater) => runs.take(end)?,
                _ => None,
            };
            if order == Ordering::Greater {
                self.put_back(over, end);
                if let Some(entry) = taken.and_then(runs::entry) {
                    return Ok(Some(entry));
                }
            } else if let Some((key, row)) = over
                && let Some(entry) = self.view.resolve(key, &row)
            {
                return entry.map(Some);
            }
        }
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<Entry, KvError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entry(End::First).transpose()
    }
}

impl DoubleEndedIterator for Scan<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.entry(End::Last).transpose()
    }
}

/// The first key after all keys with this prefix; `None` when there is none.
pub(crate) fn successor(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut key = prefix.to_vec();
    while let Some(last) = key.pop() {
        if let Some(next) = last.checked_add(1) {
            key.push(next);
            return Bound::Excluded(key);
        }
    }
    Bound::Unbounded
}
