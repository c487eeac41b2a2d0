//! Walks the chunks of a PNG or APNG, and copies it without metadata. Format: PNG Specification, Third Edition, sections 5 and 11.

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

/// Chunks that are the picture, its colours and its animation. Everything else says something about it.
const KEPT: [&[u8; 4]; 18] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP",
    b"sBIT", b"bKGD", b"pHYs", b"mDCV", b"cLLI", b"acTL", b"fcTL", b"fdAT",
];

/// Copies the picture without text, times, EXIF, private chunks and what stands behind the end; of the EXIF the orientation
/// stays if it is not upright.
pub(super) fn strip(bytes: &[u8], orientation: u8) -> Option<Vec<u8>> {
    let mut reader = Reader::new(bytes);
    let mut out = Vec::with_capacity(bytes.len() + 38);
    out.extend(reader.take(8)?);
    loop {
        let before = reader.rest();
        let (kind, body) = chunk(&mut reader)?;
        // Length, type and checksum are 12 bytes around it.
        let whole = before.get(..body.len() + 12)?;
        if KEPT.contains(&&kind) {
            out.extend(whole);
        } else if kind.first()?.is_ascii_uppercase() {
            // The picture cannot be understood without it, and nobody here knows what it is.
            return None;
        }
        if &kind == b"IHDR" && orientation != exif::UPRIGHT {
            let note = [&b"eXIf"[..], &exif::only_orientation(orientation)].concat();
            out.extend(26_u32.to_be_bytes());
            out.extend(&note);
            out.extend(checksum(&note).to_be_bytes());
        }
        if &kind == b"IEND" {
            return Some(out);
        }
    }
}

/// The CRC of a chunk's type and body (PNG Specification annex D), bit by bit: only the 30 bytes above need it.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

/// Takes one chunk: length, type, body, checksum.
fn chunk<'a>(reader: &mut Reader<'a>) -> Option<([u8; 4], &'a [u8])> {
    let length = reader.u32_be()?;
    let kind = reader.array()?;
    let body = reader.take_u32(length)?;
    reader.take(4)?;
    Some((kind, body))
}
