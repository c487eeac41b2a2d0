//! The server's end of a session.

mod output;

use std::collections::VecDeque;

use domain::BlobHash;

pub use output::{
    Admitted, AppendRefusal, Appended, BlobRead, BlobWritten, Compared, Found, LogBody, LogPage,
    LogRow, OfferAnswer, OfferDecision, Output, PackRef, RelayChunk, Waiting, WriteBlob,
};

use crate::close::CloseCode;
use crate::frame::{Frame, Quota};
use crate::limit::Limits;

/// The server's end of one device's session. Driven as the crate's page says.
#[derive(Debug)]
pub struct ServerSession {
    outputs: VecDeque<Output>,
}

impl ServerSession {
    /// Begins on an accepted, authenticated socket; waits for `Hello`.
    pub fn accept(limits: Limits, now_ms: u64) -> ServerSession {
        todo!("{limits:?} {now_ms}")
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

    /// Answers [`Output::Admit`].
    pub fn handle_admitted(&mut self, admitted: Admitted, now_ms: u64) {
        todo!("{admitted:?} {now_ms}")
    }

    /// Answers [`Output::ReadLog`].
    pub fn handle_log(&mut self, page: LogPage, now_ms: u64) {
        todo!("{page:?} {now_ms}")
    }

    /// Answers [`Output::ReadPack`]; `None`: the pack is no more.
    pub fn handle_pack(&mut self, bytes: Option<Vec<u8>>, now_ms: u64) {
        todo!("{bytes:?} {now_ms}")
    }

    /// Answers [`Output::Append`], flushed.
    pub fn handle_appended(&mut self, appended: Appended, now_ms: u64) {
        todo!("{appended:?} {now_ms}")
    }

    /// Answers [`Output::Compare`].
    pub fn handle_compared(&mut self, compared: Compared, now_ms: u64) {
        todo!("{compared:?} {now_ms}")
    }

    /// Answers [`Output::ReadEntries`].
    pub fn handle_entries(&mut self, rows: Vec<LogRow>, now_ms: u64) {
        todo!("{rows:?} {now_ms}")
    }

    /// Answers [`Output::OfferBlobs`].
    pub fn handle_offered(&mut self, answers: Vec<OfferAnswer>, now_ms: u64) {
        todo!("{answers:?} {now_ms}")
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

    /// Answers [`Output::FindBlobs`].
    pub fn handle_found(&mut self, found: Vec<Found>, now_ms: u64) {
        todo!("{found:?} {now_ms}")
    }

    /// Answers [`Output::ReadBlob`].
    pub fn handle_blob_read(&mut self, hash: BlobHash, offset: u64, read: BlobRead, now_ms: u64) {
        todo!("{hash:?} {offset} {read:?} {now_ms}")
    }

    /// From the hub: the account's log has grown to `seq`. Calling it late, early or twice is harmless.
    pub fn handle_head(&mut self, seq: u64, now_ms: u64) {
        todo!("{seq} {now_ms}")
    }

    /// From the hub: these blobs are stored now.
    pub fn handle_blob_available(&mut self, hashes: &[BlobHash], now_ms: u64) {
        todo!("{hashes:?} {now_ms}")
    }

    /// From the hub: the session that was receiving these gave up.
    pub fn handle_blob_free(&mut self, hashes: &[BlobHash], now_ms: u64) {
        todo!("{hashes:?} {now_ms}")
    }

    /// From the hub: another session waits for these blobs.
    pub fn handle_blob_wanted(&mut self, hashes: &[BlobHash], now_ms: u64) {
        todo!("{hashes:?} {now_ms}")
    }

    /// From the hub, to the target of a relay: the next piece.
    pub fn handle_relay_chunk(&mut self, chunk: RelayChunk, now_ms: u64) {
        todo!("{chunk:?} {now_ms}")
    }

    /// From the hub, to the source of a relay: the target has taken `bytes`.
    pub fn handle_relay_credit(&mut self, hash: BlobHash, bytes: u64, now_ms: u64) {
        todo!("{hash:?} {bytes} {now_ms}")
    }

    /// From the hub, to either: the other end of the relay is done or gone.
    pub fn handle_relay_ended(&mut self, hash: BlobHash, now_ms: u64) {
        todo!("{hash:?} {now_ms}")
    }

    /// The account's figures changed (a blob stored, an administrator's word).
    pub fn handle_quota(&mut self, quota: Quota, now_ms: u64) {
        todo!("{quota:?} {now_ms}")
    }

    /// Ends the session from this side (revoked token, shutdown).
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

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        todo!()
    }
}
