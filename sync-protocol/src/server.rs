//! The server's end of a session: what it is made of, its inputs, and the order in which its outputs leave. The deciding is in the files below, one
//! for each stream: this one only hands on.

mod downloads;
mod output;
mod pages;
mod pushes;
mod relay;
mod repair;
mod session;
mod stream;
mod uploads;

use std::collections::VecDeque;

use domain::BlobHash;

pub use output::{
    Admitted, AppendRefusal, Appended, BlobRead, BlobWritten, Compared, Found, LogBody, LogPage,
    LogRow, OfferAnswer, OfferDecision, Output, PackRef, RelayChunk, Waiting, WriteBlob,
};

use crate::close::CloseCode;
use crate::cursor::Cursor;
use crate::frame::{Frame, Quota};
use crate::limit::Limits;
use crate::receiver::BlobReceiver;
use crate::sender::BlobSender;

/// The server's end of one device's session. Driven as the crate's page says.
#[derive(Debug)]
pub struct ServerSession {
    phase: Phase,
    outputs: VecDeque<Output>,
    limits: Limits,
    quota_told: Quota,
    /// The figures after the last stored blob, told before the blob is acknowledged.
    quota_stored: Option<Quota>,
    accepted_ms: u64,
    heard_ms: u64,
    close_told: bool,
    stream: stream::Stream,
    pushes: pushes::Pushes,
    repair: Option<repair::Repair>,
    uploads: uploads::Uploads,
    downloads: downloads::Downloads,
    relays_in: relay::RelaysIn,
    sender: BlobSender,
    receiver: BlobReceiver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waiting for `Hello`.
    Handshake,
    /// The shell is looking the device up.
    Admitting {
        /// Where it says it stands.
        cursor: Option<Cursor>,
    },
    Open,
    Closed,
}

impl ServerSession {
    /// Begins on an accepted, authenticated socket; waits for `Hello`.
    pub fn accept(limits: Limits, now_ms: u64) -> ServerSession {
        let limits = limits.within_own();
        ServerSession {
            phase: Phase::Handshake,
            outputs: VecDeque::new(),
            limits,
            quota_told: Quota::default(),
            quota_stored: None,
            accepted_ms: now_ms,
            heard_ms: now_ms,
            close_told: false,
            stream: stream::Stream::new(u64::from(limits.window_bytes)),
            pushes: pushes::Pushes::default(),
            repair: None,
            uploads: uploads::Uploads::default(),
            downloads: downloads::Downloads::default(),
            relays_in: relay::RelaysIn::default(),
            sender: BlobSender::new(u64::from(limits.credit_bytes)),
            receiver: BlobReceiver::new(u64::from(limits.credit_bytes)),
        }
    }

    /// A binary message came from the socket.
    pub fn handle_message(&mut self, bytes: &[u8], now_ms: u64) {
        match Frame::decode(bytes) {
            Ok(frame) => self.handle_frame(frame, now_ms),
            Err(error) => self.fail_frame(&error),
        }
    }

    /// As [`Self::handle_message`], already decoded.
    pub fn handle_frame(&mut self, frame: Frame, now_ms: u64) {
        if self.phase == Phase::Closed {
            return;
        }
        self.heard_ms = now_ms;
        match (self.phase, frame) {
            (_, Frame::Close(close)) => self.closed_by_peer(close),
            (_, Frame::Unknown(frame_type)) => self.answer_unknown(frame_type),
            (_, Frame::Unsupported(_)) => {}
            (Phase::Handshake, Frame::Hello(hello)) => self.on_hello(hello),
            (Phase::Admitting { .. }, Frame::Push(push)) => self.on_early_push(push),
            (Phase::Open, frame) => self.handle_open_frame(frame, now_ms),
            (_, frame) => self.fail_unexpected(&frame),
        }
        self.check_flood();
    }

    fn handle_open_frame(&mut self, frame: Frame, now_ms: u64) {
        match frame {
            Frame::Applied(applied) => self.on_applied(applied),
            Frame::Push(push) => self.on_push(push),
            Frame::Inventory(inventory) => self.on_inventory(inventory),
            Frame::BlobOffer(offer) => self.on_offer(offer),
            Frame::BlobData(data) => self.on_data(data, now_ms),
            Frame::BlobGet(get) => self.on_get(get),
            Frame::BlobStored(stored) => self.on_stored(stored.hashes),
            Frame::BlobBad(bad) => self.on_bad(bad),
            Frame::BlobAbsent(absent) => self.on_absent(absent.hashes),
            Frame::Credit(credit) => self.on_credit(credit, now_ms),
            frame => self.fail_unexpected(&frame),
        }
    }

    /// A ping or pong came: the peer lives.
    pub fn handle_alive(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
    }

    /// Answers [`Output::Admit`].
    pub fn handle_admitted(&mut self, admitted: Admitted, now_ms: u64) {
        self.admitted(admitted, now_ms);
    }

    /// Answers [`Output::ReadLog`].
    pub fn handle_log(&mut self, page: LogPage, _now_ms: u64) {
        self.log_read(page);
    }

    /// Answers [`Output::ReadPack`]; `None`: the pack is no more.
    pub fn handle_pack(&mut self, bytes: Option<Vec<u8>>, _now_ms: u64) {
        self.pack_read(bytes);
    }

    /// Answers [`Output::Append`], flushed.
    pub fn handle_appended(&mut self, appended: Appended, _now_ms: u64) {
        self.appended(appended);
    }

    /// Answers [`Output::Compare`].
    pub fn handle_compared(&mut self, compared: Compared, _now_ms: u64) {
        self.compared(compared);
    }

    /// Answers [`Output::ReadEntries`].
    pub fn handle_entries(&mut self, rows: Vec<LogRow>, _now_ms: u64) {
        self.entries_read(rows);
    }

    /// Answers [`Output::OfferBlobs`].
    pub fn handle_offered(&mut self, answers: Vec<OfferAnswer>, now_ms: u64) {
        self.offered(answers, now_ms);
    }

    /// Of a piece whose [`Output::WriteBlob`] is not answered yet, so many bytes have left memory: the sender hears of it before the disk has flushed
    /// them. The answer then leaves them out.
    pub fn handle_blob_taken(&mut self, hash: BlobHash, bytes: usize, now_ms: u64) {
        self.receiver.handle_taken(&hash, bytes, now_ms);
    }

    /// Answers [`Output::WriteBlob`] for a piece of `bytes` bytes.
    pub fn handle_blob_written(
        &mut self,
        hash: BlobHash,
        bytes: usize,
        written: BlobWritten,
        now_ms: u64,
    ) {
        self.blob_written(hash, bytes, written, now_ms);
    }

    /// Answers [`Output::FindBlobs`].
    pub fn handle_found(&mut self, found: Vec<Found>, _now_ms: u64) {
        self.found(found);
    }

    /// Answers [`Output::ReadBlob`].
    pub fn handle_blob_read(&mut self, hash: BlobHash, offset: u64, read: BlobRead, _now_ms: u64) {
        if let Some(sent) = self.sender.handle_read(hash, offset, read) {
            self.unreadable(hash, sent);
        }
    }

    /// Answers [`Output::BlobSuspect`].
    pub fn handle_verified(&mut self, hash: BlobHash, _now_ms: u64) {
        self.verified(hash);
    }

    /// From the hub: the account's log has grown to `seq`. Calling it late, early or twice is harmless.
    pub fn handle_head(&mut self, seq: u64, _now_ms: u64) {
        self.stream.grow_to(seq);
    }

    /// From the hub: these blobs are stored now.
    pub fn handle_blob_available(&mut self, hashes: &[BlobHash], _now_ms: u64) {
        if self.phase == Phase::Open {
            self.blobs_available(hashes);
        }
    }

    /// From the hub: the session that was receiving these gave up.
    pub fn handle_blob_free(&mut self, hashes: &[BlobHash], _now_ms: u64) {
        if self.phase == Phase::Open {
            self.blobs_free(hashes);
        }
    }

    /// From the hub: another session waits for these blobs.
    pub fn handle_blob_wanted(&mut self, hashes: &[BlobHash], _now_ms: u64) {
        if self.phase == Phase::Open {
            self.blobs_wanted(hashes);
        }
    }

    /// From the hub, to the target of a relay: the next piece.
    pub fn handle_relay_chunk(&mut self, chunk: RelayChunk, _now_ms: u64) {
        if self.phase == Phase::Open {
            self.relay_chunk(chunk);
        }
    }

    /// From the hub, to the source of a relay: the target has taken `bytes`.
    pub fn handle_relay_credit(&mut self, hash: BlobHash, bytes: u64, _now_ms: u64) {
        if self.phase == Phase::Open {
            self.relay_credit(hash, bytes);
        }
    }

    /// From the hub, to either: the other end of the relay is done or gone.
    pub fn handle_relay_ended(&mut self, hash: BlobHash, _now_ms: u64) {
        if self.phase == Phase::Open {
            self.relay_ended(hash);
        }
    }

    /// The account's figures changed (a blob stored, an administrator's word).
    pub fn handle_quota(&mut self, quota: Quota, _now_ms: u64) {
        if self.phase == Phase::Open && quota != self.quota_told {
            self.quota_told = quota;
            self.transmit(quota);
        }
    }

    /// The account's figures once a blob was stored, before [`Self::handle_blob_written`] says so: a device that has nothing else to do leaves
    /// with the acknowledgement, and should know by then how much is used.
    pub fn handle_quota_stored(&mut self, quota: Quota, _now_ms: u64) {
        self.quota_stored = Some(quota);
    }

    /// The next thing to do; take until `None` after every input.
    pub fn poll_output(&mut self, now_ms: u64) -> Option<Output> {
        if self.outputs.is_empty() && self.phase == Phase::Open {
            self.advance(now_ms);
        }
        if self.close_told {
            // Late answers may still have left something.
            self.outputs.clear();
        }
        let output = self.outputs.pop_front();
        self.close_told |= matches!(output, Some(Output::Close(_)));
        output
    }

    /// Looks for work once everything said is done: documents first, then control of the blob lane, then one read or chunk.
    fn advance(&mut self, now_ms: u64) {
        self.advance_repair();
        self.advance_stream();
        self.advance_uploads(now_ms);
        for credit in self.receiver.take_credit() {
            self.transmit(credit);
        }
        if self.outputs.is_empty() {
            if let Some(read) = self.sender.next_read(now_ms) {
                let (hash, offset, len) = (read.hash, read.offset, read.len);
                self.outputs
                    .push_back(Output::ReadBlob { hash, offset, len });
            } else if let Some((data, _)) = self.sender.next_data(now_ms) {
                self.transmit(data);
            }
        }
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Ends the session from this side (revoked token, shutdown).
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        self.fail(code, reason);
    }

    fn transmit(&mut self, frame: impl Into<Frame>) {
        self.outputs.push_back(Output::Transmit(frame.into()));
    }
}
