//! Pictures: their size by walking the container, their copy without metadata, their pixels, their thumbnails.
//!
//! One walker a format in `picture/`. Each follows the whole file as far as it goes, so a picture that ends early is
//! noticed, animation frames are counted and the orientation is known; nothing is allocated by a number from the file. The
//! bounds are checked here, once, and before anything is decoded.

mod canonical;
mod decode;
mod exif;
mod gif;
mod jpeg;
mod png;
mod show;
mod webp;

use crate::limit;
use crate::mime::Mime;

pub(crate) use canonical::prepare;
pub(crate) use show::{pixels, thumbnails};

/// Size of a picture as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels after its orientation is applied.
    pub width_px: u32,
    /// Height in pixels after its orientation is applied.
    pub height_px: u32,
    /// Number of frames; 1 for a still picture.
    pub frames: u32,
}

/// What a walker found, before the bounds and the orientation.
#[derive(Clone, Copy, Debug)]
struct Outline {
    width_px: u32,
    height_px: u32,
    frames: u32,
    /// EXIF orientation 1 to 8.
    orientation: u8,
}

/// Why a picture is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PictureError {
    #[error("{0}")]
    Damaged(&'static str),
    #[error(
        "it is {width_px} x {height_px} pixels; at most {side} a side and {pixels} in all are allowed. Make it smaller and add it again",
        side = limit::IMAGE_SIDE_PX_MAX,
        pixels = limit::IMAGE_PIXELS_MAX
    )]
    TooManyPixels { width_px: u32, height_px: u32 },
    #[error(
        "its animation has {frames} frames of {width_px} x {height_px} pixels; at most {most} frames and {pixels} pixels in all are allowed. Shorten it and add it again",
        most = limit::ANIMATION_FRAMES_MAX,
        pixels = limit::ANIMATION_PIXELS_MAX
    )]
    LongAnimation {
        frames: u32,
        width_px: u32,
        height_px: u32,
    },
    #[error(
        "decoding it would take more than {} MB of memory. Make it smaller and add it again",
        limit::DECODING_BYTES_MAX / 1_000_000
    )]
    TooMuchMemory,
    #[error(
        "its pixels are damaged. Open it in a picture program, save it as a new file and add that"
    )]
    Undecodable,
}

/// Measures a picture of a known type and holds it against the bounds.
pub(crate) fn measure(mime: Mime, bytes: &[u8]) -> Result<Picture, PictureError> {
    outline(mime, bytes).map(|outline| outline.shown())
}

/// Walks a picture of a known type and holds it against the bounds.
fn outline(mime: Mime, bytes: &[u8]) -> Result<Outline, PictureError> {
    let outline = match mime {
        Mime::Jpeg => jpeg::outline(bytes),
        Mime::Png => png::outline(bytes),
        Mime::Gif => gif::outline(bytes),
        Mime::Webp => webp::outline(bytes),
        Mime::Mp3 | Mime::Wav | Mime::Ogg | Mime::M4a => Err("it is a sound, not a picture"),
    }
    .map_err(PictureError::Damaged)?;
    let Outline {
        width_px,
        height_px,
        frames,
        ..
    } = outline;
    if width_px == 0 || height_px == 0 || frames == 0 {
        return Err(PictureError::Damaged("it has no pixels"));
    }
    let pixels = u64::from(width_px) * u64::from(height_px);
    if width_px.max(height_px) > limit::IMAGE_SIDE_PX_MAX || pixels > limit::IMAGE_PIXELS_MAX {
        return Err(PictureError::TooManyPixels {
            width_px,
            height_px,
        });
    }
    let painted = pixels.saturating_mul(u64::from(frames));
    if frames > 1 && (frames > limit::ANIMATION_FRAMES_MAX || painted > limit::ANIMATION_PIXELS_MAX)
    {
        return Err(PictureError::LongAnimation {
            frames,
            width_px,
            height_px,
        });
    }
    Ok(outline)
}

impl Outline {
    /// Gives the size as it is shown: orientations from 5 on lie on their side.
    fn shown(&self) -> Picture {
        let (width_px, height_px) = if self.orientation >= 5 {
            (self.height_px, self.width_px)
        } else {
            (self.width_px, self.height_px)
        };
        Picture {
            width_px,
            height_px,
            frames: self.frames,
        }
    }
}
