//! Where words go: data to stdout, messages to stderr, both as text for a person or as JSON for a program. A reader that
//! goes away (`memoryvault card list | head`) ends the printing quietly and never the work. What to say is decided by
//! the commands.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use super::failure::{Failure, Outcome};
use super::terminal::{Stream, Terminal};

/// How a person asked to be talked to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: u8,
}

/// The two output streams of a command.
#[derive(Debug)]
pub(crate) struct Screen {
    manner: Manner,
    terminal: Arc<dyn Terminal>,
    colour: bool,
    stdout_open: bool,
}

impl Screen {
    /// Looks once at the terminal and the environment.
    pub(crate) fn new(manner: Manner, terminal: Arc<dyn Terminal>) -> Self {
        Self {
            manner,
            colour: terminal.may_colour() && terminal.is_terminal(Stream::Out),
            terminal,
            stdout_open: true,
        }
    }

    /// The streams behind it.
    pub(crate) fn terminal(&self) -> Arc<dyn Terminal> {
        Arc::clone(&self.terminal)
    }

    pub(crate) fn terminal_ref(&self) -> &dyn Terminal {
        &*self.terminal
    }

    pub(crate) fn is_json(&self) -> bool {
        self.manner.json
    }

    /// Whether a person wants to see how far long work is.
    pub(crate) fn may_show_progress(&self) -> bool {
        !self.manner.quiet && !self.manner.json
    }

    /// Says whether somebody still reads stdout; a long command may stop when not.
    pub(crate) fn is_open(&self) -> bool {
        self.stdout_open
    }

    /// One line of data for a person.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        self.write(format!("{}\n", text.as_ref()).as_bytes());
    }

    /// One JSON object on a line of its own.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> Outcome {
        // Not through `Value`: fields keep the order in which the library lists them.
        let mut line = serde_json::to_vec(value).map_err(unwritable)?;
        line.push(b'\n');
        self.write(&line);
        Ok(())
    }

    /// Objects, each on a line of its own, written together.
    ///
    /// # Errors
    /// When a value cannot be written as JSON.
    pub(crate) fn objects(&mut self, values: &[impl Serialize]) -> Outcome {
        let mut lines = Vec::new();
        for value in values {
            serde_json::to_writer(&mut lines, value).map_err(unwritable)?;
            lines.push(b'\n');
        }
        self.write(&lines);
        Ok(())
    }

    /// Text without a line end, shown at once: the prompt of an interactive command.
    pub(crate) fn prompt(&mut self, text: &str) {
        self.write(text.as_bytes());
    }

    /// A message beside the data; `-q` silences it, and so does `--json`, whose readers want data or an error only.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if !self.manner.quiet && !self.manner.json {
            self.tell(text.as_ref());
        }
    }

    /// Text to stderr as it stands.
    pub(crate) fn say(&self, text: &str) {
        self.tell(text);
    }

    /// A message that only `-v` shows.
    pub(crate) fn detail(&self, text: impl AsRef<str>) {
        if self.manner.verbose > 0 {
            self.tell(text.as_ref());
        }
    }

    /// A message that even `-q` shows: something the person must know although the command goes on.
    pub(crate) fn warn(&self, text: impl AsRef<str>) {
        if self.manner.json {
            self.tell(&json!({ "warning": { "message": text.as_ref() } }).to_string());
        } else {
            self.tell(&format!("warning: {}", text.as_ref()));
        }
    }

    /// The end of a command that failed.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.manner.json {
            self.tell(&failure.object().to_string());
        } else {
            failure.lines().iter().for_each(|line| self.tell(line));
        }
    }

    /// Emphasises a heading where the terminal can.
    pub(crate) fn bold(&self, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[1m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// Makes less important text faint where the terminal can.
    pub(crate) fn faint(&self, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[2m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.stdout_open && !bytes.is_empty() {
            self.stdout_open = self.terminal.write_out(bytes).is_ok();
        }
    }

    fn tell(&self, text: &str) {
        self.terminal.write_err(format!("{text}\n").as_bytes());
    }
}

fn unwritable(error: serde_json::Error) -> Failure {
    Failure::failed(format!("the answer could not be written: {error}"))
}
