//! Backups of everything, put back at any time: random histories of edits, syncs, copies of devices and of the server, and restores of them. At the end every device has
//! all that any device or the server still held, and they agree.
//!
//! `MEMORYVAULT_BACKUP_ROUNDS` (default 3) and `MEMORYVAULT_BACKUP_SEED` (default: of the clock) choose how many histories and which.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tests::{Device, Server, png, settle, tags, text};

use crate::dice::{Dice, from_environment, seed_of_the_clock};

/// Steps of one history.
const STEPS: u64 = 14;
/// Devices at most, copies included.
const DEVICES_MAX: usize = 4;

#[test]
fn no_backup_put_back_loses_what_anyone_still_holds() {
    let rounds = from_environment("MEMORYVAULT_BACKUP_ROUNDS").unwrap_or(3);
    let seed = from_environment("MEMORYVAULT_BACKUP_SEED").unwrap_or_else(seed_of_the_clock);
    println!("backups: {rounds} histories, MEMORYVAULT_BACKUP_SEED={seed}");
    for round in 0..rounds {
        println!("backups: history {round}");
        let mut dice = Dice::new(seed.wrapping_add(round));
        let mut world = World::new();
        for step in 0..STEPS {
            world.step(&mut dice, step);
        }
        world.end();
    }
}

/// A backup and what was known to be in it.
struct Backup<T> {
    copy: T,
    facts: BTreeSet<String>,
}

struct World {
    server: Server,
    /// What the server acknowledged and was not rolled back behind.
    server_facts: BTreeSet<String>,
    server_backup: Option<Backup<TempDir>>,
    devices: Vec<Device>,
    device_backups: Vec<Option<Device>>,
    deck: String,
}

impl World {
    fn new() -> Self {
        let server = Server::new();
        let devices = vec![Device::new("phone"), Device::new("laptop")];
        devices[0].register(&server.url(), "ada");
        devices[1].login(&server.url(), "ada");
        let deck = devices[0].add_deck("Backups");
        devices[0].add_card(&deck, "first", "card");
        settle(&[&devices[0], &devices[1]]);
        let server_facts = facts(&devices[0]);
        Self {
            server,
            server_facts,
            server_backup: None,
            devices,
            device_backups: vec![None, None],
            deck,
        }
    }

    fn step(&mut self, dice: &mut Dice, step: u64) {
        let at = usize::try_from(dice.below(self.devices.len() as u64)).unwrap();
        let device = &self.devices[at];
        let card = text(&dice.pick(&device.cards()), "id").to_owned();
        let kind = dice.below(20);
        println!("  {step}: {} ({at}) does {kind}", device.name());
        match kind {
            0..=2 => drop(device.add_card(&self.deck, &format!("front {step}"), "x")),
            3 => {
                let file = device.file("picture.png", &png(dice.roll()));
                let file = file.to_str().unwrap();
                device.add(&[
                    "--deck",
                    &self.deck,
                    "--front-image",
                    file,
                    "--alt",
                    "x",
                    "--back",
                    "y",
                ]);
            }
            4..=5 => device.edit(&card, &["--tag", &format!("tag-{step}-{at}")]),
            6 => device.edit(&card, &["--front", &format!("edited {step} {at}")]),
            7..=9 => device.review(&card, dice.pick(&["again", "good"])),
            10..=13 => self.sync(at),
            14 => self.device_backups[at] = Some(self.devices[at].copied()),
            15 | 16 => {
                if let Some(backup) = &self.device_backups[at] {
                    self.devices[at].restore_from(backup);
                }
            }
            17 if self.devices.len() < DEVICES_MAX => {
                self.devices.push(self.devices[at].copied());
                self.device_backups.push(None);
            }
            18 => self.back_up_server(),
            _ => self.restore_server(),
        }
    }

    fn sync(&mut self, at: usize) {
        let device = &self.devices[at];
        self.sync_or_log_in(device);
        self.server_facts.extend(facts(device));
    }

    /// A server put back to a time before a copy got a name of its own does not know that name's token: its person logs in again.
    fn sync_or_log_in(&self, device: &Device) {
        let synced = device.run(&["sync"]);
        if synced.code == 6 {
            device.login(&self.server.url(), "ada");
            device.sync();
        } else {
            synced.ok();
        }
    }

    fn back_up_server(&mut self) {
        let directory = tempfile::tempdir().unwrap();
        self.server.stop().ok();
        copy(self.server.data(), &directory.path().join("data"));
        self.server.restart();
        self.server_backup = Some(Backup {
            copy: directory,
            facts: self.server_facts.clone(),
        });
    }

    fn restore_server(&mut self) {
        let Some(backup) = &self.server_backup else {
            return;
        };
        self.server.stop().ok();
        std::fs::remove_dir_all(self.server.data()).unwrap();
        copy(&backup.copy.path().join("data"), self.server.data());
        self.server.restart();
        self.server_facts = backup.facts.clone();
    }

    fn end(&self) {
        let mut held = self.server_facts.clone();
        held.extend(self.devices.iter().flat_map(facts));
        let devices: Vec<&Device> = self.devices.iter().collect();
        self.devices
            .iter()
            .for_each(|device| self.sync_or_log_in(device));
        settle(&devices);
        for device in &self.devices {
            let shown = facts(device);
            let lost: Vec<_> = held.difference(&shown).collect();
            assert!(lost.is_empty(), "{} lost {lost:#?}", device.name());
            assert_eq!(
                (device.count("pending_changes"), device.count("set_aside")),
                (0, 0)
            );
            device.verify_clean();
        }
        // A newcomer gets all of it from the server alone.
        let newcomer = Device::new("newcomer");
        newcomer.login(&self.server.url(), "ada");
        settle(&[&newcomer, devices[0]]);
        assert!(held.is_subset(&facts(&newcomer)));
        // And nobody is wedged: each device's next edit reaches the others.
        for (n, device) in devices.iter().enumerate() {
            device.add_card(&self.deck, &format!("afterwards {n}"), "x");
        }
        let all: Vec<&Device> = devices.iter().copied().chain([&newcomer]).collect();
        settle(&all);
    }
}

/// What a device holds that nothing may take away: cards, tags, reviews, pictures.
fn facts(device: &Device) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for card in device.cards() {
        let id = text(&card, "id");
        facts.insert(format!("card {id}"));
        facts.extend(
            tags(&card)
                .into_iter()
                .map(|tag| format!("card {id} has the tag {tag}")),
        );
        for blob in card["front"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| item.get("blob"))
        {
            let hash = blob.as_str().unwrap();
            if device.blob(hash).is_some() {
                facts.insert(format!("the picture {hash}"));
            }
        }
        let why = device.ok(&["card", "why", id]);
        let events = why["events"].as_array().cloned().unwrap_or_default();
        let name = |event: &Value| format!("card {id} has the review {}", text(event, "id"));
        facts.extend(events.iter().map(name));
    }
    facts
}

fn copy(from: &Path, to: &Path) {
    assert!(
        Command::new("cp")
            .arg("-a")
            .arg(from)
            .arg(to)
            .status()
            .unwrap()
            .success()
    );
}
