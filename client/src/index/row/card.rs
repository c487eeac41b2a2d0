//! The row of a card: what stands in its document, what its events make of it, and the way to and from `CardView`.

use std::collections::{BTreeMap, BTreeSet};

use domain::digest::card_digest_of;
use domain::document::cards::{CardNote, CardView};
use domain::document::conflict::Side;
use domain::note::{FieldTexts, NoteTypes};
use domain::schedule::Memory;
use domain::{BlobHash, CardId, CardState, Day, DeckId, DocId, Event, Item, NoteId, TagId, UnixMs};
use minicbor::{Decode, Encode};
use unicode_normalization::UnicodeNormalization;

use super::{ConflictRow, ReferenceRow};
use crate::index::field::{id16, ids16};

/// A card: what stands in its document and what its events make of it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct CardRow {
    #[cbor(n(0), with = "id16")]
    pub(crate) deck: DeckId,
    /// The document that holds it.
    #[cbor(n(1), with = "id16")]
    pub(crate) page: DocId,
    /// Items as stored.
    #[n(2)]
    pub(crate) front: Vec<String>,
    #[n(3)]
    pub(crate) back: Vec<String>,
    /// Sorted.
    #[cbor(n(4), with = "ids16")]
    pub(crate) tags: Vec<TagId>,
    #[n(5)]
    pub(crate) created_ms: i64,
    #[n(6)]
    pub(crate) suspended: bool,
    #[n(7)]
    pub(crate) flag: u8,
    /// Not removed.
    #[n(8)]
    pub(crate) visible: bool,
    #[n(9)]
    pub(crate) conflicts: Vec<ConflictRow>,
    #[n(10)]
    pub(crate) state: StateRow,
    /// Number of events known.
    #[n(11)]
    pub(crate) events: u32,
    /// What the card adds to the sum of its deck; zeros when it is not shown.
    #[cbor(n(12), with = "minicbor::bytes")]
    pub(crate) digest: [u8; 32],
    /// The note it is made from. The first item of each side is then what the note says.
    #[n(13)]
    pub(crate) note: Option<NoteRow>,
}

/// What ties a card to its note.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct NoteRow {
    #[cbor(n(0), with = "id16")]
    pub(crate) id: NoteId,
    #[n(1)]
    pub(crate) ordinal: u16,
    #[n(2)]
    pub(crate) kind: String,
    #[n(3)]
    pub(crate) fields: FieldTexts,
    /// Whether the card itself is not removed.
    #[n(4)]
    pub(crate) alive: bool,
    #[n(5)]
    pub(crate) typed: Option<String>,
}

/// `CardState` as a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct StateRow {
    #[n(0)]
    pub(crate) box_number: u8,
    #[n(1)]
    pub(crate) due_day: Option<i32>,
    #[n(2)]
    pub(crate) retired: bool,
    #[n(3)]
    pub(crate) reviews: u32,
    #[n(4)]
    pub(crate) lapses: u32,
    #[n(5)]
    pub(crate) last_day: Option<i32>,
    #[n(6)]
    pub(crate) last_reviewed_ms: Option<i64>,
    #[n(7)]
    pub(crate) ignored: u32,
    /// SM-2's ease factor in hundredths.
    #[n(8)]
    pub(crate) ease_percent: u16,
    #[n(9)]
    pub(crate) successes: u16,
    #[n(10)]
    pub(crate) due_by_hand: bool,
    /// The study day for which it was put off last.
    #[n(11)]
    pub(crate) buried_day: Option<i32>,
    #[n(12)]
    pub(crate) memory: Option<MemoryRow>,
}

/// `Memory` as a row.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
pub(crate) struct MemoryRow {
    #[n(0)]
    pub(crate) stability: f64,
    #[n(1)]
    pub(crate) difficulty: f64,
    #[n(2)]
    pub(crate) day: i32,
}

// Memory never holds what is not a number.
impl Eq for MemoryRow {}

/// A card as its page has it, and the row it has as long as nothing happened to it.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) view: CardView,
    pub(crate) row: CardRow,
}

impl Content {
    pub(crate) fn new(view: CardView, page: DocId) -> Self {
        let row = CardRow::of_content(&view, page);
        Self { view, row }
    }

    /// The card with what its note says; none when it has no note.
    pub(crate) fn rendered(&self, types: &NoteTypes) -> Option<Self> {
        self.view.note.as_ref()?;
        Some(Self::new(self.view.clone().rendered(types), self.row.page))
    }
}

impl CardRow {
    /// Never answered, or reset.
    pub(crate) fn is_new(&self) -> bool {
        self.state.due_day.is_none() && !self.state.retired
    }

    /// Whether it may be asked on `today`, suspension aside.
    pub(crate) fn is_due(&self, today: Day) -> bool {
        !self.state.retired && self.state.due_day.is_none_or(|due| due <= today.0)
    }

    /// Whether it stands in the order of study.
    pub(crate) fn can_be_studied(&self) -> bool {
        self.visible && !self.suspended && !self.state.retired
    }

    /// The first text of the card, or what its first picture or sound is said to be.
    pub(crate) fn first_words(&self) -> String {
        self.items()
            .find_map(|item| item.words().map(str::to_owned))
            .unwrap_or_default()
    }

    /// What the card asks, in short: the same for cards that differ in case, spaces and the way accents are encoded only.
    /// None of a card that is not shown.
    pub(crate) fn question(&self) -> Option<[u8; 8]> {
        let items: Vec<Item> = self
            .front
            .iter()
            .map(|stored| Item::parse(stored))
            .collect();
        self.visible.then(|| question(&items))
    }

    /// All items, front first.
    pub(crate) fn items(&self) -> impl Iterator<Item = Item> + '_ {
        self.front
            .iter()
            .chain(&self.back)
            .map(|stored| Item::parse(stored))
    }

    /// The blobs it names.
    pub(crate) fn blobs(&self) -> BTreeMap<BlobHash, ReferenceRow> {
        ReferenceRow::all(&self.items().collect::<Vec<_>>())
    }
}

/// What items ask, in short, see [`CardRow::question`].
fn question(items: &[Item]) -> [u8; 8] {
    let mut asked = String::new();
    for item in items {
        match item.blob() {
            Some((blob, _)) => asked.push_str(&blob.to_string()),
            None => asked.push_str(item.words().unwrap_or_default()),
        }
        asked.push(' ');
    }
    // As names of tags are compared.
    let lower = asked.nfc().collect::<String>().to_lowercase();
    let words: Vec<String> = lower
        .split_whitespace()
        .map(|word| word.nfc().collect())
        .collect();
    let hash = blake3::hash(words.join(" ").as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    [a, b, c, d, e, f, g, h]
}

impl ReferenceRow {
    /// The blobs that items name.
    pub(crate) fn all<'i>(items: impl IntoIterator<Item = &'i Item>) -> BTreeMap<BlobHash, Self> {
        let reference = |item: &Item| {
            let (blob, bytes, mime) = match item {
                Item::Image(image) => (image.blob, image.bytes, &image.mime),
                Item::Audio(audio) => (audio.blob, audio.bytes, &audio.mime),
                Item::Text(_) | Item::Unknown(_) => return None,
            };
            let mime = mime.clone();
            Some((blob, Self { bytes, mime }))
        };
        items.into_iter().filter_map(reference).collect()
    }
}

impl CardRow {
    /// The row of a card to which nothing has happened.
    fn of_content(view: &CardView, page: DocId) -> Self {
        let stored = |items: &[Item]| items.iter().map(Item::to_json).collect();
        let state = CardState::default();
        let row = Self {
            deck: view.deck,
            page,
            front: stored(&view.front),
            back: stored(&view.back),
            tags: view.tags.iter().copied().collect(),
            created_ms: view.created_at.0,
            suspended: view.suspended,
            flag: view.flag,
            visible: view.visible,
            conflicts: view.conflicts.iter().map(ConflictRow::from).collect(),
            state: StateRow::from(state),
            events: 0,
            digest: [0; 32],
            note: view.note.as_ref().map(NoteRow::from),
        };
        row.with_events(view, &BTreeSet::new(), state)
    }

    /// The row with these events counted, which lead to this state.
    pub(crate) fn with_events(
        self,
        view: &CardView,
        events: &BTreeSet<Event>,
        state: CardState,
    ) -> Self {
        let digest = if self.visible {
            card_digest_of(view, [&self.front, &self.back], events, &state).digest
        } else {
            [0; 32]
        };
        Self {
            state: StateRow::from(state),
            events: u32::try_from(events.len()).unwrap_or(u32::MAX),
            digest,
            ..self
        }
    }

    /// Whether another row of the card names the same blobs.
    pub(crate) fn names_the_same(&self, other: &Self) -> bool {
        (self.visible, &self.front, &self.back) == (other.visible, &other.front, &other.back)
    }

    /// The card as its document has it.
    pub(crate) fn view(&self, id: CardId) -> CardView {
        let items = |stored: &[String]| stored.iter().map(|stored| Item::parse(stored)).collect();
        CardView {
            id,
            deck: self.deck,
            front: items(&self.front),
            back: items(&self.back),
            tags: self.tags.iter().copied().collect(),
            created_at: UnixMs(self.created_ms),
            suspended: self.suspended,
            flag: self.flag,
            visible: self.visible,
            conflicts: self
                .conflicts
                .iter()
                .map(|conflict| conflict.of_card(id))
                .collect(),
            note: self.note.as_ref().map(CardNote::from),
        }
    }

    /// The items that stand on the card itself, without what its note says.
    pub(crate) fn own_items(&self, side: Side) -> &[String] {
        let items = match side {
            Side::Front => &self.front,
            Side::Back => &self.back,
        };
        let from_note = usize::from(self.note.is_some());
        items.get(from_note..).unwrap_or_default()
    }

    /// Whether the card itself is not removed, whatever its note gives.
    pub(crate) fn is_alive(&self) -> bool {
        self.note.as_ref().map_or(self.visible, |note| note.alive)
    }

    /// Whether another row says the same of the card's document; state and digest aside.
    pub(crate) fn same_content(&self, other: &Self) -> bool {
        let bare = |row: &Self| Self {
            state: StateRow::from(CardState::default()),
            events: 0,
            digest: [0; 32],
            ..row.clone()
        };
        bare(self) == bare(other)
    }
}

impl From<&CardNote> for NoteRow {
    fn from(note: &CardNote) -> Self {
        Self {
            id: note.id,
            ordinal: note.ordinal,
            kind: note.kind.clone(),
            fields: note.fields.clone(),
            alive: note.alive,
            typed: note.typed.clone(),
        }
    }
}

impl From<&NoteRow> for CardNote {
    fn from(row: &NoteRow) -> Self {
        Self {
            id: row.id,
            ordinal: row.ordinal,
            kind: row.kind.clone(),
            fields: row.fields.clone(),
            alive: row.alive,
            typed: row.typed.clone(),
        }
    }
}

impl From<CardState> for StateRow {
    fn from(state: CardState) -> Self {
        Self {
            box_number: state.box_number,
            due_day: state.due.map(|day| day.0),
            retired: state.retired,
            reviews: state.reviews,
            lapses: state.lapses,
            last_day: state.last_day.map(|day| day.0),
            last_reviewed_ms: state.last_reviewed.map(|at| at.0),
            ignored: state.ignored,
            ease_percent: state.ease_percent,
            successes: state.successes,
            due_by_hand: state.due_by_hand,
            buried_day: state.buried.map(|day| day.0),
            memory: state.memory.map(|memory| MemoryRow {
                stability: memory.stability,
                difficulty: memory.difficulty,
                day: memory.day.0,
            }),
        }
    }
}

impl StateRow {
    /// The due day.
    pub(crate) fn due(&self) -> Option<Day> {
        self.due_day.map(Day)
    }

    /// The state; only which event was the last is not kept.
    pub(crate) fn to_state(self) -> CardState {
        CardState {
            box_number: self.box_number,
            due: self.due(),
            retired: self.retired,
            reviews: self.reviews,
            lapses: self.lapses,
            last_day: self.last_day.map(Day),
            last_reviewed: self.last_reviewed_ms.map(UnixMs),
            last_event: None,
            ignored: self.ignored,
            ease_percent: self.ease_percent,
            successes: self.successes,
            due_by_hand: self.due_by_hand,
            buried: self.buried_day.map(Day),
            memory: self.memory.map(|memory| Memory {
                stability: memory.stability,
                difficulty: memory.difficulty,
                day: Day(memory.day),
            }),
        }
    }
}
