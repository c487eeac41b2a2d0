//! Where a command works: the vault's folder, the place it was typed in and the screen, and how it comes to the vault. Also
//! the one place that asks questions and knows whether a person is there to answer them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use client::{
    Clock, Hold, Moment, Repaired, SharedVault, SyncClaim, Vault, VaultTurn, parse_moment,
};
use serde::Serialize;

use super::config;
use super::failure::{Failure, Outcome};
use super::held::Serving;
use super::progress;
use super::screen::Screen;
use super::terminal::{Stream, Terminal, text_line};

/// The place and the screen of one command.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    place: Place,
    who: String,
    /// The vault, when this process has it open for other commands.
    shared: Option<Arc<SharedVault>>,
    pub(crate) screen: &'a mut Screen,
}

/// Where a command was typed.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The vault's folder.
    pub(crate) home: PathBuf,
    /// The working directory, if there is one.
    pub(crate) folder: Option<PathBuf>,
}

/// The vault, opened by this command or shared with the one that has it open.
#[derive(Debug)]
pub(crate) struct OpenVault {
    // Dropped before the vault: other commands end first.
    _serving: Option<Serving>,
    vault: Arc<SharedVault>,
    terminal: Arc<dyn Terminal>,
}

/// Finds the vault's folder: the option, else the environment, else the settings, else the place for data of this user.
pub(crate) fn home(option: Option<PathBuf>) -> Outcome<PathBuf> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let wished = || config::present().vault.clone();
    if let Some(folder) = option
        .or_else(|| variable("MEMORYVAULT_HOME"))
        .or_else(wished)
    {
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

/// Makes a command that opens the vault take another time for the present: to replay a history, and for tests.
const NOW: &str = "MEMORYVAULT_NOW";

impl<'a> Desk<'a> {
    /// A command of this process.
    pub(crate) fn new(place: Place, who: String, screen: &'a mut Screen) -> Self {
        Self {
            place,
            who,
            shared: None,
            screen,
        }
    }

    /// A command that another process handed over to this one, which has the vault open.
    pub(crate) fn of_guest(
        place: Place,
        who: String,
        shared: Arc<SharedVault>,
        screen: &'a mut Screen,
    ) -> Self {
        Self {
            place,
            who,
            shared: Some(shared),
            screen,
        }
    }

    pub(crate) fn home(&self) -> &Path {
        &self.place.home
    }

    /// The file that a path means in the working directory of the command.
    pub(crate) fn file(&self, typed: &Path) -> Outcome<PathBuf> {
        if typed.is_absolute() {
            return Ok(typed.to_owned());
        }
        let folder = self.place.folder.as_ref();
        folder.map(|folder| folder.join(typed)).ok_or_else(|| {
            Failure::not_found(format!(
                "there is no file {}: the working directory is gone",
                typed.display()
            ))
        })
    }

    /// Opens the vault for one command; waits a while for another one that is at it.
    pub(crate) fn open(&self) -> Outcome<OpenVault> {
        self.open_as(Hold::Short)
    }

    /// Opens the vault until the person ends the command, and serves other commands meanwhile.
    pub(crate) fn hold(&self) -> Outcome<OpenVault> {
        let mut opened = self.open_as(Hold::Long)?;
        if self.shared.is_none() {
            match Serving::begin(self.home(), Arc::clone(&opened.vault)) {
                Ok(serving) => opened._serving = Some(serving),
                // Not every file system has sockets: others are told then that they must wait.
                Err(error) => self
                    .screen
                    .detail(format!("other commands must wait for this one: {error}")),
            }
        }
        Ok(opened)
    }

    fn open_as(&self, hold: Hold) -> Outcome<OpenVault> {
        let vault = match &self.shared {
            Some(shared) => Arc::clone(shared),
            None => {
                let mut vault = Vault::open(self.home(), &self.who, hold)?;
                if let Some(moment) = self.told_time()? {
                    vault.set_clock(Clock::Still(moment));
                }
                // Whoever holds it for long draws other things there.
                if hold == Hold::Short {
                    progress::watch(&mut vault, self.screen);
                }
                Arc::new(SharedVault::new(vault))
            }
        };
        Ok(OpenVault {
            _serving: None,
            vault,
            terminal: self.screen.terminal(),
        })
    }

    /// The time that this command is to take for the present, where it was told one.
    fn told_time(&self) -> Outcome<Option<Moment>> {
        let Some(text) = std::env::var_os(NOW) else {
            return Ok(None);
        };
        let text = text.to_string_lossy();
        let moment = parse_moment(&text).map_err(|why| {
            Failure::usage(format!("{NOW} is no time: {why}")).hint(format!(
                "unset {NOW}, or make it one like 2026-03-01T09:30:00+01:00"
            ))
        })?;
        self.screen
            .warn(format!("the clock stands at {text} ({NOW})"));
        Ok(Some(moment))
    }

    /// Makes a new store for a vault whose own is damaged.
    pub(crate) fn repair(&self) -> Outcome<(OpenVault, Repaired)> {
        let (vault, repaired) = Vault::repair(self.home(), &self.who)?;
        let opened = OpenVault {
            _serving: None,
            vault: Arc::new(SharedVault::new(vault)),
            terminal: self.screen.terminal(),
        };
        Ok((opened, repaired))
    }

    pub(crate) fn terminal(&self) -> &dyn Terminal {
        self.screen.terminal_ref()
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
        let refused = || {
            Failure::choice(format!("not done without your word: {question}"))
                .hint(format!("{command} --yes"))
        };
        if self.screen.is_json() || !self.is_attended() {
            return Err(refused());
        }
        match self
            .ask(&format!("{question} [y/N] "))?
            .to_lowercase()
            .as_str()
        {
            "y" | "yes" => Ok(()),
            _ => Err(Failure::choice("nothing was changed")),
        }
    }

    /// Asks the person at the terminal, and trims the answer.
    pub(crate) fn ask(&self, question: &str) -> Outcome<String> {
        self.terminal().write_err(question.as_bytes());
        let answer = text_line(self.terminal()).map_err(|error: io::Error| {
            Failure::failed(format!("the terminal could not be used: {error}"))
        })?;
        Ok(answer.trim().to_owned())
    }

    /// Says whether a person can answer a question.
    pub(crate) fn is_attended(&self) -> bool {
        self.terminal().is_terminal(Stream::In) && self.terminal().is_terminal(Stream::Err)
    }
}

impl OpenVault {
    /// Waits for this command's turn. It must not be kept while waiting for a person, a reader or the network.
    pub(crate) fn lock(&self) -> Outcome<VaultTurn<'_>> {
        let turn = self.vault.lock();
        self.terminal.begin()?;
        Ok(turn)
    }

    /// The vault as several threads use it.
    pub(crate) fn shared(&self) -> Outcome<&SharedVault> {
        self.terminal.begin()?;
        Ok(&self.vault)
    }

    /// As [`OpenVault::shared`], also when nobody waits for the end of the command any more.
    pub(crate) fn shared_always(&self) -> &SharedVault {
        &self.vault
    }

    /// The vault for whoever serves it from threads of its own.
    pub(crate) fn for_threads(&self) -> Arc<SharedVault> {
        Arc::clone(&self.vault)
    }

    /// Keeps syncs from running while the vault changes its account.
    pub(crate) fn without_sync(&self) -> Outcome<SyncClaim<'_>> {
        self.vault.without_sync().ok_or_else(watched)
    }

    /// Refuses early what [`OpenVault::without_sync`] would refuse later.
    pub(crate) fn must_not_be_watched(&self) -> Outcome {
        if self.vault.is_watched() {
            return Err(watched());
        }
        Ok(())
    }
}

fn watched() -> Failure {
    Failure::choice("`memoryvault sync --watch` is syncing this vault with its account").hint(
        "end that command (Ctrl-C in its window), then type this one again; start it again after",
    )
}
