//! Cards that ask the same as another one: by the hash of what they ask, which the index keeps.

use std::collections::{BTreeMap, BTreeSet};

use domain::{CardId, DeckId};

use super::view::CardShown;
use super::{Vault, VaultResult};
use crate::index::{CardRow, ReadRows, key};

impl Vault {
    /// Cards that ask the same as another one, those of one question together.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn duplicates(&self) -> VaultResult<Vec<Vec<CardShown>>> {
        let mut same: BTreeMap<Vec<u8>, Vec<CardId>> = BTreeMap::new();
        for entry in self.store.scan(key::QUESTIONS) {
            let (key, _) = entry?;
            if let Some((card, asked)) = key::last16(&key).zip(key.get(..key.len() - 16)) {
                let asked = same.entry(asked.to_vec()).or_default();
                asked.push(CardId::from_bytes(card));
            }
        }
        let several = same.into_values().filter(|cards| cards.len() > 1);
        let mut found = Vec::new();
        for cards in several {
            let cards = self.shown(&cards)?;
            if cards.len() > 1 {
                found.push(cards);
            }
        }
        Ok(found)
    }

    /// Cards that ask the same as this one.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn duplicates_of(&self, card: CardId) -> VaultResult<Vec<CardShown>> {
        let row: Option<CardRow> = self.store.read(&key::card(card))?;
        let Some(asked) = row.and_then(|row| row.question()) else {
            return Ok(Vec::new());
        };
        let mut cards = Vec::new();
        for entry in self.store.scan(&key::question(asked)) {
            let (key, _) = entry?;
            cards.extend(key::last16(&key).map(CardId::from_bytes));
        }
        cards.retain(|other| *other != card);
        self.shown(&cards)
    }

    /// Cards of decks that are not removed.
    fn shown(&self, cards: &[CardId]) -> VaultResult<Vec<CardShown>> {
        let decks: BTreeSet<DeckId> = self
            .deck_rows()?
            .into_iter()
            .filter_map(|(id, deck)| deck.visible.then_some(id))
            .collect();
        let mut shown = self.cards_of(cards)?;
        shown.retain(|card| decks.contains(&card.deck));
        Ok(shown)
    }
}
