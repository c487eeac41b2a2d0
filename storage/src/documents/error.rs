//! What can go wrong with the documents of a vault.

use std::io;
use std::path::{Path, PathBuf};

use domain::DocId;

use crate::kv::KvError;
use crate::lock::LockError;
use crate::pack::PackError;

/// A failed operation on a vault's documents.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store below.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// Another process holds the vault.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A local edit made a change too large to travel.
    #[error(
        "this edit makes one change of {bytes} bytes, at most {max} can travel; split it into several edits"
    )]
    ChangeTooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// A local edit would be refused by every other device.
    #[error("this edit would be refused by other devices: {reason}")]
    ChangeRefused {
        /// Why.
        reason: String,
    },
    /// The document has reached its size; begin another page or segment.
    #[error("document {doc} is full ({bytes} of {max} bytes); continue in a new one")]
    DocumentFull {
        /// The document.
        doc: DocId,
        /// Its raw bytes with this edit.
        bytes: u64,
        /// The bound.
        max: u64,
    },
    /// Neither snapshot nor changes of a document can be read in full.
    #[error("document {doc} is damaged ({reason}); run verify, then sync to get it again")]
    Damaged {
        /// The document.
        doc: DocId,
        /// What was seen.
        reason: String,
    },
    /// Automerge refused an edit.
    #[error("document {doc} cannot be edited")]
    Edit {
        /// The document.
        doc: DocId,
        /// Why.
        #[source]
        source: Box<automerge::AutomergeError>,
    },
    /// A pack is damaged.
    #[error("the pack of document {doc} cannot be read")]
    Pack {
        /// The document.
        doc: DocId,
        /// Why.
        #[source]
        source: PackError,
    },
    /// No server is set, so there is neither outbox nor cursor.
    #[error("this vault syncs with no server yet; log in first")]
    NoServer,
    /// The cursor is longer than any real one.
    #[error("a cursor of {bytes} bytes is too long")]
    CursorTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The operating system refused.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl StoreError {
    /// Automerge refused an edit of `doc`: for `map_err` inside the closure of [`crate::Writer::edit`].
    pub fn edit(doc: DocId) -> impl Fn(automerge::AutomergeError) -> Self + Copy {
        move |source| Self::Edit {
            doc,
            source: Box::new(source),
        }
    }

    /// Whether trying the same again cannot succeed.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Kv(e) => e.is_permanent(),
            Self::Lock(_) | Self::Io { .. } => false,
            _ => true,
        }
    }

    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { what, path, source }
    }
}
