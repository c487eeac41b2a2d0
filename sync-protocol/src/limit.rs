//! Every bound of the protocol, with its reason. What a server tells its devices in `Welcome` is [`Limits`]; the other numbers are each side's own
//! defence and need not be told. Nothing here does anything.

use minicbor::{Decode, Encode};

/// The version this crate speaks; another version is answered with [`crate::CloseCode::Version`].
pub const PROTOCOL_VERSION: u32 = 1;

/// Name of the WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "memoryvault.v1";

/// Largest frame in bytes: the largest change (256 KiB) and 32 KiB for what surrounds it. Bounds what one message may make a receiver hold.
pub const FRAME_BYTES_MAX: usize = 288 * 1024;

/// Usual fill of a page of changes: large enough that per-frame costs vanish, small enough that a review is never long behind one.
pub const PAGE_BYTES: usize = 64 * 1024;

/// Largest change in bytes.
pub const CHANGE_BYTES_MAX: usize = 256 * 1024;

/// Bytes of `Changes` a server sends beyond what the device has acknowledged by `Applied`. Bounds a device's receive memory.
pub const WINDOW_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of blob data a sender may have under way beyond what the receiver returned by `Credit`.
pub const CREDIT_BYTES: u64 = 4 * 1024 * 1024;

/// Largest blob in bytes (a sound; a picture's smaller bound is the business of whoever reads its kind).
pub const BLOB_BYTES_MAX: u64 = 25 * 1024 * 1024;

/// Offers of a device without an end (stored, held, refused). Bounds both ends' tables of uploads.
pub const OFFERS_IN_FLIGHT_MAX: usize = 10_000;

/// Blobs in one frame of offers or requests.
pub const BLOBS_A_FRAME_MAX: usize = 1_000;

/// Blobs a device has asked for and not received. The server keeps a little for each.
pub const WANTS_IN_FLIGHT_MAX: usize = 1_000;

/// Blobs a server session remembers as asked for by its device (queued or absent). More is a flood.
pub const GETS_MAX: usize = 20_000;

/// Blobs a device has asked for in vain in a session; past it the rest waits for the next session.
pub const ABSENT_MAX: usize = 10_000;

/// Documents of an account.
pub const DOCUMENTS_MAX: usize = 100_000;

/// Elements of any list in a frame. A frame of 288 KiB could name 290 000 empty ones, each costing far more than a byte when decoded.
pub const LIST_ITEMS_MAX: usize = 4_096;

/// Heads of one document in a frame: concurrent tips are as many as devices that wrote at once, and a device starts few of them.
pub const HEADS_MAX: usize = 1_024;

/// Bytes of a text a person may read (reasons, MIME types).
pub const TEXT_BYTES_MAX: usize = 512;

/// Entries of `Push` a device has under way. 16 pages of 64 KiB fill a line of 10 MB/s with a trip of 100 ms.
pub const PUSHES_IN_FLIGHT_MAX: usize = 16;

/// Bytes of frames in the head of the request that opens a connection: with base64 and the other headers below the 8 KiB that servers in between take.
pub const OPENING_BYTES_MAX: usize = 4 * 1024;

/// Inventory pages a device has under way.
pub const INVENTORIES_IN_FLIGHT_MAX: usize = 4;

/// Documents in one inventory page: about 64 KiB with a head or two each.
pub const INVENTORY_ITEMS_MAX: usize = 800;

/// Rows a server reads from its log at once; rows inside packs carry no bytes, so bytes alone would not bound them.
pub const LOG_ROWS_MAX: usize = 4_096;

/// Bytes of a pack in one frame.
pub const PACK_PART_BYTES: usize = 64 * 1024;

/// Largest pack: a document's bound (4 MiB) and what zstd may add to bytes that do not compress.
pub const PACK_BYTES_MAX: usize = 4 * 1024 * 1024 + 64 * 1024;

/// Packs a server session remembers as sent. Past it the oldest is forgotten and might be sent again: wasteful, never wrong.
pub const PACKS_REMEMBERED_MAX: usize = 8_192;

/// Bytes a device hands to one `Apply`: one commit for many pages, without holding the whole window twice.
pub const APPLY_BYTES_MAX: usize = 1024 * 1024;

/// Times a server reads a page again because a pack moved under it, before it gives up.
pub const PACK_MOVED_MAX: u32 = 8;

/// Entries of one repair answer that are read at once.
pub const REPAIR_ROWS_MAX: usize = 512;

/// Ranges of the log a server remembers as the device's own, so that they are not sent back.
pub const OWN_RANGES_MAX: usize = 256;

/// Blobs relayed through one session at once (as source); the rest wait.
pub const RELAYS_MAX: usize = 4;

/// Bytes of one relayed blob under way from source to target: what a relay may cost the server in memory.
pub const RELAY_WINDOW_BYTES: u64 = 512 * 1024;

/// Bytes of relayed blobs waiting in a target's session, whatever the number of sources.
pub const RELAY_BUFFER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Outputs waiting to be taken. A shell drains after every input, so a longer queue is a peer that makes us talk faster than we are heard.
pub const OUTPUTS_MAX: usize = 4_096;

/// Changes set aside as harmful after which a device leaves: the server is broken or hostile, and every one costs a worker.
pub const STRIKES_MAX: u32 = 3;

/// Smallest delay window of the blob lane: three of the smallest chunks.
pub const LANE_WINDOW_BYTES_MIN: u64 = 48 * 1024;

/// What the blob lane sends into an empty line before anything has come back: five of the smallest chunks. A line of 1 MB/s takes 82 ms for it, so
/// that even a change made at that moment is delayed by less than the 150 ms a person may wait.
pub const LANE_START_BYTES: u64 = 80 * 1024;

/// Bytes by which the starting window grows for each that came back without having queued: four times as much a trip.
pub const LANE_START_GROWTH: u64 = 3;

/// Queueing that a piece may have seen while the window still starts: above the jitter of a thread's turn, below the time a line of 1 MB/s takes for
/// the smallest piece.
pub const LANE_START_QUEUE_MS: u64 = 10;

/// Queueing delay the blob lane allows itself on top of the line's own delay.
pub const LANE_DELAY_MS: u64 = 50;

/// Smallest and largest chunk of blob data.
pub const CHUNK_BYTES_MIN: usize = 16 * 1024;
/// See [`CHUNK_BYTES_MIN`].
pub const CHUNK_BYTES_MAX: usize = 64 * 1024;

/// From opening to `Welcome`.
pub const HANDSHAKE_MS: u64 = 10_000;
/// Between pings of the WebSocket (sent by the shells).
pub const PING_MS: u64 = 30_000;
/// Without any sign of life from the peer.
pub const IDLE_MS: u64 = 90_000;
/// Something is owed by the peer, and for so long it sent nothing but signs of life. Longer than a slow disk takes for a page.
pub const OWED_MS: u64 = 60_000;
/// Blob bytes awaited and none moving.
pub const STALLED_BLOB_MS: u64 = 30_000;

const _: () = assert!(CHANGE_BYTES_MAX + 1024 <= FRAME_BYTES_MAX);
const _: () = assert!(PAGE_BYTES <= CHANGE_BYTES_MAX);
const _: () = assert!(CHUNK_BYTES_MAX + 1024 <= FRAME_BYTES_MAX);
const _: () = assert!(PACK_PART_BYTES + 1024 <= FRAME_BYTES_MAX);
const _: () = assert!(LANE_WINDOW_BYTES_MIN <= LANE_START_BYTES);
const _: () = assert!(LANE_START_BYTES <= CREDIT_BYTES);
const _: () = assert!(LANE_START_QUEUE_MS < LANE_DELAY_MS);
const _: () = assert!(BLOBS_A_FRAME_MAX <= LIST_ITEMS_MAX);
const _: () = assert!(BLOBS_A_FRAME_MAX <= OFFERS_IN_FLIGHT_MAX);
const _: () = assert!(ABSENT_MAX + 2 * WANTS_IN_FLIGHT_MAX <= GETS_MAX);
const _: () = assert!(INVENTORY_ITEMS_MAX <= LIST_ITEMS_MAX);
const _: () = assert!(PING_MS * 2 < IDLE_MS);
const _: () = assert!(STALLED_BLOB_MS < OWED_MS);

/// What a server tells its devices about its bounds, in `Welcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Limits {
    /// Largest frame in bytes.
    #[n(0)]
    pub frame_bytes_max: u32,
    /// Largest change in bytes.
    #[n(1)]
    pub change_bytes_max: u32,
    /// Bytes of `Changes` without `Applied`.
    #[n(2)]
    pub window_bytes: u32,
    /// Blob bytes without `Credit`, in either direction.
    #[n(3)]
    pub credit_bytes: u32,
    /// Largest blob in bytes.
    #[n(4)]
    pub blob_bytes_max: u32,
    /// Offers without an end.
    #[n(5)]
    pub offers_max: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            frame_bytes_max: FRAME_BYTES_MAX as u32,
            change_bytes_max: CHANGE_BYTES_MAX as u32,
            window_bytes: WINDOW_BYTES as u32,
            credit_bytes: CREDIT_BYTES as u32,
            blob_bytes_max: BLOB_BYTES_MAX as u32,
            offers_max: OFFERS_IN_FLIGHT_MAX as u32,
        }
    }
}

impl Limits {
    /// The told limits brought within what this side is ready to do: never more than its own bounds, never so little that a change could not pass.
    pub fn within_own(self) -> Limits {
        let own = Limits::default();
        Limits {
            frame_bytes_max: self
                .frame_bytes_max
                .clamp(PAGE_BYTES as u32, own.frame_bytes_max),
            change_bytes_max: self.change_bytes_max.clamp(1024, own.change_bytes_max),
            window_bytes: self
                .window_bytes
                .clamp(own.frame_bytes_max, own.window_bytes),
            credit_bytes: self
                .credit_bytes
                .clamp(CHUNK_BYTES_MAX as u32, own.credit_bytes),
            blob_bytes_max: self.blob_bytes_max,
            offers_max: self.offers_max.clamp(1, own.offers_max),
        }
    }
}
