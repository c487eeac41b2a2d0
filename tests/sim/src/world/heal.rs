//! The end of all faults: everybody is online, and what has to be done is done. Then everything must be everywhere.

use std::rc::Rc;

use domain::BlobHash;

use super::World;
use crate::device::Op;
use crate::server::ConnId;
use crate::server::rows::Put;

/// Steps within which a healed world comes to rest.
const STEPS_MAX: u64 = 400_000;
/// For so long nothing may be left to do: the longest deadline of a half-open connection, and more.
const QUIET_US: u64 = 200_000_000;

/// So many visits in which everybody sends something follow a healing.
const SENDING_VISITS: usize = 3;

impl World {
    /// Lets the world come to rest, and checks what it has come to.
    pub fn heal(&mut self) {
        self.begin_healing();
        self.rest();
        if self.failure.is_none() {
            self.check_whole();
        }
        // Copies are told apart by what they send: one of two that were connected together by the visit after that, and one that met a server without
        // its memory by one more.
        for _ in 0..SENDING_VISITS {
            self.edit_everywhere();
            self.break_all();
            self.rest();
        }
        if self.failure.is_none() {
            self.check_whole();
            self.check_identities();
        }
        self.forget_rot();
        self.healing = false;
        self.at(self.now_us, super::Event::Act);
    }

    /// Blobs that rotted and are whole everywhere again are like any other.
    fn forget_rot(&mut self) {
        let on_devices = self.devices.iter().flat_map(|device| &device.rows.files);
        let on_server = self
            .server
            .disk
            .accounts
            .iter()
            .flat_map(|account| &account.files);
        let is_bad = |(hash, file): &(&BlobHash, &Rc<Vec<u8>>)| {
            blake3::hash(file).as_bytes() != hash.as_bytes()
        };
        let backups = self
            .devices
            .iter()
            .flat_map(|device| &device.backups)
            .flat_map(|(rows, _)| &rows.files);
        let server_backups = self
            .server
            .backups
            .iter()
            .flat_map(|disk| &disk.accounts)
            .flat_map(|account| &account.files);
        let all = on_devices
            .chain(on_server)
            .chain(backups)
            .chain(server_backups);
        self.checks.rotten = all.filter(is_bad).map(|(hash, _)| *hash).collect();
    }

    fn break_all(&mut self) {
        let all: Vec<ConnId> = self.conns.keys().copied().collect();
        all.into_iter().for_each(|id| self.break_line(id));
    }

    fn edit_everywhere(&mut self) {
        for device in 0..self.devices.len() {
            let seed = self.dice.roll(u64::MAX);
            self.ask_store(device, Op::NewPage(seed));
        }
    }

    fn rest(&mut self) {
        let (begun, mut quiet_since) = (self.steps, None);
        while self.failure.is_none() {
            if !self.step() || self.steps - begun > STEPS_MAX {
                let rest = self.unrest();
                return self.fail(format!("the world does not come to rest: {rest}"));
            }
            if self.unrest().is_empty() {
                let since = *quiet_since.get_or_insert(self.now_us);
                if self.now_us - since > QUIET_US {
                    break;
                }
            } else {
                quiet_since = None;
            }
        }
    }

    fn begin_healing(&mut self) {
        self.healing = true;
        self.note(|| "all faults end".into());
        self.server.full = false;
        if !self.server.running {
            self.start_server(self.server.life);
        }
        self.break_all();
        for account in 0..self.vaults.len() {
            if self.dice.chance(700) {
                self.set_quota(account, 1 << 30);
            }
            self.tidy_devices(account);
        }
        for device in 0..self.devices.len() {
            let of = &mut self.devices[device];
            of.full = false;
            of.offline = false;
            of.verify();
            if !of.running {
                let life = of.life;
                self.start_device(device, life);
            }
            let (account, token) = (
                self.devices[device].account,
                self.devices[device].rows.token,
            );
            if self.server.accounts[account]
                .seen
                .device_of(token)
                .is_none()
            {
                self.log_in(device);
            }
            self.dial_again(device);
        }
    }

    /// A person removes devices nobody has any more.
    fn tidy_devices(&mut self, account: usize) {
        let known: Vec<_> = self.server.accounts[account]
            .seen
            .devices
            .keys()
            .copied()
            .collect();
        for id in known {
            if !self.devices.iter().any(|device| device.rows.device == id) {
                self.server.commit(account, vec![Put::Device(id, None)]);
            }
        }
        self.flush(self.server.life);
    }

    /// What is still to be done; empty at rest.
    fn unrest(&mut self) -> String {
        if self.server.is_dirty() {
            return "the server has not flushed".into();
        }
        for device in 0..self.devices.len() {
            let of = &mut self.devices[device];
            if of.locked_out && self.server.running {
                self.log_in(device);
                return format!("device {device} has to log in");
            }
            if of.busy || !of.queue.is_empty() {
                return format!("the store of device {device} is busy");
            }
            let Some(end) = of
                .conn
                .and_then(|id| self.conns.get(&id))
                .and_then(|conn| conn.device_end.as_ref())
            else {
                if of.conn.is_none() {
                    self.dial_again(device);
                }
                return format!("device {device} is not connected");
            };
            if !end.session.is_settled() {
                return format!("device {device} is not settled: {:?}", end.session);
            }
        }
        String::new()
    }
}
