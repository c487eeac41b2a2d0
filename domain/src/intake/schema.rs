//! The schema check.

use automerge::{Automerge, Change};

/// Why a document may not become what the changes make of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Placeholder.
    #[error("x")]
    X,
}

/// Judges the document `after` the changes were applied to a clone of it.
pub fn check(_after: &Automerge, _changes: &[Change]) -> Result<(), SchemaError> {
    todo!()
}
