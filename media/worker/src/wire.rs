//! What goes between parent and child: four bytes of length, so much JSON, and then as many bytes as the JSON says.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::limit::HEADER_BYTES_MAX;

/// What the child is to do.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Job {
    Prepare { name: String, keep_original: bool },
    Thumbnail { side_px: u32 },
    Pixels { side_px: u32 },
}

/// What came of it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Image {
        mime: String,
        name: String,
        notes: Vec<String>,
        width_px: u32,
        height_px: u32,
        frames: u32,
        thumbhash: Vec<u8>,
    },
    Audio {
        mime: String,
        name: String,
        notes: Vec<String>,
        duration_ms: u64,
        lufs: Option<f64>,
        gain_db: f64,
        peaks: Vec<u8>,
    },
    Thumbnail {},
    Pixels {
        width_px: u32,
        height_px: u32,
    },
    Refused {
        message: String,
        is_limit: bool,
    },
}

#[derive(Serialize, Deserialize)]
struct Header<T> {
    #[serde(flatten)]
    said: T,
    bytes: usize,
}

/// Writes words and the bytes that belong to them.
pub(crate) fn write(to: &mut impl Write, said: &impl Serialize, bytes: &[u8]) -> io::Result<()> {
    let header = serde_json::to_vec(&Header {
        said,
        bytes: bytes.len(),
    })?;
    let length = u32::try_from(header.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(&header)?;
    to.write_all(bytes)?;
    to.flush()
}

/// Reads what [`write`] wrote, with at most `bytes_max` bytes.
pub(crate) fn read<T: DeserializeOwned>(
    from: &mut impl Read,
    bytes_max: usize,
) -> io::Result<(T, Vec<u8>)> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > HEADER_BYTES_MAX {
        return Err(too_long());
    }
    let mut header = vec![0; length];
    from.read_exact(&mut header)?;
    let header: Header<T> = serde_json::from_slice(&header)?;
    if header.bytes > bytes_max {
        return Err(too_long());
    }
    let mut bytes = Vec::with_capacity(header.bytes);
    from.take(header.bytes as u64).read_to_end(&mut bytes)?;
    if bytes.len() < header.bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((header.said, bytes))
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "more than was agreed on")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let job = Job::Prepare {
            name: "ä b.png".to_owned(),
            keep_original: true,
        };
        let mut pipe = Vec::new();
        write(&mut pipe, &job, b"bytes").unwrap();
        let (back, bytes): (Job, _) = read(&mut pipe.as_slice(), 5).unwrap();
        assert_eq!((back, bytes.as_slice()), (job, &b"bytes"[..]));
    }

    #[test]
    fn a_liar_is_told_by_its_length() {
        let mut pipe = Vec::new();
        let outcome = Outcome::Refused {
            message: "no".to_owned(),
            is_limit: false,
        };
        write(&mut pipe, &outcome, &[7; 100]).unwrap();
        assert!(read::<Outcome>(&mut pipe.as_slice(), 99).is_err());
        for cut in 0..pipe.len() {
            assert!(read::<Outcome>(&mut &pipe[..cut], 100).is_err(), "{cut}");
        }
        assert!(read::<Outcome>(&mut &[0xff; 8][..], 100).is_err());
    }
}
