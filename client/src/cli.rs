//! The command line: what can be typed, and which file answers it. One file a command group; every command gets a
//! `Desk` (which vault, how to talk) and returns an `Outcome`. Exit codes are in `failure`.

mod account;
mod add;
mod card;
mod conflicts;
mod deck;
mod desk;
mod explain;
mod face;
mod failure;
mod import;
mod init;
mod interrupt;
mod parts;

mod review;
mod screen;
mod secret;
mod status;
mod study;
mod sync;
mod table;
mod verify;
mod when;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use desk::Desk;
use failure::{Failure, Kind, Outcome};
use screen::{Manner, Screen};

const AFTER_HELP: &str = "\
The vault is in --vault DIR, else $MEMORYVAULT_HOME, else $XDG_DATA_HOME/memoryvault (~/.local/share/memoryvault).
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 a choice is needed, 5 quota or limit, 6 log in,
7 network (your work is saved locally), 8 damage found, 130 interrupted.";

/// The heading of the options that every command takes.
const EVERYWHERE: &str = "Options of every command";

/// Flashcards that live on your devices, work offline, and merge.
#[derive(Debug, Parser)]
#[command(name = "memoryvault", version, after_help = AFTER_HELP, arg_required_else_help = true)]
struct Line {
    /// The vault's folder
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE, display_order = 900)]
    vault: Option<PathBuf>,

    /// Print JSON: one object, or one a line for lists; errors too, on stderr
    #[arg(long, global = true, overrides_with = "json", help_heading = EVERYWHERE, display_order = 900)]
    json: bool,

    /// Print data and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = EVERYWHERE, display_order = 900)]
    quiet: bool,

    /// Tell more on stderr
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = EVERYWHERE, display_order = 900)]
    verbose: u8,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a vault on this device
    Init(init::InitArgs),
    /// Add, list, rename and remove decks
    #[command(subcommand)]
    Deck(deck::DeckCommand),
    /// Add a card
    Add(add::AddArgs),
    /// List, show, edit and remove cards
    #[command(subcommand)]
    Card(card::CardCommand),
    /// Study what is due
    Study(study::StudyArgs),
    /// Record one answer to one card
    Review(review::ReviewArgs),
    /// Take back the last answer given on this device
    Undo,
    /// Settle texts that two devices changed differently
    #[command(subcommand)]
    Conflicts(conflicts::ConflictsCommand),
    /// Register, log in and out, list devices, see what is used
    #[command(subcommand)]
    Account(account::AccountCommand),
    /// Exchange changes, pictures and sounds with the server
    Sync(sync::SyncArgs),
    /// Tell what is in the vault and how it stands with the server
    Status,
    /// Check every document, card, event and blob on the disk
    Verify(verify::VerifyArgs),
    /// Make cards of the rows of a text file
    Import(import::ImportArgs),
}

/// Runs one command line and returns the exit code of the process.
pub(crate) fn run(words: Vec<OsString>) -> ExitCode {
    // Asked of the bare words, because a line that cannot be parsed must still be answered in the wished form.
    let json = words
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| word == "--json");
    let help = help_for(&words);
    let parsed = Line::command().try_get_matches_from(words);
    let (line, who) = match parsed
        .and_then(|matches| Ok((Line::from_arg_matches(&matches)?, name_of(&matches))))
    {
        Ok(parsed) => parsed,
        Err(error) => return misunderstood(&error.format(&mut Line::command()), &help, json),
    };
    interrupt::listen();
    let manner = Manner {
        json: line.json,
        quiet: line.quiet,
        verbose: line.verbose,
    };
    let mut screen = Screen::new(manner);
    let ended = desk::home(line.vault)
        .and_then(|home| carry_out(line.command, Desk::new(home, who, &mut screen)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.failure(&failure);
            ExitCode::from(failure.kind().exit_code())
        }
    }
}

/// What others read who find the vault held: the command without its arguments, which may be private.
fn name_of(matches: &ArgMatches) -> String {
    let commands = std::iter::successors(matches.subcommand(), |(_, matches)| matches.subcommand());
    let mut words = vec!["memoryvault"];
    for (name, matches) in commands {
        words.push(name);
        if name == "sync" && matches.get_flag("watch") {
            words.push("--watch");
        }
    }
    words.join(" ")
}

fn carry_out(command: Command, desk: Desk<'_>) -> Outcome {
    match command {
        Command::Init(args) => init::run(desk, args),
        Command::Deck(command) => deck::run(desk, command),
        Command::Add(args) => add::run(desk, args),
        Command::Card(command) => card::run(desk, command),
        Command::Study(args) => study::run(desk, args),
        Command::Review(args) => review::run(desk, args),
        Command::Undo => review::undo(desk),
        Command::Conflicts(command) => conflicts::run(desk, command),
        Command::Account(command) => account::run(desk, command),
        Command::Sync(args) => sync::run(desk, args),
        Command::Status => status::run(desk),
        Command::Verify(args) => verify::run(desk, args),
        Command::Import(args) => import::run(desk, args),
    }
}

/// Answers a line that clap did not take: help and version are data, everything else is wrong usage.
fn misunderstood(error: &clap::Error, help: &str, json: bool) -> ExitCode {
    let mut screen = Screen::new(Manner {
        json,
        ..Manner::default()
    });
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        screen.prompt(&error.render().to_string());
        return ExitCode::SUCCESS;
    }
    let failure = usage(error, help);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Line::command().debug_assert();
    }
}
