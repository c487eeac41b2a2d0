//! The rules of MemoryVault that pencil and paper could follow: ids, time, cards, review events, the schedule, the study
//! queue, and the one place that knows the keys of the Automerge documents.
//!
//! Nothing here does input or output, reads a clock or draws randomness: time, random bytes and documents come as
//! parameters. Shells (`client`, `server`) and `storage` call it; it calls none of them. Reading order:
//!
//! 1. [`item`], [`event`]: what a card is made of and what happens to it.
//! 2. [`schedule`] folds a card's events to its box and due day, [`queue`] orders what is due, [`statistics`] counts what was
//!    done.
//! 3. [`document`] writes and reads the four kinds of documents.
//! 4. [`intake`] judges changes from outside before Automerge sees them.
//! 5. [`search`] reads what a person types to choose cards, and judges a card by it.
//! 6. [`digest`] tells whether two devices show the same.

pub mod digest;
pub mod document;
pub mod event;
pub mod id;
pub mod intake;
pub mod item;
pub mod limit;
pub mod note;
pub mod queue;
pub mod schedule;
pub mod search;
pub mod statistics;
#[cfg(feature = "test-support")]
pub mod test_support;
pub mod time;

pub use event::{Event, EventError, Grade, Kind};
pub use id::{
    ActorId, BlobHash, CardId, ChangeHash, DeckId, DeviceId, DocId, EventId, IdError,
    IncarnationId, NoteId, TagId, VaultId,
};
pub use item::{AudioItem, ImageItem, Item, ItemError, TextItem};
pub use schedule::{CardState, Epoch};
pub use time::{DEFAULT_ROLLOVER_HOUR, Day, Hlc, Month, OffsetMin, TimeError, UnixMs};
