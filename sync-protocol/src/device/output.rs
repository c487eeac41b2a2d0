//! What a device's session asks of its shell, and the types of the answers. Only words: the deciding is in the session's other files.

use domain::{BlobHash, DeviceId, DocId, IncarnationId, VaultId};

use crate::close::Closing;
use crate::cursor::{Cursor, PackHash};
use crate::frame::{DocChange, DocHeads, Frame, NewIdentity, OfferItem, Quota, Reason};
use crate::limit::Limits;

/// What a session is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// This device.
    pub device: DeviceId,
    /// The directory's present incarnation.
    pub incarnation: IncarnationId,
    /// With something to send, the next one, **already persisted** beside the present one: fresh random bytes, or, when a session before broke off
    /// before its first acknowledgement, the ones persisted then (the server may or may not have recorded them). With nothing to send, and nothing
    /// sent since the last turn, the present one: such a session costs neither end a write.
    pub next_incarnation: IncarnationId,
    /// The stored cursor for this server.
    pub cursor: Option<Cursor>,
    /// The vault this device belongs to; a server with another one is left with [`crate::CloseCode::WrongVault`].
    pub vault: Option<VaultId>,
    /// The wall clock at opening, Unix milliseconds.
    pub wall_ms: i64,
    /// Compare everything with the server even if the cursor is good (a person asked for it, or a dependency is missing).
    pub repair: bool,
    /// Fetch the blobs the documents name. `false`: only those given to [`super::DeviceSession::handle_want_first`].
    pub fetch_blobs: bool,
}

/// One thing the shell does. The shell takes them in order and starts each before the next.
///
/// Outputs on documents ([`Output::ReadOutbox`], [`Output::ClearOutbox`], [`Output::EnqueueAfter`], [`Output::Apply`], [`Output::ReadInventory`],
/// [`Output::StartRepair`], [`Output::Welcomed`], [`Output::BlobsStored`], [`Output::ReadOffers`], [`Output::ReadWants`]) must take effect in the
/// order they came out, for instance on one store thread. `ReadBlob` and `WriteBlob` may run on a pool: answers may come in any order between
/// blobs, but the writes of *one* blob take effect in order. A failure of the shell's own that no answer has a word for ends the session with
/// [`super::DeviceSession::close`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Encode and send. Keep reading the socket while a send is pending: both ends may be sending megabytes.
    Transmit(Frame),

    /// The server has accepted. In one commit: take `new_identity` if there is one, and with it the incarnation (its id and token replace this
    /// device's from now on; a later write uses the new id), remember vault and quota. No answer.
    Welcomed(Welcomed),
    /// Remember the account's figures for `status`. No answer.
    QuotaSeen(Quota),

    /// Read changes waiting for this server with `lseq > after`, ascending, up to about `bytes_max` bytes but at least one if there is one.
    /// Answer: [`super::DeviceSession::handle_outbox`] (empty: there are none). A review journal is turned into a change before this is answered.
    ReadOutbox {
        /// Position after which to read.
        after: u64,
        /// Where to stop.
        bytes_max: usize,
    },
    /// In one commit: remove these rows of the outbox, move the stored cursor if one is given, and make the next incarnation that this session said
    /// the present one, for the server has recorded it with what it appended. A session that said none, since it was opened with nothing to send,
    /// makes the session after it say one. No answer.
    ClearOutbox {
        /// The rows.
        lseqs: Vec<u64>,
        /// Where this device stands now.
        cursor: Option<Cursor>,
    },
    /// The server did not take these. The rows stay in the outbox and are tried again in the next session; remember the reason for `status`. No
    /// answer.
    ChangesRefused(ChangesRefused),
    /// Append to the outbox, in an order that keeps dependencies before dependents, every change of `doc` that is not an ancestor of (or one of)
    /// `heads`; unknown heads count for nothing. Those queued already go there too (again, or moved): in their old place they would go out before
    /// what they rest on. Answer: [`super::DeviceSession::handle_enqueued`] with the first `lseq` that was free before it.
    EnqueueAfter {
        /// The document (perhaps unknown here: then nothing is added).
        doc: DocId,
        /// What the server has.
        heads: Vec<domain::ChangeHash>,
    },

    /// Take in, through the intake pipeline, packs first, then items, in order; all that passes, the set-aside, and the cursor (if given) in one
    /// commit (several are allowed if the cursor is in the last). One is under way at a time. Answer: [`super::DeviceSession::handle_applied`].
    Apply(Apply),

    /// The server lost or never had part of what this device synced. Forget which blobs the server has stored; **keep** the stored cursor (it is
    /// replaced by the `Apply` that ends the repair, so that a repair broken off begins again). No answer.
    StartRepair,
    /// Read documents with their heads, ascending by id, `doc > after`, at most `count_max`. Answer:
    /// [`super::DeviceSession::handle_inventory`].
    ReadInventory {
        /// Position after which to read.
        after: Option<DocId>,
        /// Where to stop.
        count_max: usize,
    },

    /// Read blobs that are here, are referenced, and are not marked as stored on this server, ascending by hash, `hash > after`, at most
    /// `count_max`. Answer: [`super::DeviceSession::handle_offers`].
    ReadOffers {
        /// Position after which to read.
        after: Option<BlobHash>,
        /// Where to stop.
        count_max: usize,
    },
    /// Which of these blobs are here (whether or not marked as stored)? Answer: [`super::DeviceSession::handle_found`].
    FindBlobs {
        /// The blobs another device waits for.
        hashes: Vec<BlobHash>,
    },
    /// Read blobs that documents name and that are not here, ascending by hash, `hash > after`, at most `count_max`. Answer:
    /// [`super::DeviceSession::handle_wants`].
    ReadWants {
        /// Position after which to read.
        after: Option<BlobHash>,
        /// Where to stop.
        count_max: usize,
    },
    /// Read a piece of a blob. Answer: [`super::DeviceSession::handle_blob_read`].
    ReadBlob {
        /// The blob.
        hash: BlobHash,
        /// Where.
        offset: u64,
        /// How much; the blob is at least `offset + len` long.
        len: usize,
    },
    /// Append a piece to the blob's part file at `offset` (0: begin anew; the first of a resumed one: continue, re-hashing what is there). When
    /// `offset + bytes.len() == total`: verify hash and length, flush, rename. Answer, for every piece:
    /// [`super::DeviceSession::handle_blob_written`].
    WriteBlob(WriteBlob),
    /// Remember that the server has these stored (they are not offered again under this epoch). No answer.
    BlobsStored(Vec<BlobHash>),
    /// The server did not take this blob; it is offered again in the next session. Remember the reason for `status`. No answer.
    BlobRefused(BlobRefused),
    /// This blob could not be sent or received although it should have been. Tell a person. No answer.
    BlobFailed {
        /// The blob.
        hash: BlobHash,
        /// Why.
        why: BlobFailure,
    },

    /// Nothing is left to do: what the server had at the last word is applied, the outbox is empty or refused, offers are answered and sent,
    /// wants are here or absent. A one-shot sync closes now; a watching one goes on and may see this again. No answer.
    Settled(Counters),
    /// The session is over: no other output follows. Close the socket (with this code unless the peer closed).
    Close(Closing),
}

impl Output {
    /// Whether it is more than an answer to idle talk of the server: see [`Frame::is_work`].
    pub(super) fn is_work(&self) -> bool {
        match self {
            Output::Transmit(frame) => frame.is_work(),
            Output::QuotaSeen(_) | Output::FindBlobs { .. } => false,
            _ => true,
        }
    }
}

/// See [`Output::Welcomed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcomed {
    /// The account's vault.
    pub vault: VaultId,
    /// The server's bounds.
    pub limits: Limits,
    /// The account's blobs.
    pub quota: Quota,
    /// What `Hello` said as the next one.
    pub incarnation: IncarnationId,
    /// This device's id and token from now on, when its directory was found to be a copy.
    pub new_identity: Option<NewIdentity>,
    /// How far the server's clock is ahead of this device's, estimated by half the trip.
    pub clock_ahead_ms: i64,
    /// The server does not continue from this device's cursor; a repair follows.
    pub repair: bool,
}

/// A row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxItem {
    /// Its position: ascending, never used twice for one server.
    pub lseq: u64,
    /// The change.
    pub item: DocChange,
}

/// See [`Output::ChangesRefused`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangesRefused {
    /// The rows of the outbox.
    pub lseqs: Vec<u64>,
    /// Why.
    pub reason: Reason,
    /// With [`Reason::Quota`]: bytes used and allowed.
    pub quota: Quota,
    /// The server's sentence.
    pub message: String,
}

/// See [`Output::Apply`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Apply {
    /// Whole packs; their bytes have the hash they were announced by.
    pub packs: Vec<Pack>,
    /// Single changes.
    pub items: Vec<DocChange>,
    /// Where this device stands after it.
    pub cursor: Option<Cursor>,
}

/// A whole pack as it travelled; opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// The document.
    pub doc: DocId,
    /// BLAKE3 of the bytes.
    pub pack: PackHash,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The answer to [`Output::Apply`], once flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AppliedHere {
    /// Changes that were new to this device.
    pub fresh: u64,
    /// Changes set aside as harmful.
    pub set_aside: u32,
    /// The cursor was *not* moved, since part of the page could not be taken at all (a pack that does not decode). The session ends, so that no later
    /// page moves it past the gap.
    pub cursor_kept: bool,
    /// Documents now name blobs that are not here.
    pub wants_changed: bool,
}

/// A page of documents for a repair.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InventoryPage {
    /// Ascending by id.
    pub items: Vec<DocHeads>,
    /// There are more after the last.
    pub more: bool,
}

/// A page of blobs to offer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OfferPage {
    /// Ascending by hash.
    pub items: Vec<OfferItem>,
    /// There are more after the last.
    pub more: bool,
}

/// A blob the device lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// The blob.
    pub hash: BlobHash,
    /// Length of its part file here.
    pub offset: u64,
    /// Higher comes first.
    pub priority: u64,
}

/// A page of blobs to get.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WantPage {
    /// Ascending by hash.
    pub items: Vec<Want>,
    /// There are more after the last.
    pub more: bool,
    /// Some that were wanted are here already, by the looks of it since before a crash: the server may lack them.
    pub some_are_here: bool,
}

/// See [`Output::BlobRefused`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobRefused {
    /// The blob.
    pub hash: BlobHash,
    /// Why.
    pub reason: Reason,
    /// With [`Reason::Quota`]: bytes used and allowed.
    pub quota: Quota,
    /// The blob's length.
    pub bytes: u64,
}

/// Why a blob did not come across.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobFailure {
    /// This device could not read what it offered.
    Unreadable,
    /// The receiver found other bytes than the hash says, twice.
    Damaged,
    /// This device could not write it.
    Unwritable,
}

/// What a session has done so far. Bytes are counted by the shell, where they are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Changes acknowledged by the server.
    pub pushed: u64,
    /// Changes received that were new here.
    pub pulled: u64,
    /// Blobs sent and stored on the server or taken by another device.
    pub blobs_sent: u64,
    /// Blobs received whole.
    pub blobs_received: u64,
}

pub use crate::receiver::{BlobWritten, WriteBlob};
pub use crate::sender::BlobRead;
