//! `memoryvault conflicts`: texts that two devices changed without knowing of each other; one version is kept, or all
//! are joined.

use client::ConflictShown;
use serde_json::json;

use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::table::clean;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ConflictsCommand {
    /// List what waits for a choice
    List,
    /// Keep one version, or join all of them
    Pick {
        /// The id that `conflicts list` shows
        id: String,
        /// Number of the version to keep, from 1
        #[arg(value_name = "N", conflicts_with_all = ["join", "text"])]
        number: Option<usize>,
        /// Keep all versions, one after the other
        #[arg(long, conflicts_with = "text")]
        join: bool,
        /// Write this instead of any of them
        #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
        text: Option<String>,
    },
}

pub(crate) fn run(mut desk: Desk<'_>, command: ConflictsCommand) -> Outcome {
    let store = desk.open()?;
    let conflicts = store.lock()?.conflicts()?;
    let (id, number, join, text) = match command {
        ConflictsCommand::List => return list(desk, &conflicts),
        ConflictsCommand::Pick {
            id,
            number,
            join,
            text,
        } => (id, number, join, text),
    };
    let conflict = conflicts
        .iter()
        .find(|conflict| conflict.id == id)
        .ok_or_else(|| {
            Failure::not_found(format!("there is no conflict {}", clean(&id)))
                .hint("memoryvault conflicts list")
        })?;
    let kept = if join {
        Choice::Text(joined(conflict))
    } else if let Some(text) = text {
        Choice::Text(text)
    } else {
        Choice::Version(number.map_or_else(
            || ask(&mut desk, conflict),
            |number| checked(number, conflict),
        )?)
    };
    let mut vault = store.lock()?;
    if !vault.conflicts()?.contains(conflict) {
        return Err(Failure::choice(format!(
            "the versions of {} changed while you chose",
            clean(&id)
        ))
        .hint("memoryvault conflicts list"));
    }
    match &kept {
        Choice::Version(index) => vault.conflict_pick(&id, *index)?,
        Choice::Text(text) => vault.conflict_join(&id, text)?,
    }
    drop(vault);
    let text = match &kept {
        Choice::Version(index) => conflict.values.get(*index).cloned().unwrap_or_default(),
        Choice::Text(text) => text.clone(),
    };
    desk.show(&json!({ "id": id, "kept": text }), |screen| {
        screen.line(format!("Kept: {}", clean(&text)))
    })
}

enum Choice {
    Version(usize),
    Text(String),
}

fn list(desk: Desk<'_>, conflicts: &[ConflictShown]) -> Outcome {
    let screen = desk.screen;
    for conflict in conflicts {
        if screen.is_json() {
            screen.object(conflict)?;
        } else {
            describe(conflict).iter().for_each(|line| screen.line(line));
        }
    }
    if conflicts.is_empty() {
        screen.note("Nothing waits for a choice.");
    } else {
        screen.note("Choose: memoryvault conflicts pick ID N, or --join to keep all");
    }
    Ok(())
}

fn describe(conflict: &ConflictShown) -> Vec<String> {
    let owner = match conflict.card {
        Some(card) => format!("card {card}"),
        None => format!("deck {}", conflict.deck),
    };
    let head = format!("{}  {owner}, {}", conflict.id, clean(&conflict.place));
    let values = conflict.values.iter().enumerate().map(|(place, value)| {
        let shown = if place == 0 { "  (shown now)" } else { "" };
        format!(
            "  {}  {}{shown}",
            place + 1,
            clean(value).replace('\n', "\n     ")
        )
    });
    std::iter::once(head).chain(values).collect()
}

/// Puts all versions after each other: a name stays one line, a text gets a paragraph for each.
fn joined(conflict: &ConflictShown) -> String {
    let between = if conflict.place == "name" {
        " / "
    } else {
        "\n\n"
    };
    conflict.values.join(between)
}

/// Turns a number as typed into a place in the list.
fn checked(number: usize, conflict: &ConflictShown) -> Outcome<usize> {
    let index = number
        .checked_sub(1)
        .filter(|index| *index < conflict.values.len());
    index.ok_or_else(|| {
        let known = conflict.values.len();
        Failure::usage(format!(
            "{number} is no version of {}; there are 1 to {known}",
            conflict.id
        ))
        .hint("memoryvault conflicts list")
    })
}

fn ask(desk: &mut Desk<'_>, conflict: &ConflictShown) -> Outcome<usize> {
    if desk.screen.is_json() || !desk.is_attended() {
        let known = conflict.values.len();
        return Err(Failure::choice(format!(
            "say which of the {known} versions of {} to keep",
            conflict.id
        ))
        .hint(format!(
            "memoryvault conflicts pick {} 1, or --join",
            conflict.id
        )));
    }
    describe(conflict)
        .iter()
        .for_each(|line| desk.screen.line(line));
    let answer = desk.ask("Keep which? ")?;
    let number = answer.parse().map_err(|_| {
        Failure::choice("nothing was chosen")
            .hint(format!("memoryvault conflicts pick {} 1", conflict.id))
    })?;
    checked(number, conflict)
}
