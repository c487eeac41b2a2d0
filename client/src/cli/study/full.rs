//! A sitting on the full screen: reads keys and draws. The terminal is put back as it was however this ends.

use std::io;
use std::time::Instant;

use client::{Answer, CardEdit, CardShown, ItemShown, Query, StudyAction};
use domain::Grade;
use domain::note::compare;
use media::Kind as MediaKind;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::{execute, terminal};

use super::drawn::{Drawn, broken, put_back, take};
use super::edit::Texts;
use super::keys::{action, buttons, is_control, scrolled};
use super::view::{self, Shown, View};
use super::{Sitting, key_rows};
use crate::cli::failure::{Kind, Outcome};
use crate::cli::review::told;
use crate::cli::screen::Screen;
use crate::cli::{face, present};

/// Letters of a line that is typed; more is no tag, no search and no answer.
const PROMPT_LETTERS_MAX: usize = 1_000;

/// Studies until the person has had enough or nothing is left.
pub(super) fn study(screen: &mut Screen, sitting: Sitting) -> (Sitting, Outcome) {
    let drawn = match Drawn::begin() {
        Ok(drawn) => drawn,
        Err(error) => return (sitting, Err(broken(&error))),
    };
    // The service manager's stop leaves the terminal usable; answers are on the disk already.
    screen.terminal_ref().on_interrupt(Box::new(|| {
        put_back();
        std::process::exit(i32::from(Kind::Interrupted.exit_code()));
    }));
    let mut full = Full {
        colour: screen.terminal_ref().may_colour(),
        screen,
        sitting,
        drawn,
        view: View::default(),
    };
    let ended = full.go();
    full.screen.terminal_ref().fall_silent();
    let Full { sitting, drawn, .. } = full;
    drop(drawn);
    (sitting, ended)
}

/// What a line that is being typed is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Answer,
    Tags,
    Search,
}

/// What comes of a key.
enum Flow {
    Stay,
    /// The card on screen may be another one now.
    Next,
    Quit,
}

struct Full<'a> {
    screen: &'a mut Screen,
    sitting: Sitting,
    drawn: Drawn,
    view: View,
    colour: bool,
}

/// The card that is asked.
struct Asked {
    card: CardShown,
    begun: Instant,
    shown: bool,
    difficulty: Option<u8>,
    /// The next digit is a difficulty.
    wants_difficulty: bool,
    line: Option<Line>,
    answer: Option<String>,
}

impl Full<'_> {
    fn go(&mut self) -> Outcome {
        let mut last = None;
        while let Some(card) = self.sitting.card()? {
            let is_another = last != Some(card.id);
            last = Some(card.id);
            let mut asked = Asked {
                line: card.typed.as_ref().map(|_| Line::Answer),
                card,
                begun: Instant::now(),
                shown: false,
                difficulty: None,
                wants_difficulty: false,
                answer: None,
            };
            self.view.scroll = 0;
            self.view.prompt = asked
                .line
                .map(|_| ("Your answer".to_owned(), String::new()));
            self.show(&mut asked)?;
            if is_another {
                self.play(&asked.card.front)?;
            }
            loop {
                self.draw()?;
                match self.step(&mut asked)? {
                    Flow::Stay => {}
                    Flow::Next => break,
                    Flow::Quit => return Ok(()),
                }
            }
        }
        Ok(())
    }

    fn draw(&mut self) -> Outcome {
        let (view, mut too_many) = (&self.view, 0);
        // Shown at once, not row by row, by terminals that can.
        execute!(io::stdout(), terminal::BeginSynchronizedUpdate)
            .and_then(|()| {
                self.drawn
                    .0
                    .draw(|frame| too_many = view::draw(frame, view))
                    .map(drop)
            })
            .and_then(|()| execute!(io::stdout(), terminal::EndSynchronizedUpdate))
            .map_err(|error| broken(&error))?;
        self.view.scroll = self.view.scroll.min(too_many);
        Ok(())
    }

    /// Brings the view up to date with the card.
    fn show(&mut self, asked: &mut Asked) -> Outcome {
        let card = &asked.card;
        self.view.deck.clone_from(&card.deck_name);
        self.view.counts = self.sitting.session.counts();
        self.view.marked = card.flag != 0;
        self.view.colour = self.colour;
        self.view.front = self.blocks(&card.front)?;
        self.view.back = None;
        self.view.buttons = vec!["Space show answer".to_owned()];
        if asked.shown {
            let mut back = Vec::new();
            if let (Some(expected), Some(answer)) = (&card.typed, &asked.answer) {
                back.push(Shown::Typed(compare(expected, answer)));
            }
            back.extend(self.blocks(&card.back)?);
            self.view.back = Some(back);
            let vault = self.sitting.store.lock()?;
            let previews = self.sitting.session.previews(&vault)?;
            drop(vault);
            self.view.buttons = buttons(&previews);
        }
        Ok(())
    }

    fn blocks(&self, items: &[ItemShown]) -> Outcome<Vec<Shown>> {
        let vault = self.sitting.store.lock()?;
        let paths: Vec<_> = items
            .iter()
            .map(|item| face::files(&vault, std::slice::from_ref(item)).pop())
            .collect();
        drop(vault);
        let mut paths = paths.into_iter();
        let mut of_media = items
            .iter()
            .map(|_| paths.next().flatten())
            .zip(items)
            .filter(|(_, item)| !matches!(item, ItemShown::Text { .. }))
            .map(|(path, _)| path);
        Ok(view::blocks(items, |_| match of_media.next().flatten() {
            Some((path, MediaKind::Image)) if self.colour => present::picture(&path),
            _ => None,
        }))
    }

    /// Plays the sounds of a side.
    fn play(&self, items: &[ItemShown]) -> Outcome {
        let terminal = self.screen.terminal_ref();
        terminal.fall_silent();
        let vault = self.sitting.store.lock()?;
        let files = face::files(&vault, items);
        drop(vault);
        for (path, kind) in files {
            if kind == MediaKind::Audio {
                terminal.present(&path, kind);
            }
        }
        Ok(())
    }

    /// Waits for a key and does what it asks.
    fn step(&mut self, asked: &mut Asked) -> Outcome<Flow> {
        let event = event::read().map_err(|error| broken(&error))?;
        let key = match event {
            // A key that is held does not grade, and one that is let go does nothing.
            Event::Key(key) if key.kind == KeyEventKind::Press => key,
            _ => return Ok(Flow::Stay),
        };
        if is_control(&key, 'c') {
            return Ok(Flow::Quit);
        }
        if let Some((_, above)) = &mut self.view.overlay {
            match scrolled(*above, key.code) {
                Some(rows) => *above = rows,
                None => self.view.overlay = None,
            }
            return Ok(Flow::Stay);
        }
        if let Some(line) = asked.line {
            return self.type_on(asked, line, &key);
        }
        if let Some(rows) = scrolled(self.view.scroll, key.code) {
            self.view.scroll = rows;
            return Ok(Flow::Stay);
        }
        self.view.news.clear();
        self.act(asked, &key)
    }

    fn act(&mut self, asked: &mut Asked, key: &KeyEvent) -> Outcome<Flow> {
        if std::mem::take(&mut asked.wants_difficulty) {
            if let KeyCode::Char(digit @ '1'..='5') = key.code {
                asked.difficulty = digit
                    .to_digit(10)
                    .and_then(|number| u8::try_from(number).ok());
                self.view.news = format!("Difficulty {digit}; now the grade.");
            }
            return Ok(Flow::Stay);
        }
        let Some(action) = action(key) else {
            return Ok(Flow::Stay);
        };
        let done = self.carry_out(asked, action);
        match done {
            // What the vault refuses is told, and the sitting goes on.
            Err(failure)
                if matches!(failure.kind(), Kind::Usage | Kind::NotFound | Kind::Limit) =>
            {
                self.view.news = failure.lines().join(" ");
                Ok(Flow::Stay)
            }
            done => done,
        }
    }

    fn carry_out(&mut self, asked: &mut Asked, action: StudyAction) -> Outcome<Flow> {
        match action {
            StudyAction::Show if !asked.shown => {
                asked.shown = true;
                self.show(asked)?;
                self.play(&asked.card.back)?;
            }
            StudyAction::Show => return self.grade(asked, Grade::Good),
            StudyAction::Again | StudyAction::Hard | StudyAction::Good | StudyAction::Easy => {
                if let Some(grade) = action.grade().filter(|_| asked.shown) {
                    return self.grade(asked, grade);
                }
            }
            StudyAction::Difficulty => {
                asked.wants_difficulty = true;
                self.view.news = "How hard was it, 1 to 5?".to_owned();
            }
            StudyAction::Undo => {
                let undone = self
                    .sitting
                    .session
                    .undo(&mut *self.sitting.store.lock()?)?;
                self.view.news = format!("Taken back: {}.", undone.words);
                return Ok(Flow::Next);
            }
            StudyAction::Edit => return self.edit(asked),
            StudyAction::Replay => {
                self.play(if asked.shown {
                    &asked.card.back
                } else {
                    &asked.card.front
                })?;
            }
            StudyAction::Why => self.view.overlay = Some((self.sitting.why(&asked.card)?, 0)),
            StudyAction::Help => {
                let rows = key_rows(false).map(|(keys, words)| format!("{keys:<13} {words}"));
                self.view.overlay = Some((rows.collect(), 0));
            }
            StudyAction::Mark => {
                asked.card.flag = self.sitting.mark(&asked.card)?;
                self.view.marked = asked.card.flag != 0;
                self.view.news = if self.view.marked {
                    "Marked."
                } else {
                    "Unmarked."
                }
                .to_owned();
            }
            StudyAction::Bury => {
                self.sitting.bury()?;
                self.view.news = "Put off until tomorrow.".to_owned();
                return Ok(Flow::Next);
            }
            StudyAction::Suspend => {
                self.sitting.suspend(&asked.card)?;
                self.view.news = "Suspended: it is not asked until you say otherwise.".to_owned();
                return Ok(Flow::Next);
            }
            StudyAction::Search => {
                asked.line = Some(Line::Search);
                self.view.prompt = Some(("Study what fits".to_owned(), String::new()));
            }
            StudyAction::Tags => {
                asked.line = Some(Line::Tags);
                self.view.prompt = Some(("Tags".to_owned(), asked.card.tags.join(", ")));
            }
            StudyAction::Quit => return Ok(Flow::Quit),
        }
        Ok(Flow::Stay)
    }

    fn grade(&mut self, asked: &Asked, grade: Grade) -> Outcome<Flow> {
        let answer = Answer {
            grade,
            at: None,
            difficulty: asked.difficulty,
            response_ms: Some(u32::try_from(asked.begun.elapsed().as_millis()).unwrap_or(u32::MAX)),
        };
        let reviewed = self
            .sitting
            .session
            .answer(&mut *self.sitting.store.lock()?, answer)?;
        self.view.news = told(&reviewed);
        Ok(Flow::Next)
    }

    fn edit(&mut self, asked: &mut Asked) -> Outcome<Flow> {
        let texts = Texts::of(&*self.sitting.store.lock()?, &asked.card)?;
        put_back();
        let store = &self.sitting.store;
        let edited = texts.edit(&asked.card, |store_it| store_it(&mut *store.lock()?));
        // What was drawn before is forgotten: everything is drawn anew.
        self.drawn.0 = take()
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())))
            .map_err(|error| broken(&error))?;
        let words = if edited? {
            "Changed."
        } else {
            "Nothing was changed."
        };
        self.view.news = words.to_owned();
        asked.card = self.sitting.store.lock()?.card(asked.card.id)?;
        // An edit can take the card away from the sitting, when its note does not give it any more.
        if asked.card.removed {
            return Ok(Flow::Next);
        }
        self.show(asked)?;
        Ok(Flow::Stay)
    }

    /// One key of a line that is being typed.
    fn type_on(&mut self, asked: &mut Asked, line: Line, key: &KeyEvent) -> Outcome<Flow> {
        let Some((_, text)) = &mut self.view.prompt else {
            asked.line = None;
            return Ok(Flow::Stay);
        };
        match key.code {
            KeyCode::Char(letter)
                if !key
                    .modifiers
                    .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
                    && text.chars().count() < PROMPT_LETTERS_MAX =>
            {
                text.push(letter);
            }
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Esc => {
                asked.line = None;
                self.view.prompt = None;
                self.view.news.clear();
            }
            KeyCode::Enter => {
                let text = std::mem::take(text);
                asked.line = None;
                self.view.prompt = None;
                let done = self.typed(asked, line, &text);
                return match done {
                    Err(failure)
                        if matches!(failure.kind(), Kind::Usage | Kind::NotFound | Kind::Limit) =>
                    {
                        self.view.news = failure.lines().join(" ");
                        Ok(Flow::Stay)
                    }
                    done => done,
                };
            }
            _ => {}
        }
        Ok(Flow::Stay)
    }

    fn typed(&mut self, asked: &mut Asked, line: Line, text: &str) -> Outcome<Flow> {
        match line {
            Line::Answer => {
                asked.answer = Some(text.to_owned()).filter(|text| !text.trim().is_empty());
                return self.carry_out(asked, StudyAction::Show);
            }
            Line::Tags => {
                let names = text
                    .split(',')
                    .map(str::trim)
                    .filter(|name| !name.is_empty());
                let wanted: Vec<String> = names.map(str::to_owned).collect();
                let missing = |from: &[String], of: &[String]| -> Vec<String> {
                    of.iter()
                        .filter(|name| !from.contains(name))
                        .cloned()
                        .collect()
                };
                let edit = CardEdit {
                    tags: missing(&asked.card.tags, &wanted),
                    untag: missing(&wanted, &asked.card.tags),
                    ..CardEdit::default()
                };
                let mut vault = self.sitting.store.lock()?;
                vault.card_edit(asked.card.id, &edit)?;
                asked.card = vault.card(asked.card.id)?;
                self.view.news = format!("Tags: {}.", asked.card.tags.join(", "));
            }
            Line::Search => {
                let query = (!text.trim().is_empty())
                    .then(|| Query::parse(text))
                    .transpose()?;
                let before = self.sitting.wish.query.clone();
                self.sitting.choose(query)?;
                if self.sitting.card()?.is_none() {
                    self.sitting.choose(before)?;
                    self.view.news = format!("Nothing to study fits {text}.");
                }
                return Ok(Flow::Next);
            }
        }
        Ok(Flow::Stay)
    }
}
