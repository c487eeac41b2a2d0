//! Decks: made, listed, renamed, removed, restored.

use domain::document::deck;
use domain::{DeckId, UnixMs};

use super::view::{DeckCounts, DeckSummary};
use super::write::Tx;
use super::{Vault, VaultError, VaultResult, lookup};
use crate::deck_tree;
use crate::index::row::SumRow;
use crate::index::{DeckRow, ReadRows, key};

impl Vault {
    /// Makes a deck.
    ///
    /// # Errors
    /// The name is empty, too long, or a shown deck has it already.
    pub fn deck_add(&mut self, name: &str) -> VaultResult<DeckId> {
        let name = name.trim();
        self.check_free(name, None)?;
        self.step(&format!("added the deck {name}"), |tx| tx.deck_add(name))
    }

    /// The decks that are shown, by name.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn decks(&self) -> VaultResult<Vec<DeckSummary>> {
        self.deck_summaries(true)
    }

    /// The decks that were removed, by name.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn decks_removed(&self) -> VaultResult<Vec<DeckSummary>> {
        self.deck_summaries(false)
    }

    /// Gives a deck another name.
    ///
    /// # Errors
    /// The name is empty, too long, or another shown deck has it already; or there is no such deck.
    pub fn deck_rename(&mut self, deck: DeckId, name: &str) -> VaultResult<()> {
        let name = name.trim();
        self.check_free(name, Some(deck))?;
        let words = format!("renamed the deck {} to {name}", self.deck_name(deck)?);
        self.step(&words, |tx| {
            tx.edit_deck(deck, |doc, device| deck::rename(doc, name, device))
        })
    }

    /// Removes a deck with its cards. An edit that another device makes meanwhile brings it back; `deck_restore` does too.
    ///
    /// # Errors
    /// There is no such deck.
    pub fn deck_remove(&mut self, deck: DeckId) -> VaultResult<()> {
        let words = format!("removed the deck {}", self.deck_name(deck)?);
        self.step(&words, |tx| tx.edit_deck(deck, |doc, _| deck::remove(doc)))
    }

    /// Brings a removed deck back.
    ///
    /// # Errors
    /// There is no such deck.
    pub fn deck_restore(&mut self, deck: DeckId) -> VaultResult<()> {
        let words = format!("restored the deck {}", self.deck_name(deck)?);
        self.step(&words, |tx| {
            tx.edit_deck(deck, |doc, device| deck::restore(doc, device))
        })
    }

    /// A deck's name.
    pub(crate) fn deck_name(&self, deck: DeckId) -> VaultResult<String> {
        let row: Option<DeckRow> = self.store.read(&key::deck(deck))?;
        row.map(|row| row.name)
            .ok_or_else(|| lookup::no_deck(&deck.to_string()))
    }

    /// All rows of decks, removed ones included.
    pub(crate) fn deck_rows(&self) -> VaultResult<Vec<(DeckId, DeckRow)>> {
        let mut decks = Vec::new();
        for entry in self.store.scan(key::DECKS) {
            let (key, bytes) = entry?;
            let Some(deck) = key::last16(&key).map(DeckId::from_bytes) else {
                continue;
            };
            decks.push((
                deck,
                crate::index::row::decode(&bytes).map_err(|_| crate::index::damaged(&key))?,
            ));
        }
        Ok(decks)
    }

    /// Cards of a deck with a due day that has come.
    pub(crate) fn due_count(&self, deck: DeckId) -> VaultResult<u64> {
        let today = self.today();
        let mut due = 0;
        for entry in self.store.scan(&key::due_of(deck, key::CLASS_DUE)) {
            let (key, _) = entry?;
            due += u64::from(key::read_due(&key).is_some_and(|(day, _)| day <= today));
        }
        Ok(due)
    }

    fn deck_summaries(&self, visible: bool) -> VaultResult<Vec<DeckSummary>> {
        let mut decks = Vec::new();
        for (id, deck) in self
            .deck_rows()?
            .into_iter()
            .filter(|(_, deck)| deck.visible == visible)
        {
            let sum: SumRow = self.store.read(&key::sum(id))?.unwrap_or_default();
            decks.push(DeckSummary {
                id,
                name: deck.name,
                description: deck.description,
                created_at_ms: deck.created_ms,
                removed: !deck.visible,
                cards: sum.cards,
                new: sum.new,
                due: self.due_count(id)?,
                with_subdecks: DeckCounts::default(),
                conflicts: u64::try_from(deck.conflicts.len()).unwrap_or(u64::MAX),
            });
        }
        // By the parts of their names, so that subdecks follow their deck.
        decks.sort_by_cached_key(|deck| (deck_tree::path(&deck.name), deck.id));
        let paths: Vec<Vec<String>> = decks
            .iter()
            .map(|deck| deck_tree::path(&deck.name))
            .collect();
        let own: Vec<[u64; 3]> = decks
            .iter()
            .map(|deck| [deck.cards, deck.new, deck.due])
            .collect();
        for (at, deck) in decks.iter_mut().enumerate() {
            let counts = paths.iter().zip(&own).enumerate();
            let below = counts.filter(|(other, (path, _))| {
                *other == at
                    || paths
                        .get(at)
                        .is_some_and(|own| path.len() > own.len() && path.starts_with(own))
            });
            for (_, (_, [cards, new, due])) in below {
                deck.with_subdecks.cards += cards;
                deck.with_subdecks.new += new;
                deck.with_subdecks.due += due;
            }
        }
        Ok(decks)
    }

    fn check_free(&self, name: &str, except: Option<DeckId>) -> VaultResult<()> {
        let taken = self.deck_rows()?.into_iter().find(|(id, deck)| {
            deck.visible && Some(*id) != except && deck.name.to_lowercase() == name.to_lowercase()
        });
        match taken {
            None => Ok(()),
            Some((id, deck)) => Err(VaultError::Refused(format!(
                "there is already a deck `{}` ({id}); add to it, or choose another name",
                deck.name
            ))),
        }
    }
}

impl Tx<'_> {
    /// Makes a deck.
    pub(crate) fn deck_add(&mut self, name: &str) -> VaultResult<DeckId> {
        let document = self.doc_id()?;
        let (device, at): (_, UnixMs) = (self.device(), self.at());
        self.edit(document, |doc| deck::create(doc, name, at, device))?;
        self.refresh_deck(document)?;
        Ok(DeckId::from(document))
    }

    /// Edits a deck that is known and brings its row up to date.
    pub(crate) fn edit_deck(
        &mut self,
        deck: DeckId,
        edit: impl FnOnce(
            &mut automerge::transaction::Transaction<'_>,
            domain::DeviceId,
        ) -> Result<(), domain::document::EditError>,
    ) -> VaultResult<()> {
        if self.writer.read::<DeckRow>(&key::deck(deck))?.is_none() {
            return Err(lookup::no_deck(&deck.to_string()));
        }
        let device = self.device();
        self.edit(deck.document(), |doc| edit(doc, device))?;
        self.refresh_deck(deck.document())
    }
}
