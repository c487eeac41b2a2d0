//! The rows of the derived index: what a row holds and how it is read from and written to bytes. The same content gives the
//! same bytes, so that a rebuilt index can be compared with the stored one. Which row stands under which key is `key`'s.

use std::collections::{BTreeMap, BTreeSet};

use domain::digest::{CardDigest, StateSum};
use domain::document::cards::CardView;
use domain::document::conflict::{Conflict, ConflictId, Place, Side};
use domain::document::deck::DeckView;
use domain::{
    BlobHash, CardId, CardState, Day, DeckId, DocId, Event, EventId, Item, TagId, UnixMs,
};
use minicbor::{Decode, Encode};

use super::field::{id16, ids16};

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
}

/// A text that two devices changed without knowing of each other.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ConflictRow {
    #[n(0)]
    pub(crate) text: ConflictText,
    /// Place of the item in its side, from 0; 0 for a deck's texts.
    #[n(1)]
    pub(crate) index: u32,
    /// The items as stored, the winner first.
    #[n(2)]
    pub(crate) values: Vec<String>,
}

/// Which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum ConflictText {
    #[n(0)]
    DeckName,
    #[n(1)]
    DeckDescription,
    #[n(2)]
    Front,
    #[n(3)]
    Back,
}

/// A deck as its document has it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct DeckRow {
    #[n(0)]
    pub(crate) name: String,
    #[n(1)]
    pub(crate) description: String,
    #[n(2)]
    pub(crate) created_ms: i64,
    #[n(3)]
    pub(crate) archived: bool,
    #[n(4)]
    pub(crate) visible: bool,
    #[n(5)]
    pub(crate) conflicts: Vec<ConflictRow>,
    #[n(6)]
    pub(crate) new_per_day: Option<u32>,
    #[n(7)]
    pub(crate) reviews_per_day: Option<u32>,
}

/// Counts and digest of a deck's cards that are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SumRow {
    #[n(0)]
    pub(crate) cards: u64,
    #[n(1)]
    pub(crate) events: u64,
    /// New cards that can be studied.
    #[n(2)]
    pub(crate) new: u64,
    #[n(3)]
    pub(crate) suspended: u64,
    /// Sum of the cards' digests modulo 2^256.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub(crate) sum: [u8; 32],
}

/// What was studied of a deck on a day, over all devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct DayRow {
    /// Cards met for the first time.
    #[n(0)]
    pub(crate) new: u32,
    /// Other cards answered.
    #[n(1)]
    pub(crate) reviews: u32,
}

/// A blob that cards name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct BlobRow {
    /// How many shown cards name it.
    #[n(0)]
    pub(crate) cards: u32,
}

/// A card that names a blob, and as what.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ReferenceRow {
    #[n(0)]
    pub(crate) bytes: u64,
    #[n(1)]
    pub(crate) mime: String,
}

/// How many texts of a card or deck wait for a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ConflictsRow {
    /// A deck's own texts, not a card's.
    #[n(0)]
    pub(crate) of_deck: bool,
    #[n(1)]
    pub(crate) count: u32,
}

/// Figures over the whole vault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct TotalsRow {
    /// Different blobs that shown cards name.
    #[n(0)]
    pub(crate) blobs: u64,
}

/// A row of the index that is no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadRow;

/// The bytes of a row.
pub(crate) fn encode<T: Encode<()>>(row: &T) -> Vec<u8> {
    minicbor::to_vec(row).expect("writing into memory cannot fail")
}

/// Reads a row.
pub(crate) fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, BadRow> {
    minicbor::decode(bytes).map_err(|_| BadRow)
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

    /// Whether it carries a tag.
    pub(crate) fn has_tag(&self, tag: TagId) -> bool {
        self.tags.binary_search(&tag).is_ok()
    }

    /// What its items say in words.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.items()
            .filter_map(|item| item.words().map(str::to_owned))
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
        self.items()
            .filter_map(|item| match item {
                Item::Image(image) => Some((
                    image.blob,
                    ReferenceRow {
                        bytes: image.bytes,
                        mime: image.mime,
                    },
                )),
                Item::Audio(audio) => Some((
                    audio.blob,
                    ReferenceRow {
                        bytes: audio.bytes,
                        mime: audio.mime,
                    },
                )),
                Item::Text(_) | Item::Unknown(_) => None,
            })
            .collect()
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
        }
    }
}

impl StateRow {
    /// The due day.
    pub(crate) fn due(&self) -> Option<Day> {
        self.due_day.map(Day)
    }

    /// The part of the state that the queue asks for.
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
        }
    }
}

/// Packs one row of events: each as id, length, packed bytes.
pub(crate) fn encode_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        let packed = event.pack();
        bytes.extend_from_slice(event.id.as_bytes());
        bytes.push(u8::try_from(packed.len()).expect("a packed event has at most 80 bytes"));
        bytes.extend_from_slice(&packed);
    }
    bytes
}

/// Reads one row of events.
pub(crate) fn decode_events(mut bytes: &[u8], into: &mut BTreeSet<Event>) -> Result<(), BadRow> {
    while let Some((id, rest)) = bytes.split_first_chunk::<16>() {
        let (len, rest) = rest.split_first().ok_or(BadRow)?;
        let (packed, rest) = rest.split_at_checked(usize::from(*len)).ok_or(BadRow)?;
        into.insert(Event::unpack(EventId::from_bytes(*id), packed).map_err(|_| BadRow)?);
        bytes = rest;
    }
    if bytes.is_empty() {
        Ok(())
    } else {
        Err(BadRow)
    }
}

impl CardRow {
    /// The row of a card, still without its digest.
    pub(crate) fn new(view: &CardView, page: DocId, state: StateRow, events: u32) -> Self {
        let stored = |items: &[Item]| items.iter().map(Item::to_json).collect();
        Self {
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
            state,
            events,
            digest: [0; 32],
        }
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
        }
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

impl From<&Conflict> for ConflictRow {
    fn from(conflict: &Conflict) -> Self {
        let (text, index) = match conflict.place {
            Place::DeckName(_) => (ConflictText::DeckName, 0),
            Place::DeckDescription(_) => (ConflictText::DeckDescription, 0),
            Place::Item {
                side: Side::Front,
                index,
                ..
            } => (ConflictText::Front, index),
            Place::Item {
                side: Side::Back,
                index,
                ..
            } => (ConflictText::Back, index),
        };
        Self {
            text,
            index: u32::try_from(index).unwrap_or(u32::MAX),
            values: conflict.values.iter().map(Item::to_json).collect(),
        }
    }
}

impl ConflictRow {
    /// The conflict of a card.
    pub(crate) fn of_card(&self, card: CardId) -> Conflict {
        let side = if self.text == ConflictText::Back {
            Side::Back
        } else {
            Side::Front
        };
        self.at(Place::Item {
            card,
            side,
            index: usize::try_from(self.index).unwrap_or(usize::MAX),
        })
    }

    /// The conflict of a deck.
    pub(crate) fn of_deck(&self, deck: DeckId) -> Conflict {
        self.at(if self.text == ConflictText::DeckDescription {
            Place::DeckDescription(deck)
        } else {
            Place::DeckName(deck)
        })
    }

    fn at(&self, place: Place) -> Conflict {
        let values = self
            .values
            .iter()
            .map(|stored| Item::parse(stored))
            .collect();
        Conflict {
            id: ConflictId::of(place),
            place,
            values,
        }
    }
}

impl DeckRow {
    /// The row of a deck.
    pub(crate) fn new(view: &DeckView) -> Self {
        Self {
            name: view.name.clone(),
            description: view.description.clone(),
            created_ms: view.created_at.0,
            archived: view.archived,
            visible: view.visible,
            conflicts: view.conflicts.iter().map(ConflictRow::from).collect(),
            new_per_day: view.new_per_day,
            reviews_per_day: view.reviews_per_day,
        }
    }

    /// The deck as its document has it, its pages aside.
    pub(crate) fn view(&self, id: DeckId) -> DeckView {
        DeckView {
            id,
            name: self.name.clone(),
            description: self.description.clone(),
            created_at: UnixMs(self.created_ms),
            archived: self.archived,
            new_per_day: self.new_per_day,
            reviews_per_day: self.reviews_per_day,
            pages: BTreeSet::new(),
            visible: self.visible,
            conflicts: self
                .conflicts
                .iter()
                .map(|conflict| conflict.of_deck(id))
                .collect(),
            skipped: 0,
        }
    }
}

impl SumRow {
    /// Adds a card that is shown, or takes it away.
    pub(crate) fn count(&mut self, card: &CardRow, add: bool) {
        let digest = CardDigest {
            events: u64::from(card.events),
            digest: card.digest,
        };
        let mut sum = self.state_sum();
        if add {
            sum.add(&digest)
        } else {
            sum.remove(&digest)
        }
        (self.cards, self.events, self.sum) = (sum.cards, sum.events, sum.sum);
        let change = |count: u64, counts: bool| match (counts, add) {
            (false, _) => count,
            (true, true) => count.wrapping_add(1),
            (true, false) => count.wrapping_sub(1),
        };
        self.new = change(self.new, card.can_be_studied() && card.is_new());
        self.suspended = change(self.suspended, card.suspended);
    }

    /// The part that goes into the digest of the whole state.
    pub(crate) fn state_sum(&self) -> StateSum {
        StateSum {
            cards: self.cards,
            events: self.events,
            sum: self.sum,
        }
    }
}
