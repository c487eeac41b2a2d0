//! What a session hears from the disk and from the hub, and what one that is over still tells the others.

use std::collections::BTreeSet;

use domain::BlobHash;
use sync_protocol::Reason;
use sync_protocol::server::{BlobWritten, OfferDecision};

use super::{Event, World};
use crate::server::blobs::Offered;
use crate::server::{ConnId, Done, Job};

impl World {
    /// What a session that is over still tells the others.
    pub fn late_answer(&mut self, id: ConnId, account: usize, done: Done) {
        let hub = self.hub(account);
        match done {
            Done::Appended(appended) => hub.tell_others(id, |mail| {
                mail.head = mail.head.max(Some(appended.head.seq))
            }),
            Done::Written(hash, written, _)
                if written
                    .iter()
                    .any(|(_, written)| *written == BlobWritten::Stored) =>
            {
                hub.tell_others(id, |mail| {
                    mail.available.insert(hash);
                });
            }
            Done::Offered(offered) => hub.blobs_free(id, &offered.released),
            Done::Freed(hashes) => hub.blobs_free(id, &hashes),
            Done::WoundUp(hashes) => {
                hub.blobs_free(id, &hashes);
                hub.leave(id);
                if let Some(conn) = self.conns.get_mut(&id) {
                    conn.server_end = None;
                }
                self.deliver_mail();
                return self.forget_conn(id);
            }
            _ => {}
        }
        let over = self
            .conns
            .get(&id)
            .and_then(|conn| conn.server_end.as_ref());
        if over.is_some_and(|end| end.jobs == 0) {
            self.start_job(id, Job::WindUp);
        }
    }

    pub fn give_answer(&mut self, id: ConnId, account: usize, done: Done) {
        let now_us = self.now_us;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let now = conn.server_ms(now_us);
        let Some(end) = &mut conn.server_end else {
            return;
        };
        let session = &mut end.session;
        match done {
            Done::Admitted(admitted, turn) => {
                end.turn = turn;
                session.handle_admitted(admitted, now);
                self.hub(account).ask_me(id);
            }
            Done::Refused(code, reason) => session.close(code, reason),
            Done::Log(page) => session.handle_log(page, now),
            Done::Pack(bytes) => session.handle_pack(bytes, now),
            Done::Appended(appended) => {
                session.handle_appended(appended, now);
                end.turn = None;
                end.appending = false;
                self.next_append(id);
            }
            Done::NotAppended(appended) => {
                session.handle_appended(appended, now);
                end.appending = false;
                self.next_append(id);
            }
            Done::Compared(compared) => session.handle_compared(compared, now),
            Done::Entries(rows) => session.handle_entries(rows, now),
            Done::Offered(offered) => self.offered(id, account, offered, now),
            Done::Written(hash, written, quota) => {
                if let Some(quota) = quota {
                    session.handle_quota_stored(quota, now);
                }
                for (bytes, written) in written {
                    session.handle_blob_written(hash, bytes, written, now);
                }
                match end.pieces.get_mut(&hash).map(std::mem::take) {
                    Some(waiting) if !waiting.is_empty() => {
                        self.start_job(id, Job::Write(hash, waiting))
                    }
                    _ => drop(end.pieces.remove(&hash)),
                }
            }
            Done::Found(found) => session.handle_found(found, now),
            Done::Read(hash, offset, read) => session.handle_blob_read(hash, offset, read, now),
            Done::Quota(quota) => self.hub(account).quota(quota),
            Done::Freed(hashes) => self.hub(account).blobs_free(id, &hashes),
            Done::Verified(hash) => session.handle_verified(hash, now),
            Done::WoundUp(_) => {}
        }
    }

    /// What is over the quota may still go through to a session that waits for it.
    pub fn offered(&mut self, id: ConnId, account: usize, mut offered: Offered, now: u64) {
        for answer in &mut offered.answers {
            let over = matches!(
                answer.decision,
                OfferDecision::Refuse {
                    reason: Reason::Quota,
                    ..
                }
            );
            if over && let Some(offset) = self.hub(account).relay_from(id, answer.hash) {
                answer.decision = OfferDecision::Relay { offset };
            }
        }
        let claims = &self.server.accounts[account].claims;
        let waits = offered
            .answers
            .iter()
            .filter(|answer| answer.decision == OfferDecision::Wait);
        let free: Vec<_> = waits
            .map(|answer| answer.hash)
            .filter(|hash| !claims.contains_key(hash))
            .collect();
        let Some(end) = self
            .conns
            .get_mut(&id)
            .and_then(|conn| conn.server_end.as_mut())
        else {
            return;
        };
        end.session.handle_offered(offered.answers, now);
        if !free.is_empty() {
            end.session.handle_blob_free(&free, now);
        }
        self.hub(account).blobs_free(id, &offered.released);
    }

    /// Rings the bell of every session that got news.
    pub fn deliver_mail(&mut self) {
        for account in 0..self.server.accounts.len() {
            for conn in std::mem::take(&mut self.hub(account).rang) {
                let life = self.server.life;
                self.soon(2_000, Event::Mail { conn, life });
            }
        }
    }

    pub fn mail(&mut self, id: ConnId, life: u32) {
        if self.server.life != life || !self.server.running {
            return;
        }
        let now_us = self.now_us;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let (now, account) = (conn.server_ms(now_us), conn.account);
        let Some(end) = conn.server_end.as_mut().filter(|end| !end.over) else {
            return;
        };
        let mail = self.server.accounts[account].hub.take(id);
        let session = &mut end.session;
        if let Some((code, reason)) = mail.close {
            session.close(code, reason);
            return self.drain_server(id);
        }
        if let Some(seq) = mail.head {
            session.handle_head(seq, now);
        }
        let list = |set: BTreeSet<BlobHash>| set.into_iter().collect::<Vec<_>>();
        if !mail.available.is_empty() {
            session.handle_blob_available(&list(mail.available), now);
        }
        if !mail.free.is_empty() {
            session.handle_blob_free(&list(mail.free), now);
        }
        if !mail.wanted.is_empty() {
            session.handle_blob_wanted(&list(mail.wanted), now);
        }
        mail.chunks
            .into_iter()
            .for_each(|chunk| session.handle_relay_chunk(chunk, now));
        for (hash, bytes) in mail.credits {
            session.handle_relay_credit(hash, bytes, now);
        }
        mail.relays_ended
            .into_iter()
            .for_each(|hash| session.handle_relay_ended(hash, now));
        if let Some(quota) = mail.quota {
            session.handle_quota(quota, now);
        }
        self.drain_server(id);
    }
}
