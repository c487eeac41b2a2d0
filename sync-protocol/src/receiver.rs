//! The receiving half of the blob lane, the same at both ends: which blobs are expected from which offset, and the credit that goes back as bytes
//! reach the disk. The sessions own one each.

use domain::BlobHash;

use crate::frame::Reason;

/// A piece of a blob to be written.
#[derive(Clone, PartialEq, Eq)]
pub struct WriteBlob {
    /// The blob.
    pub hash: BlobHash,
    /// Where the piece belongs.
    pub offset: u64,
    /// The blob's whole length; the piece that reaches it is the last.
    pub total: u64,
    /// The piece; may be empty when nothing but the verification is left.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for WriteBlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "WriteBlob({}, {}+{} of {})",
            self.hash,
            self.offset,
            self.bytes.len(),
            self.total
        )
    }
}

/// What became of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobWritten {
    /// Written; more is to come.
    Piece,
    /// It was the last: the blob is verified, flushed and in its place.
    Stored,
    /// It was the last, and hash or length are wrong: part file dropped.
    Bad(Reason),
    /// The disk did not take it: part file kept or dropped as the shell likes.
    Failed(Reason),
}
