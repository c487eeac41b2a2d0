//! The kind of a file by its first bytes, never by its name or by what a sender claims.
//!
//! Each check stands at offset 0: a scan for a signature further in would take an HTML page with a sound behind it for
//! a sound. Also names the commonest types that are refused, so that the message can say what the file is.

use crate::limit::SNIFF_BYTES;
use crate::mime::Mime;
use crate::reader::Reader;
use crate::sound::mpeg_frame_bytes;

/// Brands of an `ftyp` box under which sounds are stored. Tracks decide later whether it really is one.
const SOUND_BRANDS: [&[u8; 4]; 16] = [
    b"M4A ", b"M4B ", b"mp41", b"mp42", b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6",
    b"dash", b"3gp4", b"3gp5", b"3gp6", b"3gg6", b"3gr6",
];

/// Tells which of the eight allowed types these bytes begin as, or nothing.
///
/// `prefix` is the beginning of the file, [`SNIFF_BYTES`] or more of it (or all of it, if it is shorter); bytes after
/// that are not looked at.
#[must_use]
pub fn sniff(prefix: &[u8]) -> Option<Mime> {
    let prefix = prefix.get(..SNIFF_BYTES).unwrap_or(prefix);
    match prefix {
        [0xff, 0xd8, 0xff, ..] => Some(Mime::Jpeg),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Mime::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Mime::Gif),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some(Mime::Webp),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'A',
            b'V',
            b'E',
            ..,
        ] => Some(Mime::Wav),
        [b'O', b'g', b'g', b'S', ..] => is_ogg_sound(prefix).then_some(Mime::Ogg),
        [b'I', b'D', b'3', 2..=4, ..] => Some(Mime::Mp3),
        [0xff, second, ..] if second & 0xe0 == 0xe0 => {
            is_two_mpeg_frames(prefix).then_some(Mime::Mp3)
        }
        [_, _, _, _, b'f', b't', b'y', b'p', a, b, c, d, ..] => SOUND_BRANDS
            .contains(&&[*a, *b, *c, *d])
            .then_some(Mime::M4a),
        _ => None,
    }
}

/// Names a type that is not allowed but often met, for the message that refuses it.
pub(crate) fn name_refused(prefix: &[u8]) -> Option<&'static str> {
    let name = match prefix {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.first_chunk::<4>()? {
            b"heic" | b"heix" | b"heim" | b"heis" | b"mif1" | b"msf1" => "an HEIC picture",
            b"avif" | b"avis" => "an AVIF picture",
            _ => "a video",
        },
        [b'%', b'P', b'D', b'F', ..] => "a PDF document",
        [b'P', b'K', 3, 4, ..] => "a ZIP archive",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "a TIFF picture",
        [b'B', b'M', ..] => "a BMP picture",
        [b'f', b'L', b'a', b'C', ..] => "a FLAC sound",
        [b'F', b'O', b'R', b'M', ..] => "an AIFF sound",
        [b'O', b'g', b'g', b'S', ..] => "an Ogg file without a known sound",
        [0xff, 0xf1 | 0xf9, ..] => "a bare AAC stream",
        [0x30, 0x26, 0xb2, 0x75, ..] => "a Windows Media file",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "a Matroska or WebM video",
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', ..] => "a JPEG XL picture",
        [b'8', b'B', b'P', b'S', ..] => "a Photoshop picture",
        _ => return name_markup(prefix),
    };
    Some(name)
}

/// Names text that a browser would run or draw.
fn name_markup(prefix: &[u8]) -> Option<&'static str> {
    let head = prefix.get(..512).unwrap_or(prefix);
    let text = String::from_utf8_lossy(head)
        .trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n'])
        .to_ascii_lowercase();
    if text.starts_with('<') && text.contains("<svg") {
        return Some("an SVG drawing");
    }
    (text.starts_with("<!doctype html") || text.starts_with("<html")).then_some("a web page")
}

/// True if the first packet of an Ogg page opens a sound: Vorbis, Opus or FLAC.
fn is_ogg_sound(prefix: &[u8]) -> bool {
    let mut reader = Reader::new(prefix);
    // "OggS", version, flags, granule 8, serial 4, sequence 4, checksum 4.
    let packet = reader
        .take(26)
        .and_then(|_| reader.u8())
        .and_then(|segments| reader.take(usize::from(segments)));
    let body = reader.rest();
    packet.is_some()
        && [&b"OpusHead"[..], b"\x01vorbis", b"\x7fFLAC"]
            .iter()
            .any(|opening| body.starts_with(opening))
}

/// True if an MPEG audio frame is followed by a second one where its length says, or by the end of the file.
fn is_two_mpeg_frames(prefix: &[u8]) -> bool {
    let Some(first) = mpeg_frame_bytes(prefix) else {
        return false;
    };
    prefix
        .get(first..)
        .is_some_and(|next| next.is_empty() || mpeg_frame_bytes(next).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_count_at_the_beginning_only() {
        assert_eq!(sniff(b"\xff\xd8\xff\xe0"), Some(Mime::Jpeg));
        assert_eq!(sniff(b"GIF89a"), Some(Mime::Gif));
        assert_eq!(sniff(b"RIFF\0\0\0\0WEBP"), Some(Mime::Webp));
        assert_eq!(sniff(b"RIFF\0\0\0\0WAVE"), Some(Mime::Wav));
        assert_eq!(sniff(b"\0\0\0\x18ftypM4A "), Some(Mime::M4a));
        for stranger in [
            &b""[..],
            b"\xff",
            b"\xff\xd8",
            b"RIFF\0\0\0\0AVI ",
            b"OggS",
            b" GIF89a",
            b"\0\0\0\x18ftypheic",
        ] {
            assert_eq!(sniff(stranger), None, "{stranger:?}");
        }
    }

    #[test]
    fn one_mpeg_header_is_not_a_sound() {
        let mut bytes = vec![0xff, 0xfb, 0x90, 0x00];
        bytes.resize(417, 0);
        assert_eq!(
            sniff(&bytes),
            Some(Mime::Mp3),
            "a single frame that is the whole file"
        );
        bytes.extend(*b"<html>");
        assert_eq!(sniff(&bytes), None);
        bytes.truncate(417);
        bytes.extend([0xff, 0xfb, 0x90, 0x00]);
        assert_eq!(sniff(&bytes), Some(Mime::Mp3));
    }

    #[test]
    fn refused_types_have_names() {
        let check = |bytes: &[u8], expected| assert_eq!(name_refused(bytes), expected);
        check(b"\0\0\0\x18ftypheic", Some("an HEIC picture"));
        check(
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            Some("an SVG drawing"),
        );
        check(b"<?xml version='1.0'?><svg/>", Some("an SVG drawing"));
        check("\u{feff} <!DOCTYPE HTML>".as_bytes(), Some("a web page"));
        check(b"%PDF-1.7", Some("a PDF document"));
        check(b"no idea", None);
    }
}
