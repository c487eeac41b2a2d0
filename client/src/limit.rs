//! The bounds of the device's library, each with its reason. Bounds of documents live in `domain::limit`, those of the
//! wire in `sync_protocol::limit`.

use std::time::Duration;

/// Cards that one change may add: few enough that the change stays far below 256 KiB with usual cards, many enough that
/// an import of 10 000 cards is forty commits.
pub(crate) const CARDS_PER_CHANGE_MAX: usize = 250;

/// Bytes of items that one change may carry before it is cut: half of the 256 KiB of a change, because every card adds
/// keys, ids and operations of its own.
pub(crate) const ITEM_BYTES_PER_CHANGE_MAX: usize = 128 * 1024;

/// Bytes of items of one new card: alone in a change it stays below 256 KiB.
pub(crate) const CARD_BYTES_MAX: usize = 192 * 1024;

/// Cards of a page; a fuller page is closed and the next card opens a new one.
pub(crate) const CARDS_PER_PAGE_MAX: u32 = 1_000;

/// Bytes of items after which a page is closed: a quarter of a document's 4 MiB, so that later edits have room.
pub(crate) const ITEM_BYTES_PER_PAGE_MAX: u64 = 1024 * 1024;

/// Events folded into one change: about 80 bytes each and one operation, far below the bounds of a change.
pub(crate) const EVENTS_PER_CHANGE_MAX: usize = 1_000;

/// Events kept in one row of the index; a card with more continues in a further row. At about 80 bytes an event a row
/// stays below what the key-value store takes as one value.
pub(crate) const EVENTS_PER_ROW_MAX: usize = 2_000;

/// Sessions that try to be a repair after the server sent something that had to be set aside: one that is cut may be tried again.
pub(crate) const REPAIRS_DUE_MAX: u8 = 3;

/// The highest flag, as in Anki.
pub(crate) const FLAG_MAX: u8 = 7;

/// Days that one sitting can look ahead: a month of holidays.
pub const AHEAD_DAYS_MAX: u16 = 31;

/// Steps that `undo` can take back, one after another: months of daily study.
pub(crate) const UNDO_STEPS_MAX: u64 = 20_000;

/// Bytes of one row of what a step changed, unless one change alone has more: far below what the key-value store takes as
/// one value.
pub(crate) const UNDO_PART_BYTES: usize = 32 * 1024;

/// Changes of one row of what a step changed: as many as one commit takes back.
pub(crate) const UNDO_PART_CHANGES: usize = 250;

/// Letters of a card's text in the words of a step.
pub(crate) const STEP_LETTERS: usize = 40;

/// How long a short command waits for another short command that holds the vault.
pub(crate) const VAULT_WAIT: Duration = Duration::from_secs(10);

/// Hexadecimal letters of an id that must be typed to name a card or a deck.
pub(crate) const ID_PREFIX_LETTERS_MIN: usize = 4;

/// Rows of a text file that one import takes.
pub(crate) const IMPORT_ROWS_MAX: usize = 200_000;

/// Bytes of a text file that one import takes.
pub(crate) const IMPORT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Skipped rows that a report of an import names one by one; the rest is counted.
pub(crate) const IMPORT_SKIPPED_SHOWN_MAX: usize = 1_000;

/// Pictures and sounds of cards that were looked at, asked for at once: what a few dozen cards name.
pub(crate) const VIEWED_AT_ONCE_MAX: usize = 1_000;

/// Rows of cards that one reading of a list looks at: a few milliseconds, so that a sync beside it gets its turns.
pub(crate) const CARD_ROWS_PER_PAGE_MAX: usize = 4_000;

/// Rows that a rebuild of the index writes in one commit.
pub(crate) const REBUILD_ROWS_PER_COMMIT: usize = 2_000;

/// A clock reading that is further ahead of ours than this is taken as broken and does not pull our logical clock along:
/// ten years, because a device that is wrong by less must still sort after what it has seen.
pub(crate) const CLOCK_AHEAD_MS_MAX: i64 = 10 * 366 * 24 * 3_600 * 1_000;

/// Clock skew above which a person is told.
pub const SKEW_WARN_MS: i64 = 120_000;

/// A new estimate of the server's clock that differs by less from the last one is not worth a write: a trip's jitter is of that size.
pub(crate) const CLOCK_MOVED_MS_MIN: u64 = 1_000;

/// Threads that judge and read documents that arrive: each holds one document in memory.
pub(crate) const JUDGES_MAX: usize = 4;

/// Events that may wait in the journal when a vault is opened; more are folded then.
pub(crate) const JOURNAL_EVENTS_MAX: u64 = 100;

/// Days for which a picture or sound stays on this device that no card names any more: time to take an edit back.
pub const UNUSED_GRACE_DAYS: u64 = 1;

/// How often the server is told of them, in milliseconds: once a day.
pub const UNUSED_EVERY_MS: i64 = 24 * 3_600_000;

/// How many of them one report names; servers take so many.
pub const UNUSED_A_REPORT: usize = 1_000;
