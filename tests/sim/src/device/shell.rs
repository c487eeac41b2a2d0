//! What a device's shell does for the outputs of its session: each as the client's vault does it, in the order asked, one commit each.

use std::collections::BTreeMap;
use std::rc::Rc;

use domain::{BlobHash, DocId, IncarnationId};
use storage::{PackBounds, decode_pack};
use sync_protocol::device::{
    AppliedHere, Apply, BlobRead, BlobWritten, Config, InventoryPage, OfferPage, OutboxItem,
    Output, Want, WantPage, WriteBlob,
};
use sync_protocol::limit::OPENING_BYTES_MAX;
use sync_protocol::{CloseCode, DeviceSession, DocHeads, OfferItem, Reason};

use super::Device;
use crate::dice::Dice;
use crate::graph::Change;
use crate::model::Model;

/// How many sessions try to be a repair after something had to be set aside.
const REPAIRS_DUE_MAX: u8 = 3;

/// How a session begins.
#[derive(Debug)]
pub struct Begin {
    pub config: Config,
    /// Pushed along with the hello.
    pub outbox: Vec<OutboxItem>,
}

/// An answer for the session.
#[derive(Debug)]
pub enum Answer {
    None,
    Outbox(Vec<OutboxItem>),
    Enqueued(DocId, u64),
    Applied(AppliedHere),
    Inventory(InventoryPage),
    Offers(OfferPage),
    Found(Vec<OfferItem>),
    Wants(WantPage),
    Failed,
}

/// What an output did.
#[derive(Debug)]
pub struct Done {
    pub answer: Answer,
    /// Changes that were new here.
    pub fresh: Vec<Change>,
    /// What was set aside, and why.
    pub set_aside: Vec<String>,
}

impl Answer {
    pub fn give(self, session: &mut DeviceSession, now: u64) {
        match self {
            Self::None => {}
            Self::Outbox(items) => session.handle_outbox(items, now),
            Self::Enqueued(doc, first) => session.handle_enqueued(doc, first, now),
            Self::Applied(applied) => session.handle_applied(applied, now),
            Self::Inventory(page) => session.handle_inventory(page, now),
            Self::Offers(page) => session.handle_offers(page, now),
            Self::Found(items) => session.handle_found(items, now),
            Self::Wants(page) => session.handle_wants(page, now),
            Self::Failed => session.close(CloseCode::Internal, "this device cannot go on"),
        }
    }
}

impl Device {
    /// Prepares a session: how it begins, and the front of the outbox.
    pub fn begin(&mut self, now_us: u64, model: &mut Model, dice: &mut Dice) -> Begin {
        let has_news = !self.rows.outbox.is_empty() || !self.rows.journal.is_empty();
        if self.rows.stamps.needs_next(has_news) {
            self.rows.stamps.next = Some(IncarnationId::from_bytes(dice.array()));
        }
        self.turning = self.rows.stamps.next.is_some();
        self.fold_journal(model);
        self.repairing = false;
        let config = Config {
            device: self.rows.device,
            incarnation: self.rows.stamps.present,
            next_incarnation: self.rows.stamps.said_next(),
            cursor: self.rows.cursor,
            vault: Some(self.rows.vault),
            wall_ms: self.wall_ms(now_us),
            repair: self.rows.repairs_due > 0,
            fetch_blobs: true,
        };
        let outbox = self.outbox_page(0, OPENING_BYTES_MAX);
        Begin { config, outbox }
    }

    /// Does what a session asked of the store.
    pub fn perform(&mut self, output: Output, model: &mut Model, dice: &mut Dice) -> Done {
        let mut done = Done {
            answer: Answer::None,
            fresh: Vec::new(),
            set_aside: Vec::new(),
        };
        done.answer = match output {
            Output::Welcomed(welcomed) => {
                self.repairing = welcomed.repair;
                if welcomed.repair {
                    self.rows.repairs_due = self.rows.repairs_due.saturating_sub(1);
                }
                if let Some(identity) = welcomed.new_identity {
                    self.rows.device = identity.device;
                    self.rows.token = identity.token.parse().expect("tokens are numbers here");
                    self.rows.stamps.renamed(welcomed.incarnation);
                    self.turning = false;
                    self.renew_actor(dice);
                }
                Answer::None
            }
            Output::ReadOutbox { after, bytes_max } => {
                self.fold_journal(model);
                Answer::Outbox(self.outbox_page(after, bytes_max))
            }
            Output::ClearOutbox { lseqs, cursor } => {
                lseqs
                    .iter()
                    .for_each(|lseq| drop(self.rows.outbox.remove(lseq)));
                self.rows.cursor = cursor.or(self.rows.cursor);
                self.rows.stamps.acknowledged(self.turning);
                Answer::None
            }
            Output::EnqueueAfter { doc, heads } => {
                Answer::Enqueued(doc, self.rows.enqueue_after(doc, &heads))
            }
            Output::Apply(apply) => {
                let applied = self.apply(apply, model, &mut done);
                Answer::Applied(applied)
            }
            Output::ReadInventory { after, count_max } => {
                Answer::Inventory(self.inventory(after, count_max))
            }
            Output::StartRepair => {
                let here = self
                    .rows
                    .named
                    .keys()
                    .filter(|hash| self.rows.files.contains_key(*hash));
                self.rows.offers = here.copied().collect();
                Answer::None
            }
            blobs => self.perform_blobs(blobs),
        };
        done
    }

    fn perform_blobs(&mut self, output: Output) -> Answer {
        match output {
            Output::BlobsStored(hashes) => {
                for hash in &hashes {
                    self.rows.offers.remove(hash);
                }
                Answer::None
            }
            Output::ReadOffers { after, count_max } => {
                let rest = self.rows.offers.iter().filter(|hash| Some(**hash) > after);
                let mut page = OfferPage::default();
                for hash in rest {
                    if page.items.len() == count_max.min(5) {
                        page.more = true;
                        break;
                    }
                    page.items.extend(self.offer(hash));
                }
                Answer::Offers(page)
            }
            Output::FindBlobs { hashes } => {
                Answer::Found(hashes.iter().filter_map(|hash| self.offer(hash)).collect())
            }
            Output::ReadWants { after, count_max } => {
                Answer::Wants(self.wants(after, count_max.min(7)))
            }
            // Figures for a person to read.
            _ => Answer::None,
        }
    }

    fn outbox_page(&self, after: u64, bytes_max: usize) -> Vec<OutboxItem> {
        let mut bytes = 0;
        let mut page = Vec::new();
        for (lseq, change) in self.rows.outbox.range(after + 1..) {
            let item = change.item();
            bytes += item.change.len();
            if !page.is_empty() && bytes > bytes_max {
                break;
            }
            page.push(OutboxItem { lseq: *lseq, item });
        }
        page
    }

    fn apply(&mut self, apply: Apply, model: &mut Model, done: &mut Done) -> AppliedHere {
        let mut changes: BTreeMap<DocId, Vec<Vec<u8>>> = BTreeMap::new();
        for pack in &apply.packs {
            let unpacked = decode_pack(&pack.bytes, PackBounds::default())
                .expect("an honest pack can be read");
            changes.entry(pack.doc).or_default().extend(unpacked);
        }
        for item in apply.items {
            changes.entry(item.doc).or_default().push(item.change);
        }
        let mut applied = AppliedHere::default();
        let mut lacking = false;
        for (doc, raws) in changes {
            let count = raws.len();
            let received = self.docs.receive(&mut self.rows, doc, &raws);
            applied.fresh += received.applied.len() as u64;
            applied.set_aside += received.set_aside.len() as u32;
            lacking |=
                !received.set_aside.is_empty() || count > received.applied.len() + received.known;
            for change in &received.applied {
                applied.wants_changed |= self.name_blobs_of(change, model);
            }
            done.fresh.extend(received.applied);
            done.set_aside.extend(received.set_aside);
        }
        let repaired = self.repairing && apply.cursor.is_some();
        if repaired {
            self.rows.repairs_due = 0;
        } else if lacking && !self.repairing {
            self.rows.repairs_due = REPAIRS_DUE_MAX;
        }
        self.repairing &= !repaired;
        self.rows.cursor = apply.cursor.or(self.rows.cursor);
        applied
    }

    /// Notes which blobs a change names. `true`: some are not here.
    pub fn name_blobs_of(&mut self, change: &Change, model: &Model) -> bool {
        let mut lacking = false;
        for (hash, bytes) in model.blobs_named_by(&change.hash) {
            lacking |= self.rows.name_blob(hash, bytes);
        }
        lacking
    }

    fn inventory(&self, after: Option<DocId>, count_max: usize) -> InventoryPage {
        // Small pages, so that repairs have several.
        let count_max = count_max.min(3);
        let rest = self.rows.docs.iter().filter(|(doc, _)| Some(**doc) > after);
        let mut items: Vec<DocHeads> = rest
            .take(count_max + 1)
            .map(|(doc, graph)| DocHeads {
                doc: *doc,
                heads: graph.heads(),
            })
            .collect();
        let more = items.len() > count_max;
        items.truncate(count_max);
        InventoryPage { items, more }
    }

    fn offer(&self, hash: &BlobHash) -> Option<OfferItem> {
        let file = self.rows.files.get(hash)?;
        self.rows.named.contains_key(hash).then(|| OfferItem {
            hash: *hash,
            bytes: file.len() as u64,
            mime: "image/png".into(),
        })
    }

    fn wants(&mut self, after: Option<BlobHash>, count_max: usize) -> WantPage {
        let mut page = WantPage::default();
        let here: Vec<BlobHash> = self
            .rows
            .wants
            .iter()
            .filter(|hash| self.rows.files.contains_key(*hash))
            .copied()
            .collect();
        for hash in self
            .rows
            .wants
            .iter()
            .filter(|hash| Some(**hash) > after && !here.contains(hash))
        {
            if page.items.len() == count_max {
                page.more = true;
                break;
            }
            page.items.push(Want {
                hash: *hash,
                offset: self.rows.parts.get(hash).map_or(0, Vec::len) as u64,
                priority: u64::from(hash.as_bytes()[0]),
            });
        }
        page.some_are_here = !here.is_empty();
        for hash in &here {
            self.rows.arrived(*hash);
        }
        page
    }

    /// Reads a piece of a blob.
    pub fn read_piece(&self, hash: &BlobHash, offset: u64, len: usize) -> BlobRead {
        let file = self.rows.files.get(hash);
        let bytes = file.and_then(|file| file.get(offset as usize..offset as usize + len));
        bytes.map_or(BlobRead::Failed, |bytes| BlobRead::Bytes(bytes.to_vec()))
    }

    /// Writes a piece of a blob.
    pub fn write_piece(&mut self, write: &WriteBlob) -> BlobWritten {
        if self.full {
            return BlobWritten::Failed(Reason::Storage);
        }
        let part = self.rows.parts.entry(write.hash).or_default();
        if write.offset == 0 {
            part.clear();
        }
        if part.len() as u64 != write.offset {
            return BlobWritten::Failed(Reason::Storage);
        }
        part.extend(&write.bytes);
        if part.len() as u64 != write.total {
            return BlobWritten::Piece;
        }
        let bytes = self.rows.parts.remove(&write.hash).unwrap_or_default();
        if blake3::hash(&bytes).as_bytes() != write.hash.as_bytes() {
            return BlobWritten::Bad(Reason::WrongHash);
        }
        self.rows.files.insert(write.hash, Rc::new(bytes));
        BlobWritten::Stored
    }
}
