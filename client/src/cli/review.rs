//! `memoryvault review`: one answer recorded.

use clap::ValueEnum;
use client::{Answer, Moment, Reviewed, parse_moment};
use domain::Grade;

use super::card;
use super::desk::Desk;
use super::failure::Outcome;

/// A grade as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GradeWord {
    /// Not known
    Again,
    /// Known with trouble
    Hard,
    /// Known
    Good,
    /// Known at once
    Easy,
}

impl From<GradeWord> for Grade {
    fn from(word: GradeWord) -> Self {
        match word {
            GradeWord::Again => Grade::Again,
            GradeWord::Hard => Grade::Hard,
            GradeWord::Good => Grade::Good,
            GradeWord::Easy => Grade::Easy,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReviewArgs {
    /// The card: its id, or the first letters of it
    card: String,
    /// How well it was known
    grade: GradeWord,
    /// When, like 2026-03-01T09:30:00+01:00; now unless given
    #[arg(long, value_name = "RFC3339", value_parser = parse_moment)]
    at: Option<Moment>,
    /// How hard it was
    #[arg(long, value_name = "1..5", value_parser = clap::value_parser!(u8).range(1..=5))]
    difficulty: Option<u8>,
    /// How long the answer took, in milliseconds
    #[arg(long, value_name = "N")]
    response_ms: Option<u32>,
}

pub(crate) fn run(mut desk: Desk<'_>, args: ReviewArgs) -> Outcome {
    let store = desk.open()?;
    let mut vault = store.lock()?;
    let card = card::find(&vault, &args.card)?.id;
    let answer = Answer {
        grade: args.grade.into(),
        at: args.at,
        difficulty: args.difficulty,
        response_ms: args.response_ms,
    };
    let reviewed = vault.review(card, answer)?;
    drop(vault);
    desk.show(&reviewed, |screen| screen.line(told(&reviewed)))
}

/// What an answer did, in one line.
pub(crate) fn told(reviewed: &Reviewed) -> String {
    let due = reviewed.due_day.as_deref().unwrap_or("now");
    if reviewed.leech {
        return format!(
            "Forgotten again and again: the card is marked as a leech. Box {}, due {due}.",
            reviewed.box_after
        );
    }
    if reviewed.box_before == reviewed.box_after {
        format!("Stays in box {}, due {due}.", reviewed.box_after)
    } else {
        format!(
            "Box {} -> {}, due {due}.",
            reviewed.box_before, reviewed.box_after
        )
    }
}
