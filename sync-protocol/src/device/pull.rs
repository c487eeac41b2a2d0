//! What comes from the server's log: pages wait in order, packs are put together, one `Apply` at a time takes as many pages as fit, and `Applied`
//! tells the server when they are flushed.

use std::collections::VecDeque;

use super::{AppliedHere, Apply, DeviceSession, Output, Pack, Phase};
use crate::close::CloseCode;
use crate::cursor::{Cursor, LogEpoch, PackHash};
use crate::frame::{Applied, Changes, DocChange, PackPart};
use crate::limit::{
    APPLY_BYTES_MAX, FRAME_BYTES_MAX, PACK_BYTES_MAX, PACK_PART_BYTES, STRIKES_MAX, WINDOW_BYTES,
};

#[derive(Debug, Default)]
pub(super) struct Pull {
    epoch: Option<LogEpoch>,
    pages: VecDeque<Page>,
    held_bytes: u64,
    assembly: Option<Assembly>,
    applying: Option<Applying>,
    /// The last cursor seen, applied or not.
    seen_seq: u64,
    /// The cursor that is stored here.
    stands_at: Option<Cursor>,
    /// What the server had at its last word.
    target_seq: u64,
    strikes: u32,
}

/// What one frame brought.
#[derive(Debug, Default)]
struct Page {
    packs: Vec<Pack>,
    items: Vec<DocChange>,
    cursor: Option<Cursor>,
    frames: u32,
    bytes: u64,
}

/// A pack whose pieces are still coming.
#[derive(Debug)]
struct Assembly {
    pack: Pack,
    next: u32,
    of: u32,
}

#[derive(Debug)]
struct Applying {
    cursor: Option<Cursor>,
    frames: u32,
    bytes: u64,
}

impl Pull {
    pub fn open(&mut self, epoch: LogEpoch, seq: u64, stands_at: Option<Cursor>) {
        self.epoch = Some(epoch);
        self.target_seq = seq;
        self.stands_at = stands_at;
        self.seen_seq = stands_at.map_or(0, |cursor| cursor.seq);
    }

    /// The server has at least this much.
    pub fn aim_at(&mut self, seq: u64) {
        self.target_seq = self.target_seq.max(seq);
    }

    /// Whether the shell is at work on a page.
    pub fn is_applying(&self) -> bool {
        self.applying.is_some()
    }

    pub fn is_settled(&self) -> bool {
        self.pages.is_empty()
            && self.applying.is_none()
            && self.assembly.is_none()
            && self.stands_at.map_or(0, |cursor| cursor.seq) >= self.target_seq
    }

    /// Takes a cursor the server says this device stands at. `Some`: nothing is waiting before it, so it may be stored at once.
    pub fn jump(&mut self, cursor: Cursor) -> Option<Cursor> {
        if self.pages.is_empty() && self.applying.is_none() {
            self.stands_at = Some(cursor);
            return Some(cursor);
        }
        self.pages.push_back(Page {
            cursor: Some(cursor),
            ..Page::default()
        });
        None
    }

    /// Whether a cursor can follow what was seen.
    pub fn accepts(&mut self, cursor: &Cursor) -> bool {
        let follows = Some(cursor.epoch) == self.epoch && cursor.seq >= self.seen_seq;
        if follows {
            self.seen_seq = cursor.seq;
        }
        follows
    }

    /// Takes a pack's piece; gives the pack when it was the last.
    fn assemble(&mut self, part: PackPart) -> Result<Option<Pack>, &'static str> {
        let last = part.part.checked_add(1) == Some(part.of);
        let len_ok = if last {
            (1..=PACK_PART_BYTES).contains(&part.bytes.len())
        } else {
            part.bytes.len() == PACK_PART_BYTES
        };
        if !len_ok
            || part.part >= part.of
            || part.of as usize > PACK_BYTES_MAX / PACK_PART_BYTES + 1
        {
            return Err("a piece of a pack of the wrong length");
        }
        let assembly = match self.assembly.take() {
            None if part.part == 0 => Assembly {
                pack: Pack {
                    doc: part.doc,
                    pack: part.pack,
                    bytes: part.bytes,
                },
                next: 1,
                of: part.of,
            },
            Some(mut begun)
                if begun.pack.pack == part.pack
                    && begun.pack.doc == part.doc
                    && begun.next == part.part
                    && begun.of == part.of =>
            {
                begun.pack.bytes.extend_from_slice(&part.bytes);
                begun.next += 1;
                begun
            }
            // The server gives up a pack that was rewritten under it and begins another.
            Some(_) if part.part == 0 => return self.assemble(part),
            _ => return Err("a piece of a pack that does not follow the one before"),
        };
        if last {
            let hash = PackHash::from_bytes(*blake3::hash(&assembly.pack.bytes).as_bytes());
            if hash != assembly.pack.pack {
                return Err("a pack whose bytes do not match its hash");
            }
            return Ok(Some(assembly.pack));
        }
        self.assembly = Some(assembly);
        Ok(None)
    }

    /// As many pages from the front as one `Apply` takes.
    fn take_pages(&mut self) -> Page {
        let mut taken = Page::default();
        while let Some(page) = self.pages.front() {
            let first = taken.frames == 0 && taken.cursor.is_none();
            if !first && taken.bytes + page.bytes > APPLY_BYTES_MAX as u64 {
                break;
            }
            let Some(page) = self.pages.pop_front() else {
                break;
            };
            taken.packs.extend(page.packs);
            taken.items.extend(page.items);
            taken.cursor = page.cursor.or(taken.cursor);
            taken.frames += page.frames;
            taken.bytes += page.bytes;
        }
        taken
    }
}

impl DeviceSession {
    pub(super) fn on_changes(&mut self, changes: Changes) {
        let bytes = changes.payload_bytes() as u64;
        if self.pull.held_bytes + bytes > WINDOW_BYTES + FRAME_BYTES_MAX as u64 {
            self.fail(
                CloseCode::Flood,
                "more changes than this device has asked for",
            );
            return;
        }
        if changes
            .cursor
            .is_some_and(|cursor| !self.pull.accepts(&cursor))
        {
            self.fail(CloseCode::Malformed, "a cursor that goes backwards");
            return;
        }
        let mut packs = Vec::new();
        for part in changes.packs {
            match self.pull.assemble(part) {
                Ok(pack) => packs.extend(pack),
                Err(reason) => return self.fail(CloseCode::Malformed, reason),
            }
        }
        self.pull.held_bytes += bytes;
        let (items, cursor) = (changes.items, changes.cursor);
        self.pull.pages.push_back(Page {
            packs,
            items,
            cursor,
            frames: 1,
            bytes,
        });
        if cursor.is_some() {
            self.repair_ends();
        }
    }

    pub(super) fn advance_pull(&mut self) {
        while self.pull.applying.is_none() && !self.pull.pages.is_empty() {
            let Page {
                packs,
                items,
                cursor,
                frames,
                bytes,
            } = self.pull.take_pages();
            if packs.is_empty() && items.is_empty() && cursor.is_none() {
                // Pieces of a pack that is not whole yet: nothing to flush, but the window must move.
                self.acknowledge(Applying {
                    cursor,
                    frames,
                    bytes,
                });
                continue;
            }
            self.pull.applying = Some(Applying {
                cursor,
                frames,
                bytes,
            });
            self.outputs.push_back(Output::Apply(Apply {
                packs,
                items,
                cursor,
            }));
        }
    }

    pub(super) fn applied(&mut self, applied: AppliedHere) {
        let Some(applying) = self.pull.applying.take() else {
            return;
        };
        self.counters.pulled += applied.fresh;
        if applied.wants_changed {
            self.downloads.scan_again();
        }
        if self.phase != Phase::Open {
            return;
        }
        if applied.cursor_kept {
            return self.fail(
                CloseCode::Malformed,
                "the server sent a pack that can not be read",
            );
        }
        self.acknowledge(applying);
        self.pull.strikes = self.pull.strikes.saturating_add(applied.set_aside);
        if self.pull.strikes >= STRIKES_MAX {
            self.fail(
                CloseCode::Malformed,
                "the server sent changes that had to be set aside",
            );
        }
    }

    fn acknowledge(&mut self, done: Applying) {
        self.pull.held_bytes -= done.bytes;
        self.pull.stands_at = done.cursor.or(self.pull.stands_at);
        if done.frames > 0 {
            let seq = self.pull.stands_at.map_or(0, |cursor| cursor.seq);
            self.transmit(Applied {
                seq,
                frames: done.frames,
            });
        }
    }
}
