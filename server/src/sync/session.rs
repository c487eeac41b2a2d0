//! The loop of one session: outputs of the machine are done in order, then it waits for whichever comes first of
//! socket, disk, hub, deadline and shutdown.

mod answers;
mod outputs;

use std::sync::Arc;
use std::time::Duration;

use sync_protocol::server::{BlobWritten, ServerSession};
use sync_protocol::{CloseCode, Closing, Limits};
use tokio::time::Instant;

use super::jobs::{Done, Jobs, Place};
use super::socket::{Event, Interest, Socket};
use crate::clock::{millis, steady_ms};
use crate::http::caller::Caller;
use crate::http::error::Chain;
use crate::hub::{Mail, Seat};
use crate::limit;
use crate::service::{Context, DiskError, Lane};
use crate::store::StoreError;

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
    /// Not listened to before: the account had too much done for nothing.
    deaf_until_ms: u64,
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
            deaf_until_ms: 0,
            closing: None,
        }
    }

    /// Drives the session to its end. What it has begun on the disk is finished; what it held is given back.
    /// `opening` is what the device said in the request that opened the connection.
    pub(crate) async fn run(mut self, mut socket: Socket, opening: Vec<Vec<u8>>) {
        tracing::debug!("a session begins");
        for frame in opening {
            self.machine.handle_message(&frame, steady_ms());
            self.take_outputs();
        }
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
        let now_ms = steady_ms();
        let is_deaf = now_ms < self.deaf_until_ms || self.jobs.len() >= limit::SESSION_JOBS_MAX;
        let interest = Interest {
            read: !is_deaf && self.closing.is_none(),
            write: self.outgoing.is_some() || now_ms >= self.ping_due_ms,
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
        let is_stuck = now_ms.saturating_sub(since_ms) >= self.send_patience_ms();
        if is_stuck {
            tracing::info!("a device takes nothing; its connection is dropped");
        }
        !is_stuck
    }

    /// How long a send may stand still: while the server stops, only shortly.
    fn send_patience_ms(&self) -> u64 {
        let is_ending = self.closing.is_some() || self.context.stop.is_stopped();
        millis(if is_ending {
            limit::CLOSE
        } else {
            limit::SEND_TIMEOUT
        })
    }

    fn deadline(&self) -> Instant {
        let patience_ms = self.send_patience_ms();
        let send = self.stuck_since_ms.map(|since| since + patience_ms);
        // A ping that is due waits for the socket, not for the clock.
        let now_ms = steady_ms();
        let ping = Some(self.ping_due_ms).filter(|due| *due > now_ms);
        let listens = Some(self.deaf_until_ms).filter(|due| *due > now_ms);
        let due_ms = [self.machine.poll_timeout(), send, ping, listens]
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

    /// The device had these done for nothing: past what is free it is listened to more slowly.
    fn wasted(&mut self, items: usize) {
        let now_ms = steady_ms();
        let until_ms = self.seat.wasted(items, now_ms);
        if until_ms > now_ms {
            tracing::debug!(
                items,
                for_ms = until_ms - now_ms,
                "a device is not listened to for a while"
            );
        }
        self.deaf_until_ms = self.deaf_until_ms.max(until_ms);
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
                Done::Written(hash, written, _)
                    if written.iter().any(|piece| piece.1 == BlobWritten::Stored) =>
                {
                    self.seat.announce_blobs(&[hash]);
                }
                Done::Offered(offered) => self.seat.blobs_free(&offered.released),
                Done::Freed(hashes) => self.seat.blobs_free(&hashes),
                _ => {}
            }
        }
        let (account, session) = (self.seat.account(), self.seat.id());
        let freed = self
            .context
            .service
            .disk(Lane::Blobs.of(account), move |store| {
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
