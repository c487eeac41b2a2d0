//! Changes from the device: each batch is appended, then what was refused is said, then that the rest is flushed.

use std::collections::BTreeSet;

use super::{Appended, Output, Phase, ServerSession};
use crate::close::CloseCode;
use crate::frame::{Push, Pushed, Refused};
use crate::limit::PUSHES_IN_FLIGHT_MAX;

#[derive(Debug, Default)]
pub(super) struct Pushes {
    last_batch: u64,
    under_way: BTreeSet<u64>,
    /// Came along with `Hello`, waits for the device to be admitted.
    early: Option<Push>,
}

impl ServerSession {
    pub(super) fn on_early_push(&mut self, push: Push) {
        if self.pushes.early.replace(push).is_some() {
            self.fail(
                CloseCode::Malformed,
                "more than one batch before the device was admitted",
            );
        }
    }

    /// The device is admitted. What came along with its hello counts only when its cursor has proved that this is the log it means, and when it goes on
    /// under its name; both ends know that from the welcome.
    pub(super) fn take_early_push(&mut self, proven: bool) {
        if let Some(push) = self.pushes.early.take()
            && proven
        {
            self.on_push(push);
        }
    }

    pub(super) fn on_push(&mut self, push: Push) {
        if push.batch != self.pushes.last_batch + 1 {
            return self.fail(
                CloseCode::Malformed,
                "batches that do not follow one another",
            );
        }
        if self.pushes.under_way.len() >= PUSHES_IN_FLIGHT_MAX {
            return self.fail(CloseCode::Flood, "more batches than were answered");
        }
        self.pushes.last_batch = push.batch;
        self.pushes.under_way.insert(push.batch);
        self.outputs.push_back(Output::Append {
            batch: push.batch,
            items: push.items,
        });
    }

    pub(super) fn appended(&mut self, appended: Appended) {
        let Appended {
            batch,
            first_seq,
            head,
            refused,
            missing,
        } = appended;
        if !self.pushes.under_way.remove(&batch) {
            return;
        }
        let jumped = first_seq.is_some_and(|first| self.stream.jump(first, head.seq));
        if first_seq.is_some() {
            self.outputs.push_back(Output::AnnounceHead(head.seq));
        }
        if self.phase != Phase::Open {
            return;
        }
        for refusal in refused {
            self.transmit(Refused {
                batch,
                items: refusal.items,
                reason: refusal.reason,
                used: refusal.quota.used,
                limit: refusal.quota.limit,
                message: refusal.message,
            });
        }
        if !missing.is_empty() {
            self.send_missing(missing, false);
        }
        self.transmit(Pushed {
            batch,
            seq: head.seq,
            cursor: jumped.then_some(head),
        });
    }
}
