//! Whether two devices show the same: a BLAKE3 over everything a person would see. The cards' part is a sum, so that one
//! changed card costs one subtraction and one addition, not a walk over the vault.

use std::collections::BTreeMap;

use crate::document::cards::CardView;
use crate::document::conflict::Conflict;
use crate::document::deck::DeckView;
use crate::document::settings::TagView;
use crate::event::Event;
use crate::id::TagId;
use crate::item::Item;
use crate::schedule::CardState;

const CARD_CONTEXT: &str = "memoryvault 2025 card digest v1";
const STATE_CONTEXT: &str = "memoryvault 2025 state digest v1";

/// The visible cards of a vault, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StateSum {
    /// How many cards.
    pub cards: u64,
    /// How many events they have.
    pub events: u64,
    /// Sum of their digests, modulo 2^256, little-endian.
    pub sum: [u8; 32],
}

/// What one visible card adds to the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardDigest {
    /// How many events the card has.
    pub events: u64,
    /// Digest of everything shown of it.
    pub digest: [u8; 32],
}

impl StateSum {
    /// Adds a card.
    pub fn add(&mut self, card: &CardDigest) {
        self.cards = self.cards.wrapping_add(1);
        self.events = self.events.wrapping_add(card.events);
        self.sum = add_256(self.sum, card.digest);
    }

    /// Takes away a card added before.
    pub fn remove(&mut self, card: &CardDigest) {
        self.cards = self.cards.wrapping_sub(1);
        self.events = self.events.wrapping_sub(card.events);
        self.sum = sub_256(self.sum, card.digest);
    }
}

/// The digest of a visible card: its content, its events in any order, and where the schedule puts it.
pub fn card_digest<'a>(
    card: &CardView,
    events: impl IntoIterator<Item = &'a Event>,
    state: &CardState,
) -> CardDigest {
    let stored = |items: &[Item]| items.iter().map(Item::to_json).collect::<Vec<_>>();
    let (front, back) = (stored(&card.front), stored(&card.back));
    card_digest_of(card, [&front, &back], events, state)
}

/// As [`card_digest`], for whoever has the items of both sides as they are stored.
pub fn card_digest_of<'a>(
    card: &CardView,
    sides: [&[String]; 2],
    events: impl IntoIterator<Item = &'a Event>,
    state: &CardState,
) -> CardDigest {
    let mut hash = Writer::new(CARD_CONTEXT);
    hash.bytes(card.id.as_bytes());
    hash.bytes(card.deck.as_bytes());
    for side in sides {
        hash.list(side, |hash, item| hash.bytes(item.as_bytes()));
    }
    hash.list(&card.tags, |hash, tag| hash.bytes(tag.as_bytes()));
    hash.number(card.created_at.0.cast_unsigned());
    hash.number(u64::from(card.suspended));
    hash.number(u64::from(card.flag));
    conflicts(&mut hash, &card.conflicts);
    // A card without a note adds nothing here, so that its digest is the one it always had.
    if let Some(note) = &card.note {
        hash.bytes(note.id.as_bytes());
        hash.number(u64::from(note.ordinal));
        hash.bytes(note.kind.as_bytes());
        hash.list(&note.fields, |hash, (name, text)| {
            hash.bytes(name.as_bytes());
            hash.bytes(text.as_bytes());
        });
        hash.bytes(note.typed.as_deref().unwrap_or_default().as_bytes());
    }
    let events: BTreeMap<_, _> = events
        .into_iter()
        .map(|event| ((event.order(), event.pack()), ()))
        .collect();
    hash.list(events.keys(), |hash, ((_, _, id), packed)| {
        hash.bytes(id.as_bytes());
        hash.bytes(packed);
    });
    hash.number(u64::from(state.box_number));
    // Due days are far from the ends of i64, so the shift keeps "none" apart from every day.
    hash.number(
        state
            .due
            .map_or(0, |due| (i64::from(due.0) + (1 << 40)).cast_unsigned()),
    );
    hash.number(u64::from(state.retired));
    hash.number(u64::from(state.reviews));
    hash.number(u64::from(state.lapses));
    let events = u64::try_from(events.len()).unwrap_or(u64::MAX);
    CardDigest {
        events,
        digest: hash.finish(),
    }
}

/// The digest of the whole visible state: the cards' sum, the visible decks by id, the tags, and the settings in words or
/// numbers that the person sees, in an order that all devices share.
pub fn finish(
    cards: &StateSum,
    decks: &[DeckView],
    tags: &BTreeMap<TagId, TagView>,
    settings: &[(&str, String)],
) -> [u8; 32] {
    let mut hash = Writer::new(STATE_CONTEXT);
    hash.number(cards.cards);
    hash.number(cards.events);
    hash.bytes(&cards.sum);
    let decks: BTreeMap<_, _> = decks
        .iter()
        .filter(|deck| deck.visible)
        .map(|deck| (deck.id, deck))
        .collect();
    hash.list(decks.values(), |hash, deck| {
        hash.bytes(deck.id.as_bytes());
        hash.bytes(deck.name.as_bytes());
        hash.bytes(deck.description.as_bytes());
        hash.number(deck.created_at.0.cast_unsigned());
        hash.number(u64::from(deck.archived));
        for figure in [deck.new_per_day, deck.reviews_per_day] {
            hash.number(figure.map_or(0, |figure| u64::from(figure) + 1));
        }
        hash.number(deck.leech_lapses.map_or(0, |lapses| u64::from(lapses) + 1));
        hash.number(u64::from(deck.leech_stays));
        conflicts(hash, &deck.conflicts);
    });
    hash.list(tags, |hash, (id, tag)| {
        hash.bytes(id.as_bytes());
        hash.bytes(tag.name.as_bytes());
        hash.bytes(tag.color.as_deref().unwrap_or_default().as_bytes());
    });
    hash.list(settings, |hash, (name, value)| {
        hash.bytes(name.as_bytes());
        hash.bytes(value.as_bytes());
    });
    hash.finish()
}

fn conflicts(hash: &mut Writer, conflicts: &[Conflict]) {
    hash.list(conflicts, |hash, conflict| {
        hash.bytes(conflict.place.to_string().as_bytes());
        hash.list(&conflict.values, |hash, value| {
            hash.bytes(value.to_json().as_bytes())
        });
    });
}

/// Writes every value with its length, so that no two different states write the same bytes.
struct Writer(blake3::Hasher);

impl Writer {
    fn new(context: &str) -> Self {
        Self(blake3::Hasher::new_derive_key(context))
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.update(bytes);
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        let mut count: u64 = 0;
        for item in items {
            self.0.update(&[1]);
            each(self, item);
            count += 1;
        }
        self.0.update(&[0]);
        self.number(count);
    }

    fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

fn add_256(a: [u8; 32], b: [u8; 32]) -> [u8; 32] {
    let mut sum = a;
    let mut carry = false;
    for (byte, other) in sum.iter_mut().zip(b) {
        let (partial, first) = byte.overflowing_add(other);
        let (total, second) = partial.overflowing_add(u8::from(carry));
        *byte = total;
        carry = first || second;
    }
    sum
}

fn sub_256(a: [u8; 32], b: [u8; 32]) -> [u8; 32] {
    let mut difference = a;
    let mut borrow = false;
    for (byte, other) in difference.iter_mut().zip(b) {
        let (partial, first) = byte.overflowing_sub(other);
        let (total, second) = partial.overflowing_sub(u8::from(borrow));
        *byte = total;
        borrow = first || second;
    }
    difference
}
