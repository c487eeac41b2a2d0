//! One session: the loop that carries inputs to the machine and does its outputs in order. Which thread does what is
//! told in `sync`; what the vault does for an output is in `store`.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::{BlobHash, DocId};
use storage::BlobStore;
use sync_protocol::device::{
    AppliedHere, BlobRead, BlobWritten, Counters, InventoryPage, OfferPage, OutboxItem, Output,
    Want, WantPage,
};
use sync_protocol::limit::PING_MS;
use sync_protocol::{CloseCode, Closing, DeviceSession, OfferItem};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use super::blobs::{BlobPool, Piece};
use super::control::SyncControl;
use super::round::Round;
use super::socket::{Reader, Received, Writer};
use super::store::{Begin, StoreQueue};
use super::{SyncError, SyncEvent, SyncOptions, SyncReport};
use crate::account::Token;

/// How long a sync that is done waits for another device to lend a picture that the server lacks, from the last one that
/// came: two trips and the reading of a file, with room.
const LINGER: Duration = Duration::from_millis(1_500);

/// Blobs of which the vault is told in one commit, and how long the first of them may wait for others: a commit's flushes cost as
/// much as those of a small blob's file.
const NOTED_AT_ONCE: usize = 256;
/// See [`NOTED_AT_ONCE`].
const NOTED_WITHIN: Duration = Duration::from_millis(250);

/// An answer to what the session asked of the vault or of the blobs.
#[derive(Debug)]
pub(super) enum Answer {
    Outbox(Vec<OutboxItem>),
    Enqueued(DocId, u64),
    Applied(AppliedHere),
    Inventory(InventoryPage),
    Offers(OfferPage),
    Found(Vec<OfferItem>),
    Wants(WantPage),
    /// What somebody looks at and is not here.
    Viewed(Vec<Want>),
    BlobRead {
        hash: BlobHash,
        offset: u64,
        read: BlobRead,
    },
    /// Bytes of a piece have left memory before its end is known.
    BlobTaken {
        hash: BlobHash,
        bytes: usize,
    },
    BlobWritten {
        hash: BlobHash,
        bytes: usize,
        written: BlobWritten,
    },
    /// The vault has noted which blobs arrived.
    Noted,
    /// The vault could not do what was asked: the session cannot go on.
    Failed(SyncError),
}

/// How a session ended.
pub(super) struct Ended {
    pub(super) report: SyncReport,
    /// Nothing was left to do at some point.
    pub(super) settled: bool,
    /// The token to connect with next, when the server gave a new identity.
    pub(super) token: Option<Token>,
    /// What ended it, unless it was done.
    pub(super) error: Option<SyncError>,
    /// It made room for a round that was asked for.
    pub(super) round_asked: bool,
    /// The round that this session was to be, when it did not come to its answer.
    pub(super) round: Option<Round>,
}

/// A session under way.
pub(super) struct Session {
    machine: DeviceSession,
    begun: Instant,
    queue: StoreQueue,
    pool: BlobPool,
    answers: UnboundedReceiver<Answer>,
    answer_to: UnboundedSender<Answer>,
    watch: bool,
    control: SyncControl,
    stopping: bool,
    /// Blobs that cards name and that are not here, as far as the vault was asked.
    missing: BTreeSet<BlobHash>,
    /// Blobs that were asked for before others, because somebody looks at their card.
    viewed: BTreeSet<BlobHash>,
    /// Until when a sync that is done waits for another device to lend what the server lacks.
    linger_until: Option<Instant>,
    /// Blobs that came whole, and blobs that the server has, of which the vault has not been told: told in groups, a commit each.
    /// A group that is lost costs an offer or a look at the disk.
    arrived: Vec<BlobHash>,
    stored: Vec<BlobHash>,
    noting: bool,
    /// When those that are gathered are told, however few.
    note_by: Option<Instant>,
    ended: Ended,
    closing: Option<Closing>,
    /// Why the line broke, if it did.
    broken: Option<String>,
}

impl Session {
    pub(super) fn open(
        begin: Begin,
        begun: Instant,
        options: &SyncOptions,
        queue: StoreQueue,
        blobs: BlobStore,
    ) -> Self {
        // Unbounded by type, bounded by the machine: it has a limited number of questions under way.
        let (answer_to, answers) = unbounded_channel();
        let now_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut config = begin.config;
        // The clock was read while the connection was being made; the trip is counted from now on.
        let waited_ms = begin.at.elapsed().as_millis();
        config.wall_ms += i64::try_from(waited_ms).unwrap_or(0);
        let mut machine = DeviceSession::open(config, now_ms);
        machine.push_early(begin.outbox);
        if let Some(patience) = options.patience {
            machine.be_patient(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX));
        }
        Self {
            machine,
            begun,
            queue,
            pool: BlobPool::new(blobs, answer_to.clone()),
            answers,
            answer_to,
            watch: options.watch,
            control: options.control.clone(),
            stopping: false,
            missing: BTreeSet::new(),
            viewed: BTreeSet::new(),
            linger_until: None,
            arrived: Vec::new(),
            stored: Vec::new(),
            noting: false,
            note_by: None,
            ended: Ended {
                report: SyncReport::default(),
                settled: false,
                token: None,
                error: None,
                round_asked: false,
                round: None,
            },
            closing: None,
            broken: None,
        }
    }

    /// The messages that travel in the request which opens the connection; to be asked for once, before [`Self::run`].
    pub(super) fn opening(&mut self) -> Vec<Vec<u8>> {
        let now = self.now_ms();
        let mut frames = Vec::new();
        while let Some(output) = self.machine.poll_output(now) {
            match output {
                Output::Transmit(frame) => frames.push(frame.encode()),
                output => self.ask_vault(output),
            }
        }
        let bytes: usize = frames.iter().map(Vec::len).sum();
        self.ended.report.bytes_sent += count(bytes);
        frames
    }

    /// The server did not take the opening messages from the request.
    pub(super) fn say_again(&mut self) {
        self.machine.say_hello_again();
    }

    /// Runs to the end, whatever it is. Once nothing is left to do, `round` is answered.
    pub(super) async fn run(
        mut self,
        mut reader: Reader,
        mut writer: Writer,
        round: Option<Round>,
    ) -> Ended {
        self.ended.round = round;
        let mut ping = tokio::time::interval_at(
            Instant::now() + Duration::from_millis(PING_MS),
            Duration::from_millis(PING_MS),
        );
        loop {
            self.do_outputs(&mut writer).await;
            if let Some(closing) = self.closing.take() {
                if self.broken.is_none() {
                    writer.close(reader, &closing).await;
                }
                return self.finish(closing);
            }
            let deadline = self.deadline();
            tokio::select! {
                received = reader.next() => self.received(received),
                () = writer.freed() => {}
                Some(answer) = self.answers.recv() => self.answered(answer),
                () = sleep_until(deadline) => self.timed_out(),
                _ = ping.tick(), if writer.is_free() => writer.ping().await,
                () = self.control.stopped(), if !self.stopping => self.stop(),
                // One after another: the session under way may be a round itself.
                () = self.control.round_asked(), if self.ended.round.is_none() => self.make_room(),
                () = self.control.changed() => {
                    let now = self.now_ms();
                    self.machine.handle_local_changes(now);
                    self.machine.handle_blobs_added(now);
                    self.queue.viewed(self.answer_to.clone());
                }
            }
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn deadline(&self) -> Instant {
        // Without a deadline any later instant will do: something else wakes the loop first.
        let at = self
            .machine
            .poll_timeout()
            .unwrap_or(u64::MAX)
            .min(self.now_ms() + PING_MS);
        let machine = self.begun + Duration::from_millis(at);
        let note_by = self.note_by.filter(|_| !self.noting);
        [Some(machine), self.linger_until, note_by]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(machine)
    }

    fn timed_out(&mut self) {
        let now = self.now_ms();
        self.machine.handle_timeout(now);
        self.note_blobs();
        if self
            .linger_until
            .is_some_and(|linger| linger <= Instant::now())
        {
            self.linger_until = None;
            if self.machine.is_settled() {
                self.done();
            }
        }
    }

    /// Does what the machine wants, as long as the line takes messages.
    async fn do_outputs(&mut self, writer: &mut Writer) {
        // A session that has ended must not wait for a server that takes nothing: its last words are dropped then.
        while self.closing.is_none() && (writer.is_free() || self.machine.is_closed()) {
            let now = self.now_ms();
            let Some(output) = self.machine.poll_output(now) else {
                return;
            };
            match output {
                Output::Transmit(_) if !writer.is_free() => {}
                Output::Transmit(frame) => {
                    let bytes = frame.encode();
                    self.ended.report.bytes_sent += count(bytes.len());
                    writer.send(bytes).await;
                }
                Output::ReadBlob { hash, offset, len } => {
                    self.ask_pool(Piece::Read { hash, offset, len })
                }
                Output::WriteBlob(write) => self.ask_pool(Piece::Write(write)),
                Output::BlobsStored(blobs) => {
                    self.stored.extend(blobs);
                    self.note_blobs();
                }
                Output::Settled(counters) => self.settled(counters),
                Output::Close(closing) => self.closing = Some(closing),
                Output::ReadOffers { .. } => {
                    // What arrived may be an offer, what is stored is none: the vault hears of both first.
                    self.noting |= self.tell_blobs();
                    self.ask_vault(output);
                }
                output => self.ask_vault(output),
            }
        }
    }

    fn ask_pool(&mut self, piece: Piece) {
        if let Err(error) = self.pool.ask(piece) {
            self.fail(SyncError::System(error), CloseCode::Internal);
        }
    }

    /// Tells the caller of the sync, and who waits for this round.
    fn tell(ended: &Ended, queue: &StoreQueue, event: SyncEvent) {
        if let Some(round) = &ended.round {
            round.tell(&event);
        }
        queue.tell(event);
    }

    fn ask_vault(&mut self, output: Output) {
        self.note(&output);
        let opened = matches!(output, Output::Welcomed(_));
        self.queue.ask(output, self.answer_to.clone());
        if opened {
            // Answered before anything that follows, so that nothing settles without it.
            self.queue.viewed(self.answer_to.clone());
        }
    }

    /// Takes from an output what the report and the listener want to know.
    fn note(&mut self, output: &Output) {
        let ended = &mut self.ended;
        let report = &mut ended.report;
        match output {
            Output::Welcomed(welcomed) => {
                report.note_quota(welcomed.quota);
                let clock_ahead_ms = welcomed.clock_ahead_ms;
                Self::tell(ended, &self.queue, SyncEvent::Connected { clock_ahead_ms });
                if let Some(identity) = &welcomed.new_identity {
                    ended.token = Token::try_from(identity.token.clone()).ok();
                    Self::tell(ended, &self.queue, SyncEvent::NewIdentity);
                }
            }
            Output::QuotaSeen(quota) => report.note_quota(*quota),
            Output::ChangesRefused(refused) => {
                report.changes_refused += count(refused.lseqs.len());
                report.note_refusal(refused.reason, refused.quota, refused.message.clone());
            }
            Output::BlobRefused(refused) => {
                report.blobs_refused += 1;
                report.bytes_refused += refused.bytes;
                report.note_refusal(refused.reason, refused.quota, refused.reason.to_string());
            }
            Output::BlobFailed { hash, why } => {
                report.blobs_failed += 1;
                let (blob, why) = (*hash, *why);
                Self::tell(ended, &self.queue, SyncEvent::BlobFailed { blob, why });
            }
            Output::StartRepair => Self::tell(ended, &self.queue, SyncEvent::Repairing),
            _ => {}
        }
    }

    fn settled(&mut self, counters: Counters) {
        self.count(counters);
        self.ended.settled = true;
        self.ended.report.duration_ms = self.now_ms();
        self.ended.report.duration_us =
            u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.ended.report.blobs_missing = count(self.missing.len());
        if self.watch {
            let report = self.ended.report.clone();
            self.queue.tell(SyncEvent::Settled(report));
        }
        if !self.noting {
            self.noting = self.tell_blobs();
        }
        if self.watch && self.ended.round.is_none() {
            return;
        }
        if self.missing.is_empty() {
            self.done();
        } else {
            // The server has asked the account's other devices for what it lacks: one of them may be there.
            self.linger_until = Some(Instant::now() + LINGER);
        }
    }

    fn done(&mut self) {
        if let Some(round) = self.ended.round.take() {
            round.end(Ok(self.ended.report.clone()));
        }
        if !self.watch {
            self.machine.close(CloseCode::Done, "nothing left to do");
        }
    }

    /// Ends this session for a new one.
    fn make_room(&mut self) {
        self.ended.round_asked = true;
        self.machine.close(CloseCode::Done, "a sync was asked for");
    }

    fn count(&mut self, counters: Counters) {
        let report = &mut self.ended.report;
        report.pushed = counters.pushed;
        report.pulled = counters.pulled;
        report.blobs_sent = counters.blobs_sent;
        report.blobs_received = counters.blobs_received;
    }

    fn received(&mut self, received: Received) {
        let now = self.now_ms();
        match received {
            Received::Message(bytes) => {
                self.ended.report.bytes_received += count(bytes.len());
                self.machine.handle_message(&bytes, now);
            }
            Received::Alive => self.machine.handle_alive(now),
            Received::Text => self.machine.close(
                CloseCode::Malformed,
                "this protocol has binary messages only",
            ),
            Received::End(closing, words) => {
                self.machine.handle_disconnected(now);
                self.broken = Some(words);
                // The machine has nothing more to say to a line that is gone.
                self.closing = Some(closing.unwrap_or_else(|| Closing {
                    code: CloseCode::GoingAway,
                    reason: self.broken.clone().unwrap_or_default(),
                    by_peer: true,
                }));
            }
        }
    }

    fn answered(&mut self, answer: Answer) {
        let now = self.now_ms();
        let machine = &mut self.machine;
        match answer {
            Answer::Outbox(items) => machine.handle_outbox(items, now),
            Answer::Enqueued(doc, first_lseq) => machine.handle_enqueued(doc, first_lseq, now),
            Answer::Applied(applied) => {
                self.ended.report.set_aside += u64::from(applied.set_aside);
                machine.handle_applied(applied, now);
            }
            Answer::Inventory(page) => machine.handle_inventory(page, now),
            Answer::Offers(page) => machine.handle_offers(page, now),
            Answer::Found(items) => machine.handle_found(items, now),
            Answer::Wants(page) => {
                self.missing.extend(page.items.iter().map(|want| want.hash));
                machine.handle_wants(page, now);
            }
            Answer::Viewed(mut wants) => {
                // Asked for once a session: what the server lacks is told when it comes.
                wants.retain(|want| self.viewed.insert(want.hash));
                self.missing.extend(wants.iter().map(|want| want.hash));
                machine.handle_want_first(wants, now);
            }
            Answer::BlobRead { hash, offset, read } => {
                machine.handle_blob_read(hash, offset, read, now)
            }
            Answer::BlobTaken { hash, bytes } => machine.handle_blob_taken(hash, bytes, now),
            Answer::BlobWritten {
                hash,
                bytes,
                written,
            } => {
                machine.handle_blob_written(hash, bytes, written, now);
                if written == BlobWritten::Stored {
                    self.missing.remove(&hash);
                    self.arrived.push(hash);
                    self.note_blobs();
                }
            }
            Answer::Noted => {
                self.noting = false;
                self.note_blobs();
            }
            Answer::Failed(error) => self.fail(error, CloseCode::Internal),
        }
    }

    /// Tells the vault of blobs that came and of blobs that the server has, when they are worth a commit and it is not still at the
    /// last group.
    fn note_blobs(&mut self) {
        let gathered = self.arrived.len() + self.stored.len();
        if gathered == 0 || self.noting {
            return;
        }
        let by = *self.note_by.get_or_insert(Instant::now() + NOTED_WITHIN);
        // What somebody waits to see is told at once.
        let waited_for = self.arrived.iter().any(|blob| self.viewed.contains(blob));
        if gathered >= NOTED_AT_ONCE || waited_for || by <= Instant::now() {
            self.noting = self.tell_blobs();
        }
    }

    /// False when there is nothing to tell.
    fn tell_blobs(&mut self) -> bool {
        let (arrived, stored) = (
            std::mem::take(&mut self.arrived),
            std::mem::take(&mut self.stored),
        );
        self.note_by = None;
        let some = !arrived.is_empty() || !stored.is_empty();
        if some {
            self.queue
                .note_blobs(arrived, stored, self.answer_to.clone());
        }
        some
    }

    fn stop(&mut self) {
        self.stopping = true;
        // A sync that has done all it was for did not fail because somebody stopped it while it said goodbye.
        if self.watch || !self.ended.settled {
            self.fail(SyncError::Interrupted, CloseCode::Done);
        } else {
            self.done();
        }
    }

    fn fail(&mut self, error: SyncError, code: CloseCode) {
        let words = match &error {
            SyncError::Interrupted => "stopped by its user".to_owned(),
            // What went wrong here is nobody's business there.
            _ => "this device cannot go on".to_owned(),
        };
        self.ended.error.get_or_insert(error);
        self.machine.close(code, &words);
    }

    fn finish(mut self, closing: Closing) -> Ended {
        self.count(self.machine.counters());
        // The pool's last pieces, and the last group of blobs.
        self.pool.finish();
        while let Ok(answer) = self.answers.try_recv() {
            if let Answer::BlobWritten {
                hash,
                written: BlobWritten::Stored,
                ..
            } = answer
            {
                self.arrived.push(hash);
            }
        }
        self.tell_blobs();
        let done =
            (self.ended.settled || self.ended.round_asked) && closing.code == CloseCode::Done;
        if self.ended.error.is_none() && !done {
            self.ended.error = Some(match self.broken.take() {
                Some(words) if closing.code == CloseCode::GoingAway => SyncError::Lost(words),
                _ => SyncError::from_closing(closing),
            });
        }
        self.ended
    }
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
