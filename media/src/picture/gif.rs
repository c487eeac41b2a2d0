//! Walks the blocks of a GIF and counts its frames. Format: GIF89a specification, sections 17 to 27.

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
