//! Walks the chunks of a PNG or APNG. Format: PNG Specification, Third Edition, sections 5 and 11.

use super::{Outline, exif};
use crate::reader::Reader;

/// Finds size, frames and orientation. Checksums are the decoder's to check.
pub(super) fn outline(bytes: &[u8]) -> Result<Outline, &'static str> {
    const SHORT: &str = "it ends early";
    let mut reader = Reader::new(bytes);
    if reader.take(8) != Some(b"\x89PNG\r\n\x1a\n") {
        return Err("it does not begin as a PNG");
    }
    let (kind, header) = chunk(&mut reader).ok_or(SHORT)?;
    let mut header = Reader::new(header);
    let (b"IHDR", Some(width_px), Some(height_px)) = (&kind, header.u32_be(), header.u32_be())
    else {
        return Err("its header cannot be read");
    };
    let mut outline = Outline {
        width_px,
        height_px,
        frames: 1,
        orientation: exif::UPRIGHT,
    };
    let mut has_pixels = false;
    loop {
        let (kind, body) = chunk(&mut reader).ok_or(SHORT)?;
        match &kind {
            b"IEND" => break,
            b"IDAT" => has_pixels = true,
            b"IHDR" => return Err("it has two headers"),
            b"acTL" => outline.frames = Reader::new(body).u32_be().ok_or(SHORT)?,
            b"eXIf" => outline.orientation = exif::orientation(body),
            _ => {}
        }
    }
    if has_pixels {
        Ok(outline)
    } else {
        Err("it has no pixels")
    }
}

/// Takes one chunk: length, type, body, checksum.
fn chunk<'a>(reader: &mut Reader<'a>) -> Option<([u8; 4], &'a [u8])> {
    let length = reader.u32_be()?;
    let kind = reader.array()?;
    let body = reader.take_u32(length)?;
    reader.take(4)?;
    Some((kind, body))
}
