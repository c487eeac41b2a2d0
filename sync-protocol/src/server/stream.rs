//! The stream of the log to the device: everything after its cursor in pages, then live, never more than a window ahead of what it has flushed, and
//! without sending it its own entries back.

use std::collections::VecDeque;

use super::pages::{Page, SentPacks, Source, Step};
use super::{LogPage, Output, ServerSession};
use crate::close::CloseCode;
use crate::frame::{Applied, Changes};
use crate::limit::{LOG_ROWS_MAX, OWN_RANGES_MAX, PACK_MOVED_MAX, PAGE_BYTES};

#[derive(Debug)]
pub(super) struct Stream {
    /// The log's last entry, as far as is known.
    head: u64,
    /// Everything up to here has been sent or jumped over; `None` before the stream begins.
    sent: Option<u64>,
    reading: bool,
    /// `head` when the read under way began.
    head_at_read: u64,
    page: Option<Page>,
    pack_reading: bool,
    packs_moved: u32,
    pub(super) sent_packs: SentPacks,
    /// Entries this session appended, beyond `sent`.
    own: VecDeque<(u64, u64)>,
    /// Sizes of the frames sent and not acknowledged.
    unacknowledged: VecDeque<u64>,
    unacknowledged_bytes: u64,
    window_bytes: u64,
}

impl Stream {
    pub fn new(window_bytes: u64) -> Stream {
        Stream {
            head: 0,
            sent: None,
            reading: false,
            head_at_read: 0,
            page: None,
            pack_reading: false,
            packs_moved: 0,
            sent_packs: SentPacks::default(),
            own: VecDeque::new(),
            unacknowledged: VecDeque::new(),
            unacknowledged_bytes: 0,
            window_bytes,
        }
    }

    pub fn grow_to(&mut self, seq: u64) {
        self.head = self.head.max(seq);
    }

    pub fn begin_after(&mut self, seq: u64) {
        self.sent = Some(seq);
    }

    pub fn head(&self) -> u64 {
        self.head
    }

    /// The device's own entries `first..=last` were appended. `true`: the stream stood right before them and has jumped over them.
    pub fn jump(&mut self, first: u64, last: u64) -> bool {
        self.grow_to(last);
        if self.sent.is_some_and(|sent| sent + 1 == first) && self.page.is_none() && !self.reading {
            self.sent = Some(last);
            return true;
        }
        if self.own.len() == OWN_RANGES_MAX {
            self.own.pop_front();
        }
        self.own.push_back((first, last));
        false
    }

    pub fn has_page(&self) -> bool {
        self.page.is_some()
    }

    pub fn put_page(&mut self, page: Page) {
        self.page = Some(page);
    }

    fn is_own(&self, seq: u64) -> bool {
        self.own
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&seq))
    }

    fn has_window(&self) -> bool {
        self.unacknowledged_bytes < self.window_bytes
    }
}

impl ServerSession {
    pub(super) fn advance_stream(&mut self) {
        loop {
            if self.stream.page.is_some() {
                if self.stream.pack_reading || !self.stream.has_window() {
                    return;
                }
                self.advance_page();
                continue;
            }
            if let Some(sent) = self.stream.sent
                && sent < self.stream.head
                && !self.stream.reading
                && self.stream.has_window()
            {
                self.stream.reading = true;
                self.stream.head_at_read = self.stream.head;
                let (bytes_max, rows_max) = (PAGE_BYTES, LOG_ROWS_MAX);
                self.outputs.push_back(Output::ReadLog {
                    after: sent,
                    bytes_max,
                    rows_max,
                });
            }
            return;
        }
    }

    fn advance_page(&mut self) {
        let Some(page) = &mut self.stream.page else {
            return;
        };
        match page.step() {
            Step::ReadPack { pack, offset, len } => {
                self.stream.pack_reading = true;
                self.outputs
                    .push_back(Output::ReadPack { pack, offset, len });
            }
            Step::Send(changes) => self.send_changes(changes),
            Step::Done => {
                self.stream.page = None;
                self.stream.packs_moved = 0;
            }
        }
    }

    fn send_changes(&mut self, changes: Changes) {
        let bytes = changes.payload_bytes() as u64;
        self.stream.unacknowledged.push_back(bytes);
        self.stream.unacknowledged_bytes += bytes;
        if let Some(cursor) = changes.cursor {
            self.stream.sent = Some(cursor.seq);
            self.stream.own.retain(|(_, last)| *last > cursor.seq);
        }
        self.transmit(changes);
    }

    pub(super) fn log_read(&mut self, page: LogPage) {
        if !std::mem::take(&mut self.stream.reading) {
            return;
        }
        let Some(sent) = self.stream.sent else { return };
        let stream = &mut self.stream;
        let mut rows = page.rows;
        if rows.is_empty() || page.cursor.seq <= sent {
            // Told of entries that are not there yet; the next word of the hub will come when they are.
            if stream.head == stream.head_at_read {
                stream.head = sent;
            }
            return;
        }
        stream.grow_to(page.head_seq);
        rows.retain(|row| !stream.is_own(row.seq));
        let more = page.cursor.seq < stream.head;
        let page = Page::new(
            Source::Log,
            rows,
            Some(page.cursor),
            more,
            &stream.sent_packs,
        );
        stream.put_page(page);
    }

    pub(super) fn pack_read(&mut self, bytes: Option<Vec<u8>>) {
        if !std::mem::take(&mut self.stream.pack_reading) {
            return;
        }
        let stream = &mut self.stream;
        let Some(page) = &mut stream.page else { return };
        if let Some(changes) = bytes.and_then(|bytes| page.pack_read(bytes, &mut stream.sent_packs))
        {
            return self.send_changes(changes);
        }
        // The pack was rewritten; its rows are somewhere else now.
        stream.packs_moved += 1;
        let moved = stream.packs_moved;
        let source = stream.page.take().map(|page| page.source);
        if moved > PACK_MOVED_MAX {
            self.fail(
                CloseCode::Internal,
                "the server could not read its log; try again",
            );
        } else if let Some(Source::Entries(seqs)) = source {
            self.read_entries_again(seqs);
        }
    }

    pub(super) fn on_applied(&mut self, applied: Applied) {
        for _ in 0..applied.frames {
            let Some(bytes) = self.stream.unacknowledged.pop_front() else {
                return self.fail(
                    CloseCode::Malformed,
                    "an acknowledgement of pages that were not sent",
                );
            };
            self.stream.unacknowledged_bytes -= bytes;
        }
    }
}
