//! What people and fate do next: mostly edits, sometimes a network switched off, and as many faults as the climate has.

use domain::document::DocKind;

use super::{Event, World};
use crate::device::{Device, Op};
use crate::server::rows::{DeviceRow, Put};

/// Devices of one world.
const DEVICES_MAX: usize = 8;

impl World {
    pub fn act(&mut self) {
        if self.healing {
            return;
        }
        let faults = self.climate.faults;
        if self.dice.chance(faults) {
            self.fault();
        } else {
            match self.dice.roll(100) {
                0..70 => self.some_edits(),
                70..76 => self.toggle_network(),
                76..79 => self.log_in_some(),
                79..84 => self.seal_some(),
                84..87 => self.back_up(),
                _ => self.dial_some(),
            }
        }
        let pause = match self.dice.roll(1_000) {
            0..2 => 7_200_000_000,
            2..30 => 20_000_000,
            _ => self.climate.pause_us,
        };
        self.soon(pause, Event::Act);
    }

    fn some_edits(&mut self) {
        let device = self.dice.place(self.devices.len());
        if !self.devices[device].running {
            return;
        }
        let many = if self.dice.chance(50) { 40 } else { 4 };
        for _ in 0..1 + self.dice.roll(many) {
            let seed = self.dice.roll(u64::MAX);
            self.ask_store(device, Op::Edit(seed));
        }
    }

    fn toggle_network(&mut self) {
        let device = self.dice.place(self.devices.len());
        let offline = !self.devices[device].offline;
        self.devices[device].offline = offline;
        self.note(|| {
            format!(
                "device {device} is {}",
                if offline { "offline" } else { "online" }
            )
        });
        match self.devices[device].conn {
            Some(conn) if offline => self.break_line(conn),
            _ => self.dial_again(device),
        }
    }

    fn dial_some(&mut self) {
        let device = self.dice.place(self.devices.len());
        self.dial_again(device);
    }

    fn seal_some(&mut self) {
        if self.server.running && !self.server.full {
            let account = self.dice.place(self.vaults.len());
            let all = self.dice.chance(300);
            self.server.seal(account, all);
            self.note(|| format!("the server seals{}", if all { " all anew" } else { "" }));
            self.flush_later();
        }
    }

    fn back_up(&mut self) {
        if self.dice.chance(500) {
            self.server.backups.push(self.server.disk.clone());
            let extra = self.server.backups.len().saturating_sub(3);
            self.server.backups.drain(..extra);
            self.note(|| "the server's data is backed up".into());
        } else {
            let device = self.dice.place(self.devices.len());
            let of = &mut self.devices[device];
            of.backups.push((of.rows.clone(), of.own.clone()));
            let extra = of.backups.len().saturating_sub(2);
            of.backups.drain(..extra);
            self.note(|| format!("device {device} is backed up"));
        }
    }

    fn log_in_some(&mut self) {
        let device = self.dice.place(self.devices.len());
        if self.devices[device].locked_out {
            self.log_in(device);
        }
    }

    /// A person logs a device in: it gets a token, its row keeps the incarnation it had.
    pub fn log_in(&mut self, device: usize) {
        if !self.server.running || self.server.full {
            return;
        }
        let token = self.server.fresh_token();
        let of = &mut self.devices[device];
        let seen = &self.server.accounts[of.account].seen;
        let incarnation = seen
            .devices
            .get(&of.rows.device)
            .and_then(|row| row.incarnation);
        let row = DeviceRow { token, incarnation };
        self.server
            .commit(of.account, vec![Put::Device(of.rows.device, Some(row))]);
        of.rows.token = token;
        of.locked_out = false;
        self.note(|| format!("device {device} logs in"));
        self.flush(self.server.life);
        self.dial_again(device);
    }

    /// A new device joins an account.
    pub fn add_device(&mut self, account: usize) {
        if self.devices.len() >= DEVICES_MAX {
            return;
        }
        let index = self.devices.len();
        let vault = self.vaults[account];
        let device = Device::new(account, vault, 0, &mut self.dice);
        self.models[account].set_kind(domain::DocId::settings(vault), DocKind::Settings);
        self.devices.push(device);
        self.note(|| format!("device {index} joins account {account}"));
        self.devices[index].locked_out = true;
        self.log_in(index);
    }
}
