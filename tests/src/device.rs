//! A device: a vault directory and a home of its own, driven through the real `memoryvault` binary.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::client_binary;
use crate::process::{Output, Running, text};

/// The password of every account in these tests: long enough for the server's rule.
pub const PASSWORD: &str = "seven small rivers meet here";

/// One device of a person.
#[derive(Debug)]
pub struct Device {
    home: TempDir,
    vault: PathBuf,
    name: String,
}

impl Device {
    /// A device with a fresh vault of that name.
    #[track_caller]
    pub fn new(name: &str) -> Self {
        let device = Self::without_vault(name);
        device.run(&["init", "--name", name]).ok();
        device
    }

    /// A device whose vault directory does not exist yet.
    pub fn without_vault(name: &str) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory can be made");
        let vault = home.path().join("vault");
        Self {
            home,
            vault,
            name: name.to_owned(),
        }
    }

    /// A device whose vault lies in `directory` (a small file system, say).
    #[track_caller]
    pub fn in_directory(name: &str, directory: &Path) -> Self {
        let device = Self {
            vault: directory.to_path_buf(),
            ..Self::without_vault(name)
        };
        device.run(&["init", "--name", name]).ok();
        device
    }

    /// Another machine with a byte-for-byte copy of this device's vault: a restored backup, or a clone.
    pub fn copied(&self) -> Self {
        let copy = Self::without_vault(&self.name);
        copy_directory(&self.vault, &copy.vault);
        copy
    }

    /// Puts an older copy of the vault in the place of this one, on the same machine.
    pub fn restore_from(&self, older: &Device) {
        std::fs::remove_dir_all(&self.vault).expect("the vault can be removed");
        copy_directory(&older.vault, &self.vault);
    }

    /// The vault directory.
    pub fn vault(&self) -> &Path {
        &self.vault
    }

    /// The name given to `init`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A place for files of this device that are not in the vault.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, bytes).expect("a file of a test can be written");
        path
    }

    /// The command with this device's environment, asked for JSON.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.plain_command(&[&["--json"], arguments].concat())
    }

    /// The command with this device's environment, as a person types it.
    pub fn plain_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(client_binary());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("HOME", self.home.path())
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("NO_COLOR", "1");
        for (variable, folder) in [
            ("XDG_RUNTIME_DIR", "run"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "share"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_STATE_HOME", "state"),
        ] {
            let directory = self.home.path().join(folder);
            std::fs::create_dir_all(&directory).expect("a directory of a test can be made");
            command.env(variable, directory);
        }
        command.arg("--vault").arg(&self.vault).args(arguments);
        command.current_dir(self.home.path());
        command
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_stdin(arguments, "")
    }

    /// Runs a command with something on its stdin.
    #[track_caller]
    pub fn run_with_stdin(&self, arguments: &[&str], stdin: &str) -> Output {
        self.start_with_stdin(arguments, stdin).finish()
    }

    /// Starts a command.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_with_stdin(arguments, "")
    }

    fn start_with_stdin(&self, arguments: &[&str], stdin: &str) -> Running {
        Running::start(self.command(arguments), stdin.as_bytes())
    }

    /// Starts a command whose stdout is read line by line.
    pub fn start_reading(&self, arguments: &[&str]) -> Running {
        Running::start_with_open_stdout(&mut self.command(arguments), b"")
    }

    /// Starts a command whose stdin stays open and whose stdout is read line by line.
    pub fn start_talking(&self, arguments: &[&str]) -> Running {
        Running::start_talking(&mut self.command(arguments))
    }

    /// Runs a command that must end well; its JSON.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> Value {
        self.run(arguments).ok().json()
    }

    /// `account register --login`.
    #[track_caller]
    pub fn register(&self, url: &str, user: &str) {
        self.run_with_stdin(
            &[
                "account",
                "register",
                url,
                "--user",
                user,
                "--login",
                "--password-stdin",
            ],
            &format!("{PASSWORD}\n"),
        )
        .ok();
    }

    /// `account login`.
    #[track_caller]
    pub fn login(&self, url: &str, user: &str) {
        self.account("login", url, user, PASSWORD).ok();
    }

    /// `account <verb> URL --user USER --password-stdin`.
    #[track_caller]
    pub fn account(&self, verb: &str, url: &str, user: &str, password: &str) -> Output {
        self.run_with_stdin(
            &["account", verb, url, "--user", user, "--password-stdin"],
            &format!("{password}\n"),
        )
    }

    /// `deck add`; the deck's id.
    #[track_caller]
    pub fn add_deck(&self, name: &str) -> String {
        text(&self.ok(&["deck", "add", name]), "deck").to_owned()
    }

    /// `add` of a card with two texts; the card's id.
    #[track_caller]
    pub fn add_card(&self, deck: &str, front: &str, back: &str) -> String {
        self.add(&["--deck", deck, "--front", front, "--back", back])
    }

    /// `add` with any options; the card's id.
    #[track_caller]
    pub fn add(&self, options: &[&str]) -> String {
        let arguments: Vec<&str> = ["add"].iter().chain(options).copied().collect();
        text(&self.ok(&arguments), "card").to_owned()
    }

    /// `card edit`.
    #[track_caller]
    pub fn edit(&self, card: &str, options: &[&str]) {
        let arguments: Vec<&str> = ["card", "edit", card]
            .iter()
            .chain(options)
            .copied()
            .collect();
        self.run(&arguments).ok();
    }

    /// `card show`.
    #[track_caller]
    pub fn show(&self, card: &str) -> Value {
        self.ok(&["card", "show", card])
    }

    /// `card list`, in the order of their ids.
    #[track_caller]
    pub fn cards(&self) -> Vec<Value> {
        let mut cards = self.run(&["card", "list"]).ok().json_lines();
        cards.sort_by(|left, right| text(left, "id").cmp(text(right, "id")));
        cards
    }

    /// The texts of one side of a card.
    #[track_caller]
    pub fn side(&self, card: &str, side: &str) -> Vec<String> {
        side_texts(&self.show(card), side)
    }

    /// `review CARD GRADE`.
    #[track_caller]
    pub fn review(&self, card: &str, grade: &str) {
        self.run(&["review", card, grade]).ok();
    }

    /// `review CARD GRADE --at TIME`.
    #[track_caller]
    pub fn review_at(&self, card: &str, grade: &str, at: &str) {
        self.run(&["review", card, grade, "--at", at]).ok();
    }

    /// `sync`.
    #[track_caller]
    pub fn sync(&self) -> Value {
        self.ok(&["sync"])
    }

    /// `status`.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.ok(&["status"])
    }

    /// One number of `status`.
    #[track_caller]
    pub fn count(&self, key: &str) -> u64 {
        let status = self.status();
        match status.get(key).and_then(Value::as_u64) {
            Some(number) => number,
            None => panic!("no number {key:?} in {status}"),
        }
    }

    /// `status`'s digest of everything a person sees.
    #[track_caller]
    pub fn digest(&self) -> String {
        text(&self.status(), "state_digest").to_owned()
    }

    /// The bytes of a blob in this device's store; `None` when it is not there.
    pub fn blob(&self, hash: &str) -> Option<Vec<u8>> {
        std::fs::read(self.vault.join("blobs").join(&hash[..2]).join(hash)).ok()
    }

    /// `verify`, which must find nothing.
    #[track_caller]
    pub fn verify_clean(&self) {
        self.run(&["verify"]).ok();
    }
}

/// Syncs the devices in turn until one whole round moves nothing, then asserts that they agree and are sound.
#[track_caller]
pub fn settle(devices: &[&Device]) -> String {
    // A change needs one round to reach the server and one to reach everyone; one more to see that nothing moves.
    for _ in 0..4 {
        let moved = devices
            .iter()
            .map(|device| device.sync())
            .filter(|sync| {
                ["pushed", "pulled", "blobs_sent", "blobs_received"]
                    .iter()
                    .any(|key| number(sync, key) > 0)
            })
            .count();
        if moved == 0 {
            break;
        }
    }
    agree(devices)
}

/// Asserts that all devices show the same; returns the digest.
#[track_caller]
pub fn agree(devices: &[&Device]) -> String {
    let digests: Vec<String> = devices.iter().map(|device| device.digest()).collect();
    for (device, digest) in devices.iter().zip(&digests) {
        if digest != &digests[0] {
            panic!("{}", difference(devices[0], device));
        }
    }
    digests[0].clone()
}

/// What two devices show differently, for a failed test to say.
fn difference(one: &Device, other: &Device) -> String {
    let (ones, others) = (one.cards(), other.cards());
    let only = |cards: &[Value], in_all: &[Value]| {
        cards
            .iter()
            .filter(|card| !in_all.contains(card))
            .map(|card| format!("\n    {card}"))
            .collect::<String>()
    };
    format!(
        "{} and {} differ:\n  {}\n  {}\n  only the first shows:{}\n  only the second shows:{}",
        one.name(),
        other.name(),
        one.status(),
        other.status(),
        only(&ones, &others),
        only(&others, &ones)
    )
}

/// A number of a JSON object; an absent one fails the test.
#[track_caller]
pub fn number(value: &Value, key: &str) -> u64 {
    match value.get(key).and_then(Value::as_u64) {
        Some(found) => found,
        None => panic!("no number {key:?} in {value}"),
    }
}

/// The texts of one side of a card's JSON, in order.
#[track_caller]
pub fn side_texts(card: &Value, side: &str) -> Vec<String> {
    let Some(items) = card.get(side).and_then(Value::as_array) else {
        panic!("no side {side:?} in {card}")
    };
    items
        .iter()
        .filter(|item| text(item, "type") == "text")
        .map(|item| text(item, "text").to_owned())
        .collect()
}

/// The names of a card's tags, sorted.
#[track_caller]
pub fn tags(card: &Value) -> Vec<String> {
    let Some(tags) = card.get("tags").and_then(Value::as_array) else {
        panic!("no tags in {card}")
    };
    let mut names: Vec<String> = tags
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    names.sort();
    names
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory of a test can be made");
    for entry in std::fs::read_dir(from).expect("the vault can be listed") {
        let entry = entry.expect("the vault can be listed");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("an entry has a type").is_dir() {
            copy_directory(&entry.path(), &target);
        } else if entry.file_type().expect("an entry has a type").is_file() {
            std::fs::copy(entry.path(), target).expect("a file of the vault can be copied");
        }
    }
}
