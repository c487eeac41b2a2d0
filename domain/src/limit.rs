//! Every bound of the documents, the events and the intake of foreign bytes, each with its reason. Frames, quotas and
//! media have their own tables in their own crates.

/// Text of one item. A card is a question, not a book, and a side's text travels inside one change.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// One item as stored: a full text item whose every byte needs escaping, and room for its other fields.
pub const ITEM_BYTES_MAX: usize = 2 * TEXT_BYTES_MAX + 8 * 1024;
/// Items of one side; more than a person can look at, few enough to read a side in one go.
pub const SIDE_ITEMS_MAX: usize = 64;
/// A deck's or tag's or device's name.
pub const NAME_BYTES_MAX: usize = 512;
/// Tags of one card.
pub const CARD_TAGS_MAX: usize = 128;
/// An original file name or an alternative text.
pub const LABEL_BYTES_MAX: usize = 4 * 1024;

/// Cards of one page: a page of full cards stays far under [`DOCUMENT_BYTES_MAX`].
pub const PAGE_CARDS_MAX: usize = 1_000;
/// Events of one segment: loading it for one more review stays under 10 ms.
pub const SEGMENT_EVENTS_MAX: usize = 4_000;
/// A saved document. Loading costs about 30 times this in memory.
pub const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Levels of nesting below the root; ours have 4, and recursion over 20 000 overflows any stack.
pub const OBJECT_DEPTH_MAX: usize = 8;
/// One scalar in a document: the largest is an item.
pub const VALUE_BYTES_MAX: usize = 256 * 1024;
/// A key of a map: ids and short words.
pub const KEY_BYTES_MAX: usize = 256;

/// One change as it travels; fits a frame with its envelope.
pub const CHANGE_BYTES_MAX: usize = 256 * 1024;

/// From this size on a change travels deflated where that is shorter; Automerge draws the same line.
pub const CHANGE_DEFLATED_FROM_BYTES: usize = 256;
/// One change after inflation. Honest changes are bounded before deflation; this stops a bomb.
pub const CHANGE_INFLATED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Operations of one change; an import of a page needs about 8 000.
pub const CHANGE_OPS_MAX: u64 = 50_000;
/// Overwritten values a change may name in all: one each, and as many again for the settling of conflicts.
pub const CHANGE_PREDECESSORS_MAX: u64 = 100_000;
/// Dependencies of one change: as many heads as devices edited apart.
pub const CHANGE_DEPS_MAX: u64 = 64;
/// Other actors one change may refer to.
pub const CHANGE_ACTORS_MAX: u64 = 64;
/// Commit message; we write none.
pub const CHANGE_MESSAGE_BYTES_MAX: u64 = 4 * 1024;
/// Columns of a change; Automerge 0.12 knows 14, and ours have 12 of them.
pub const CHANGE_COLUMNS_MAX: u64 = 32;
/// Strings of a run-length column, written out: 107 bytes can otherwise stand for gigabytes.
pub const CHANGE_EXPANDED_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Operations of a document that is read without Automerge: a page of a thousand cards has about 10 000, and runs stand for many in few bytes.
pub const PLAIN_OPS_MAX: u64 = 200_000;
/// Elements of a list in a document that is read without Automerge: far more than a side has items.
pub const PLAIN_LIST_MAX: usize = 1_024;
/// Commit times, in seconds, of a document that is read without Automerge: about 35 000 years, so that differences stay small.
pub const PLAIN_TIME_S_MAX: i64 = 1 << 40;
/// Sequence number of a change: no actor writes four thousand million of them, and Automerge panics on 10^12.
pub const SEQ_MAX: u64 = 1 << 32;
/// Operation counter. Near 2^32 Automerge refuses every further edit of the document, whoever makes it.
pub const OP_MAX: u64 = 1 << 30;
/// Changes looked at to prove that an actor's last change is an ancestor of its next. What others wrote to one document
/// while a device was away stays far below; what remains is bounded work for a hostile change.
pub const ANCESTRY_STEPS_MAX: usize = 20_000;

/// Study days either side of 1970 that are taken seriously: ten thousand years, and no sum of days can overflow.
pub const DAY_ABS_MAX: i32 = 3_660_000;
/// The same span in milliseconds.
pub const AT_MS_ABS_MAX: i64 = DAY_ABS_MAX as i64 * 86_400_000;
/// Milliseconds of a logical clock: the end of year 9999, so that a hostile stamp leaves room to tick for ever.
pub const HLC_MS_MAX: u64 = 253_402_300_799_999;
/// Minutes from UTC; the world uses -12 to +14 hours.
pub const OFFSET_MIN_ABS_MAX: i16 = 18 * 60;
/// Longest answer that counts as thinking; beyond it the person was away.
pub const RESPONSE_MS_MAX: u32 = 60_000;
/// Longest interval of a box: a hundred years.
pub const INTERVAL_DAYS_MAX: u16 = 36_500;
/// The chance to know a due card that FSRS can be asked for, in thousandths: below, cards are forgotten more often than the
/// formulas were tried for; above, they come every day.
pub const RETENTION_PERMILLE: std::ops::RangeInclusive<u16> = 700..=990;

/// Days that statistics look back, unless asked otherwise: a year, as a calendar shows it.
pub const STATISTICS_DAYS: u32 = 365;
/// Days that statistics may be asked to look back: ten years; a day is a row of the answer.
pub const STATISTICS_DAYS_MAX: u32 = 3_660;
/// Days that a forecast looks ahead: a season. Later due days move too often to be told.
pub const FORECAST_DAYS: u32 = 90;
/// Interval from which a card counts as mature in statistics; Anki draws the same line, so that figures compare.
pub const MATURE_INTERVAL_DAYS: i32 = 21;

/// New cards a day and deck, unless settings say otherwise.
pub const NEW_PER_DAY: u32 = 20;
/// Reviews a day and deck, unless settings say otherwise.
pub const REVIEWS_PER_DAY: u32 = 200;
/// Lapses after which a card is a leech, unless its deck says otherwise: as in Anki.
pub const LEECH_LAPSES: u32 = 8;

/// Bytes of a search: a page of text, far more than a person types, and little enough that no pattern is slow.
pub const QUERY_BYTES_MAX: usize = 4 * 1024;
/// Terms of a search: each is asked of every card.
pub const QUERY_TERMS_MAX: usize = 256;
/// Levels of parentheses in a search: reading and asking go down as many levels of the stack.
pub const QUERY_DEPTH_MAX: usize = 32;
/// Days that `rated:` and its like may name: a hundred years.
pub const QUERY_DAYS_MAX: u32 = 36_500;
/// Largest number of a comparison in a search: more than any interval or count, and a thousand times it is far from overflow.
pub const QUERY_NUMBER_MAX: u32 = 10_000_000;
/// Memory of one regular expression and of its cache: those that people write take a few kilobytes.
pub const QUERY_REGEX_BYTES_MAX: usize = 1024 * 1024;
/// Levels of groups in a regular expression.
pub const QUERY_REGEX_DEPTH_MAX: u32 = 32;
/// Hexadecimal digits of an id that a search must name.
pub const ID_PREFIX_DIGITS_MIN: usize = 4;

/// Fields of a note type.
pub const NOTE_FIELDS_MAX: usize = 64;
/// Templates of a note type, and so cards of a note that has no gaps.
pub const NOTE_TEMPLATES_MAX: usize = 32;
/// Cards of one note: more gaps than anybody learns of one text.
pub const NOTE_CARDS_MAX: usize = 100;
/// Cards that a page holds at most when the edit of a note adds some to a full one.
pub const PAGE_CARDS_WITH_NOTES_MAX: usize = PAGE_CARDS_MAX + 500;
/// Note types of one vault, its own ones.
pub const NOTE_TYPES_MAX: usize = 100;
/// Bytes of a note type as it is stored.
pub const NOTE_TYPE_BYTES_MAX: usize = 128 * 1024;
/// Bytes of one side of a template.
pub const TEMPLATE_BYTES_MAX: usize = 16 * 1024;
/// Gaps within gaps.
pub const CLOZE_DEPTH_MAX: usize = 8;
/// Letters of a typed answer that are compared: the table has their square.
pub const TYPED_LETTERS_MAX: usize = 1_000;

const _: () = assert!(ITEM_BYTES_MAX <= VALUE_BYTES_MAX);
const _: () = assert!(VALUE_BYTES_MAX <= CHANGE_INFLATED_BYTES_MAX);
const _: () = assert!(ITEM_BYTES_MAX < CHANGE_BYTES_MAX);
const _: () = assert!(CHANGE_BYTES_MAX <= CHANGE_INFLATED_BYTES_MAX);
const _: () = assert!(HLC_MS_MAX < (1 << 48));
const _: () = assert!(CHANGE_OPS_MAX < OP_MAX);
const _: () = assert!(OP_MAX < u32::MAX as u64);
