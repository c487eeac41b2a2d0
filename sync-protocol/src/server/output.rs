//! What a server's session asks of its shell, and the types of the answers. Only words: the deciding is in the session's other files.

use domain::{BlobHash, DocId, VaultId};

use crate::close::Closing;
use crate::cursor::{Cursor, PackHash};
use crate::frame::{DocChange, DocHeads, Frame, Hello, NewIdentity, OfferItem, Quota, Reason};

/// One thing the shell does. The shell takes them in order and starts each before the next; all of them concern the account the session's token
/// belongs to.
///
/// Disk work may run on a pool and be answered in any order, with these exceptions: `Append`s of one session take effect in order, and so do the
/// `WriteBlob`s of one blob. Work that is under way when the session ends still finishes; the shell tells the hub of entries appended and blobs
/// stored by then itself ([`Output::AnnounceHead`], [`Output::AnnounceBlobs`]), and lets go what an `OfferBlobs` answered too late has reserved. A failure of the shell's own that no answer has a word for ends the session with [`super::ServerSession::close`].
///
/// "The hub" is the shell's table of the account's other sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Encode and send. Keep reading the socket while a send is pending: both ends may be sending megabytes.
    Transmit(Frame),

    /// In one write (the token's device must be the one that says hello): look up where the account's log and this device stand, let [`crate::judge`] decide, record the incarnation (for a fork: for a
    /// new device with a new token). Answer: [`super::ServerSession::handle_admitted`].
    Admit(Hello),

    /// Read log rows with `seq > after`, ascending: stop before the inline changes exceed `bytes_max` (at least one row if there is one), or at
    /// `rows_max` rows. Answer: [`super::ServerSession::handle_log`].
    ReadLog {
        /// Position after which to read.
        after: u64,
        /// Where to stop, in bytes of inline changes.
        bytes_max: usize,
        /// Where to stop, in rows.
        rows_max: usize,
    },
    /// Read a piece of a pack. Answer: [`super::ServerSession::handle_pack`] (`None`: the pack is no more, its rows have moved).
    ReadPack {
        /// The pack.
        pack: PackRef,
        /// Where.
        offset: u64,
        /// How much; up to the pack's end at most.
        len: usize,
    },
    /// Check each change (byte gate, graph, limits, the account's document bytes) and append those that pass, flushed, in order; known ones are
    /// taken without an entry. One write, so that the new entries are consecutive. Answer: [`super::ServerSession::handle_appended`].
    Append {
        /// The batch, for the answer.
        batch: u64,
        /// The changes.
        items: Vec<DocChange>,
    },
    /// The log has grown to `seq`: tell the account's other sessions ([`super::ServerSession::handle_head`]). No answer.
    AnnounceHead(u64),

    /// Repair. The device has, of all documents with `after < id <= through` (`None`: no bound), exactly these, with these heads. Answer:
    /// [`super::ServerSession::handle_compared`].
    Compare {
        /// Lower end, exclusive.
        after: Option<DocId>,
        /// Upper end, inclusive.
        through: Option<DocId>,
        /// The device's documents in the range, ascending.
        items: Vec<DocHeads>,
    },
    /// Read these log rows, in this order: stop before the inline changes exceed `bytes_max` (at least one row). Answer:
    /// [`super::ServerSession::handle_entries`] with the rows from the front of `seqs` that were read.
    ReadEntries {
        /// At most [`crate::limit::REPAIR_ROWS_MAX`].
        seqs: Vec<u64>,
        /// Where to stop, in bytes of inline changes.
        bytes_max: usize,
    },

    /// For each blob: is it here (within the account), else does the quota allow it: reserve its bytes *now*, and say from where to send. Blobs
    /// that another session is receiving at this moment: [`OfferDecision::Wait`]. Over quota, but a session waits for it in the hub:
    /// [`OfferDecision::Relay`]. Answer: [`super::ServerSession::handle_offered`].
    OfferBlobs(Vec<OfferItem>),
    /// Append a piece to the blob's part file. When `offset + bytes.len() == total`: verify hash and length, flush, rename, turn the reservation
    /// into use. Answer, for every piece: [`super::ServerSession::handle_blob_written`]. After a bad one the part file and reservation are gone.
    WriteBlob(WriteBlob),
    /// These grants came to nothing: release their reservations, and tell waiting sessions ([`super::ServerSession::handle_blob_free`]). The part
    /// files stay, for resuming. The shell does the same for all grants left when a session ends. No answer.
    AbandonBlobs(Vec<BlobHash>),
    /// These are stored: tell the account's other sessions ([`super::ServerSession::handle_blob_available`]). No answer.
    AnnounceBlobs(Vec<BlobHash>),

    /// Which of these blobs are here (within the account), and how long are they? Answer: [`super::ServerSession::handle_found`].
    FindBlobs(Vec<BlobHash>),
    /// Read a piece of a blob. Answer: [`super::ServerSession::handle_blob_read`].
    ReadBlob {
        /// The blob.
        hash: BlobHash,
        /// Where.
        offset: u64,
        /// How much; the blob is at least `offset + len` long.
        len: usize,
    },
    /// A device found our bytes of this blob bad: verify the file, move it aside if it is damaged. Answer:
    /// [`super::ServerSession::handle_verified`].
    BlobSuspect(BlobHash),

    /// Remember in the hub that this session waits for these blobs, from these offsets, and tell the account's other sessions
    /// ([`super::ServerSession::handle_blob_wanted`]); also tell *this* session what the others wait for when it is admitted. No answer.
    AskOthers(Vec<Waiting>),
    /// Forget in the hub that this session waits for these (it has them now). If others still wait for one that was being relayed here, ask again
    /// on their behalf. No answer.
    StopAsking(Vec<BlobHash>),
    /// This session is the source of a relay: hand the piece to the target that [`OfferDecision::Relay`] chose
    /// ([`super::ServerSession::handle_relay_chunk`]). No answer.
    RelayChunk(RelayChunk),
    /// This session is the target of a relay: hand to the source ([`super::ServerSession::handle_relay_credit`]). No answer.
    RelayCredit {
        /// The blob.
        hash: BlobHash,
        /// Bytes the target has taken.
        bytes: u64,
    },
    /// This session's part in relaying the blob is over. If it was the source, tell the target, if the target, tell the source
    /// ([`super::ServerSession::handle_relay_ended`]); forget the pairing. The shell does the same for every pairing of a session that ends. No
    /// answer.
    RelayEnded(BlobHash),

    /// The session is over: no other output follows. Close the socket (with this code unless the peer closed).
    Close(Closing),
}

/// The answer to [`Output::Admit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The account's vault.
    pub vault: VaultId,
    /// The log's head.
    pub head: Cursor,
    /// The account's blobs.
    pub quota: Quota,
    /// From [`crate::Judgement`].
    pub cursor_ok: bool,
    /// The new device made for a fork.
    pub new_identity: Option<NewIdentity>,
    /// The wall clock, Unix milliseconds.
    pub wall_ms: i64,
}

/// A pack in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackRef {
    /// The document.
    pub doc: DocId,
    /// BLAKE3 of the pack's bytes.
    pub pack: PackHash,
    /// Length of the pack.
    pub bytes: u64,
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// Its number.
    pub seq: u64,
    /// Where its change is.
    pub body: LogBody,
}

/// Where the change of a log entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogBody {
    /// Here.
    Inline(DocChange),
    /// In a pack, with other changes of its document.
    Packed(PackRef),
}

/// The answer to [`Output::ReadLog`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// Ascending, without gaps.
    pub rows: Vec<LogRow>,
    /// The place of the last row (of `after`, if there are none).
    pub cursor: Cursor,
    /// The log's head now.
    pub head_seq: u64,
}

/// The answer to [`Output::Append`], once flushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The batch.
    pub batch: u64,
    /// The first of the new entries; `None` when all were known or refused.
    pub first_seq: Option<u64>,
    /// The log's place after them.
    pub head: Cursor,
    /// What was not taken.
    pub refused: Vec<AppendRefusal>,
    /// For refusals with [`Reason::UnknownDependency`]: the documents with the server's heads.
    pub missing: Vec<DocHeads>,
}

/// Changes of a batch that were not taken, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendRefusal {
    /// Positions in the batch's items.
    pub items: Vec<u32>,
    /// Why.
    pub reason: Reason,
    /// With [`Reason::Quota`]: document bytes used and allowed.
    pub quota: Quota,
    /// One sentence for a person.
    pub message: String,
}

/// The answer to [`Output::Compare`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compared {
    /// Documents of which the device has heads that the server does not know, with the server's heads (empty for an unknown document).
    pub missing: Vec<DocHeads>,
    /// Entries the device lacks: in listed documents those not reachable from the device's heads, and every entry of documents in the range that
    /// are not listed. Ascending.
    pub seqs: Vec<u64>,
}

/// The answer for one blob of [`Output::OfferBlobs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferAnswer {
    /// The blob.
    pub hash: BlobHash,
    /// What is to happen.
    pub decision: OfferDecision,
}

/// See [`OfferAnswer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferDecision {
    /// Reserved; the part file has `offset` bytes.
    Grant {
        /// Where to begin.
        offset: u64,
    },
    /// Here already.
    Held,
    /// Another session receives it now. [`super::ServerSession::handle_blob_available`] or `handle_blob_free` follows.
    Wait,
    /// Not to be stored, but a session waits for it, from this offset: the hub has paired the two.
    Relay {
        /// Where to begin.
        offset: u64,
    },
    /// Not taken.
    Refuse {
        /// Why.
        reason: Reason,
        /// With [`Reason::Quota`]: bytes used and allowed.
        quota: Quota,
    },
}

/// A blob a session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The blob.
    pub hash: BlobHash,
    /// Bytes its device has already.
    pub offset: u64,
}

/// A blob found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The blob.
    pub hash: BlobHash,
    /// Its length; `None` when it is not here.
    pub bytes: Option<u64>,
}

/// A piece of a relayed blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayChunk {
    /// The blob.
    pub hash: BlobHash,
    /// Where it begins.
    pub offset: u64,
    /// The blob's whole length.
    pub total: u64,
    /// The piece.
    pub bytes: Vec<u8>,
}

pub use crate::receiver::{BlobWritten, WriteBlob};
pub use crate::sender::BlobRead;
