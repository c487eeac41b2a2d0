//! A device's disk in memory, and the shell that does what a device's session asks.

use std::collections::{BTreeMap, BTreeSet};

use domain::{BlobHash, DeviceId, DocId, IncarnationId, VaultId};
use sync_protocol::device::{
    AppliedHere, Apply, BlobRead, BlobRefused, BlobWritten, ChangesRefused, Config, Counters,
    InventoryPage, OfferPage, OutboxItem, Output, Want, WantPage, WriteBlob,
};
use sync_protocol::{
    Closing, Cursor, DeviceSession, DocChange, DocHeads, Frame, OfferItem, Quota, Reason, Stamps,
};

use super::change::{Change, Document, blob_hash, change_hash, unpack};

pub type Answer = Box<dyn FnOnce(&mut DeviceSession, u64)>;

pub enum Effect {
    Send(Frame),
    Answer(Answer),
    Settled(Counters),
    Closed(Closing),
}

#[derive(Debug, Clone)]
pub struct Device {
    pub id: DeviceId,
    pub stamps: Stamps,
    /// The session under way has said a next incarnation.
    pub turning: bool,
    pub vault: Option<VaultId>,
    pub cursor: Option<Cursor>,
    pub docs: BTreeMap<DocId, Document>,
    pub outbox: BTreeMap<u64, DocChange>,
    pub next_lseq: u64,
    pub blobs: BTreeMap<BlobHash, Vec<u8>>,
    pub parts: BTreeMap<BlobHash, Vec<u8>>,
    pub stored: BTreeSet<BlobHash>,
    pub waiting: Vec<Vec<u8>>,
    pub refused: Vec<ChangesRefused>,
    pub blobs_refused: Vec<BlobRefused>,
    pub quota: Quota,
    pub repairs: u32,
    pub repair_next: bool,
    pub identities: u32,
    pub largest_apply: usize,
}

impl Device {
    pub fn new(n: u8) -> Device {
        Device {
            id: DeviceId::from_bytes([n; 16]),
            stamps: Stamps {
                present: IncarnationId::from_bytes([0; 16]),
                next: None,
                turn_due: false,
            },
            turning: false,
            vault: None,
            cursor: None,
            docs: BTreeMap::new(),
            outbox: BTreeMap::new(),
            next_lseq: 1,
            blobs: BTreeMap::new(),
            parts: BTreeMap::new(),
            stored: BTreeSet::new(),
            waiting: Vec::new(),
            refused: Vec::new(),
            blobs_refused: Vec::new(),
            quota: Quota::default(),
            repairs: 0,
            repair_next: false,
            identities: 0,
            largest_apply: 0,
        }
    }

    /// A local change on top of everything known of the document.
    pub fn edit(&mut self, doc: DocId, nonce: u64, padding: usize, blobs: Vec<BlobHash>) {
        let document = self.docs.entry(doc).or_default();
        let change = Change {
            doc,
            deps: document.heads(),
            blobs,
            nonce,
            padding,
        }
        .to_bytes();
        document.add(&change);
        self.enqueue(doc, change);
    }

    pub fn add_blob(&mut self, doc: DocId, nonce: u64, bytes: Vec<u8>) -> BlobHash {
        let hash = blob_hash(&bytes);
        self.blobs.insert(hash, bytes);
        self.edit(doc, nonce, 0, vec![hash]);
        hash
    }

    fn enqueue(&mut self, doc: DocId, change: Vec<u8>) {
        self.outbox
            .insert(self.next_lseq, DocChange { doc, change });
        self.next_lseq += 1;
    }

    pub fn config(&mut self, next: IncarnationId, wall_ms: i64) -> Config {
        if self.stamps.needs_next(!self.outbox.is_empty()) {
            self.stamps.next = Some(next);
        }
        self.turning = self.stamps.next.is_some();
        Config {
            device: self.id,
            incarnation: self.stamps.present,
            next_incarnation: self.stamps.said_next(),
            cursor: self.cursor,
            vault: self.vault,
            wall_ms,
            repair: std::mem::take(&mut self.repair_next),
            fetch_blobs: true,
        }
    }

    pub fn referenced(&self) -> BTreeSet<BlobHash> {
        let changes = self.docs.values().flat_map(|doc| doc.changes.values());
        changes
            .flat_map(|bytes| Change::parse(bytes).unwrap().blobs)
            .collect()
    }

    pub fn missing_blobs(&self) -> BTreeSet<BlobHash> {
        self.referenced()
            .into_iter()
            .filter(|hash| !self.blobs.contains_key(hash))
            .collect()
    }

    pub fn execute(&mut self, output: Output) -> Vec<Effect> {
        match output {
            Output::Transmit(frame) => vec![Effect::Send(frame)],
            Output::Welcomed(welcomed) => {
                self.vault = Some(welcomed.vault);
                self.quota = welcomed.quota;
                if let Some(identity) = welcomed.new_identity {
                    self.stamps.renamed(welcomed.incarnation);
                    self.turning = false;
                    self.id = identity.device;
                    self.identities += 1;
                }
                vec![]
            }
            Output::QuotaSeen(quota) => {
                self.quota = quota;
                vec![]
            }
            Output::ClearOutbox { lseqs, cursor } => {
                lseqs.iter().for_each(|lseq| drop(self.outbox.remove(lseq)));
                self.cursor = cursor.or(self.cursor);
                self.stamps.acknowledged(self.turning);
                vec![]
            }
            Output::ChangesRefused(refused) => {
                self.refused.push(refused);
                vec![]
            }
            Output::StartRepair => {
                self.stored.clear();
                self.repairs += 1;
                vec![]
            }
            Output::BlobsStored(hashes) => {
                self.stored.extend(hashes);
                vec![]
            }
            Output::BlobRefused(refused) => {
                self.blobs_refused.push(refused);
                vec![]
            }
            Output::BlobFailed { hash, why } => panic!("{hash} failed: {why:?}"),
            Output::Settled(counters) => vec![Effect::Settled(counters)],
            Output::Close(closing) => vec![Effect::Closed(closing)],
            reading => vec![Effect::Answer(self.answer(reading))],
        }
    }

    fn answer(&mut self, output: Output) -> Answer {
        match output {
            Output::ReadOutbox { after, bytes_max } => {
                let page = self.outbox_page(after, bytes_max);
                Box::new(move |session, now| session.handle_outbox(page, now))
            }
            Output::EnqueueAfter { doc, heads } => {
                let first = self.next_lseq;
                let document = self.docs.get(&doc).cloned().unwrap_or_default();
                for hash in document.after(&heads) {
                    self.enqueue(doc, document.changes[&hash].clone());
                }
                Box::new(move |session, now| session.handle_enqueued(doc, first, now))
            }
            Output::Apply(apply) => {
                let applied = self.apply(apply);
                Box::new(move |session, now| session.handle_applied(applied, now))
            }
            Output::ReadInventory { after, count_max } => {
                // Small pages, so that repairs have several.
                let count_max = count_max.min(3);
                let rest = self.docs.iter().filter(|(doc, _)| Some(**doc) > after);
                let mut items: Vec<DocHeads> = rest
                    .take(count_max + 1)
                    .map(|(doc, document)| DocHeads {
                        doc: *doc,
                        heads: document.heads(),
                    })
                    .collect();
                let more = items.len() > count_max;
                items.truncate(count_max);
                Box::new(move |session, now| {
                    session.handle_inventory(InventoryPage { items, more }, now)
                })
            }
            Output::ReadOffers { after, count_max } => {
                let waiting = self
                    .blobs
                    .iter()
                    .filter(|(hash, _)| Some(**hash) > after && !self.stored.contains(hash));
                let mut items: Vec<OfferItem> = waiting.take(count_max + 1).map(offer).collect();
                let more = items.len() > count_max;
                items.truncate(count_max);
                Box::new(move |session, now| session.handle_offers(OfferPage { items, more }, now))
            }
            Output::FindBlobs { hashes } => {
                let items = hashes
                    .iter()
                    .filter_map(|hash| self.blobs.get_key_value(hash))
                    .map(offer)
                    .collect();
                Box::new(move |session, now| session.handle_found(items, now))
            }
            Output::ReadWants { after, count_max } => {
                let part = |hash: &BlobHash| self.parts.get(hash).map_or(0, Vec::len) as u64;
                let missing = self.missing_blobs();
                let wants = missing.iter().filter(|hash| Some(**hash) > after);
                let mut items: Vec<Want> = wants
                    .take(count_max + 1)
                    .map(|hash| Want {
                        hash: *hash,
                        offset: part(hash),
                        priority: 0,
                    })
                    .collect();
                let more = items.len() > count_max;
                items.truncate(count_max);
                Box::new(move |session, now| {
                    let page = WantPage {
                        items,
                        more,
                        ..WantPage::default()
                    };
                    session.handle_wants(page, now)
                })
            }
            Output::ReadBlob { hash, offset, len } => {
                let bytes = self.blobs[&hash][offset as usize..offset as usize + len].to_vec();
                Box::new(move |session, now| {
                    session.handle_blob_read(hash, offset, BlobRead::Bytes(bytes), now)
                })
            }
            Output::WriteBlob(write) => {
                let (hash, len) = (write.hash, write.bytes.len());
                let written = write_blob(&mut self.parts, &mut self.blobs, write);
                Box::new(move |session, now| session.handle_blob_written(hash, len, written, now))
            }
            other => panic!("not a question: {other:?}"),
        }
    }

    pub fn outbox_page(&self, after: u64, bytes_max: usize) -> Vec<OutboxItem> {
        let mut bytes = 0;
        let mut page = Vec::new();
        for (lseq, item) in self.outbox.range(after + 1..) {
            bytes += item.change.len();
            if !page.is_empty() && bytes > bytes_max {
                break;
            }
            page.push(OutboxItem {
                lseq: *lseq,
                item: item.clone(),
            });
        }
        page
    }

    fn apply(&mut self, apply: Apply) -> AppliedHere {
        let mut changes = Vec::new();
        for pack in &apply.packs {
            assert_eq!(blake3::hash(&pack.bytes).as_bytes(), pack.pack.as_bytes());
            changes.extend(unpack(&pack.bytes));
        }
        changes.extend(apply.items.into_iter().map(|item| item.change));
        self.largest_apply = self.largest_apply.max(changes.iter().map(Vec::len).sum());
        let before = self.missing_blobs();
        let mut fresh = 0;
        self.waiting.extend(changes);
        loop {
            let (mut waiting, mut progress) = (Vec::new(), false);
            for bytes in std::mem::take(&mut self.waiting) {
                let change = Change::parse(&bytes).unwrap();
                let document = self.docs.entry(change.doc).or_default();
                if document.lacks_dependency(&change) {
                    waiting.push(bytes);
                } else {
                    progress = true;
                    fresh += u64::from(document.add(&bytes));
                }
            }
            self.waiting = waiting;
            if !progress {
                break;
            }
        }
        self.cursor = apply.cursor.or(self.cursor);
        AppliedHere {
            fresh,
            set_aside: 0,
            cursor_kept: false,
            wants_changed: self.missing_blobs() != before,
        }
    }

    pub fn has_change(&self, change: &[u8]) -> bool {
        let doc = Change::parse(change).unwrap().doc;
        self.docs
            .get(&doc)
            .is_some_and(|document| document.changes.contains_key(&change_hash(change)))
    }
}

fn offer((hash, bytes): (&BlobHash, &Vec<u8>)) -> OfferItem {
    OfferItem {
        hash: *hash,
        bytes: bytes.len() as u64,
        mime: "image/png".into(),
    }
}

pub fn write_blob(
    parts: &mut BTreeMap<BlobHash, Vec<u8>>,
    blobs: &mut BTreeMap<BlobHash, Vec<u8>>,
    write: WriteBlob,
) -> BlobWritten {
    let part = parts.entry(write.hash).or_default();
    if write.offset == 0 {
        part.clear();
    }
    assert_eq!(
        part.len() as u64,
        write.offset,
        "a piece that does not continue the part file"
    );
    part.extend(&write.bytes);
    if (part.len() as u64) < write.total {
        return BlobWritten::Piece;
    }
    let bytes = parts.remove(&write.hash).unwrap();
    if blob_hash(&bytes) != write.hash {
        return BlobWritten::Bad(Reason::WrongHash);
    }
    blobs.insert(write.hash, bytes);
    BlobWritten::Stored
}
