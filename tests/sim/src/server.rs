//! The server: its disk, what its process remembers, and what it does for each output of a session. Rows change by commits that readers see before they are
//! flushed; nothing is answered before.

pub mod blobs;
pub mod hub;
mod log;
pub mod rows;
mod shell;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use domain::{BlobHash, VaultId};
use sync_protocol::LogEpoch;

use crate::dice::Dice;
use hub::Hub;
use rows::{Put, Rows};

pub use shell::{Done, Job, Turn};

/// Names a connection.
pub type ConnId = u64;

/// Everything on a server's disk: what a backup holds.
#[derive(Debug, Clone)]
pub struct Disk {
    pub epoch: LogEpoch,
    pub accounts: Vec<AccountDisk>,
}

/// One account's rows and files.
#[derive(Debug, Clone)]
pub struct AccountDisk {
    pub rows: Rows,
    pub files: BTreeMap<BlobHash, Rc<Vec<u8>>>,
    pub parts: BTreeMap<BlobHash, Vec<u8>>,
}

/// What the process has of an account.
#[derive(Debug)]
pub struct Account {
    pub seen: Rows,
    pub hub: Hub,
    /// Who receives which blob.
    pub claims: BTreeMap<BlobHash, ConnId>,
}

/// The server.
#[derive(Debug)]
pub struct Server {
    pub disk: Disk,
    pub accounts: Vec<Account>,
    pub running: bool,
    /// Counts starts of the process.
    pub life: u32,
    /// Counts what a person did to the data: replaced, rolled back. Acknowledgements from before mean nothing after.
    pub era: u32,
    pub full: bool,
    pub backups: Vec<Disk>,
    commits: VecDeque<(u64, usize, Vec<Put>)>,
    last_commit: u64,
    pub tokens: u64,
}

impl Server {
    pub fn new(epoch: LogEpoch, vaults: &[VaultId], limit: u64) -> Self {
        let empty = |vault: &VaultId| AccountDisk {
            rows: Rows::new(*vault, limit),
            files: BTreeMap::new(),
            parts: BTreeMap::new(),
        };
        let disk = Disk {
            epoch,
            accounts: vaults.iter().map(empty).collect(),
        };
        let mut server = Self {
            disk,
            accounts: Vec::new(),
            running: false,
            life: 0,
            era: 0,
            full: false,
            backups: Vec::new(),
            commits: VecDeque::new(),
            last_commit: 0,
            tokens: 0,
        };
        server.start();
        server
    }

    /// The process starts: rows and files are brought together again.
    pub fn start(&mut self) {
        self.running = true;
        self.life += 1;
        self.recount();
        self.accounts = self
            .disk
            .accounts
            .iter()
            .map(|account| Account {
                seen: account.rows.clone(),
                hub: Hub::default(),
                claims: BTreeMap::new(),
            })
            .collect();
    }

    /// The process is gone. Of the commits that were not flushed, the first few may have reached the disk.
    pub fn crash(&mut self, power: bool, dice: &mut Dice) {
        let reached = dice.place(self.commits.len() + 1);
        self.flush_some(reached);
        self.commits.clear();
        self.running = false;
        self.life += 1;
        if !power {
            return;
        }
        for part in self
            .disk
            .accounts
            .iter_mut()
            .flat_map(|account| account.parts.values_mut())
        {
            let left = dice.place(part.len() + 1);
            if dice.chance(300) {
                part[left..].fill(0);
            } else {
                part.truncate(left);
            }
        }
    }

    /// Commits: seen at once, durable when flushed. Gives the commit's number.
    pub fn commit(&mut self, account: usize, puts: Vec<Put>) -> u64 {
        puts.iter()
            .for_each(|put| self.accounts[account].seen.apply(put));
        self.last_commit += 1;
        self.commits.push_back((self.last_commit, account, puts));
        self.last_commit
    }

    /// Adds to the last commit, in the same job as it.
    fn amend(&mut self, account: usize, put: Put) {
        self.accounts[account].seen.apply(&put);
        if let Some((_, _, puts)) = self.commits.back_mut() {
            puts.push(put);
        }
    }

    /// Whether commits wait to be flushed.
    pub fn is_dirty(&self) -> bool {
        !self.commits.is_empty()
    }

    /// Flushes what was committed. Gives the last number.
    pub fn flush(&mut self) -> u64 {
        self.flush_some(self.commits.len());
        self.last_commit
    }

    fn flush_some(&mut self, count: usize) {
        for (_, account, puts) in self.commits.drain(..count) {
            let rows = &mut self.disk.accounts[account].rows;
            puts.iter().for_each(|put| rows.apply(put));
        }
    }

    /// The last commit; everything is durable when it is flushed.
    pub fn last_commit(&self) -> u64 {
        self.last_commit
    }

    pub fn fresh_token(&mut self) -> u64 {
        self.tokens += 1;
        self.tokens
    }

    /// The rows that are flushed.
    pub fn durable(&self, account: usize) -> &Rows {
        &self.disk.accounts[account].rows
    }
}
