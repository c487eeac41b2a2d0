//! `memoryvault study`: the cards that are due, one after another. A line is a key: it works typed and piped. Every
//! answer is on the disk before the next card is shown; the queue is the library's.

use std::time::Instant;

use client::{
    Answer, CardShown, ItemShown, Query, StudyCounts, StudySession, StudySummary, StudyWish,
};
use domain::{CardId, Grade};
use serde::Serialize;

use super::desk::{Desk, OpenVault};
use super::face;
use super::failure::{Failure, Kind, Outcome};
use super::review::told;
use super::screen::Screen;
use super::table::{clean, count, grouped};
use super::terminal::{Stream, text_line};

/// A longer line is no key and no word.
const LINE_BYTES_MAX: usize = 4_096;

/// What can be typed, for `?`, for the help and for the messages: one table.
const KEYS: [(&str, &str); 9] = [
    ("Enter, Space", "show the answer; then the same as 3"),
    ("1", "again: not known (Leitner: back to box 1)"),
    ("2", "hard"),
    ("3", "good"),
    ("4", "easy"),
    ("u", "undo: take the last answer back"),
    ("r", "replay the sound"),
    ("q", "quit; every answer is saved already"),
    (
        "?",
        "show these keys; after a grade, d1 to d5 tells how hard it was (3 d4)",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = told_keys())]
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
    let session = vault.study_wish(&StudyWish {
        decks,
        query,
        ahead_days: args.ahead,
        cram: args.cram,
    })?;
    drop(vault);
    let mut desk = Study {
        typed: desk.terminal().is_terminal(Stream::In),
        screen: desk.screen,
        store,
        session,
    };
    let ended = desk.go();
    // Answers are folded into the documents even if reading a key failed.
    let Study {
        screen,
        store,
        session,
        ..
    } = desk;
    let left = session.counts();
    let summary = session.finish(&mut store.shared_always().lock())?;
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

/// A running session and what it talks through.
struct Study<'a> {
    screen: &'a mut Screen,
    /// Taken for each answer, never while the person thinks.
    store: OpenVault,
    session: StudySession,
    /// A person types the keys.
    typed: bool,
}

/// What a line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Show,
    Grade {
        grade: Grade,
        difficulty: Option<u8>,
    },
    Undo,
    Quit,
    Help,
    Replay,
    Unknown,
}

impl Study<'_> {
    fn go(&mut self) -> Outcome {
        while let Some(card) = self.card()? {
            self.question(&card)?;
            if !self.answer(&card)? || !self.screen.is_open() {
                break;
            }
        }
        Ok(())
    }

    /// The card to ask now.
    fn card(&mut self) -> Outcome<Option<CardShown>> {
        let mut vault = self.store.lock()?;
        let card = self.session.current(&vault)?;
        if let Some(card) = &card {
            vault.note_viewed(card.id)?;
        }
        Ok(card)
    }

    /// Reads keys until the card on screen is another one; false when the person has had enough.
    fn answer(&mut self, card: &CardShown) -> Outcome<bool> {
        let begun = Instant::now();
        let mut shown = false;
        loop {
            let Some(key) = self.key(shown)? else {
                return Ok(false);
            };
            match key {
                Key::Quit => return Ok(false),
                Key::Help => help(self.screen),
                Key::Replay => self.replay(if shown { &card.back } else { &card.front })?,
                Key::Unknown => self
                    .screen
                    .warn("that is no key of this program; ? and Enter shows them"),
                Key::Undo => {
                    if self.undo()? {
                        return Ok(true);
                    }
                }
                Key::Show if !shown => {
                    self.back(card)?;
                    shown = true;
                }
                Key::Show => return self.grade(Grade::Good, None, begun).map(|()| true),
                Key::Grade { grade, difficulty } => {
                    if !shown {
                        self.back(card)?;
                    }
                    return self.grade(grade, difficulty, begun).map(|()| true);
                }
            }
        }
    }

    fn grade(&mut self, grade: Grade, difficulty: Option<u8>, begun: Instant) -> Outcome {
        // Answers out of a pipe were not thought about at this terminal: their time says nothing.
        let response_ms = self
            .typed
            .then(|| u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX));
        let answer = Answer {
            grade,
            at: None,
            difficulty,
            response_ms,
        };
        let reviewed = self.session.answer(&mut *self.store.lock()?, answer)?;
        if self.screen.is_json() {
            self.screen.object(&Tagged {
                kind: "reviewed",
                value: &reviewed,
            })?;
        } else {
            self.screen.line(format!("  {}", told(&reviewed)));
        }
        Ok(())
    }

    /// Takes the last answer back; false when there is none.
    fn undo(&mut self) -> Outcome<bool> {
        let undone = self.session.undo(&mut *self.store.lock()?);
        match undone {
            Ok(undone) if self.screen.is_json() => self.screen.object(&Tagged {
                kind: "undone",
                value: &undone,
            })?,
            Ok(_) => self.screen.line("  Took the last answer back."),
            Err(error) => {
                let failure = Failure::from(error);
                if !matches!(failure.kind(), Kind::NotFound | Kind::Usage) {
                    return Err(failure);
                }
                self.screen
                    .warn("there is no answer of this session to take back");
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next key; none at the end of the input.
    fn key(&mut self, shown: bool) -> Outcome<Option<Key>> {
        if self.typed && !self.screen.is_json() {
            self.screen.prompt(if shown {
                "1 again  2 hard  3 good  4 easy > "
            } else {
                "Enter shows the answer > "
            });
        }
        let line = text_line(self.screen.terminal_ref())
            .map_err(|error| Failure::failed(format!("stdin could not be read: {error}")))?;
        Ok((!line.is_empty()).then(|| key(&line)))
    }

    fn question(&mut self, card: &CardShown) -> Outcome {
        let counts = self.session.counts();
        if self.screen.is_json() {
            let (card, front) = (card.id, &card.front);
            return self.screen.object(&Tagged {
                kind: "question",
                value: &Question {
                    card,
                    front,
                    counts,
                },
            });
        }
        self.screen.line("");
        let head = format!("{} - {}", clean(&card.deck_name), told_counts(counts));
        let head = self.screen.faint(&head);
        self.screen.line(head);
        self.screen.terminal_ref().fall_silent();
        face::side(&card.front)
            .iter()
            .for_each(|line| self.screen.line(line));
        self.present(&card.front)
    }

    fn back(&mut self, card: &CardShown) -> Outcome {
        if self.screen.is_json() {
            let (card, back) = (card.id, &card.back);
            return self.screen.object(&Tagged {
                kind: "answer",
                value: &Shown { card, back },
            });
        }
        self.screen.line("  --");
        self.screen.terminal_ref().fall_silent();
        face::side(&card.back)
            .iter()
            .for_each(|line| self.screen.line(line));
        self.present(&card.back)
    }

    /// Draws and plays what is here of a side, where a person sits at the terminal.
    fn present(&self, side: &[ItemShown]) -> Outcome {
        if self.typed {
            let files = face::files(&*self.store.lock()?, side);
            let terminal = self.screen.terminal_ref();
            files
                .iter()
                .for_each(|(path, kind)| terminal.present(path, *kind));
        }
        Ok(())
    }

    /// Plays the sounds of the side on screen once more.
    fn replay(&self, side: &[ItemShown]) -> Outcome {
        let is_sound = |item: &&ItemShown| matches!(item, ItemShown::Audio { .. });
        let sounds: Vec<ItemShown> = side.iter().filter(is_sound).cloned().collect();
        self.screen.terminal_ref().fall_silent();
        self.present(&sounds)
    }
}

/// Reads a line: a key, or the word for it.
fn key(line: &str) -> Key {
    if line.len() > LINE_BYTES_MAX {
        return Key::Unknown;
    }
    let mut words = line.split_whitespace();
    let grade = match words.next().unwrap_or_default().to_lowercase().as_str() {
        "" => return Key::Show,
        "1" | "again" => Grade::Again,
        "2" | "hard" => Grade::Hard,
        "3" | "good" => Grade::Good,
        "4" | "easy" => Grade::Easy,
        "u" | "undo" => return Key::Undo,
        "r" | "replay" => return Key::Replay,
        "q" | "quit" | "exit" => return Key::Quit,
        "?" | "h" | "help" => return Key::Help,
        _ => return Key::Unknown,
    };
    let difficulty = match words.next() {
        None => None,
        Some(word) => match word
            .strip_prefix('d')
            .and_then(|number| number.parse::<u8>().ok())
        {
            Some(number @ 1..=5) => Some(number),
            _ => return Key::Unknown,
        },
    };
    Key::Grade { grade, difficulty }
}

fn help(screen: &Screen) {
    screen.say(&told_keys());
}

fn told_keys() -> String {
    let lines = KEYS.map(|(key, does)| format!("  {key:<13} {does}"));
    format!("Keys, one a line:\n{}", lines.join("\n"))
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

#[derive(Serialize)]
struct Question<'a> {
    card: CardId,
    front: &'a [ItemShown],
    counts: StudyCounts,
}

#[derive(Serialize)]
struct Shown<'a> {
    card: CardId,
    back: &'a [ItemShown],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_keys() {
        let grade = |grade, difficulty| Key::Grade { grade, difficulty };
        for (line, expected) in [
            ("\n", Key::Show),
            (" \n", Key::Show),
            ("1\n", grade(Grade::Again, None)),
            ("Good\r\n", grade(Grade::Good, None)),
            ("2 d5\n", grade(Grade::Hard, Some(5))),
            ("4", grade(Grade::Easy, None)),
            ("u\n", Key::Undo),
            ("Q\n", Key::Quit),
            ("?\n", Key::Help),
            ("5\n", Key::Unknown),
            ("3 d6\n", Key::Unknown),
            ("3 x\n", Key::Unknown),
        ] {
            assert_eq!(key(line), expected, "{line:?}");
        }
        assert_eq!(key(&"a".repeat(LINE_BYTES_MAX + 1)), Key::Unknown);
    }
}
