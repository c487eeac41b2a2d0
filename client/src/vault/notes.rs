//! Notes: fields from which several cards are made. Adding one, changing its fields (every card follows, and cards that the
//! fields give now are made), and the types of notes. What cards of a note say is `domain::note`'s.

use std::collections::{BTreeMap, BTreeSet};

use domain::document::{cards, deck, settings};
use domain::note::{FieldTexts, NoteType, NoteTypes};
use domain::{CardId, DeckId, NoteId, TagId};

use super::lookup;
use super::patch::CardPatch;
use super::refresh::Scope;
use super::view::{FieldShown, NoteShown};
use super::write::Tx;
use super::{Vault, VaultError, VaultResult};
use crate::index::row::NoteRow;
use crate::index::{CardRow, ReadRows, key};
use crate::{limit, local_state};

/// A note to add.
#[derive(Debug, Clone)]
pub struct NewNote {
    /// Where its cards go.
    pub deck: DeckId,
    /// The name of its type.
    pub kind: String,
    /// Texts by field; fields that are not named are empty.
    pub fields: FieldTexts,
    /// Names of tags for its cards; unknown ones are created.
    pub tags: Vec<String>,
}

impl Vault {
    /// The types of notes, the built-in ones too, by name.
    pub fn note_types(&self) -> NoteTypes {
        self.settings().note_types()
    }

    /// Makes a type of notes, or changes one: every card of its notes follows, and cards that it gives now are made.
    ///
    /// # Errors
    /// The type cannot be used, or it is a built-in one.
    pub fn note_type_put(&mut self, kind: &NoteType) -> VaultResult<()> {
        refuse_built_in(&kind.name)?;
        kind.check()
            .map_err(|why| VaultError::Refused(why.to_string()))?;
        let words = format!("set the note type {}", kind.name);
        let notes = self.notes_of_type(&kind.name)?;
        self.as_one_step(&words, |vault| {
            vault.step("", |tx| {
                tx.edit_settings(|doc| settings::put_note_type(doc, kind))
            })?;
            for some in notes.chunks(limit::CARDS_PER_CHANGE_MAX) {
                vault.step("", |tx| {
                    some.iter()
                        .try_for_each(|(card, note)| tx.make_cards(*card, note))
                })?;
            }
            Ok(())
        })
    }

    /// Forgets a type of notes that has no notes.
    ///
    /// # Errors
    /// There is no such type, it is a built-in one, or there are notes of it.
    pub fn note_type_remove(&mut self, name: &str) -> VaultResult<()> {
        refuse_built_in(name)?;
        self.note_type(name)?;
        if let Some((first, _)) = name.rsplit_once(" (version ") {
            return Err(VaultError::Refused(format!(
                "two devices changed the note type {first} apart; set it anew, and the other version goes: memoryvault note type-set FILE"
            )));
        }
        let notes = self.notes_of_type(name)?.len();
        if notes > 0 {
            return Err(VaultError::Refused(format!(
                "notes of the type {name} are kept: {notes}, removed ones among them; it stays with them"
            )));
        }
        self.step(&format!("removed the note type {name}"), |tx| {
            tx.edit_settings(|doc| settings::remove_note_type(doc, name))
        })
    }

    /// Adds a note and its cards; answers with the note.
    ///
    /// # Errors
    /// The deck or the type is unknown, a field is not of the type, or no card would be made.
    pub fn note_add(&mut self, new: &NewNote) -> VaultResult<NoteId> {
        self.check_takes_cards(new.deck)?;
        let kind = self.note_type(&new.kind)?;
        check_fields(&kind, &new.fields)?;
        let ordinals = ordinals(&kind, &new.fields)?;
        let id = NoteId::v7(
            u64::try_from(self.now().at.0).unwrap_or(0),
            local_state::random()?,
        );
        let words = match ordinals.len() {
            1 => "added a card".to_owned(),
            cards => format!("added a note with {cards} cards"),
        };
        self.step(&words, |tx| tx.add_note(id, new, &ordinals))?;
        Ok(id)
    }

    /// Changes fields of a note; all its cards follow. A card that the fields give now is made, one that they do not give any
    /// more is not shown.
    ///
    /// # Errors
    /// There is no such note, a field is not of its type, or no card would be left.
    pub fn note_edit(&mut self, note: NoteId, changed: &FieldTexts) -> VaultResult<()> {
        let (card, row) = self.note_row(note)?;
        let kind = self.note_type(&row.kind)?;
        check_fields(&kind, changed)?;
        let mut fields = row.fields.clone();
        fields.extend(changed.clone());
        let given: BTreeSet<u16> = kind.ordinals(&row.fields).into_iter().collect();
        let mut wanted = ordinals(&kind, &fields)?;
        wanted.retain(|ordinal| !given.contains(ordinal));
        let words = format!("edited the note {}", self.card_words(card));
        self.step(&words, |tx| tx.edit_note(card, note, changed, &wanted))
    }

    /// Removes a note: all its cards. Each of them can be restored.
    ///
    /// # Errors
    /// There is no such note.
    pub fn note_remove(&mut self, note: NoteId) -> VaultResult<u64> {
        let (card, _) = self.note_row(note)?;
        let patches: Vec<(CardId, CardPatch)> = self
            .note(note)?
            .cards
            .iter()
            .map(|card| (card.id, CardPatch::visibility(false)))
            .collect();
        let words = format!("removed the note {}", self.card_words(card));
        self.step(&words, |tx| tx.patch_cards(&patches))
    }

    /// A note with its cards.
    ///
    /// # Errors
    /// There is no such note.
    pub fn note(&self, note: NoteId) -> VaultResult<NoteShown> {
        let (_, row) = self.note_row(note)?;
        let types = self.note_types();
        let kind = types.get(&row.kind);
        let order: Vec<&String> = match kind {
            Some(kind) => kind.fields.iter().collect(),
            None => row.fields.keys().collect(),
        };
        let fields = order.into_iter().map(|name| FieldShown {
            name: name.clone(),
            text: row.fields.get(name).cloned().unwrap_or_default(),
        });
        let cards: Vec<CardId> = possible(kind, &row.fields)
            .map(|ordinal| CardId::of_note(note, ordinal))
            .collect();
        let cards = self.cards_of(&cards)?;
        Ok(NoteShown {
            id: note,
            kind: row.kind.clone(),
            fields: fields.collect(),
            cards: cards.into_iter().filter(|card| !card.removed).collect(),
        })
    }

    /// The note of a card, named by the card's id or the first letters of it.
    ///
    /// # Errors
    /// There is no such card, or it is made from no note.
    pub fn note_find(&self, card: &str) -> VaultResult<NoteId> {
        let id = self.card_find(card)?;
        self.card(id)?.note.ok_or_else(|| {
            VaultError::Refused(format!(
                "the card {id} is made from no note; change it with `memoryvault card edit {id}`"
            ))
        })
    }

    /// The type of this name.
    fn note_type(&self, name: &str) -> VaultResult<NoteType> {
        let types = self.note_types();
        types.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = types.iter().map(|kind| kind.name.as_str()).collect();
            VaultError::Refused(format!(
                "there is no note type `{name}`; there are {}",
                known.join(", ")
            ))
        })
    }

    /// The row of a note, and a card on which it is found.
    fn note_row(&self, note: NoteId) -> VaultResult<(CardId, NoteRow)> {
        // Its first card is always there: cards are never taken out of a document.
        for ordinal in 0..=u16::try_from(domain::limit::NOTE_CARDS_MAX).unwrap_or(u16::MAX) {
            let card = CardId::of_note(note, ordinal);
            let row: Option<CardRow> = self.store.read(&key::card(card))?;
            if let Some(row) = row.and_then(|row| row.note) {
                return Ok((card, row));
            }
        }
        let found = self.store.scan(key::CARDS).find_map(|entry| {
            let (key, bytes) = entry.ok()?;
            let row: CardRow = crate::index::row::decode(&bytes).ok()?;
            let held = row.note.filter(|held| held.id == note)?;
            Some((CardId::from_bytes(key::last16(&key)?), held))
        });
        found.ok_or_else(|| lookup::no_card(&note.to_string()))
    }

    /// The notes of a type, each with one of its cards.
    fn notes_of_type(&self, name: &str) -> VaultResult<Vec<(CardId, NoteRow)>> {
        let mut found: BTreeMap<NoteId, (CardId, NoteRow)> = BTreeMap::new();
        for entry in self.store.scan(key::CARDS) {
            let (key, bytes) = entry?;
            let row: CardRow =
                crate::index::row::decode(&bytes).map_err(|_| crate::index::damaged(&key))?;
            if let (Some(note), Some(card)) = (row.note, key::last16(&key))
                && note.kind == name
            {
                found
                    .entry(note.id)
                    .or_insert((CardId::from_bytes(card), note));
            }
        }
        Ok(found.into_values().collect())
    }
}

impl Tx<'_> {
    fn add_note(&mut self, id: NoteId, new: &NewNote, ordinals: &[u16]) -> VaultResult<()> {
        let (mut page, is_new) = self.page_for(new.deck, ordinals.len())?;
        let tags: BTreeSet<TagId> = self.tags(&new.tags)?.into_iter().collect();
        let (device, created_at) = (self.device(), self.at());
        let note = cards::NewNote {
            id,
            kind: new.kind.clone(),
            fields: new.fields.clone(),
        };
        self.edit(page.page, |doc| {
            if is_new {
                cards::create(doc, new.deck)?;
            }
            cards::add_note(doc, &note)?;
            ordinals.iter().try_for_each(|ordinal| {
                let card = card_of(id, *ordinal, tags.clone(), created_at);
                cards::add(doc, &card, device)
            })
        })?;
        self.edit_deck(new.deck, |doc, device| {
            if is_new {
                deck::add_page(doc, page.page, device)
            } else {
                deck::touch(doc, device)
            }
        })?;
        let bytes: usize = new.fields.values().map(String::len).sum();
        page.cards = page
            .cards
            .saturating_add(u32::try_from(ordinals.len()).unwrap_or(u32::MAX));
        page.item_bytes = page
            .item_bytes
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        local_state::put_open_page(&mut self.writer, new.deck, &page);
        let added = ordinals
            .iter()
            .map(|ordinal| CardId::of_note(id, *ordinal))
            .collect();
        self.refresh(page.page, &Scope::Cards(added))
    }

    /// Sets fields and makes the cards that are wanted now; `card` is one of the note's.
    fn edit_note(
        &mut self,
        card: CardId,
        note: NoteId,
        fields: &FieldTexts,
        wanted: &[u16],
    ) -> VaultResult<()> {
        let row = self.card_row(card)?;
        let kept = self.cards_alive(note, &row)?;
        let device = self.device();
        let added = self.added(note, &row, wanted);
        let changed = self.edit(row.page, |doc| {
            if !cards::set_note_fields(doc, note, fields)? {
                return Ok(false);
            }
            // An edit of the note keeps its cards against a deletion that has not seen it.
            for card in &kept {
                cards::touch(doc, *card, device)?;
            }
            added.iter().try_for_each(|new| {
                if cards::holds(doc, new.id) {
                    cards::restore(doc, new.id, device)
                } else {
                    cards::add(doc, new, device)
                }
            })?;
            Ok(true)
        })?;
        if !changed {
            return Ok(());
        }
        self.edit_deck(row.deck, |doc, device| deck::touch(doc, device))?;
        self.refresh(row.page, &Scope::Whole)
    }

    /// Makes the cards of a note that its type gives now and that were never made.
    fn make_cards(&mut self, card: CardId, note: &NoteRow) -> VaultResult<()> {
        let row = self.card_row(card)?;
        let types = self.settings.note_types();
        let wanted: Vec<u16> = types
            .get(&note.kind)
            .map(|kind| kind.ordinals(&note.fields))
            .unwrap_or_default();
        let held = self.writer.document(row.page)?;
        let missing: Vec<u16> = wanted
            .into_iter()
            .filter(|ordinal| !cards::holds(held, CardId::of_note(note.id, *ordinal)))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let device = self.device();
        let added = self.added(note.id, &row, &missing);
        self.edit(row.page, |doc| {
            added
                .iter()
                .try_for_each(|new| cards::add(doc, new, device))
        })?;
        let ids = added.iter().map(|new| new.id).collect();
        self.refresh(row.page, &Scope::Cards(ids))
    }

    /// Further cards of a note, with the tags of one that it has.
    fn added(&self, note: NoteId, like: &CardRow, ordinals: &[u16]) -> Vec<cards::NewCard> {
        let tags: BTreeSet<TagId> = like.tags.iter().copied().collect();
        ordinals
            .iter()
            .map(|ordinal| card_of(note, *ordinal, tags.clone(), self.at()))
            .collect()
    }

    /// The cards of a note that are not removed.
    fn cards_alive(&self, note: NoteId, row: &CardRow) -> VaultResult<Vec<CardId>> {
        let types = self.settings.note_types();
        let Some(held) = &row.note else {
            return Ok(Vec::new());
        };
        let mut alive = Vec::new();
        for ordinal in possible(types.get(&held.kind), &held.fields) {
            let card = CardId::of_note(note, ordinal);
            let row: Option<CardRow> = self.writer.read(&key::card(card))?;
            alive.extend(row.filter(CardRow::is_alive).map(|_| card));
        }
        Ok(alive)
    }
}

fn card_of(
    note: NoteId,
    ordinal: u16,
    tags: BTreeSet<TagId>,
    created_at: domain::UnixMs,
) -> cards::NewCard {
    cards::NewCard {
        id: CardId::of_note(note, ordinal),
        front: Vec::new(),
        back: Vec::new(),
        tags,
        created_at,
        note: Some((note, ordinal)),
    }
}

/// The numbers of cards that a note gives; of a type that has not arrived, all that it may.
fn possible(kind: Option<&NoteType>, fields: &FieldTexts) -> impl Iterator<Item = u16> + use<> {
    let ordinals = match kind {
        Some(kind) => kind.ordinals(fields),
        None => (0..=u16::try_from(domain::limit::NOTE_CARDS_MAX).unwrap_or(u16::MAX)).collect(),
    };
    ordinals.into_iter()
}

fn refuse_built_in(name: &str) -> VaultResult<()> {
    if NoteTypes::default().get(name).is_some() {
        return Err(VaultError::Refused(format!(
            "the note type `{name}` is the same in every vault; make one with another name"
        )));
    }
    Ok(())
}

fn check_fields(kind: &NoteType, fields: &FieldTexts) -> VaultResult<()> {
    let unknown = fields.keys().find(|name| !kind.fields.contains(name));
    unknown.map_or(Ok(()), |name| {
        Err(VaultError::Refused(format!(
            "the note type {} has no field `{name}`; its fields are {}",
            kind.name,
            kind.fields.join(", ")
        )))
    })
}

/// The numbers of the cards to make; at least one and not too many.
fn ordinals(kind: &NoteType, fields: &FieldTexts) -> VaultResult<Vec<u16>> {
    let ordinals = kind.ordinals(fields);
    if ordinals.len() > domain::limit::NOTE_CARDS_MAX {
        return Err(VaultError::Limit(format!(
            "the note would give {} cards and may give {}; make several notes of it",
            ordinals.len(),
            domain::limit::NOTE_CARDS_MAX
        )));
    }
    if !ordinals.is_empty() {
        return Ok(ordinals);
    }
    Err(VaultError::Refused(if kind.cloze {
        "the text has no gap; mark what to hide like {{c1::this}} or {{c1::this::a hint}}"
            .to_owned()
    } else {
        format!(
            "no card of the type {} would have something on its front; fill in {}",
            kind.name,
            kind.fields.join(" or ")
        )
    }))
}
