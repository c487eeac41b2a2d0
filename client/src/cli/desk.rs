//! Where a command works: the vault's folder and the screen, and how the vault is opened for it. Also the one place that
//! asks whether a person is sitting at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use client::{Hold, Repaired, Vault};
use serde::Serialize;

use super::failure::{Failure, Outcome};
use super::screen::Screen;

/// The vault's folder and the screen of one command.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    home: PathBuf,
    who: String,
    pub(crate) screen: &'a mut Screen,
}

/// Finds the vault's folder: the option, else the environment, else the place for data of this user.
pub(crate) fn home(option: Option<PathBuf>) -> Outcome<PathBuf> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(folder) = option.or_else(|| variable("MEMORYVAULT_HOME")) {
        return Ok(folder);
    }
    // The specification of these variables says that a relative path there is to be ignored.
    let data = variable("XDG_DATA_HOME").filter(|folder| folder.is_absolute());
    data.or_else(|| variable("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("memoryvault"))
        .ok_or_else(|| {
            Failure::usage("no folder for the vault is known: $HOME is not set")
                .hint("say where it is: memoryvault --vault DIR ...")
        })
}

impl<'a> Desk<'a> {
    pub(crate) fn new(home: PathBuf, who: String, screen: &'a mut Screen) -> Self {
        Self { home, who, screen }
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Opens the vault for one command; waits a while for another one that is at it.
    pub(crate) fn open(&self) -> Outcome<Vault> {
        self.open_as(Hold::Short)
    }

    /// Makes a new store for a vault whose own is damaged.
    pub(crate) fn repair(&self) -> Outcome<(Vault, Repaired)> {
        Ok(Vault::repair(&self.home, &self.who)?)
    }

    /// Opens the vault, telling others whether to wait for this process.
    pub(crate) fn open_as(&self, hold: Hold) -> Outcome<Vault> {
        Ok(Vault::open(&self.home, &self.who, hold)?)
    }

    /// Prints the object for a program, or calls for the lines for a person.
    pub(crate) fn show(
        &mut self,
        object: &impl Serialize,
        lines: impl FnOnce(&mut Screen),
    ) -> Outcome {
        if self.screen.is_json() {
            self.screen.object(object)?;
        } else {
            lines(self.screen);
        }
        Ok(())
    }

    /// Asks before something that is hard to take back. Without a person at the terminal only `--yes` is an answer.
    pub(crate) fn confirm(&mut self, yes: bool, question: &str, command: &str) -> Outcome {
        if yes {
            return Ok(());
        }
        let refused = || Failure::choice(question.to_owned()).hint(format!("{command} --yes"));
        if self.screen.is_json() || !is_attended() {
            return Err(refused());
        }
        let mut stderr = io::stderr().lock();
        let asked = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
        drop(stderr);
        let mut answer = String::new();
        asked
            .and_then(|()| io::stdin().lock().read_line(&mut answer))
            .map_err(|error| Failure::failed(format!("the terminal could not be used: {error}")))?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Failure::choice("nothing was changed")),
        }
    }
}

/// Says whether a person can answer a question.
pub(crate) fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}
