//! The invariants after every step. What is said on connections is judged in `said`, a healed world in `whole`.

mod said;
mod shown;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use domain::BlobHash;
use sync_protocol::Cursor;
use sync_protocol::device::{BlobFailure, Welcomed};

use crate::device::Device;
use crate::server::ConnId;
use crate::world::World;

/// What the checks remember.
#[derive(Debug, Default)]
pub struct Checks {
    /// Up to where in which era a device's cursor was found true.
    verified: BTreeMap<usize, (u32, u64)>,
    /// Blobs whose bytes changed on some disk.
    pub rotten: BTreeSet<BlobHash>,
    /// Bytes each account may have without a word: once below its limit, never above it.
    over: BTreeMap<usize, u64>,
}

impl Checks {
    /// A device is not what it was.
    pub fn forget(&mut self, device: usize) {
        self.verified.remove(&device);
    }
}

impl World {
    /// After every step.
    pub fn check_step(&mut self) {
        for account in 0..self.vaults.len() {
            let Some(of) = self
                .server
                .accounts
                .get(account)
                .filter(|_| self.server.running)
            else {
                self.checks.over.remove(&account);
                continue;
            };
            let (total, limit) = (of.seen.used + of.seen.reserved, of.seen.limit);
            let allowed = self
                .checks
                .over
                .get(&account)
                .copied()
                .unwrap_or(total)
                .max(limit);
            if total > allowed {
                self.fail(format!(
                    "account {account} has {total} bytes used and reserved, {limit} are allowed"
                ));
            }
            self.checks
                .over
                .insert(account, total.max(limit.min(allowed)).min(allowed));
        }
        if self.steps.is_multiple_of(512) {
            self.check_own();
        }
    }

    /// What a device was told to be durable is on its disk.
    pub fn check_own(&mut self) {
        for index in 0..self.devices.len() {
            let Device { rows, own, .. } = &self.devices[index];
            let lost = own.changes.iter().find(|(doc, hash)| !rows.has(doc, hash));
            let blob = own
                .blobs
                .iter()
                .find(|hash| !rows.files.contains_key(*hash));
            if let Some((doc, hash)) = lost {
                self.fail(format!("device {index} has lost change {hash} of {doc}"));
            } else if let Some(hash) = blob {
                self.fail(format!("device {index} has lost blob {hash}"));
            }
        }
    }

    /// No number of an actor is ever used twice: it would wedge the document for ever.
    pub fn check_made(&mut self, device: usize) {
        let of = &mut self.devices[device];
        let model = &mut self.models[of.account];
        let broken = std::mem::take(&mut of.made)
            .iter()
            .find_map(|change| model.note_change(change).err());
        if let Some(words) = broken {
            self.fail(words);
        }
    }

    /// A cursor never stands beyond what the device has.
    pub fn check_cursor(&mut self, device: usize, before: Option<Cursor>) {
        let of = &self.devices[device];
        let Some(cursor) = of.rows.cursor.filter(|cursor| Some(*cursor) != before) else {
            return;
        };
        let rows = &self.server.disk.accounts[of.account].rows;
        if cursor.epoch != self.server.disk.epoch || rows.chain_at(cursor.seq) != Some(cursor.chain)
        {
            return;
        }
        let era = self.server.era;
        let from = match self.checks.verified.get(&device) {
            Some((of_era, seq))
                if *of_era == era && before.is_some_and(|before| before.seq <= cursor.seq) =>
            {
                *seq
            }
            _ => 0,
        };
        let entries = rows
            .log
            .iter()
            .take(cursor.seq as usize)
            .skip(from as usize);
        let lost = entries.clone().find(|change| {
            !of.rows.has(&change.doc, &change.hash)
                && !of.rows.waiting.contains_key(&(change.doc, change.hash))
        });
        if let Some(lost) = lost {
            let words = format!(
                "device {device} stands at {} without change {} of {}",
                cursor.seq, lost.hash, lost.doc
            );
            return self.fail(words);
        }
        self.checks.verified.insert(device, (era, cursor.seq));
    }

    /// The difference of the clocks is told as it is, within the trip.
    pub fn check_welcomed(&mut self, id: ConnId, welcomed: &Welcomed) {
        let Some(conn) = self.conns.get(&id).filter(|conn| !conn.clock_jumped) else {
            return;
        };
        let really = -self.devices[conn.device].clock_off_ms;
        let trip_ms =
            ((self.now_us - conn.opened_us) / 1_000) as i64 + 2_000 + self.checks_slack_ms();
        if (welcomed.clock_ahead_ms - really).abs() > trip_ms {
            self.fail(format!(
                "the server's clock is told to be {} ms ahead, it is {really}",
                welcomed.clock_ahead_ms
            ));
        }
    }

    /// From the preparing of a session to its opening, its wall clock stands still.
    fn checks_slack_ms(&self) -> i64 {
        (2 * self.climate.latency_us / 1_000 + self.climate.disk_us / 1_000) as i64 + 1
    }

    pub fn check_blob_failed(&mut self, device: usize, hash: BlobHash, why: BlobFailure) {
        let excused = match why {
            BlobFailure::Damaged => self.checks.rotten.contains(&hash),
            BlobFailure::Unreadable => true,
            BlobFailure::Unwritable => {
                self.devices[device].full
                    || self.devices[device]
                        .conn
                        .is_some_and(|id| self.conns.get(&id).is_some_and(|conn| conn.hurt))
            }
        };
        if !excused {
            self.fail(format!("blob {hash} of device {device} failed: {why:?}"));
        }
    }
}
