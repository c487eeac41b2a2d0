//! The rows of a deck: what stands in its document, and the counts and digest of its cards.

use std::collections::BTreeSet;

use domain::digest::{CardDigest, StateSum};
use domain::document::deck::DeckView;
use domain::{DeckId, UnixMs};
use minicbor::{Decode, Encode};

use super::{CardRow, ConflictRow};

/// A deck as its document has it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct DeckRow {
    #[n(0)]
    pub(crate) name: String,
    #[n(1)]
    pub(crate) description: String,
    #[n(2)]
    pub(crate) created_ms: i64,
    #[n(3)]
    pub(crate) archived: bool,
    #[n(4)]
    pub(crate) visible: bool,
    #[n(5)]
    pub(crate) conflicts: Vec<ConflictRow>,
    #[n(6)]
    pub(crate) new_per_day: Option<u32>,
    #[n(7)]
    pub(crate) reviews_per_day: Option<u32>,
    #[n(8)]
    pub(crate) leech_lapses: Option<u32>,
    #[n(9)]
    pub(crate) leech_stays: bool,
}

/// Counts and digest of a deck's cards that are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SumRow {
    #[n(0)]
    pub(crate) cards: u64,
    #[n(1)]
    pub(crate) events: u64,
    /// New cards that can be studied.
    #[n(2)]
    pub(crate) new: u64,
    #[n(3)]
    pub(crate) suspended: u64,
    /// Sum of the cards' digests modulo 2^256.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub(crate) sum: [u8; 32],
}

impl DeckRow {
    /// The row of a deck.
    pub(crate) fn new(view: &DeckView) -> Self {
        Self {
            name: view.name.clone(),
            description: view.description.clone(),
            created_ms: view.created_at.0,
            archived: view.archived,
            visible: view.visible,
            conflicts: view.conflicts.iter().map(ConflictRow::from).collect(),
            new_per_day: view.new_per_day,
            reviews_per_day: view.reviews_per_day,
            leech_lapses: view.leech_lapses,
            leech_stays: view.leech_stays,
        }
    }

    /// The deck as its document has it, its pages aside.
    pub(crate) fn view(&self, id: DeckId) -> DeckView {
        DeckView {
            id,
            name: self.name.clone(),
            description: self.description.clone(),
            created_at: UnixMs(self.created_ms),
            archived: self.archived,
            new_per_day: self.new_per_day,
            reviews_per_day: self.reviews_per_day,
            leech_lapses: self.leech_lapses,
            leech_stays: self.leech_stays,
            pages: BTreeSet::new(),
            visible: self.visible,
            conflicts: self
                .conflicts
                .iter()
                .map(|conflict| conflict.of_deck(id))
                .collect(),
            skipped: 0,
        }
    }
}

impl SumRow {
    /// Adds a card that is shown, or takes it away.
    pub(crate) fn count(&mut self, card: &CardRow, add: bool) {
        let digest = CardDigest {
            events: u64::from(card.events),
            digest: card.digest,
        };
        let mut sum = self.state_sum();
        if add {
            sum.add(&digest)
        } else {
            sum.remove(&digest)
        }
        (self.cards, self.events, self.sum) = (sum.cards, sum.events, sum.sum);
        let change = |count: u64, counts: bool| match (counts, add) {
            (false, _) => count,
            (true, true) => count.wrapping_add(1),
            (true, false) => count.wrapping_sub(1),
        };
        self.new = change(self.new, card.can_be_studied() && card.is_new());
        self.suspended = change(self.suspended, card.suspended);
    }

    /// The part that goes into the digest of the whole state.
    pub(crate) fn state_sum(&self) -> StateSum {
        StateSum {
            cards: self.cards,
            events: self.events,
            sum: self.sum,
        }
    }
}
