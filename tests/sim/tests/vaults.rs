//! Random histories of real vaults: edited, reviewed, cut off in the middle of a sync, put back to backups, copied; against a server that crashes, is put
//! back or replaced. Vaults, their disks and both session machines are real; the server's store is the simulation's. Without media.
//!
//! What must hold in the end is the plainest model there is: whatever any vault or the server held when all faults ended, all of them hold.

mod device;
mod session;

use domain::{ChangeHash, DocId, VaultId};
use sim::dice::Dice;
use sim::server::Server;
use sync_protocol::LogEpoch;

use device::Device;

/// Histories of a run that nobody asked to be longer.
const HISTORIES: u64 = 6;
const ACTS: u64 = 60;
/// Visits of each vault, each with something to send, until copies are told apart and everybody has everything.
const HEALING_VISITS: usize = 5;

struct World {
    dice: Dice,
    vault: VaultId,
    server: Server,
    devices: Vec<Device>,
    connections: u64,
}

#[test]
fn real_vaults_come_to_hold_all_that_any_of_them_held() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let first = number("SIM_SEED").unwrap_or(1);
    for seed in first..first + number("SIM_HISTORIES").unwrap_or(HISTORIES) {
        if let Err(words) = World::new(seed).live() {
            panic!("{words}\nagain: just sim-vaults 1 {seed}");
        }
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let vault = VaultId::from_bytes(dice.array());
        let server = Server::new(LogEpoch::from_bytes(dice.array()), &[vault], 1 << 30);
        let devices = (0..dice.between(2, 4)).map(|n| Device::new(&format!("device {n}"), vault));
        Self {
            devices: devices.collect(),
            dice,
            vault,
            server,
            connections: 0,
        }
    }

    fn live(&mut self) -> Result<(), String> {
        for _ in 0..ACTS {
            self.act()?;
        }
        let held: Vec<_> = self.devices.iter_mut().flat_map(Device::heads).collect();
        for _ in 0..HEALING_VISITS {
            for device in 0..self.devices.len() {
                self.devices[device].edit(&mut self.dice);
                self.visit(device)?;
            }
        }
        for device in 0..self.devices.len() {
            self.visit(device)?;
        }
        let documents = &self.server.durable(0).docs;
        let has = |doc: &DocId, head: &ChangeHash| {
            documents.get(doc).is_some_and(|graph| graph.has(head))
        };
        if let Some((doc, head)) = held.iter().find(|(doc, head)| !has(doc, head)) {
            return Err(format!("the server lacks change {head} of {doc}"));
        }
        let digest = self.devices[0].digest();
        for device in &mut self.devices {
            let lacking = device
                .heads()
                .into_iter()
                .find(|(doc, head)| !has(doc, head));
            if let Some((doc, head)) = lacking {
                return Err(format!("{}: the server lacks {head} of {doc}", device.name));
            }
            if device.digest() != digest {
                return Err(format!("{} shows something else", device.name));
            }
        }
        Ok(())
    }

    fn act(&mut self) -> Result<(), String> {
        let device = self.dice.place(self.devices.len());
        match self.dice.roll(100) {
            0..45 => self.devices[device].edit(&mut self.dice),
            45..75 => {
                let most = [4, 12, 200][self.dice.place(3)];
                let frames = self.dice.roll(most);
                self.sync(device, Some(frames))?;
                if self.dice.chance(300) {
                    self.devices[device].reopen();
                }
            }
            75..80 => self.devices[device].back_up(),
            80..84 => self.devices[device].restore(),
            84..86 if self.devices.len() < 5 => {
                let number = self.devices.len();
                let copy = self.devices[device].copied(number);
                self.devices.push(copy);
            }
            86..91 => self.server.backups.push(self.server.disk.clone()),
            91..94 => {
                self.server.crash(true, &mut self.dice);
                self.server.start();
            }
            94..97 if !self.server.backups.is_empty() => {
                let older = self.dice.place(self.server.backups.len());
                self.server.crash(false, &mut self.dice);
                self.server.disk = self.server.backups[older].clone();
                self.server.start();
            }
            97 => {
                self.server.crash(false, &mut self.dice);
                let epoch = LogEpoch::from_bytes(self.dice.array());
                self.server.disk = Server::new(epoch, &[self.vault], 1 << 30).disk;
                self.server.start();
            }
            98..100 => {
                self.server.seal(0, self.dice.chance(300));
                self.server.flush();
            }
            _ => {}
        }
        Ok(())
    }

    /// A sync that is tried until it is done.
    fn visit(&mut self, device: usize) -> Result<(), String> {
        for _ in 0..8 {
            if self.sync(device, None)? && self.devices[device].is_drained() {
                return Ok(());
            }
        }
        Err(format!(
            "{} does not come to an end",
            self.devices[device].name
        ))
    }
}
