//! Decks within decks: a deck whose name begins with another's and `::` is its subdeck. A name says it all; nothing is
//! stored, so a renamed deck moves with its name.

use std::collections::BTreeMap;

use domain::DeckId;

use crate::index::DeckRow;

/// Stands between the names of a deck and its subdeck.
pub(crate) const SEPARATOR: &str = "::";

/// The decks that are shown, by the parts of their names. Upper and lower case count as one.
#[derive(Debug, Default)]
pub(crate) struct DeckTree {
    ids: BTreeMap<Vec<String>, DeckId>,
    paths: BTreeMap<DeckId, Vec<String>>,
}

impl DeckTree {
    pub(crate) fn of(rows: &[(DeckId, DeckRow)]) -> Self {
        let mut tree = Self::default();
        for (id, deck) in rows.iter().filter(|(_, deck)| deck.visible) {
            let path = path(&deck.name);
            tree.ids.entry(path.clone()).or_insert(*id);
            tree.paths.insert(*id, path);
        }
        tree
    }

    /// A deck and all below it.
    pub(crate) fn with_subdecks(&self, deck: DeckId) -> Vec<DeckId> {
        let Some(own) = self.paths.get(&deck) else {
            return vec![deck];
        };
        let below = |path: &Vec<String>| path.starts_with(own) && path.len() > own.len();
        std::iter::once(deck)
            .chain(
                self.paths
                    .iter()
                    .filter(|(_, path)| below(path))
                    .map(|(id, _)| *id),
            )
            .collect()
    }

    /// The decks above one, the nearest last.
    pub(crate) fn above(&self, deck: DeckId) -> Vec<DeckId> {
        let Some(own) = self.paths.get(&deck) else {
            return Vec::new();
        };
        (1..own.len())
            .filter_map(|len| self.ids.get(own.get(..len)?).copied())
            .collect()
    }
}

/// The parts of a deck's name, for sorting and comparing.
pub(crate) fn path(name: &str) -> Vec<String> {
    name.split(SEPARATOR)
        .map(|part| part.trim().to_lowercase())
        .collect()
}
