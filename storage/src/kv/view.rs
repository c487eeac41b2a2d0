//! Reading: single keys and ordered ranges, with large values joined again.
//!
//! A view is not a snapshot. Inside a job on the writer thread nothing moves under it; elsewhere a commit may be seen a moment before
//! it is durable and a large one half applied, so whoever needs one picture, or must not tell others what could still vanish, reads
//! inside `Kv::update` or stays behind a mark that it advances in its own completions.

use std::ops::Bound;

use super::split::{self, Header, RESERVED, Row};
use super::{Engine, EngineRange, KvError};

/// How often a value that is being replaced while it is read is looked up again.
const RETRIES: usize = 8;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Read access to the store.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    engine: &'a Engine,
}

impl<'a> View<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// The value under `key`.
    ///
    /// # Errors
    /// [`KvError::Corrupt`] when the row is damaged.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        for _ in 0..RETRIES {
            let Some(row) = self.engine.get(key)? else {
                return Ok(None);
            };
            match split::parse(&row)? {
                Row::Inline(value) => return Ok(Some(value.to_vec())),
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

    /// The row exactly as it is stored, for the writer, which replaces pieces.
    pub(crate) fn header_of(&self, key: &[u8]) -> Result<Option<Header>, KvError> {
        match self.engine.get(key)? {
            None => Ok(None),
            Some(row) => match split::parse(&row)? {
                Row::Inline(_) => Ok(None),
                Row::Split(header) => Ok(Some(header)),
            },
        }
    }

    fn range(&self, from: Bound<Vec<u8>>, prefix: &[u8]) -> Scan<'a> {
        let from = match from {
            Bound::Included(key) if key.is_empty() => Bound::Included(vec![RESERVED + 1]),
            other => other,
        };
        Scan {
            view: *self,
            range: self.engine.range(from, successor(prefix)),
        }
    }

    /// Joins the pieces; `None` when the value was replaced meanwhile.
    fn join(&self, header: Header) -> Result<Option<Vec<u8>>, KvError> {
        let mut value = Vec::with_capacity(header.total as usize);
        for key in header.piece_keys() {
            match self.engine.get(&key)? {
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
    range: EngineRange,
}

impl Iterator for Scan<'_> {
    type Item = Result<Entry, KvError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.range.next()? {
                Ok((key, row)) => {
                    if let Some(entry) = self.view.resolve(key, &row) {
                        return Some(entry);
                    }
                }
                Err(e) => return Some(Err(e)),
            }
        }
    }
}

impl DoubleEndedIterator for Scan<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            match self.range.next_back()? {
                Ok((key, row)) => {
                    if let Some(entry) = self.view.resolve(key, &row) {
                        return Some(entry);
                    }
                }
                Err(e) => return Some(Err(e)),
            }
        }
    }
}

/// The first key after all keys with this prefix; `None` when there is none.
fn successor(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut key = prefix.to_vec();
    while let Some(last) = key.pop() {
        if let Some(next) = last.checked_add(1) {
            key.push(next);
            return Bound::Excluded(key);
        }
    }
    Bound::Unbounded
}
