//! Through what a command talks: the streams of this process, or those of another process that handed its command over
//! (`held::guest`). Commands, screen and questions use nothing else, so that both give the same output.

use std::fmt::Debug;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use media::Kind;
use zeroize::Zeroizing;

use super::config;
use super::failure::Outcome;
use super::present::{self, Player};
use super::{interrupt, unseen};

/// Bytes of stdin that are taken at a time.
pub(crate) const PIECE_BYTES: usize = 64 * 1024;
/// Nothing longer is a line that somebody typed; the rest of it is left out.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// A stream of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    In,
    Out,
    Err,
}

/// What ends a command in order when the person interrupts it.
pub(crate) type Stop = Box<dyn FnOnce() + Send>;

/// The streams of the process where the person is.
pub(crate) trait Terminal: Debug + Send + Sync {
    /// Whether a person sits at the other end of a stream.
    fn is_terminal(&self, stream: Stream) -> bool;

    /// Whether a person sits at both ends of a terminal of this process that can be drawn on.
    fn takes_the_screen(&self) -> bool {
        false
    }

    /// Whether output may be coloured, as far as the person's wishes say.
    fn may_colour(&self) -> bool;

    /// Writes to stdout, at once. An error says that nobody reads any more.
    fn write_out(&self, bytes: &[u8]) -> io::Result<()>;

    /// Writes to stderr. A closed one leaves nobody to tell; the exit code still speaks.
    fn write_err(&self, bytes: &[u8]);

    /// Reads a line of stdin with its end; nothing at the end of the input.
    fn read_line(&self) -> io::Result<Zeroizing<Vec<u8>>>;

    /// Reads some bytes of stdin, [`PIECE_BYTES`] at most; nothing at the end of the input.
    fn read_piece(&self) -> io::Result<Zeroizing<Vec<u8>>>;

    /// Asks for a line that is not shown while it is typed.
    fn read_unseen(&self, prompt: &str) -> io::Result<Zeroizing<Vec<u8>>>;

    /// Sets what the next interrupt does instead of ending the process at once.
    fn on_interrupt(&self, stop: Stop);

    /// Shows the picture or plays the sound in a file of the vault, where a person sits at the terminal.
    fn present(&self, path: &Path, kind: Kind);

    /// Waits until the sound that plays, if any, has been heard.
    fn hear_out(&self);

    /// Ends the sound that plays.
    fn fall_silent(&self);

    /// Called whenever the vault is about to be used.
    ///
    /// # Errors
    /// The process that wanted the command is gone.
    fn begin(&self) -> Outcome;
}

/// A line as text.
pub(crate) fn text_line(terminal: &dyn Terminal) -> io::Result<Zeroizing<String>> {
    as_text(&terminal.read_line()?)
}

/// Bytes that a person typed or piped, as text.
pub(crate) fn as_text(bytes: &[u8]) -> io::Result<Zeroizing<String>> {
    std::str::from_utf8(bytes)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "stream did not contain valid UTF-8",
            )
        })
}

/// Stdin as a reader.
pub(crate) struct Input<'a> {
    terminal: &'a dyn Terminal,
    piece: Zeroizing<Vec<u8>>,
    taken: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn of(terminal: &'a dyn Terminal) -> Self {
        Self {
            terminal,
            piece: Zeroizing::default(),
            taken: 0,
        }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken >= self.piece.len() {
            self.piece = self.terminal.read_piece()?;
            self.taken = 0;
        }
        let mut left = self.piece.get(self.taken..).unwrap_or_default();
        let count = left.read(into)?;
        self.taken += count;
        Ok(count)
    }
}

/// The streams of this process.
#[derive(Debug, Default)]
pub(crate) struct OwnTerminal {
    used: AtomicBool,
    /// The sound that plays.
    player: Mutex<Option<Player>>,
}

impl OwnTerminal {
    /// Whether anything was written or read: then a command cannot begin again as if nothing had happened.
    pub(crate) fn is_used(&self) -> bool {
        self.used.load(Ordering::SeqCst)
    }

    fn note_use(&self) {
        self.used.store(true, Ordering::SeqCst);
    }
}

impl Terminal for OwnTerminal {
    fn is_terminal(&self, stream: Stream) -> bool {
        match stream {
            Stream::In => io::stdin().is_terminal(),
            Stream::Out => io::stdout().is_terminal(),
            Stream::Err => io::stderr().is_terminal(),
        }
    }

    fn takes_the_screen(&self) -> bool {
        let can_draw =
            std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        can_draw && self.is_terminal(Stream::In) && self.is_terminal(Stream::Out)
    }

    fn may_colour(&self) -> bool {
        let is_wished = config::present().colour.unwrap_or(true);
        is_wished && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    fn write_out(&self, bytes: &[u8]) -> io::Result<()> {
        self.note_use();
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    }

    fn write_err(&self, bytes: &[u8]) {
        self.note_use();
        io::stderr().lock().write_all(bytes).ok();
    }

    fn read_line(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        self.note_use();
        let mut stdin = io::stdin().lock();
        let mut line = Zeroizing::new(Vec::new());
        (&mut stdin)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)?;
        if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
            stdin.skip_until(b'\n')?;
        }
        Ok(line)
    }

    fn read_piece(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        self.note_use();
        let mut piece = Zeroizing::new(vec![0; PIECE_BYTES]);
        let count = io::stdin().lock().read(&mut piece)?;
        piece.truncate(count);
        Ok(piece)
    }

    fn read_unseen(&self, prompt: &str) -> io::Result<Zeroizing<Vec<u8>>> {
        self.write_err(format!("{prompt}: ").as_bytes());
        let hidden = unseen::begin();
        let read = self.read_line();
        drop(hidden);
        self.write_err(b"\n");
        read
    }

    fn on_interrupt(&self, stop: Stop) {
        interrupt::on_next(stop);
    }

    fn present(&self, path: &Path, kind: Kind) {
        if !self.is_terminal(Stream::Out) {
            return;
        }
        self.note_use();
        match kind {
            Kind::Image => present::draw(path),
            Kind::Audio => {
                let mut playing = self.player.lock().unwrap_or_else(PoisonError::into_inner);
                // One sound at a time; several of one card follow each other.
                if let Some(player) = playing.take() {
                    player.finish();
                }
                match present::play(path) {
                    Ok(player) => *playing = Some(player),
                    Err(why) => self.write_err(format!("{why}\n").as_bytes()),
                }
            }
        }
    }

    fn fall_silent(&self) {
        drop(
            self.player
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }

    fn hear_out(&self) {
        let player = self
            .player
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(player) = player {
            player.finish();
        }
    }

    fn begin(&self) -> Outcome {
        Ok(())
    }
}
