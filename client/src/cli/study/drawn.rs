//! The terminal while it is drawn on, and how it is put back.

use std::io::{self, Stdout};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::{cursor, execute, terminal};

use crate::cli::failure::Failure;

pub(super) fn broken(error: &io::Error) -> Failure {
    Failure::failed(format!("the terminal cannot be drawn on: {error}"))
        .hint("memoryvault study --plain works line by line")
}

/// The terminal while it is drawn on.
pub(super) struct Drawn(pub(super) Terminal<CrosstermBackend<Stdout>>);

impl Drawn {
    pub(super) fn begin() -> io::Result<Self> {
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        take()?;
        Ok(Self(terminal))
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        put_back();
    }
}

pub(super) fn take() -> io::Result<()> {
    terminal::enable_raw_mode()?;
    execute!(
        io::stdout(),
        terminal::EnterAlternateScreen,
        terminal::Clear(terminal::ClearType::All),
        cursor::Hide
    )
}

/// Nobody is left to tell when this fails.
pub(super) fn put_back() {
    terminal::disable_raw_mode().ok();
    execute!(io::stdout(), terminal::LeaveAlternateScreen, cursor::Show).ok();
}
