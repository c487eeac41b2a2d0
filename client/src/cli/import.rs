//! `memoryvault import`: makes cards of the rows of a table.

use std::io::{self, Read};
use std::path::PathBuf;

use clap::ValueEnum;
use client::ImportReport;
use tempfile::NamedTempFile;

use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::screen::Screen;
use super::table::{clean, count};
use super::terminal::Input;

/// Rows left out that a person is shown; a program gets all that the library names.
const SKIPPED_SHOWN_MAX: usize = 20;
/// The most that is taken from stdin, in bytes.
const STDIN_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Values between tabs, or between commas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Tsv,
    Csv,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// A .tsv or .csv file: front, back, and if wished tags; `-` reads stdin
    file: PathBuf,
    /// The deck: its name, or the first letters of its id; it is made if it does not exist
    #[arg(long, value_name = "DECK")]
    deck: String,
    /// What the file is, where its name does not say so
    #[arg(long)]
    format: Option<Format>,
    /// Tell what would be imported and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(mut desk: Desk<'_>, args: ImportArgs) -> Outcome {
    let suffix = suffix(&args)?;
    let spooled = if args.file.as_os_str() == "-" {
        Some(spool(suffix, Input::of(desk.terminal()))?)
    } else {
        None
    };
    let typed = desk.file(&args.file);
    let renamed = match (&spooled, args.format) {
        (None, Some(_)) => Some(spool(suffix, open(&typed.clone()?)?)?),
        _ => None,
    };
    let path = match spooled.as_ref().or(renamed.as_ref()) {
        Some(copy) => copy.path().to_owned(),
        None => typed?,
    };
    let store = desk.open()?;
    let report = store
        .lock()?
        .import_table(&path, &args.deck, !args.dry_run)?;
    desk.show(&report, |screen| print(screen, &report))?;
    if report.cards > 0 {
        return Ok(());
    }
    Err(
        Failure::failed("no row of the file became a card").hint(format!(
            "a {suffix} file is UTF-8 text with {} between front and back; --format tsv or csv says otherwise",
            if suffix == ".tsv" { "a tab" } else { "a comma" }
        )),
    )
}

/// The name's ending decides; `--format` overrides it.
fn suffix(args: &ImportArgs) -> Outcome<&'static str> {
    let ending = args
        .file
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
        .to_lowercase();
    match (args.format, ending.as_str()) {
        (Some(Format::Tsv), _) | (None, "tsv") => Ok(".tsv"),
        (Some(Format::Csv), _) | (None, "csv") => Ok(".csv"),
        _ => Err(Failure::usage(format!(
            "the name {} does not say what the file is",
            args.file.display()
        ))
        .hint("say so: memoryvault import FILE --deck DECK --format tsv (or csv)")),
    }
}

fn open(path: &std::path::Path) -> Outcome<std::fs::File> {
    std::fs::File::open(path)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))
}

/// Copies what cannot be read twice, or has a misleading name, into a file that is removed afterwards.
fn spool(suffix: &str, from: impl Read) -> Outcome<NamedTempFile> {
    let failed =
        |error: io::Error| Failure::failed(format!("the input could not be read: {error}"));
    let mut file = tempfile::Builder::new()
        .suffix(suffix)
        .tempfile()
        .map_err(failed)?;
    io::copy(&mut from.take(STDIN_BYTES_MAX + 1), &mut file).map_err(failed)?;
    Ok(file)
}

fn print(screen: &mut Screen, report: &ImportReport) {
    let cards = count(report.cards, "card", "cards");
    let verb = if report.applied {
        "Imported"
    } else {
        "Would import"
    };
    screen.line(format!(
        "{verb} {cards} into the deck {}.",
        clean(&report.deck_name)
    ));
    if report.skipped > 0 {
        screen.line(format!(
            "Left out {}:",
            count(report.skipped, "row", "rows")
        ));
    }
    for row in report.skipped_rows.iter().take(SKIPPED_SHOWN_MAX) {
        screen.line(format!("  line {}: {}", row.line, clean(&row.reason)));
    }
    if report.skipped_rows.len() > SKIPPED_SHOWN_MAX {
        screen.line("  ... (--json names more)");
    }
    if report.header {
        screen.note("The first row was taken as names of columns.");
    }
}
