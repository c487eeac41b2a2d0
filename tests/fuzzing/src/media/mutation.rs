//! One damaged file out of good ones, by a seed and a number.

use ::media::Mime;

use super::{Seeds, repair};
use crate::dice::Dice;

/// Makes a case. Most damage is light, so that it reaches the decoders; checksums are repaired seven times in ten.
#[must_use]
pub fn make(mime: Mime, seeds: &Seeds, seed: u64, number: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes = pick(seeds, &mut dice);
    for _ in 0..1 + dice.below(4) {
        damage(&mut bytes, seeds, &mut dice);
    }
    if dice.one_in(8) {
        enlarge(mime, &mut bytes, &mut dice);
    }
    if dice.below(10) < 7 {
        match mime {
            Mime::Png => repair::png(&mut bytes),
            Mime::Ogg => repair::ogg(&mut bytes),
            Mime::Jpeg | Mime::Webp | Mime::Gif | Mime::Mp3 | Mime::Wav | Mime::M4a => {}
        }
    }
    bytes
}

fn pick(seeds: &Seeds, dice: &mut Dice) -> Vec<u8> {
    dice.pick(&seeds.files)
        .map(|(_, bytes)| bytes.clone())
        .unwrap_or_default()
}

fn damage(bytes: &mut Vec<u8>, seeds: &Seeds, dice: &mut Dice) {
    match dice.below(10) {
        0..=3 => flip(bytes, dice),
        4..=6 => overwrite(bytes, dice),
        7 => bytes.truncate(dice.index(bytes.len() + 1)),
        8 => splice(bytes, &pick(seeds, dice), dice),
        _ => repeat(bytes, dice),
    }
}

/// A place in the file. Headers stand at the front, so half of the damage belongs there.
fn place(bytes: &[u8], dice: &mut Dice) -> usize {
    let reach = if dice.one_in(2) {
        bytes.len().min(600)
    } else {
        bytes.len()
    };
    dice.index(reach)
}

fn flip(bytes: &mut [u8], dice: &mut Dice) {
    for _ in 0..1 + dice.below(8) {
        let at = place(bytes, dice);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << dice.below(8);
        }
    }
}

/// A length, a count or a size that breaks things, one to four bytes wide, in either byte order.
fn overwrite(bytes: &mut [u8], dice: &mut Dice) {
    let number = dice.odd_number();
    let mut wide = if dice.one_in(2) {
        number.to_be_bytes()
    } else {
        number.to_le_bytes()
    };
    let width = 1 + dice.index(4);
    if dice.one_in(2) {
        wide.reverse();
    }
    let at = place(bytes, dice);
    for (byte, value) in bytes
        .iter_mut()
        .skip(at)
        .zip(wide.iter().rev().take(width).rev())
    {
        *byte = *value;
    }
}

/// A picture that claims to be as large as pictures may just be: what its decoder then reserves is what is asked here.
fn enlarge(mime: Mime, bytes: &mut [u8], dice: &mut Dice) {
    let sides = [
        (8_192, 4_882),
        (6_324, 6_324),
        (4_882, 8_192),
        (8_192, 1_000),
        (3_000, 3_000),
    ];
    let Some((width, height)) = dice.pick(&sides).copied() else {
        return;
    };
    let (big, little) = (u32::to_be_bytes, |side: u32| u32::to_le_bytes(side - 1));
    let found = |mark: &[u8]| bytes.windows(mark.len()).position(|part| part == mark);
    let places = match mime {
        Mime::Png => vec![(16, big(width).to_vec()), (20, big(height).to_vec())],
        Mime::Gif => vec![
            (6, width.to_le_bytes().into_iter().take(2).collect()),
            (8, height.to_le_bytes().into_iter().take(2).collect()),
        ],
        // The canvas of the extended header, of which each side is one less than its size in 24 bits.
        Mime::Webp => found(b"VP8X").map_or_else(Vec::new, |at| {
            vec![
                (at + 12, little(width).into_iter().take(3).collect()),
                (at + 15, little(height).into_iter().take(3).collect()),
            ]
        }),
        Mime::Jpeg => [b"\xff\xc0\0", b"\xff\xc2\0"]
            .into_iter()
            .filter_map(|mark| found(mark))
            .flat_map(|at| {
                let side = |side: u32| big(side).into_iter().skip(2).collect::<Vec<u8>>();
                [(at + 5, side(height)), (at + 7, side(width))]
            })
            .collect(),
        Mime::Mp3 | Mime::Wav | Mime::Ogg | Mime::M4a => Vec::new(),
    };
    for (at, value) in places {
        for (byte, value) in bytes.iter_mut().skip(at).zip(value) {
            *byte = value;
        }
    }
}

/// The front of one file and the back of another.
fn splice(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    bytes.truncate(place(bytes, dice));
    bytes.extend(other.iter().skip(dice.index(other.len())));
}

/// A stretch of the file a second time.
fn repeat(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let from = place(bytes, dice);
    let part: Vec<u8> = bytes
        .iter()
        .skip(from)
        .take(1 + dice.index(2_000))
        .copied()
        .collect();
    let at = place(bytes, dice);
    bytes.splice(at..at, part);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_follows_from_its_number_and_differs_from_the_next() {
        for mime in Mime::ALL {
            let seeds = Seeds::read(mime).unwrap();
            let case = |number| make(mime, &seeds, 1, number);
            assert_eq!(case(5), case(5));
            let different = (0..50)
                .filter(|number| case(*number) != case(number + 1))
                .count();
            assert!(different > 45, "{mime}: {different}");
        }
    }
}
