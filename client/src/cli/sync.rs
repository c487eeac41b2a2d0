//! `memoryvault sync`: runs the library's sync and tells what it did; with `--watch` it goes on telling.

use std::time::Duration;

use clap::ValueEnum;
use client::sync::{SyncError, SyncEvent, SyncOptions, SyncReport, sync};
use client::{MediaWish, SKEW_WARN_MS};
use serde::Serialize;

use super::desk::Desk;
use super::failure::{Failure, Kind, Outcome};
use super::screen::Screen;
use super::table::count;
use super::when;

#[derive(Debug, clap::Args)]
pub(crate) struct SyncArgs {
    /// Stay connected and send and fetch what is new, until Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
    /// Compare everything with the server, even if nothing looks amiss
    #[arg(long)]
    repair: bool,
    /// Which pictures and sounds this device fetches, from now on
    #[arg(long, value_name = "WHICH")]
    media: Option<MediaWord>,
    /// Give the server up when it owes an answer and sends nothing for so long (60)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    patience: Option<u64>,
}

/// A wish as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MediaWord {
    /// All of them
    All,
    /// Those of cards that are looked at
    Lazy,
}

pub(crate) fn run(desk: Desk<'_>, args: SyncArgs) -> Outcome {
    let store = if args.watch {
        desk.hold()?
    } else {
        desk.open()?
    };
    if let Some(word) = args.media {
        store.lock()?.set_media_wish(match word {
            MediaWord::All => MediaWish::All,
            MediaWord::Lazy => MediaWish::Lazy,
        })?;
    }
    let options = SyncOptions {
        watch: args.watch,
        repair: args.repair,
        patience: args.patience.map(Duration::from_secs),
        ..SyncOptions::default()
    };
    let control = options.control.clone();
    desk.terminal()
        .on_interrupt(Box::new(move || control.stop()));
    let control = options.control.clone();
    let screen = desk.screen;
    let mut teller = Teller {
        watch: args.watch,
        last: None,
    };
    let ended = sync(store.shared()?, &options, &mut |event| {
        teller.tell(screen, event);
        if args.watch && !screen.is_open() {
            // Nobody reads on: `memoryvault sync --watch | head -1`.
            control.stop();
        }
    });
    drop(store);
    let report = match ended {
        Err(SyncError::Interrupted) if args.watch && !screen.is_open() => return Ok(()),
        // Stopping is how a watch ends, yet a script must see that it did not end by itself.
        Err(SyncError::Interrupted) if args.watch => {
            return Err(Failure::new(
                Kind::Interrupted,
                "stopped; everything acknowledged so far is saved",
            ));
        }
        ended => ended?,
    };
    if screen.is_json() {
        screen.object(&report)?;
    } else {
        summary(&report).iter().for_each(|line| screen.line(line));
    }
    verdict(&report)
}

/// The lines at the end of a sync.
fn summary(report: &SyncReport) -> Vec<String> {
    let mut lines = Vec::new();
    let moved = [
        report.pushed,
        report.pulled,
        report.blobs_sent,
        report.blobs_received,
    ];
    if moved.iter().all(|number| *number == 0) && report.changes_refused + report.blobs_refused == 0
    {
        lines.push("Everything is in step.".to_owned());
    } else {
        lines.push(format!(
            "Sent      {}, {}",
            changes(report.pushed),
            blobs(report.blobs_sent)
        ));
        lines.push(format!(
            "Received  {}, {}",
            changes(report.pulled),
            blobs(report.blobs_received)
        ));
    }
    if report.blobs_missing > 0 {
        lines.push(format!(
            "{} are not at the server yet",
            blobs(report.blobs_missing)
        ));
    }
    let (sent, received) = (report.bytes_sent, report.bytes_received);
    lines.push(format!(
        "{sent} bytes sent, {received} bytes received in {} ms",
        report.duration_ms
    ));
    lines
}

fn changes(number: u64) -> String {
    count(number, "change", "changes")
}

fn blobs(number: u64) -> String {
    count(number, "picture or sound", "pictures and sounds")
}

/// Turns what was not taken into the end of the command. What fits was synced by then.
fn verdict(report: &SyncReport) -> Outcome {
    if report.over_quota {
        let (used, limit) = (
            report.quota_used_bytes.unwrap_or(0),
            report.quota_limit_bytes.unwrap_or(0),
        );
        let message = format!(
            "over the account's quota: {used} of {limit} bytes are used; {} ({} bytes) did not fit and are not at the server",
            blobs(report.blobs_refused),
            report.bytes_refused,
        );
        let hint = "everything else is synced; have the server's operator run \
                    `memoryvault-server user quota NAME BYTES`, then memoryvault sync";
        return Err(Failure::new(Kind::Limit, message)
            .hint(hint)
            .with("quota_used_bytes", used)
            .with("quota_limit_bytes", limit)
            .with("blobs_refused", report.blobs_refused)
            .with("bytes_refused", report.bytes_refused));
    }
    if report.changes_refused + report.blobs_refused > 0 {
        let because = report.refused_because.clone().unwrap_or_default();
        let refused = format!(
            "{} and {}",
            changes(report.changes_refused),
            blobs(report.blobs_refused)
        );
        let kind = if report.limit_met {
            Kind::Limit
        } else {
            Kind::Failed
        };
        return Err(Failure::new(
            kind,
            format!("the server did not take {refused}: {because}"),
        )
        .hint("they are saved on this device and tried again with the next memoryvault sync"));
    }
    if report.blobs_failed > 0 {
        let failed = blobs(report.blobs_failed);
        return Err(
            Failure::failed(format!("{failed} could not be sent or received"))
                .hint("memoryvault verify, then memoryvault sync"),
        );
    }
    Ok(())
}

/// Tells events while they happen.
struct Teller {
    watch: bool,
    last: Option<SyncReport>,
}

/// An event of `sync --watch --json`, one a line.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Connected { clock_ahead_ms: i64 },
    Settled(&'a SyncReport),
    Waiting { because: &'a str, retry_ms: u64 },
}

impl Teller {
    fn tell(&mut self, screen: &mut Screen, event: SyncEvent) {
        match event {
            SyncEvent::Connecting => screen.detail("connecting"),
            SyncEvent::Connected { clock_ahead_ms } => {
                if clock_ahead_ms.abs() > SKEW_WARN_MS {
                    let seconds = clock_ahead_ms.abs() / 1_000;
                    screen.warn(format!(
                        "this device's clock differs from the server's by {seconds} seconds"
                    ));
                }
                screen.detail("connected");
                self.line(screen, &Line::Connected { clock_ahead_ms }, || {
                    "connected".to_owned()
                });
            }
            SyncEvent::NewIdentity => {
                screen.note("This vault is a copy of one that went on elsewhere; it is a device of its own from now on.");
            }
            SyncEvent::Repairing => screen.note("Comparing everything with the server."),
            SyncEvent::BlobFailed { blob, why } => {
                screen.warn(format!("{blob} did not come across: {why:?}"))
            }
            SyncEvent::UnusedNotTold { because } => screen.warn(format!(
                "pictures and sounds that no card names were not told to the server: {because}"
            )),
            SyncEvent::Settled(report) => self.settled(screen, report),
            SyncEvent::Waiting { because, retry_ms } => {
                let words = || format!("{because}; trying again in {} s", retry_ms.div_ceil(1_000));
                self.last = None;
                self.line(
                    screen,
                    &Line::Waiting {
                        because: &because,
                        retry_ms,
                    },
                    words,
                );
            }
        }
    }

    /// Tells what was done since the last time.
    fn settled(&mut self, screen: &mut Screen, report: SyncReport) {
        let before = self.last.replace(report.clone()).unwrap_or_default();
        let words = || {
            let moved = [
                (
                    "sent",
                    report.pushed.saturating_sub(before.pushed),
                    "change",
                    "changes",
                ),
                (
                    "sent",
                    report.blobs_sent.saturating_sub(before.blobs_sent),
                    "picture or sound",
                    "pictures and sounds",
                ),
                (
                    "received",
                    report.pulled.saturating_sub(before.pulled),
                    "change",
                    "changes",
                ),
                (
                    "received",
                    report.blobs_received.saturating_sub(before.blobs_received),
                    "picture or sound",
                    "pictures and sounds",
                ),
            ];
            let moved = moved.iter().filter(|(_, number, ..)| *number > 0);
            let told: Vec<String> = moved
                .map(|(verb, number, one, many)| format!("{verb} {}", count(*number, one, many)))
                .collect();
            if told.is_empty() {
                "in step".to_owned()
            } else {
                told.join(", ")
            }
        };
        self.line(screen, &Line::Settled(&report), words);
    }

    fn line(&self, screen: &mut Screen, line: &Line<'_>, words: impl FnOnce() -> String) {
        if !self.watch {
            return;
        }
        if !screen.is_json() {
            screen.line(format!("{}  {}", when::clock(), words()));
        } else if let Err(failure) = screen.object(line) {
            screen.failure(&failure);
        }
    }
}
