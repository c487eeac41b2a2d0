//! Turns rows of the index into what is shown: a card with its items, tags by name, state, conflicts.

use domain::document::conflict::{Conflict, Place};
use domain::search::Query;
use domain::{CardId, Day, DeckId, Item};

use super::view::{CardShown, ConflictShown, ItemShown};
use super::{Vault, VaultResult, lookup};
use crate::index::row::NoteRow;
use crate::index::{CardRow, DeckRow, ReadRows, key};
use crate::limit;

impl Vault {
    /// One card, also a removed one.
    ///
    /// # Errors
    /// There is no such card.
    pub fn card(&self, card: CardId) -> VaultResult<CardShown> {
        let row: Option<CardRow> = self.store.read(&key::card(card))?;
        let row = row.ok_or_else(|| lookup::no_card(&card.to_string()))?;
        let deck: Option<DeckRow> = self.store.read(&key::deck(row.deck))?;
        Ok(self.show(card, &row, deck.map(|deck| deck.name).unwrap_or_default()))
    }

    /// Hands the cards that a query chooses to `each`, in the order they were made, until it answers `false`.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn cards(&self, query: &Query, each: &mut dyn FnMut(CardShown) -> bool) -> VaultResult<()> {
        let mut next = Some(None);
        while let Some(after) = next {
            let page = self.cards_after(query, after, limit::CARD_ROWS_PER_PAGE_MAX)?;
            if !page.cards.into_iter().all(&mut *each) {
                break;
            }
            next = page.next.map(Some);
        }
        Ok(())
    }

    /// A card's row as it is shown.
    pub(crate) fn show(&self, id: CardId, row: &CardRow, deck_name: String) -> CardShown {
        let mut tags: Vec<String> = row
            .tags
            .iter()
            .map(|tag| self.settings.tag_name(*tag))
            .collect();
        tags.sort();
        CardShown {
            id,
            deck: row.deck,
            deck_name,
            front: show_side(&row.front),
            back: show_side(&row.back),
            tags,
            box_number: row.state.box_number,
            due_day: row.state.due().as_ref().map(Day::to_string),
            new: row.is_new(),
            retired: row.state.retired,
            due_by_hand: row.state.due_by_hand,
            ease_factor: f64::from(row.state.ease_percent) / 100.0,
            interval_days: row.state.to_state().interval_days(),
            stability_days: row.state.memory.map(|memory| memory.stability),
            difficulty: row.state.memory.map(|memory| memory.difficulty),
            buried: row.state.to_state().is_buried(self.today()),
            flag: row.flag,
            reviews: row.state.reviews,
            lapses: row.state.lapses,
            last_reviewed_ms: row.state.last_reviewed_ms,
            suspended: row.suspended,
            removed: !row.visible,
            created_at_ms: row.created_ms,
            conflicts: row
                .conflicts
                .iter()
                .map(|conflict| show_conflict(&conflict.of_card(id), row.deck, row.note.as_ref()))
                .collect(),
            note: row.note.as_ref().map(|note| note.id),
            note_type: row.note.as_ref().map(|note| note.kind.clone()),
            typed: row.note.as_ref().and_then(|note| note.typed.clone()),
        }
    }
}

/// A conflict as it is shown.
pub(crate) fn show_conflict(
    conflict: &Conflict,
    deck: DeckId,
    note: Option<&NoteRow>,
) -> ConflictShown {
    let words = |item: &Item| match item {
        Item::Unknown(raw) => raw.clone(),
        item => item.words().unwrap_or_default().to_owned(),
    };
    ConflictShown {
        id: conflict.id.to_string(),
        card: conflict.place.card(),
        deck,
        place: match conflict.place {
            Place::DeckName(_) => "name".to_owned(),
            Place::DeckDescription(_) => "description".to_owned(),
            Place::Field { index, .. } => {
                let name = note.and_then(|note| note.fields.keys().nth(index));
                format!("field {}", name.map_or("?", String::as_str))
            }
            Place::Item { side, index, .. } => format!("{} item {}", side.name(), index + 1),
        },
        values: conflict.values.iter().map(words).collect(),
    }
}

/// A side as it is shown: a text of a note that says nothing is left out.
fn show_side(stored: &[String]) -> Vec<ItemShown> {
    let is_empty = |item: &ItemShown| matches!(item, ItemShown::Text { text } if text.is_empty());
    stored
        .iter()
        .map(|stored| show_item(stored))
        .filter(|item| !is_empty(item))
        .collect()
}

/// An item as it is shown.
pub(crate) fn show_item(stored: &str) -> ItemShown {
    match Item::parse(stored) {
        Item::Text(item) => ItemShown::Text { text: item.text },
        Item::Image(item) => ItemShown::Image {
            blob: item.blob,
            mime: item.mime,
            bytes: item.bytes,
            width_px: item.width_px,
            height_px: item.height_px,
            alt: item.alt.unwrap_or_default(),
        },
        Item::Audio(item) => ItemShown::Audio {
            blob: item.blob,
            mime: item.mime,
            bytes: item.bytes,
            duration_ms: item.duration_ms,
            alt: item.alt,
        },
        Item::Unknown(raw) => ItemShown::Unknown { raw },
    }
}
