//! The four kinds of Automerge documents, read and written by type. This is the only place that knows their keys.
//!
//! Reading never fails: what has the wrong type or an unknown name is skipped and counted, and stays in the document.
//! Writing changes only what differs, so that edits of different things on different devices do not meet.
//!
//! Where a key holds several maps, because two devices made the same map apart, readers merge them field by field, the
//! winner's field first; writers write into the winner and delete from all. Maps are never folded into one: that would
//! lose what a third device is still writing into the other.
//!
//! Documents are loaded, saved and synchronised by `storage`; which ones there are is `client`'s to know.

use automerge::{AutomergeError, ROOT, transaction::Transactable};

use crate::event::EventError;
use crate::id::{CardId, NoteId, TagId};
use crate::item::ItemError;
use crate::limit;

pub mod cards;
pub mod conflict;
pub mod deck;
pub mod events;
pub mod settings;

mod alive;
mod node;
mod source;
mod touched;

pub use source::Source;
pub use touched::{Touched, touched};

pub(crate) const KIND: &str = "kind";
const VERSION: &str = "v";
/// The schema this version writes. Later ones may only add keys, so every version reads every other.
const SCHEMA_VERSION: u64 = 1;

/// What a document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocKind {
    /// Tags, scheduler epochs, devices.
    Settings,
    /// One deck's name and pages.
    Deck,
    /// A page of cards.
    Cards,
    /// A segment of one device's events.
    Events,
}

impl DocKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Settings, Self::Deck, Self::Cards, Self::Events];

    /// How the kind is written in a document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Deck => "deck",
            Self::Cards => "cards",
            Self::Events => "events",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Why an edit was not made. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// No such card on the page.
    #[error("card {0} is not on this page")]
    CardMissing(CardId),
    /// The card is there already.
    #[error("card {0} is on this page already")]
    CardExists(CardId),
    /// The page holds as many cards as it may.
    #[error("the page is full: it holds {max} cards; begin a new page", max = limit::PAGE_CARDS_MAX)]
    PageFull,
    /// The segment holds as many events as it may.
    #[error("the segment is full: it holds {max} events; begin a new segment", max = limit::SEGMENT_EVENTS_MAX)]
    SegmentFull,
    /// The item cannot be stored.
    #[error(transparent)]
    Item(#[from] ItemError),
    /// The event cannot be stored.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A side holds as many items as it may.
    #[error("a side holds at most {max} items: remove one first", max = limit::SIDE_ITEMS_MAX)]
    SideFull,
    /// A card holds as many tags as it may.
    #[error("a card holds at most {max} tags: remove one first", max = limit::CARD_TAGS_MAX)]
    TagsFull,
    /// No such note on the page.
    #[error("note {0} is not on this page")]
    NoteMissing(NoteId),
    /// The note is there already.
    #[error("note {0} is on this page already")]
    NoteExists(NoteId),
    /// No item at that place.
    #[error("the side has no item number {0}")]
    NoSuchItem(usize),
    /// A name is empty or too long.
    #[error("a name has 1 to {max} bytes, this one has {bytes}", max = limit::NAME_BYTES_MAX)]
    Name {
        /// What was given.
        bytes: usize,
    },
    /// A text is too long.
    #[error("the text has {bytes} bytes and may have {max}: shorten it", max = limit::TEXT_BYTES_MAX)]
    TextTooLong {
        /// What was given.
        bytes: usize,
    },
    /// A setting out of its range.
    #[error("the {0} is out of range")]
    Setting(&'static str),
    /// No such tag in the settings.
    #[error("tag {0} is not in the settings")]
    TagMissing(TagId),
    /// The conflict is settled already, or was never there.
    #[error("there is no conflict at this place any more: list the conflicts again")]
    NoSuchConflict,
    /// The document lacks a part that its kind always has.
    #[error("the document has no {0}: it is not of the kind expected, or damaged")]
    Shape(&'static str),
    /// Automerge refused.
    #[error("the document refused the edit")]
    Automerge(#[from] AutomergeError),
}

/// The kind of the document, if it is one of ours.
pub fn kind<D: Source>(doc: &D) -> Option<DocKind> {
    doc.nodes_at(&ROOT, KIND)
        .iter()
        .find_map(node::Node::as_str)
        .and_then(DocKind::from_name)
}

/// The different values that stand for the kind; more than one when a document was tampered with.
pub(crate) fn kind_values<D: Source>(doc: &D) -> Vec<String> {
    let nodes = doc.nodes_at(&ROOT, KIND);
    let mut values: Vec<String> = nodes
        .iter()
        .map(|node| node.as_str().unwrap_or_default().to_owned())
        .collect();
    values.sort_unstable();
    values.dedup();
    values
}

fn begin<T: Transactable>(tx: &mut T, kind: DocKind) -> Result<(), EditError> {
    tx.put(ROOT, KIND, kind.name())?;
    tx.put(ROOT, VERSION, SCHEMA_VERSION)?;
    Ok(())
}

fn check_name(name: &str) -> Result<(), EditError> {
    let bytes = name.len();
    if name.trim().is_empty() || bytes > limit::NAME_BYTES_MAX {
        Err(EditError::Name { bytes })
    } else {
        Ok(())
    }
}

fn check_text(text: &str) -> Result<(), EditError> {
    let bytes = text.len();
    if bytes > limit::TEXT_BYTES_MAX {
        Err(EditError::TextTooLong { bytes })
    } else {
        Ok(())
    }
}
