//! Frames of the change log: changes both ways, and repair.

use domain::{ChangeHash, DocId};
use minicbor::{Decode, Encode};

use super::{Reason, field};
use crate::cursor::{Cursor, PackHash};

/// Bytes that surround a change in a frame, at most.
const DOC_CHANGE_OVERHEAD: usize = 28;
/// Bytes that surround a pack's piece in a frame, at most.
const PACK_PART_OVERHEAD: usize = 80;
/// What a page costs beside its content, so that empty pages are bounded by the window too.
const PAGE_OVERHEAD: usize = 80;

/// One change of one document, as raw bytes of an Automerge change chunk. Nothing here looks inside.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DocChange {
    /// The document.
    #[cbor(n(0), with = "field::id")]
    pub doc: DocId,
    /// The change's bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub change: Vec<u8>,
}

impl std::fmt::Debug for DocChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DocChange({}, {} bytes)", self.doc, self.change.len())
    }
}

impl DocChange {
    /// Bytes it takes in a frame, at most.
    pub(crate) fn frame_bytes(&self) -> usize {
        self.change.len() + DOC_CHANGE_OVERHEAD
    }
}

/// A piece of a pack: the raw changes of one document in order, compressed; opaque here.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PackPart {
    /// The document.
    #[cbor(n(0), with = "field::id")]
    pub doc: DocId,
    /// BLAKE3 of the whole pack.
    #[cbor(n(1), with = "field::id")]
    pub pack: PackHash,
    /// Which piece, from 0.
    #[n(2)]
    pub part: u32,
    /// How many pieces.
    #[n(3)]
    pub of: u32,
    /// The piece: [`crate::limit::PACK_PART_BYTES`] except the last.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for PackPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "PackPart({}, {:?}, {} of {}, {} bytes)",
            self.doc,
            self.pack,
            self.part,
            self.of,
            self.bytes.len()
        )
    }
}

/// Type 3, from the server: a page of what the device lacks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Changes {
    /// Changes, to be applied after the packs.
    #[cbor(n(0), with = "field::list", default, skip_if = "Vec::is_empty")]
    pub items: Vec<DocChange>,
    /// Pieces of packs, in order; a pack's pieces follow one another without another pack's between.
    #[cbor(n(1), with = "field::list", default, skip_if = "Vec::is_empty")]
    pub packs: Vec<PackPart>,
    /// Where the device stands once this page and all before it are flushed; absent when the page goes on in the next frame.
    #[n(2)]
    pub cursor: Option<Cursor>,
    /// More pages follow at once.
    #[cbor(n(3), default, skip_if = "field::is_false")]
    pub more: bool,
}

impl Changes {
    /// Bytes that count against the window.
    pub(crate) fn payload_bytes(&self) -> usize {
        let items: usize = self.items.iter().map(DocChange::frame_bytes).sum();
        let parts: usize = self
            .packs
            .iter()
            .map(|part| part.bytes.len() + PACK_PART_OVERHEAD)
            .sum();
        items + parts + PAGE_OVERHEAD
    }
}

/// Type 4, from the device: pages are flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Applied {
    /// Where the device stands now.
    #[n(0)]
    pub seq: u64,
    /// How many `Changes` frames, in order, this acknowledges beyond those acknowledged before.
    #[n(1)]
    pub frames: u32,
}

/// Type 5, from the device: local changes that the server has not acknowledged, in the order they were made.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Push {
    /// Counts up from 1 in a session.
    #[n(0)]
    pub batch: u64,
    /// The changes.
    #[cbor(n(1), with = "field::list")]
    pub items: Vec<DocChange>,
}

/// Type 6, from the server: a batch's changes are flushed, except those a `Refused` before it named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Pushed {
    /// The batch.
    #[n(0)]
    pub batch: u64,
    /// The log's last entry after it.
    #[n(1)]
    pub seq: u64,
    /// Present when the device has everything before the batch's first entry and so stands here now.
    #[n(2)]
    pub cursor: Option<Cursor>,
}

/// Type 7, from the server: some of a batch's changes were not taken. `Pushed` follows for the batch.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Refused {
    /// The batch.
    #[n(0)]
    pub batch: u64,
    /// Positions in the batch's items, from 0. (A change that is not well formed has no hash to name it by.)
    #[cbor(n(1), with = "field::list")]
    pub items: Vec<u32>,
    /// Why.
    #[n(2)]
    pub reason: Reason,
    /// With [`Reason::Quota`]: bytes used.
    #[cbor(n(3), default, skip_if = "field::is_zero")]
    pub used: u64,
    /// With [`Reason::Quota`]: bytes allowed.
    #[cbor(n(4), default, skip_if = "field::is_zero")]
    pub limit: u64,
    /// One sentence for a person.
    #[cbor(n(5), with = "field::text")]
    pub message: String,
}

/// A document and its heads as one side knows them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DocHeads {
    /// The document.
    #[cbor(n(0), with = "field::id")]
    pub doc: DocId,
    /// Changes no other known change builds on; empty when nothing is known.
    #[cbor(n(1), with = "field::ids")]
    pub heads: Vec<ChangeHash>,
}

/// Type 8, from the device, in repair: all its documents, ascending by id across the pages.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Inventory {
    /// A page of documents.
    #[cbor(n(0), with = "field::list")]
    pub items: Vec<DocHeads>,
    /// More pages follow.
    #[n(1)]
    pub more: bool,
}

/// Type 9, from the server: it lacks what follows these heads. In repair, each [`Inventory`] page is answered by one or more of these, the last with
/// `more = false`; beside a `Refused` it comes alone.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Missing {
    /// Documents with the server's heads.
    #[cbor(n(0), with = "field::list")]
    pub items: Vec<DocHeads>,
    /// More of these follow for the same inventory page.
    #[cbor(n(1), default, skip_if = "field::is_false")]
    pub more: bool,
    /// The answer to an inventory page.
    #[cbor(n(2), default, skip_if = "field::is_false")]
    pub inventory: bool,
}
