//! Cards placed by hand: put off for a day, given a due day, started anew; and cards that are forgotten again and again.

use domain::document::cards;
use domain::{CardId, Day, DeckId, Event, Kind};

use super::write::Tx;
use super::{Vault, VaultError, VaultResult};
use crate::index::{DeckRow, ReadRows, key};

/// The tag of a card that is forgotten again and again, as in Anki.
pub(crate) const LEECH: &str = domain::search::LEECH_TAG;

impl Vault {
    /// Puts a card off until tomorrow.
    ///
    /// # Errors
    /// There is no such card.
    pub fn bury(&mut self, card: CardId) -> VaultResult<()> {
        let words = format!("put off the card {}", self.card_words(card));
        self.step(&words, |tx| tx.mark(card, Kind::Bury))
    }

    /// Starts a card anew: it waits among the new cards again, and its history stays.
    ///
    /// # Errors
    /// There is no such card.
    pub fn reset(&mut self, card: CardId) -> VaultResult<()> {
        let words = format!("started the card {} anew", self.card_words(card));
        self.step(&words, |tx| tx.mark(card, Kind::Reset))
    }

    /// Makes a card due on a day, in its box.
    ///
    /// # Errors
    /// There is no such card, or the day is out of range.
    pub fn set_due(&mut self, card: CardId, due: Day) -> VaultResult<()> {
        let words = format!("set the due day of the card {}", self.card_words(card));
        self.step(&words, |tx| {
            let box_number = tx.card_row(card)?.state.box_number;
            tx.mark(card, Kind::Manual { box_number, due })
        })
    }
}

impl Tx<'_> {
    /// Records an event that is no answer.
    fn mark(&mut self, card: CardId, kind: Kind) -> VaultResult<()> {
        let row = self.card_row(card)?;
        if !row.visible {
            return Err(VaultError::Refused(format!(
                "card {card} was removed; restore it first"
            )));
        }
        let moment = self.now;
        let day = self.day_of(moment, row.deck);
        let event: Event = self.event(card, kind, moment, day, row.state.box_number)?;
        event
            .check()
            .map_err(|why| VaultError::Refused(format!("this cannot be recorded: {why}")))?;
        self.record(event)
    }

    /// Whether so many lapses make a leech now: at the deck's figure, and again after every further half of it.
    pub(crate) fn is_leech(&self, deck: DeckId, lapses: u32) -> VaultResult<bool> {
        let deck: Option<DeckRow> = self.writer.read(&key::deck(deck))?;
        let from = deck
            .and_then(|deck| deck.leech_lapses)
            .unwrap_or(domain::limit::LEECH_LAPSES);
        let beyond = lapses.checked_sub(from);
        Ok(from > 0 && beyond.is_some_and(|beyond| beyond % (from / 2).max(1) == 0))
    }

    /// Marks a leech, and takes it out of study unless its deck keeps leeches in.
    pub(crate) fn set_leech(&mut self, card: CardId, deck: DeckId) -> VaultResult<()> {
        let deck: Option<DeckRow> = self.writer.read(&key::deck(deck))?;
        let suspend = !deck.is_some_and(|deck| deck.leech_stays);
        let tags = self.tags(&[LEECH.to_owned()])?;
        let device = self.device();
        self.edit_card(card, |doc| {
            tags.iter()
                .try_for_each(|tag| cards::tag(doc, card, *tag, device))?;
            if suspend {
                cards::set_suspended(doc, card, true, device)?;
            }
            Ok(())
        })
    }
}
