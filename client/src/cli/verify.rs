//! `memoryvault verify`: reads everything that is on the disk and names what is wrong.

use client::VerifyReport;

use super::desk::{Desk, OpenVault};
use super::failure::{Failure, Kind, Outcome};
use super::screen::Screen;
use super::table::{count, grouped, pairs};

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// First make the index again from the documents
    #[arg(long)]
    rebuild: bool,
    /// First make a new store of what can still be read; the damaged one is kept beside it
    #[arg(long)]
    pub(crate) repair: bool,
}

pub(crate) fn run(mut desk: Desk<'_>, args: VerifyArgs) -> Outcome {
    let store = if args.repair {
        repair(&mut desk)?
    } else {
        desk.open()?
    };
    if args.rebuild && !args.repair {
        store.lock()?.rebuild_index()?;
        desk.screen.note("Made the index again from the documents.");
    }
    let report = store.lock()?.verify()?;
    desk.show(&report, |screen| print(screen, &report))?;
    if report.ok {
        return Ok(());
    }
    let first = report
        .problems
        .first()
        .cloned()
        .unwrap_or_else(|| "the vault is damaged".to_owned());
    let message = match report.problems.len() {
        0 | 1 => first,
        many => format!("{first} (and {} more, listed above)", many - 1),
    };
    Err(Failure::new(Kind::Integrity, message)
        .hint("memoryvault verify --rebuild, and memoryvault sync to fetch what is missing")
        .with("problems", report.problems))
}

fn repair(desk: &mut Desk<'_>) -> Outcome<OpenVault> {
    let (store, repaired) = desk.repair()?;
    let changes = count(repaired.changes, "change", "changes");
    let documents = count(repaired.documents, "document", "documents");
    desk.screen
        .note(format!("Made a new store with {changes} in {documents}."));
    if repaired.identity_lost {
        desk.screen.warn("this device's own records were lost; log in again: memoryvault account login URL --user NAME");
    }
    Ok(store)
}

fn print(screen: &mut Screen, report: &VerifyReport) {
    let mut rows = vec![
        ("Documents", grouped(report.documents)),
        ("Changes", grouped(report.changes)),
        ("Cards", grouped(report.cards)),
        ("Reviews", grouped(report.events)),
        ("Media", grouped(report.blobs)),
    ];
    if report.blobs_missing > 0 {
        rows.push((
            "Not here",
            count(
                report.blobs_missing,
                "picture or sound",
                "pictures and sounds",
            ),
        ));
    }
    rows.push(("State", report.state_digest.clone()));
    pairs(&rows).iter().for_each(|line| screen.line(line));
    for change in &report.set_aside {
        screen.line(format!(
            "Set aside: change {} of document {}: {}",
            change.change, change.document, change.reason
        ));
    }
    if let Some(change) = report.set_aside.first() {
        screen.line(change.hint);
    }
    for problem in &report.problems {
        screen.line(format!("Wrong: {problem}"));
    }
    if report.ok {
        screen.line("All is well.");
    }
}
