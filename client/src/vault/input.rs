//! What is asked of a vault: new cards with their media, edits, answers. Parsed values only; turning them into changes of
//! documents is done by the files beside this one.

use domain::{BlobHash, DeckId, Grade};

use super::new_media::NewMedia;
use crate::clock::Moment;

/// One item of a new card's side.
#[derive(Debug, Clone)]
pub enum NewItem {
    /// Markdown text.
    Text(String),
    /// A picture or a sound.
    Media(Box<NewMedia>),
}

/// A card to add.
#[derive(Debug, Clone)]
pub struct NewCard {
    /// Where it goes.
    pub deck: DeckId,
    /// Items of the front, in order; at least one.
    pub front: Vec<NewItem>,
    /// Items of the back, in order; may be empty.
    pub back: Vec<NewItem>,
    /// Names of tags; unknown ones are created.
    pub tags: Vec<String>,
}

/// What to change of a card. What is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct CardEdit {
    /// What to change of the front.
    pub front: SideEdit,
    /// What to change of the back.
    pub back: SideEdit,
    /// Pictures and sounds to take off both sides.
    pub remove_media: Vec<BlobHash>,
    /// Names of tags to add.
    pub tags: Vec<String>,
    /// Names of tags to take away.
    pub untag: Vec<String>,
    /// Whether to keep it out of study.
    pub suspended: Option<bool>,
    /// The coloured mark, 1 to 7; 0 for none.
    pub flag: Option<u8>,
    /// The deck to move it to.
    pub deck: Option<DeckId>,
}

/// What to change of one side of a card.
#[derive(Debug, Clone, Default)]
pub struct SideEdit {
    /// A text in the place of its text; its pictures and sounds stay.
    pub text: Option<String>,
    /// Pictures and sounds to add at its end.
    pub add: Vec<NewMedia>,
}

impl SideEdit {
    /// Another text and nothing else.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            add: Vec::new(),
        }
    }
}

/// What an answer is to the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerAs {
    /// The answer that the schedule asked for, or one before its time.
    Scheduled,
    /// A repeat in the same sitting, after a wrong answer.
    Repeat,
    /// Out of schedule.
    Cram,
}

/// An answer to a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// How well it was known.
    pub grade: Grade,
    /// When, if not now.
    pub at: Option<Moment>,
    /// How hard it was, 1 to 5.
    pub difficulty: Option<u8>,
    /// How long it took.
    pub response_ms: Option<u32>,
}

impl Answer {
    /// An answer given now, with nothing more known.
    pub fn now(grade: Grade) -> Self {
        Self {
            grade,
            at: None,
            difficulty: None,
            response_ms: None,
        }
    }
}
