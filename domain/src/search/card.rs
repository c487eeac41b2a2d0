//! What a query asks of a card. Whoever keeps cards makes these of them; a further figure is one more field here and one
//! more arm in `matcher`.

use crate::event::{Event, Grade, Kind};
use crate::id::{CardId, DeckId, NoteId, TagId};
use crate::time::{Day, UnixMs};

use super::CardText;

/// The tag of a card that is forgotten again and again.
pub const LEECH_TAG: &str = "leech";

/// A card, as it is kept somewhere. Cheap things are asked first, so what is dear may be made when it is asked for.
pub trait CardAsked {
    /// What takes no room of its own.
    fn facts(&self) -> &CardFacts;
    /// Its tags.
    fn tags(&self) -> &[TagId];
    /// Its words, pictures and sounds.
    fn text(&self) -> &CardText;
    /// Its answers, ascending; asked for only when [`super::Matcher::asks_for_answers`] says so.
    fn answers(&self) -> &[Answered];
}

/// Figures of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardFacts {
    /// The card.
    pub id: CardId,
    /// Its deck.
    pub deck: DeckId,
    /// The note it is made from.
    pub note: Option<NoteId>,
    /// When it was made.
    pub created: UnixMs,
    /// When it is due; nothing for a new one and a retired one.
    pub due: Option<Day>,
    /// The last study day that moved it.
    pub last_day: Option<Day>,
    /// Answers.
    pub reviews: u32,
    /// Times it was known and then forgotten.
    pub lapses: u32,
    /// The box, from 1.
    pub box_number: u8,
    /// The flag, 0 for none.
    pub flag: u8,
    /// The ease factor in hundredths.
    pub ease_percent: u16,
    /// The study day for which it was put off last.
    pub buried: Option<Day>,
    /// Not asked again.
    pub retired: bool,
    /// Kept out of study.
    pub suspended: bool,
    /// Removed.
    pub removed: bool,
    /// Its texts wait for a choice.
    pub conflict: bool,
}

impl CardFacts {
    /// Never answered, or reset.
    pub fn is_new(&self) -> bool {
        self.due.is_none() && !self.retired
    }

    /// Days from the last answer to the due day.
    pub fn interval(&self) -> Option<i64> {
        Some(i64::from(self.due?.0) - i64::from(self.last_day?.0))
    }
}

/// A study day on which a card was answered, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answered {
    /// The day.
    pub day: Day,
    /// How well.
    pub grade: Grade,
}

impl Answered {
    /// The answers among a card's events, ascending and each once; undone ones are none.
    pub fn of<'e>(events: impl IntoIterator<Item = &'e Event> + Clone) -> Vec<Self> {
        let undone: Vec<_> = events
            .clone()
            .into_iter()
            .filter_map(|event| match event.kind {
                Kind::Void { target } => Some(target),
                _ => None,
            })
            .collect();
        let mut answers: Vec<Self> = events
            .into_iter()
            .filter(|event| event.kind.is_answer() && !undone.contains(&event.id))
            .filter_map(|event| {
                let grade = event.grade?;
                Some(Self {
                    day: event.day,
                    grade,
                })
            })
            .collect();
        answers.sort_unstable();
        answers.dedup();
        answers
    }
}
