//! Edits of a page of cards. Each changes only what differs, and marks the card as wanted by the editing device, so that a
//! deletion made elsewhere without knowledge of the edit does not take the card away.

use std::collections::BTreeSet;

use automerge::{ObjId, ObjType, ROOT, ScalarValue, hydrate, transaction::Transactable};

use super::{
    CARDS, CREATED_AT, DECK, FLAG, SUSPENDED, TAGS, count, find, item, note, roots, side_list,
};
use crate::document::Source;
use crate::document::conflict::{Place, Side};
use crate::document::node::{Fields, Node, distinct_texts};
use crate::document::{DocKind, EditError, alive, begin};
use crate::id::{BlobHash, CardId, DeckId, DeviceId, NoteId, TagId};
use crate::item::{Item, TextItem};
use crate::limit;
use crate::time::UnixMs;

/// What a new card begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCard {
    /// Its id.
    pub id: CardId,
    /// The question.
    pub front: Vec<Item>,
    /// The answer.
    pub back: Vec<Item>,
    /// Its tags, which the settings name.
    pub tags: BTreeSet<TagId>,
    /// When it was made.
    pub created_at: UnixMs,
    /// The note it is made from, which the page holds already, and which of its cards it is.
    pub note: Option<(NoteId, u16)>,
}

/// The place of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemPlace {
    /// The card.
    pub card: CardId,
    /// The side.
    pub side: Side,
    /// Counted from 0.
    pub index: usize,
}

/// Begins a page of the deck in an empty document.
pub fn create<T: Transactable>(tx: &mut T, deck: DeckId) -> Result<(), EditError> {
    begin(tx, DocKind::Cards)?;
    tx.put(ROOT, DECK, deck.to_string())?;
    tx.put_object(ROOT, CARDS, ObjType::Map)?;
    Ok(())
}

/// Whether the page holds the card, deleted or not.
pub fn holds<D: Source>(doc: &D, card: CardId) -> bool {
    !find(doc, card).is_empty()
}

/// Adds a card.
pub fn add<T: Transactable>(tx: &mut T, card: &NewCard, device: DeviceId) -> Result<(), EditError> {
    check_new(card)?;
    let root = roots(tx)
        .into_iter()
        .next()
        .ok_or(EditError::Shape("map of cards"))?;
    if !find(tx, card.id).is_empty() {
        return Err(EditError::CardExists(card.id));
    }
    let max = match card.note {
        Some(_) => limit::PAGE_CARDS_WITH_NOTES_MAX,
        None => limit::PAGE_CARDS_MAX,
    };
    if count(tx) >= max {
        return Err(EditError::PageFull);
    }
    // As one value: an import of ten thousand cards takes half the time of one put a field. Automerge orders the fields by name.
    let mut fields = hydrate::Map::default();
    for (side, items) in [(Side::Front, &card.front), (Side::Back, &card.back)] {
        let stored: Vec<hydrate::Value> = items.iter().map(|item| scalar(item.to_json())).collect();
        fields.insert(side.name().to_owned(), field(stored.into()));
    }
    fields.insert(CREATED_AT.to_owned(), field(scalar(card.created_at.0)));
    if let Some((note, ordinal)) = card.note {
        fields.insert(note::NOTE.to_owned(), field(scalar(note.to_string())));
        fields.insert(note::TEMPLATE.to_owned(), field(scalar(i64::from(ordinal))));
    }
    if !card.tags.is_empty() {
        let mut tags = hydrate::Map::default();
        tags.extend(
            card.tags
                .iter()
                .map(|tag| (tag.to_string(), field(scalar(true)))),
        );
        fields.insert(TAGS.to_owned(), field(tags.into()));
    }
    let mut alive = hydrate::Map::default();
    alive.insert(device.to_string(), field(scalar(alive::FIRST)));
    fields.insert(alive::ALIVE.to_owned(), field(alive.into()));
    tx.batch_create_object(root, card.id.to_string(), &fields.into(), false)?;
    Ok(())
}

pub(super) fn scalar(value: impl Into<ScalarValue>) -> hydrate::Value {
    hydrate::Value::Scalar(value.into())
}

pub(super) fn field(value: hydrate::Value) -> hydrate::MapValue {
    hydrate::MapValue {
        value,
        conflict: false,
    }
}

/// Replaces the text of a side: its first text item is changed in place, so that two devices that do so conflict visibly;
/// further text items go; pictures and sounds stay. An empty text leaves none.
pub fn set_side_text<T: Transactable>(
    tx: &mut T,
    card: CardId,
    side: Side,
    text: &str,
    device: DeviceId,
) -> Result<(), EditError> {
    let new = Item::text(text);
    new.check()?;
    let maps = existing(tx, card)?;
    let (list, elements) = open_side(tx, &maps, side)?;
    let texts: Vec<(usize, TextItem)> = elements
        .iter()
        .enumerate()
        .filter_map(|(index, nodes)| match item(nodes) {
            Item::Text(text) => Some((index, text)),
            _ => None,
        })
        .collect();
    let before = tx.pending_ops();
    let kept = if text.is_empty() { 0 } else { 1 };
    for (index, _) in texts.iter().skip(kept).rev() {
        tx.delete(&list, *index)?;
    }
    match texts.into_iter().next() {
        _ if text.is_empty() => {}
        // What is shown already is not written again: that would settle a conflict nobody looked at.
        Some((_, shown)) if shown.text == text => {}
        Some((index, shown)) => {
            let changed = Item::Text(TextItem {
                text: text.to_owned(),
                ..shown
            });
            tx.put(&list, index, changed.to_json())?;
        }
        None if elements.len() >= limit::SIDE_ITEMS_MAX => return Err(EditError::SideFull),
        None => tx.insert(&list, 0, new.to_json())?,
    }
    touch_if_changed(tx, before, &maps, device)
}

/// Inserts an item before the place, or at the end when the place is the number of items.
pub fn insert_item<T: Transactable>(
    tx: &mut T,
    at: ItemPlace,
    new: &Item,
    device: DeviceId,
) -> Result<(), EditError> {
    new.check()?;
    let maps = existing(tx, at.card)?;
    let (list, elements) = open_side(tx, &maps, at.side)?;
    if elements.len() >= limit::SIDE_ITEMS_MAX {
        return Err(EditError::SideFull);
    }
    if at.index > elements.len() {
        return Err(EditError::NoSuchItem(at.index));
    }
    tx.insert(&list, at.index, new.to_json())?;
    alive::touch(tx, &maps, device)
}

/// Adds an item at the end of a side.
pub fn append_item<T: Transactable>(
    tx: &mut T,
    card: CardId,
    side: Side,
    new: &Item,
    device: DeviceId,
) -> Result<(), EditError> {
    let maps = existing(tx, card)?;
    let (_, elements) = open_side(tx, &maps, side)?;
    let index = elements.len();
    insert_item(tx, ItemPlace { card, side, index }, new, device)
}

/// Takes the pictures and sounds off a side that name one of these blobs.
pub fn remove_media<T: Transactable>(
    tx: &mut T,
    card: CardId,
    side: Side,
    blobs: &[BlobHash],
    device: DeviceId,
) -> Result<(), EditError> {
    let maps = existing(tx, card)?;
    let (list, elements) = open_side(tx, &maps, side)?;
    let before = tx.pending_ops();
    for (index, nodes) in elements.iter().enumerate().rev() {
        let names = item(nodes)
            .blob()
            .is_some_and(|(blob, _)| blobs.contains(&blob));
        if names {
            tx.delete(&list, index)?;
        }
    }
    touch_if_changed(tx, before, &maps, device)
}

/// Makes a side have these items, with as few changes as that takes: what stays at the beginning and the end is not touched.
pub fn set_side_items<T: Transactable>(
    tx: &mut T,
    card: CardId,
    side: Side,
    wanted: &[Item],
    device: DeviceId,
) -> Result<(), EditError> {
    if wanted.len() > limit::SIDE_ITEMS_MAX {
        return Err(EditError::SideFull);
    }
    wanted.iter().try_for_each(Item::check)?;
    let maps = existing(tx, card)?;
    let (list, elements) = open_side(tx, &maps, side)?;
    let held: Vec<Item> = elements.iter().map(|nodes| item(nodes)).collect();
    let before = tx.pending_ops();
    let same = |a: &Item, b: &Item| a == b;
    let head = held
        .iter()
        .zip(wanted)
        .take_while(|(a, b)| same(a, b))
        .count();
    let tail = held
        .iter()
        .skip(head)
        .rev()
        .zip(wanted.iter().skip(head).rev())
        .take_while(|(a, b)| same(a, b))
        .count();
    let put = wanted.get(head..wanted.len() - tail).unwrap_or_default();
    let gone = held.len() - tail - head;
    for (at, item) in (head..).zip(put).take(gone) {
        tx.put(&list, at, item.to_json())?;
    }
    for at in (head + put.len().min(gone)..head + gone).rev() {
        tx.delete(&list, at)?;
    }
    for (at, item) in (head..).zip(put).skip(gone) {
        tx.insert(&list, at, item.to_json())?;
    }
    touch_if_changed(tx, before, &maps, device)
}

/// Replaces one item.
pub fn replace_item<T: Transactable>(
    tx: &mut T,
    at: ItemPlace,
    new: &Item,
    device: DeviceId,
) -> Result<(), EditError> {
    new.check()?;
    let maps = existing(tx, at.card)?;
    let (list, elements) = open_side(tx, &maps, at.side)?;
    let shown = elements
        .get(at.index)
        .ok_or(EditError::NoSuchItem(at.index))?;
    if item(shown) == *new {
        return Ok(());
    }
    tx.put(&list, at.index, new.to_json())?;
    alive::touch(tx, &maps, device)
}

/// Removes one item.
pub fn remove_item<T: Transactable>(
    tx: &mut T,
    at: ItemPlace,
    device: DeviceId,
) -> Result<(), EditError> {
    let maps = existing(tx, at.card)?;
    let (list, elements) = open_side(tx, &maps, at.side)?;
    if at.index >= elements.len() {
        return Err(EditError::NoSuchItem(at.index));
    }
    tx.delete(&list, at.index)?;
    alive::touch(tx, &maps, device)
}

/// Gives the card a tag.
pub fn tag<T: Transactable>(
    tx: &mut T,
    card: CardId,
    tag: TagId,
    device: DeviceId,
) -> Result<(), EditError> {
    let maps = existing(tx, card)?;
    let tag_maps = Fields::read(tx, &maps).maps(TAGS);
    let key = tag.to_string();
    let held = Fields::read(tx, &tag_maps);
    if !held.nodes(&key).is_empty() {
        return Ok(());
    }
    if held.keys().count() >= limit::CARD_TAGS_MAX {
        return Err(EditError::TagsFull);
    }
    let target = match (tag_maps.into_iter().next(), maps.first()) {
        (Some(tags), _) => tags,
        (None, Some(map)) => tx.put_object(map, TAGS, ObjType::Map)?,
        (None, None) => return Err(EditError::CardMissing(card)),
    };
    tx.put(target, key, true)?;
    alive::touch(tx, &maps, device)
}

/// Takes a tag from the card.
pub fn untag<T: Transactable>(
    tx: &mut T,
    card: CardId,
    tag: TagId,
    device: DeviceId,
) -> Result<(), EditError> {
    let maps = existing(tx, card)?;
    let before = tx.pending_ops();
    let key = tag.to_string();
    for tags in Fields::read(tx, &maps).maps(TAGS) {
        if tx.get(&tags, key.as_str())?.is_some() {
            tx.delete(&tags, key.as_str())?;
        }
    }
    touch_if_changed(tx, before, &maps, device)
}

/// Takes the card out of study, or puts it back.
pub fn set_suspended<T: Transactable>(
    tx: &mut T,
    card: CardId,
    suspended: bool,
    device: DeviceId,
) -> Result<(), EditError> {
    let maps = existing(tx, card)?;
    if Fields::read(tx, &maps).bool(SUSPENDED).unwrap_or(false) == suspended {
        return Ok(());
    }
    put_field(tx, &maps, SUSPENDED, suspended)?;
    alive::touch(tx, &maps, device)
}

/// Gives the card a colour mark, 0 for none.
pub fn set_flag<T: Transactable>(
    tx: &mut T,
    card: CardId,
    flag: u8,
    device: DeviceId,
) -> Result<(), EditError> {
    let maps = existing(tx, card)?;
    if Fields::read(tx, &maps).int(FLAG).unwrap_or(0) == i64::from(flag) {
        return Ok(());
    }
    put_field(tx, &maps, FLAG, i64::from(flag))?;
    alive::touch(tx, &maps, device)
}

/// Moves the card to another deck; it stays on its page.
pub fn move_to<T: Transactable>(
    tx: &mut T,
    card: CardId,
    deck: DeckId,
    device: DeviceId,
) -> Result<(), EditError> {
    let maps = existing(tx, card)?;
    let text = deck.to_string();
    let (own, page) = (Fields::read(tx, &maps), Fields::read(tx, &[ROOT]));
    if own.str(DECK).or(page.str(DECK)) == Some(text.as_str()) {
        return Ok(());
    }
    put_field(tx, &maps, DECK, text)?;
    alive::touch(tx, &maps, device)
}

/// Keeps the card against a deletion that has not seen this.
pub fn touch<T: Transactable>(tx: &mut T, card: CardId, device: DeviceId) -> Result<(), EditError> {
    let maps = existing(tx, card)?;
    alive::touch(tx, &maps, device)
}

/// Deletes the card, as far as its edits are known here. It stays restorable, with its history.
pub fn remove<T: Transactable>(tx: &mut T, card: CardId) -> Result<(), EditError> {
    let maps = existing(tx, card)?;
    alive::remove(tx, &maps)
}

/// Brings a deleted card back.
pub fn restore<T: Transactable>(
    tx: &mut T,
    card: CardId,
    device: DeviceId,
) -> Result<(), EditError> {
    let maps = existing(tx, card)?;
    if alive::is_alive(tx, &Fields::read(tx, &maps)) {
        Ok(())
    } else {
        alive::touch(tx, &maps, device)
    }
}

/// Settles the conflict at a place of this page with the item to keep: one of the values or a joined one.
pub fn resolve<T: Transactable>(
    tx: &mut T,
    place: Place,
    keep: &Item,
    device: DeviceId,
) -> Result<(), EditError> {
    let card = place.card().ok_or(EditError::NoSuchConflict)?;
    keep.check()?;
    let maps = existing(tx, card)?;
    let (side, index) = match place {
        Place::Item { side, index, .. } => (side, index),
        Place::Field { index, .. } => {
            note::resolve_field(tx, &maps, index, keep)?;
            return alive::touch(tx, &maps, device);
        }
        Place::DeckName(_) | Place::DeckDescription(_) => return Err(EditError::NoSuchConflict),
    };
    let list = side_list(tx, &Fields::read(tx, &maps), side).ok_or(EditError::NoSuchConflict)?;
    let elements = tx.elements(&list);
    let nodes = elements.get(index).ok_or(EditError::NoSuchConflict)?;
    if distinct_texts(nodes).len() < 2 {
        return Err(EditError::NoSuchConflict);
    }
    tx.put(&list, index, keep.to_json())?;
    alive::touch(tx, &maps, device)
}

fn check_new(card: &NewCard) -> Result<(), EditError> {
    for side in [&card.front, &card.back] {
        if side.len() > limit::SIDE_ITEMS_MAX {
            return Err(EditError::SideFull);
        }
        for item in side {
            item.check()?;
        }
    }
    if card.tags.len() > limit::CARD_TAGS_MAX {
        Err(EditError::TagsFull)
    } else {
        Ok(())
    }
}

fn existing<D: Source>(doc: &D, card: CardId) -> Result<Vec<ObjId>, EditError> {
    let maps = find(doc, card);
    if maps.is_empty() {
        Err(EditError::CardMissing(card))
    } else {
        Ok(maps)
    }
}

/// The list of a side and its elements; an empty list is made where there is none.
fn open_side<T: Transactable>(
    tx: &mut T,
    maps: &[ObjId],
    side: Side,
) -> Result<(ObjId, Vec<Vec<Node>>), EditError> {
    let fields = Fields::read(tx, maps);
    let list = match (side_list(tx, &fields, side), maps.first()) {
        (Some(list), _) => list,
        (None, Some(map)) => tx.put_object(map, side.name(), ObjType::List)?,
        (None, None) => return Err(EditError::Shape("map of the card")),
    };
    let elements = tx.elements(&list);
    Ok((list, elements))
}

fn put_field<T: Transactable>(
    tx: &mut T,
    maps: &[ObjId],
    key: &str,
    value: impl Into<automerge::ScalarValue>,
) -> Result<(), EditError> {
    let map = maps.first().ok_or(EditError::Shape("map of the card"))?;
    tx.put(map, key, value)?;
    Ok(())
}

fn touch_if_changed<T: Transactable>(
    tx: &mut T,
    ops_before: usize,
    maps: &[ObjId],
    device: DeviceId,
) -> Result<(), EditError> {
    if tx.pending_ops() == ops_before {
        Ok(())
    } else {
        alive::touch(tx, maps, device)
    }
}
