//! Bodies that need nothing but bytes: a frame, a change at the gate, a pack. Each panics when something does not hold.

use std::io::Read;

use automerge::Change;
use domain::intake::gate;
use domain::limit::{CHANGE_BYTES_MAX, CHANGE_INFLATED_BYTES_MAX, CHANGE_OPS_MAX, OP_MAX};
use storage::{PackBounds, decode_pack, encode_pack};
use sync_protocol::Frame;

use crate::dice::Dice;
use crate::mutate::flipped;

/// What is taken out of a pack here: small, so that a fuzzer stays quick.
const BOUNDS: PackBounds = PackBounds {
    bytes_max: 1 << 20,
    changes_max: 1_000,
};

/// Any bytes either are no frame, or a frame that is written and read again as the same.
pub fn frame(bytes: &[u8]) {
    let Ok(frame) = Frame::decode(bytes) else {
        return;
    };
    let written = frame.encode();
    // Fields that are not known fall away; nothing is added but the shortest form of what was there.
    assert!(written.len() <= bytes.len() + 64, "{frame:?} grew");
    assert_eq!(Frame::decode(&written).ok().as_ref(), Some(&frame));
}

/// Any bytes either are refused, or a change within the bounds of which Automerge, where it can read it, says the same.
pub fn change(bytes: &[u8]) {
    let Ok(gated) = gate(bytes) else {
        return;
    };
    assert!(gated.ops() <= CHANGE_OPS_MAX && gated.max_op() <= OP_MAX);
    assert!(gated.kept().len() <= CHANGE_BYTES_MAX);
    assert!(gated.uncompressed().len() <= CHANGE_INFLATED_BYTES_MAX + 16);
    // What is kept is the same change, and so is what travels on.
    for again in [
        gated.kept().to_vec(),
        domain::intake::travelling(gated.kept().to_vec()),
    ] {
        let again = gate(&again).expect("what passed once passes again");
        assert_eq!((again.hash(), again.meta()), (gated.hash(), gated.meta()));
    }
    let Ok(change) = Change::from_bytes(gated.uncompressed().to_vec()) else {
        return;
    };
    assert_eq!(change.hash().0, gated.hash().to_bytes());
    assert_eq!(change.actor_id().to_bytes(), gated.actor().to_bytes());
    assert_eq!(
        (change.seq(), change.start_op().get()),
        (gated.seq(), gated.start_op())
    );
    assert_eq!(change.len() as u64, gated.ops());
}

/// Any bytes either are refused, or a pack within the bounds that is written and read again as the same.
pub fn pack(bytes: &[u8]) {
    let Ok(changes) = decode_pack(bytes, BOUNDS) else {
        return;
    };
    assert!(changes.len() <= BOUNDS.changes_max);
    assert!(changes.iter().map(Vec::len).sum::<usize>() <= BOUNDS.bytes_max);
    let again = decode_pack(&encode_pack(&changes), BOUNDS);
    assert_eq!(again.ok(), Some(changes));
}

/// A pack like this one, changed behind its compression: bytes changed at random would never get past it.
pub fn mutated_pack(pack: &[u8], dice: &mut Dice) -> Vec<u8> {
    const MAGIC: &[u8] = b"MVPACK1\n";
    let mut plain = Vec::new();
    let inflated = pack.strip_prefix(MAGIC).and_then(|frame| {
        let decoder = zstd::Decoder::with_buffer(frame).ok()?;
        decoder.take(1 << 20).read_to_end(&mut plain).ok()
    });
    if inflated.is_none() || dice.one_in(4) {
        return flipped(pack, dice);
    }
    let squeezed = zstd::encode_all(flipped(&plain, dice).as_slice(), 1);
    [MAGIC, &squeezed.unwrap_or_default()].concat()
}
