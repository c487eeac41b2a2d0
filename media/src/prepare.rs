//! What a card holds of an upload: the bytes to store and what is known of them.

use crate::inspect::{Content, MediaError, inspect};
use crate::mime::Mime;

/// What the person asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The upload is kept as large and as loud as it is.
    pub keep_original: bool,
}

/// An upload made ready for a card.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The bytes to store; their hash is the blob's name.
    pub bytes: Vec<u8>,
    /// Type of these bytes.
    pub mime: Mime,
    /// Name of the upload, cleaned: text to show, never a path.
    pub name: String,
    /// What only a picture or only a sound has.
    pub content: PreparedContent,
    /// What a person should know of how it came out, a sentence each.
    pub notes: Vec<String>,
}

/// What only a picture or only a sound has.
#[derive(Clone, Debug, PartialEq)]
pub enum PreparedContent {
    /// Something to look at.
    Image(PreparedImage),
    /// Something to listen to.
    Audio(PreparedAudio),
}

/// A picture made ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedImage {
    /// Width in pixels as it is shown.
    pub width_px: u32,
    /// Height in pixels as it is shown.
    pub height_px: u32,
    /// Number of frames; 1 for a still picture.
    pub frames: u32,
    /// What to show until the bytes are there (ThumbHash).
    pub thumbhash: Vec<u8>,
}

/// A sound made ready.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedAudio {
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Integrated loudness of the bytes (EBU R128); none for silence.
    pub lufs: Option<f64>,
    /// What a player has to add, where the bytes are not levelled.
    pub gain_db: f64,
    /// Peaks of the wave in parts of equal length, a byte each.
    pub peaks: Vec<u8>,
}

/// Makes an upload ready for a card.
///
/// # Errors
/// [`MediaError`] when the upload must not come in.
pub fn prepare(bytes: &[u8], file_name: &str, _wishes: Wishes) -> Result<Prepared, MediaError> {
    let info = inspect(bytes, file_name)?;
    let content = match info.content {
        Content::Image(picture) => PreparedContent::Image(PreparedImage {
            width_px: picture.width_px,
            height_px: picture.height_px,
            frames: picture.frames,
            thumbhash: Vec::new(),
        }),
        Content::Audio(sound) => PreparedContent::Audio(PreparedAudio {
            duration_ms: u64::from(sound.duration_ms),
            lufs: None,
            gain_db: 0.0,
            peaks: Vec::new(),
        }),
    };
    Ok(Prepared {
        bytes: bytes.to_vec(),
        mime: info.mime,
        name: info.name,
        content,
        notes: Vec::new(),
    })
}
