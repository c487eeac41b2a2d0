//! Why the vault could not do what was asked. One family for the library: the command line maps its kinds to exit codes,
//! and every message says what to do next.

use std::path::PathBuf;

use domain::document::EditError;

use storage::{BlobError, KvError, LockError, StoreError};

use domain::search::QueryError;

/// The result of the library's operations.
pub type VaultResult<T> = Result<T, VaultError>;

/// What kind of failure it is, for exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultErrorKind {
    /// What was typed cannot be done.
    Usage,
    /// A deck, card, conflict or vault that is not there.
    NotFound,
    /// Several things fit; the person must choose.
    Choice,
    /// A limit or a full disk.
    Limit,
    /// Another process holds the vault.
    Busy,
    /// Stored data is damaged.
    Integrity,
    /// Anything else.
    Failed,
}

/// Why the vault could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no vault.
    #[error("there is no vault in {}; `memoryvault init` makes one", .0.display())]
    NoVault(PathBuf),
    /// There is one already.
    #[error("{} already holds a vault; use it, or choose another folder", .0.display())]
    Exists(PathBuf),
    /// Nothing has this name or id.
    #[error("there is no {what} `{wanted}`; `{list}` shows what there is")]
    NotFound {
        /// Deck, card or conflict.
        what: &'static str,
        /// What was typed.
        wanted: String,
        /// The command that lists them.
        list: &'static str,
    },
    /// More than one thing has this name or begins with these letters.
    #[error("`{wanted}` fits {count} {what}s; type more of the id ({examples})")]
    Ambiguous {
        /// Deck or card.
        what: &'static str,
        /// What was typed.
        wanted: String,
        /// How many fit.
        count: usize,
        /// The first ids that fit.
        examples: String,
    },
    /// What was asked makes no sense as typed.
    #[error("{0}")]
    Refused(String),
    /// A query could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// An item is too long.
    #[error(transparent)]
    Item(#[from] domain::ItemError),
    /// There is nothing that `undo` could take back.
    #[error("there is nothing left that was done on this device and could be taken back")]
    NothingToUndo,
    /// No step was taken back, or another one was made since.
    #[error(
        "there is nothing to make again: nothing was taken back, or something else was done since"
    )]
    NothingToRedo,
    /// Something that a limit does not allow.
    #[error("{0}")]
    Limit(String),
    /// The store of documents failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store of pictures and sounds failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A document refused an edit.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// This vault belongs to no account.
    #[error("this vault syncs with no server; log in first")]
    NotLoggedIn,
    /// A row of the index or of the local state cannot be read.
    #[error(
        "the local index is damaged at {row}; `memoryvault verify --rebuild` makes it again from the documents"
    )]
    Damaged {
        /// Key of the row, in hexadecimal letters.
        row: String,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random numbers: {0}")]
    Random(String),
    /// A file could not be read or written.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// Read or write.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl VaultError {
    /// Whether the vault cannot be opened at all until it is repaired.
    pub fn needs_repair(&self) -> bool {
        matches!(self, Self::Store(StoreError::Kv(KvError::Damaged { .. })))
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> VaultErrorKind {
        match self {
            Self::Refused(_)
            | Self::Query(_)
            | Self::NothingToUndo
            | Self::NothingToRedo
            | Self::NotLoggedIn => VaultErrorKind::Usage,
            Self::NoVault(_) | Self::NotFound { .. } => VaultErrorKind::NotFound,
            Self::Exists(_) | Self::Ambiguous { .. } => VaultErrorKind::Choice,
            Self::Limit(_) | Self::Item(_) => VaultErrorKind::Limit,
            Self::Edit(why) => edit_kind(why),
            Self::Store(why) => store_kind(why),
            Self::Blob(why) if why.is_full() => VaultErrorKind::Limit,
            Self::Damaged { .. } => VaultErrorKind::Integrity,
            Self::Blob(_) | Self::Random(_) | Self::File { .. } => VaultErrorKind::Failed,
        }
    }
}

fn edit_kind(why: &EditError) -> VaultErrorKind {
    match why {
        EditError::PageFull
        | EditError::SegmentFull
        | EditError::SideFull
        | EditError::TagsFull
        | EditError::Item(_)
        | EditError::TextTooLong { .. } => VaultErrorKind::Limit,
        EditError::Name { .. }
        | EditError::Event(_)
        | EditError::Setting(_)
        | EditError::NoSuchItem(_) => VaultErrorKind::Usage,
        EditError::CardMissing(_) | EditError::TagMissing(_) | EditError::NoSuchConflict => {
            VaultErrorKind::NotFound
        }
        EditError::Shape(_) => VaultErrorKind::Integrity,
        _ => VaultErrorKind::Failed,
    }
}

fn store_kind(why: &StoreError) -> VaultErrorKind {
    match why {
        StoreError::Lock(LockError::Held { .. }) => VaultErrorKind::Busy,
        StoreError::Kv(KvError::Full { .. })
        | StoreError::ChangeTooLarge { .. }
        | StoreError::DocumentFull { .. } => VaultErrorKind::Limit,
        StoreError::Kv(KvError::Damaged { .. } | KvError::Corrupt { .. })
        | StoreError::Damaged { .. }
        | StoreError::Pack { .. } => VaultErrorKind::Integrity,
        _ => VaultErrorKind::Failed,
    }
}
