//! The server's end of a connection: what arrives, what its session wants, and what disk and hub answer.

use sync_protocol::Closing;
use sync_protocol::server::Output;

use super::{Event, World};
use crate::line::{Arrival, Piece};
use crate::server::{ConnId, Job};
use crate::trace::words;

/// Disk jobs one session may have under way before its socket is not read.
const JOBS_MAX: usize = 64;

impl World {
    pub fn arrive_at_server(&mut self, id: ConnId) {
        let now_us = self.now_us;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let is_busy = |end: &super::calls::ServerEnd| end.jobs + end.appends.len() >= JOBS_MAX;
        if conn.server_end.as_ref().is_some_and(is_busy) {
            return self.soon(2_000, Event::Arrive { conn: id, up: true });
        }
        for arrival in conn.up.receive(now_us) {
            let now = conn.server_ms(now_us);
            let Some(end) = conn.server_end.as_mut().filter(|end| !end.over) else {
                return;
            };
            match arrival {
                Arrival::Frame(bytes) => end.session.handle_message(&bytes, now),
                Arrival::Ping => {
                    end.session.handle_alive(now);
                    let at = conn.down.put(Piece::Pong, now_us);
                    self.count += 1;
                    self.events.insert(
                        (at, self.count),
                        Event::Arrive {
                            conn: id,
                            up: false,
                        },
                    );
                }
                Arrival::Pong => end.session.handle_alive(now),
                Arrival::End => {
                    self.server_end_gone(id);
                    return;
                }
            }
        }
        self.drain_server(id);
    }

    /// The connection is gone: the session's last wishes are not heard, the hub and the disk let go what it held.
    pub fn server_end_gone(&mut self, id: ConnId) {
        if self
            .conns
            .get(&id)
            .is_some_and(|conn| conn.server_end.as_ref().is_some_and(|end| !end.over))
        {
            self.wind_up(id);
        }
    }

    pub fn server_deadline(&mut self, id: ConnId) {
        let now_us = self.now_us;
        if let Some(conn) = self.conns.get_mut(&id) {
            let now = conn.server_ms(now_us);
            if let Some(end) = conn.server_end.as_mut().filter(|end| !end.over) {
                end.deadline_us = u64::MAX;
                end.session.handle_timeout(now);
                self.drain_server(id);
            }
        }
    }

    /// Does what the session wants, as long as the socket takes frames.
    pub fn drain_server(&mut self, id: ConnId) {
        loop {
            let now_us = self.now_us;
            let Some(conn) = self.conns.get_mut(&id) else {
                return;
            };
            let now = conn.server_ms(now_us);
            let Some(end) = conn.server_end.as_mut().filter(|end| !end.over) else {
                break;
            };
            if let Some(at) = conn.down.busy_until(now_us) {
                self.at(
                    at,
                    Event::Writable {
                        conn: id,
                        server: true,
                    },
                );
                break;
            }
            let Some(output) = end.session.poll_output(now) else {
                break;
            };
            self.server_output(id, output);
        }
        self.deliver_mail();
        let now_us = self.now_us;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let base = conn.server_base_ms;
        if let Some(end) = conn.server_end.as_mut().filter(|end| !end.over)
            && let Some(at) = end.session.poll_timeout()
        {
            let at_us = (at.saturating_sub(base) * 1_000).max(now_us + 1);
            if at_us < end.deadline_us {
                end.deadline_us = at_us;
                self.at(
                    at_us,
                    Event::Deadline {
                        conn: id,
                        server: true,
                    },
                );
            }
        }
    }

    fn server_output(&mut self, id: ConnId, output: Output) {
        let account = self.conns[&id].account;
        match output {
            Output::Transmit(frame) => {
                self.check_server_says(id, &frame);
                let device = self.conns[&id].device;
                self.note(|| format!("server to device {device} on {id} says {}", words(&frame)));
                let now_us = self.now_us;
                let Some(conn) = self.conns.get_mut(&id) else {
                    return;
                };
                for at in conn.down.send(&frame.encode(), now_us, &mut self.dice) {
                    self.at(
                        at,
                        Event::Arrive {
                            conn: id,
                            up: false,
                        },
                    );
                }
            }
            Output::Close(closing) => self.server_closes(id, &closing),
            Output::Admit(hello) => {
                let token = self.conns[&id]
                    .server_end
                    .as_ref()
                    .map_or(0, |end| end.token);
                self.start_job(id, Job::Admit(hello, token));
            }
            Output::Append { batch, items } => {
                if let Some(end) = self
                    .conns
                    .get_mut(&id)
                    .and_then(|conn| conn.server_end.as_mut())
                {
                    end.appends.push_back((batch, items));
                }
                self.next_append(id);
            }
            Output::AnnounceHead(seq) => self
                .hub(account)
                .tell_others(id, |mail| mail.head = mail.head.max(Some(seq))),
            Output::WriteBlob(write) => {
                let hash = write.hash;
                let Some(end) = self
                    .conns
                    .get_mut(&id)
                    .and_then(|conn| conn.server_end.as_mut())
                else {
                    return;
                };
                match end.pieces.get_mut(&hash) {
                    Some(waiting) => waiting.push(write),
                    None => {
                        end.pieces.insert(hash, Vec::new());
                        self.start_job(id, Job::Write(hash, vec![write]));
                    }
                }
            }
            Output::AbandonBlobs(hashes) => self.start_job(id, Job::Abandon(hashes)),
            Output::AnnounceBlobs(hashes) => {
                self.hub(account)
                    .tell_others(id, |mail| mail.available.extend(&hashes));
                self.start_job(id, Job::Quota);
            }
            Output::AskOthers(waiting) => self.hub(account).ask_others(id, &waiting),
            Output::StopAsking(hashes) => self.hub(account).stop_asking(id, &hashes),
            Output::RelayChunk(chunk) => self.hub(account).relay_chunk(id, chunk),
            Output::RelayCredit { hash, bytes } => self.hub(account).relay_credit(id, hash, bytes),
            Output::RelayEnded(hash) => self.hub(account).relay_ended(id, hash),
            other => self.start_job(id, Job::Other(other)),
        }
    }

    pub fn hub(&mut self, account: usize) -> &mut crate::server::hub::Hub {
        &mut self.server.accounts[account].hub
    }

    fn server_closes(&mut self, id: ConnId, closing: &Closing) {
        let now_us = self.now_us;
        if !closing.by_peer {
            self.check_closing(id, "the server", closing.code, &closing.reason);
        }
        self.note(|| format!("server closes {id}: {} {}", closing.code, closing.reason));
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let at = conn.down.put(Piece::End, now_us);
        conn.down.finish();
        self.at(
            at,
            Event::Arrive {
                conn: id,
                up: false,
            },
        );
        self.wind_up(id);
    }

    fn wind_up(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        if let Some(end) = &mut conn.server_end {
            end.over = true;
            end.appends.clear();
            end.pieces.clear();
            if end.jobs == 0 {
                self.start_job(id, Job::WindUp);
            }
        }
    }
}
