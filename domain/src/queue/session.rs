//! One sitting: the queue, with cards answered wrong coming back until they are right once. Holds no events and decides no
//! schedule; the caller records each answer before it moves on.

use std::collections::VecDeque;

use crate::event::Grade;
use crate::id::CardId;
use crate::queue::Queued;
use crate::time::UnixMs;

/// Other cards shown before a wrong one comes back.
pub const REPEAT_AFTER_CARDS: u32 = 5;
/// Or this long, whichever comes first.
pub const REPEAT_AFTER_MS: i64 = 10 * 60 * 1_000;

/// A card to ask now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The card.
    pub card: CardId,
    /// It was wrong before in this sitting: the answer is a `learn` event.
    pub repeat: bool,
    /// It was never answered before today.
    pub is_new: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Repeat {
    card: CardId,
    after_answers: u32,
    after: UnixMs,
}

#[derive(Debug, Clone)]
struct Step {
    turn: Turn,
    repeats: VecDeque<Repeat>,
}

/// A sitting.
#[derive(Debug, Clone, Default)]
pub struct Session {
    queue: VecDeque<Queued>,
    repeats: VecDeque<Repeat>,
    answers: u32,
    steps: Vec<Step>,
    again: Option<Turn>,
}

impl Session {
    /// A sitting over this queue.
    pub fn new(queue: impl IntoIterator<Item = Queued>) -> Self {
        Self {
            queue: queue.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The card to ask at this moment, or nothing when all are done. Stays the same until answered or dropped, unless a
    /// repeat falls due meanwhile.
    pub fn front(&self, now: UnixMs) -> Option<Turn> {
        if self.again.is_some() {
            return self.again;
        }
        let ripe = self
            .repeats
            .iter()
            .find(|r| r.after_answers <= self.answers || r.after <= now);
        // Nothing else left: better asked early than not at all.
        let repeat = ripe.or(if self.queue.is_empty() {
            self.repeats.front()
        } else {
            None
        });
        match repeat {
            Some(repeat) => Some(Turn {
                card: repeat.card,
                repeat: true,
                is_new: false,
            }),
            None => self.queue.front().map(|q| Turn {
                card: q.card,
                repeat: false,
                is_new: q.is_new,
            }),
        }
    }

    /// Takes the answer to the card that `turn` asked.
    pub fn answered(&mut self, turn: Turn, grade: Grade, now: UnixMs) {
        self.again = None;
        self.steps.push(Step {
            turn,
            repeats: self.repeats.clone(),
        });
        self.take(turn.card);
        self.answers = self.answers.saturating_add(1);
        if !grade.is_right() {
            self.repeats.push_back(Repeat {
                card: turn.card,
                after_answers: self.answers.saturating_add(REPEAT_AFTER_CARDS),
                after: UnixMs(now.0.saturating_add(REPEAT_AFTER_MS)),
            });
        }
    }

    /// Takes back the last answer of this sitting; its card comes first again.
    pub fn undo(&mut self) -> Option<Turn> {
        let step = self.steps.pop()?;
        self.answers = self.answers.saturating_sub(1);
        self.repeats = step.repeats;
        if !step.turn.repeat {
            self.queue.push_front(Queued {
                card: step.turn.card,
                is_new: step.turn.is_new,
            });
        }
        self.again = Some(step.turn);
        Some(step.turn)
    }

    /// Asks a card before the others, unless it waits to be repeated.
    pub fn ask_first(&mut self, queued: Queued) {
        if self.repeats.iter().any(|repeat| repeat.card == queued.card) {
            return;
        }
        self.queue.retain(|held| held.card != queued.card);
        self.queue.push_front(queued);
    }

    /// Leaves a card out: it was deleted, suspended, or answered elsewhere.
    pub fn drop_card(&mut self, card: CardId) {
        self.take(card);
        self.steps.retain(|step| step.turn.card != card);
        self.steps
            .iter_mut()
            .for_each(|step| step.repeats.retain(|r| r.card != card));
    }

    /// How many new, repeating and due cards are left.
    pub fn left(&self) -> (usize, usize, usize) {
        let new = self.queue.iter().filter(|queued| queued.is_new).count();
        (new, self.repeats.len(), self.queue.len() - new)
    }

    fn take(&mut self, card: CardId) {
        self.queue.retain(|queued| queued.card != card);
        self.repeats.retain(|repeat| repeat.card != card);
        self.again = self.again.filter(|turn| turn.card != card);
    }
}
