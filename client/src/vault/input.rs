//! What is asked of a vault: new cards with their media, edits, answers. Parsed values only; turning them into changes of
//! documents is done by the files beside this one.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use domain::{DeckId, Grade};
use media::{Kind, MediaError, MediaInfo};

use crate::clock::Moment;

/// A picture or a sound that was read and inspected.
#[derive(Debug, Clone)]
pub struct NewMedia {
    /// The bytes, stored as they are.
    pub bytes: Vec<u8>,
    /// What `media::inspect` found.
    pub info: MediaInfo,
    /// What the picture shows or what is heard.
    pub alt: Option<String>,
}

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

/// Why a media file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MediaFileError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what a card may hold.
    #[error(transparent)]
    Refused(#[from] MediaError),
    /// A sound where a picture was asked for, or the other way round.
    #[error("{} is a {}, not a {}; use the option for a {}", path.display(), found.noun(), wanted.noun(), found.noun())]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: Kind,
        /// What was asked for.
        wanted: Kind,
    },
}

impl MediaFileError {
    /// Whether a limit was met (as opposed to a wrong or unreadable file).
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Refused(MediaError::TooLarge { .. }))
    }
}

impl NewMedia {
    /// Reads a file, at most one byte more than the limit of its kind, and inspects it.
    ///
    /// # Errors
    /// The file cannot be read, is not one of the eight allowed types, is too large, or is of the other kind.
    pub fn read(path: &Path, wanted: Kind, alt: Option<String>) -> Result<Self, MediaFileError> {
        let read = |source| MediaFileError::Read {
            path: path.to_owned(),
            source,
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(read)?;
        file.take(media::limit::UPLOAD_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(read)?;
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let info = media::inspect(&bytes, &name)?;
        if info.kind() != wanted {
            return Err(MediaFileError::OtherKind {
                path: path.to_owned(),
                found: info.kind(),
                wanted,
            });
        }
        Ok(Self { bytes, info, alt })
    }
}
