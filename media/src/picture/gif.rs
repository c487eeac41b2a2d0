//! Walks the blocks of a GIF, counts its frames, and copies it without metadata. Format: GIF89a specification, sections 17 to 27.

use super::{Outline, exif};
use crate::reader::Reader;

const SHORT: &str = "it ends early";

/// Finds the canvas and the number of frames. A missing trailer is forgiven when the last block is whole: many
/// encoders left it out.
pub(super) fn outline(bytes: &[u8]) -> Result<Outline, &'static str> {
    let mut reader = Reader::new(bytes);
    if !matches!(reader.take(6), Some(b"GIF87a" | b"GIF89a")) {
        return Err("it does not begin as a GIF");
    }
    let (Some(width), Some(height), Some(flags), Some(_)) = (
        reader.u16_le(),
        reader.u16_le(),
        reader.u8(),
        reader.take(2),
    ) else {
        return Err(SHORT);
    };
    skip_colours(&mut reader, flags).ok_or(SHORT)?;
    let mut frames = 0_u32;
    while let Some(block) = reader.u8() {
        match block {
            0x2c => {
                skip_frame(&mut reader).ok_or(SHORT)?;
                frames = frames.saturating_add(1);
            }
            0x21 => reader
                .u8()
                .and_then(|_| skip_parts(&mut reader))
                .ok_or(SHORT)?,
            0x3b => break,
            _ => return Err("it holds an unknown block"),
        }
    }
    Ok(Outline {
        width_px: u32::from(width),
        height_px: u32::from(height),
        frames,
        orientation: exif::UPRIGHT,
    })
}

/// What stands in an application extension that may stay: how often the animation runs.
const LOOP_KEEPERS: [&[u8; 11]; 2] = [b"NETSCAPE2.0", b"ANIMEXTS1.0"];

/// Copies the picture without comments, plain text, other programs' extensions and what stands behind the end.
pub(super) fn strip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(bytes);
    let mut out = Vec::with_capacity(bytes.len());
    copy(&mut reader, &mut out, |head| {
        let flags = head.take(13)?.get(10).copied()?;
        skip_colours(head, flags)
    })?;
    // How the next image is shown. It goes if that image is a plain text, which no program draws.
    let mut control = None;
    while let Some(block) = reader.u8() {
        match block {
            0x2c => {
                if let Some(control) = control.take() {
                    out.extend([0x21, 0xf9, 4]);
                    out.extend::<[u8; 4]>(control);
                    out.push(0);
                }
                out.push(block);
                copy(&mut reader, &mut out, skip_frame)?;
            }
            0x21 => {
                let label = reader.u8()?;
                let mut parts = reader;
                skip_parts(&mut reader)?;
                match label {
                    0xf9 if parts.u8()? == 4 => control = Some(parts.array()?),
                    0xff => out.extend(loop_count(parts).unwrap_or_default()),
                    0x01 => control = None,
                    _ => {}
                }
            }
            0x3b => break,
            _ => return None,
        }
    }
    out.push(0x3b);
    Some(out)
}

/// Copies as much as `walk` steps over.
fn copy(
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
    walk: impl Fn(&mut Reader<'_>) -> Option<()>,
) -> Option<()> {
    let before = reader.rest();
    walk(reader)?;
    out.extend(before.get(..before.len() - reader.rest().len())?);
    Some(())
}

/// Writes an application extension again if all it says is how often the animation runs.
fn loop_count(mut parts: Reader<'_>) -> Option<Vec<u8>> {
    let keeper = (parts.u8()? == 11).then(|| parts.array::<11>())??;
    let [length, kind, low, high] = parts.array::<4>()?;
    let is_loop = LOOP_KEEPERS.contains(&&keeper) && length == 3 && kind == 1;
    is_loop.then(|| [&b"\x21\xff\x0b"[..], &keeper, &[3, 1, low, high, 0]].concat())
}

/// Steps over one image: position and size, its own colours, the code size and the compressed parts.
fn skip_frame(reader: &mut Reader<'_>) -> Option<()> {
    reader.take(8)?;
    let flags = reader.u8()?;
    skip_colours(reader, flags)?;
    reader.u8()?;
    skip_parts(reader)
}

/// Steps over the colour table that the flags announce: 3 * 2^(n+1) bytes.
fn skip_colours(reader: &mut Reader<'_>, flags: u8) -> Option<()> {
    if flags & 0x80 != 0 {
        reader.take(6_usize << (flags & 0x07))?;
    }
    Some(())
}

/// Steps over sub-blocks up to the empty one.
fn skip_parts(reader: &mut Reader<'_>) -> Option<()> {
    loop {
        match reader.u8()? {
            0 => return Some(()),
            length => reader.take(usize::from(length))?,
        };
    }
}
