//! What is asked of a vault: new cards with their media, edits, answers. Parsed values only; turning them into changes of
//! documents is done by the files beside this one.

use domain::{DeckId, Grade};

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardEdit {
    /// New text of the front; its media stay.
    pub front: Option<String>,
    /// New text of the back; its media stay.
    pub back: Option<String>,
    /// Names of tags to add.
    pub tags: Vec<String>,
    /// Names of tags to take away.
    pub untag: Vec<String>,
    /// Whether to keep it out of study.
    pub suspended: Option<bool>,
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
