//! Texts that two devices changed apart. Automerge keeps both; the winner is shown, the others are listed here until the
//! person picks one or writes a joined one. Only texts conflict in this sense: flags, tags and deletion have their own
//! rules of merging.

use std::fmt;
use std::str::FromStr;

use crate::id::{CardId, DeckId, IdError};
use crate::item::Item;

/// A side of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The question.
    Front,
    /// The answer.
    Back,
}

impl Side {
    /// Both sides, in the order shown.
    pub const ALL: [Self; 2] = [Self::Front, Self::Back];

    /// Its name, which is also its key.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Back => "back",
        }
    }
}

/// Where texts conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A deck's name.
    DeckName(DeckId),
    /// A deck's description.
    DeckDescription(DeckId),
    /// One item of a card, counted from 0.
    Item {
        /// The card.
        card: CardId,
        /// The side.
        side: Side,
        /// Its place in the side.
        index: usize,
    },
    /// One field of the note that a card is made from.
    Field {
        /// The card.
        card: CardId,
        /// Its place among the fields in the order of their names, from 0.
        index: usize,
    },
}

impl Place {
    /// The card, if it is a card's text.
    pub const fn card(self) -> Option<CardId> {
        match self {
            Self::Item { card, .. } | Self::Field { card, .. } => Some(card),
            Self::DeckName(_) | Self::DeckDescription(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeckName(deck) => write!(f, "deck {deck} name"),
            Self::DeckDescription(deck) => write!(f, "deck {deck} description"),
            Self::Item { card, side, index } => {
                write!(f, "card {card} {} item {}", side.name(), index + 1)
            }
            Self::Field { card, index } => write!(f, "card {card} field {}", index + 1),
        }
    }
}

/// Short name of a conflict to type: a hash of its place, the same on every device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConflictId([u8; 4]);

impl ConflictId {
    /// The name of a conflict at this place.
    pub fn of(place: Place) -> Self {
        let hash = blake3::hash(place.to_string().as_bytes());
        let [a, b, c, d, ..] = *hash.as_bytes();
        Self([a, b, c, d])
    }
}

impl fmt::Display for ConflictId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for ConflictId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConflictId({self})")
    }
}

impl FromStr for ConflictId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(IdError::NotAnId);
        }
        u32::from_str_radix(text, 16)
            .map(|number| Self(number.to_be_bytes()))
            .map_err(|_| IdError::NotAnId)
    }
}

/// One place with several texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// Its short name.
    pub id: ConflictId,
    /// Where it is.
    pub place: Place,
    /// The texts, the shown one first; a deck's name or description is a text item here.
    pub values: Vec<Item>,
}

impl Conflict {
    pub(crate) fn at(place: Place, values: Vec<Item>) -> Option<Self> {
        (values.len() > 1).then(|| Self {
            id: ConflictId::of(place),
            place,
            values,
        })
    }
}
