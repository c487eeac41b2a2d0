//! `memoryvault study`: the cards that are due, one after another, on the full screen (`full`, drawn by `view`) or line by line
//! (`plain`). Every answer is on the disk before the next card is shown; the queue is the library's.

mod drawn;
mod edit;
mod full;
mod keys;
mod plain;
mod view;

use client::{
    CardEdit, CardShown, Query, STUDY_KEYS, StudyCounts, StudySession, StudySummary, StudyWish,
};
use serde::Serialize;

use super::config;
use super::desk::{Desk, OpenVault};
use super::failure::Outcome;
use super::screen::Screen;
use super::table::{count, grouped};

/// The flag that the key for a mark gives.
const MARK: u8 = 1;

#[derive(Debug, clap::Args)]
#[command(after_help = told_keys(false))]
pub(crate) struct StudyArgs {
    /// Only this deck: its name, or the first letters of its id; repeat for more
    #[arg(long = "deck", value_name = "DECK")]
    decks: Vec<String>,
    /// Only cards that a query chooses, as in `card list`
    #[arg(long, value_name = "QUERY")]
    query: Option<String>,
    /// Only cards with this tag; repeat for more, and all are asked for
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Also what is due in the next N days; daily limits do not hold then
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=i64::from(client::AHEAD_DAYS_MAX)))]
    ahead: u16,
    /// All cards that are chosen, due or not; the answers move nothing
    #[arg(long, conflicts_with = "ahead")]
    cram: bool,
    /// Line by line instead of the full screen: for screen readers and pipes, which get it anyway
    #[arg(long)]
    plain: bool,
}

impl StudyArgs {
    /// The query of what was typed; none when every card is meant.
    fn query(&self) -> Outcome<Option<Query>> {
        let tags = self.tags.iter().map(|tag| format!("\"tag:{tag}\""));
        let words: Vec<String> = self.query.iter().cloned().chain(tags).collect();
        if words.is_empty() {
            return Ok(None);
        }
        Ok(Some(Query::parse(&words.join(" "))?))
    }
}

pub(crate) fn run(desk: Desk<'_>, args: StudyArgs) -> Outcome {
    let query = args.query()?;
    let store = desk.hold()?;
    let vault = store.lock()?;
    let decks = args
        .decks
        .iter()
        .map(|deck| Ok(vault.deck_find(deck)?))
        .collect::<Outcome<Vec<_>>>()?;
    let wish = StudyWish {
        decks,
        query,
        ahead_days: args.ahead,
        cram: args.cram,
    };
    let session = vault.study_wish(&wish)?;
    drop(vault);
    let is_full = !args.plain
        && !config::present().plain.unwrap_or(false)
        && !desk.screen.is_json()
        && desk.terminal().takes_the_screen();
    let sitting = Sitting {
        store,
        session,
        wish,
        before: StudySummary::default(),
    };
    let (sitting, ended) = if is_full {
        full::study(desk.screen, sitting)
    } else {
        plain::study(desk.screen, sitting)
    };
    // Answers are folded into the documents even if reading a key failed.
    let left = sitting.session.counts();
    let summary = sitting.end()?;
    let screen = desk.screen;
    ended?;
    if screen.is_json() {
        screen.object(&Tagged {
            kind: "done",
            value: &summary,
        })?;
    } else {
        farewell(screen, &summary, left);
    }
    Ok(())
}

/// A running session and the vault, which is taken for each step, never while the person thinks.
struct Sitting {
    store: OpenVault,
    session: StudySession,
    wish: StudyWish,
    /// What was done before the person chose other cards.
    before: StudySummary,
}

impl Sitting {
    /// The card to ask now.
    fn card(&mut self) -> Outcome<Option<CardShown>> {
        let mut vault = self.store.lock()?;
        let card = self.session.current(&vault)?;
        if let Some(card) = &card {
            vault.note_viewed(card.id)?;
        }
        Ok(card)
    }

    /// Gives a card the mark, or takes any flag away; answers with what it has then.
    fn mark(&mut self, card: &CardShown) -> Outcome<u8> {
        let flag = if card.flag == 0 { MARK } else { 0 };
        let edit = CardEdit {
            flag: Some(flag),
            ..CardEdit::default()
        };
        self.store.lock()?.card_edit(card.id, &edit)?;
        Ok(flag)
    }

    fn suspend(&mut self, card: &CardShown) -> Outcome {
        let edit = CardEdit {
            suspended: Some(true),
            ..CardEdit::default()
        };
        Ok(self.store.lock()?.card_edit(card.id, &edit)?)
    }

    fn bury(&mut self) -> Outcome {
        Ok(self.session.bury(&mut *self.store.lock()?)?)
    }

    fn why(&self, card: &CardShown) -> Outcome<Vec<String>> {
        Ok(self.store.lock()?.why(card.id)?.lines)
    }

    /// Goes on with other cards.
    fn choose(&mut self, query: Option<Query>) -> Outcome {
        self.wish.query = query;
        let mut vault = self.store.lock()?;
        let next = vault.study_wish(&self.wish)?;
        let ended = std::mem::replace(&mut self.session, next).finish(&mut vault)?;
        self.before = sum(&self.before, &ended);
        Ok(())
    }

    fn end(self) -> Outcome<StudySummary> {
        let last = self
            .session
            .finish(&mut self.store.shared_always().lock())?;
        Ok(sum(&self.before, &last))
    }
}

fn sum(one: &StudySummary, other: &StudySummary) -> StudySummary {
    let mut sum = one.clone();
    sum.answered += other.answered;
    sum.undone += other.undone;
    for (grade, number) in &other.by_grade {
        *sum.by_grade.entry(grade.clone()).or_default() += number;
    }
    sum
}

/// The table of keys, all of them or those that lines know.
fn key_rows(lines: bool) -> impl Iterator<Item = (String, &'static str)> {
    let rows = STUDY_KEYS.iter().filter(move |row| row.in_lines || !lines);
    rows.map(|row| (row.keys.join(", "), row.words))
}

fn told_keys(lines: bool) -> String {
    let rows: Vec<String> = key_rows(lines)
        .map(|(key, does)| format!("  {key:<13} {does}"))
        .collect();
    let head = if lines { "Keys, one a line" } else { "Keys" };
    format!("{head}:\n{}", rows.join("\n"))
}

fn told_counts(counts: StudyCounts) -> String {
    format!(
        "{} new, {} again, {} due",
        grouped(counts.new),
        grouped(counts.learning),
        grouped(counts.due)
    )
}

fn farewell(screen: &mut Screen, summary: &StudySummary, left: StudyCounts) {
    screen.line("");
    if summary.answered == 0 {
        let more = left.new + left.learning + left.due;
        screen.line(match more {
            0 => "Nothing more to study now.".to_owned(),
            more => format!("{} left for another time.", count(more, "card", "cards")),
        });
        return;
    }
    let grades: Vec<String> = ["again", "hard", "good", "easy"]
        .iter()
        .filter_map(|grade| {
            summary
                .by_grade
                .get(*grade)
                .map(|number| format!("{number} {grade}"))
        })
        .collect();
    let answers = count(summary.answered, "answer", "answers");
    screen.line(format!("{answers}: {}. All saved.", grades.join(", ")));
}

/// One line of the JSON of a session.
#[derive(Serialize)]
struct Tagged<'a, T> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    value: &'a T,
}
