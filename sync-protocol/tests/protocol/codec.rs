//! The codec against bytes that no honest peer sends.

use minicbor::Encoder;
use proptest::prelude::*;
use sync_protocol::*;

use crate::golden::frames;

#[test]
fn unknown_fields_are_ignored() {
    let mut bytes = Vec::new();
    let mut e = Encoder::new(&mut bytes);
    e.array(2).unwrap().u8(4).unwrap().map(4).unwrap();
    e.u8(0)
        .unwrap()
        .u64(12)
        .unwrap()
        .u8(1)
        .unwrap()
        .u32(3)
        .unwrap();
    e.u8(77)
        .unwrap()
        .array(2)
        .unwrap()
        .str("later")
        .unwrap()
        .map(0)
        .unwrap();
    e.u8(200).unwrap().null().unwrap();
    assert_eq!(
        Frame::decode(&bytes),
        Ok(Frame::Applied(Applied { seq: 12, frames: 3 }))
    );
}

#[test]
fn unknown_types_are_told_by_number() {
    assert_eq!(
        Frame::decode(&[0x82, 0x18, 200, 0xa1, 0x00, 0x01]),
        Ok(Frame::Unknown(200))
    );
}

#[test]
fn unknown_reasons_are_kept() {
    let bad = BlobBad {
        hash: domain::BlobHash::from_bytes([1; 32]),
        reason: Reason::Other(99),
    };
    assert_eq!(
        Frame::decode(&Frame::from(bad.clone()).encode()),
        Ok(Frame::BlobBad(bad))
    );
}

#[test]
fn what_is_over_a_bound_is_refused() {
    let held = |count: usize| {
        Frame::from(BlobHeld {
            hashes: vec![domain::BlobHash::from_bytes([1; 32]); count],
        })
        .encode()
    };
    assert!(Frame::decode(&held(limit::LIST_ITEMS_MAX)).is_ok());
    assert!(matches!(
        Frame::decode(&held(limit::LIST_ITEMS_MAX + 1)),
        Err(FrameError::Malformed(_))
    ));
    let data = |bytes: usize| {
        let hash = domain::BlobHash::from_bytes([1; 32]);
        Frame::from(BlobData {
            hash,
            offset: 0,
            total: bytes as u64,
            bytes: vec![0; bytes],
            relayed: false,
        })
        .encode()
    };
    assert!(Frame::decode(&data(limit::FRAME_BYTES_MAX - 100)).is_ok());
    assert!(matches!(
        Frame::decode(&data(limit::FRAME_BYTES_MAX)),
        Err(FrameError::TooLarge { .. })
    ));
}

#[test]
fn a_list_that_announces_more_than_there_is_costs_nothing() {
    // Applied as Push with an array of 2^60 items.
    let mut bytes = Vec::new();
    let mut e = Encoder::new(&mut bytes);
    e.array(2)
        .unwrap()
        .u8(5)
        .unwrap()
        .map(2)
        .unwrap()
        .u8(0)
        .unwrap()
        .u8(1)
        .unwrap()
        .u8(1)
        .unwrap()
        .array(1 << 60)
        .unwrap();
    assert!(matches!(
        Frame::decode(&bytes),
        Err(FrameError::Malformed(_))
    ));
}

#[test]
fn what_is_not_a_frame_is_refused() {
    let refused: [&[u8]; 9] = [
        b"",
        b"hello",
        &[0x82],
        &[0x81, 0x04],
        &[0x82, 0x04, 0x80],
        &[0x9f, 0x04, 0xa0, 0xff],
        &[0x82, 0x04, 0xbf, 0xff],
        &[0x83, 0x04, 0xa0, 0x00],
        &[0x82, 0x19, 0x01, 0x00, 0xa0],
    ];
    for bytes in refused {
        assert!(Frame::decode(bytes).is_err(), "{bytes:02x?}");
    }
    let mut trailing = Frame::from(Applied { seq: 1, frames: 1 }).encode();
    trailing.push(0);
    assert!(Frame::decode(&trailing).is_err());
}

#[test]
fn deep_nesting_in_an_unknown_field_is_no_danger() {
    for opener in [0x81u8, 0x9f, 0xc1] {
        let mut bytes = vec![0x82, 0x04, 0xa3, 0x00, 0x01, 0x01, 0x01, 0x18, 0x63];
        bytes.extend(std::iter::repeat_n(opener, limit::FRAME_BYTES_MAX - 20));
        assert!(Frame::decode(&bytes).is_err());
    }
}

/// A frame with some bytes changed, removed or added.
pub fn perturbed() -> impl Strategy<Value = Vec<u8>> {
    let frames: Vec<Vec<u8>> = frames()
        .into_iter()
        .map(|(_, frame)| frame.encode())
        .collect();
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 0..6);
    (prop::sample::select(frames), edits).prop_map(|(mut bytes, edits)| {
        for (place, value, kind) in edits {
            let place = place
                .index(bytes.len().max(1))
                .min(bytes.len().saturating_sub(1));
            match kind {
                0 if !bytes.is_empty() => bytes[place] = value,
                1 if !bytes.is_empty() => bytes[place] ^= 1 << (value % 8),
                2 if !bytes.is_empty() => drop(bytes.remove(place)),
                _ => bytes.insert(place, value),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn perturbed_frames_never_panic_and_what_decodes_encodes(bytes in perturbed()) {
        if let Ok(frame) = Frame::decode(&bytes)
            && !matches!(frame, Frame::Unknown(_))
        {
            prop_assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(Frame::decode(&bytes));
    }
}
