//! A command line as it was typed: read, named for others, or answered when it cannot be understood.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::account::AccountCommand;
use super::card::CardCommand;
use super::conflicts::ConflictsCommand;
use super::deck::DeckCommand;
use super::failure::{Failure, Kind};
use super::screen::{Manner, Screen};
use super::terminal::Terminal;
use super::{Command, Line};

/// A command line that was understood.
#[derive(Debug)]
pub(crate) struct Typed {
    words: Vec<OsString>,
    matches: ArgMatches,
    line: Line,
}

impl Typed {
    /// Reads a command line, the program's name first.
    pub(crate) fn read(words: Vec<OsString>) -> Result<Self, clap::Error> {
        let mut command = Line::command();
        let read = command
            .try_get_matches_from_mut(&words)
            .and_then(|matches| {
                let line = Line::from_arg_matches(&matches)?;
                Ok((matches, line))
            });
        let (matches, line) = read.map_err(|error| error.format(&mut command))?;
        Ok(Self {
            words,
            matches,
            line,
        })
    }

    pub(crate) fn words(&self) -> &[OsString] {
        &self.words
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    /// The line, to be used up; the same words give the same line again.
    pub(crate) fn again(&self) -> Option<Line> {
        Line::from_arg_matches(&self.matches).ok()
    }

    pub(crate) fn manner(&self) -> Manner {
        Manner {
            json: self.line.json,
            quiet: self.line.quiet,
            verbose: self.line.verbose,
        }
    }

    /// What others read who find the vault held: the command without its arguments, which may be private.
    pub(crate) fn who(&self) -> String {
        let first = self.matches.subcommand();
        let commands = std::iter::successors(first, |(_, matches)| matches.subcommand());
        let mut words = vec!["memoryvault"];
        for (name, matches) in commands {
            words.push(name);
            if name == "sync" && matches.get_flag("watch") {
                words.push("--watch");
            }
        }
        words.join(" ")
    }

    /// Whether the process that has the vault can carry this out. It cannot make a vault, nor replace the one it has open.
    pub(crate) fn may_be_handed_over(&self) -> bool {
        match &self.line.command {
            Command::Init(_) | Command::Manual(_) | Command::Config(_) | Command::Web(_) => false,
            Command::Verify(args) => !args.repair,
            _ => true,
        }
    }

    /// Whether doing it twice is as good as doing it once.
    pub(crate) fn is_repeatable(&self) -> bool {
        match &self.line.command {
            Command::Deck(command) => matches!(command, DeckCommand::List { .. }),
            Command::Card(command) => matches!(
                command,
                CardCommand::List { .. } | CardCommand::Show { .. } | CardCommand::Why { .. }
            ),
            Command::Conflicts(command) => matches!(command, ConflictsCommand::List),
            Command::Account(command) => matches!(
                command,
                AccountCommand::Usage(_) | AccountCommand::Devices { remove: None, .. }
            ),
            Command::Sync(_) | Command::Status | Command::Verify(_) | Command::Manual(_) => true,
            _ => false,
        }
    }

    /// Whether it goes on for ever, so that it may begin again whatever it has printed.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(&self.line.command, Command::Sync(args) if args.watch)
    }
}

/// Answers a line that clap did not take: help and version are data, everything else is wrong usage.
pub(crate) fn misunderstood(
    error: &clap::Error,
    words: &[OsString],
    terminal: Arc<dyn Terminal>,
) -> ExitCode {
    // Asked of the bare words, because a line that cannot be parsed must still be answered in the wished form.
    let json = words
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| word == "--json");
    let manner = Manner {
        json,
        ..Manner::default()
    };
    let mut screen = Screen::new(manner, terminal);
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        screen.prompt(&error.render().to_string());
        return ExitCode::SUCCESS;
    }
    let failure = usage(error, &help_for(words));
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !json {
        screen.say(error.render().to_string().trim_end());
    } else {
        screen.failure(&failure);
    }
    ExitCode::from(Kind::Usage.exit_code())
}

/// Says in our form what clap says in its own: the first paragraph, its tip, and where the help is.
fn usage(error: &clap::Error, help: &str) -> Failure {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::usage("a command is missing").hint(help);
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default().trim();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    let message = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let tips = paragraphs
        .flat_map(str::lines)
        .filter_map(|line| line.trim().strip_prefix("tip: "));
    let hint = tips
        .map(str::to_owned)
        .chain([help.to_owned()])
        .collect::<Vec<_>>()
        .join("; ");
    Failure::usage(message).hint(hint)
}

/// The command that explains the one that was typed, however wrongly: `memoryvault deck add --help`.
fn help_for(words: &[OsString]) -> String {
    let line = Line::command();
    let mut command = &line;
    let mut help = "memoryvault".to_owned();
    for word in words.iter().skip(1) {
        if let Some(found) = command.find_subcommand(word) {
            help = format!("{help} {}", found.get_name());
            command = found;
        }
    }
    format!("{help} --help")
}
