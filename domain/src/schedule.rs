//! The schedule: the state of a card is the fold of its events, in one order, on every device. Nothing is stored; whoever
//! caches a [`CardState`] can throw it away and fold again. Here: which rules there are, and which are in force when. How
//! one study day moves a card is the schedulers' (`leitner`, `sm2`, `fsrs`); which events count, and in which order, is
//! `fold`'s.

use crate::id::DeckId;
use crate::limit;
use crate::time::{DEFAULT_ROLLOVER_HOUR, Day, Hlc};

mod fold;
mod fsrs;
mod leitner;
mod sm2;
mod state;

pub(crate) use fold::{DayStep, fold_by_day};
pub use fold::{answers_for_memory, fold, next_state};
pub use fsrs::{Fsrs, Memory, Weights};
pub use leitner::{BOX_COUNT, Lapse, Last, Leitner, Preset};
pub use state::CardState;

/// The rule by which answers become due days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheduler {
    /// Five boxes.
    Leitner(Leitner),
    /// Intervals that grow with each card's own ease.
    Sm2,
    /// Intervals until the chance to know the card has fallen to a wished value.
    Fsrs(Fsrs),
}

impl Default for Scheduler {
    fn default() -> Self {
        Self::Leitner(Leitner::default())
    }
}

impl Scheduler {
    /// Stable name, for settings, JSON and messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Leitner(_) => "leitner",
            Self::Sm2 => "sm2",
            Self::Fsrs(_) => "fsrs",
        }
    }

    fn is_valid(&self) -> bool {
        match self {
            Self::Leitner(leitner) => leitner
                .table
                .iter()
                .all(|days| (1..=limit::INTERVAL_DAYS_MAX).contains(days)),
            Self::Sm2 => true,
            Self::Fsrs(fsrs) => limit::RETENTION_PERMILLE.contains(&fsrs.retention_permille),
        }
    }
}

/// Scheduler settings from a day on. Epochs are only ever added: an answer is judged by the epoch in force on its day, so
/// that new settings do not rewrite the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch {
    /// When the person chose them; of two epochs in force the later chosen holds.
    pub hlc: Hlc,
    /// For one deck, or for every deck without its own.
    pub deck: Option<DeckId>,
    /// First study day under them.
    pub day_from: Day,
    /// The rule.
    pub scheduler: Scheduler,
    /// Of a deck: it follows the default of all decks again, and the rule above says nothing.
    pub inherits: bool,
    /// Hour at which a study day begins, for events made from then on.
    pub rollover_hour: u8,
}

impl Epoch {
    /// Whether every field is in its range.
    pub fn is_valid(&self) -> bool {
        self.hlc.unix_ms() <= limit::HLC_MS_MAX
            && (-limit::DAY_ABS_MAX..=limit::DAY_ABS_MAX).contains(&self.day_from.0)
            && self.rollover_hour < 24
            && self.scheduler.is_valid()
            && (self.deck.is_some() || !self.inherits)
    }
}

/// Everything besides the events that decides where a card stands: the same on all devices that have the same settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Scheduler settings, each from its day on.
    pub epochs: Vec<Epoch>,
    /// What FSRS assumes of this person's memory. Unlike epochs they hold for the whole history.
    pub weights: Weights,
}

impl Rules {
    /// Rules with these epochs and the weights of the average person.
    pub fn of(epochs: impl IntoIterator<Item = Epoch>) -> Self {
        Self {
            epochs: epochs.into_iter().collect(),
            weights: Weights::default(),
        }
    }

    /// The rule in force for a deck on a day.
    pub fn scheduler(&self, deck: DeckId, day: Day) -> Scheduler {
        epoch_in_force(&self.epochs, deck, day)
            .map_or_else(Scheduler::default, |epoch| epoch.scheduler)
    }

    /// The rule chosen last for a deck.
    pub fn latest_scheduler(&self, deck: DeckId) -> Scheduler {
        self.scheduler(deck, Day(i32::MAX))
    }

    /// Whether a deck has a rule of its own, and not the default's.
    pub fn is_own(&self, deck: DeckId) -> bool {
        epoch_in_force(&self.epochs, deck, Day(i32::MAX)).is_some_and(|epoch| epoch.deck.is_some())
    }

    /// Whether any of a deck's epochs asks for FSRS.
    fn uses_fsrs(&self, deck: DeckId) -> bool {
        self.epochs.iter().any(|epoch| {
            matches!(epoch.scheduler, Scheduler::Fsrs(_))
                && epoch.deck.is_none_or(|own| own == deck)
        })
    }
}

/// The epoch in force for a deck on a day: its own before the default, and among those the last chosen.
pub fn epoch_in_force(epochs: &[Epoch], deck: DeckId, day: Day) -> Option<&Epoch> {
    let begun = || {
        epochs
            .iter()
            .filter(|epoch| epoch.day_from <= day && epoch.is_valid())
    };
    let own = begun().filter(|epoch| epoch.deck == Some(deck)).max();
    own.filter(|epoch| !epoch.inherits)
        .or_else(|| begun().filter(|epoch| epoch.deck.is_none()).max())
}

/// The rollover hour in force for a deck on a day.
pub fn rollover_hour(epochs: &[Epoch], deck: DeckId, day: Day) -> u8 {
    epoch_in_force(epochs, deck, day).map_or(DEFAULT_ROLLOVER_HOUR, |epoch| epoch.rollover_hour)
}
