//! The orientation in an EXIF block, and nothing else of it. Format: EXIF 2.32 section 4.6, TIFF 6.0 section 2.

use crate::reader::Reader;

/// Orientation of a picture that says nothing about it: as stored.
pub(super) const UPRIGHT: u8 = 1;

const ORIENTATION_TAG: u16 = 0x0112;
const TYPE_SHORT: u16 = 3;

/// Reads the orientation, 1 to 8, out of a TIFF block (with or without the leading `Exif\0\0`). Anything unreadable
/// means upright: a damaged note about a picture is no reason to refuse the picture.
pub(super) fn orientation(block: &[u8]) -> u8 {
    find(block.strip_prefix(b"Exif\0\0").unwrap_or(block))
        .filter(|value| (1..=8).contains(value))
        .unwrap_or(UPRIGHT)
}

/// Writes the 26 bytes of TIFF that tell an orientation and nothing else: header, one directory of one entry, its end.
pub(super) fn only_orientation(orientation: u8) -> [u8; 26] {
    let mut tiff = *b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
    if let Some(value) = tiff.get_mut(19) {
        *value = orientation;
    }
    tiff
}

fn find(tiff: &[u8]) -> Option<u8> {
    let mut head = Reader::new(tiff);
    let little = match head.array::<4>()? {
        [b'I', b'I', 42, 0] => true,
        [b'M', b'M', 0, 42] => false,
        _ => return None,
    };
    let u16_of = |reader: &mut Reader<'_>| {
        if little {
            reader.u16_le()
        } else {
            reader.u16_be()
        }
    };
    let offset = if little {
        head.u32_le()?
    } else {
        head.u32_be()?
    };
    let mut directory = Reader::new(tiff.get(usize::try_from(offset).ok()?..)?);
    let entries = u16_of(&mut directory)?;
    for _ in 0..entries {
        let mut entry = Reader::new(directory.take(12)?);
        let tag = u16_of(&mut entry)?;
        let kind = u16_of(&mut entry)?;
        entry.take(4)?;
        if tag == ORIENTATION_TAG && kind == TYPE_SHORT {
            return u16_of(&mut entry).and_then(|value| u8::try_from(value).ok());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for value in 1..=8 {
            assert_eq!(orientation(&only_orientation(value)), value);
        }
    }

    #[test]
    fn both_byte_orders_are_read_and_nonsense_is_upright() {
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0";
        let little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0";
        assert_eq!(orientation(big), 6);
        assert_eq!(orientation(&[b"Exif\0\0", &little[..]].concat()), 8);
        for cut in 0..big.len() - 2 {
            assert_eq!(orientation(&big[..cut]), UPRIGHT);
        }
        assert_eq!(
            orientation(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0"),
            UPRIGHT
        );
        assert_eq!(orientation(b"II*\0\xff\xff\xff\xff"), UPRIGHT);
    }
}
