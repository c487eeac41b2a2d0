//! Searching: which cards a query chooses, page by page or all of them in an order. A vault that is held for long keeps a
//! table of all cards in memory (`table`) and answers from it; one that is held for a command reads the rows. What a query
//! says and how a card is judged is `domain::search`'s.

mod row;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use domain::search::{Asked, CardAsked, CardFacts, Matcher, Query};
use domain::{CardId, Day, DeckId, UnixMs};

use self::row::RowAsked;
use self::table::Table;
use super::view::{CardPage, CardShown};
use super::{Vault, VaultResult};
use crate::index::{CardRow, DeckRow, ReadRows, key};
use crate::limit;

/// The order of what a search finds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Order {
    /// What decides.
    pub by: SortBy,
    /// The last first.
    pub reverse: bool,
}

/// What the order of cards is decided by; cards that are equal in it stand in the order they were made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SortBy {
    /// The order they were made in on their device.
    #[default]
    Made,
    /// The due day; those without one last.
    Due,
    /// The time they were made at.
    Added,
    /// The box, then the due day.
    Box,
    /// The name of the deck.
    Deck,
    /// The text, upper and lower case as one.
    Text,
}

/// What cards are sorted by; of one search all are of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum SortKey {
    Nothing,
    Numbers(i64, i64),
    Text(String),
}

/// A query made ready for this vault at this moment.
struct Search {
    matcher: Matcher,
    decks: BTreeMap<DeckId, DeckRow>,
    wants_removed: bool,
}

impl Vault {
    /// The cards that a query chooses, in an order.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn search(&self, query: &Query, order: Order) -> VaultResult<Vec<CardId>> {
        let search = self.begin_search(query)?;
        let mut found = Vec::new();
        if self.keeps_table {
            let table = self.true_table(&search, usize::MAX)?;
            for card in table.cards_after(None) {
                if search.chooses(card) {
                    found.push((search.key(card, order.by), card.facts().id));
                }
            }
        } else {
            for entry in self.store.scan(key::CARDS) {
                let (key, bytes) = entry?;
                if let Some(card) = self.row_asked(&search, &key, &bytes)?
                    && search.chooses(&card)
                {
                    found.push((search.key(&card, order.by), card.facts().id));
                }
            }
        }
        found.sort();
        if order.reverse {
            found.reverse();
        }
        Ok(found.into_iter().map(|(_, card)| card).collect())
    }

    /// The cards that a query chooses, in the order they were made.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn cards_matching(&self, query: &Query) -> VaultResult<Vec<CardId>> {
        self.search(query, Order::default())
    }

    /// The cards that a query chooses, in the order they were made, after a place in that order: `count_max` at most, from so
    /// many rows at most that a reading takes no longer than a few milliseconds.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn cards_after(
        &self,
        query: &Query,
        after: Option<CardId>,
        count_max: usize,
    ) -> VaultResult<CardPage> {
        let search = self.begin_search(query)?;
        let mut page = CardPage::default();
        if !self.keeps_table {
            let rows = match after {
                Some(card) => self.store.scan_after(key::CARDS, &key::card(card)),
                None => self.store.scan(key::CARDS),
            };
            for (seen, entry) in rows.enumerate() {
                let (key, bytes) = entry?;
                let Some(card) = self.row_asked(&search, &key, &bytes)? else {
                    continue;
                };
                let id = card.facts().id;
                if search.chooses(&card) {
                    page.cards.push(search.show(self, id, card.row()));
                }
                if page.cards.len() == count_max || seen == limit::CARD_ROWS_PER_PAGE_MAX {
                    page.next = Some(id);
                    break;
                }
            }
            return Ok(page);
        }
        let table = self.true_table(&search, limit::CARD_ROWS_PER_PAGE_MAX)?;
        for card in table.cards_after(after) {
            let id = card.facts().id;
            if search.chooses(card)
                && let Some(row) = self.store.read::<CardRow>(&key::card(id))?
            {
                page.cards.push(search.show(self, id, &row));
            }
            if page.cards.len() == count_max {
                page.next = Some(id);
                return Ok(page);
            }
        }
        // A table that was forgotten meanwhile has not been read up to here again yet.
        page.next = table
            .read_to()
            .max(after.filter(|_| table.read_to().is_some()));
        Ok(page)
    }

    /// Cards as they are shown, in the order named; those that are not there any more are left out.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn cards_of(&self, cards: &[CardId]) -> VaultResult<Vec<CardShown>> {
        let decks: BTreeMap<DeckId, DeckRow> = self.deck_rows()?.into_iter().collect();
        let mut shown = Vec::new();
        for card in cards {
            let row: Option<CardRow> = self.store.read(&key::card(*card))?;
            if let Some(row) = row
                && let Some(deck) = decks.get(&row.deck)
            {
                shown.push(self.show(*card, &row, deck.name.clone()));
            }
        }
        Ok(shown)
    }

    fn begin_search(&self, query: &Query) -> VaultResult<Search> {
        let rows = self.deck_rows()?;
        let decks: Vec<_> = rows
            .iter()
            .map(|(id, row)| (*id, row.name.clone()))
            .collect();
        let tags: Vec<_> = self
            .settings
            .view()
            .tags
            .into_iter()
            .map(|(id, tag)| (id, tag.name))
            .collect();
        let (today, today_from) = self.today_and_its_beginning();
        let asked = Asked {
            today,
            today_from,
            decks: &decks,
            tags: &tags,
        };
        Ok(Search {
            matcher: Matcher::new(query, asked)?,
            decks: rows.into_iter().collect(),
            wants_removed: query.wants_removed(),
        })
    }

    /// The present study day, and when it began where the vault is now.
    fn today_and_its_beginning(&self) -> (Day, UnixMs) {
        let rollover_hour = self.settings.rollover_hour();
        let now = self.now();
        let today = now.day(rollover_hour);
        let from = i64::from(today.0) * 86_400_000 + i64::from(rollover_hour) * 3_600_000
            - i64::from(now.offset.0) * 60_000;
        (today, UnixMs(from))
    }

    /// The table with everything that was written since, and with so many further rows at most.
    fn true_table(&self, search: &Search, rows_max: usize) -> VaultResult<MutexGuard<'_, Table>> {
        // Whoever panicked over it had only read rows or put whole ones into it.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.follow(&self.store)?;
        table.read_on(&self.store, rows_max)?;
        if search.matcher.asks_for_answers() {
            table.know_answers(&self.store)?;
        }
        Ok(table)
    }

    /// A card as its row tells of it; none when the key is no card's.
    fn row_asked(
        &self,
        search: &Search,
        key: &[u8],
        bytes: &[u8],
    ) -> VaultResult<Option<RowAsked>> {
        let Some(card) = key::last16(key).map(CardId::from_bytes) else {
            return Ok(None);
        };
        let row: CardRow =
            crate::index::row::decode(bytes).map_err(|_| crate::index::damaged(key))?;
        let answers =
            if search.matcher.asks_for_answers() && search.looks_at(&row::facts(card, &row)) {
                row::answers(&self.store, card)?
            } else {
                Box::default()
            };
        Ok(Some(RowAsked::new(card, row, answers)))
    }
}

impl Search {
    /// Whether a card is looked at: shown, or removed and asked for as such.
    fn looks_at(&self, facts: &CardFacts) -> bool {
        self.decks.get(&facts.deck).is_some_and(|deck| {
            if facts.removed {
                self.wants_removed
            } else {
                deck.visible
            }
        })
    }

    fn chooses(&self, card: &impl CardAsked) -> bool {
        self.looks_at(card.facts()) && self.matcher.matches(card)
    }

    fn show(&self, vault: &Vault, card: CardId, row: &CardRow) -> CardShown {
        let deck = self.decks.get(&row.deck);
        vault.show(
            card,
            row,
            deck.map(|deck| deck.name.clone()).unwrap_or_default(),
        )
    }

    fn key(&self, card: &impl CardAsked, by: SortBy) -> SortKey {
        let facts = card.facts();
        let due = facts.due.map_or(i64::MAX, |due| i64::from(due.0));
        match by {
            SortBy::Made => SortKey::Nothing,
            SortBy::Due => SortKey::Numbers(due, 0),
            SortBy::Added => SortKey::Numbers(facts.created.0, 0),
            SortBy::Box => SortKey::Numbers(i64::from(facts.box_number), due),
            SortBy::Deck => {
                let name = self
                    .decks
                    .get(&facts.deck)
                    .map(|deck| deck.name.to_lowercase());
                SortKey::Text(name.unwrap_or_default())
            }
            SortBy::Text => SortKey::Text(card.text().sort_key().to_owned()),
        }
    }
}
