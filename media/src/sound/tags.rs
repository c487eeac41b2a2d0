//! The frames of an MP3 and nothing else: ID3, APE and Lyrics3 tags, covers and whatever was hung on are left behind.
//!
//! A whitelist: what is kept is found by its frame headers. The frames themselves, and LAME's own first one, stay byte
//! for byte.

use super::{mpeg_frame_bytes, skip_id3};

/// Copies the frames of an MP3.
pub(super) fn strip(bytes: &[u8]) -> Vec<u8> {
    let mut rest = bytes;
    // A tag can follow a tag.
    loop {
        let behind = skip_id3(rest);
        if behind.len() == rest.len() {
            break;
        }
        rest = behind;
    }
    let mut out = Vec::with_capacity(rest.len());
    let mut is_in_step = false;
    while !rest.is_empty() {
        match frame(rest, is_in_step) {
            Some((frame, behind)) => {
                out.extend_from_slice(frame);
                rest = behind;
                is_in_step = true;
            }
            None => {
                rest = rest.get(1..).unwrap_or_default();
                is_in_step = false;
            }
        }
    }
    out
}

/// Splits off the whole frame that begins here. Out of step, two bytes that look like a header are not enough: another
/// frame, or the end, must follow.
fn frame(bytes: &[u8], is_in_step: bool) -> Option<(&[u8], &[u8])> {
    let (frame, behind) = bytes.split_at_checked(mpeg_frame_bytes(bytes)?)?;
    let follows = || behind.is_empty() || mpeg_frame_bytes(behind).is_some();
    (is_in_step || follows()).then_some((frame, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame_of(filling: u8) -> Vec<u8> {
        let mut frame = vec![0xff, 0xfb, 0x90, 0x00];
        frame.resize(417, filling);
        frame
    }

    #[test]
    fn tags_go_and_frames_stay() {
        let frames = [frame_of(1), frame_of(2), frame_of(3)].concat();
        let id3 = [&b"ID3\x04\0\0\0\0\0\x05"[..], b"12345"].concat();
        let ape = [&b"APETAGEX"[..], &[0; 24]].concat();
        let id3v1 = [&b"TAG"[..], &[b' '; 125]].concat();
        let check = |parts: &[&[u8]]| assert_eq!(strip(&parts.concat()), frames);
        check(&[&frames]);
        check(&[&id3, &frames]);
        check(&[&id3, &id3, &frames, &ape, &id3v1]);
        check(&[&frames, b"LYRICSBEGIN000123LYRICS200", &id3v1]);
        check(&[&frames, b"<?php echo 1 ?>"]);
        check(&[b"junk\xff\xfb\x90", &frames]);
        assert!(strip(b"ID3\x04\0\0\x7f\x7f\x7f\x7f").is_empty());
        assert!(strip(b"").is_empty());
    }

    #[test]
    fn a_tag_between_frames_goes_too() {
        let two = [frame_of(1), frame_of(2)].concat();
        let parts = [&two[..], b"ID3 of a careless joiner", &frame_of(3)].concat();
        assert_eq!(strip(&parts), [two, frame_of(3)].concat());
    }
}
