//! What a search asks of a card, read from its row in the index. Its words are read when they are asked for.

use std::cell::OnceCell;

use domain::search::{Answered, CardAsked, CardFacts, CardText};
use domain::{CardId, Day, Item, TagId, UnixMs};

use crate::index::{CardRow, ReadRows, read_events};
use crate::vault::VaultResult;

/// A card of which the row is at hand.
pub(super) struct RowAsked {
    facts: CardFacts,
    row: CardRow,
    text: OnceCell<CardText>,
    answers: Box<[Answered]>,
}

impl RowAsked {
    pub(super) fn new(card: CardId, row: CardRow, answers: Box<[Answered]>) -> Self {
        Self {
            facts: facts(card, &row),
            row,
            text: OnceCell::new(),
            answers,
        }
    }

    pub(super) fn row(&self) -> &CardRow {
        &self.row
    }
}

impl CardAsked for RowAsked {
    fn facts(&self) -> &CardFacts {
        &self.facts
    }

    fn tags(&self) -> &[TagId] {
        &self.row.tags
    }

    fn text(&self) -> &CardText {
        self.text.get_or_init(|| text(&self.row))
    }

    fn answers(&self) -> &[Answered] {
        &self.answers
    }
}

/// A card's figures.
pub(super) fn facts(card: CardId, row: &CardRow) -> CardFacts {
    CardFacts {
        id: card,
        deck: row.deck,
        note: row.note.as_ref().map(|note| note.id),
        created: UnixMs(row.created_ms),
        due: row.state.due(),
        last_day: row.state.last_day.map(Day),
        reviews: row.state.reviews,
        lapses: row.state.lapses,
        box_number: row.state.box_number,
        flag: row.flag,
        ease_percent: row.state.ease_percent,
        buried: row.state.buried_day.map(Day),
        retired: row.state.retired,
        suspended: row.suspended,
        removed: !row.visible,
        conflict: !row.conflicts.is_empty(),
    }
}

/// A card's words.
pub(super) fn text(row: &CardRow) -> CardText {
    let items = |side: &[String]| {
        side.iter()
            .map(|stored| Item::parse(stored))
            .collect::<Vec<_>>()
    };
    CardText::of(&items(&row.front), &items(&row.back))
}

/// A card's answers.
pub(super) fn answers(rows: &impl ReadRows, card: CardId) -> VaultResult<Box<[Answered]>> {
    Ok(Answered::of(&read_events(rows, card)?).into_boxed_slice())
}
