//! What goes to the server's log: the outbox is read in pages, several are in flight, and a row leaves the outbox when the server has flushed it.
//! Changes the server can not connect to what it has are sent again with everything between.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::{ChangeHash, DocId};

use super::{ChangesRefused, DeviceSession, OutboxItem, Output, Phase};
use crate::close::CloseCode;
use crate::frame::{DocChange, Push, Pushed, Quota, Reason, Refused};
use crate::limit::{
    CHANGE_BYTES_MAX, DOCUMENTS_MAX, LIST_ITEMS_MAX, OPENING_BYTES_MAX, PAGE_BYTES,
    PUSHES_IN_FLIGHT_MAX,
};

/// Bytes of a `Push` besides its items, at most.
const PUSH_OVERHEAD: usize = 32;

#[derive(Debug, Default)]
pub(super) struct PushState {
    /// Everything up to here was read in this session.
    read_after: u64,
    reading: bool,
    /// The outbox had no more when last read, and nothing was added since.
    drained: bool,
    /// Rows may have been added while a read was under way.
    added: bool,
    unsent: VecDeque<OutboxItem>,
    last_batch: u64,
    in_flight: BTreeMap<u64, Batch>,
    /// Documents to be sent again from the server's heads on: the first row newer than that, once it is known.
    enqueued: BTreeMap<DocId, Option<u64>>,
    /// Refused for an unknown dependency; what becomes of them depends on `enqueued`.
    orphans: Vec<Orphan>,
}

#[derive(Debug)]
struct Batch {
    rows: Vec<(u64, DocId)>,
    refused: BTreeSet<usize>,
}

#[derive(Debug, Clone)]
struct Orphan {
    doc: DocId,
    lseq: u64,
    message: String,
}

impl PushState {
    pub fn has_more(&mut self) {
        self.added = true;
        self.drained = false;
    }

    /// Whether a change of this document was refused for an unknown dependency.
    pub fn has_orphan_of(&self, doc: &DocId) -> bool {
        self.orphans.iter().any(|orphan| orphan.doc == *doc)
    }

    pub fn is_settled(&self) -> bool {
        self.drained
            && self.unsent.is_empty()
            && self.in_flight.is_empty()
            && self.orphans.is_empty()
            && self.enqueued.values().all(Option::is_some)
    }

    /// The next frame's rows: about a page, never more than a frame holds.
    fn next_rows(&mut self) -> Vec<OutboxItem> {
        let mut rows: Vec<OutboxItem> = Vec::new();
        let mut bytes = 0;
        while let Some(row) = self.unsent.front() {
            bytes += row.item.frame_bytes();
            if !rows.is_empty() && (bytes > PAGE_BYTES || rows.len() == LIST_ITEMS_MAX) {
                break;
            }
            rows.extend(self.unsent.pop_front());
        }
        rows
    }
}

impl DeviceSession {
    pub(super) fn early_push(&mut self, rows: Vec<OutboxItem>) {
        let stands = self.config.cursor.is_some_and(|cursor| cursor.seq > 0);
        let usual = |row: &OutboxItem| row.item.change.len() <= CHANGE_BYTES_MAX;
        if self.phase != Phase::Handshake
            || self.config.repair
            || !stands
            || !rows.iter().all(usual)
        {
            return;
        }
        // Only as much as travels with the hello: what comes after it may reach a server that has answered already, and would take it for the first batch
        // sent after its welcome.
        let mut room = OPENING_BYTES_MAX.saturating_sub(PUSH_OVERHEAD + self.bytes_to_say());
        let fitting = rows.into_iter().take_while(|row| {
            let bytes = row.item.frame_bytes();
            let fits = bytes <= room;
            room = room.saturating_sub(bytes);
            fits
        });
        let fitting: Vec<OutboxItem> = fitting.collect();
        if !fitting.is_empty() {
            self.outbox_read(fitting);
            self.send_batch();
        }
    }

    fn bytes_to_say(&self) -> usize {
        let said = self.outputs.iter().map(|output| match output {
            Output::Transmit(frame) => frame.encode().len(),
            _ => 0,
        });
        said.sum()
    }

    /// The server did not take what came with `Hello`: it is read and sent again when the time has come.
    pub(super) fn forget_early_push(&mut self) {
        self.push = PushState::default();
    }

    fn send_batch(&mut self) {
        let rows = self.push.next_rows();
        self.push.last_batch += 1;
        let batch = self.push.last_batch;
        let places = rows.iter().map(|row| (row.lseq, row.item.doc)).collect();
        let items: Vec<DocChange> = rows.into_iter().map(|row| row.item).collect();
        self.push.in_flight.insert(
            batch,
            Batch {
                rows: places,
                refused: BTreeSet::new(),
            },
        );
        self.transmit(Push { batch, items });
    }

    pub(super) fn advance_push(&mut self) {
        if self.repair.is_some() {
            // What the server lacks is being found out; pushing before that would only be refused.
            return;
        }
        while self.push.in_flight.len() < PUSHES_IN_FLIGHT_MAX && !self.push.unsent.is_empty() {
            self.send_batch();
        }
        let room = self.push.in_flight.len() < PUSHES_IN_FLIGHT_MAX && self.push.unsent.is_empty();
        if room && !self.push.reading && !self.push.drained {
            self.push.reading = true;
            self.push.added = false;
            let after = self.push.read_after;
            self.outputs.push_back(Output::ReadOutbox {
                after,
                bytes_max: PAGE_BYTES,
            });
        }
    }

    pub(super) fn outbox_read(&mut self, items: Vec<OutboxItem>) {
        self.push.reading = false;
        if items.is_empty() {
            self.push.drained = !self.push.added;
        }
        for row in items {
            if row.lseq <= self.push.read_after {
                continue;
            }
            self.push.read_after = row.lseq;
            if row.item.change.len() > self.limits.change_bytes_max as usize {
                self.refuse_rows(
                    vec![row.lseq],
                    Reason::TooLarge,
                    Quota::default(),
                    "the change is larger than the server takes",
                );
            } else {
                self.push.unsent.push_back(row);
            }
        }
    }

    pub(super) fn on_refused(&mut self, refused: Refused) {
        let Some(batch) = self.push.in_flight.get_mut(&refused.batch) else {
            return self.fail(
                CloseCode::Malformed,
                "a refusal of a batch that is not under way",
            );
        };
        let mut rows = Vec::with_capacity(refused.items.len());
        for &position in &refused.items {
            let Some(row) = batch.rows.get(position as usize) else {
                return self.fail(
                    CloseCode::Malformed,
                    "a refusal of a change that was not sent",
                );
            };
            if batch.refused.insert(position as usize) {
                rows.push(*row);
            }
        }
        if refused.reason == Reason::UnknownDependency {
            let message = refused.message;
            self.push
                .orphans
                .extend(rows.into_iter().map(|(lseq, doc)| Orphan {
                    doc,
                    lseq,
                    message: message.clone(),
                }));
            return;
        }
        let quota = Quota {
            used: refused.used,
            limit: refused.limit,
        };
        self.refuse_rows(
            rows.into_iter().map(|(lseq, _)| lseq).collect(),
            refused.reason,
            quota,
            &refused.message,
        );
    }

    pub(super) fn on_pushed(&mut self, pushed: Pushed) {
        let Some(batch) = self.push.in_flight.remove(&pushed.batch) else {
            return self.fail(
                CloseCode::Malformed,
                "an acknowledgement of a batch that is not under way",
            );
        };
        let taken = batch
            .rows
            .iter()
            .enumerate()
            .filter(|(position, _)| !batch.refused.contains(position));
        let lseqs: Vec<u64> = taken.map(|(_, (lseq, _))| *lseq).collect();
        self.counters.pushed += lseqs.len() as u64;
        self.pull.aim_at(pushed.seq);
        let mut stored = None;
        if let Some(cursor) = pushed.cursor {
            if self.repair.is_some() || !self.pull.accepts(&cursor) {
                return self.fail(CloseCode::Malformed, "a cursor that goes backwards");
            }
            stored = self.pull.jump(cursor);
        }
        if !lseqs.is_empty() || stored.is_some() {
            self.outputs.push_back(Output::ClearOutbox {
                lseqs,
                cursor: stored,
            });
        }
        self.resolve_orphans(true);
    }

    /// The server lacks what follows these heads: everything after them goes into the outbox, once per document and session.
    pub(super) fn enqueue_after(&mut self, doc: DocId, heads: Vec<ChangeHash>) {
        if self.push.enqueued.len() >= DOCUMENTS_MAX {
            return self.fail(CloseCode::Flood, "more documents than an account holds");
        }
        if let std::collections::btree_map::Entry::Vacant(place) = self.push.enqueued.entry(doc) {
            place.insert(None);
            self.outputs.push_back(Output::EnqueueAfter { doc, heads });
        }
    }

    pub(super) fn enqueued(&mut self, doc: DocId, first_lseq: u64) {
        if let Some(first) = self.push.enqueued.get_mut(&doc) {
            *first = Some(first_lseq);
        }
        self.push.has_more();
        if self.phase == Phase::Open {
            self.resolve_orphans(false);
        }
    }

    /// Decides about refused rows whose document has been enqueued anew: rows from before that have a copy further on and may go, a refused copy is
    /// really refused. With `no_answer_follows`, so is a row whose document the server did not name.
    fn resolve_orphans(&mut self, no_answer_follows: bool) {
        let mut covered = Vec::new();
        let mut refused: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let enqueued = &self.push.enqueued;
        self.push.orphans.retain(|orphan| {
            let refuse = match enqueued.get(&orphan.doc) {
                Some(Some(first)) => orphan.lseq >= *first,
                Some(None) => return true,
                None if no_answer_follows => true,
                None => return true,
            };
            if refuse {
                refused
                    .entry(orphan.message.clone())
                    .or_default()
                    .push(orphan.lseq);
            } else {
                covered.push(orphan.lseq);
            }
            false
        });
        if !covered.is_empty() {
            self.outputs.push_back(Output::ClearOutbox {
                lseqs: covered,
                cursor: None,
            });
        }
        for (message, lseqs) in refused {
            self.refuse_rows(lseqs, Reason::UnknownDependency, Quota::default(), &message);
        }
    }

    fn refuse_rows(&mut self, lseqs: Vec<u64>, reason: Reason, quota: Quota, message: &str) {
        if !lseqs.is_empty() {
            let message = message.to_owned();
            self.outputs
                .push_back(Output::ChangesRefused(ChangesRefused {
                    lseqs,
                    reason,
                    quota,
                    message,
                }));
        }
    }
}
