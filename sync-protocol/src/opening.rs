//! The frames that open a session, as text that travels in the head of the request which opens the connection: `Hello`, and what the device pushes right
//! away. So a cold sync needs no trip of its own for them, and nothing is sent on the WebSocket before it is open.
//!
//! Each frame in base64 with the alphabet for URLs and without padding (RFC 4648, section 5), the frames separated by dots.

use crate::limit::OPENING_BYTES_MAX;

/// Name of the header, in the request with the frames, and in the answer with [`OPENING_TAKEN`].
pub const OPENING_HEADER: &str = "memoryvault-opening";

/// What the server answers when it has taken the frames of the request's head. Without it they come as messages, as if nothing had been sent.
pub const OPENING_TAKEN: &str = "taken";

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// How many of these frames, from the first on, travel in a head.
pub fn opening_fit(frames: &[Vec<u8>]) -> usize {
    let mut bytes = 0;
    frames
        .iter()
        .take_while(|frame| {
            bytes += frame.len();
            bytes <= OPENING_BYTES_MAX
        })
        .count()
}

/// Writes frames as the header's value.
pub fn encode_opening(frames: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for (place, frame) in frames.iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        for group in frame.chunks(3) {
            let bits = group
                .iter()
                .fold(0, |bits, byte| bits << 8 | u32::from(*byte))
                << (8 * (3 - group.len()));
            text.extend((0..=group.len()).map(|letter| letter_of(bits >> (18 - 6 * letter))));
        }
    }
    text
}

/// Reads the header's value; `None` when it is none, or longer than it may be.
pub fn decode_opening(text: &str) -> Option<Vec<Vec<u8>>> {
    if text.len() > OPENING_BYTES_MAX.div_ceil(3) * 4 + OPENING_FRAMES_MAX {
        return None;
    }
    let frames: Vec<Vec<u8>> = text.split('.').map(decode).collect::<Option<_>>()?;
    let bytes: usize = frames.iter().map(Vec::len).sum();
    (frames.len() <= OPENING_FRAMES_MAX && bytes <= OPENING_BYTES_MAX).then_some(frames)
}

/// Frames of an opening: `Hello` and one `Push`, with room.
const OPENING_FRAMES_MAX: usize = 4;

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.as_bytes().chunks(4) {
        let mut bits = 0;
        for letter in group {
            bits = bits << 6 | value_of(*letter)?;
        }
        bits <<= 6 * (4 - group.len());
        let [_, first, second, third] = u32::to_be_bytes(bits);
        let (whole, rest): (&[u8], &[u8]) = match group.len() {
            4 => (&[first, second, third], &[]),
            3 => (&[first, second], &[third]),
            2 => (&[first], &[second, third]),
            _ => return None,
        };
        // What is left over must be zero, so that a value has one spelling only.
        if rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(whole);
    }
    Some(bytes)
}

fn letter_of(bits: u32) -> char {
    let place = (bits & 63) as usize;
    LETTERS.get(place).map_or('A', |letter| char::from(*letter))
}

fn value_of(letter: u8) -> Option<u32> {
    LETTERS
        .iter()
        .position(|known| *known == letter)
        .and_then(|place| u32::try_from(place).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_are_those_of_the_rfc() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (&[0xfb, 0xff], "-_8"),
        ] {
            assert_eq!(encode_opening(&[bytes.to_vec()]), text);
            assert_eq!(decode_opening(text), Some(vec![bytes.to_vec()]));
        }
        for wrong in ["Zh", "Z", "Zg==", "Z g", "a.b", "\u{e9}e"] {
            assert_eq!(decode_opening(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn frames_come_back_as_they_were_and_only_so_many() {
        let frames: Vec<Vec<u8>> = (0..3)
            .map(|n| (0..200 * n).map(|b| b as u8).collect())
            .collect();
        assert_eq!(decode_opening(&encode_opening(&frames)), Some(frames));
        let full = vec![vec![7; 100], vec![8; OPENING_BYTES_MAX - 100], vec![9]];
        assert_eq!(opening_fit(&full), 2);
        assert!(decode_opening(&encode_opening(&full[..2])).is_some());
        assert_eq!(decode_opening(&encode_opening(&full)), None);
        assert_eq!(decode_opening("...."), None);
    }
}
