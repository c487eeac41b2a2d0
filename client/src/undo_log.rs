//! What this device can take back: steps in the person's words, each with the changes it made. Two stacks, done and taken
//! back; a step moves from one to the other. The rows stay beside the index, are never synced and survive a restart. How a
//! change is turned round is `vault::undo`'s.

use domain::document::conflict::Side;
use domain::note::FieldTexts;
use domain::{CardId, DeckId, Event, EventId, Kind};
use minicbor::{Decode, Encode};

use crate::index::field::id16;
use crate::index::{CardChange, CardRow, DeckRow, ReadRows, Rows, SettingsRow, key};
use crate::limit;
use crate::vault::VaultResult;

/// Which way a step would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stack {
    /// Steps that can be taken back.
    Done,
    /// Steps that were taken back and can be made again.
    Undone,
}

impl Stack {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Undone => 1,
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Done => Self::Undone,
            Self::Undone => Self::Done,
        }
    }
}

/// The number that the next step of each stack gets. Numbers begin at 0 and leave none out; the oldest steps go first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Heads {
    #[n(0)]
    pub(crate) done: u64,
    #[n(1)]
    pub(crate) undone: u64,
}

impl Heads {
    pub(crate) fn read<R: ReadRows>(rows: &R) -> VaultResult<Self> {
        Ok(rows.read(key::STEP_HEADS)?.unwrap_or_default())
    }

    pub(crate) fn of(&self, stack: Stack) -> u64 {
        match stack {
            Stack::Done => self.done,
            Stack::Undone => self.undone,
        }
    }

    pub(crate) fn set<R: Rows>(mut self, rows: &mut R, stack: Stack, next: u64) {
        match stack {
            Stack::Done => self.done = next,
            Stack::Undone => self.undone = next,
        }
        rows.write(key::STEP_HEADS.to_vec(), &self);
    }
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct StepRow {
    /// What was done, for a person.
    #[n(0)]
    pub(crate) words: String,
    #[n(1)]
    pub(crate) at_ms: i64,
    /// Parts that are left of it.
    #[n(2)]
    pub(crate) parts: u32,
    /// Number of the step of the other stack that it comes from, while that one is not wholly turned round.
    #[n(3)]
    pub(crate) of: Option<u64>,
}

/// The content of a card, as far as it can be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Face {
    #[n(0)]
    pub(crate) front: Vec<String>,
    #[n(1)]
    pub(crate) back: Vec<String>,
    #[cbor(n(2), with = "crate::index::field::ids16")]
    pub(crate) tags: Vec<domain::TagId>,
    #[n(3)]
    pub(crate) suspended: bool,
    #[n(4)]
    pub(crate) flag: u8,
    #[cbor(n(5), with = "id16")]
    pub(crate) deck: DeckId,
    #[n(6)]
    pub(crate) visible: bool,
    /// The fields of the note it is made from; its sides are then without what the note says.
    #[n(7)]
    pub(crate) fields: FieldTexts,
}

impl From<CardRow> for Face {
    fn from(row: CardRow) -> Self {
        Self {
            front: row.own_items(Side::Front).to_vec(),
            back: row.own_items(Side::Back).to_vec(),
            visible: row.is_alive(),
            fields: row.note.map(|note| note.fields).unwrap_or_default(),
            tags: row.tags,
            suspended: row.suspended,
            flag: row.flag,
            deck: row.deck,
        }
    }
}

/// One change of a step.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Done {
    /// A card was added.
    #[n(0)]
    CardAdded(#[cbor(n(0), with = "id16")] CardId),
    /// A card was changed, removed or restored.
    #[n(1)]
    Card(
        #[cbor(n(0), with = "id16")] CardId,
        #[n(1)] Box<Face>,
        #[n(2)] Box<Face>,
    ),
    /// A deck was added.
    #[n(2)]
    DeckAdded(#[cbor(n(0), with = "id16")] DeckId),
    /// A deck was changed, removed or restored.
    #[n(3)]
    Deck(
        #[cbor(n(0), with = "id16")] DeckId,
        #[n(1)] Box<DeckRow>,
        #[n(2)] Box<DeckRow>,
    ),
    /// Settings were changed.
    #[n(4)]
    Settings(#[n(0)] Box<SettingsRow>, #[n(1)] Box<SettingsRow>),
    /// An event was recorded.
    #[n(5)]
    Event(
        #[cbor(n(0), with = "id16")] CardId,
        #[cbor(n(1), with = "id16")] EventId,
    ),
    /// An event was voided.
    #[n(6)]
    Voided(
        #[cbor(n(0), with = "id16")] CardId,
        #[cbor(n(1), with = "id16")] EventId,
    ),
}

impl Done {
    pub(crate) fn card((card, before, after): CardChange) -> Self {
        match before {
            None => Self::CardAdded(card),
            Some(before) => Self::Card(card, Box::new(before.into()), Box::new(after.into())),
        }
    }

    pub(crate) fn deck(deck: DeckId, before: Option<DeckRow>, after: DeckRow) -> Self {
        match before {
            None => Self::DeckAdded(deck),
            Some(before) => Self::Deck(deck, Box::new(before), Box::new(after)),
        }
    }

    pub(crate) fn settings(before: &SettingsRow, after: &SettingsRow) -> Self {
        Self::Settings(Box::new(before.clone()), Box::new(after.clone()))
    }

    pub(crate) fn event(event: &Event) -> Self {
        match event.kind {
            Kind::Void { target } => Self::Voided(event.card, target),
            _ => Self::Event(event.card, event.id),
        }
    }
}

/// Several writes that are one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) words: String,
    /// The step, once something was changed.
    pub(crate) number: Option<u64>,
}

impl Batch {
    pub(crate) fn begin(words: &str) -> Self {
        Self {
            words: words.to_owned(),
            number: None,
        }
    }
}

/// Writes changes as further parts of a step.
pub(crate) fn append<R: Rows>(
    rows: &mut R,
    stack: Stack,
    number: u64,
    step: &mut StepRow,
    done: &[Done],
) {
    let mut rest = done;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest
            .iter()
            .take(limit::UNDO_PART_CHANGES)
            .take_while(|change| {
                bytes += crate::index::row::encode(*change).len();
                bytes <= limit::UNDO_PART_BYTES
            })
            .count()
            .max(1);
        let (part, after) = rest.split_at(fitting.min(rest.len()));
        rows.write(key::part(stack.code(), number, step.parts), &part.to_vec());
        step.parts = step.parts.saturating_add(1);
        rest = after;
    }
    rows.write(key::step(stack.code(), number), step);
}

/// Reads a step; none when it was forgotten as one of the oldest.
pub(crate) fn step<R: ReadRows>(
    rows: &R,
    stack: Stack,
    number: u64,
) -> VaultResult<Option<StepRow>> {
    rows.read(&key::step(stack.code(), number))
}

/// The last step of a stack.
pub(crate) fn last<R: ReadRows>(rows: &R, stack: Stack) -> VaultResult<Option<(u64, StepRow)>> {
    let Some(number) = Heads::read(rows)?.of(stack).checked_sub(1) else {
        return Ok(None);
    };
    Ok(step(rows, stack, number)?.map(|step| (number, step)))
}

/// Forgets a step.
pub(crate) fn forget<R: Rows + ReadRows>(
    rows: &mut R,
    stack: Stack,
    number: u64,
) -> VaultResult<()> {
    if let Some(step) = step(rows, stack, number)? {
        (0..step.parts).for_each(|part| rows.set(key::part(stack.code(), number, part), None));
        rows.set(key::step(stack.code(), number), None);
    }
    Ok(())
}

/// Reads one part of a step.
pub(crate) fn part<R: ReadRows>(
    rows: &R,
    stack: Stack,
    number: u64,
    part: u32,
) -> VaultResult<Vec<Done>> {
    Ok(rows
        .read(&key::part(stack.code(), number, part))?
        .unwrap_or_default())
}
