//! The device's end of a session.

mod output;

use std::collections::VecDeque;

use domain::{BlobHash, DocId};

pub use output::{
    AppliedHere, Apply, BlobFailure, BlobRead, BlobRefused, BlobWritten, ChangesRefused, Config,
    Counters, InventoryPage, OfferPage, OutboxItem, Output, Pack, Want, WantPage, Welcomed,
    WriteBlob,
};

use crate::close::CloseCode;
use crate::frame::{Frame, OfferItem};

/// The device's end of a session: carries local changes and blobs to the server and fetches what others made. Driven as the crate's page says.
#[derive(Debug)]
pub struct DeviceSession {
    outputs: VecDeque<Output>,
}

impl DeviceSession {
    /// Opens a session on a connected socket; the first output is `Hello`.
    pub fn open(config: Config, now_ms: u64) -> DeviceSession {
        todo!("{config:?} {now_ms}")
    }

    /// A binary message came from the socket.
    pub fn handle_message(&mut self, bytes: &[u8], now_ms: u64) {
        todo!("{bytes:?} {now_ms}")
    }

    /// As [`Self::handle_message`], already decoded.
    pub fn handle_frame(&mut self, frame: Frame, now_ms: u64) {
        todo!("{frame:?} {now_ms}")
    }

    /// A ping or pong came: the peer lives.
    pub fn handle_alive(&mut self, now_ms: u64) {
        todo!("{now_ms}")
    }

    /// The socket has ended without a word.
    pub fn handle_disconnected(&mut self, now_ms: u64) {
        todo!("{now_ms}")
    }

    /// The deadline of [`Self::poll_timeout`] has come (calling early or often is harmless).
    pub fn handle_timeout(&mut self, now_ms: u64) {
        todo!("{now_ms}")
    }

    /// Answers [`Output::ReadOutbox`].
    pub fn handle_outbox(&mut self, items: Vec<OutboxItem>, now_ms: u64) {
        todo!("{items:?} {now_ms}")
    }

    /// Answers [`Output::EnqueueAfter`]: rows from `first_lseq` on are newer than the enqueueing.
    pub fn handle_enqueued(&mut self, doc: DocId, first_lseq: u64, now_ms: u64) {
        todo!("{doc:?} {first_lseq} {now_ms}")
    }

    /// Answers [`Output::Apply`], flushed.
    pub fn handle_applied(&mut self, applied: AppliedHere, now_ms: u64) {
        todo!("{applied:?} {now_ms}")
    }

    /// Answers [`Output::ReadInventory`].
    pub fn handle_inventory(&mut self, page: InventoryPage, now_ms: u64) {
        todo!("{page:?} {now_ms}")
    }

    /// Answers [`Output::ReadOffers`].
    pub fn handle_offers(&mut self, page: OfferPage, now_ms: u64) {
        todo!("{page:?} {now_ms}")
    }

    /// Answers [`Output::FindBlobs`] with those that are here.
    pub fn handle_found(&mut self, items: Vec<OfferItem>, now_ms: u64) {
        todo!("{items:?} {now_ms}")
    }

    /// Answers [`Output::ReadWants`].
    pub fn handle_wants(&mut self, page: WantPage, now_ms: u64) {
        todo!("{page:?} {now_ms}")
    }

    /// Answers [`Output::ReadBlob`].
    pub fn handle_blob_read(&mut self, hash: BlobHash, offset: u64, read: BlobRead, now_ms: u64) {
        todo!("{hash:?} {offset} {read:?} {now_ms}")
    }

    /// Answers [`Output::WriteBlob`] for a piece of `bytes` bytes.
    pub fn handle_blob_written(
        &mut self,
        hash: BlobHash,
        bytes: usize,
        written: BlobWritten,
        now_ms: u64,
    ) {
        todo!("{hash:?} {bytes} {written:?} {now_ms}")
    }

    /// The outbox has new rows.
    pub fn handle_local_changes(&mut self, now_ms: u64) {
        todo!("{now_ms}")
    }

    /// There are new blobs to offer.
    pub fn handle_blobs_added(&mut self, now_ms: u64) {
        todo!("{now_ms}")
    }

    /// Documents name blobs that are not here, for another reason than an `Apply` of this session.
    pub fn handle_wants_changed(&mut self, now_ms: u64) {
        todo!("{now_ms}")
    }

    /// These blobs are needed now (the card on screen): get them first, whether or not others are fetched.
    pub fn handle_want_first(&mut self, wants: Vec<Want>, now_ms: u64) {
        todo!("{wants:?} {now_ms}")
    }

    /// Ends the session from this side.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        todo!("{code:?} {reason}")
    }

    /// The next thing to do; take until `None` after every input.
    pub fn poll_output(&mut self, now_ms: u64) -> Option<Output> {
        let _ = now_ms;
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called, on the clock of `now_ms`.
    pub fn poll_timeout(&self) -> Option<u64> {
        todo!()
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        todo!()
    }

    /// Whether nothing is left to do.
    pub fn is_settled(&self) -> bool {
        todo!()
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        todo!()
    }
}
