//! What is on a device's disk. Every operation of the store is one commit, durable before its answer is given; what stands here survives any crash.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::{ActorId, BlobHash, ChangeHash, DeviceId, DocId, Event, EventId, Hlc, VaultId};
use sync_protocol::{Cursor, Stamps};

use crate::graph::{Change, Graph};

/// The actor in use, as its row has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActorRow {
    pub actor: ActorId,
    pub counter: u64,
    pub last: Option<ChangeHash>,
}

/// A device's directory.
#[derive(Debug, Clone)]
pub struct Rows {
    pub device: DeviceId,
    pub token: u64,
    pub stamps: Stamps,
    pub vault: VaultId,
    pub cursor: Option<Cursor>,
    /// How many of the next sessions still try to be a repair.
    pub repairs_due: u8,
    pub actor: Option<ActorRow>,
    pub docs: BTreeMap<DocId, Graph>,
    /// Changes that wait for one they build on.
    pub waiting: BTreeMap<(DocId, ChangeHash), Change>,
    pub outbox: BTreeMap<u64, Change>,
    pub next_lseq: u64,
    /// Reviews that are in no document yet.
    pub journal: BTreeMap<EventId, Event>,
    pub clock: Hlc,
    /// Blobs that documents name, with their lengths.
    pub named: BTreeMap<BlobHash, u64>,
    pub offers: BTreeSet<BlobHash>,
    pub wants: BTreeSet<BlobHash>,
    pub files: BTreeMap<BlobHash, Rc<Vec<u8>>>,
    pub parts: BTreeMap<BlobHash, Vec<u8>>,
}

impl Rows {
    pub fn has(&self, doc: &DocId, hash: &ChangeHash) -> bool {
        self.docs.get(doc).is_some_and(|graph| graph.has(hash))
    }

    /// Keeps a change and, if it was made here, queues it.
    pub fn take(&mut self, change: &Change, queue: bool) {
        self.docs
            .entry(change.doc)
            .or_default()
            .insert(Rc::clone(change));
        if queue {
            self.enqueue(Rc::clone(change));
        }
    }

    pub fn enqueue(&mut self, change: Change) {
        self.outbox.insert(self.next_lseq, change);
        self.next_lseq += 1;
    }

    /// Queues the changes of `doc` that are not ancestors of `heads`, behind all that is queued; gives the first number that was free. One that was queued
    /// already moves there too.
    pub fn enqueue_after(&mut self, doc: DocId, heads: &[ChangeHash]) -> u64 {
        let first = self.next_lseq;
        let lacking = self
            .docs
            .get(&doc)
            .map(|graph| graph.after(heads))
            .unwrap_or_default();
        let hashes: BTreeSet<ChangeHash> = lacking.iter().map(|change| change.hash).collect();
        self.outbox
            .retain(|_, change| change.doc != doc || !hashes.contains(&change.hash));
        lacking.into_iter().for_each(|change| self.enqueue(change));
        first
    }

    /// Notes that a blob is here now. The server may lack it, as when it was relayed: what it is said to have is no offer any more.
    pub fn arrived(&mut self, hash: BlobHash) {
        self.wants.remove(&hash);
        self.offers.insert(hash);
    }

    /// Notes that a document names a blob.
    pub fn name_blob(&mut self, hash: BlobHash, bytes: u64) -> bool {
        let fresh = self.named.insert(hash, bytes).is_none();
        if !fresh {
            return false;
        }
        if self.files.contains_key(&hash) {
            self.offers.insert(hash);
            return false;
        }
        self.wants.insert(hash);
        true
    }
}
