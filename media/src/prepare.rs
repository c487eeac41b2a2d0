//! An upload becomes what a card refers to: checked, free of everything that tells about its maker, and no larger than it needs.
//!
//! Bytes in, bytes out. The client calls [`prepare`] in its worker process for each upload that it does not know yet, and
//! the server for clients that cannot. [`inspect`] comes first, so the cheapest refusal does too; a picture or a sound is
//! decoded only after its bounds were held against its container.

use crate::inspect::{Content, MediaError, MediaInfo, inspect};
use crate::limit;
use crate::mime::Mime;
use crate::name::with_extension;
use crate::picture;
use crate::sound;

/// What a message calls bytes that came without a name.
const UNNAMED_PICTURE: &str = "the picture";

/// What a person may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Keep the upload's own pixels and samples, however large or loud they are. Metadata goes nevertheless, but
    /// for that of a WAV, OGG or M4A.
    pub keep_original: bool,
}

/// An upload that is ready to be stored and shared.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The canonical bytes; their BLAKE3 is the blob's name. The same upload gives the same bytes on the same build.
    pub bytes: Vec<u8>,
    /// Type of [`Self::bytes`], which is not always that of the upload.
    pub mime: Mime,
    /// Name of the upload, cleaned; its extension fits [`Self::mime`].
    pub name: String,
    /// What only a picture or only a sound has.
    pub content: PreparedContent,
    /// What a person should know though nothing was refused, each one sentence.
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

/// Shape and placeholder of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedImage {
    /// Width in pixels as it is shown, after its orientation.
    pub width_px: u32,
    /// Height in pixels as it is shown, after its orientation.
    pub height_px: u32,
    /// Number of frames; 1 for a still picture.
    pub frames: u32,
    /// ThumbHash of the picture as it is shown: 5 to 25 bytes that a page draws until the picture has come.
    pub thumbhash: Vec<u8>,
}

/// Length, loudness and waveform of a sound.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedAudio {
    /// Duration in milliseconds.
    pub duration_ms: u64,
    /// Integrated loudness of what is stored in LUFS (EBU R128); none for silence.
    pub lufs: Option<f64>,
    /// Gain in decibels that a player should add to what is stored; 0 where it is level already.
    pub gain_db: f64,
    /// Peaks of the waveform as it is to be heard, 200 of them from the beginning to the end, 255 being full scale.
    pub peaks: Vec<u8>,
}

/// Pixels in rows from the top, four bytes each: red, green, blue, opacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels in a row.
    pub width_px: u32,
    /// Rows.
    pub height_px: u32,
    /// The bytes.
    pub rgba: Vec<u8>,
}

/// Prepares an upload: checks it, strips its metadata, and makes it smaller where that is worth it.
///
/// `bytes` is the whole file, as for [`inspect`].
///
/// # Errors
/// [`MediaError`] when the upload must not come in, or when its pixels or samples cannot be decoded.
pub fn prepare(bytes: &[u8], file_name: &str, wishes: Wishes) -> Result<Prepared, MediaError> {
    let info = inspect(bytes, file_name)?;
    match info.content {
        Content::Image(_) => prepare_picture(bytes, info, wishes),
        Content::Audio(_) => prepare_sound(bytes, info, wishes),
    }
}

/// Makes a thumbnail of a picture: a WebP that fits a square of this side, upright and in sRGB. An animation gives its first
/// frame; a picture that is smaller is not enlarged. A side of 1 to [`limit::THUMBNAIL_SIDE_PX_MAX`] pixels; others count as the
/// nearest of these.
///
/// # Errors
/// [`MediaError`] when the bytes are no picture that may come in, or when its pixels cannot be decoded.
pub fn thumbnail(bytes: &[u8], side_px: u32) -> Result<Vec<u8>, MediaError> {
    let made = thumbnails(bytes, &[side_px])?;
    Ok(made.into_iter().next().unwrap_or_default())
}

/// Makes several thumbnails of one picture in one decoding, each the same as [`thumbnail`] makes alone.
///
/// # Errors
/// As [`thumbnail`].
pub fn thumbnails(bytes: &[u8], sides_px: &[u32]) -> Result<Vec<Vec<u8>>, MediaError> {
    let info = inspect(bytes, UNNAMED_PICTURE)?;
    let sides: Vec<u32> = sides_px
        .iter()
        .map(|side| (*side).clamp(1, limit::THUMBNAIL_SIDE_PX_MAX))
        .collect();
    picture::thumbnails(info.mime, bytes, &sides).map_err(|error| MediaError::Unusable {
        name: info.name,
        mime: info.mime,
        reason: error.to_string(),
    })
}

/// The pixels of a picture as a screen shows them, fitting a square of this side, upright and in sRGB: for a screen that draws
/// pixels itself. An animation gives its first frame.
///
/// # Errors
/// As [`thumbnail`].
pub fn pixels(bytes: &[u8], side_px: u32) -> Result<Pixels, MediaError> {
    let info = inspect(bytes, UNNAMED_PICTURE)?;
    let side_px = side_px.clamp(1, limit::THUMBNAIL_SIDE_PX_MAX);
    picture::pixels(info.mime, bytes, side_px).map_err(|error| MediaError::Unusable {
        name: info.name,
        mime: info.mime,
        reason: error.to_string(),
    })
}

fn prepare_picture(bytes: &[u8], info: MediaInfo, wishes: Wishes) -> Result<Prepared, MediaError> {
    let MediaInfo { mime, name, .. } = info;
    match picture::prepare(mime, bytes, wishes) {
        Ok(made) => Ok(Prepared {
            name: with_extension(name, made.mime),
            bytes: made.bytes,
            mime: made.mime,
            content: PreparedContent::Image(made.image),
            notes: made.notes,
        }),
        Err(error) => Err(MediaError::Unusable {
            name,
            mime,
            reason: error.to_string(),
        }),
    }
}

fn prepare_sound(bytes: &[u8], info: MediaInfo, wishes: Wishes) -> Result<Prepared, MediaError> {
    let MediaInfo { mime, name, .. } = info;
    match sound::ready(mime, bytes, wishes) {
        Ok(made) => Ok(Prepared {
            name: with_extension(name, made.mime),
            bytes: made.bytes,
            mime: made.mime,
            content: PreparedContent::Audio(made.audio),
            notes: made.notes,
        }),
        Err(error) => Err(MediaError::Unusable {
            name,
            mime,
            reason: error.to_string(),
        }),
    }
}
