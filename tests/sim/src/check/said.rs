//! What is said on a connection must be true at that moment: nothing is acknowledged, handed out or believed stored that is not on a disk.

use domain::BlobHash;
use storage::{PackBounds, decode_pack};
use sync_protocol::{Changes, Frame, Reason};

use crate::graph::{Change, hash_of};
use crate::model::Edit;
use crate::server::ConnId;
use crate::server::rows::Rows;
use crate::world::World;

impl World {
    /// What a device says must be true.
    pub fn check_device_says(&mut self, id: ConnId, frame: &Frame) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let rows = &self.devices[conn.device].rows;
        let mut words = None;
        match frame {
            Frame::Push(push) => {
                let hashes = push
                    .items
                    .iter()
                    .filter_map(|item| Some((item.doc, hash_of(&item.change).ok()?)));
                conn.said.pushed.insert(push.batch, hashes.collect());
            }
            Frame::Applied(applied) => {
                for (doc, hash) in (0..applied.frames)
                    .filter_map(|_| conn.said.sent.pop_front())
                    .flatten()
                {
                    if !rows.has(&doc, &hash) && !rows.waiting.contains_key(&(doc, hash)) {
                        words = Some(format!(
                            "device {} acknowledges change {hash} that is not on its disk",
                            conn.device
                        ));
                    }
                }
            }
            Frame::BlobStored(stored) => {
                if let Some(hash) = stored
                    .hashes
                    .iter()
                    .find(|hash| !rows.files.contains_key(*hash))
                {
                    words = Some(format!(
                        "device {} acknowledges blob {hash} that is not on its disk",
                        conn.device
                    ));
                }
            }
            _ => {}
        }
        if let Some(words) = words {
            self.fail(words);
        }
    }

    /// What the server says must be true.
    pub fn check_server_says(&mut self, id: ConnId, frame: &Frame) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let rows = &self.server.disk.accounts[conn.account].rows;
        let mut words = None;
        match frame {
            Frame::Pushed(pushed) => {
                let items = conn.said.pushed.remove(&pushed.batch).unwrap_or_default();
                for (position, key) in (0..).zip(&items) {
                    if !conn.said.refused.contains(&(pushed.batch, position))
                        && !rows.seqs.contains_key(key)
                    {
                        words = Some(format!(
                            "the server acknowledges change {} that is not on its disk",
                            key.1
                        ));
                    }
                }
            }
            Frame::Refused(refused) => {
                conn.said
                    .refused
                    .extend(refused.items.iter().map(|item| (refused.batch, *item)));
                if !matches!(refused.reason, Reason::UnknownDependency | Reason::Storage) {
                    words = Some(format!(
                        "the server refuses an honest change: {}",
                        refused.message
                    ));
                }
            }
            Frame::Changes(changes) => match carried(changes, rows) {
                Ok(carried) => {
                    if let Some((_, hash)) = carried.iter().find(|key| !rows.seqs.contains_key(key))
                    {
                        words = Some(format!(
                            "the server hands out change {hash} that is not on its disk"
                        ));
                    }
                    conn.said.sent.push_back(carried);
                }
                Err(error) => words = Some(error),
            },
            Frame::BlobStored(stored) => {
                if let Some(hash) = stored
                    .hashes
                    .iter()
                    .find(|hash| !rows.blobs.contains_key(*hash))
                {
                    words = Some(format!(
                        "the server acknowledges blob {hash} that is not on its disk"
                    ))
                    .filter(|_| !self.checks.rotten.contains(hash));
                }
            }
            _ => {}
        }
        if let Some(words) = words {
            self.fail(words);
        }
    }

    /// What leaves an outbox is on the server's disk, or further back in the outbox.
    pub fn check_cleared(&mut self, device: usize, id: ConnId, cleared: &[Change]) {
        let Some(conn) = self
            .conns
            .get(&id)
            .filter(|conn| conn.era == self.server.era)
        else {
            return;
        };
        let held = &self.server.disk.accounts[conn.account].rows.seqs;
        let outbox = &self.devices[device].rows.outbox;
        let is_safe = |change: &Change| {
            held.contains_key(&(change.doc, change.hash))
                || outbox.values().any(|other| other.hash == change.hash)
        };
        if let Some(lost) = cleared.iter().find(|change| !is_safe(change)) {
            self.fail(format!(
                "device {device} clears change {} which the server has not",
                lost.hash
            ));
        }
    }

    /// What a device believes to be stored is on the server's disk.
    pub fn check_marked(&mut self, device: usize, id: ConnId, stored: &[BlobHash]) {
        let Some(conn) = self
            .conns
            .get(&id)
            .filter(|conn| conn.era == self.server.era)
        else {
            return;
        };
        let disk = &self.server.disk.accounts[conn.account];
        // One that is in its place under a reservation is as good as charged: the next start charges it.
        let is_safe = |hash: &BlobHash| {
            let rows = &disk.rows;
            let in_place = rows.reservations.contains_key(hash) && disk.files.contains_key(hash);
            rows.blobs.contains_key(hash) || in_place || self.checks.rotten.contains(hash)
        };
        if let Some(hash) = stored.iter().find(|hash| !is_safe(hash)) {
            self.fail(format!(
                "device {device} marks blob {hash} as stored, which the server has not"
            ));
        }
    }
}

/// The changes a frame brings: those inline, and those of packs whose last part it has.
fn carried(changes: &Changes, rows: &Rows) -> Result<Vec<Edit>, String> {
    let mut carried: Vec<Edit> = changes
        .items
        .iter()
        .filter_map(|item| Some((item.doc, hash_of(&item.change).ok()?)))
        .collect();
    for part in changes.packs.iter().filter(|part| part.part + 1 == part.of) {
        let Some(bytes) = rows.packs.get(&part.pack) else {
            continue;
        };
        let raws = decode_pack(bytes, PackBounds::default()).map_err(|error| error.to_string())?;
        carried.extend(
            raws.iter()
                .filter_map(|raw| Some((part.doc, hash_of(raw).ok()?))),
        );
    }
    Ok(carried)
}
