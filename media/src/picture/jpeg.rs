//! Walks the segments of a JPEG, and copies it without metadata. Format: ITU-T T.81 annex B.

use super::{Outline, exif};
use crate::reader::Reader;

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;
const DHT: u8 = 0xc4;
const DQT: u8 = 0xdb;
const DRI: u8 = 0xdd;
const TEM: u8 = 0x01;

/// What a JPEG tells before its first scan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    width_px: u32,
    height_px: u32,
    /// EXIF orientation 1 to 8.
    pub(super) orientation: u8,
    /// 1 is grey, 3 is colour, 4 is ink.
    pub(super) components: u8,
    is_progressive: bool,
    /// True if the first scan holds all components.
    is_interleaved: bool,
    /// Samples of all components for each 64 pixels at full resolution: 192 for colour without subsampling.
    samples_per_64_px: u64,
}

impl Head {
    /// True for a picture that zune-jpeg 0.5.15 decodes to garbage without saying so: baseline, each component in its own scan.
    pub(super) fn needs_other_decoder(&self) -> bool {
        !self.is_progressive && self.components >= 3 && !self.is_interleaved
    }

    /// Bytes that a decoder holds of a picture which arrives in several scans: two for each sample.
    pub(super) fn coefficient_bytes(&self) -> u64 {
        if self.is_progressive || !self.is_interleaved {
            u64::from(self.width_px) * u64::from(self.height_px) * self.samples_per_64_px / 32
        } else {
            0
        }
    }
}

/// Finds width, height and orientation.
pub(super) fn outline(bytes: &[u8]) -> Result<Outline, &'static str> {
    head(bytes).map(|head| Outline {
        width_px: head.width_px,
        height_px: head.height_px,
        frames: 1,
        orientation: head.orientation,
    })
}

/// Reads everything before the first scan. Frame headers of baseline, extended and progressive pictures with 8 bits a
/// sample are known; other modes (lossless, arithmetic, 12 bits) no browser shows.
pub(super) fn head(bytes: &[u8]) -> Result<Head, &'static str> {
    const SHORT: &str = "it ends before its first scan";
    let mut reader = Reader::new(bytes);
    if reader.array() != Some([0xff, SOI]) {
        return Err("it does not begin as a JPEG");
    }
    let mut found = None;
    let mut orientation = exif::UPRIGHT;
    let scan_components = loop {
        match next_marker(&mut reader).ok_or(SHORT)? {
            SOI | EOI => return Err("it holds no picture"),
            TEM | 0xd0..=0xd7 => {}
            marker => {
                let body = segment(&mut reader).ok_or(SHORT)?;
                match marker {
                    SOS => break body.first().copied().unwrap_or(0),
                    APP1 if body.starts_with(b"Exif\0\0") => orientation = exif::orientation(body),
                    0xc0..=0xc2 => {
                        let head = frame(body).ok_or("its frame header cannot be read")?;
                        found = Some((head, marker == 0xc2));
                    }
                    // The rest of the frame headers; C4, C8 and CC are tables.
                    0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                        return Err("it uses a JPEG mode that browsers do not show");
                    }
                    _ => {}
                }
            }
        }
    };
    if reader.is_empty() {
        return Err(SHORT);
    }
    let (head, is_progressive) = found.ok_or("it has no frame header")?;
    Ok(Head {
        orientation,
        is_progressive,
        is_interleaved: scan_components >= head.components,
        ..head
    })
}

/// A JPEG without metadata.
pub(super) struct Stripped {
    pub(super) bytes: Vec<u8>,
    /// False if the file ends before its end marker: what is missing shows as grey.
    pub(super) is_whole: bool,
}

/// Copies tables, frame, scans, colour profile and what the decoder must know of colours, up to the first end marker. Goes:
/// EXIF, XMP, IPTC, comments, previews, gain maps and whatever stands behind the end; of the EXIF the orientation stays if
/// it is not upright.
pub(super) fn strip(bytes: &[u8], orientation: u8) -> Option<Stripped> {
    let mut reader = Reader::new(bytes);
    reader.take(2)?;
    let mut start = vec![0xff, SOI];
    let mut rest = Vec::with_capacity(bytes.len());
    let mut has_jfif = false;
    let is_whole = loop {
        let Some(marker) = next_marker(&mut reader) else {
            break false;
        };
        match marker {
            EOI => break true,
            SOI => return None,
            TEM | 0xd0..=0xd7 => continue,
            _ => {}
        }
        let Some(body) = segment(&mut reader) else {
            break false;
        };
        match marker {
            APP0 if body.starts_with(b"JFIF\0") && !has_jfif => {
                // Version, density; then the size of a preview, which goes.
                write(&mut start, APP0, &[body.get(..12)?, &[0, 0]].concat())?;
                has_jfif = true;
            }
            APP2 if body.starts_with(b"ICC_PROFILE\0") => write(&mut rest, APP2, body)?,
            // Name, version, two sets of flags, and how the colours are coded.
            APP14 if body.starts_with(b"Adobe") => write(&mut rest, APP14, body.get(..12)?)?,
            DQT | DHT | DRI | 0xc0..=0xc2 => write(&mut rest, marker, body)?,
            SOS => {
                write(&mut rest, SOS, body)?;
                rest.extend(scan(&mut reader));
            }
            _ => {}
        }
    };
    if orientation != exif::UPRIGHT {
        let note = [&b"Exif\0\0"[..], &exif::only_orientation(orientation)].concat();
        write(&mut start, APP1, &note)?;
    }
    if is_whole {
        rest.extend([0xff, EOI]);
    }
    Some(Stripped {
        bytes: [start, rest].concat(),
        is_whole,
    })
}

/// Writes a segment; the length counts its own two bytes.
fn write(out: &mut Vec<u8>, marker: u8, body: &[u8]) -> Option<()> {
    out.extend([0xff, marker]);
    out.extend(u16::try_from(body.len() + 2).ok()?.to_be_bytes());
    out.extend(body);
    Some(())
}

/// Takes the coded data of a scan: all up to a marker that is neither a stuffed zero nor a restart.
fn scan<'a>(reader: &mut Reader<'a>) -> &'a [u8] {
    let data = reader.rest();
    let is_end =
        |pair: &[u8]| matches!(pair, [0xff, next] if !matches!(next, 0 | 0xd0..=0xd7 | 0xff));
    let length = data.windows(2).position(is_end).unwrap_or(data.len());
    reader.take(length).unwrap_or_default()
}

/// Takes the body of a segment.
fn segment<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::from(reader.u16_be()?);
    reader.take(length.checked_sub(2)?)
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

/// Reads a frame header of 8 bits a sample.
fn frame(body: &[u8]) -> Option<Head> {
    let mut reader = Reader::new(body);
    (reader.u8()? == 8).then_some(())?;
    let height = reader.u16_be()?;
    let width = reader.u16_be()?;
    let components = reader.u8()?;
    let (mut samples, mut most) = (0, 1);
    for _ in 0..components {
        let [_, sampling, _] = reader.array()?;
        // How many samples of this component stand in one block of the coding, across and down.
        let (across, down) = (u64::from(sampling >> 4), u64::from(sampling & 0x0f));
        samples += across * down;
        most = most.max(across * down);
    }
    Some(Head {
        width_px: u32::from(width),
        height_px: u32::from(height),
        orientation: exif::UPRIGHT,
        components,
        is_progressive: false,
        is_interleaved: true,
        samples_per_64_px: (samples * 64).div_ceil(most),
    })
}
