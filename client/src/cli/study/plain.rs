//! A sitting line by line: a line is a key. It works typed, piped and with a screen reader.

use std::time::Instant;

use client::{Answer, CardShown, ItemShown, StudyAction, StudyCounts, study_action};
use domain::note::{Piece, compare};
use domain::{CardId, Grade};
use serde::Serialize;

use super::{Sitting, Tagged, told_counts, told_keys};
use crate::cli::face;
use crate::cli::failure::{Failure, Kind, Outcome};
use crate::cli::review::told;
use crate::cli::screen::Screen;
use crate::cli::table::clean;
use crate::cli::terminal::{Stream, text_line};

/// A longer line is no key and no word.
const LINE_BYTES_MAX: usize = 4_096;

/// Studies until the person has had enough or nothing is left.
pub(super) fn study(screen: &mut Screen, sitting: Sitting) -> (Sitting, Outcome) {
    let mut study = Study {
        typed: screen.terminal_ref().is_terminal(Stream::In),
        screen,
        sitting,
    };
    let ended = study.go();
    (study.sitting, ended)
}

/// A running session and what it talks through.
struct Study<'a> {
    screen: &'a mut Screen,
    sitting: Sitting,
    /// A person types the keys.
    typed: bool,
}

/// What a line means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Grade {
        grade: Grade,
        difficulty: Option<u8>,
    },
    Act(StudyAction),
    /// The answer to a card that asks to type it.
    Typed(String),
    Unknown,
}

impl Study<'_> {
    fn go(&mut self) -> Outcome {
        while let Some(card) = self.sitting.card()? {
            self.question(&card)?;
            if !self.answer(&card)? || !self.screen.is_open() {
                break;
            }
        }
        Ok(())
    }

    /// Reads keys until the card on screen is another one; false when the person has had enough.
    fn answer(&mut self, card: &CardShown) -> Outcome<bool> {
        let begun = Instant::now();
        let mut shown = false;
        loop {
            let types = card.typed.is_some() && !shown;
            let Some(key) = self.key(shown, types)? else {
                return Ok(false);
            };
            let action = match key {
                Key::Typed(answer) => {
                    self.compared(card, &answer)?;
                    StudyAction::Show
                }
                Key::Grade { grade, difficulty } => {
                    if !shown {
                        self.back(card)?;
                    }
                    return self.grade(grade, difficulty, begun).map(|()| true);
                }
                Key::Act(action) => action,
                Key::Unknown => {
                    self.screen
                        .warn("that is no key of this program; ? and Enter shows them");
                    continue;
                }
            };
            match action {
                StudyAction::Show if !shown => {
                    self.back(card)?;
                    shown = true;
                }
                StudyAction::Show => return self.grade(Grade::Good, None, begun).map(|()| true),
                StudyAction::Undo if self.undo()? => return Ok(true),
                StudyAction::Undo => {}
                StudyAction::Quit => return Ok(false),
                StudyAction::Help => self.screen.say(&told_keys(true)),
                StudyAction::Replay => {
                    self.replay(if shown { &card.back } else { &card.front })?;
                }
                StudyAction::Why => {
                    let lines = self.sitting.why(card)?;
                    lines.iter().for_each(|line| self.screen.say(line));
                }
                StudyAction::Mark => {
                    let flag = self.sitting.mark(card)?;
                    self.screen
                        .note(if flag == 0 { "Unmarked." } else { "Marked." });
                    return Ok(true);
                }
                StudyAction::Bury => {
                    self.sitting.bury()?;
                    self.screen.note("Put off until tomorrow.");
                    return Ok(true);
                }
                StudyAction::Suspend => {
                    self.sitting.suspend(card)?;
                    self.screen.note("Suspended.");
                    return Ok(true);
                }
                _ => {}
            }
        }
    }

    /// Tells which letters of a typed answer are right.
    fn compared(&mut self, card: &CardShown, answer: &str) -> Outcome {
        let pieces = compare(card.typed.as_deref().unwrap_or_default(), answer);
        if self.screen.is_json() {
            return self.screen.object(&Tagged {
                kind: "typed",
                value: &Typed {
                    card: card.id,
                    pieces,
                },
            });
        }
        let marked = pieces.iter().map(|piece| match piece {
            Piece::Right(text) => clean(text),
            Piece::Wrong(text) => format!("[-{}-]", clean(text)),
            Piece::Missing(text) => format!("[+{}+]", clean(text)),
        });
        let is_right = pieces.iter().all(|piece| matches!(piece, Piece::Right(_)));
        let verdict = if is_right {
            "right"
        } else {
            "[-not there-] [+missing+]"
        };
        let line = format!("  {}  ({verdict})", marked.collect::<String>());
        self.screen.line(line);
        Ok(())
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
        let reviewed = self
            .sitting
            .session
            .answer(&mut *self.sitting.store.lock()?, answer)?;
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
        let undone = self.sitting.session.undo(&mut *self.sitting.store.lock()?);
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
    fn key(&mut self, shown: bool, types: bool) -> Outcome<Option<Key>> {
        if self.typed && !self.screen.is_json() {
            self.screen.prompt(match (shown, types) {
                (true, _) => "1 again  2 hard  3 good  4 easy > ",
                (_, true) => "Type the answer, or :q and other keys > ",
                _ => "Enter shows the answer > ",
            });
        }
        let line = text_line(self.screen.terminal_ref())
            .map_err(|error| Failure::failed(format!("stdin could not be read: {error}")))?;
        Ok((!line.is_empty()).then(|| match (types, line.trim()) {
            (true, answer) if !answer.is_empty() => match answer.strip_prefix(':') {
                Some(keys) => key(keys),
                None => Key::Typed(answer.chars().take(LINE_BYTES_MAX).collect()),
            },
            _ => key(&line),
        }))
    }

    fn question(&mut self, card: &CardShown) -> Outcome {
        let counts = self.sitting.session.counts();
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
            let files = face::files(&*self.sitting.store.lock()?, side);
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
    let word = words.next().unwrap_or_default().to_lowercase();
    let action = match word.as_str() {
        "" => Some(StudyAction::Show),
        "again" => Some(StudyAction::Again),
        "hard" => Some(StudyAction::Hard),
        "good" => Some(StudyAction::Good),
        "easy" => Some(StudyAction::Easy),
        "undo" => Some(StudyAction::Undo),
        "replay" => Some(StudyAction::Replay),
        "why" => Some(StudyAction::Why),
        "quit" | "exit" => Some(StudyAction::Quit),
        "h" | "help" => Some(StudyAction::Help),
        letter => study_action(letter).filter(|action| {
            let mut rows = client::STUDY_KEYS.iter();
            rows.any(|row| row.action == *action && row.in_lines)
        }),
    };
    let grade = match action {
        None | Some(StudyAction::Difficulty) => return Key::Unknown,
        Some(action) => match action.grade() {
            Some(grade) => grade,
            None => return Key::Act(action),
        },
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

#[derive(Serialize)]
struct Question<'a> {
    card: CardId,
    front: &'a [ItemShown],
    counts: StudyCounts,
}

#[derive(Serialize)]
struct Typed {
    card: CardId,
    pieces: Vec<Piece>,
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
            ("\n", Key::Act(StudyAction::Show)),
            (" \n", Key::Act(StudyAction::Show)),
            ("1\n", grade(Grade::Again, None)),
            ("Good\r\n", grade(Grade::Good, None)),
            ("2 d5\n", grade(Grade::Hard, Some(5))),
            ("4", grade(Grade::Easy, None)),
            ("u\n", Key::Act(StudyAction::Undo)),
            ("Q\n", Key::Act(StudyAction::Quit)),
            ("?\n", Key::Act(StudyAction::Help)),
            ("-\n", Key::Act(StudyAction::Bury)),
            ("t\n", Key::Unknown),
            ("d3\n", Key::Unknown),
            ("5\n", Key::Unknown),
            ("3 d6\n", Key::Unknown),
            ("3 x\n", Key::Unknown),
        ] {
            assert_eq!(key(line), expected, "{line:?}");
        }
        assert_eq!(key(&"a".repeat(LINE_BYTES_MAX + 1)), Key::Unknown);
    }
}
