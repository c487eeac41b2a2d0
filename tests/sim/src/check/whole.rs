//! At rest, in a healed world: everything that any party still held is everywhere, shown as the model says, and nothing is left pending.

use std::collections::BTreeSet;

use domain::BlobHash;

use super::shown::difference;
use crate::device::Device;
use crate::model::{Edit, Shown};
use crate::world::World;

impl World {
    /// At rest: everything is everywhere, and shown as the model says.
    pub fn check_whole(&mut self) {
        self.check_own();
        for account in 0..self.vaults.len() {
            if let Err(words) = self.check_account(account) {
                self.fail(words);
            }
        }
    }

    /// Every directory is a device of its own.
    pub fn check_identities(&mut self) {
        let ids: BTreeSet<_> = self
            .devices
            .iter()
            .map(|device| device.rows.device)
            .collect();
        if ids.len() < self.devices.len() {
            self.fail("two directories have one identity");
        }
    }

    fn check_account(&mut self, account: usize) -> Result<(), String> {
        let rows = &self.server.disk.accounts[account].rows;
        let of_account: Vec<usize> = (0..self.devices.len())
            .filter(|index| self.devices[*index].account == account)
            .collect();
        let mut edits: BTreeSet<Edit> = rows.seqs.keys().copied().collect();
        let mut events = BTreeSet::new();
        let mut blobs: BTreeSet<BlobHash> = rows.blobs.keys().copied().collect();
        for index in &of_account {
            edits.extend(&self.devices[*index].own.changes);
            events.extend(&self.devices[*index].own.events);
            blobs.extend(&self.devices[*index].own.blobs);
        }
        let lacking = edits
            .iter()
            .filter(|edit| !rows.seqs.contains_key(edit))
            .count();
        if lacking > 0 {
            return Err(format!(
                "the server lacks {lacking} of {} changes",
                edits.len()
            ));
        }
        let mut shown = self.models[account].shown(&edits);
        if let Some(event) = events.iter().find(|event| !shown.events.contains(event)) {
            return Err(format!("review {event} is in no document"));
        }
        shown.events.extend(events);
        for index in &of_account {
            self.check_device(*index, &edits, &shown, &blobs)?;
        }
        self.check_server_idle(account, &shown)
    }

    fn check_server_idle(&self, account: usize, shown: &Shown) -> Result<(), String> {
        let of = &self.server.accounts[account];
        let rows = &of.seen;
        if !of.claims.is_empty() || !of.hub.is_idle() {
            return Err(format!(
                "uploads or relays are left: {:?} {:?}",
                of.claims, of.hub
            ));
        }
        let (used, held): (u64, u64) = (
            rows.blobs.values().sum(),
            rows.reservations.values().map(|row| row.held).sum(),
        );
        if (used, held) != (rows.used, rows.reserved) {
            return Err(format!(
                "{used} and {held} bytes lie there, {} and {} are charged",
                rows.used, rows.reserved
            ));
        }
        let files = &self.server.disk.accounts[account].files;
        for hash in rows.blobs.keys() {
            let whole = files
                .get(hash)
                .is_some_and(|file| blake3::hash(file).as_bytes() == hash.as_bytes());
            if !whole && !self.checks.rotten.contains(hash) {
                return Err(format!(
                    "the server's blob {hash} is not what its name says"
                ));
            }
        }
        if rows.limit >= 1 << 30 {
            let held = self
                .devices
                .iter()
                .filter(|device| device.account == account);
            let held: BTreeSet<BlobHash> =
                held.flat_map(|device| &device.own.blobs).copied().collect();
            let named = shown
                .blobs
                .iter()
                .map(|(_, hash)| *hash)
                .filter(|hash| held.contains(hash));
            let lacking = named
                .filter(|hash| !rows.blobs.contains_key(hash))
                .collect::<Vec<_>>();
            if !lacking.is_empty() {
                return Err(format!("the server lacks blobs {lacking:?}"));
            }
        }
        Ok(())
    }

    fn check_device(
        &mut self,
        index: usize,
        edits: &BTreeSet<Edit>,
        shown: &Shown,
        blobs: &BTreeSet<BlobHash>,
    ) -> Result<(), String> {
        let Device { rows, .. } = &self.devices[index];
        let lacking: Vec<&Edit> = edits
            .iter()
            .filter(|(doc, hash)| !rows.has(doc, hash))
            .collect();
        if let Some((doc, hash)) = lacking.first() {
            return Err(format!(
                "device {index} lacks {} of {} changes, for instance {hash} of {doc}",
                lacking.len(),
                edits.len()
            ));
        }
        let held: usize = rows.docs.values().map(|graph| graph.order().len()).sum();
        if held != edits.len() || !rows.waiting.is_empty() {
            return Err(format!(
                "device {index} has {held} changes of {} and {} that wait",
                edits.len(),
                rows.waiting.len()
            ));
        }
        if !rows.outbox.is_empty() || !rows.journal.is_empty() {
            return Err(format!(
                "device {index} has {} changes to send",
                rows.outbox.len()
            ));
        }
        let named: BTreeSet<BlobHash> = shown.blobs.iter().map(|(_, hash)| *hash).collect();
        let lacks = |hash: &&BlobHash| {
            !rows.files.contains_key(*hash) && !self.checks.rotten.contains(*hash)
        };
        if let Some(hash) = named.intersection(blobs).find(lacks) {
            return Err(format!("device {index} lacks blob {hash}"));
        }
        let seen = self.shown_by(index);
        if seen != *shown {
            return Err(format!(
                "device {index} shows other things than it should: {}",
                difference(&seen, shown)
            ));
        }
        Ok(())
    }
}
