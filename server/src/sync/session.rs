//! The loop of one session: outputs of the machine are done in order, then it waits for whichever comes first of
//! socket, disk, hub, deadline and shutdown.

use std::sync::Arc;
use std::time::Duration;

use sync_protocol::server::{
    AppendRefusal, Appended, BlobWritten, OfferAnswer, OfferDecision, Output, ServerSession,
};
use sync_protocol::{CloseCode, Closing, Hello, Limits, OfferItem, Quota, Reason};
use tokio::time::Instant;

use super::jobs::{Done, Jobs, Place};
use super::socket::{Event, Interest, Socket};
use crate::clock::{millis, steady_ms, wall_ms};
use crate::http::caller::Caller;
use crate::http::error::Chain;
use crate::hub::{Mail, Seat};
use crate::limit;
use crate::service::{Context, DiskError, Lane};
use crate::store::StoreError;
use crate::store::blobs::Offers;
use crate::store::compare::DocRange;

/// One device's open session.
pub(crate) struct Session {
    context: Context,
    caller: Caller,
    seat: Seat,
    machine: ServerSession,
    jobs: Jobs,
    /// A frame the socket has not taken yet; no output is looked at before it has.
    outgoing: Option<Vec<u8>>,
    /// Since when the socket has not moved although something is to be sent.
    stuck_since_ms: Option<u64>,
    ping_due_ms: u64,
    closing: Option<Closing>,
}

/// What the loop woke up for.
enum Woken {
    Socket(Event),
    Disk(Option<Done>),
    Mail(Box<Mail>),
    Deadline,
    Stop,
}

impl Session {
    pub(crate) fn new(context: Context, caller: Caller, seat: Seat) -> Self {
        let now_ms = steady_ms();
        Self {
            jobs: Jobs::new(Arc::clone(&context.service)),
            context,
            caller,
            seat,
            machine: ServerSession::accept(Limits::default(), now_ms),
            outgoing: None,
            stuck_since_ms: None,
            ping_due_ms: now_ms + millis(limit::PING),
            closing: None,
        }
    }

    /// Drives the session to its end. What it has begun on the disk is finished; what it held is given back.
    pub(crate) async fn run(mut self, mut socket: Socket) {
        tracing::debug!("a session begins");
        let closing = loop {
            self.take_outputs();
            if self.outgoing.is_none()
                && let Some(closing) = self.closing.take()
            {
                break Some(closing);
            }
            let woken = self.wait(&mut socket).await;
            if !self.handle(woken, &mut socket) {
                break None;
            }
        };
        match closing {
            Some(closing) => {
                tracing::debug!(code = %closing.code, reason = closing.reason, by_peer = closing.by_peer, "a session ends");
                socket.close(&closing).await;
            }
            None => tracing::debug!("a session's connection is gone"),
        }
        self.wind_up().await;
    }

    async fn wait(&mut self, socket: &mut Socket) -> Woken {
        let interest = Interest {
            read: self.jobs.len() < limit::SESSION_JOBS_MAX && self.closing.is_none(),
            write: self.outgoing.is_some() || steady_ms() >= self.ping_due_ms,
        };
        let deadline = self.deadline();
        let mailbox = self.seat.mailbox();
        tokio::select! {
            event = socket.event(interest) => Woken::Socket(event),
            done = self.jobs.next(), if !self.jobs.is_empty() => Woken::Disk(done),
            () = mailbox.arrived() => Woken::Mail(Box::new(mailbox.take())),
            () = tokio::time::sleep_until(deadline) => Woken::Deadline,
            () = self.context.stop.stopped(), if self.closing.is_none() => Woken::Stop,
        }
    }

    /// Hands what happened to the machine; false when the connection is gone.
    fn handle(&mut self, woken: Woken, socket: &mut Socket) -> bool {
        let now_ms = steady_ms();
        match woken {
            Woken::Socket(event) => {
                if !self.on_socket(event, socket, now_ms) {
                    return false;
                }
            }
            Woken::Disk(Some(done)) => self.on_done(done, now_ms),
            Woken::Disk(None) => {}
            Woken::Mail(mail) => self.on_mail(*mail, now_ms),
            Woken::Deadline => self.machine.handle_timeout(now_ms),
            Woken::Stop => self
                .machine
                .close(CloseCode::GoingAway, "the server is stopping"),
        }
        self.watch_progress(socket, now_ms)
    }

    fn on_socket(&mut self, event: Event, socket: &mut Socket, now_ms: u64) -> bool {
        match event {
            Event::Frame(bytes) => self.machine.handle_message(&bytes, now_ms),
            Event::Alive => self.machine.handle_alive(now_ms),
            Event::Writable => {
                self.stuck_since_ms = None;
                return match self.outgoing.take() {
                    Some(frame) => socket.feed(frame),
                    None => {
                        self.ping_due_ms = now_ms + millis(limit::PING);
                        socket.feed_ping()
                    }
                };
            }
            Event::Flushed => self.stuck_since_ms = None,
            Event::Ended => {
                self.machine.handle_disconnected(now_ms);
                return false;
            }
        }
        true
    }

    /// False when the other end has not taken anything for too long.
    fn watch_progress(&mut self, socket: &Socket, now_ms: u64) -> bool {
        if self.outgoing.is_none() && !socket.is_unflushed() {
            self.stuck_since_ms = None;
            return true;
        }
        let since_ms = *self.stuck_since_ms.get_or_insert(now_ms);
        let is_stuck = now_ms.saturating_sub(since_ms) >= millis(limit::SEND_TIMEOUT);
        if is_stuck {
            tracing::info!("a device takes nothing; its connection is dropped");
        }
        !is_stuck
    }

    fn deadline(&self) -> Instant {
        let send = self
            .stuck_since_ms
            .map(|since| since + millis(limit::SEND_TIMEOUT));
        let ping = (self.closing.is_none()).then_some(self.ping_due_ms);
        let due_ms = [self.machine.poll_timeout(), send, ping]
            .into_iter()
            .flatten()
            .min();
        // With nothing due the loop still looks around now and then.
        let wait_ms = due_ms.map_or(millis(limit::PING), |due| due.saturating_sub(steady_ms()));
        Instant::now() + Duration::from_millis(wait_ms.max(1))
    }

    /// Does the machine's outputs in order, until there is none or one has to wait for the socket.
    fn take_outputs(&mut self) {
        while self.outgoing.is_none() && self.closing.is_none() {
            match self.machine.poll_output(steady_ms()) {
                Some(output) => self.perform(output),
                None => break,
            }
        }
        if self.outgoing.is_some() && self.stuck_since_ms.is_none() {
            self.stuck_since_ms = Some(steady_ms());
        }
    }

    fn perform(&mut self, output: Output) {
        let account = self.seat.account();
        match output {
            Output::Transmit(frame) => self.outgoing = Some(frame.encode()),
            Output::Close(closing) => self.closing = Some(closing),
            Output::Admit(hello) => self.admit(hello),
            Output::ReadLog {
                after,
                bytes_max,
                rows_max,
            } => self.jobs.start(
                Lane::Documents,
                move |store| store.read_log(account, after, bytes_max, rows_max),
                Done::Log,
            ),
            Output::ReadPack { pack, offset, len } => self.jobs.start(
                Lane::Documents,
                move |store| store.read_pack(account, pack.pack, offset, len),
                Done::Pack,
            ),
            Output::Append { batch, items } => self.jobs.append(account, batch, items),
            Output::AnnounceHead(seq) => self.seat.announce_head(seq),
            Output::Compare {
                after,
                through,
                items,
            } => self.jobs.start(
                Lane::Documents,
                move |store| store.compare(account, DocRange { after, through }, items),
                Done::Compared,
            ),
            Output::ReadEntries { seqs, bytes_max } => self.jobs.start(
                Lane::Documents,
                move |store| store.read_entries(account, &seqs, bytes_max),
                Done::Entries,
            ),
            blobs => self.perform_blobs(blobs),
        }
    }

    fn perform_blobs(&mut self, output: Output) {
        let account = self.seat.account();
        match output {
            Output::OfferBlobs(items) => self.offer(items),
            Output::WriteBlob(piece) => self.jobs.write(self.place(), piece),
            Output::AbandonBlobs(hashes) => {
                let session = self.seat.id();
                self.jobs.start(
                    Lane::Blobs,
                    move |store| store.abandon_blobs(account, session, &hashes),
                    Done::Freed,
                );
            }
            Output::AnnounceBlobs(hashes) => {
                self.seat.announce_blobs(&hashes);
                self.jobs.start(
                    Lane::Documents,
                    move |store| store.quota(account),
                    Done::Quota,
                );
            }
            Output::FindBlobs(hashes) => self.jobs.start(
                Lane::Documents,
                move |store| store.find_blobs(account, hashes),
                Done::Found,
            ),
            Output::ReadBlob { hash, offset, len } => self.jobs.start(
                Lane::Blobs,
                move |store| store.read_blob(account, hash, offset, len),
                move |read| Done::Read(hash, offset, read),
            ),
            Output::BlobSuspect(hash) => self.jobs.start(
                Lane::Blobs,
                move |store| store.suspect_blob(account, hash),
                |_| Done::Nothing,
            ),
            Output::AskOthers(waiting) => self.seat.ask_others(&waiting),
            Output::StopAsking(hashes) => self.seat.stop_asking(&hashes),
            Output::RelayChunk(chunk) => self.seat.relay_chunk(chunk),
            Output::RelayCredit { hash, bytes } => self.seat.relay_credit(hash, bytes),
            Output::RelayEnded(hash) => self.seat.relay_ended(hash),
            // The documents' outputs were taken by the caller.
            _ => {}
        }
    }

    fn admit(&mut self, hello: Hello) {
        if hello.device != self.caller.device {
            let reason = "the token was made for another device: log in again";
            return self.machine.close(CloseCode::Unauthorized, reason);
        }
        let bearer = self.caller.bearer;
        self.jobs.start(
            Lane::Documents,
            move |store| store.admit(bearer, hello, wall_ms()),
            Done::Admitted,
        );
    }

    fn offer(&mut self, items: Vec<OfferItem>) {
        let offers = Offers {
            account: self.seat.account(),
            session: self.seat.id(),
            items,
        };
        self.jobs.start(
            Lane::Blobs,
            move |store| store.offer_blobs(offers, wall_ms()),
            Done::Offered,
        );
    }

    fn on_done(&mut self, done: Done, now_ms: u64) {
        let machine = &mut self.machine;
        match done {
            Done::Admitted(admitted) => {
                machine.handle_admitted(admitted, now_ms);
                self.seat.ask_me();
            }
            Done::Log(page) => machine.handle_log(page, now_ms),
            Done::Pack(bytes) => machine.handle_pack(bytes, now_ms),
            Done::Appended(appended) => {
                machine.handle_appended(appended, now_ms);
                self.next_append();
            }
            Done::AppendFailed(batch, count, error) => {
                self.append_failed(batch, count, error, now_ms);
            }
            Done::Compared(compared) => machine.handle_compared(compared, now_ms),
            Done::Entries(rows) => machine.handle_entries(rows, now_ms),
            Done::Offered(answers) => self.on_offered(answers, now_ms),
            Done::Written(hash, written) => {
                for (bytes, written) in written {
                    machine.handle_blob_written(hash, bytes, written, now_ms);
                }
                self.jobs.written(self.place(), hash);
            }
            Done::Found(found) => machine.handle_found(found, now_ms),
            Done::Read(hash, offset, read) => {
                machine.handle_blob_read(hash, offset, read, now_ms);
            }
            Done::Quota(quota) => self.context.service.hub.quota(self.seat.account(), quota),
            Done::Freed(hashes) => self.seat.blobs_free(&hashes),
            Done::Nothing => {}
            Done::Failed(error) => self.fail(&error),
        }
    }

    fn next_append(&mut self) {
        self.jobs.appended();
        self.jobs.next_append(self.seat.account());
    }

    /// A batch the disk did not take stays with the device, which tries it again later.
    fn append_failed(&mut self, batch: u64, count: u32, error: DiskError, now_ms: u64) {
        let store = &self.context.service.store;
        let head = match &error {
            DiskError::Store(StoreError::Full(_)) => store.head_cursor(self.seat.account()),
            _ => return self.fail(&error),
        };
        let Ok(head) = head else {
            return self.fail(&error);
        };
        tracing::warn!(cause = %Chain(&error), "changes were not taken");
        let refusal = AppendRefusal {
            items: (0..count).collect(),
            reason: Reason::Storage,
            quota: Quota::default(),
            message:
                "the server's disk is full: the changes stay on this device until there is room"
                    .to_owned(),
        };
        let appended = Appended {
            batch,
            first_seq: None,
            head,
            refused: vec![refusal],
            missing: Vec::new(),
        };
        self.machine.handle_appended(appended, now_ms);
        self.next_append();
    }

    /// What is over the quota may still go through to a session that waits for it.
    fn on_offered(&mut self, mut answers: Vec<OfferAnswer>, now_ms: u64) {
        for answer in &mut answers {
            if let OfferDecision::Refuse {
                reason: Reason::Quota,
                ..
            } = answer.decision
                && let Some(offset) = self.seat.relay_from_me(answer.hash)
            {
                answer.decision = OfferDecision::Relay { offset };
            }
        }
        let account = self.seat.account();
        let store = Arc::clone(&self.context.service.store);
        // Their receiver may have ended between the decision and now, and its word have come too early.
        let free: Vec<_> = answers
            .iter()
            .filter(|answer| answer.decision == OfferDecision::Wait)
            .map(|answer| answer.hash)
            .filter(|hash| !store.is_receiving(account, *hash))
            .collect();
        self.machine.handle_offered(answers, now_ms);
        if !free.is_empty() {
            self.machine.handle_blob_free(&free, now_ms);
        }
    }

    fn on_mail(&mut self, mail: Mail, now_ms: u64) {
        let machine = &mut self.machine;
        if let Some((code, reason)) = mail.close {
            return machine.close(code, reason);
        }
        if let Some(seq) = mail.head {
            machine.handle_head(seq, now_ms);
        }
        let hand = |hashes: std::collections::BTreeSet<_>| hashes.into_iter().collect::<Vec<_>>();
        if !mail.available.is_empty() {
            machine.handle_blob_available(&hand(mail.available), now_ms);
        }
        if !mail.free.is_empty() {
            machine.handle_blob_free(&hand(mail.free), now_ms);
        }
        if !mail.wanted.is_empty() {
            machine.handle_blob_wanted(&hand(mail.wanted), now_ms);
        }
        for chunk in mail.chunks {
            machine.handle_relay_chunk(chunk, now_ms);
        }
        for (hash, bytes) in mail.credits {
            machine.handle_relay_credit(hash, bytes, now_ms);
        }
        for hash in mail.relays_ended {
            machine.handle_relay_ended(hash, now_ms);
        }
        if let Some(quota) = mail.quota {
            machine.handle_quota(quota, now_ms);
        }
    }

    fn fail(&mut self, error: &DiskError) {
        let (code, reason) = match error {
            DiskError::Store(StoreError::UnknownDevice | StoreError::UnknownAccount) => (
                CloseCode::Unauthorized,
                "this device was removed from its account: log in again",
            ),
            DiskError::Store(StoreError::TooManyDevices) => (
                CloseCode::Unavailable,
                "this vault is a copy and needs a name of its own, but the account has 32 devices: remove one",
            ),
            DiskError::Store(StoreError::Full(_)) => {
                (CloseCode::Unavailable, "the server's disk is full")
            }
            _ => (CloseCode::Internal, "the server failed; its log says more"),
        };
        if code == CloseCode::Internal {
            tracing::error!(cause = %Chain(error), "a session failed");
        }
        self.machine.close(code, reason);
    }

    fn place(&self) -> Place {
        Place {
            account: self.seat.account(),
            session: self.seat.id(),
        }
    }

    /// Lets running jobs end, then gives back what the session held.
    async fn wind_up(mut self) {
        while let Some(done) = self.jobs.next().await {
            match done {
                Done::Appended(appended) => self.seat.announce_head(appended.head.seq),
                Done::Written(hash, written)
                    if written.iter().any(|piece| piece.1 == BlobWritten::Stored) =>
                {
                    self.seat.announce_blobs(&[hash]);
                }
                Done::Freed(hashes) => self.seat.blobs_free(&hashes),
                _ => {}
            }
        }
        let (account, session) = (self.seat.account(), self.seat.id());
        let freed = self
            .context
            .service
            .disk(Lane::Blobs, move |store| {
                store.abandon_session(account, session)
            })
            .await;
        match freed {
            Ok(freed) => self.seat.blobs_free(&freed),
            Err(DiskError::Store(StoreError::UnknownAccount)) => {}
            Err(error) => {
                tracing::warn!(cause = %Chain(&error), "reservations were not given back");
            }
        }
    }
}
