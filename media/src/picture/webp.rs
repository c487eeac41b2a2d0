//! Walks the RIFF chunks of a WebP. Format: WebP Container Specification; RFC 6386 section 9.1 (lossy frame header);
//! WebP Lossless Bitstream Specification section 3 (lossless header).

use super::{Outline, exif};
use crate::reader::Reader;

const SHORT: &str = "it ends early";

/// Finds the canvas, the frames and the orientation.
pub(super) fn outline(bytes: &[u8]) -> Result<Outline, &'static str> {
    let mut file = Reader::new(bytes);
    let (Some(b"RIFF"), Some(length), Some(b"WEBP")) = (file.take(4), file.u32_le(), file.take(4))
    else {
        return Err("it does not begin as a WebP");
    };
    // The length counts the "WEBP" just taken. What stands behind it is not part of the picture.
    let mut reader = Reader::new(
        length
            .checked_sub(4)
            .and_then(|body| file.take_u32(body))
            .ok_or(SHORT)?,
    );
    let mut canvas = None;
    let mut still = None;
    let mut frames = 0_u32;
    let mut orientation = exif::UPRIGHT;
    while !reader.is_empty() {
        let (kind, body) = chunk(&mut reader).ok_or(SHORT)?;
        match &kind {
            b"VP8X" => canvas = Some(extended(body).ok_or(SHORT)?),
            b"VP8 " => still = still.or(lossy(body)),
            b"VP8L" => still = still.or(lossless(body)),
            b"ANMF" => frames = frames.saturating_add(1),
            b"EXIF" => orientation = exif::orientation(body),
            _ => {}
        }
    }
    if still.is_none() && frames == 0 {
        return Err("it has no pixels");
    }
    let (width_px, height_px) = canvas.or(still).ok_or("its size cannot be read")?;
    Ok(Outline {
        width_px,
        height_px,
        frames: frames.max(1),
        orientation,
    })
}

/// Takes one chunk: type, length, body, and the padding byte behind an odd length (absent at the end of some files).
fn chunk<'a>(reader: &mut Reader<'a>) -> Option<([u8; 4], &'a [u8])> {
    let kind = reader.array()?;
    let length = reader.u32_le()?;
    let body = reader.take_u32(length)?;
    if length % 2 == 1 && !reader.is_empty() {
        reader.take(1)?;
    }
    Some((kind, body))
}

fn extended(body: &[u8]) -> Option<(u32, u32)> {
    let mut reader = Reader::new(body);
    reader.take(4)?;
    Some((reader.u24_le()? + 1, reader.u24_le()? + 1))
}

fn lossy(body: &[u8]) -> Option<(u32, u32)> {
    let mut reader = Reader::new(body);
    let [tag, _, _] = reader.array::<3>()?;
    // Bit 0 clear is a key frame; only that carries a size.
    (tag & 1 == 0 && reader.take(3)? == b"\x9d\x01\x2a").then_some(())?;
    Some((
        u32::from(reader.u16_le()? & 0x3fff),
        u32::from(reader.u16_le()? & 0x3fff),
    ))
}

fn lossless(body: &[u8]) -> Option<(u32, u32)> {
    let mut reader = Reader::new(body);
    (reader.u8()? == 0x2f).then_some(())?;
    let bits = reader.u32_le()?;
    Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
}
