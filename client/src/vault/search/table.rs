//! All cards in memory, as a search asks of them: what makes a search of 100 000 cards take milliseconds. It is read from
//! the index little by little, as searches come to it, and kept true by being told which rows a write touches; those are
//! read again before the next search. It is told before the write is made: a row that is read again for nothing costs
//! little, one that changed unnoticed would be a wrong answer.
//!
//! Names of decks and tags are not in it. They are read anew for every search.

use std::collections::{BTreeMap, BTreeSet};

use domain::search::{Answered, CardAsked, CardFacts, CardText};
use domain::{CardId, TagId};
use storage::{VaultStore, Writer};

use super::row;
use crate::index::row::{decode, decode_events};
use crate::index::{CardRow, ReadRows, damaged, key};
use crate::vault::VaultResult;

/// All cards in memory, or those up to one.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// By id.
    cards: Vec<Card>,
    /// The last row of the index was reached.
    complete: bool,
    /// Answers of all cards in it are known.
    knows_answers: bool,
    /// Cards in its reach that were written since they were read.
    stale: BTreeSet<CardId>,
}

/// A card as it was read.
#[derive(Debug)]
pub(super) struct Card {
    facts: CardFacts,
    tags: Box<[TagId]>,
    text: CardText,
    answers: Box<[Answered]>,
}

impl CardAsked for Card {
    fn facts(&self) -> &CardFacts {
        &self.facts
    }

    fn tags(&self) -> &[TagId] {
        &self.tags
    }

    fn text(&self) -> &CardText {
        &self.text
    }

    fn answers(&self) -> &[Answered] {
        &self.answers
    }
}

impl Card {
    fn new(card: CardId, row: &CardRow, answers: Box<[Answered]>) -> Self {
        Self {
            facts: row::facts(card, row),
            tags: row.tags.as_slice().into(),
            text: row::text(row),
            answers,
        }
    }
}

impl Table {
    /// Forgets everything; the next search reads again.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes note of the cards that a write is about to change.
    pub(crate) fn note(&mut self, writer: &Writer<'_>) {
        if self.cards.is_empty() && !self.complete {
            return;
        }
        let touched = writer
            .touched(key::CARDS)
            .chain(writer.touched(key::EVENTS));
        let reach = self.read_to();
        self.stale.extend(
            touched
                .filter_map(card_of)
                .filter(|card| reach.is_none_or(|reach| *card <= reach)),
        );
        // Reading so many one by one takes longer than reading all in a row.
        if self.stale.len() > self.cards.len() / 4 + STALE_ALWAYS {
            self.forget();
        }
    }

    /// Reads again what was written.
    pub(super) fn follow(&mut self, store: &VaultStore) -> VaultResult<()> {
        if self.stale.is_empty() {
            return Ok(());
        }
        let mut fresh: BTreeMap<CardId, Option<Card>> = BTreeMap::new();
        for id in &self.stale {
            let read: Option<CardRow> = store.read(&key::card(*id))?;
            let card = match read {
                Some(row) => Some(Card::new(*id, &row, self.answers_of(store, *id)?)),
                None => None,
            };
            fresh.insert(*id, card);
        }
        // From here on nothing can fail.
        for card in &mut self.cards {
            if let Some(Some(new)) = fresh.get_mut(&card.facts.id).map(Option::take) {
                *card = new;
                fresh.remove(&card.facts.id);
            }
        }
        // What is left came new, or is gone from the index.
        self.cards
            .retain(|card| !fresh.contains_key(&card.facts.id));
        self.cards.extend(fresh.into_values().flatten());
        self.cards.sort_by_key(|card| card.facts.id);
        self.stale.clear();
        Ok(())
    }

    /// Reads so many further rows at most.
    pub(super) fn read_on(&mut self, store: &VaultStore, rows_max: usize) -> VaultResult<()> {
        if self.complete {
            return Ok(());
        }
        let rows = match self.read_to() {
            Some(card) => store.scan_after(key::CARDS, &key::card(card)),
            None => store.scan(key::CARDS),
        };
        for (seen, entry) in rows.enumerate() {
            if seen == rows_max {
                return Ok(());
            }
            let (key, bytes) = entry?;
            let id = card_of(&key).ok_or_else(|| damaged(&key))?;
            let row: CardRow = decode(&bytes).map_err(|_| damaged(&key))?;
            let answers = self.answers_of(store, id)?;
            self.cards.push(Card::new(id, &row, answers));
        }
        self.complete = true;
        Ok(())
    }

    /// Reads the answers of all cards in it; from then on they are kept true too.
    pub(super) fn know_answers(&mut self, store: &VaultStore) -> VaultResult<()> {
        if self.knows_answers {
            return Ok(());
        }
        let (mut all, mut of_one) = (Vec::with_capacity(self.cards.len()), BTreeSet::new());
        let mut one = None;
        for entry in store.scan(key::EVENTS) {
            let (key, bytes) = entry?;
            let card = card_of(&key).ok_or_else(|| damaged(&key))?;
            if let Some(before) = one.replace(card).filter(|before| *before != card) {
                all.push((before, Answered::of(&of_one).into_boxed_slice()));
                of_one.clear();
            }
            decode_events(&bytes, &mut of_one).map_err(|_| damaged(&key))?;
        }
        if let Some(last) = one {
            all.push((last, Answered::of(&of_one).into_boxed_slice()));
        }
        // Both are in the order of ids.
        let mut all = all.into_iter().peekable();
        for card in &mut self.cards {
            while all.next_if(|(id, _)| *id < card.facts.id).is_some() {}
            if let Some((_, answers)) = all.next_if(|(id, _)| *id == card.facts.id) {
                card.answers = answers;
            }
        }
        self.knows_answers = true;
        Ok(())
    }

    /// The cards in it after a place, in the order of ids.
    pub(super) fn cards_after(&self, after: Option<CardId>) -> impl Iterator<Item = &Card> {
        let from = after.map_or(0, |after| {
            self.cards.partition_point(|card| card.facts.id <= after)
        });
        self.cards.iter().skip(from)
    }

    /// The card up to which it was read; none when it was read to the end, or not at all.
    pub(super) fn read_to(&self) -> Option<CardId> {
        let last = self.cards.last().map(|card| card.facts.id);
        last.filter(|_| !self.complete)
    }

    fn answers_of(&self, store: &VaultStore, card: CardId) -> VaultResult<Box<[Answered]>> {
        if self.knows_answers {
            row::answers(store, card)
        } else {
            Ok(Box::default())
        }
    }
}

/// Cards that are always read again one by one, however few the table holds.
const STALE_ALWAYS: usize = 1_000;

/// The card of a key of its row or of its events.
fn card_of(key: &[u8]) -> Option<CardId> {
    let id = key.get(key::CARDS.len()..)?.first_chunk::<16>()?;
    Some(CardId::from_bytes(*id))
}
