//! A page of cards of one deck: reading. Writing is in `edit`, whose functions appear here too.

use std::collections::BTreeSet;

use automerge::{ObjId, ROOT};

use crate::document::Source;
use crate::document::alive;
use crate::document::conflict::{Conflict, Place, Side};
use crate::document::node::{Fields, Node, distinct_texts, maps_of};
use crate::id::{CardId, DeckId, NoteId, TagId};
use crate::item::Item;
use crate::note::{FieldTexts, NoteTypes};
use crate::time::UnixMs;

mod edit;
mod note;

pub use note::{NewNote, NoteView, add_note, note_of, set_note_fields};

pub use edit::{
    ItemPlace, NewCard, add, append_item, create, holds, insert_item, move_to, remove, remove_item,
    remove_media, replace_item, resolve, restore, set_flag, set_side_items, set_side_text,
    set_suspended, tag, touch, untag,
};

const DECK: &str = "deck";
pub(crate) const CARDS: &str = "cards";
const TAGS: &str = "tags";
const CREATED_AT: &str = "created_at";
const SUSPENDED: &str = "suspended";
const FLAG: &str = "flag";

/// A card as the person sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct CardView {
    /// Its id.
    pub id: CardId,
    /// The deck it is in.
    pub deck: DeckId,
    /// The question.
    pub front: Vec<Item>,
    /// The answer.
    pub back: Vec<Item>,
    /// Its tags.
    pub tags: BTreeSet<TagId>,
    /// When it was made.
    pub created_at: UnixMs,
    /// Not asked until the person says otherwise.
    pub suspended: bool,
    /// Colour mark, 0 for none.
    pub flag: u8,
    /// Not deleted.
    pub visible: bool,
    /// Texts that devices changed apart.
    pub conflicts: Vec<Conflict>,
    /// The note it is made from; its texts come before the items that stand on the card itself.
    pub note: Option<CardNote>,
}

/// What ties a card to its note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardNote {
    /// The note.
    pub id: NoteId,
    /// Which of the note's cards this is, see [`crate::note::NoteType::ordinals`].
    pub ordinal: u16,
    /// The name of the note's type.
    pub kind: String,
    /// The note's fields.
    pub fields: FieldTexts,
    /// Whether the card itself is not deleted; it shows only while its note gives it, too.
    pub alive: bool,
    /// What is to be typed, when the card asks for that.
    pub typed: Option<String>,
}

impl CardView {
    /// The items of a side.
    pub fn side(&self, side: Side) -> &[Item] {
        match side {
            Side::Front => &self.front,
            Side::Back => &self.back,
        }
    }

    /// The card with what its note says before its own items; a card without a note as it is. A card that its note does not
    /// give any more is not shown.
    pub fn rendered(mut self, types: &NoteTypes) -> Self {
        let Some(note) = &mut self.note else {
            return self;
        };
        let rendered = types.render(&note.kind, &note.fields, note.ordinal);
        self.visible = note.alive && rendered.is_some();
        let rendered = rendered.unwrap_or_default();
        note.typed = rendered.typed;
        self.front.insert(0, Item::text(rendered.front));
        self.back.insert(0, Item::text(rendered.back));
        self
    }

    /// The card as its document has it, without what [`CardView::rendered`] put there.
    pub fn unrendered(mut self) -> Self {
        if let Some(note) = &mut self.note {
            note.typed = None;
            self.visible = note.alive;
            for side in [&mut self.front, &mut self.back] {
                side.drain(..side.len().min(1));
            }
        }
        self
    }

    /// Every item, front first.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.front.iter().chain(&self.back)
    }
}

/// A page of cards.
#[derive(Debug, Clone, PartialEq)]
pub struct PageView {
    /// The deck whose page it is.
    pub deck: Option<DeckId>,
    /// Its cards by id, deleted ones too.
    pub cards: Vec<CardView>,
    /// Entries that could not be read.
    pub skipped: u32,
}

/// Reads a whole page.
pub fn read<D: Source>(doc: &D) -> PageView {
    let root = Fields::read(doc, &[ROOT]);
    let deck = page_deck(&root);
    let mut view = PageView {
        deck,
        cards: Vec::new(),
        skipped: 0,
    };
    for (key, nodes) in Fields::read(doc, &root.maps(CARDS)).entries() {
        let maps = maps_of(nodes);
        match (key.parse().ok(), deck) {
            (Some(id), Some(deck)) if !maps.is_empty() => {
                view.cards.push(read_maps(doc, id, deck, &maps))
            }
            _ => view.skipped = view.skipped.saturating_add(1),
        }
    }
    view
}

/// Reads one card of a page.
pub fn read_card<D: Source>(doc: &D, id: CardId) -> Option<CardView> {
    let deck = page_deck(&Fields::read(doc, &[ROOT]))?;
    let maps = find(doc, id);
    (!maps.is_empty()).then(|| read_maps(doc, id, deck, &maps))
}

/// How many cards the page holds, deleted ones too.
pub fn count<D: Source>(doc: &D) -> usize {
    roots(doc).iter().map(|map| doc.size(map)).sum()
}

/// The maps in which cards stand, winner first.
fn roots<D: Source>(doc: &D) -> Vec<ObjId> {
    maps_at(doc, &ROOT, CARDS)
}

/// The maps that stand for this card, winner first.
fn find<D: Source>(doc: &D, id: CardId) -> Vec<ObjId> {
    let key = id.to_string();
    roots(doc)
        .iter()
        .flat_map(|root| maps_at(doc, root, &key))
        .collect()
}

/// The maps at one key, winner first, without reading what stands beside it: a page holds a thousand cards.
fn maps_at<D: Source>(doc: &D, map: &ObjId, key: &str) -> Vec<ObjId> {
    maps_of(&doc.nodes_at(map, key))
}

fn page_deck(root: &Fields) -> Option<DeckId> {
    root.str(DECK)?.parse().ok()
}

fn read_maps<D: Source>(doc: &D, id: CardId, page_deck: DeckId, maps: &[ObjId]) -> CardView {
    let fields = Fields::read(doc, maps);
    let tags = Fields::read(doc, &fields.maps(TAGS));
    let mut conflicts = Vec::new();
    let mut side = |side: Side| {
        let elements = read_side(doc, &fields, side);
        for (index, nodes) in elements.iter().enumerate() {
            let values = distinct_texts(nodes).into_iter().map(Item::parse).collect();
            conflicts.extend(Conflict::at(
                Place::Item {
                    card: id,
                    side,
                    index,
                },
                values,
            ));
        }
        elements.iter().map(|nodes| item(nodes)).collect()
    };
    let (front, back) = (side(Side::Front), side(Side::Back));
    let visible = alive::is_alive(doc, &fields);
    let note = note::of_card(doc, &fields, visible);
    if let Some(note) = &note {
        conflicts.extend(note::conflicts(doc, note.id, id));
    }
    CardView {
        id,
        deck: fields
            .str(DECK)
            .and_then(|text| text.parse().ok())
            .unwrap_or(page_deck),
        front,
        back,
        tags: tags.keys().filter_map(|key| key.parse().ok()).collect(),
        created_at: UnixMs(fields.int(CREATED_AT).unwrap_or(0)),
        suspended: fields.bool(SUSPENDED).unwrap_or(false),
        flag: fields
            .int(FLAG)
            .and_then(|flag| u8::try_from(flag).ok())
            .unwrap_or(0),
        visible,
        conflicts,
        note,
    }
}

/// The elements of a side: of the first list that has any.
fn read_side<D: Source>(doc: &D, fields: &Fields, side: Side) -> Vec<Vec<Node>> {
    side_list(doc, fields, side)
        .map(|list| doc.elements(&list))
        .unwrap_or_default()
}

fn side_list<D: Source>(doc: &D, fields: &Fields, side: Side) -> Option<ObjId> {
    let lists = fields.lists(side.name());
    lists
        .iter()
        .find(|list| doc.size(list) > 0)
        .or(lists.first())
        .cloned()
}

/// The item shown for an element. Something that is no text at all still takes its place, so that places can be counted.
fn item(nodes: &[Node]) -> Item {
    nodes
        .iter()
        .find_map(Node::as_str)
        .map_or_else(|| Item::Unknown(String::new()), Item::parse)
}
