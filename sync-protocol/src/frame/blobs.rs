//! Frames of the blob lane.

use domain::BlobHash;
use minicbor::{Decode, Encode};

use super::{Reason, field};

/// A blob a device has and the server might not.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OfferItem {
    /// BLAKE3 of its bytes.
    #[cbor(n(0), with = "field::id")]
    pub hash: BlobHash,
    /// Its length.
    #[n(1)]
    pub bytes: u64,
    /// Its kind as the device knows it.
    #[cbor(n(2), with = "field::text")]
    pub mime: String,
}

/// Type 10, from the device.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BlobOffer {
    /// At most [`crate::limit::BLOBS_A_FRAME_MAX`].
    #[cbor(n(0), with = "field::list")]
    pub items: Vec<OfferItem>,
}

/// Permission to send one offered blob.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GrantItem {
    /// The blob.
    #[cbor(n(0), with = "field::id")]
    pub hash: BlobHash,
    /// Bytes the server has already; send from there.
    #[n(1)]
    pub offset: u64,
    /// The blob goes through to a waiting device and is not stored: it has a window of its own ([`crate::limit::RELAY_WINDOW_BYTES`]) filled by
    /// [`Credit`] with its hash, and no `BlobStored` follows.
    #[cbor(n(2), default, skip_if = "field::is_false")]
    pub relay: bool,
}

/// Type 11, from the server.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BlobGrant {
    /// The granted ones.
    #[cbor(n(0), with = "field::list")]
    pub items: Vec<GrantItem>,
}

/// Type 12, from the server: these are here already, flushed and verified.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BlobHeld {
    /// The blobs.
    #[cbor(n(0), with = "field::ids")]
    pub hashes: Vec<BlobHash>,
}

/// A blob that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RefuseItem {
    /// The blob.
    #[cbor(n(0), with = "field::id")]
    pub hash: BlobHash,
    /// Why.
    #[n(1)]
    pub reason: Reason,
    /// With [`Reason::Quota`]: bytes used.
    #[cbor(n(2), default, skip_if = "field::is_zero")]
    pub used: u64,
    /// With [`Reason::Quota`]: bytes allowed.
    #[cbor(n(3), default, skip_if = "field::is_zero")]
    pub limit: u64,
}

/// Type 13, from the server. Also ends a grant under way.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BlobRefuse {
    /// The refused ones.
    #[cbor(n(0), with = "field::list")]
    pub items: Vec<RefuseItem>,
}

/// A blob the device lacks.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GetItem {
    /// The blob.
    #[cbor(n(0), with = "field::id")]
    pub hash: BlobHash,
    /// Bytes the device has already; send from there.
    #[cbor(n(1), default, skip_if = "field::is_zero")]
    pub offset: u64,
    /// Higher comes first; 0 is the rest.
    #[cbor(n(2), default, skip_if = "field::is_zero")]
    pub priority: u64,
}

/// Type 14, from the device. Asking again replaces what was asked before (another priority, from another offset).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BlobGet {
    /// At most [`crate::limit::BLOBS_A_FRAME_MAX`].
    #[cbor(n(0), with = "field::list")]
    pub items: Vec<GetItem>,
}

/// Type 15, either: a piece of a blob, under the receiver's credit.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BlobData {
    /// The blob.
    #[cbor(n(0), with = "field::id")]
    pub hash: BlobHash,
    /// Where the piece begins.
    #[cbor(n(1), default, skip_if = "field::is_zero")]
    pub offset: u64,
    /// The blob's whole length.
    #[n(2)]
    pub total: u64,
    /// The piece, at most [`crate::limit::CHUNK_BYTES_MAX`].
    #[cbor(n(3), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
    /// It comes from another device and is not stored on the server.
    #[cbor(n(4), default, skip_if = "field::is_false")]
    pub relayed: bool,
}

impl std::fmt::Debug for BlobData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "BlobData({}, {}+{} of {}, relayed: {})",
            self.hash,
            self.offset,
            self.bytes.len(),
            self.total,
            self.relayed
        )
    }
}

/// Type 16, from the receiver: flushed and verified. (A device says so only of relayed blobs.)
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BlobStored {
    /// The blobs.
    #[cbor(n(0), with = "field::ids")]
    pub hashes: Vec<BlobHash>,
}

/// Type 17, from the receiver: the bytes were dropped.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BlobBad {
    /// The blob.
    #[cbor(n(0), with = "field::id")]
    pub hash: BlobHash,
    /// Why.
    #[n(1)]
    pub reason: Reason,
}

/// Type 18. From the server: not here yet; `BlobAvailable` or the bytes may follow. From the device: offered, but can not be read after all.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BlobAbsent {
    /// The blobs.
    #[cbor(n(0), with = "field::ids")]
    pub hashes: Vec<BlobHash>,
}

/// Type 19, from the server: another device of the account waits for these; whoever has one offers it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BlobWanted {
    /// The blobs.
    #[cbor(n(0), with = "field::ids")]
    pub hashes: Vec<BlobHash>,
}

/// Type 20, from the server: what was absent is here now.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BlobAvailable {
    /// The blobs.
    #[cbor(n(0), with = "field::ids")]
    pub hashes: Vec<BlobHash>,
}

/// Type 21, from the receiver: bytes have reached the disk (or, relayed, the other device); as many more may be sent.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Credit {
    /// How many.
    #[n(0)]
    pub bytes: u64,
    /// For this relayed blob's own window; absent for the connection's.
    #[cbor(n(1), with = "field::maybe_id", has_nil)]
    pub hash: Option<BlobHash>,
}
