//! Texts that two devices changed without knowing of each other: listed, and settled by picking one or writing a joined one.

use std::collections::BTreeSet;

use domain::document::conflict::{Conflict, Place};
use domain::document::{cards, deck};
use domain::{CardId, DeckId, Item};

use super::refresh::Scope;
use super::show::show_conflict;
use super::view::ConflictShown;
use super::{Vault, VaultError, VaultResult};
use crate::index::row::{ConflictsRow, NoteRow};
use crate::index::{CardRow, DeckRow, ReadRows, damaged, key};

/// A conflict that waits.
struct Open {
    deck: DeckId,
    conflict: Conflict,
    /// The note of its card.
    note: Option<NoteRow>,
}

impl Vault {
    /// The texts that wait for a choice.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn conflicts(&self) -> VaultResult<Vec<ConflictShown>> {
        Ok(self
            .open_conflicts()?
            .iter()
            .map(|open| show_conflict(&open.conflict, open.deck, open.note.as_ref()))
            .collect())
    }

    /// Settles a conflict with one of its texts, counted from 0.
    ///
    /// # Errors
    /// There is no such conflict, or it has no such text.
    pub fn conflict_pick(&mut self, id: &str, value: usize) -> VaultResult<()> {
        let Open { deck, conflict, .. } = self.find_conflict(id)?;
        let keep = conflict.values.get(value).cloned().ok_or_else(|| {
            VaultError::Refused(format!(
                "conflict {} has {} texts; pick 1 to {0}",
                conflict.id,
                conflict.values.len()
            ))
        })?;
        self.settle_conflict(deck, conflict.place, &keep)
    }

    /// Settles a conflict with a text that joins what is worth keeping.
    ///
    /// # Errors
    /// There is no such conflict, or the text is too long.
    pub fn conflict_join(&mut self, id: &str, text: &str) -> VaultResult<()> {
        let Open { deck, conflict, .. } = self.find_conflict(id)?;
        let keep = match conflict.values.first().cloned() {
            Some(Item::Image(image)) => Item::Image(domain::ImageItem {
                alt: Some(text.to_owned()),
                ..image
            }),
            Some(Item::Audio(audio)) => Item::Audio(domain::AudioItem {
                alt: Some(text.to_owned()),
                ..audio
            }),
            Some(Item::Text(item)) => Item::Text(domain::TextItem {
                text: text.to_owned(),
                ..item
            }),
            Some(Item::Unknown(_)) | None => Item::text(text),
        };
        self.settle_conflict(deck, conflict.place, &keep)
    }

    fn open_conflicts(&self) -> VaultResult<Vec<Open>> {
        let mut found = Vec::new();
        for entry in self.store.scan(key::CONFLICTS) {
            let (key, bytes) = entry?;
            let place = key::last16(&key).ok_or_else(|| damaged(&key))?;
            let row: ConflictsRow = crate::index::row::decode(&bytes).map_err(|_| damaged(&key))?;
            if row.of_deck {
                let id = DeckId::from_bytes(place);
                let deck: Option<DeckRow> = self.store.read(&key::deck(id))?;
                let conflicts = deck
                    .filter(|deck| deck.visible)
                    .map(|deck| deck.conflicts)
                    .unwrap_or_default();
                found.extend(conflicts.iter().map(|conflict| Open {
                    deck: id,
                    conflict: conflict.of_deck(id),
                    note: None,
                }));
            } else {
                let id = CardId::from_bytes(place);
                let Some(card): Option<CardRow> = self.store.read(&key::card(id))? else {
                    continue;
                };
                let deck: Option<DeckRow> = self.store.read(&key::deck(card.deck))?;
                if deck.is_some_and(|deck| deck.visible) {
                    found.extend(card.conflicts.iter().map(|conflict| Open {
                        deck: card.deck,
                        conflict: conflict.of_card(id),
                        note: card.note.clone(),
                    }));
                }
            }
        }
        Ok(found)
    }

    fn find_conflict(&self, wanted: &str) -> VaultResult<Open> {
        let wanted = wanted.trim().to_lowercase();
        let found = self
            .open_conflicts()?
            .into_iter()
            .find(|open| open.conflict.id.to_string() == wanted);
        found.ok_or(VaultError::NotFound {
            what: "conflict",
            wanted,
            list: "memoryvault conflicts list",
        })
    }

    fn settle_conflict(&mut self, deck: DeckId, place: Place, keep: &Item) -> VaultResult<()> {
        self.step("settled a conflict", |tx| {
            let device = tx.device();
            match place.card() {
                Some(card) => {
                    let row = tx.card_row(card)?;
                    tx.edit(row.page, |doc| cards::resolve(doc, place, keep, device))?;
                    let scope = match place {
                        Place::Field { .. } => Scope::Whole,
                        _ => Scope::Cards(BTreeSet::from([card])),
                    };
                    tx.refresh(row.page, &scope)
                }
                None => tx.edit_deck(deck, |doc, device| deck::resolve(doc, place, keep, device)),
            }
        })
    }
}
