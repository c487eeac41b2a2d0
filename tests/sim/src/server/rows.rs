//! What is on a server's disk for one account, as rows that change only by commits. There are two of them: what readers on the server see, and what is
//! flushed; a crash leaves the second, and perhaps some of the commits between.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::{BlobHash, ChangeHash, DeviceId, DocId, IncarnationId, VaultId};
use sync_protocol::server::PackRef;
use sync_protocol::{Chain, Cursor, LogEpoch, PackHash, Quota};

use crate::graph::{Change, Graph};

/// A device of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceRow {
    pub token: u64,
    pub incarnation: Option<IncarnationId>,
}

/// A blob on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    pub bytes: u64,
    /// What is charged: all of it while it is received, afterwards what lies in the part file.
    pub held: u64,
}

/// One change of the rows.
#[derive(Debug, Clone)]
pub enum Put {
    Entry(Change),
    Pack(PackRef, Rc<Vec<u8>>, Vec<u64>),
    Device(DeviceId, Option<DeviceRow>),
    Reservation(BlobHash, Option<Reservation>),
    Blob(BlobHash, Option<u64>),
    Limit(u64),
}

/// The rows of an account.
#[derive(Debug, Clone)]
pub struct Rows {
    pub vault: VaultId,
    pub log: Vec<Change>,
    chains: Vec<Chain>,
    pub docs: BTreeMap<DocId, Graph>,
    pub seqs: BTreeMap<(DocId, ChangeHash), u64>,
    pub packed: BTreeMap<u64, PackRef>,
    pub packs: BTreeMap<PackHash, Rc<Vec<u8>>>,
    pub devices: BTreeMap<DeviceId, DeviceRow>,
    pub reservations: BTreeMap<BlobHash, Reservation>,
    pub blobs: BTreeMap<BlobHash, u64>,
    pub limit: u64,
    pub used: u64,
    pub reserved: u64,
}

impl Rows {
    pub fn new(vault: VaultId, limit: u64) -> Self {
        Self {
            vault,
            log: Vec::new(),
            chains: vec![Chain::START],
            docs: BTreeMap::new(),
            seqs: BTreeMap::new(),
            packed: BTreeMap::new(),
            packs: BTreeMap::new(),
            devices: BTreeMap::new(),
            reservations: BTreeMap::new(),
            blobs: BTreeMap::new(),
            limit,
            used: 0,
            reserved: 0,
        }
    }

    pub fn apply(&mut self, put: &Put) {
        match put {
            Put::Entry(change) => {
                let last = self.chains.last().copied().unwrap_or(Chain::START);
                self.chains.push(last.then(&change.doc, &change.hash));
                self.log.push(Rc::clone(change));
                self.seqs
                    .insert((change.doc, change.hash), self.log.len() as u64);
                self.docs
                    .entry(change.doc)
                    .or_default()
                    .insert(Rc::clone(change));
            }
            Put::Pack(pack, bytes, seqs) => {
                for seq in seqs {
                    self.packed.insert(*seq, *pack);
                }
                self.packs.insert(pack.pack, Rc::clone(bytes));
                // Two documents that hold the same changes share a pack.
                let named: BTreeSet<PackHash> =
                    self.packed.values().map(|pack| pack.pack).collect();
                self.packs.retain(|pack, _| named.contains(pack));
            }
            Put::Device(device, Some(row)) => {
                self.devices.insert(*device, *row);
            }
            Put::Device(device, None) => {
                self.devices.remove(device);
            }
            Put::Reservation(hash, row) => {
                let old = match row {
                    Some(row) => self.reservations.insert(*hash, *row),
                    None => self.reservations.remove(hash),
                };
                self.reserved -= old.map_or(0, |old| old.held);
                self.reserved += row.map_or(0, |row| row.held);
            }
            Put::Blob(hash, bytes) => {
                let old = match bytes {
                    Some(bytes) => self.blobs.insert(*hash, *bytes),
                    None => self.blobs.remove(hash),
                };
                self.used -= old.unwrap_or(0);
                self.used += bytes.unwrap_or(0);
            }
            Put::Limit(limit) => self.limit = *limit,
        }
    }

    pub fn head(&self) -> u64 {
        self.log.len() as u64
    }

    pub fn chain_at(&self, seq: u64) -> Option<Chain> {
        self.chains.get(usize::try_from(seq).ok()?).copied()
    }

    pub fn place(&self, epoch: LogEpoch, seq: u64) -> Cursor {
        Cursor {
            epoch,
            seq,
            chain: self.chain_at(seq).unwrap_or(Chain::START),
        }
    }

    pub fn quota(&self) -> Quota {
        Quota {
            used: self.used + self.reserved,
            limit: self.limit,
        }
    }

    pub fn device_of(&self, token: u64) -> Option<DeviceId> {
        let mut devices = self.devices.iter();
        devices
            .find(|(_, row)| row.token == token)
            .map(|(device, _)| *device)
    }
}
