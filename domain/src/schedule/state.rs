//! Where a card stands, and the questions asked of that.

use crate::event::Kind;
use crate::id::EventId;
use crate::schedule::{Memory, sm2};
use crate::time::{Day, UnixMs};

/// Where a card stands. Equal on all devices that have seen the same events, in whatever order. Every scheduler's figures
/// are kept whichever is in force, so that a deck can change its scheduler at any time without loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardState {
    /// The box, from 1.
    pub box_number: u8,
    /// The day the card is due; nothing for a new card (due at any time) and for a retired one (never).
    pub due: Option<Day>,
    /// The card has passed the last box and is not asked again.
    pub retired: bool,
    /// The person set the due day, and no answer has moved it since.
    pub due_by_hand: bool,
    /// Answers given, learning repeats, early ones and cramming included, undone ones not.
    pub reviews: u32,
    /// Study days on which the card was known before and answered wrong.
    pub lapses: u32,
    /// SM-2's ease factor in hundredths.
    pub ease_percent: u16,
    /// Study days in a row on which the card was due and right.
    pub successes: u16,
    /// What FSRS makes of the answers; only where a deck's settings ask for FSRS.
    pub memory: Option<Memory>,
    /// The last study day that moved the card.
    pub last_day: Option<Day>,
    /// The study day for which the card was put off last.
    pub buried: Option<Day>,
    /// Time of the last answer.
    pub last_reviewed: Option<UnixMs>,
    /// The last event that counts; what undo would void.
    pub last_event: Option<EventId>,
    /// Events that contradict themselves and were left out.
    pub ignored: u32,
}

impl Default for CardState {
    fn default() -> Self {
        Self {
            box_number: 1,
            due: None,
            retired: false,
            due_by_hand: false,
            reviews: 0,
            lapses: 0,
            ease_percent: sm2::EASE_FIRST,
            successes: 0,
            memory: None,
            last_day: None,
            buried: None,
            last_reviewed: None,
            last_event: None,
            ignored: 0,
        }
    }
}

impl CardState {
    /// Never answered (or reset), and so waiting among the new cards.
    pub const fn is_new(&self) -> bool {
        self.due.is_none() && !self.retired
    }

    /// Whether the card may be asked on schedule on `today`; whether it was buried is asked apart.
    pub fn is_due(&self, today: Day) -> bool {
        !self.retired && self.due.is_none_or(|due| due <= today)
    }

    /// Whether the person put the card off for `today`.
    pub fn is_buried(&self, today: Day) -> bool {
        self.buried == Some(today)
    }

    /// Days from the last move to the due day.
    pub fn interval_days(&self) -> Option<i32> {
        Some(self.due?.since(self.last_day?))
    }

    /// The kind of a first answer given on `today`.
    pub fn kind_of_answer(&self, today: Day) -> Kind {
        if self.is_due(today) {
            Kind::Review
        } else {
            Kind::Early
        }
    }
}
