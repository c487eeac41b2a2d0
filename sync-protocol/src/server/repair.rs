//! Repair: the device tells the heads of all its documents page by page; for each page it hears what this server lacks and gets what it lacks itself.
//! The last page carries the head of the log at `Welcome`, from where the stream goes on.

use std::collections::VecDeque;

use domain::DocId;

use super::pages::{Page, Source};
use super::{Compared, LogRow, Output, ServerSession};
use crate::close::CloseCode;
use crate::cursor::Cursor;
use crate::frame::{DocHeads, Inventory, Missing};
use crate::limit::{
    HEADS_MAX, INVENTORIES_IN_FLIGHT_MAX, LIST_ITEMS_MAX, PAGE_BYTES, REPAIR_ROWS_MAX,
};

#[derive(Debug)]
pub(super) struct Repair {
    /// Where the stream begins when all is compared.
    resume: Cursor,
    pages: VecDeque<Inventory>,
    /// The last document of the pages received.
    received: Option<DocId>,
    complete: bool,
    /// The last document of the pages compared.
    compared: Option<DocId>,
    comparing: bool,
    /// Entries to send for the page that was compared.
    seqs: VecDeque<u64>,
    reading: Option<Vec<u64>>,
}

impl ServerSession {
    pub(super) fn begin_repair(&mut self, resume: Cursor) {
        self.repair = Some(Repair {
            resume,
            pages: VecDeque::new(),
            received: None,
            complete: false,
            compared: None,
            comparing: false,
            seqs: VecDeque::new(),
            reading: None,
        });
    }

    pub(super) fn on_inventory(&mut self, inventory: Inventory) {
        let Some(repair) = self.repair.as_mut().filter(|repair| !repair.complete) else {
            return self.fail(CloseCode::Malformed, "an inventory that was not asked for");
        };
        let mut last = repair.received;
        let ascending = inventory
            .items
            .iter()
            .all(|item| last.replace(item.doc) < Some(item.doc));
        if !ascending || (inventory.items.is_empty() && inventory.more) {
            return self.fail(CloseCode::Malformed, "an inventory that is not in order");
        }
        if repair.pages.len() >= INVENTORIES_IN_FLIGHT_MAX {
            return self.fail(CloseCode::Flood, "more inventory than was answered");
        }
        repair.received = last;
        repair.complete = !inventory.more;
        repair.pages.push_back(inventory);
    }

    pub(super) fn advance_repair(&mut self) {
        let Some(repair) = &mut self.repair else {
            return;
        };
        if self.stream.has_page() || repair.comparing || repair.reading.is_some() {
            return;
        }
        if !repair.seqs.is_empty() {
            let count = repair.seqs.len().min(REPAIR_ROWS_MAX);
            let seqs: Vec<u64> = repair.seqs.drain(..count).collect();
            return self.read_entries_again(seqs);
        }
        if let Some(page) = repair.pages.front() {
            repair.comparing = true;
            let after = repair.compared;
            let through = page.items.last().map(|item| item.doc).filter(|_| page.more);
            let items = page.items.clone();
            self.outputs.push_back(Output::Compare {
                after,
                through,
                items,
            });
        } else if repair.complete {
            let resume = repair.resume;
            let more = resume.seq < self.stream.head();
            let last = Page::new(
                Source::Log,
                Vec::new(),
                Some(resume),
                more,
                &self.stream.sent_packs,
            );
            self.repair = None;
            self.stream.put_page(last);
        }
    }

    pub(super) fn compared(&mut self, compared: Compared) {
        let Some(repair) = self.repair.as_mut().filter(|repair| repair.comparing) else {
            return;
        };
        repair.comparing = false;
        if let Some(page) = repair.pages.pop_front() {
            repair.compared = page.items.last().map(|item| item.doc).or(repair.compared);
        }
        repair.seqs.extend(compared.seqs);
        self.send_missing(compared.missing, true);
    }

    pub(super) fn send_missing(&mut self, missing: Vec<DocHeads>, inventory: bool) {
        let mut rest = VecDeque::from(missing);
        loop {
            let mut items = Vec::new();
            let mut heads = 0;
            while let Some(mut item) = rest.pop_front() {
                // Heads that are not told only make the device send what is here already.
                item.heads.truncate(HEADS_MAX);
                heads += item.heads.len() + 1;
                items.push(item);
                if heads >= HEADS_MAX || items.len() == LIST_ITEMS_MAX {
                    break;
                }
            }
            let more = !rest.is_empty();
            self.transmit(Missing {
                items,
                more,
                inventory,
            });
            if !more {
                return;
            }
        }
    }

    pub(super) fn read_entries_again(&mut self, seqs: Vec<u64>) {
        if let Some(repair) = &mut self.repair {
            repair.reading = Some(seqs.clone());
            self.outputs.push_back(Output::ReadEntries {
                seqs,
                bytes_max: PAGE_BYTES,
            });
        }
    }

    pub(super) fn entries_read(&mut self, rows: Vec<LogRow>) {
        let Some(repair) = &mut self.repair else {
            return;
        };
        let Some(mut seqs) = repair.reading.take() else {
            return;
        };
        if rows.is_empty() {
            return self.fail(
                CloseCode::Internal,
                "the server could not read its log; try again",
            );
        }
        let unread = seqs.split_off(rows.len().min(seqs.len()));
        for seq in unread.into_iter().rev() {
            repair.seqs.push_front(seq);
        }
        let page = Page::new(
            Source::Entries(seqs),
            rows,
            None,
            true,
            &self.stream.sent_packs,
        );
        self.stream.put_page(page);
    }
}
