//! Which bytes of a picture are stored: the upload without its metadata, or a smaller copy where that is worth it.
//!
//! The copy without metadata is made by copying bytes, never by encoding anew, and then held against the upload: both must
//! show the same pixels. A smaller copy is upright and in sRGB, so it needs neither orientation nor profile.

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageEncoder, RgbaImage};

use super::decode::{Decoded, decode, fingerprint_animation};
use super::{Outline, PictureError, gif, jpeg, outline, png, show, webp};
use crate::limit;
use crate::mime::Mime;
use crate::prepare::{PreparedImage, Wishes};

/// A picture that is ready to be stored.
pub(crate) struct Made {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mime: Mime,
    pub(crate) image: PreparedImage,
    pub(crate) notes: Vec<String>,
}

/// Strips, decodes, compares, and chooses.
pub(crate) fn prepare(mime: Mime, bytes: &[u8], wishes: Wishes) -> Result<Made, PictureError> {
    let outline = outline(mime, bytes)?;
    let Stripped {
        bytes: stripped,
        is_whole,
    } = strip(mime, bytes, &outline)?;
    let decoded = decode_both(mime, bytes, &stripped, &outline)?;
    let mut notes = Vec::new();
    if !is_whole {
        notes.push("The picture ends early: its lower part may be missing.".to_owned());
    }
    let shown = show::show(decoded, outline.orientation, limit::COPY_SIDE_PX)?;
    let thumbhash = show::placeholder(&shown)?;
    let frames = outline.frames;
    if wants_copy(mime, &stripped, &outline, wishes) {
        let copy = encode(&shown)?;
        if copy.bytes.len() * 100 <= stripped.len() * limit::COPY_PERCENT_MAX {
            return Ok(Made {
                bytes: copy.bytes,
                mime: copy.mime,
                image: PreparedImage {
                    width_px: shown.width(),
                    height_px: shown.height(),
                    frames,
                    thumbhash,
                },
                notes,
            });
        }
    }
    let size = outline.shown();
    Ok(Made {
        bytes: stripped,
        mime,
        image: PreparedImage {
            width_px: size.width_px,
            height_px: size.height_px,
            frames,
            thumbhash,
        },
        notes,
    })
}

/// Decodes the upload and its copy without metadata, and gives the copy's pixels if both show the same. Not at the same time:
/// one of them may be all the memory there is.
fn decode_both(
    mime: Mime,
    bytes: &[u8],
    stripped: &[u8],
    outline: &Outline,
) -> Result<Decoded, PictureError> {
    let is_animated = outline.frames > 1;
    let fingerprint = if is_animated {
        fingerprint_animation(mime, bytes, outline)?
    } else {
        decode(mime, bytes, outline)?.fingerprint()
    };
    if is_animated && fingerprint_animation(mime, stripped, outline)? != fingerprint {
        return Err(PictureError::Undecodable);
    }
    let decoded = decode(mime, stripped, outline)?;
    if is_animated || decoded.fingerprint() == fingerprint {
        Ok(decoded)
    } else {
        Err(PictureError::Undecodable)
    }
}

/// A picture without metadata.
struct Stripped {
    bytes: Vec<u8>,
    /// False if it ends before its end.
    is_whole: bool,
}

fn strip(mime: Mime, bytes: &[u8], outline: &Outline) -> Result<Stripped, PictureError> {
    let whole = |bytes: Vec<u8>| Stripped {
        bytes,
        is_whole: true,
    };
    match mime {
        Mime::Jpeg => jpeg::strip(bytes, outline.orientation).map(|stripped| Stripped {
            bytes: stripped.bytes,
            is_whole: stripped.is_whole,
        }),
        Mime::Png => png::strip(bytes, outline.orientation).map(whole),
        Mime::Webp => webp::strip(bytes, outline.orientation).map(whole),
        Mime::Gif => gif::strip(bytes).map(whole),
        Mime::Mp3 | Mime::Wav | Mime::Ogg | Mime::M4a => None,
    }
    .ok_or(PictureError::Undecodable)
}

/// Tells whether a smaller copy is worth trying. An animation would stand still in it, and ink (CMYK) would lose its colours.
fn wants_copy(mime: Mime, stripped: &[u8], outline: &Outline, wishes: Wishes) -> bool {
    let is_large = outline.width_px.max(outline.height_px) > limit::COPY_SIDE_PX
        || stripped.len() > limit::COPY_FROM_BYTES;
    let is_ink = mime == Mime::Jpeg && jpeg::head(stripped).is_ok_and(|head| head.components > 3);
    is_large && !wishes.keep_original && outline.frames == 1 && !is_ink
}

/// A smaller copy.
struct Copy {
    bytes: Vec<u8>,
    mime: Mime,
}

/// Writes shown pixels anew: JPEG, or WebP where something shows through.
fn encode(shown: &RgbaImage) -> Result<Copy, PictureError> {
    if shown.pixels().any(|pixel| pixel.0[3] != u8::MAX) {
        return Ok(Copy {
            bytes: show::encode_webp(shown, limit::COPY_QUALITY)?,
            mime: Mime::Webp,
        });
    }
    let colours = DynamicImage::ImageRgba8(shown.clone()).into_rgb8();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, limit::COPY_QUALITY)
        .write_image(
            &colours,
            colours.width(),
            colours.height(),
            image::ExtendedColorType::Rgb8,
        )
        .map_err(|_| PictureError::Undecodable)?;
    Ok(Copy {
        bytes,
        mime: Mime::Jpeg,
    })
}
