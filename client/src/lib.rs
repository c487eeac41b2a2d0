//! The vault on a device, its account and its sync; the `memoryvault` binary is a shell around it.
//!
//! 1. [`Vault`] is a person's data on this device: decks, cards, reviews, media. Every write is one atomic, durable commit.
//! 2. [`StudySession`] asks cards in order and records answers.
//! 3. [`chart`] draws statistics.
//! 4. [`account`] talks to a server's routes, [`sync`] carries changes and blobs to it and back.
//!
//! Everything blocks; only `sync` uses an asynchronous runtime, on a thread of its own.

pub mod account;
pub mod chart;
mod clock;
mod deck_tree;
mod import;
mod index;
mod keys;
mod limit;
mod local_state;
pub mod markdown;
mod shared;
mod study;
pub mod sync;
mod tls;
mod undo_log;
mod vault;
pub mod web;

pub use clock::{Clock, Moment, offset_at, parse_moment, work_in_zone, zone, zone_name};
pub use keys::{STUDY_KEYS, StudyAction, StudyKey, study_action};
pub use limit::{AHEAD_DAYS_MAX, SKEW_WARN_MS, UNUSED_GRACE_DAYS};
pub use local_state::Login;
pub use shared::{SharedVault, SyncClaim, VaultTurn};
pub use study::{StudySession, StudyWish};
pub use tls::{TlsError, client_config};
#[cfg(feature = "optimizer")]
pub use vault::Fitted;
pub use vault::{
    Answer, BlobInFull, BlobNotTaken, BlobShown, BulkEdit, BulkReport, CardEdit, CardPage,
    CardShown, ConflictShown, DayTold, DeckCounts, DeckOptions, DeckSummary, EventTold, FieldShown,
    GradePreview, Hold, ImportReport, ItemShown, Joining, MediaFile, MediaFileError, MediaReport,
    MediaWish, NewCard, NewItem, NewMedia, NewNote, NoteShown, OptionsChange, OptionsPreview,
    Order, ProgressWatch, Query, QueryError, Repaired, Replace, Restored, Reviewed, SchedulerShown,
    SetAsideShown, SideEdit, SkippedRow, SortBy, Stage, Status, StepShown, StudyCounts,
    StudySummary, Swept, ThumbnailSide, Undone, UnusedShown, Vault, VaultError, VaultErrorKind,
    VaultResult, VerifyReport, Why, days_ms,
};
