//! Packs: the raw changes of one document in order, compressed. On the disk, and on the wire for devices that lack a whole document.
//!
//! `MVPACK1\n`, then one zstd frame of: u32 be count, and for each change u32 be length and its bytes. Decoding is bounded and never
//! trusts a length; the changes inside still have to pass the intake.

use std::io::{self, Read, Write};

use crate::limit::{PACK_BYTES_MAX, PACK_CHANGES_MAX, PACK_WINDOW_LOG_MAX, PACK_ZSTD_LEVEL};

const MAGIC: &[u8; 8] = b"MVPACK1\n";

/// Why bytes are not a usable pack.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// Not a pack at all, or of a later version.
    #[error("not a pack of a known version")]
    Magic,
    /// The compressed stream is damaged.
    #[error("the pack's compression is damaged")]
    Compression(#[source] io::Error),
    /// Lengths inside do not add up.
    #[error("the pack's lengths do not add up")]
    Lengths,
    /// More than the caller takes.
    #[error("the pack holds more than {max} {what}")]
    TooLarge {
        /// Bytes or changes.
        what: &'static str,
        /// The bound.
        max: usize,
    },
}

/// What a caller is ready to take out of a pack.
#[derive(Debug, Clone, Copy)]
pub struct PackBounds {
    /// Bytes of all changes.
    pub bytes_max: usize,
    /// How many.
    pub changes_max: usize,
}

impl Default for PackBounds {
    fn default() -> Self {
        Self {
            bytes_max: PACK_BYTES_MAX,
            changes_max: PACK_CHANGES_MAX,
        }
    }
}

/// The pack of these changes; their order is kept.
#[must_use]
pub fn encode_pack<C: AsRef<[u8]>>(changes: &[C]) -> Vec<u8> {
    encode_pack_at(changes, PACK_ZSTD_LEVEL)
}

/// As [`encode_pack`] at another level.
pub(crate) fn encode_pack_at<C: AsRef<[u8]>>(changes: &[C], level: i32) -> Vec<u8> {
    const MEMORY: &str = "compressing from memory to memory fails only when memory ends";
    let mut encoder = zstd::Encoder::new(MAGIC.to_vec(), level).expect(MEMORY);
    encoder.write_all(&length(changes.len())).expect(MEMORY);
    for change in changes {
        encoder
            .write_all(&length(change.as_ref().len()))
            .expect(MEMORY);
        encoder.write_all(change.as_ref()).expect(MEMORY);
    }
    encoder.finish().expect(MEMORY)
}

/// The changes of a pack, in order.
///
/// # Errors
/// [`PackError`] for anything but a whole pack within `bounds`.
pub fn decode_pack(bytes: &[u8], bounds: PackBounds) -> Result<Vec<Vec<u8>>, PackError> {
    let frame = bytes.strip_prefix(MAGIC).ok_or(PackError::Magic)?;
    let mut decoder = zstd::Decoder::with_buffer(frame)
        .map_err(PackError::Compression)?
        .single_frame();
    decoder
        .window_log_max(PACK_WINDOW_LOG_MAX)
        .map_err(PackError::Compression)?;
    let count = read_length(&mut decoder)?;
    if count > bounds.changes_max {
        return Err(PackError::TooLarge {
            what: "changes",
            max: bounds.changes_max,
        });
    }
    let mut left = bounds.bytes_max;
    let mut changes = Vec::new();
    for _ in 0..count {
        let len = read_length(&mut decoder)?;
        left = left.checked_sub(len).ok_or(PackError::TooLarge {
            what: "bytes",
            max: bounds.bytes_max,
        })?;
        let mut change = Vec::new();
        let read = decoder
            .by_ref()
            .take(len as u64)
            .read_to_end(&mut change)
            .map_err(PackError::Compression)?;
        if read != len {
            return Err(PackError::Lengths);
        }
        changes.push(change);
    }
    match decoder.read(&mut [0]) {
        Ok(0) if decoder.finish().is_empty() => Ok(changes),
        Ok(_) => Err(PackError::Lengths),
        Err(e) => Err(PackError::Compression(e)),
    }
}

/// The name of a pack: BLAKE3 of its bytes.
#[must_use]
pub fn pack_hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

fn length(n: usize) -> [u8; 4] {
    u32::try_from(n)
        .expect("changes and their number are bounded far below 4 GiB")
        .to_be_bytes()
}

fn read_length(reader: &mut impl Read) -> Result<usize, PackError> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes).map_err(|e| {
        if e.kind() == io::ErrorKind::UnexpectedEof {
            PackError::Lengths
        } else {
            PackError::Compression(e)
        }
    })?;
    Ok(u32::from_be_bytes(bytes) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds_hold() {
        let pack = encode_pack(&[vec![0_u8; 5_000], vec![1; 10]]);
        assert!(pack.len() < 200);
        assert!(matches!(
            decode_pack(
                &pack,
                PackBounds {
                    bytes_max: 5_009,
                    changes_max: 2
                }
            ),
            Err(PackError::TooLarge { what: "bytes", .. })
        ));
        assert!(matches!(
            decode_pack(
                &pack,
                PackBounds {
                    bytes_max: 5_010,
                    changes_max: 1
                }
            ),
            Err(PackError::TooLarge {
                what: "changes",
                ..
            })
        ));
        assert_eq!(
            decode_pack(
                &pack,
                PackBounds {
                    bytes_max: 5_010,
                    changes_max: 2
                }
            )
            .unwrap()
            .len(),
            2
        );
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut pack = encode_pack(&[b"a"]);
        pack.push(0);
        assert!(decode_pack(&pack, PackBounds::default()).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(changes in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..40)) {
            let pack = encode_pack(&changes);
            prop_assert_eq!(decode_pack(&pack, PackBounds::default()).unwrap(), changes);
        }

        #[test]
        fn perturbed_bytes_never_panic(at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut pack = encode_pack(&[b"one change".to_vec(), vec![7; 900]]);
            let at = at.index(pack.len());
            pack[at] ^= with;
            pack.truncate(cut.index(pack.len() + 1));
            drop(decode_pack(&pack, PackBounds::default()));
        }
    }
}
