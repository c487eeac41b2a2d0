//! A device: its directory, the process that holds it, and the order in which its store does things. What a session asks is done in `shell`.

pub mod documents;
mod edits;
pub mod rows;
mod shell;

use std::collections::{BTreeMap, VecDeque};

use domain::{ActorId, BlobHash, DeviceId, DocId, Hlc, IncarnationId, VaultId};
use sync_protocol::Stamps;
use sync_protocol::device::Output;

use crate::dice::Dice;
use crate::graph::Held;
use documents::Documents;
use rows::{ActorRow, Rows};

pub use edits::Edited;
pub use shell::{Answer, Begin};

/// What the store's thread is to do, one after the other.
#[derive(Debug)]
pub enum Op {
    /// Prepare a session.
    Begin,
    /// What a session asked.
    Output(u64, Output),
    /// Blobs came whole.
    Arrived(Vec<BlobHash>),
    /// A person's edit.
    Edit(u64),
    /// A person's edit that always comes to something.
    NewPage(u64),
}

/// A device.
#[derive(Debug)]
pub struct Device {
    pub account: usize,
    pub rows: Rows,
    /// The stamp outside the directory that proves who wrote last with the actor; a reboot clears it.
    pub stamp: Option<ActorRow>,
    /// Older copies of the directory.
    pub backups: Vec<(Rows, crate::model::Own)>,
    /// What the model says this directory holds.
    pub own: crate::model::Own,
    pub running: bool,
    /// Counts crashes: what was begun before one is nobody's any more.
    pub life: u32,
    pub conn: Option<u64>,
    pub dialling: bool,
    /// The person has turned the network off.
    pub offline: bool,
    /// A person has to log in again.
    pub locked_out: bool,
    pub full: bool,
    /// The session under way is a repair.
    pub repairing: bool,
    /// The session under way has said a next incarnation.
    pub turning: bool,
    /// How far the wall clock is off.
    pub clock_off_ms: i64,
    pub docs: Documents,
    pub actor: Option<ActorRow>,
    pub queue: VecDeque<Op>,
    pub busy: bool,
    /// Changes made since the model last looked.
    pub made: Vec<crate::graph::Change>,
    /// When the last piece of a blob under way will be done: pieces of one blob stay in order.
    pub pieces_until: BTreeMap<BlobHash, u64>,
}

impl Device {
    /// A device that has just joined the account.
    pub fn new(account: usize, vault: VaultId, token: u64, dice: &mut Dice) -> Self {
        let genesis = domain::document::settings::genesis();
        let genesis = domain::intake::gate(genesis).expect("the genesis passes the gate");
        let mut rows = Rows {
            device: DeviceId::from_bytes(dice.array()),
            token,
            stamps: Stamps {
                present: IncarnationId::from_bytes(dice.array()),
                next: None,
                turn_due: false,
            },
            vault,
            cursor: None,
            repairs_due: 0,
            actor: None,
            docs: BTreeMap::new(),
            waiting: BTreeMap::new(),
            outbox: BTreeMap::new(),
            next_lseq: 1,
            journal: BTreeMap::new(),
            clock: Hlc::from_u64(0),
            named: BTreeMap::new(),
            offers: Default::default(),
            wants: Default::default(),
            files: BTreeMap::new(),
            parts: BTreeMap::new(),
        };
        let genesis = Held::new(DocId::settings(vault), &genesis);
        rows.take(&genesis, true);
        let mut own = crate::model::Own::default();
        own.changes.insert((genesis.doc, genesis.hash));
        let mut device = Self {
            account,
            rows,
            stamp: None,
            backups: Vec::new(),
            own,
            running: false,
            life: 0,
            conn: None,
            dialling: false,
            offline: false,
            locked_out: false,
            full: false,
            repairing: false,
            turning: false,
            clock_off_ms: 0,
            docs: Documents::default(),
            actor: None,
            queue: VecDeque::new(),
            busy: false,
            made: Vec::new(),
            pieces_until: BTreeMap::new(),
        };
        device.start(dice);
        device
    }

    /// The process starts: the actor of last time, if its stamp proves it, else a fresh one.
    pub fn start(&mut self, dice: &mut Dice) {
        self.running = true;
        self.life += 1;
        let proven = self.rows.actor.filter(|row| self.stamp == Some(*row));
        self.actor = Some(proven.unwrap_or_else(|| fresh_actor(dice)));
    }

    /// The process is gone, and with it all that was not on the disk. The one operation under way may have come through.
    pub fn crash(&mut self, power: bool, dice: &mut Dice) {
        self.running = false;
        self.life += 1;
        self.conn = None;
        self.dialling = false;
        self.busy = false;
        self.queue.clear();
        self.pieces_until.clear();
        self.docs.forget();
        self.actor = None;
        if power {
            self.stamp = None;
            // Part files are not flushed until they are whole.
            for part in self.rows.parts.values_mut() {
                let left = dice.place(part.len() + 1);
                if dice.chance(300) {
                    part[left..].fill(0);
                } else {
                    part.truncate(left);
                }
            }
        }
    }

    /// A person has the blobs verified: those that are not what their names say go.
    pub fn verify(&mut self) {
        let is_whole =
            |hash: &BlobHash, file: &Vec<u8>| blake3::hash(file).as_bytes() == hash.as_bytes();
        let bad: Vec<BlobHash> = self
            .rows
            .files
            .iter()
            .filter(|(hash, file)| !is_whole(hash, file))
            .map(|(hash, _)| *hash)
            .collect();
        for hash in bad {
            self.rows.files.remove(&hash);
            self.rows.offers.remove(&hash);
            if self.rows.named.contains_key(&hash) {
                self.rows.wants.insert(hash);
            }
        }
    }

    /// A new identity takes a new actor.
    pub fn renew_actor(&mut self, dice: &mut Dice) {
        self.actor = Some(fresh_actor(dice));
    }

    /// What the wall clock says.
    pub fn wall_ms(&self, now_us: u64) -> i64 {
        (now_us / 1_000) as i64 + crate::world::WALL_MS + self.clock_off_ms
    }
}

fn fresh_actor(dice: &mut Dice) -> ActorRow {
    ActorRow {
        actor: ActorId::from_bytes(dice.array()),
        counter: 0,
        last: None,
    }
}
