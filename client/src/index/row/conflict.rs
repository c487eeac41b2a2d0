//! The row of a text that two devices changed without knowing of each other.

use domain::document::conflict::{Conflict, ConflictId, Place, Side};
use domain::{CardId, DeckId, Item};
use minicbor::{Decode, Encode};

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
    #[n(4)]
    Field,
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
            Place::Field { index, .. } => (ConflictText::Field, index),
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
        let index = usize::try_from(self.index).unwrap_or(usize::MAX);
        let side = match self.text {
            ConflictText::Field => return self.at(Place::Field { card, index }),
            ConflictText::Back => Side::Back,
            _ => Side::Front,
        };
        self.at(Place::Item { card, side, index })
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
