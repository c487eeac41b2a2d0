//! Keys of the derived index, of the journal and of the device's own records inside the vault's key-value area. The only
//! place that spells them. Everything of the index begins with `i`, so that a rebuild knows what is its.
//!
//! | key | value |
//! |---|---|
//! | `ic` card | `CardRow` |
//! | `ie` card, row number | events of the card, packed, in order |
//! | `id` deck, 0, time of making, card | nothing: the new cards that can be studied, in order |
//! | `id` deck, 1, box, due day, card | nothing: the other cards that can be studied, in order |
//! | `ik` deck | `DeckRow` |
//! | `is` deck | `SumRow`: counts and digest of its cards |
//! | `iy` deck, day | `DayRow`: what was studied that day |
//! | `ir` blob, card | nothing: who names the blob |
//! | `ib` blob | `BlobRow` |
//! | `iu` source, card | nothing: who names what was made of the upload |
//! | `iq` hash of a question, card | nothing: the cards that ask the same |
//! | `if` card or deck | `ConflictsRow`: texts that wait for a choice |
//! | `iz` | `SettingsRow` |
//! | `it` | `TotalsRow` |
//! | `j` event | the packed event: durable, not yet in a document |
//! | `o` blob | to be offered to the server |
//! | `w` blob | named by a card and not here |
//! | `v` blob | wanted, and named by a card that somebody looked at |
//! | `h` source | an upload that ended the process which reads media, twice |
//! | `g` blob | `UnusedRow`: named by no card any more, and going |
//! | `x` blob | `RefusedRow`: what the server did not take in the last session |
//! | `uh` | `Heads`: how many steps there are |
//! | `us` stack, number | `StepRow`: a step that can be taken back, or made again |
//! | `up` stack, number, part | what the step changed |
//! | `m` name | a record of this device, see `local` |

use domain::{BlobHash, CardId, Day, DeckId, EventId};

/// A key of the vault's own area.
pub(crate) type Key = Vec<u8>;

/// Prefix of every row of the index.
pub(crate) const INDEX: &[u8] = storage::DERIVED;
/// Prefix of the rows of cards.
pub(crate) const CARDS: &[u8] = b"ic";
/// Prefix of the rows of events.
pub(crate) const EVENTS: &[u8] = b"ie";
/// Prefix of the rows of decks.
pub(crate) const DECKS: &[u8] = b"ik";
/// Prefix of the sums of decks.
pub(crate) const SUMS: &[u8] = b"is";
/// Prefix of the rows of blobs.
pub(crate) const BLOBS: &[u8] = b"ib";
/// Prefix of conflicts.
pub(crate) const CONFLICTS: &[u8] = b"if";
/// Prefix of the cards by what they ask.
pub(crate) const QUESTIONS: &[u8] = b"iq";
/// The settings.
pub(crate) const SETTINGS: &[u8] = b"iz";
/// The totals.
pub(crate) const TOTALS: &[u8] = b"it";
/// Prefix of the journal.
pub(crate) const JOURNAL: &[u8] = b"j";
/// How many steps can be taken back, and made again.
pub(crate) const STEP_HEADS: &[u8] = b"uh";
/// Prefix of the device's own records.
pub(crate) const LOCAL: &[u8] = b"m";
/// Prefix of the blobs to offer.
pub(crate) const OFFERS: &[u8] = b"o";
/// Prefix of the blobs to ask for.
pub(crate) const WANTS: &[u8] = b"w";
/// Prefix of the blobs to ask for first.
pub(crate) const VIEWED: &[u8] = b"v";
/// Prefix of the blobs that no card names any more.
pub(crate) const UNUSED: &[u8] = b"g";
/// Prefix of the blobs that the server did not take.
pub(crate) const REFUSED: &[u8] = b"x";

/// Class of a card that was never studied, in the key of `due`.
pub(crate) const CLASS_NEW: u8 = 0;
/// Class of a card with a due day.
pub(crate) const CLASS_DUE: u8 = 1;

fn join(prefix: &[u8], parts: &[&[u8]]) -> Key {
    let mut key =
        Vec::with_capacity(prefix.len() + parts.iter().map(|part| part.len()).sum::<usize>());
    key.extend_from_slice(prefix);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// Row of a card.
pub(crate) fn card(card: CardId) -> Key {
    join(CARDS, &[card.as_bytes()])
}

/// All cards that ask the same.
pub(crate) fn question(hash: [u8; 8]) -> Key {
    join(QUESTIONS, &[&hash])
}

/// A card among those that ask the same.
pub(crate) fn question_of(hash: [u8; 8], card: CardId) -> Key {
    join(QUESTIONS, &[&hash, card.as_bytes()])
}

/// One row of a card's events.
pub(crate) fn events(card: CardId, row: u16) -> Key {
    join(EVENTS, &[card.as_bytes(), &row.to_be_bytes()])
}

/// Row of a deck.
pub(crate) fn deck(deck: DeckId) -> Key {
    join(DECKS, &[deck.as_bytes()])
}

/// Sums of a deck.
pub(crate) fn sum(deck: DeckId) -> Key {
    join(SUMS, &[deck.as_bytes()])
}

/// All cards of a deck that can be studied, of one class.
pub(crate) fn due_of(deck: DeckId, class: u8) -> Key {
    join(b"id", &[deck.as_bytes(), &[class]])
}

/// All cards of a deck in one box that have a due day.
pub(crate) fn due_in_box(deck: DeckId, box_number: u8) -> Key {
    join(b"id", &[deck.as_bytes(), &[CLASS_DUE, box_number]])
}

/// Place of a card that was never studied: in the order of making.
pub(crate) fn new(deck: DeckId, created_ms: i64, card: CardId) -> Key {
    let made = created_ms.cast_unsigned() ^ (1 << 63);
    join(
        b"id",
        &[
            deck.as_bytes(),
            &[CLASS_NEW],
            &made.to_be_bytes(),
            card.as_bytes(),
        ],
    )
}

/// Place of a card with a due day.
pub(crate) fn due(deck: DeckId, box_number: u8, due: Day, card: CardId) -> Key {
    join(
        b"id",
        &[
            deck.as_bytes(),
            &[CLASS_DUE, box_number],
            &day_sorted(due).to_be_bytes(),
            card.as_bytes(),
        ],
    )
}

/// Reads back time of making and card of a key of `new`.
pub(crate) fn read_new(key: &[u8]) -> Option<(i64, CardId)> {
    let (_, rest) = key.split_at_checked(2 + 16 + 1)?;
    let (made, card) = rest.split_first_chunk::<8>()?;
    let made = u64::from_be_bytes(*made) ^ (1 << 63);
    Some((
        made.cast_signed(),
        CardId::from_bytes(card.try_into().ok()?),
    ))
}

/// Reads back due day and card of a key of `due`.
pub(crate) fn read_due(key: &[u8]) -> Option<(Day, CardId)> {
    let (_, rest) = key.split_at_checked(2 + 16 + 2)?;
    let (day, card) = rest.split_first_chunk::<4>()?;
    let day = day_read(u32::from_be_bytes(*day));
    Some((day, CardId::from_bytes(card.try_into().ok()?)))
}

/// What was studied in a deck on a day.
pub(crate) fn day(deck: DeckId, day: Day) -> Key {
    join(b"iy", &[deck.as_bytes(), &day_sorted(day).to_be_bytes()])
}

/// All cards that name a blob.
pub(crate) fn references_of(blob: BlobHash) -> Key {
    join(b"ir", &[blob.as_bytes()])
}

/// An upload over which the process that reads media died.
pub(crate) fn harmful(source: BlobHash) -> Key {
    join(b"h", &[source.as_bytes()])
}

/// All cards that name what was made of an upload.
pub(crate) fn cards_of_source(source: BlobHash) -> Key {
    join(b"iu", &[source.as_bytes()])
}

/// A card that names what was made of an upload.
pub(crate) fn source(source: BlobHash, card: CardId) -> Key {
    join(b"iu", &[source.as_bytes(), card.as_bytes()])
}

/// A card that names a blob.
pub(crate) fn reference(blob: BlobHash, card: CardId) -> Key {
    join(b"ir", &[blob.as_bytes(), card.as_bytes()])
}

/// Row of a blob.
pub(crate) fn blob(blob: BlobHash) -> Key {
    join(BLOBS, &[blob.as_bytes()])
}

/// Conflicts of a card or a deck.
pub(crate) fn conflicts(place: &[u8; 16]) -> Key {
    join(CONFLICTS, &[place])
}

/// An event of the journal.
pub(crate) fn journal(event: EventId) -> Key {
    join(JOURNAL, &[event.as_bytes()])
}

/// A blob to offer.
pub(crate) fn offer(blob: BlobHash) -> Key {
    join(OFFERS, &[blob.as_bytes()])
}

/// A blob that no card names any more.
pub(crate) fn unused(blob: BlobHash) -> Key {
    join(UNUSED, &[blob.as_bytes()])
}

/// A blob to ask for.
pub(crate) fn want(blob: BlobHash) -> Key {
    join(WANTS, &[blob.as_bytes()])
}

/// A blob to ask for first.
pub(crate) fn viewed(blob: BlobHash) -> Key {
    join(VIEWED, &[blob.as_bytes()])
}

/// What the server did not take.
pub(crate) fn refused(blob: BlobHash) -> Key {
    join(REFUSED, &[blob.as_bytes()])
}

/// A step.
pub(crate) fn step(stack: u8, number: u64) -> Key {
    join(b"us", &[&[stack], &number.to_be_bytes()])
}

/// A part of a step.
pub(crate) fn part(stack: u8, number: u64, part: u32) -> Key {
    join(
        b"up",
        &[&[stack], &number.to_be_bytes(), &part.to_be_bytes()],
    )
}

/// A record of this device.
pub(crate) fn local(name: &str) -> Key {
    join(LOCAL, &[name.as_bytes()])
}

/// The sixteen bytes at the end of a key.
pub(crate) fn last16(key: &[u8]) -> Option<[u8; 16]> {
    key.last_chunk::<16>().copied()
}

/// The thirty-two bytes at the end of a key.
pub(crate) fn last32(key: &[u8]) -> Option<[u8; 32]> {
    key.last_chunk::<32>().copied()
}

/// A day as a number that sorts as bytes, also before 1970.
fn day_sorted(day: Day) -> u32 {
    day.0.cast_unsigned() ^ (1 << 31)
}

fn day_read(sorted: u32) -> Day {
    Day((sorted ^ (1 << 31)).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_sort_new_first_then_by_box_then_by_day() {
        let (deck, card) = (DeckId::from_bytes([1; 16]), CardId::from_bytes([2; 16]));
        let news = [new(deck, -5, card), new(deck, 1_700_000_000_000, card)];
        let dues = [
            (1, Day(-3)),
            (1, Day(20_000)),
            (2, Day(-4)),
            (2, Day(20_001)),
        ]
        .map(|(box_number, day)| (due(deck, box_number, day, card), box_number, day));
        let keys: Vec<Key> = news
            .iter()
            .cloned()
            .chain(dues.iter().map(|(key, ..)| key.clone()))
            .collect();
        assert!(keys.is_sorted());
        for (key, box_number, day) in &dues {
            assert_eq!(read_due(key), Some((*day, card)));
            assert!(key.starts_with(&due_in_box(deck, *box_number)));
            assert!(key.starts_with(&due_of(deck, CLASS_DUE)));
        }
        for (key, made) in news.iter().zip([-5, 1_700_000_000_000]) {
            assert_eq!(read_new(key), Some((made, card)));
            assert!(key.starts_with(&due_of(deck, CLASS_NEW)));
        }
    }
}
