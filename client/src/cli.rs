//! The command line: what can be typed, and which file answers it. One file a command group; every command gets a
//! `Desk` (which vault, how to talk) and returns an `Outcome`. Exit codes are in `failure`.

mod account;
mod add;
mod bulk;
mod card;
mod config;
mod conflicts;
mod consent;
mod contents;
mod deck;
mod desk;
mod explain;
mod face;
mod failure;
mod held;
mod import;
mod init;
mod interrupt;
mod manual;
mod media;
mod note;
mod options;
mod parts;
mod present;
mod progress;
mod review;
mod screen;
mod secret;
mod stats;
mod status;
mod study;
mod sync;
mod table;
mod terminal;
mod typed;
mod undo;
mod unseen;
mod verify;
mod web;
mod when;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{ArgAction, Parser, Subcommand};
use client::SharedVault;

use desk::{Desk, Place};
use failure::{Failure, Outcome};
use screen::Screen;
use terminal::{OwnTerminal, Terminal};
use typed::Typed;

const AFTER_HELP: &str = "\
The vault is in --vault DIR, else $MEMORYVAULT_HOME, else what `config set vault DIR` says, else $XDG_DATA_HOME/memoryvault
(~/.local/share/memoryvault).
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
    /// Show and change notes of which several cards are made, and their types
    #[command(subcommand)]
    Note(note::NoteCommand),
    /// Study what is due
    Study(study::StudyArgs),
    /// Study in the browser: a page that only this machine can open
    Web(web::WebArgs),
    /// Record one answer to one card
    Review(review::ReviewArgs),
    /// Take back the last thing done on this device, or the last N
    Undo(undo::UndoArgs),
    /// Make again what was taken back last
    Redo(undo::UndoArgs),
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
    /// Tell what was studied, how well, and what falls due
    Stats(stats::StatsArgs),
    /// Check every document, card, event and blob on the disk
    Verify(verify::VerifyArgs),
    /// List and show pictures and sounds, and which cards name them
    #[command(subcommand)]
    Media(media::MediaCommand),
    /// Make cards of the rows of a text file
    Import(import::ImportArgs),
    /// List and change the settings of this person, for every command
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Completions for shells, man pages, and all commands as one document
    #[command(subcommand)]
    Manual(manual::ManualCommand),
}

/// Runs one command line and returns the exit code of the process.
pub(crate) fn run(words: Vec<OsString>) -> ExitCode {
    let terminal = Arc::new(OwnTerminal::default());
    let typed = match Typed::read(words.clone()) {
        Ok(typed) => typed,
        Err(error) => return typed::misunderstood(&error, &words, terminal),
    };
    interrupt::listen();
    // A file that is broken does not keep the person from mending it.
    let read = match (config::read_once(), &typed.line().command) {
        (Err(_), Command::Config(_)) => Ok(()),
        (read, _) => read,
    };
    let ended = read
        .and_then(|()| desk::home(typed.line().vault.clone()))
        .and_then(|home| {
            let folder = std::env::current_dir().ok();
            held::carry_out(&typed, &Place { home, folder }, &terminal)
        });
    ExitCode::from(ended.unwrap_or_else(|failure| {
        Screen::new(typed.manner(), terminal).failure(&failure);
        failure.kind().exit_code()
    }))
}

/// Carries a command out in this process.
fn own(typed: &Typed, place: &Place, terminal: &Arc<OwnTerminal>) -> Outcome<u8> {
    let mut screen = Screen::new(typed.manner(), Arc::clone(terminal) as _);
    let desk = Desk::new(place.clone(), typed.who(), &mut screen);
    carry_out(typed, desk).map(|()| 0)
}

/// Carries a command out that was typed in another process, and returns the exit code for that one.
fn run_for_guest(
    typed: &Typed,
    place: Place,
    vault: Arc<SharedVault>,
    terminal: Arc<dyn Terminal>,
) -> u8 {
    let mut screen = Screen::new(typed.manner(), terminal);
    let desk = Desk::of_guest(place, typed.who(), vault, &mut screen);
    let ended = carry_out(typed, desk);
    ended.map_or_else(
        |failure| {
            screen.failure(&failure);
            failure.kind().exit_code()
        },
        |()| 0,
    )
}

fn carry_out(typed: &Typed, desk: Desk<'_>) -> Outcome {
    let line = typed
        .again()
        .ok_or_else(|| Failure::usage("the command line could not be read"))?;
    match line.command {
        Command::Init(args) => init::run(desk, args),
        Command::Deck(command) => deck::run(desk, command),
        Command::Add(args) => add::run(desk, args),
        Command::Card(command) => card::run(desk, command),
        Command::Note(command) => note::run(desk, command),
        Command::Study(args) => study::run(desk, args),
        Command::Web(args) => web::run(desk, args),
        Command::Review(args) => review::run(desk, args),
        Command::Undo(args) => undo::run(desk, args, undo::Way::Undo),
        Command::Redo(args) => undo::run(desk, args, undo::Way::Redo),
        Command::Conflicts(command) => conflicts::run(desk, command),
        Command::Account(command) => account::run(desk, command),
        Command::Sync(args) => sync::run(desk, args),
        Command::Status => status::run(desk),
        Command::Stats(args) => stats::run(desk, args),
        Command::Verify(args) => verify::run(desk, args),
        Command::Media(command) => media::run(desk, command),
        Command::Import(args) => import::run(desk, args),
        Command::Config(command) => config::run(desk, command),
        Command::Manual(command) => manual::run(desk, command),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Line::command().debug_assert();
    }
}
