//! The byte gate.

use crate::id::{ActorId, ChangeHash};
use crate::intake::ChangeMeta;

/// A change whose bytes have passed the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatedChange {
    hash: ChangeHash,
    meta: ChangeMeta,
    ops: u64,
    time_s: i64,
    raw: Vec<u8>,
    inflated: Option<Vec<u8>>,
}

/// Why bytes are not one harmless change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// Placeholder.
    #[error("x")]
    X,
}

/// Judges the bytes of one change.
pub fn gate(_raw: &[u8]) -> Result<GatedChange, GateError> {
    todo!()
}

impl GatedChange {
    /// Its hash, which is its name.
    pub const fn hash(&self) -> ChangeHash {
        self.hash
    }
    /// Who wrote it.
    pub const fn actor(&self) -> ActorId {
        self.meta.actor
    }
    /// Its number among its actor's changes.
    pub const fn seq(&self) -> u64 {
        self.meta.seq
    }
    /// Number of its first operation.
    pub const fn start_op(&self) -> u64 {
        self.meta.start_op
    }
    /// Number of its last operation.
    pub const fn max_op(&self) -> u64 {
        self.meta.max_op
    }
    /// The changes it was made upon.
    pub fn deps(&self) -> &[ChangeHash] {
        &self.meta.deps
    }
    /// How many operations it has.
    pub const fn ops(&self) -> u64 {
        self.ops
    }
    /// Commit time in seconds, as its writer says.
    pub const fn time_s(&self) -> i64 {
        self.time_s
    }
    /// What has to be remembered of it.
    pub const fn meta(&self) -> &ChangeMeta {
        &self.meta
    }
    /// The bytes as received.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
    /// The bytes as received, owned.
    pub fn into_raw(self) -> Vec<u8> {
        self.raw
    }
    /// The change as an uncompressed chunk: what `Change::raw_bytes` of Automerge gives back.
    pub fn uncompressed(&self) -> &[u8] {
        self.inflated.as_deref().unwrap_or(&self.raw)
    }
}
