//! The device's end of a session: what it is made of, its inputs, and the order in which its outputs leave. The deciding is in the files below, one
//! for each stream: this one only hands on.

mod downloads;
mod output;
mod pull;
mod push;
mod repair;
mod session;
mod uploads;

use std::collections::VecDeque;

use domain::{BlobHash, DocId};

pub use output::{
    AppliedHere, Apply, BlobFailure, BlobRead, BlobRefused, BlobWritten, ChangesRefused, Config,
    Counters, InventoryPage, OfferPage, OutboxItem, Output, Pack, Want, WantPage, Welcomed,
    WriteBlob,
};

use crate::close::CloseCode;
use crate::frame::{Frame, OfferItem, Quota};
use crate::limit::{CREDIT_BYTES, Limits, OWED_MS};
use crate::receiver::BlobReceiver;
use crate::sender::BlobSender;

/// The device's end of a session: carries local changes and blobs to the server and fetches what others made. Driven as the crate's page says.
#[derive(Debug)]
pub struct DeviceSession {
    config: Config,
    phase: Phase,
    outputs: VecDeque<Output>,
    limits: Limits,
    quota: Quota,
    opened_ms: u64,
    heard_ms: u64,
    /// When something moved that is more than a sign of life or idle talk: a frame, an answer of the shell, a send.
    moved_ms: u64,
    /// How long the server may owe something and send nothing.
    patience_ms: u64,
    close_told: bool,
    counters: Counters,
    settled_told: bool,
    pull: pull::Pull,
    push: push::PushState,
    repair: Option<repair::Repair>,
    uploads: uploads::Uploads,
    downloads: downloads::Downloads,
    sender: BlobSender,
    receiver: BlobReceiver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Handshake,
    Open,
    Closed,
}

impl DeviceSession {
    /// Opens a session on a connected socket; the first output is `Hello`.
    pub fn open(config: Config, now_ms: u64) -> DeviceSession {
        let mut session = DeviceSession {
            phase: Phase::Handshake,
            outputs: VecDeque::new(),
            limits: Limits::default(),
            quota: Quota::default(),
            opened_ms: now_ms,
            heard_ms: now_ms,
            moved_ms: now_ms,
            patience_ms: OWED_MS,
            close_told: false,
            counters: Counters::default(),
            settled_told: false,
            pull: pull::Pull::default(),
            push: push::PushState::default(),
            repair: None,
            uploads: uploads::Uploads::default(),
            downloads: downloads::Downloads::new(config.fetch_blobs),
            sender: BlobSender::new(CREDIT_BYTES),
            receiver: BlobReceiver::new(CREDIT_BYTES),
            config,
        };
        session.say_hello();
        session
    }

    /// Gives the server another time than [`OWED_MS`] for what it owes, the answer to `Hello` among it.
    pub fn be_patient(&mut self, patience_ms: u64) {
        self.patience_ms = patience_ms;
    }

    /// Pushes these rows of the outbox along with `Hello`, before the server has answered: those that fit into the head of the request which opens the
    /// connection. Only right after [`Self::open`], and only where the device stands in a log: then the server takes them if that log goes on from there,
    /// which proves it to be the right one. Otherwise, here or there, they are left for later.
    pub fn push_early(&mut self, rows: Vec<OutboxItem>) {
        self.early_push(rows);
    }

    /// What the request carried was not taken from it: `Hello` is said again, as a message, and nothing else that was. As a message an early push could
    /// reach a server that has answered the hello.
    pub fn say_hello_again(&mut self) {
        self.forget_early_push();
        self.say_hello();
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
        // With nothing owed before, the time for what is owed begins here.
        if frame.is_work() || self.is_settled() {
            self.moved_ms = now_ms;
        }
        match (self.phase, frame) {
            (_, Frame::Close(close)) => self.closed_by_peer(close),
            (_, Frame::Unknown(frame_type)) => self.answer_unknown(frame_type),
            (_, Frame::Unsupported(_)) => {}
            (Phase::Handshake, Frame::Welcome(welcome)) => self.on_welcome(welcome, now_ms),
            (Phase::Open, frame) => self.handle_open_frame(frame, now_ms),
            (_, frame) => self.fail_unexpected(&frame),
        }
        self.check_flood();
    }

    fn handle_open_frame(&mut self, frame: Frame, now_ms: u64) {
        match frame {
            Frame::Changes(changes) => self.on_changes(changes),
            Frame::Pushed(pushed) => self.on_pushed(pushed),
            Frame::Refused(refused) => self.on_refused(refused),
            Frame::Missing(missing) => self.on_missing(missing),
            Frame::Quota(quota) => self.on_quota(quota),
            Frame::BlobGrant(grant) => self.on_grant(grant),
            Frame::BlobHeld(held) => self.on_held(held.hashes),
            Frame::BlobRefuse(refuse) => self.on_refuse(refuse),
            Frame::BlobStored(stored) => self.on_stored(stored.hashes),
            Frame::BlobBad(bad) => self.on_bad(bad, now_ms),
            Frame::BlobWanted(wanted) => self.on_wanted(wanted.hashes),
            Frame::BlobData(data) => self.on_data(data, now_ms),
            Frame::BlobAbsent(absent) => self.on_absent(absent.hashes),
            Frame::BlobAvailable(available) => self.on_available(available.hashes, now_ms),
            Frame::Credit(credit) => self.on_credit(credit, now_ms),
            frame => self.fail_unexpected(&frame),
        }
    }

    /// A ping or pong came: the peer lives.
    pub fn handle_alive(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
    }

    /// Answers [`Output::ReadOutbox`].
    pub fn handle_outbox(&mut self, items: Vec<OutboxItem>, _now_ms: u64) {
        self.outbox_read(items);
    }

    /// Answers [`Output::EnqueueAfter`]: rows from `first_lseq` on are newer than the enqueueing.
    pub fn handle_enqueued(&mut self, doc: DocId, first_lseq: u64, _now_ms: u64) {
        self.enqueued(doc, first_lseq);
    }

    /// Answers [`Output::Apply`], flushed.
    pub fn handle_applied(&mut self, applied: AppliedHere, now_ms: u64) {
        self.moved_ms = now_ms;
        self.applied(applied);
    }

    /// Answers [`Output::ReadInventory`].
    pub fn handle_inventory(&mut self, page: InventoryPage, _now_ms: u64) {
        self.inventory_read(page);
    }

    /// Answers [`Output::ReadOffers`].
    pub fn handle_offers(&mut self, page: OfferPage, _now_ms: u64) {
        self.offers_read(page);
    }

    /// Answers [`Output::FindBlobs`] with those that are here.
    pub fn handle_found(&mut self, items: Vec<OfferItem>, _now_ms: u64) {
        self.found(items);
    }

    /// Answers [`Output::ReadWants`].
    pub fn handle_wants(&mut self, page: WantPage, now_ms: u64) {
        self.wants_read(page, now_ms);
    }

    /// Answers [`Output::ReadBlob`].
    pub fn handle_blob_read(&mut self, hash: BlobHash, offset: u64, read: BlobRead, _now_ms: u64) {
        if self.sender.handle_read(hash, offset, read).is_some() {
            self.unreadable(hash);
        }
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

    /// The outbox has new rows.
    pub fn handle_local_changes(&mut self, _now_ms: u64) {
        self.push.has_more();
    }

    /// There are new blobs to offer.
    pub fn handle_blobs_added(&mut self, _now_ms: u64) {
        self.uploads.scan_again();
    }

    /// Documents name blobs that are not here, for another reason than an `Apply` of this session.
    pub fn handle_wants_changed(&mut self, _now_ms: u64) {
        self.downloads.scan_again();
    }

    /// These blobs are needed now (the card on screen): get them first, whether or not others are fetched.
    pub fn handle_want_first(&mut self, wants: Vec<Want>, now_ms: u64) {
        self.want_first(wants, now_ms);
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
        if output.as_ref().is_some_and(Output::is_work) {
            self.moved_ms = now_ms;
        }
        output
    }

    /// Looks for work once everything said is done: documents first, then control of the blob lane, then one read or chunk, then the end of work.
    fn advance(&mut self, now_ms: u64) {
        self.advance_repair();
        self.advance_pull();
        self.advance_push();
        self.advance_uploads();
        self.advance_downloads();
        for credit in self.receiver.take_credit() {
            self.transmit(credit);
        }
        if self.outputs.is_empty() {
            if let Some(read) = self.sender.next_read(now_ms) {
                let (hash, offset, len) = (read.hash, read.offset, read.len);
                self.outputs
                    .push_back(Output::ReadBlob { hash, offset, len });
            } else if let Some((data, last)) = self.sender.next_data(now_ms) {
                self.chunk_leaves(&data, last);
                self.transmit(data);
            } else {
                self.advance_settled();
            }
        }
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Ends the session from this side.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        self.fail(code, reason);
    }

    fn transmit(&mut self, frame: impl Into<Frame>) {
        self.outputs.push_back(Output::Transmit(frame.into()));
    }
}
