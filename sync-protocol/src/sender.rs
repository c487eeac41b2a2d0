//! The sending half of the blob lane.

/// The answer to a read of a piece of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobRead {
    /// The bytes, exactly as many as asked for.
    Bytes(Vec<u8>),
    /// The blob can not be read.
    Failed,
}
