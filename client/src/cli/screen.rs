//! Where words go: data to stdout, messages to stderr, both as text for a person or as JSON for a program. A reader that
//! goes away (`memoryvault card list | head`) ends the printing quietly and never the work. What to say is decided by
//! the commands.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::json;

use super::failure::{Failure, Outcome};

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
    colour: bool,
    stdout_open: bool,
}

impl Screen {
    /// Looks once at the terminal and the environment.
    pub(crate) fn new(manner: Manner) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            manner,
            colour: !plain && io::stdout().is_terminal(),
            stdout_open: true,
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.manner.json
    }

    /// Says whether somebody still reads stdout; a long command may stop when not.
    pub(crate) fn is_open(&self) -> bool {
        self.stdout_open
    }

    /// One line of data for a person.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        self.write(text.as_ref(), "\n");
    }

    /// One JSON object on a line of its own.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> Outcome {
        // Not through `Value`: fields keep the order in which the library lists them.
        let text = serde_json::to_string(value).map_err(|error| {
            Failure::failed(format!("the answer could not be written: {error}"))
        })?;
        self.write(&text, "\n");
        Ok(())
    }

    /// Text without a line end, shown at once: the prompt of an interactive command.
    pub(crate) fn prompt(&mut self, text: &str) {
        self.write(text, "");
    }

    /// A message beside the data; `-q` silences it, and so does `--json`, whose readers want data or an error only.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if !self.manner.quiet && !self.manner.json {
            Self::tell(text.as_ref());
        }
    }

    /// Text to stderr as it stands.
    pub(crate) fn say(&self, text: &str) {
        Self::tell(text);
    }

    /// A message that only `-v` shows.
    pub(crate) fn detail(&self, text: impl AsRef<str>) {
        if self.manner.verbose > 0 {
            Self::tell(text.as_ref());
        }
    }

    /// A message that even `-q` shows: something the person must know although the command goes on.
    pub(crate) fn warn(&self, text: impl AsRef<str>) {
        if self.manner.json {
            Self::tell(&json!({ "warning": { "message": text.as_ref() } }).to_string());
        } else {
            Self::tell(&format!("warning: {}", text.as_ref()));
        }
    }

    /// The end of a command that failed.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.manner.json {
            Self::tell(&failure.object().to_string());
        } else {
            failure.lines().iter().for_each(|line| Self::tell(line));
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

    fn write(&mut self, text: &str, end: &str) {
        if !self.stdout_open {
            return;
        }
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.write_all(end.as_bytes()))
            .and_then(|()| stdout.flush());
        self.stdout_open = written.is_ok();
    }

    fn tell(text: &str) {
        // A closed stderr leaves nobody to tell; the exit code still speaks.
        writeln!(io::stderr().lock(), "{text}").ok();
    }
}
