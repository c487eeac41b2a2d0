//! Walks the RIFF chunks of a WebP, and copies it without metadata. Format: WebP Container Specification; RFC 6386 section 9.1 (lossy frame header);
//! WebP Lossless Bitstream Specification section 3 (lossless header).

use super::{Outline, exif};
use crate::reader::Reader;

const SHORT: &str = "it ends early";

/// Finds the canvas, the frames and the orientation.
pub(super) fn outline(bytes: &[u8]) -> Result<Outline, &'static str> {
    let mut reader = body(bytes)?;
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
            // Without the extended header no reader looks for it.
            b"EXIF" if canvas.is_some() => orientation = exif::orientation(body),
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

/// Gives the chunks. What stands behind the length that the file states is not part of the picture.
fn body(bytes: &[u8]) -> Result<Reader<'_>, &'static str> {
    let mut file = Reader::new(bytes);
    let (Some(b"RIFF"), Some(length), Some(b"WEBP")) = (file.take(4), file.u32_le(), file.take(4))
    else {
        return Err("it does not begin as a WebP");
    };
    // The length counts the "WEBP" just taken.
    let body = length.checked_sub(4).and_then(|body| file.take_u32(body));
    body.map(Reader::new).ok_or(SHORT)
}

const HAS_PROFILE: u8 = 0x20;
const HAS_ALPHA: u8 = 0x10;
const HAS_EXIF: u8 = 0x08;
const IS_ANIMATED: u8 = 0x02;

/// Copies the picture without EXIF, XMP, unknown chunks and what stands behind the end; of the EXIF the orientation stays
/// if it is not upright. Of chunks that may come once only the first is kept.
pub(super) fn strip(bytes: &[u8], orientation: u8) -> Option<Vec<u8>> {
    let mut reader = body(bytes).ok()?;
    let mut chunks: Vec<([u8; 4], Vec<u8>)> = Vec::new();
    while !reader.is_empty() {
        let (kind, body) = chunk(&mut reader)?;
        let is_new = chunks.iter().all(|(known, _)| *known != kind);
        match &kind {
            b"ANMF" => chunks.push((kind, strip_frame(body)?)),
            b"VP8X" | b"ICCP" | b"ANIM" | b"ALPH" if is_new => chunks.push((kind, body.to_vec())),
            b"VP8 " | b"VP8L" if !has_pixels(&chunks) => chunks.push((kind, body.to_vec())),
            _ => {}
        }
    }
    let has_profile = chunks.iter().any(|(kind, _)| kind == b"ICCP");
    let header = chunks.iter_mut().find(|(kind, _)| kind == b"VP8X");
    if let Some((_, header)) = header {
        // One byte of flags, three reserved, and the canvas.
        header.truncate(10);
        let [flags, reserved @ ..] = header.first_chunk_mut::<4>()?;
        *flags &= HAS_ALPHA | IS_ANIMATED | HAS_PROFILE;
        if !has_profile {
            *flags &= !HAS_PROFILE;
        }
        *reserved = [0; 3];
        if orientation != exif::UPRIGHT {
            *flags |= HAS_EXIF;
            chunks.push((*b"EXIF", exif::only_orientation(orientation).to_vec()));
        }
    } else {
        chunks.retain(|(kind, _)| matches!(kind, b"VP8 " | b"VP8L"));
    }
    let mut out = b"RIFF\0\0\0\0WEBP".to_vec();
    write(&chunks, &mut out)?;
    let length = u32::try_from(out.len() - 8).ok()?.to_le_bytes();
    out.get_mut(4..8)?.copy_from_slice(&length);
    Some(out)
}

fn has_pixels(chunks: &[([u8; 4], Vec<u8>)]) -> bool {
    chunks
        .iter()
        .any(|(kind, _)| matches!(kind, b"VP8 " | b"VP8L"))
}

/// Copies one frame of an animation: its place and time, its alpha and its pixels.
fn strip_frame(body: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(body);
    let mut out = reader.take(16)?.to_vec();
    let mut chunks = Vec::new();
    while !reader.is_empty() && !has_pixels(&chunks) {
        let (kind, body) = chunk(&mut reader)?;
        if matches!(&kind, b"ALPH" | b"VP8 " | b"VP8L") {
            chunks.push((kind, body.to_vec()));
        }
    }
    write(&chunks, &mut out)?;
    Some(out)
}

fn write(chunks: &[([u8; 4], Vec<u8>)], out: &mut Vec<u8>) -> Option<()> {
    for (kind, body) in chunks {
        out.extend(kind);
        out.extend(u32::try_from(body.len()).ok()?.to_le_bytes());
        out.extend(body);
        if body.len() % 2 == 1 {
            out.push(0);
        }
    }
    Some(())
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
