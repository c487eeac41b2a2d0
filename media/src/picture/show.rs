//! From decoded pixels to what a screen shows: smaller, in sRGB, upright. Thumbnails and placeholders are made of it.
//!
//! Order: shrink, then colours, then turn, because each step costs by the pixel. Alpha is multiplied in before shrinking and
//! divided out after, in place: a copy of the whole picture would double the memory. One thread, so the same bytes each time.

use fast_image_resize::{FilterType, MulDiv, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use super::decode::{Decoded, decode};
use super::{PictureError, outline};
use crate::limit;
use crate::mime::Mime;
use crate::prepare::Pixels;

/// Makes thumbnails that fit squares of these sides, as lossy WebP; a picture that is smaller stays as small as it is.
pub(crate) fn thumbnails(
    mime: Mime,
    bytes: &[u8],
    sides_px: &[u32],
) -> Result<Vec<Vec<u8>>, PictureError> {
    let outline = outline(mime, bytes)?;
    let shown_at = |side: u32| {
        let decoded = decode(mime, bytes, &outline)?;
        show(decoded, outline.orientation, side)
    };
    // All small ones come from the same picture of this size, whatever else is asked for in the same call.
    let mut base = None;
    let mut made = Vec::new();
    for side in sides_px.iter().copied() {
        let thumbnail = if side > limit::THUMBNAIL_SIDE_PX {
            shown_at(side)?
        } else {
            let base = match &mut base {
                Some(base) => base,
                none => none.insert(shown_at(limit::THUMBNAIL_SIDE_PX)?),
            };
            shrink_shown(base, side)?
        };
        made.push(encode_webp(&thumbnail, limit::THUMBNAIL_QUALITY)?);
    }
    Ok(made)
}

/// The pixels of a picture that fit a square of this side.
pub(crate) fn pixels(mime: Mime, bytes: &[u8], side_px: u32) -> Result<Pixels, PictureError> {
    let outline = outline(mime, bytes)?;
    let shown = show(decode(mime, bytes, &outline)?, outline.orientation, side_px)?;
    Ok(Pixels {
        width_px: shown.width(),
        height_px: shown.height(),
        rgba: shown.into_raw(),
    })
}

/// Computes the placeholder of a picture that is shown: its ThumbHash.
pub(super) fn placeholder(shown: &RgbaImage) -> Result<Vec<u8>, PictureError> {
    let small = shrink_shown(shown, limit::PLACEHOLDER_SIDE_PX)?;
    let side = |px: u32| usize::try_from(px).unwrap_or_default();
    Ok(thumbhash::rgba_to_thumb_hash(
        side(small.width()),
        side(small.height()),
        small.as_raw(),
    ))
}

/// Writes shown pixels as lossy WebP.
pub(super) fn encode_webp(shown: &RgbaImage, quality: u8) -> Result<Vec<u8>, PictureError> {
    webp_encode::encode_rgba(shown.as_raw(), shown.width(), shown.height(), quality)
        .map_err(|_| PictureError::Undecodable)
}

/// Turns decoded pixels into what a screen shows, fitting a square of this side.
pub(super) fn show(
    decoded: Decoded,
    orientation: u8,
    side_px: u32,
) -> Result<RgbaImage, PictureError> {
    let Decoded { pixels, profile } = decoded;
    let mut small = shrink(pixels, side_px)?.into_rgba8();
    if let Some(profile) = profile {
        to_srgb(&mut small, &profile);
    }
    let mut upright = DynamicImage::ImageRgba8(small);
    upright.apply_orientation(
        Orientation::from_exif(orientation).unwrap_or(Orientation::NoTransforms),
    );
    Ok(upright.into_rgba8())
}

fn shrink_shown(shown: &RgbaImage, side_px: u32) -> Result<RgbaImage, PictureError> {
    shrink(DynamicImage::ImageRgba8(shown.clone()), side_px).map(DynamicImage::into_rgba8)
}

/// Shrinks to fit a square of this side, keeping the shape (each side at least a pixel); never enlarges.
fn shrink(mut pixels: DynamicImage, side_px: u32) -> Result<DynamicImage, PictureError> {
    let (width, height) = (pixels.width(), pixels.height());
    let longest = width.max(height);
    if longest <= side_px {
        return Ok(pixels);
    }
    let fit = |side: u32| {
        let rounded =
            (u64::from(side) * u64::from(side_px) + u64::from(longest) / 2) / u64::from(longest);
        u32::try_from(rounded).unwrap_or(side_px).max(1)
    };
    let has_alpha = pixels.color().has_alpha();
    let alpha = MulDiv::new();
    if has_alpha {
        alpha
            .multiply_alpha_inplace(&mut pixels)
            .map_err(|_| PictureError::Undecodable)?;
    }
    let mut small = DynamicImage::new(fit(width), fit(height), pixels.color());
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .use_alpha(false);
    Resizer::new()
        .resize(&pixels, &mut small, &options)
        .map_err(|_| PictureError::Undecodable)?;
    drop(pixels);
    if has_alpha {
        alpha
            .divide_alpha_inplace(&mut small)
            .map_err(|_| PictureError::Undecodable)?;
    }
    Ok(small)
}

/// Converts pixels to sRGB. A profile that cannot be read, or is not one of red, green and blue, is left out, as browsers do.
fn to_srgb(pixels: &mut RgbaImage, profile: &[u8]) {
    let Ok(from) = ColorProfile::new_from_slice(profile) else {
        return;
    };
    if from.color_space != DataColorSpace::Rgb {
        return;
    }
    let options = TransformOptions::default();
    let to = ColorProfile::new_srgb();
    let Ok(transform) = from.create_transform_8bit(Layout::Rgba, &to, Layout::Rgba, options) else {
        return;
    };
    let mut converted = vec![0; pixels.as_raw().len()];
    if transform.transform(pixels.as_raw(), &mut converted).is_ok() {
        pixels.copy_from_slice(&converted);
    }
}
