//! Five boxes: right moves a card up and away, wrong sends it back. Which answers make up a day, and whether it was right,
//! is `fold`'s.

use serde::{Deserialize, Serialize};

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
    /// The box after a wrong answer.
    pub(crate) fn box_after_wrong(&self, from: u8) -> u8 {
        match self.lapse {
            Lapse::First => 1,
            Lapse::BackOne => from.saturating_sub(1).max(1),
        }
    }

    /// The box after a right answer of a due card.
    pub(crate) fn box_after_right(from: u8) -> u8 {
        from.saturating_add(1).min(BOX_COUNT)
    }

    /// Whether a right answer in this box ends the asking.
    pub(crate) fn retires(&self, from: u8) -> bool {
        from >= BOX_COUNT && self.last == Last::Retire
    }

    /// Days until a card that came into this box is due.
    pub(crate) fn days(&self, box_number: u8) -> u16 {
        let index = usize::from(box_number.saturating_sub(1));
        self.table
            .get(index)
            .or(self.table.last())
            .copied()
            .unwrap_or(1)
    }
}
