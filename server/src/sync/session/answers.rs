//! Answers for the machine: what the disk gave, what the hub says, and what is done when the disk fails.

use std::collections::BTreeSet;
use std::sync::Arc;

use sync_protocol::server::{AppendRefusal, Appended, OfferDecision};
use sync_protocol::{CloseCode, Quota, Reason};

use super::Session;
use crate::http::error::Chain;
use crate::hub::Mail;
use crate::service::DiskError;
use crate::store::StoreError;
use crate::store::blobs::Offered;
use crate::sync::jobs::Done;

impl Session {
    pub(super) fn on_done(&mut self, done: Done, now_ms: u64) {
        let machine = &mut self.machine;
        match done {
            Done::Admitted(admitted, turn) => {
                self.jobs.turn_with_next_append(turn);
                machine.handle_admitted(admitted, now_ms);
                self.seat.ask_me();
            }
            Done::Log(page) => machine.handle_log(page, now_ms),
            Done::Pack(bytes) => machine.handle_pack(bytes, now_ms),
            Done::Appended(appended) => {
                let refused = appended.refused.iter();
                let refused = refused.map(|refusal| refusal.items.len()).sum();
                machine.handle_appended(appended, now_ms);
                self.wasted(refused);
                self.jobs.appended();
                self.jobs.next_append(self.seat.account());
            }
            Done::AppendFailed(batch, count, error) => {
                self.append_failed(batch, count, error, now_ms);
            }
            Done::Compared(compared) => machine.handle_compared(compared, now_ms),
            Done::Entries(rows) => machine.handle_entries(rows, now_ms),
            Done::Offered(offered) => self.on_offered(offered, now_ms),
            Done::Taken(hash, bytes) => machine.handle_blob_taken(hash, bytes, now_ms),
            Done::Written(hash, written, quota) => {
                if let Some(quota) = quota {
                    machine.handle_quota_stored(quota, now_ms);
                }
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
            Done::Verified(hash) => machine.handle_verified(hash, now_ms),
            Done::Failed(error) => self.fail(&error),
        }
    }

    /// A batch the disk did not take stays with the device, which tries it again later.
    fn append_failed(&mut self, batch: u64, count: u32, error: DiskError, now_ms: u64) {
        let message = match &error {
            DiskError::Store(StoreError::Full(_)) => "the server's disk is full",
            DiskError::Store(StoreError::Busy) => "the server is busy",
            _ => return self.fail(&error),
        };
        let store = &self.context.service.store;
        let Ok(head) = store.head_cursor(self.seat.account()) else {
            return self.fail(&error);
        };
        tracing::warn!(cause = %Chain(&error), "changes were not taken");
        // The batch's first slices may have been.
        self.seat.announce_head(head.seq);
        let refusal = AppendRefusal {
            items: (0..count).collect(),
            reason: Reason::Storage,
            quota: Quota::default(),
            message: format!("{message}: the changes stay on this device until it takes them"),
        };
        let appended = Appended {
            batch,
            first_seq: None,
            head,
            refused: vec![refusal],
            missing: Vec::new(),
        };
        self.machine.handle_appended(appended, now_ms);
        self.jobs.not_appended();
        self.jobs.next_append(self.seat.account());
    }

    /// What is over the quota may still go through to a session that waits for it.
    fn on_offered(&mut self, offered: Offered, now_ms: u64) {
        let Offered {
            mut answers,
            released,
        } = offered;
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
        self.seat.blobs_free(&released);
        if !free.is_empty() {
            self.machine.handle_blob_free(&free, now_ms);
        }
    }

    pub(super) fn on_mail(&mut self, mail: Mail, now_ms: u64) {
        let machine = &mut self.machine;
        if let Some((code, reason)) = mail.close {
            return machine.close(code, reason);
        }
        if let Some(seq) = mail.head {
            machine.handle_head(seq, now_ms);
        }
        let hand = |hashes: BTreeSet<_>| hashes.into_iter().collect::<Vec<_>>();
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
            DiskError::Store(StoreError::Overtaken) => (
                CloseCode::Unavailable,
                "a copy of this vault synced meanwhile: sync again, and this one becomes a device of its own",
            ),
            DiskError::Store(StoreError::TooManyDevices) => (
                CloseCode::Unavailable,
                "this vault is a copy and needs a name of its own, but the account has 32 devices: remove one",
            ),
            DiskError::Store(StoreError::Full(_)) => {
                (CloseCode::Unavailable, "the server's disk is full")
            }
            DiskError::Store(StoreError::Busy) => (
                CloseCode::Unavailable,
                "the server is busy: try again shortly",
            ),
            _ => (CloseCode::Internal, "the server failed; its log says more"),
        };
        if code == CloseCode::Internal {
            tracing::error!(cause = %Chain(error), "a session failed");
        }
        self.machine.close(code, reason);
    }
}
