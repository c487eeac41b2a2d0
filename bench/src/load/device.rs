//! One device: the protocol's session, a store in memory, and its own document that it keeps changing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ROOT};
use domain::{BlobHash, DocId, IncarnationId};
use sync_protocol::device::{
    AppliedHere, BlobRead, Config, InventoryPage, OfferPage, OutboxItem, Output, WantPage,
};
use sync_protocol::{Cursor, DeviceSession, DocChange, OfferItem};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::account::Login;
use super::socket::Socket;

/// What a device is told to do.
#[derive(Debug, Clone)]
pub enum Order {
    /// Change its document so many times, each time a change of its own.
    Change(usize),
    /// End the session.
    Leave,
}

/// What a device tells, and when.
#[derive(Debug, Clone)]
pub struct Told {
    /// Which device.
    pub device: usize,
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// See [`Told`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The server has accepted it.
    Welcomed,
    /// It made this change and is about to send it.
    Made(Vec<u8>),
    /// So many of its changes are durable at the server.
    Acknowledged(usize),
    /// Another device's change is here.
    Seen(Vec<u8>),
    /// It has everything of the server's log up to this entry, also what came in packs.
    Stands(u64),
    /// The blob it offered is stored.
    BlobStored,
    /// The session ended, with these words.
    Ended(String),
}

/// A device and what it keeps.
#[derive(Debug)]
pub struct Device {
    number: usize,
    login: Login,
    doc: DocId,
    document: AutoCommit,
    count: u64,
    incarnation: IncarnationId,
    cursor: Option<Cursor>,
    outbox: BTreeMap<u64, DocChange>,
    last_lseq: u64,
    blob: Option<(OfferItem, Vec<u8>)>,
    told: UnboundedSender<Told>,
}

impl Device {
    /// A device that has not synced yet.
    #[must_use]
    pub fn new(number: usize, login: Login, told: UnboundedSender<Told>) -> Self {
        let actor: [u8; 16] = random();
        Self {
            number,
            login,
            doc: DocId::from_bytes(random()),
            document: AutoCommit::new().with_actor(ActorId::from(actor)),
            count: 0,
            incarnation: IncarnationId::from_bytes(random()),
            cursor: None,
            outbox: BTreeMap::new(),
            last_lseq: 0,
            blob: None,
            told,
        }
    }

    /// Reaches the server through another address.
    pub fn go_through(&mut self, address: std::net::SocketAddr) {
        self.login.server = address;
    }

    /// Has a blob to send in its next session.
    pub fn offer(&mut self, bytes: Vec<u8>, mime: &str) {
        let item = OfferItem {
            hash: BlobHash::from_bytes(*blake3::hash(&bytes).as_bytes()),
            bytes: bytes.len() as u64,
            mime: mime.to_owned(),
        };
        self.blob = Some((item, bytes));
    }

    /// Has changes of other documents to push, too.
    pub fn hold(&mut self, changes: Vec<DocChange>) {
        for change in changes {
            self.last_lseq += 1;
            self.outbox.insert(self.last_lseq, change);
        }
    }

    /// One session, until told to leave or cut off.
    pub async fn session(&mut self, orders: &mut UnboundedReceiver<Order>) {
        let begun = Instant::now();
        let mut socket = match Socket::open(self.login.server, &self.login.token).await {
            Ok(socket) => socket,
            Err(error) => return self.tell(What::Ended(format!("{error:#}"))),
        };
        let mut machine = DeviceSession::open(self.config(), 0);
        let now_ms = || begun.elapsed().as_millis() as u64;
        loop {
            while let Some(output) = machine.poll_output(now_ms()) {
                match output {
                    Output::Transmit(frame) => socket.send(frame.encode()).await,
                    Output::Close(closing) => {
                        return self.tell(What::Ended(closing.reason));
                    }
                    output => self.carry_out(&mut machine, output, now_ms()),
                }
            }
            let wait_ms = machine
                .poll_timeout()
                .map_or(60_000, |at| at.saturating_sub(now_ms()));
            tokio::select! {
                received = socket.next() => match received {
                    None => machine.handle_disconnected(now_ms()),
                    Some(bytes) if bytes.is_empty() => machine.handle_alive(now_ms()),
                    Some(bytes) => machine.handle_message(&bytes, now_ms()),
                },
                order = orders.recv() => match order {
                    Some(Order::Change(times)) => {
                        (0..times).for_each(|_| self.change());
                        machine.handle_local_changes(now_ms());
                    }
                    Some(Order::Leave) | None => return,
                },
                () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {
                    machine.handle_timeout(now_ms());
                }
            }
        }
    }

    /// Changes its document once.
    pub fn change(&mut self) {
        self.count += 1;
        let count = i64::try_from(self.count).unwrap_or(i64::MAX);
        if self.document.put(ROOT, "count", count).is_err() {
            return;
        }
        self.document.commit();
        let Some(change) = self.document.get_last_local_change() else {
            return;
        };
        let change = change.raw_bytes().to_vec();
        self.last_lseq += 1;
        self.tell(What::Made(change.clone()));
        let doc = self.doc;
        self.outbox
            .insert(self.last_lseq, DocChange { doc, change });
    }

    fn config(&self) -> Config {
        Config {
            device: self.login.device,
            incarnation: self.incarnation,
            next_incarnation: self.incarnation,
            cursor: self.cursor,
            vault: Some(self.login.vault),
            wall_ms: 0,
            repair: false,
            fetch_blobs: false,
        }
    }

    fn carry_out(&mut self, machine: &mut DeviceSession, output: Output, now_ms: u64) {
        match output {
            Output::Welcomed(_) => self.tell(What::Welcomed),
            Output::ReadOutbox { after, bytes_max } => {
                let rows = self.rows_after(after, bytes_max);
                machine.handle_outbox(rows, now_ms);
            }
            Output::ClearOutbox { lseqs, cursor } => {
                lseqs.iter().for_each(|lseq| {
                    self.outbox.remove(lseq);
                });
                self.cursor = cursor.or(self.cursor);
                self.tell(What::Acknowledged(lseqs.len()));
            }
            Output::ChangesRefused(refused) => {
                self.tell(What::Ended(format!("changes were refused: {refused:?}")));
            }
            Output::Apply(apply) => {
                self.cursor = apply.cursor.or(self.cursor);
                let mut applied = AppliedHere::default();
                for item in apply.items {
                    applied.fresh += 1;
                    self.tell(What::Seen(item.change));
                }
                machine.handle_applied(applied, now_ms);
                if let Some(cursor) = apply.cursor {
                    self.tell(What::Stands(cursor.seq));
                }
            }
            Output::EnqueueAfter { doc, .. } => machine.handle_enqueued(doc, u64::MAX, now_ms),
            Output::ReadInventory { .. } => {
                machine.handle_inventory(InventoryPage::default(), now_ms);
            }
            Output::ReadOffers { .. } => {
                let items = self.blob.iter().map(|(item, _)| item.clone()).collect();
                machine.handle_offers(OfferPage { items, more: false }, now_ms);
            }
            Output::FindBlobs { .. } => machine.handle_found(Vec::new(), now_ms),
            Output::ReadWants { .. } => machine.handle_wants(WantPage::default(), now_ms),
            Output::ReadBlob { hash, offset, len } => {
                let piece = self.blob.as_ref().and_then(|(_, bytes)| {
                    let begin = usize::try_from(offset).ok()?;
                    bytes.get(begin..begin.checked_add(len)?)
                });
                let read = piece.map_or(BlobRead::Failed, |piece| BlobRead::Bytes(piece.to_vec()));
                machine.handle_blob_read(hash, offset, read, now_ms);
            }
            Output::BlobsStored(_) => {
                self.blob = None;
                self.tell(What::BlobStored);
            }
            _ => {}
        }
    }

    fn rows_after(&self, after: u64, bytes_max: usize) -> Vec<OutboxItem> {
        let mut bytes = 0;
        self.outbox
            .range(after + 1..)
            .take_while(|(_, item)| {
                let first = bytes == 0;
                bytes += item.change.len();
                first || bytes <= bytes_max
            })
            .map(|(lseq, item)| OutboxItem {
                lseq: *lseq,
                item: item.clone(),
            })
            .collect()
    }

    fn tell(&self, what: What) {
        let told = Told {
            device: self.number,
            at: Instant::now(),
            what,
        };
        // Nobody listens any more when the measurement is over.
        self.told.send(told).ok();
    }
}

/// Random bytes.
///
/// # Panics
/// When the system has none.
#[must_use]
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    bytes
}
