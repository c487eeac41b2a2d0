//! Notes on a page: fields by name, from which cards of the page are made. Reading and writing; what the cards say is
//! `crate::note`'s.

use std::collections::BTreeSet;

use automerge::{ObjId, ObjType, ROOT, hydrate, transaction::Transactable};

use super::edit::{field, scalar};
use super::{CardNote, maps_at};
use crate::document::conflict::{Conflict, Place};
use crate::document::node::{Fields, distinct_texts};
use crate::document::{EditError, Source, check_name, check_text};
use crate::id::{CardId, NoteId};
use crate::item::Item;
use crate::limit;
use crate::note::FieldTexts;

const NOTES: &str = "notes";
const TYPE: &str = "type";
const FIELDS: &str = "fields";
/// On a card: its note, and which of the note's cards it is.
pub(super) const NOTE: &str = "note";
pub(super) const TEMPLATE: &str = "template";

/// What a new note begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNote {
    /// Its id.
    pub id: NoteId,
    /// The name of its type.
    pub kind: String,
    /// Its fields.
    pub fields: FieldTexts,
}

/// A note as it stands on its page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NoteView {
    /// The name of its type.
    pub kind: String,
    /// Its fields.
    pub fields: FieldTexts,
}

/// Reads a note of a page.
pub fn note_of<D: Source>(doc: &D, id: NoteId) -> Option<NoteView> {
    let maps = find(doc, id);
    if maps.is_empty() {
        return None;
    }
    let (note, fields) = read(doc, &maps);
    let text = |name: &str| {
        fields
            .str(name)
            .map(|text| (name.to_owned(), text.to_owned()))
    };
    Some(NoteView {
        kind: note.str(TYPE).unwrap_or_default().to_owned(),
        fields: fields.keys().filter_map(text).collect(),
    })
}

/// What ties a card to its note; none when it has none, or when the note is not there.
pub(super) fn of_card<D: Source>(doc: &D, card: &Fields, alive: bool) -> Option<CardNote> {
    let id: NoteId = card.str(NOTE)?.parse().ok()?;
    let ordinal = u16::try_from(card.int(TEMPLATE)?).ok()?;
    let NoteView { kind, fields } = note_of(doc, id)?;
    Some(CardNote {
        id,
        ordinal,
        kind,
        fields,
        alive,
        typed: None,
    })
}

/// The fields that devices changed apart, told at one of the note's cards.
pub(super) fn conflicts<D: Source>(doc: &D, id: NoteId, card: CardId) -> Vec<Conflict> {
    let (_, fields) = read(doc, &find(doc, id));
    let each = fields.entries().enumerate();
    each.filter_map(|(index, (_, nodes))| {
        let values = distinct_texts(nodes).into_iter().map(Item::text).collect();
        Conflict::at(Place::Field { card, index }, values)
    })
    .collect()
}

/// Adds a note. Its cards are added one by one.
pub fn add_note<T: Transactable>(tx: &mut T, note: &NewNote) -> Result<(), EditError> {
    check_name(&note.kind)?;
    check(&note.fields)?;
    if !find(tx, note.id).is_empty() {
        return Err(EditError::NoteExists(note.id));
    }
    // Made with the first note: most pages have none.
    let notes = match maps_at(tx, &ROOT, NOTES).into_iter().next() {
        Some(notes) => notes,
        None => tx.put_object(ROOT, NOTES, ObjType::Map)?,
    };
    let mut fields = hydrate::Map::default();
    for (name, text) in &note.fields {
        fields.insert(name.clone(), field(scalar(text.as_str())));
    }
    let mut map = hydrate::Map::default();
    map.insert(TYPE.to_owned(), field(scalar(note.kind.as_str())));
    map.insert(FIELDS.to_owned(), field(fields.into()));
    tx.batch_create_object(notes, note.id.to_string(), &map.into(), false)?;
    Ok(())
}

/// Sets the fields that are named; those that have the text already are not written again, so that no conflict is settled
/// unseen. Answers whether anything was written. The note's cards are to be kept alive by the caller.
pub fn set_note_fields<T: Transactable>(
    tx: &mut T,
    id: NoteId,
    wanted: &FieldTexts,
) -> Result<bool, EditError> {
    check(wanted)?;
    let maps = find(tx, id);
    let owner = maps.first().ok_or(EditError::NoteMissing(id))?;
    let (note, held) = read(tx, &maps);
    let mut target = note.maps(FIELDS).into_iter().next();
    let before = tx.pending_ops();
    for (name, text) in wanted {
        if held.str(name) == Some(text.as_str()) {
            continue;
        }
        let fields = match target.take() {
            Some(fields) => fields,
            None => tx.put_object(owner, FIELDS, ObjType::Map)?,
        };
        tx.put(&fields, name.as_str(), text.as_str())?;
        target = Some(fields);
    }
    Ok(tx.pending_ops() != before)
}

/// Settles the conflict of a field, counted as in [`Place::Field`].
pub(super) fn resolve_field<T: Transactable>(
    tx: &mut T,
    card_maps: &[ObjId],
    index: usize,
    keep: &Item,
) -> Result<(), EditError> {
    let card = Fields::read(tx, card_maps);
    let id: Option<NoteId> = card.str(NOTE).and_then(|text| text.parse().ok());
    let maps = find(tx, id.ok_or(EditError::NoSuchConflict)?);
    let (note, fields) = read(tx, &maps);
    let (name, nodes) = fields
        .entries()
        .nth(index)
        .ok_or(EditError::NoSuchConflict)?;
    if distinct_texts(nodes).len() < 2 {
        return Err(EditError::NoSuchConflict);
    }
    let text = keep.words().unwrap_or_default();
    check_text(text)?;
    let target = note.maps(FIELDS).into_iter().next();
    tx.put(target.ok_or(EditError::NoSuchConflict)?, name, text)?;
    Ok(())
}

fn find<D: Source>(doc: &D, id: NoteId) -> Vec<ObjId> {
    let key = id.to_string();
    let notes = maps_at(doc, &ROOT, NOTES);
    notes
        .iter()
        .flat_map(|map| maps_at(doc, map, &key))
        .collect()
}

/// A note's own keys and its fields.
fn read<D: Source>(doc: &D, maps: &[ObjId]) -> (Fields, Fields) {
    let note = Fields::read(doc, maps);
    let fields = Fields::read(doc, &note.maps(FIELDS));
    (note, fields)
}

fn check(fields: &FieldTexts) -> Result<(), EditError> {
    let names: BTreeSet<&String> = fields.keys().collect();
    if names.len() > limit::NOTE_FIELDS_MAX {
        return Err(EditError::Setting("number of fields"));
    }
    names.into_iter().try_for_each(|name| check_name(name))?;
    fields.values().try_for_each(|text| check_text(text))
}
