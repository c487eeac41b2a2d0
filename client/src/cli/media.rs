//! `memoryvault media`: the pictures and sounds of the vault, and which cards name them.

use client::{BlobInFull, BlobShown};

use super::desk::Desk;
use super::face;
use super::failure::Outcome;
use super::table::{Align, clean, grouped, lines, pairs};

/// Letters of a hash that a list shows: enough to name it again.
const HASH_LETTERS: usize = 12;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum MediaCommand {
    /// List the pictures and sounds
    List {
        /// Only those that no card names
        #[arg(long, conflicts_with = "missing")]
        unused: bool,
        /// Only those that are not on this device yet
        #[arg(long)]
        missing: bool,
    },
    /// Show one in full, with the cards that name it
    Show {
        /// Its hash, or the first letters of it
        blob: String,
    },
}

pub(crate) fn run(mut desk: Desk<'_>, command: MediaCommand) -> Outcome {
    let store = desk.open()?;
    match command {
        MediaCommand::List { unused, missing } => {
            let mut all = store.lock()?.media()?;
            all.retain(|blob| (!unused || blob.cards == 0) && (!missing || !blob.here));
            list(desk, &all)
        }
        MediaCommand::Show { blob } => {
            let shown = store.lock()?.media_find(&blob)?;
            desk.show(&shown, |screen| {
                pairs(&facts(&shown))
                    .iter()
                    .for_each(|line| screen.line(line));
            })
        }
    }
}

fn list(desk: Desk<'_>, all: &[BlobShown]) -> Outcome {
    let screen = desk.screen;
    if screen.is_json() {
        return screen.objects(all);
    }
    if all.is_empty() {
        screen.note("There is none.");
        return Ok(());
    }
    let head = ["BLOB", "TYPE", "BYTES", "CARDS", "STATE"].map(str::to_owned);
    let rows: Vec<Vec<String>> = std::iter::once(head.to_vec())
        .chain(all.iter().map(|blob| {
            vec![
                blob.blob.to_string().chars().take(HASH_LETTERS).collect(),
                clean(blob.mime.as_deref().unwrap_or("-")),
                grouped(blob.bytes),
                grouped(u64::from(blob.cards)),
                state(blob).to_owned(),
            ]
        }))
        .collect();
    let aligns = [
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Left,
    ];
    lines(&aligns, &rows)
        .iter()
        .for_each(|line| screen.line(line));
    Ok(())
}

fn state(blob: &BlobShown) -> &'static str {
    match (blob.cards, blob.here, blob.to_send) {
        (0, ..) => "unused",
        (_, false, _) => "not here yet",
        (_, true, true) => "here, to be sent",
        (_, true, false) => "here",
    }
}

fn facts(shown: &BlobInFull) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Blob", shown.blob.blob.to_string()),
        ("Type", clean(shown.blob.mime.as_deref().unwrap_or("-"))),
        ("Bytes", grouped(shown.blob.bytes)),
        ("State", state(&shown.blob).to_owned()),
    ];
    if let Some(item) = &shown.item {
        facts.push(("Is", face::item(item)));
    }
    facts.extend(shown.named_by.iter().map(|card| ("Card", card.to_string())));
    facts
}
