//! Many cards changed at once: one change of each page's document for some hundred cards, so that a change of ten thousand
//! cards is a few dozen commits. Used by bulk edits and by undo.

use std::collections::{BTreeMap, BTreeSet};

use automerge::transaction::Transaction;
use domain::document::conflict::Side;
use domain::document::{EditError, cards, deck};
use domain::note::{FieldTexts, NoteTypes};
use domain::{CardId, DeckId, DeviceId, DocId, Item, NoteId, TagId, TextItem};
use serde::Serialize;

use super::Query;
use super::refresh::Scope;
use super::write::Tx;
use super::{Vault, VaultError, VaultResult};
use crate::index::{CardRow, DeckRow, ReadRows, key};
use crate::limit;

/// What to change of a card. What is none or empty stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct CardPatch {
    pub(crate) front: Option<Vec<Item>>,
    pub(crate) back: Option<Vec<Item>>,
    pub(crate) tag: Vec<TagId>,
    pub(crate) untag: Vec<TagId>,
    pub(crate) suspended: Option<bool>,
    pub(crate) flag: Option<u8>,
    pub(crate) deck: Option<DeckId>,
    pub(crate) visible: Option<bool>,
    /// Fields of its note.
    pub(crate) fields: FieldTexts,
}

/// Find and replace in the texts of cards, as typed: no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replace {
    /// What to find; upper and lower case count.
    pub find: String,
    /// What to put in its place.
    pub with: String,
}

/// What to change of all cards that a query chooses.
#[derive(Debug, Clone, Default)]
pub struct BulkEdit {
    /// Find and replace.
    pub replace: Option<Replace>,
    /// Names of tags to add.
    pub tags: Vec<String>,
    /// Names of tags to take away.
    pub untag: Vec<String>,
    /// Whether to keep them out of study.
    pub suspended: Option<bool>,
    /// The coloured mark, 1 to 7; 0 for none.
    pub flag: Option<u8>,
    /// The deck to move them to.
    pub deck: Option<DeckId>,
    /// Remove them.
    pub remove: bool,
}

/// What a bulk edit did or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BulkReport {
    /// Cards that the query chooses.
    pub chosen: u64,
    /// Cards that were changed, or would be.
    pub changed: u64,
    /// Whether the change was made (a dry run makes none).
    pub applied: bool,
}

impl CardPatch {
    pub(crate) fn visibility(visible: bool) -> Self {
        Self {
            visible: Some(visible),
            ..Self::default()
        }
    }

    fn apply(
        &self,
        doc: &mut Transaction<'_>,
        card: CardId,
        note: Option<(NoteId, IsAlive)>,
        device: DeviceId,
    ) -> Result<(), EditError> {
        if let Some((note, is_alive)) = note.filter(|_| !self.fields.is_empty()) {
            cards::set_note_fields(doc, note, &self.fields)?;
            // Siblings that are patched, too, find the fields set already; they are as wanted as this one. A card that was
            // removed stays removed.
            if is_alive {
                cards::touch(doc, card, device)?;
            }
        }
        if self.visible == Some(true) {
            cards::restore(doc, card, device)?;
        }
        for (side, items) in [(Side::Front, &self.front), (Side::Back, &self.back)] {
            if let Some(items) = items {
                cards::set_side_items(doc, card, side, items, device)?;
            }
        }
        for tag in &self.tag {
            cards::tag(doc, card, *tag, device)?;
        }
        for tag in &self.untag {
            cards::untag(doc, card, *tag, device)?;
        }
        if let Some(suspended) = self.suspended {
            cards::set_suspended(doc, card, suspended, device)?;
        }
        if let Some(flag) = self.flag {
            cards::set_flag(doc, card, flag, device)?;
        }
        if let Some(deck) = self.deck {
            cards::move_to(doc, card, deck, device)?;
        }
        if self.visible == Some(false) {
            cards::remove(doc, card)?;
        }
        Ok(())
    }
}

impl Vault {
    /// Changes all cards that a query chooses, as one step that can be taken back; with `apply` false only tells what it
    /// would do.
    ///
    /// # Errors
    /// The deck to move to is unknown, a flag is out of range, nothing was named, or a text grows too long: then no card of
    /// the present few hundred is changed.
    pub fn bulk_edit(
        &mut self,
        query: &Query,
        edit: &BulkEdit,
        apply: bool,
    ) -> VaultResult<BulkReport> {
        self.check_bulk(edit)?;
        let chosen = self.cards_matching(query)?;
        let mut report = BulkReport {
            chosen: u64::try_from(chosen.len()).unwrap_or(u64::MAX),
            applied: apply,
            ..BulkReport::default()
        };
        let tags = |names: &[String]| names.iter().map(|name| TagId::from_name(name)).collect();
        let (tag, untag): (Vec<TagId>, Vec<TagId>) = (tags(&edit.tags), tags(&edit.untag));
        let types = self.settings().note_types();
        let mut patches = Vec::new();
        for card in chosen {
            let Some(row) = self.store.read::<CardRow>(&key::card(card))? else {
                continue;
            };
            if let Some(patch) = patch(&row, edit, &types, [&tag, &untag])? {
                patches.push((card, row.page, patch));
            }
        }
        report.changed = u64::try_from(patches.len()).unwrap_or(u64::MAX);
        if !apply || patches.is_empty() {
            return Ok(report);
        }
        // Cards of one page together: one change for them all.
        patches.sort_by_key(|(card, page, _)| (*page, *card));
        let words = bulk_words(edit, report.changed);
        self.as_one_step(&words, |vault| {
            for (number, some) in patches.chunks(limit::CARDS_PER_CHANGE_MAX).enumerate() {
                let some: Vec<(CardId, CardPatch)> = some
                    .iter()
                    .map(|(card, _, patch)| (*card, patch.clone()))
                    .collect();
                vault.step("", |tx| {
                    tx.tags(&edit.tags)?;
                    tx.patch_cards(&some)
                })?;
                let done = number * limit::CARDS_PER_CHANGE_MAX + some.len();
                vault.tell_progress("Changing cards", done, patches.len());
            }
            Ok(())
        })?;
        Ok(report)
    }

    fn check_bulk(&self, edit: &BulkEdit) -> VaultResult<()> {
        if edit
            .replace
            .as_ref()
            .is_some_and(|replace| replace.find.is_empty())
        {
            return Err(VaultError::Refused("there is nothing to find".to_owned()));
        }
        if let Some(deck) = edit.deck {
            self.check_takes_cards(deck)?;
        }
        super::cards::check_flag(edit.flag)
    }
}

fn bulk_words(edit: &BulkEdit, cards: u64) -> String {
    let cards = if cards == 1 {
        "1 card".to_owned()
    } else {
        format!("{cards} cards")
    };
    match edit {
        BulkEdit { remove: true, .. } => format!("removed {cards}"),
        BulkEdit {
            replace: Some(replace),
            ..
        } => format!(
            "replaced \"{}\" by \"{}\" in {cards}",
            replace.find, replace.with
        ),
        BulkEdit { deck: Some(_), .. } => format!("moved {cards}"),
        BulkEdit { tags, untag, .. } if !tags.is_empty() || !untag.is_empty() => {
            format!("changed the tags of {cards}")
        }
        _ => format!("changed {cards}"),
    }
}

/// What an edit changes of one card; none when nothing.
fn patch(
    row: &CardRow,
    edit: &BulkEdit,
    types: &NoteTypes,
    [tag, untag]: [&[TagId]; 2],
) -> VaultResult<Option<CardPatch>> {
    let [front, back] = Side::ALL.map(|side| {
        let replace = edit.replace.as_ref()?;
        replaced(row.own_items(side), replace)
    });
    let mut fields = FieldTexts::new();
    let mut is_left = !front.as_ref().is_some_and(|items| is_blank(items));
    if let (Some(note), Some(Replace { find, with })) = (&row.note, &edit.replace) {
        let changed = note.fields.iter().filter(|(_, text)| text.contains(find));
        fields.extend(changed.map(|(name, text)| (name.clone(), text.replace(find, with))));
        let mut all = note.fields.clone();
        all.extend(fields.clone());
        is_left = fields.is_empty() || types.render(&note.kind, &all, note.ordinal).is_some();
    }
    if !is_left {
        return Err(VaultError::Refused(format!(
            "a card needs something on its front, and nothing would be left of {:?}; choose the cards more narrowly",
            row.first_words()
        )));
    }
    let patch = CardPatch {
        front,
        back,
        tag: tag
            .iter()
            .filter(|tag| !row.tags.contains(tag))
            .copied()
            .collect(),
        untag: untag
            .iter()
            .filter(|tag| row.tags.contains(tag))
            .copied()
            .collect(),
        suspended: edit
            .suspended
            .filter(|suspended| *suspended != row.suspended),
        flag: edit.flag.filter(|flag| *flag != row.flag),
        deck: edit.deck.filter(|deck| *deck != row.deck),
        visible: (edit.remove && row.visible).then_some(false),
        fields,
    };
    Ok((patch != CardPatch::default()).then_some(patch))
}

fn is_blank(items: &[Item]) -> bool {
    items
        .iter()
        .all(|item| matches!(item, Item::Text(text) if text.text.trim().is_empty()))
}

fn replaced(side: &[String], replace: &Replace) -> Option<Vec<Item>> {
    let items: Vec<Item> = side.iter().map(|stored| Item::parse(stored)).collect();
    let after: Vec<Item> = items
        .iter()
        .map(|item| match item {
            Item::Text(text) => Item::Text(TextItem {
                text: text.text.replace(&replace.find, &replace.with),
                ..text.clone()
            }),
            other => other.clone(),
        })
        .collect();
    (after != items).then_some(after)
}

/// A card's patch, and its note.
type Patched<'p> = (&'p (CardId, CardPatch), Option<(NoteId, IsAlive)>);
/// Whether the card itself is not removed.
type IsAlive = bool;

impl Tx<'_> {
    /// Changes cards, those of one page in one change; answers how many there were.
    pub(crate) fn patch_cards(&mut self, patches: &[(CardId, CardPatch)]) -> VaultResult<u64> {
        let mut by_page: BTreeMap<DocId, Vec<Patched<'_>>> = BTreeMap::new();
        let mut decks = BTreeSet::new();
        let mut scopes: BTreeMap<DocId, Scope> = BTreeMap::new();
        for patch in patches {
            let row = self.card_row(patch.0)?;
            decks.insert(row.deck);
            decks.extend(patch.1.deck);
            let note = row.note.as_ref().map(|note| (note.id, note.alive));
            by_page.entry(row.page).or_default().push((patch, note));
            let scope = scopes
                .entry(row.page)
                .or_insert_with(|| Scope::Cards(BTreeSet::new()));
            match scope {
                // A field is on every card of its note.
                scope if !patch.1.fields.is_empty() => *scope = Scope::Whole,
                Scope::Cards(touched) => {
                    touched.insert(patch.0);
                }
                _ => {}
            }
        }
        let device = self.device();
        for (page, patches) in by_page {
            self.edit(page, |doc| {
                patches
                    .iter()
                    .try_for_each(|((card, patch), note)| patch.apply(doc, *card, *note, device))
            })?;
            self.refresh(page, &scopes.remove(&page).unwrap_or_default())?;
        }
        // A removal alone keeps no deck alive, and a deck that was removed does not come back by its cards.
        let keeps = patches
            .iter()
            .any(|(_, patch)| patch.visible != Some(false));
        for deck in decks.into_iter().filter(|_| keeps) {
            let row: Option<DeckRow> = self.writer.read(&key::deck(deck))?;
            if row.is_some_and(|row| row.visible) {
                self.edit_deck(deck, |doc, device| deck::touch(doc, device))?;
            }
        }
        Ok(u64::try_from(patches.len()).unwrap_or(u64::MAX))
    }
}
