//! A home of its own for the binary, and output with everything that differs from run to run replaced by names.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A home folder with a vault in it.
pub struct World {
    home: TempDir,
}

/// What a command answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    /// A home without a vault.
    pub fn bare() -> Self {
        Self {
            home: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A home with a vault of the device `desk`.
    pub fn new() -> Self {
        let world = Self::bare();
        world.run(&["init", "--name", "desk"]).ok();
        world
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn vault(&self) -> PathBuf {
        self.home().join("vault")
    }

    /// Writes a file into the home and returns its path as an argument.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.home().join(name);
        std::fs::write(&path, bytes).expect("a file of the test");
        path.to_str().expect("a plain path").to_owned()
    }

    /// The command with this home's environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memoryvault"));
        command
            .env_clear()
            .env("HOME", self.home())
            .env("TZ", "UTC")
            .env("XDG_RUNTIME_DIR", self.home());
        command
            .env("MEMORYVAULT_HOME", self.vault())
            .current_dir(self.home())
            .args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Answer {
        self.run_with(arguments, "")
    }

    /// Runs with something on stdin.
    pub fn run_with(&self, arguments: &[&str], stdin: &str) -> Answer {
        finish(self.command(arguments), stdin)
    }

    /// Runs a command that must end well, with `--json`; its one object.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let answer = self.run(&[arguments, &["--json"]].concat()).ok();
        serde_json::from_str(&answer.stdout).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }

    /// The same, one object a line.
    #[track_caller]
    pub fn json_lines(&self, arguments: &[&str]) -> Vec<Value> {
        let answer = self.run(&[arguments, &["--json"]].concat()).ok();
        answer
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// Adds a deck; its id.
    #[track_caller]
    pub fn deck(&self, name: &str) -> String {
        self.json(&["deck", "add", name])["deck"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    /// Adds a card with two texts; its id.
    #[track_caller]
    pub fn card(&self, deck: &str, front: &str, back: &str) -> String {
        let added = self.json(&["add", "--deck", deck, "--front", front, "--back", back]);
        added["card"].as_str().expect("an id").to_owned()
    }

    /// Runs commands and compares everything they print: code, stdout, stderr, with names for what differs.
    #[track_caller]
    pub fn check(&self, table: &[(&[&str], i32, &str, &str)]) {
        let mut names = Names::new(self.home());
        for (arguments, code, stdout, stderr) in table {
            let answer = self.run(arguments);
            let shown = (
                answer.code,
                names.replace(&answer.stdout),
                names.replace(&answer.stderr),
            );
            assert_eq!(
                shown,
                (*code, (*stdout).to_owned(), (*stderr).to_owned()),
                "memoryvault {}",
                arguments.join(" ")
            );
        }
    }
}

/// Runs a command to its end.
pub fn finish(mut command: Command, stdin: &str) -> Answer {
    let mut child = start(&mut command);
    let mut pipe = child.stdin.take().expect("stdin is a pipe");
    // A command that does not read its stdin may be gone already.
    pipe.write_all(stdin.as_bytes()).ok();
    drop(pipe);
    let output = child.wait_with_output().expect("the binary ends");
    Answer {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

/// Starts a command with pipes.
pub fn start(command: &mut Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("the binary starts")
}

impl Answer {
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// The JSON error object; the command must have ended with this code and said nothing else.
    #[track_caller]
    pub fn error(&self, code: i32) -> Value {
        assert_eq!(self.code, code, "{self:?}");
        let object: Value =
            serde_json::from_str(&self.stderr).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        object["error"].clone()
    }
}

/// Names for ids, hashes, days and the home, given in the order in which they are first seen.
pub struct Names {
    home: String,
    seen: BTreeMap<String, String>,
}

impl Names {
    pub fn new(home: &Path) -> Self {
        Self {
            home: home.display().to_string(),
            seen: BTreeMap::new(),
        }
    }

    pub fn replace(&mut self, text: &str) -> String {
        let text = text.replace(&self.home, "HOME");
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        let mut replaced = String::new();
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let end = rest
                .find(|letter| is_word(letter) != is_word(first))
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            replaced.push_str(&self.name(word).unwrap_or_else(|| word.to_owned()));
            rest = after;
        }
        replaced
    }

    fn name(&mut self, word: &str) -> Option<String> {
        let kind = match word.len() {
            36 if is_made_of(word, "0123456789abcdef-") => "ID",
            64 if is_made_of(word, "0123456789abcdef") => "HASH",
            10 if is_made_of(word, "0123456789-") && word.matches('-').count() == 2 => {
                return Some("DAY".to_owned());
            }
            _ => return None,
        };
        let next = self
            .seen
            .values()
            .filter(|name| name.starts_with(kind))
            .count()
            + 1;
        Some(
            self.seen
                .entry(word.to_owned())
                .or_insert_with(|| format!("{kind}{next}"))
                .clone(),
        )
    }
}

fn is_made_of(word: &str, letters: &str) -> bool {
    word.chars().all(|letter| letters.contains(letter))
}
