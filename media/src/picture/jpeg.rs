//! Walks the segments of a JPEG up to its first scan. Format: ITU-T T.81 annex B.

use super::{Outline, exif};
use crate::reader::Reader;

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP1: u8 = 0xe1;
const TEM: u8 = 0x01;

/// Finds width, height and orientation. Frame headers of baseline, extended and progressive pictures with 8 bits a
/// sample are known; other modes (lossless, arithmetic, 12 bits) no browser shows.
pub(super) fn outline(bytes: &[u8]) -> Result<Outline, &'static str> {
    const SHORT: &str = "it ends before its first scan";
    let mut reader = Reader::new(bytes);
    if reader.array() != Some([0xff, SOI]) {
        return Err("it does not begin as a JPEG");
    }
    let mut size = None;
    let mut orientation = exif::UPRIGHT;
    loop {
        match next_marker(&mut reader).ok_or(SHORT)? {
            SOI | EOI => return Err("it holds no picture"),
            TEM | 0xd0..=0xd7 => {}
            marker => {
                let length = usize::from(reader.u16_be().ok_or(SHORT)?);
                let body = length
                    .checked_sub(2)
                    .and_then(|body| reader.take(body))
                    .ok_or(SHORT)?;
                match marker {
                    SOS => break,
                    APP1 if body.starts_with(b"Exif\0\0") => orientation = exif::orientation(body),
                    0xc0..=0xc2 => {
                        size = Some(frame(body).ok_or("its frame header cannot be read")?)
                    }
                    // The rest of the frame headers; C4, C8 and CC are tables.
                    0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                        return Err("it uses a JPEG mode that browsers do not show");
                    }
                    _ => {}
                }
            }
        }
    }
    if reader.is_empty() {
        return Err(SHORT);
    }
    let (width_px, height_px) = size.ok_or("it has no frame header")?;
    Ok(Outline {
        width_px,
        height_px,
        frames: 1,
        orientation,
    })
}

/// Steps over fill bytes to the next marker.
fn next_marker(reader: &mut Reader<'_>) -> Option<u8> {
    if reader.u8()? != 0xff {
        return None;
    }
    loop {
        match reader.u8()? {
            0xff => {}
            marker => return Some(marker),
        }
    }
}

/// Width and height in a frame header of 8 bits a sample.
fn frame(body: &[u8]) -> Option<(u32, u32)> {
    let mut reader = Reader::new(body);
    (reader.u8()? == 8).then_some(())?;
    let height = reader.u16_be()?;
    let width = reader.u16_be()?;
    Some((u32::from(width), u32::from(height)))
}
