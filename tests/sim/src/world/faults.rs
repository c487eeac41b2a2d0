//! Everything that may go wrong.

use std::rc::Rc;

use sync_protocol::LogEpoch;

use super::{Event, World};
use crate::device::Device;
use crate::server::rows::Put;
use crate::server::{ConnId, Server};

impl World {
    pub fn fault(&mut self) {
        match self.dice.roll(100) {
            0..30 => self.break_some(),
            30..48 => self.crash_some_device(),
            48..58 => self.crash_server(),
            58..64 => self.fill_disk(),
            64..70 => self.change_quota(),
            70..76 => self.jump_clock(),
            76..79 => self.roll_server_back(),
            79..81 => self.replace_server(),
            81..84 => self.restore_device(),
            84..87 => self.copy_device(),
            87..90 => self.remove_device(),
            90..92 => self.lose_device(),
            92..94 => {
                let account = self.dice.place(self.vaults.len());
                self.add_device(account);
            }
            _ => self.rot(),
        }
    }

    fn break_some(&mut self) {
        let open: Vec<ConnId> = self.conns.keys().copied().collect();
        if !open.is_empty() {
            let id = open[self.dice.place(open.len())];
            self.note(|| format!("connection {id} breaks"));
            self.break_line(id);
        }
    }

    fn crash_some_device(&mut self) {
        let device = self.dice.place(self.devices.len());
        self.crash_device(device);
    }

    /// A device's process dies, perhaps with the power, perhaps in the middle of what it was writing.
    pub fn crash_device(&mut self, device: usize) {
        if !self.devices[device].running {
            return;
        }
        if self.dice.chance(300)
            && let Some(op) = self.devices[device].queue.pop_front()
        {
            // It reached the disk, and nobody heard.
            self.devices[device].conn = None;
            if !matches!(op, crate::device::Op::Begin) {
                self.store_does(device, op);
            }
        }
        let power = self.dice.chance(400);
        self.devices[device].crash(power, &mut self.dice);
        self.note(|| {
            format!(
                "device {device} crashes{}",
                if power { ", its power is gone" } else { "" }
            )
        });
        let of_device: Vec<ConnId> = self
            .conns
            .iter()
            .filter(|(_, conn)| conn.device == device)
            .map(|(id, _)| *id)
            .collect();
        for id in of_device {
            self.break_line(id);
            if let Some(conn) = self.conns.get_mut(&id) {
                conn.device_end = None;
            }
            self.forget_conn(id);
        }
        let life = self.devices[device].life;
        self.soon(3_000_000, Event::StartDevice { device, life });
    }

    pub fn start_device(&mut self, device: usize, life: u32) {
        let of = &mut self.devices[device];
        if of.life == life && !of.running {
            of.start(&mut self.dice);
            self.note(|| format!("device {device} starts"));
            self.dial_again(device);
        }
    }

    pub fn crash_server(&mut self) {
        if !self.server.running {
            return;
        }
        let power = self.dice.chance(400);
        self.server.crash(power, &mut self.dice);
        self.note(|| {
            format!(
                "the server crashes{}",
                if power { ", its power is gone" } else { "" }
            )
        });
        self.after_server_crash();
    }

    fn after_server_crash(&mut self) {
        self.forget_answers();
        let all: Vec<ConnId> = self.conns.keys().copied().collect();
        for id in all {
            self.break_line(id);
            if let Some(conn) = self.conns.get_mut(&id) {
                conn.server_end = None;
            }
            self.forget_conn(id);
        }
        let life = self.server.life;
        self.soon(3_000_000, Event::StartServer { life });
    }

    pub fn start_server(&mut self, life: u32) {
        if self.server.life == life && !self.server.running {
            self.server.start();
            self.note(|| "the server starts".into());
        }
    }

    fn fill_disk(&mut self) {
        if self.dice.chance(300) {
            self.server.full = !self.server.full;
            let full = self.server.full;
            self.note(|| format!("the server's disk is full: {full}"));
            self.conns.values_mut().for_each(|conn| conn.hurt = true);
        } else {
            let device = self.dice.place(self.devices.len());
            let of = &mut self.devices[device];
            of.full = !of.full;
            let full = of.full;
            self.note(|| format!("the disk of device {device} is full: {full}"));
            let of_device = self.conns.values_mut().filter(|conn| conn.device == device);
            of_device.for_each(|conn| conn.hurt = true);
        }
    }

    fn change_quota(&mut self) {
        if !self.server.running || self.server.full {
            return;
        }
        let account = self.dice.place(self.vaults.len());
        let limit = match self.dice.roll(3) {
            0 => 1 << 30,
            1 => self.dice.roll(10_000),
            _ => self.dice.roll(1_000_000),
        };
        self.set_quota(account, limit);
    }

    pub fn set_quota(&mut self, account: usize, limit: u64) {
        self.server.commit(account, vec![Put::Limit(limit)]);
        let of = &mut self.server.accounts[account];
        let quota = of.seen.quota();
        of.hub.quota(quota);
        self.note(|| {
            format!(
                "the quota of account {account} is {limit} now, {} used",
                quota.used
            )
        });
        self.flush_later();
        self.deliver_mail();
    }

    fn jump_clock(&mut self) {
        let device = self.dice.place(self.devices.len());
        let hours = 3_600_000 * (self.dice.roll(72) as i64 - 36);
        self.devices[device].clock_off_ms = hours;
        let of_device = self.conns.values_mut().filter(|conn| conn.device == device);
        of_device.for_each(|conn| conn.clock_jumped = true);
        self.note(|| format!("the clock of device {device} is off by {hours} ms"));
    }

    /// The server's data are an older copy of themselves, with the same epoch.
    fn roll_server_back(&mut self) {
        if self.server.backups.is_empty() {
            return;
        }
        let backup = self.server.backups[self.dice.place(self.server.backups.len())].clone();
        self.crash_server();
        self.server.disk = backup;
        self.server.era += 1;
        self.note(|| "the server's data are restored from a backup".into());
    }

    /// The server's data are gone; there is an empty one in its place.
    fn replace_server(&mut self) {
        self.crash_server();
        let epoch = LogEpoch::from_bytes(self.dice.array());
        self.server.disk = Server::new(epoch, &self.vaults, 1 << 30).disk;
        self.server.era += 1;
        self.note(|| "the server is replaced by an empty one".into());
    }

    fn restore_device(&mut self) {
        let device = self.dice.place(self.devices.len());
        if self.devices[device].backups.is_empty() {
            return;
        }
        self.crash_device(device);
        let of = &mut self.devices[device];
        let (rows, own) = of.backups[self.dice.place(of.backups.len())].clone();
        (of.rows, of.own) = (rows, own);
        self.checks.forget(device);
        self.note(|| format!("device {device} is restored from a backup"));
    }

    /// A copy of a directory, now or as backed up, comes to life beside the original.
    fn copy_device(&mut self) {
        let from = self.dice.place(self.devices.len());
        if self.devices.len() >= 8 {
            return;
        }
        let of = &self.devices[from];
        let (rows, own) = match of.backups.first() {
            Some(backup) if self.dice.chance(400) => backup.clone(),
            _ => (of.rows.clone(), of.own.clone()),
        };
        let index = self.devices.len();
        let mut copy = Device::new(of.account, of.rows.vault, 0, &mut self.dice);
        (copy.rows, copy.own) = (rows, own);
        copy.start(&mut self.dice);
        self.devices.push(copy);
        self.note(|| format!("device {index} is a copy of device {from}"));
        self.dial_again(index);
    }

    /// A person removes a device from the account; it may log in again.
    fn remove_device(&mut self) {
        if !self.server.running || self.server.full {
            return;
        }
        let device = self.dice.place(self.devices.len());
        let (account, id) = (
            self.devices[device].account,
            self.devices[device].rows.device,
        );
        self.server.commit(account, vec![Put::Device(id, None)]);
        self.server.accounts[account].hub.close(id);
        self.note(|| format!("device {device} is removed from its account"));
        self.flush_later();
        self.deliver_mail();
    }

    /// A device is lost for good, with all that only it had; another takes its place.
    fn lose_device(&mut self) {
        let device = self.dice.place(self.devices.len());
        self.crash_device(device);
        let (account, life) = (self.devices[device].account, self.devices[device].life);
        let old = self.devices[device].rows.device;
        if self.server.running && !self.server.full {
            self.server.commit(account, vec![Put::Device(old, None)]);
            self.flush_later();
        }
        let mut fresh = Device::new(account, self.vaults[account], 0, &mut self.dice);
        fresh.life = life + 1;
        fresh.locked_out = true;
        self.devices[device] = fresh;
        self.checks.forget(device);
        self.note(|| format!("device {device} is lost; a new one joins"));
        self.log_in(device);
    }

    /// A stored blob changes its bytes on some disk.
    fn rot(&mut self) {
        let at = self.dice.place(self.devices.len() + 1);
        let account = self.dice.place(self.vaults.len());
        let files = match self.devices.get_mut(at) {
            Some(device) => &mut device.rows.files,
            None => &mut self.server.disk.accounts[account].files,
        };
        if files.is_empty() {
            return;
        }
        let place = self.dice.place(files.len());
        let Some((hash, file)) = files.iter_mut().nth(place) else {
            return;
        };
        let mut bytes = file.to_vec();
        let byte = self.dice.place(bytes.len());
        bytes[byte] ^= 0x40;
        *file = Rc::new(bytes);
        let hash = *hash;
        if let Some(device) = self.devices.get_mut(at) {
            device.own.blobs.remove(&hash);
        }
        self.checks.rotten.insert(hash);
        let devices = self.devices.len();
        self.note(|| format!("blob {hash} rots at disk {at} of {devices} devices and the server"));
    }
}
