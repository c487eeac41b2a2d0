//! What a page of a sync brings, by document: packs are unpacked, and documents that this device does not know are judged and
//! read, on as many threads as there are processors. What comes of it is written by one thread (`sync_documents`).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread;

use domain::DocId;
use domain::document::{self, DocKind};
use storage::{Arrival, PackBounds, Writer, decode_pack, pack_hash};
use sync_protocol::DocChange;
use sync_protocol::device::Pack;

use super::VaultResult;
use super::refresh::{self, Reading};
use crate::limit;

/// A document's part of a page.
#[derive(Debug, Default)]
pub(super) struct Share {
    packs: Vec<Pack>,
    changes: Vec<Vec<u8>>,
}

/// The parts of a page by document.
pub(super) type Shares = BTreeMap<DocId, Share>;

/// A document's part of a page once it is looked at.
pub(super) enum Judged {
    /// The whole of a document that was not known, read already.
    Whole(Box<Arrival<(Option<DocKind>, Reading)>>),
    /// Changes that the intake is to judge.
    Changes(Vec<Vec<u8>>),
}

/// A page once it is looked at.
pub(super) struct Page {
    pub(super) documents: Vec<(DocId, Judged)>,
    pub(super) damaged_packs: u32,
}

/// Sorts a page by document; of each, packs come before single changes.
pub(super) fn shares(packs: Vec<Pack>, items: Vec<DocChange>) -> Shares {
    let mut shares = Shares::new();
    for pack in packs {
        shares.entry(pack.doc).or_default().packs.push(pack);
    }
    for item in items {
        shares
            .entry(item.doc)
            .or_default()
            .changes
            .push(item.change);
    }
    shares
}

/// Looks at every document's part of a page. `settings` is the id of the vault's settings document.
pub(super) fn judge(shares: Shares, writer: &Writer<'_>, settings: DocId) -> VaultResult<Page> {
    let mut left = Vec::new();
    for (doc, share) in shares {
        left.push((doc, share, writer.is_unknown(doc)?));
    }
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(limit::JUDGES_MAX).min(left.len());
    let left = Mutex::new(left.into_iter());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        std::iter::from_fn(next)
            .map(|(doc, share, unknown)| (doc, judge_one(doc, share, unknown, settings)))
            .collect::<Vec<_>>()
    };
    // This thread is one of them.
    let judged = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut judged = work();
        for other in others {
            match other.join() {
                Ok(more) => judged.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        judged
    });
    let mut page = Page {
        documents: Vec::new(),
        damaged_packs: 0,
    };
    for (doc, (judged, damaged)) in judged {
        page.damaged_packs = page.damaged_packs.saturating_add(damaged);
        page.documents.extend(judged.map(|judged| (doc, judged)));
    }
    page.documents.sort_by_key(|(doc, _)| *doc);
    Ok(page)
}

/// A document's part, unless there is nothing but damage, and how many of its packs cannot be read.
fn judge_one(doc: DocId, share: Share, unknown: bool, settings: DocId) -> (Option<Judged>, u32) {
    let mut damaged = 0;
    let mut changes = Vec::new();
    for pack in &share.packs {
        let bytes = Some(&pack.bytes).filter(|bytes| pack_hash(bytes) == pack.pack.to_bytes());
        match bytes.map(|bytes| decode_pack(bytes, PackBounds::default())) {
            Some(Ok(unpacked)) => changes.extend(unpacked),
            _ => damaged += 1,
        }
    }
    let is_one_pack = share.packs.len() == 1 && share.changes.is_empty();
    let only_pack = share.packs.into_iter().next().filter(|_| is_one_pack);
    changes.extend(share.changes);
    if changes.is_empty() {
        return (None, damaged);
    }
    if !unknown {
        return (Some(Judged::Changes(changes)), damaged);
    }
    let read = |plain: &domain::intake::Plain<'_>| {
        let kind = document::kind(plain);
        (kind, refresh::read_whole(plain, doc, settings))
    };
    let judged = Arrival::judge(changes, only_pack.map(|pack| pack.bytes), read)
        .map_or_else(Judged::Changes, |whole| Judged::Whole(Box::new(whole)));
    (Some(judged), damaged)
}
