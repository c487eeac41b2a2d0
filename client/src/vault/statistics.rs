//! Statistics of the vault: hands every card's events to the sum that `domain::statistics` makes of them. Charts are drawn by
//! `chart`, words for a terminal by the command line.

use std::collections::BTreeSet;

use domain::statistics::{Gatherer, Span, Statistics};
use domain::{CardId, DeckId};

use super::{Vault, VaultResult};
use crate::deck_tree::DeckTree;
use crate::index::{CardRow, damaged, key, read_events, row};

impl Vault {
    /// Statistics of the cards that are shown, of these decks and their subdecks or, where none is named, of all; they look back `days` days,
    /// today included.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn statistics(&self, decks: &[DeckId], days: u32) -> VaultResult<Statistics> {
        let rows = self.deck_rows()?;
        let tree = DeckTree::of(&rows);
        let chosen: BTreeSet<DeckId> = decks
            .iter()
            .flat_map(|deck| tree.with_subdecks(*deck))
            .collect();
        let visible: BTreeSet<DeckId> = rows
            .iter()
            .filter(|(id, deck)| deck.visible && (decks.is_empty() || chosen.contains(id)))
            .map(|(id, _)| *id)
            .collect();
        let rules = self.settings.rules();
        let mut gatherer = Gatherer::new(Span::new(self.today(), days));
        for entry in self.store.scan(key::CARDS) {
            let (key, bytes) = entry?;
            let Some(id) = key::last16(&key).map(CardId::from_bytes) else {
                continue;
            };
            let card: CardRow = row::decode(&bytes).map_err(|_| damaged(&key))?;
            if !card.visible || !visible.contains(&card.deck) {
                continue;
            }
            let events = match card.events {
                0 => BTreeSet::new(),
                _ => read_events(&self.store, id)?,
            };
            gatherer.add(&events, &rules, card.deck, card.suspended);
        }
        Ok(gatherer.finish(|device| self.settings.device_name(device)))
    }
}
