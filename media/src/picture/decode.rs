//! Pixels out of a picture whose bounds are known. Memory and time are bounded before anything is decoded.
//!
//! Each format goes to the one decoder that is right about it. A decoder that panics costs the picture, not the program.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::{gif::GifDecoder, jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder};
use image::{AnimationDecoder, DynamicImage, Frames, ImageDecoder, ImageResult, Limits};

use super::{Outline, PictureError, jpeg};
use crate::limit;
use crate::mime::Mime;

/// A picture as its file stores it: not turned yet, in its own colours.
pub(super) struct Decoded {
    pub(super) pixels: DynamicImage,
    /// Colour profile, if it has one of a sensible size.
    pub(super) profile: Option<Vec<u8>>,
}

/// Decodes a still picture or the first frame of an animation.
pub(super) fn decode(mime: Mime, bytes: &[u8], outline: &Outline) -> Result<Decoded, PictureError> {
    check_memory(mime, bytes, outline)?;
    guard(|| match mime {
        Mime::Jpeg if jpeg::head(bytes).is_ok_and(|head| head.needs_other_decoder()) => {
            decode_scans(bytes).ok_or(PictureError::Undecodable)
        }
        Mime::Jpeg => finish(JpegDecoder::new(Cursor::new(bytes))),
        Mime::Png => finish(png(bytes)),
        Mime::Gif => finish(gif(bytes, outline)),
        Mime::Webp => finish(WebPDecoder::new(Cursor::new(bytes))),
        Mime::Mp3 | Mime::Wav | Mime::Ogg | Mime::M4a => Err(PictureError::Undecodable),
    })
}

impl Decoded {
    /// Names what the picture shows: the BLAKE3 of its pixels and their shape.
    pub(super) fn fingerprint(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.pixels.width().to_le_bytes());
        hasher.update(&[self.pixels.color().bytes_per_pixel()]);
        hasher.update(self.pixels.as_bytes());
        hasher.finalize()
    }
}

/// Names what an animation shows: the BLAKE3 of the pixels, places and times of all its frames.
pub(super) fn fingerprint_animation(
    mime: Mime,
    bytes: &[u8],
    outline: &Outline,
) -> Result<blake3::Hash, PictureError> {
    check_memory(mime, bytes, outline)?;
    guard(|| hash_animation(mime, bytes, outline).ok_or(PictureError::Undecodable))
}

fn hash_animation(mime: Mime, bytes: &[u8], outline: &Outline) -> Option<blake3::Hash> {
    let frames = match mime {
        Mime::Gif => gif(bytes, outline).ok()?.into_frames(),
        Mime::Webp => WebPDecoder::new(Cursor::new(bytes)).ok()?.into_frames(),
        Mime::Png => png(bytes).ok()?.apng().ok()?.into_frames(),
        _ => return None,
    };
    hash_frames(frames)
}

fn hash_frames(frames: Frames<'_>) -> Option<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut count = 0;
    for frame in frames {
        let frame = frame.ok()?;
        count += 1;
        if count > limit::ANIMATION_FRAMES_MAX {
            return None;
        }
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        for number in [
            frame.left(),
            frame.top(),
            frame.buffer().width(),
            numerator,
            denominator,
        ] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(frame.buffer().as_raw());
    }
    (count > 0).then(|| hasher.finalize())
}

/// Refuses a picture that would need more memory while it is decoded than a small device has. An estimate from above: the
/// finished picture and what its decoder holds beside it.
fn check_memory(mime: Mime, bytes: &[u8], outline: &Outline) -> Result<(), PictureError> {
    let pixels = u64::from(outline.width_px) * u64::from(outline.height_px);
    let is_animated = outline.frames > 1;
    let needed = match mime {
        Mime::Jpeg => {
            let head = jpeg::head(bytes).map_err(PictureError::Damaged)?;
            pixels * u64::from(head.components.min(3)) + head.coefficient_bytes()
        }
        // What a pixel really takes is checked where the decoder has read its header; no working memory besides.
        Mime::Png if !is_animated => pixels * 4,
        // The frame, which may be larger than the canvas, is bounded by what is left.
        Mime::Gif if !is_animated => pixels * 4,
        // Colours with alpha, then the same without it.
        Mime::Webp if !is_animated => pixels * 7,
        // The canvas, the frame on it and the copy that is handed out.
        _ => pixels * 12,
    };
    if needed > limit::DECODING_BYTES_MAX {
        return Err(PictureError::TooMuchMemory);
    }
    Ok(())
}

/// Opens a PNG. The bound is on its inflated profile and text, and on the frames of an animation.
fn png(bytes: &[u8]) -> ImageResult<PngDecoder<Cursor<&[u8]>>> {
    PngDecoder::with_limits(Cursor::new(bytes), limits(limit::PNG_EXTRA_BYTES_MAX))
}

/// Opens a GIF. The bound is on frames, whose size is not that of the canvas.
fn gif<'a>(bytes: &'a [u8], outline: &Outline) -> ImageResult<GifDecoder<Cursor<&'a [u8]>>> {
    let canvas_bytes = u64::from(outline.width_px) * u64::from(outline.height_px) * 4;
    let mut decoder = GifDecoder::new(Cursor::new(bytes))?;
    decoder.set_limits(limits(
        limit::DECODING_BYTES_MAX.saturating_sub(canvas_bytes),
    ))?;
    Ok(decoder)
}

fn limits(bytes_max: u64) -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(bytes_max);
    limits
}

/// Reads profile and pixels, if the pixels fit: [`DynamicImage::from_decoder`] itself holds no bound against them.
fn finish(decoder: ImageResult<impl ImageDecoder>) -> Result<Decoded, PictureError> {
    let undecodable = |_| PictureError::Undecodable;
    let mut decoder = decoder.map_err(undecodable)?;
    if decoder.total_bytes() > limit::DECODED_BYTES_MAX {
        return Err(PictureError::TooMuchMemory);
    }
    let profile = decoder.icc_profile().ok().flatten();
    let pixels = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    Ok(Decoded {
        pixels,
        profile: profile.filter(|profile| profile.len() <= limit::PROFILE_BYTES_MAX),
    })
}

/// Decodes a JPEG whose components stand in scans of their own.
fn decode_scans(bytes: &[u8]) -> Option<Decoded> {
    use jpeg_decoder::PixelFormat;
    let mut decoder = jpeg_decoder::Decoder::new(Cursor::new(bytes));
    decoder.set_max_decoding_buffer_size(usize::try_from(limit::DECODED_BYTES_MAX).ok()?);
    let samples = decoder.decode().ok()?;
    let info = decoder.info()?;
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    let pixels = match info.pixel_format {
        PixelFormat::RGB24 => {
            DynamicImage::ImageRgb8(image::RgbImage::from_raw(width, height, samples)?)
        }
        PixelFormat::CMYK32 => DynamicImage::ImageRgb8(image::RgbImage::from_raw(
            width,
            height,
            ink_to_light(&samples),
        )?),
        PixelFormat::L8 | PixelFormat::L16 => return None,
    };
    let profile = decoder.icc_profile();
    Some(Decoded {
        pixels,
        profile: profile.filter(|profile| profile.len() <= limit::PROFILE_BYTES_MAX),
    })
}

/// Cyan, magenta, yellow and black to red, green and blue, without a profile: what browsers do too.
fn ink_to_light(samples: &[u8]) -> Vec<u8> {
    let (inks, _) = samples.as_chunks::<4>();
    let lit = |ink: u8, black: u8| {
        let light = u16::from(255 - ink) * u16::from(255 - black) / 255;
        u8::try_from(light).unwrap_or(u8::MAX)
    };
    inks.iter()
        .flat_map(|[c, m, y, k]| [lit(*c, *k), lit(*m, *k), lit(*y, *k)])
        .collect()
}

/// Runs a decoder whose panics (image-webp 0.2.4 has known ones) end here.
fn guard<T>(decode: impl FnOnce() -> Result<T, PictureError>) -> Result<T, PictureError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or(Err(PictureError::Undecodable))
}
