//! `memoryvault media`: the pictures and sounds of the vault, and which cards name them.

use std::io::Write;
use std::path::{Path, PathBuf};

use client::{BlobInFull, BlobShown, MediaReport, Restored, Stage, ThumbnailSide};
use media_worker::Worker;

use super::consent::Consent;
use super::desk::{Desk, OpenVault};
use super::face;
use super::failure::{Failure, Kind, Outcome};
use super::screen::Screen;
use super::table::{Align, clean, count, grouped, lines, pairs};
use super::when;

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
    /// Read every one anew, and tell what is damaged, missing or unused
    Check,
    /// Remove those that no card has named for a while
    Sweep {
        /// How many days unused ones are kept
        #[arg(long, value_name = "N", default_value_t = client::UNUSED_GRACE_DAYS, value_parser = clap::value_parser!(u64).range(..=36_500))]
        days: u64,
    },
    /// Keep an unused one for another while; what has gone from here is asked of the server
    Restore {
        /// Its hash, or the first letters of it
        blob: String,
        /// Also write it into a new file
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Remove an unused one at once, here and with the next sync everywhere
    Purge {
        /// Its hash, or the first letters of it
        blob: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Make the small copy that a list shows, as WebP
    Thumbnail {
        /// Its hash, or the first letters of it
        blob: String,
        /// Make it fit 400 x 400 pixels, not 200 x 200
        #[arg(long)]
        large: bool,
        /// The new file
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
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
        MediaCommand::Check => {
            let report = store.lock()?.check_media()?;
            desk.show(&report, |screen| print(screen, &report))?;
            report.problems.first().map_or(Ok(()), |problem| {
                Err(Failure::new(Kind::Integrity, problem.clone())
                    .hint("memoryvault sync fetches what is missing"))
            })
        }
        MediaCommand::Sweep { days } => {
            let swept = store.lock()?.sweep_media(client::days_ms(days))?;
            desk.show(&swept, |screen| {
                screen.line(match swept.removed {
                    0 => "Nothing was unused for long enough.".to_owned(),
                    _ => format!(
                        "Removed {}, {} bytes.",
                        things(swept.removed),
                        grouped(swept.removed_bytes)
                    ),
                });
                if swept.kept > 0 {
                    screen.line(format!(
                        "{} unused, kept for a while yet.",
                        things(swept.kept)
                    ));
                }
                tell_overwritten(screen, swept.overwritten);
            })
        }
        MediaCommand::Restore { blob, to } => {
            let mut vault = store.lock()?;
            let hash = vault.media_find(&blob)?.blob.blob;
            let restored = vault.restore_media(hash)?;
            if let (Restored::Here, Some(to)) = (restored, &to) {
                vault.save_media(hash, to)?;
            }
            drop(vault);
            desk.show(&serde_json::json!({ "blob": hash, "restored": restored }), |screen| {
                screen.line(match restored {
                    Restored::Here => "It is here, and kept for another while.",
                    Restored::Asked => "It is not here; memoryvault sync asks the server and the other devices for it.",
                });
            })
        }
        MediaCommand::Purge { blob, consent } => {
            let hash = store.lock()?.media_find(&blob)?.blob.blob;
            store.lock()?.may_be_purged(hash)?;
            let question = format!("remove {hash} for good, from all your devices?");
            if !consent.given(
                &mut desk,
                &question,
                &format!("memoryvault media purge {hash}"),
            )? {
                return Ok(());
            }
            let overwritten = store.lock()?.purge_media(hash)?;
            desk.show(&serde_json::json!({ "blob": hash, "overwritten": overwritten }), |screen| {
                screen.line("Removed from this device; memoryvault sync removes it from the server and from devices whose cards do not name it.");
                tell_overwritten(screen, overwritten);
            })
        }
        MediaCommand::Thumbnail { blob, large, to } => thumbnail(desk, &store, &blob, large, &to),
    }
}

fn thumbnail(mut desk: Desk<'_>, store: &OpenVault, blob: &str, large: bool, to: &Path) -> Outcome {
    let side = match large {
        true => ThumbnailSide::Large,
        false => ThumbnailSide::Small,
    };
    let worker = Worker::of_this_program().map_err(|error| {
        Failure::new(
            Kind::Failed,
            format!("the process that reads media cannot be started: {error}"),
        )
    })?;
    let vault = store.lock()?;
    let hash = vault.media_find(blob)?.blob.blob;
    let bytes = vault.thumbnail(hash, side, &worker)?;
    drop(vault);
    let written = std::fs::File::create_new(to).and_then(|mut file| file.write_all(&bytes));
    written.map_err(|error| {
        Failure::new(
            Kind::Failed,
            format!("cannot write {}: {error}", to.display()),
        )
    })?;
    desk.show(
        &serde_json::json!({ "blob": hash, "bytes": bytes.len() }),
        |screen| {
            screen.line(format!(
                "Wrote {} bytes into {}.",
                grouped(bytes.len() as u64),
                to.display()
            ));
        },
    )
}

/// What overwriting means and does not mean, in a sentence.
fn tell_overwritten(screen: &mut Screen, overwritten: Option<bool>) {
    match overwritten {
        Some(true) => screen.line("Its bytes were overwritten. An SSD, a snapshot or a backup may still have them."),
        Some(false) => screen.line("Its bytes were not overwritten: this file system writes to new places, and the old ones stay until it uses them again."),
        None => {}
    }
}

fn things(number: u64) -> String {
    count(number, "picture or sound", "pictures and sounds")
}

fn print(screen: &mut Screen, report: &MediaReport) {
    let rows = [
        ("Whole", things(report.whole)),
        ("Bytes", grouped(report.bytes)),
        ("Not here", grouped(report.missing)),
        ("Unused", grouped(report.unused)),
    ];
    pairs(&rows).iter().for_each(|line| screen.line(line));
    for problem in &report.problems {
        screen.line(format!("Wrong: {problem}"));
    }
    if report.problems.is_empty() {
        screen.line("All is well.");
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
                state(blob),
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

fn state(blob: &BlobShown) -> String {
    if let Some(unused) = blob.unused {
        let until = when::minute(unused.until_ms);
        return match (unused.stage, blob.here) {
            (Stage::Kept, true) => format!("unused, kept until {until}"),
            (Stage::Kept, false) => "unused, asked for".to_owned(),
            (Stage::Gone | Stage::Purged, _) => "removed, to be told".to_owned(),
            (Stage::Reported, _) => format!("removed, at the server until {until}"),
        };
    }
    let word = match (blob.cards, blob.here, blob.to_send) {
        (0, ..) => "unused",
        (_, false, _) => "not here yet",
        (_, true, true) => "here, to be sent",
        (_, true, false) => "here",
    };
    word.to_owned()
}

fn facts(shown: &BlobInFull) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Blob", shown.blob.blob.to_string()),
        ("Type", clean(shown.blob.mime.as_deref().unwrap_or("-"))),
        ("Bytes", grouped(shown.blob.bytes)),
        ("State", state(&shown.blob)),
    ];
    if let Some(item) = &shown.item {
        facts.push(("Is", face::item(item)));
    }
    facts.extend(shown.named_by.iter().map(|card| ("Card", card.to_string())));
    facts
}
