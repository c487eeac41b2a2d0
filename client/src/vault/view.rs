//! What the library shows of a vault: plain values, each with the JSON shape that other programs rely on. Reading the
//! index into them is done by the files beside this one.

use std::collections::BTreeMap;

use domain::{BlobHash, CardId, DeckId, DeviceId, EventId, NoteId, VaultId};
use serde::Serialize;

use super::viewed::MediaWish;

/// One deck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeckSummary {
    /// The deck's id, also the id of its document.
    pub id: DeckId,
    /// The name as typed.
    pub name: String,
    /// What the person wrote about it.
    pub description: String,
    /// When it was created, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// Whether it is shown; only `removed` lists hold decks that are not.
    pub removed: bool,
    /// Cards shown.
    pub cards: u64,
    /// New cards, not yet studied.
    pub new: u64,
    /// Cards due today, new ones not counted.
    pub due: u64,
    /// The same with all its subdecks.
    pub with_subdecks: DeckCounts,
    /// Concurrent texts of the deck itself that wait for a choice.
    pub conflicts: u64,
}

/// Cards of a deck and its subdecks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DeckCounts {
    /// Cards shown.
    pub cards: u64,
    /// New cards, not yet studied.
    pub new: u64,
    /// Cards due today, new ones not counted.
    pub due: u64,
}

/// One item of a side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ItemShown {
    /// Markdown text.
    Text {
        /// The text.
        text: String,
    },
    /// A picture.
    Image {
        /// BLAKE3 of the bytes.
        blob: BlobHash,
        /// Kind of the bytes.
        mime: String,
        /// Length in bytes.
        bytes: u64,
        /// Width in pixels.
        width_px: u32,
        /// Height in pixels.
        height_px: u32,
        /// What the picture shows, for those who do not see it.
        alt: String,
    },
    /// A sound.
    Audio {
        /// BLAKE3 of the bytes.
        blob: BlobHash,
        /// Kind of the bytes.
        mime: String,
        /// Length in bytes.
        bytes: u64,
        /// Length in milliseconds.
        duration_ms: u64,
        /// What is heard, for those who do not hear it.
        #[serde(skip_serializing_if = "Option::is_none")]
        alt: Option<String>,
    },
    /// An item of a later version of the program, kept as it is.
    Unknown {
        /// The item as it stands in the document.
        raw: String,
    },
}

/// A text that two devices changed without knowing of each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConflictShown {
    /// Short name of the place, for `conflicts pick`.
    pub id: String,
    /// The card, unless the deck itself is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<CardId>,
    /// The deck.
    pub deck: DeckId,
    /// Which text: `name`, `description`, `front item 1`.
    pub place: String,
    /// The texts; the first is the one shown now.
    pub values: Vec<String>,
}

/// Some of the cards that a query chooses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardPage {
    /// The cards, in order.
    pub cards: Vec<CardShown>,
    /// Where the next page begins: after this card. None when there is nothing more.
    pub next: Option<CardId>,
}

/// One card with its computed state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardShown {
    /// The card's id.
    pub id: CardId,
    /// Its deck.
    pub deck: DeckId,
    /// The deck's name.
    pub deck_name: String,
    /// Items of the front, in order.
    pub front: Vec<ItemShown>,
    /// Items of the back, in order.
    pub back: Vec<ItemShown>,
    /// Names of its tags, sorted.
    pub tags: Vec<String>,
    /// Leitner box, 1 to 5.
    #[serde(rename = "box")]
    pub box_number: u8,
    /// ISO date of the day it is due; none for a new card (due now) and for a retired one.
    pub due_day: Option<String>,
    /// Whether it was never studied.
    pub new: bool,
    /// Whether it left the rotation for good (option `last = retire`).
    pub retired: bool,
    /// Whether the person set the due day, and no answer has moved it since.
    pub due_by_hand: bool,
    /// SM-2's ease factor, kept whatever the scheduler.
    pub ease_factor: f64,
    /// Days from the last move to the due day; none for a new card.
    pub interval_days: Option<i32>,
    /// FSRS: days until the chance to know the card has fallen to nine in ten.
    pub stability_days: Option<f64>,
    /// FSRS: how hard the card is, 1 to 10.
    pub difficulty: Option<f64>,
    /// Whether the card is put off until tomorrow.
    pub buried: bool,
    /// The coloured mark, 1 to 7; 0 for none.
    pub flag: u8,
    /// Answers given, undone ones not counted.
    pub reviews: u32,
    /// Times it fell back.
    pub lapses: u32,
    /// When it was last answered.
    pub last_reviewed_ms: Option<i64>,
    /// Whether it is kept out of study.
    pub suspended: bool,
    /// Whether it was removed (only shown where removed cards are asked for).
    pub removed: bool,
    /// When it was created.
    pub created_at_ms: i64,
    /// Concurrent texts that wait for a choice.
    pub conflicts: Vec<ConflictShown>,
    /// The note it is made from, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<NoteId>,
    /// The name of the note's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note_type: Option<String>,
    /// What is to be typed as the answer, where the card asks for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typed: Option<String>,
}

/// A note with the cards made from it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoteShown {
    /// The note's id.
    pub id: NoteId,
    /// The name of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its fields, in the order of the type.
    pub fields: Vec<FieldShown>,
    /// Its cards that are shown, in their order.
    pub cards: Vec<CardShown>,
}

/// A field of a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldShown {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What a review did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reviewed {
    /// The event, already durable.
    pub event: EventId,
    /// The card.
    pub card: CardId,
    /// Box before.
    pub box_before: u8,
    /// Box after.
    #[serde(rename = "box")]
    pub box_after: u8,
    /// ISO date of the day it is due now.
    pub due_day: Option<String>,
    /// Whether the card was forgotten so often that it was marked as a leech now.
    pub leech: bool,
}

/// Where a grade would put a card if it were given now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GradePreview {
    /// `again`, `hard`, `good` or `easy`.
    pub grade: String,
    /// The box after it.
    #[serde(rename = "box")]
    pub box_after: u8,
    /// ISO date of the day it would be due; none when it would leave the rotation.
    pub due_day: Option<String>,
    /// Days until then.
    pub days: Option<i32>,
}

/// What an undo took back, or a redo made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The step, as it was told when it was made.
    pub words: String,
    /// Cards, decks, settings and answers that went back.
    pub changed: u64,
    /// Cards of which something stays, because it was changed again since.
    pub left: u64,
    /// The answer that no longer counts; for a redo the one that counts in its stead.
    pub event: Option<EventId>,
    /// The card, where the step was about one.
    pub card: Option<CardId>,
    /// Its box now.
    #[serde(rename = "box")]
    pub box_after: Option<u8>,
    /// ISO date of the day it is due now.
    pub due_day: Option<String>,
}

/// One event of a card's history, told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventTold {
    /// The event's id.
    pub id: EventId,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Study day, ISO date.
    pub day: String,
    /// Device that recorded it, by name where known.
    pub device: String,
    /// `review`, `early`, `learn`, `cram`, `manual`, `import`, `void`, `reset`.
    pub kind: String,
    /// `again`, `hard`, `good`, `easy`.
    pub grade: Option<String>,
    /// Whether an undo took it back.
    pub undone: bool,
}

/// One study day of a card's history: what happened and where the card stood at its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DayTold {
    /// Study day, ISO date.
    pub day: String,
    /// Box at the start of the day.
    pub box_before: u8,
    /// Box at its end.
    pub box_after: u8,
    /// ISO date of the day it was due then.
    pub due_day: Option<String>,
    /// The rule that applied, as a sentence.
    pub because: String,
    /// The scheduler in force that day: `leitner`, `sm2` or `fsrs`.
    pub scheduler: String,
    /// SM-2's ease factor at the end of the day.
    pub ease_factor: f64,
    /// Days from the last move to the due day.
    pub interval_days: Option<i32>,
    /// FSRS: days until the chance to know the card has fallen to nine in ten.
    pub stability_days: Option<f64>,
    /// FSRS: how hard the card is, 1 to 10.
    pub difficulty: Option<f64>,
    /// The figures that moved, in words.
    pub figures: String,
}

/// Why a card is due when it is due.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Why {
    /// The card as it stands.
    pub card: CardShown,
    /// Its days, oldest first.
    pub days: Vec<DayTold>,
    /// Its events in the order they are counted.
    pub events: Vec<EventTold>,
    /// Events that could not be understood and were left out.
    pub ignored: u32,
    /// The whole told in plain sentences.
    pub lines: Vec<String>,
}

/// Counts and figures of the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Name of this device.
    pub device: String,
    /// Id of this device.
    pub device_id: DeviceId,
    /// Id of the vault.
    pub vault_id: VaultId,
    /// Decks shown.
    pub decks: u64,
    /// Cards shown.
    pub cards: u64,
    /// Events known of those cards.
    pub events: u64,
    /// Cards due now, new ones included.
    pub due: u64,
    /// New cards among them.
    pub new: u64,
    /// Cards kept out of study.
    pub suspended: u64,
    /// Different blobs that cards name.
    pub blobs: u64,
    /// Of those, blobs that are not on this device.
    pub blobs_missing: u64,
    /// Changes and reviews that the server has not acknowledged.
    pub pending_changes: u64,
    /// Concurrent texts that wait for a choice.
    pub conflicts: u64,
    /// Address of the server, when logged in.
    pub server: Option<String>,
    /// User name there.
    pub user: Option<String>,
    /// Bytes used of the account's quota, as last heard.
    pub quota_used_bytes: Option<u64>,
    /// The account's quota, as last heard.
    pub quota_limit_bytes: Option<u64>,
    /// Blobs that the server refused, with its words.
    pub blobs_refused: Vec<BlobNotTaken>,
    /// The server's words about changes it did not take in the last session.
    pub changes_refused: Option<String>,
    /// Milliseconds that the server's clock is ahead of this device's, as last measured.
    pub clock_ahead_ms: i64,
    /// Changes from elsewhere that were set aside.
    pub set_aside: u64,
    /// Which pictures and sounds this device fetches.
    pub media: MediaWish,
    /// BLAKE3 over everything a person sees.
    pub state_digest: String,
}

/// A blob the server did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlobNotTaken {
    /// The blob.
    pub blob: BlobHash,
    /// Its length.
    pub bytes: u64,
    /// Why, as a stable word: `quota`, `too_large`, `kind`, ...
    pub reason: String,
}

/// What a check of the whole vault found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Whether nothing is wrong.
    pub ok: bool,
    /// Changes of documents read.
    pub changes: u64,
    /// Documents loaded again from their changes.
    pub documents: u64,
    /// Documents whose damaged copy was made again from the other.
    pub healed: Vec<String>,
    /// Cards compared with the index.
    pub cards: u64,
    /// Events compared with the index.
    pub events: u64,
    /// Blobs hashed again.
    pub blobs: u64,
    /// Blobs that cards name and this device does not hold (a sync fetches them; no damage).
    pub blobs_missing: u64,
    /// Changes from elsewhere that were refused and set aside, with the reason.
    pub set_aside: Vec<SetAsideShown>,
    /// Digest recomputed from the documents.
    pub state_digest: String,
    /// What is wrong, each a sentence that says what to do.
    pub problems: Vec<String>,
}

/// What a repair saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Documents found.
    pub documents: u64,
    /// Changes in them.
    pub changes: u64,
    /// Changes that could not be used.
    pub unused: u64,
    /// Whether even the records of this device were lost: it goes on as a new one and must log in again.
    pub identity_lost: bool,
}

/// A change from elsewhere that this device did not let into a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetAsideShown {
    /// The document it was meant for.
    pub document: String,
    /// Its hash, or the hash of its bytes where it had none.
    pub change: String,
    /// Why.
    pub reason: String,
    /// What to do about it.
    pub hint: &'static str,
}

/// What an import did or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Whether cards were written (a dry run writes none).
    pub applied: bool,
    /// The deck.
    pub deck: Option<DeckId>,
    /// Its name.
    pub deck_name: String,
    /// Rows read, the header not counted.
    pub rows: u64,
    /// Cards added.
    pub cards: u64,
    /// Rows left out.
    pub skipped: u64,
    /// The first of those, with their line numbers.
    pub skipped_rows: Vec<SkippedRow>,
    /// Different tags named.
    pub tags: u64,
    /// Whether the first row was taken as a header.
    pub header: bool,
}

/// A row that became no card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedRow {
    /// Line of the file, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// Three numbers of a study session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StudyCounts {
    /// New cards still to come.
    pub new: u64,
    /// Failed cards that come back in this session.
    pub learning: u64,
    /// Due cards still to come.
    pub due: u64,
}

/// What a study session did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StudySummary {
    /// Answers given, undone ones not counted.
    pub answered: u64,
    /// Of those, by grade name.
    pub by_grade: BTreeMap<String, u64>,
    /// Answers taken back.
    pub undone: u64,
}
