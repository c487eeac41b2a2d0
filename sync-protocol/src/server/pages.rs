//! One page on its way to the device: its packs piece by piece, then its changes, then where the device stands after it. The log's stream and the
//! repair both send through it.

use std::collections::{BTreeSet, VecDeque};

use domain::DocId;

use super::{LogBody, LogRow, PackRef};
use crate::cursor::{Cursor, PackHash};
use crate::frame::{Changes, DocChange, PackPart};
use crate::limit::{
    FRAME_BYTES_MAX, LIST_ITEMS_MAX, PACK_BYTES_MAX, PACK_PART_BYTES, PACKS_REMEMBERED_MAX,
};

/// Where a page's rows came from: they are read from there again when a pack moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Log,
    Entries(Vec<u64>),
}

/// A page being sent.
#[derive(Debug)]
pub(super) struct Page {
    pub source: Source,
    packs: VecDeque<PackRef>,
    pack_offset: u64,
    items: VecDeque<DocChange>,
    cursor: Option<Cursor>,
    more: bool,
}

/// What a page needs next.
#[derive(Debug)]
pub(super) enum Step {
    ReadPack {
        pack: PackRef,
        offset: u64,
        len: usize,
    },
    Send(Changes),
    Done,
}

/// Packs the device got in this session.
#[derive(Debug, Default)]
pub(super) struct SentPacks {
    /// By document too: two documents that hold the same changes have packs of the same bytes.
    known: BTreeSet<(DocId, PackHash)>,
    in_order: VecDeque<(DocId, PackHash)>,
}

impl SentPacks {
    fn remember(&mut self, pack: &PackRef) {
        let key = (pack.doc, pack.pack);
        if self.known.insert(key) {
            self.in_order.push_back(key);
        }
        if self.in_order.len() > PACKS_REMEMBERED_MAX
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

impl Page {
    /// The page of these rows; packs that were sent before are left out, and so are larger ones than a device takes (their document is over its
    /// bound, which the store refuses to make).
    pub fn new(
        source: Source,
        rows: Vec<LogRow>,
        cursor: Option<Cursor>,
        more: bool,
        sent: &SentPacks,
    ) -> Page {
        let mut packs: VecDeque<PackRef> = VecDeque::new();
        let mut named = BTreeSet::new();
        let mut items = VecDeque::new();
        for row in rows {
            match row.body {
                LogBody::Inline(item) => items.push_back(item),
                LogBody::Packed(pack) => {
                    let fits = (1..=PACK_BYTES_MAX as u64).contains(&pack.bytes);
                    let key = (pack.doc, pack.pack);
                    if fits && !sent.known.contains(&key) && named.insert(key) {
                        packs.push_back(pack);
                    }
                }
            }
        }
        Page {
            source,
            packs,
            pack_offset: 0,
            items,
            cursor,
            more,
        }
    }

    /// What to do next; a `Send` is taken out of the page.
    pub fn step(&mut self) -> Step {
        if let Some(pack) = self.packs.front() {
            let left = pack.bytes - self.pack_offset;
            let len = left.min(PACK_PART_BYTES as u64) as usize;
            return Step::ReadPack {
                pack: *pack,
                offset: self.pack_offset,
                len,
            };
        }
        if self.items.is_empty() && self.cursor.is_none() {
            return Step::Done;
        }
        let mut items = Vec::new();
        let mut bytes = 0;
        while let Some(item) = self.items.front() {
            bytes += item.frame_bytes();
            if !items.is_empty()
                && (bytes > FRAME_BYTES_MAX - 1024 || items.len() == LIST_ITEMS_MAX)
            {
                break;
            }
            items.extend(self.items.pop_front());
        }
        let whole = self.items.is_empty();
        let cursor = if whole { self.cursor.take() } else { None };
        Step::Send(Changes {
            items,
            packs: Vec::new(),
            cursor,
            more: self.more || !whole,
        })
    }

    /// The piece of the pack `step` asked for; `None` when it has not the length it should have.
    pub fn pack_read(&mut self, bytes: Vec<u8>, sent: &mut SentPacks) -> Option<Changes> {
        let pack = *self.packs.front()?;
        let left = pack.bytes - self.pack_offset;
        if bytes.len() as u64 != left.min(PACK_PART_BYTES as u64) {
            return None;
        }
        let part = u32::try_from(self.pack_offset / PACK_PART_BYTES as u64).ok()?;
        let of = u32::try_from(pack.bytes.div_ceil(PACK_PART_BYTES as u64)).ok()?;
        self.pack_offset += bytes.len() as u64;
        if self.pack_offset == pack.bytes {
            self.packs.pop_front();
            self.pack_offset = 0;
            sent.remember(&pack);
        }
        let packs = vec![PackPart {
            doc: pack.doc,
            pack: pack.pack,
            part,
            of,
            bytes,
        }];
        Some(Changes {
            items: Vec::new(),
            packs,
            cursor: None,
            more: true,
        })
    }
}
