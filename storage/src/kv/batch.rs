//! What a caller asks of the store in one commit. All of it becomes durable, or nothing.

use std::collections::BTreeMap;

/// Puts and deletions that become durable together. For a key named twice the last word holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    ops: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    forgets_derived: bool,
}

impl Batch {
    /// An empty batch; committing it costs nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.ops.insert(key.into(), Some(value.into()));
    }

    /// Removes `key`; one that is not there is fine.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        self.ops.insert(key.into(), None);
    }

    /// Removes every derived row there is, damaged or not, before the other operations.
    pub fn forget_derived(&mut self) {
        self.forgets_derived = true;
    }

    /// Adds the operations of `other` after those of this batch.
    pub fn append(&mut self, other: Self) {
        if other.forgets_derived {
            self.forgets_derived = true;
        }
        self.ops.extend(other.ops);
    }

    /// How many keys are touched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether nothing is touched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty() && !self.forgets_derived
    }

    /// Bytes of all keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.iter()
            .map(|(key, value)| key.len() + value.map_or(0, <[u8]>::len))
            .sum()
    }

    /// The operations in key order; `None` is a deletion.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.ops
            .iter()
            .map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    pub(crate) fn forgets_derived(&self) -> bool {
        self.forgets_derived
    }

    pub(crate) fn into_ops(self) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        self.ops
    }
}
