//! `memoryvault status`: what is in the vault, and how it stands with the server.

use client::{MediaWish, SKEW_WARN_MS, Status};

use super::desk::Desk;
use super::failure::Outcome;
use super::screen::Screen;
use super::table::{clean, count, grouped, pairs};

pub(crate) fn run(mut desk: Desk<'_>) -> Outcome {
    let status = desk.open()?.lock()?.status()?;
    desk.show(&status, |screen| print(screen, &status))
}

fn print(screen: &mut Screen, status: &Status) {
    let due = format!("{} ({} new)", grouped(status.due), grouped(status.new));
    let mut rows = vec![
        ("Device", clean(&status.device)),
        ("Decks", grouped(status.decks)),
        ("Cards", grouped(status.cards)),
        ("Due now", due),
        ("Events", grouped(status.events)),
        ("Media", media(status)),
        (
            "Choices",
            count(status.conflicts, "text waits", "texts wait"),
        ),
        ("Server", server(status)),
        (
            "To send",
            count(status.pending_changes, "change", "changes"),
        ),
    ];
    if let (Some(used), Some(limit)) = (status.quota_used_bytes, status.quota_limit_bytes) {
        rows.push(("Quota", format!("{used} of {limit} bytes used")));
    }
    rows.push(("State", status.state_digest.clone()));
    pairs(&rows).iter().for_each(|line| screen.line(line));
    print_worries(screen, status);
}

fn media(status: &Status) -> String {
    let blobs = count(status.blobs, "picture or sound", "pictures and sounds");
    match (status.blobs_missing, status.media) {
        (0, _) => blobs,
        (missing, MediaWish::All) => format!("{blobs}, {} not here yet", grouped(missing)),
        (missing, MediaWish::Lazy) => format!(
            "{blobs}, {} not here (fetched when their cards are looked at)",
            grouped(missing)
        ),
    }
}

fn server(status: &Status) -> String {
    match (&status.server, &status.user) {
        (Some(server), Some(user)) => format!("{} as {}", clean(server), clean(user)),
        (Some(server), None) => clean(server),
        (None, _) => "none (memoryvault account login URL --user NAME)".to_owned(),
    }
}

fn print_worries(screen: &Screen, status: &Status) {
    if !status.blobs_refused.is_empty() {
        let bytes: u64 = status.blobs_refused.iter().map(|blob| blob.bytes).sum();
        let many = u64::try_from(status.blobs_refused.len()).unwrap_or(u64::MAX);
        let blobs = count(many, "picture or sound", "pictures and sounds");
        screen.note(format!(
            "The server did not take {blobs} ({bytes} bytes); they are safe on this device."
        ));
    }
    if status.set_aside > 0 {
        let changes = count(status.set_aside, "change", "changes");
        screen.note(format!(
            "{changes} from elsewhere could not be used: memoryvault verify"
        ));
    }
    if status.clock_ahead_ms.abs() > SKEW_WARN_MS {
        let seconds = status.clock_ahead_ms.abs() / 1_000;
        screen.note(format!(
            "This device's clock differs from the server's by {seconds} seconds; set it right."
        ));
    }
}
