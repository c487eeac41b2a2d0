//! Five boxes: right moves a card up and away, wrong sends it back. Pure rule for one study day; which answers make up the
//! day is the caller's.

use serde::{Deserialize, Serialize};

use crate::schedule::CardState;
use crate::time::Day;

/// How many boxes there are.
pub const BOX_COUNT: u8 = 5;

/// Where a wrong answer sends a card.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Lapse {
    /// To the first box.
    #[default]
    First,
    /// One box down.
    BackOne,
}

/// What a right answer in the last box does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Last {
    /// The card stays in the last box and comes again.
    #[default]
    Repeat,
    /// The card is not asked again.
    Retire,
}

/// Box tables to choose by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// 1, 2, 4, 8, 16 days.
    Doubling,
    /// 1, 3, 7, 14, 30 days.
    Weekly,
    /// 1, 2, 5, 8, 14 days.
    Classic,
}

impl Preset {
    /// Every preset, in the order to show.
    pub const ALL: [Self; 3] = [Self::Doubling, Self::Weekly, Self::Classic];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Doubling => "doubling",
            Self::Weekly => "weekly",
            Self::Classic => "classic",
        }
    }

    /// The preset of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// Days of each box.
    pub const fn table(self) -> [u16; BOX_COUNT as usize] {
        match self {
            Self::Doubling => [1, 2, 4, 8, 16],
            Self::Weekly => [1, 3, 7, 14, 30],
            Self::Classic => [1, 2, 5, 8, 14],
        }
    }
}

/// Settings of the boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Leitner {
    /// Days until a card in each box is due.
    pub table: [u16; BOX_COUNT as usize],
    /// Where a wrong answer sends a card.
    #[serde(default)]
    pub lapse: Lapse,
    /// What a right answer in the last box does.
    #[serde(default)]
    pub last: Last,
}

impl Default for Leitner {
    fn default() -> Self {
        Self {
            table: Preset::Doubling.table(),
            lapse: Lapse::First,
            last: Last::Repeat,
        }
    }
}

impl Leitner {
    /// Moves a card by one study day with at least one counted answer. Whatever was answered that day, and in whatever
    /// order, the card moves once: down if anything was wrong, else up if it was due.
    pub(crate) fn apply_day(&self, state: &mut CardState, day: Day, all_right: bool) {
        if !all_right {
            if !state.is_new() {
                state.lapses = state.lapses.saturating_add(1);
            }
            state.box_number = match self.lapse {
                Lapse::First => 1,
                Lapse::BackOne => state.box_number.saturating_sub(1).max(1),
            };
            state.retired = false;
            self.place(state, day);
        } else if state.is_due(day) {
            if state.box_number >= BOX_COUNT && self.last == Last::Retire {
                state.retired = true;
                state.due = None;
                state.last_day = Some(day);
                return;
            }
            state.box_number = state.box_number.saturating_add(1).min(BOX_COUNT);
            self.place(state, day);
        }
    }

    fn place(&self, state: &mut CardState, day: Day) {
        let index = usize::from(state.box_number.saturating_sub(1));
        let days = self
            .table
            .get(index)
            .or(self.table.last())
            .copied()
            .unwrap_or(1);
        state.due = Some(day.plus(i32::from(days)));
        state.last_day = Some(day);
    }
}
