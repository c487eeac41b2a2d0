//! Checksums made right again, so that damage is not refused at the door but reaches the decoder.

/// Writes the checksum of each chunk of a PNG (PNG Specification, annex D).
pub(super) fn png(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = number(bytes, at, u32::from_be_bytes) {
        let end = at.saturating_add(8).saturating_add(length);
        let Some(covered) = bytes.get(at + 4..end) else {
            return;
        };
        let sum = !covered.iter().fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                (sum >> 1) ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 }
            })
        });
        write(bytes, end, sum.to_be_bytes());
        at = end + 4;
    }
}

/// Writes the checksum of each page of an Ogg (RFC 3533 section 6), computed with its own field as zero.
pub(super) fn ogg(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(segments) = bytes.get(at + 26).copied().map(usize::from) {
        let body: usize = bytes
            .iter()
            .skip(at + 27)
            .take(segments)
            .map(|length| usize::from(*length))
            .sum();
        let end = at + 27 + segments + body;
        write(bytes, at + 22, [0; 4]);
        let Some(page) = bytes.get(at..end) else {
            return;
        };
        let sum = page.iter().fold(0_u32, |sum, byte| {
            (0..8).fold(sum ^ (u32::from(*byte) << 24), |sum, _| {
                (sum << 1) ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 }
            })
        });
        write(bytes, at + 22, sum.to_le_bytes());
        at = end;
    }
}

fn number(bytes: &[u8], at: usize, read: fn([u8; 4]) -> u32) -> Option<usize> {
    let four = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(read(*four)).ok()
}

fn write(bytes: &mut [u8], at: usize, value: [u8; 4]) {
    for (byte, value) in bytes.iter_mut().skip(at).zip(value) {
        *byte = value;
    }
}

#[cfg(test)]
mod tests {
    use ::media::Mime;

    use crate::media::Seeds;

    #[test]
    fn a_good_file_is_right_already() {
        let check = |mime, name: &str, repair: fn(&mut [u8])| {
            let seeds = Seeds::read(mime).unwrap();
            let (_, whole) = seeds.files.iter().find(|(file, _)| file == name).unwrap();
            let mut repaired = whole.clone();
            repair(&mut repaired);
            assert!(repaired == *whole, "{name}");
        };
        check(Mime::Png, "meta.png", super::png);
        check(Mime::Ogg, "v.ogg", super::ogg);
    }
}
