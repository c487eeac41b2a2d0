//! What can go wrong in the key-value store. Cloneable, because one failed flush answers many waiters.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A failed operation of the key-value store.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KvError {
    /// No store was ever made in this folder.
    #[error("there is no store in {}; create one first", dir.display())]
    Missing {
        /// The folder.
        dir: PathBuf,
    },
    /// A store is already there.
    #[error("there is already a store in {}; open it instead", dir.display())]
    Exists {
        /// The folder.
        dir: PathBuf,
    },
    /// The store could not be read; its files were moved, none was deleted.
    #[error("the store in {} is damaged ({reason}); its files are kept in {}; run the repair to rebuild from packs, export and server", dir.display(), moved_to.display())]
    Damaged {
        /// The folder of the store.
        dir: PathBuf,
        /// Where the damaged files are now.
        moved_to: PathBuf,
        /// What was seen.
        reason: String,
    },
    /// The data belongs to another store than the side file says: somebody mixed two folders.
    #[error("the data in {} belongs to store {found}, but its STORE file names {expected}; put the right folder back", dir.display())]
    Foreign {
        /// The folder.
        dir: PathBuf,
        /// The id in the side file.
        expected: String,
        /// The id inside the data.
        found: String,
    },
    /// Not enough free space; nothing was written and the store stays usable.
    #[error(
        "the disk is nearly full: {free} bytes free, {need} needed; free some space and try again"
    )]
    Full {
        /// Bytes free now.
        free: u64,
        /// Bytes this commit needs free.
        need: u64,
    },
    /// An earlier write could not be made durable, so nothing more is acknowledged.
    #[error(
        "an earlier write could not be made durable ({reason}); nothing more is accepted until the store is opened again"
    )]
    Poisoned {
        /// The first failure.
        reason: String,
    },
    /// A key or value beyond the bounds; large values belong in a file.
    #[error("a {what} of {size} bytes is too large for the store (at most {max})")]
    TooLarge {
        /// Key or value.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The bound.
        max: usize,
    },
    /// Keys starting with a zero byte, and empty keys, are the store's own.
    #[error("keys must not be empty or start with a zero byte")]
    ReservedKey,
    /// A row could not be read back.
    #[error("a row is damaged ({reason}); run verify")]
    Corrupt {
        /// What was seen.
        reason: String,
    },
    /// More commits are waiting than the queue holds; try again shortly.
    #[error("too many commits are waiting; try again shortly")]
    Busy,
    /// The store was closed, or the job panicked, before it was committed.
    #[error("the commit was not run: the store is closing or the job failed")]
    NotRun,
    /// The operating system refused.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<io::Error>,
    },
}

impl KvError {
    /// Whether trying the same again on the open store cannot succeed.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        !matches!(self, Self::Full { .. } | Self::Busy)
    }

    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            what,
            path,
            source: Arc::new(source),
        }
    }
}
