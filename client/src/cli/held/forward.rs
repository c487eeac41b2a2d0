//! A command that is carried out by the process that has the vault, in the process where it was typed: hands over the words
//! and the surroundings, prints what comes, reads what is asked for, and ends with the exit code it is told.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use media::Kind;
use minicbor::bytes::ByteVec;
use zeroize::Zeroizing;

use super::frame::{self, Ask, FromCaller, FromHolder, Sender, VERSION};
use super::{FRAME_BYTES_MAX, OUTPUT_BYTES_MAX, socket};
use crate::cli::desk::Place;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::terminal::{OwnTerminal, PIECE_BYTES, Stream, Terminal};
use crate::cli::typed::Typed;
use crate::cli::unseen;

const _: () = assert!(OUTPUT_BYTES_MAX < FRAME_BYTES_MAX && PIECE_BYTES < FRAME_BYTES_MAX);

/// How handing a command over went.
pub(super) enum Forwarded {
    /// It was carried out, with this exit code.
    Ended(u8),
    /// Nobody has the vault, or nobody has it any more and nothing was done: this process may try itself.
    Unheld,
}

/// Hands a command over, if a process serves the vault.
///
/// # Errors
/// That process does not take it, or ended in the middle of it.
pub(super) fn try_out(
    typed: &Typed,
    place: &Place,
    terminal: &Arc<OwnTerminal>,
) -> Outcome<Forwarded> {
    let Some(stream) = socket::connect(&place.home) else {
        return Ok(Forwarded::Unheld);
    };
    let Ok(speaking) = stream.try_clone() else {
        return Ok(Forwarded::Unheld);
    };
    let mut caller = Caller {
        sender: Arc::new(Sender::new(speaking)),
        terminal: Arc::clone(terminal),
        started: false,
    };
    if caller.sender.send(&ask(typed, place, terminal)).is_err() {
        return Ok(Forwarded::Unheld);
    }
    if let Some(code) = caller.follow(&stream)? {
        return Ok(Forwarded::Ended(code));
    }
    unseen::show_typing_again();
    let untouched = !terminal.is_used();
    if untouched && (!caller.started || typed.is_repeatable()) || typed.goes_on() {
        return Ok(Forwarded::Unheld);
    }
    Err(lost(typed))
}

fn ask(typed: &Typed, place: &Place, terminal: &OwnTerminal) -> Ask {
    let bytes = |text: &std::ffi::OsStr| ByteVec::from(text.as_bytes().to_vec());
    Ask {
        version: VERSION.to_owned(),
        words: typed.words().iter().map(|word| bytes(word)).collect(),
        home: bytes(place.home.as_os_str()),
        folder: place
            .folder
            .as_ref()
            .map(|folder| bytes(folder.as_os_str())),
        zone: client::zone_name(),
        may_colour: terminal.may_colour(),
        terminals: [Stream::In, Stream::Out, Stream::Err]
            .map(|stream| terminal.is_terminal(stream)),
    }
}

/// What is known when the process that had the vault ended without an answer.
fn lost(typed: &Typed) -> Failure {
    let command = typed.who();
    Failure::failed(format!(
        "the process that had the vault ended in the middle of `{command}`; what it had acknowledged is saved, the rest may or may not be done"
    ))
    .hint("look (memoryvault status, memoryvault card list), then type the command again if it is still needed")
}

struct Caller {
    sender: Arc<Sender>,
    terminal: Arc<OwnTerminal>,
    /// The command may have done something.
    started: bool,
}

impl Caller {
    /// Does what comes until the command has ended; none when the connection ended before.
    fn follow(&mut self, stream: &UnixStream) -> Outcome<Option<u8>> {
        while let Ok(Some(said)) = frame::read(stream, FRAME_BYTES_MAX) {
            match said {
                FromHolder::OtherVersion(version) => return Err(other_version(&version)),
                FromHolder::OtherUser => return Err(other_user()),
                FromHolder::Started => self.started = true,
                FromHolder::Out(bytes) => {
                    if self.terminal.write_out(&bytes).is_err() {
                        // It may have ended meanwhile; then it needs not be told.
                        self.sender.send(&FromCaller::Deaf).ok();
                    }
                }
                FromHolder::Err(bytes) => self.terminal.write_err(&bytes),
                FromHolder::ReadLine => self.read(|terminal| terminal.read_line()),
                FromHolder::ReadPiece => self.read(|terminal| terminal.read_piece()),
                FromHolder::ReadUnseen(prompt) => {
                    self.read(move |terminal| terminal.read_unseen(&prompt));
                }
                FromHolder::Orderly => self.tell_interrupts(),
                FromHolder::Draw(path) => self.terminal.present(&local(path), Kind::Image),
                FromHolder::Play(path) => self.terminal.present(&local(path), Kind::Audio),
                FromHolder::HearOut => self.terminal.hear_out(),
                FromHolder::FallSilent => self.terminal.fall_silent(),
                FromHolder::End(code) => return Ok(Some(code)),
            }
        }
        Ok(None)
    }

    /// Reads on a thread of its own: should the other process end meanwhile, the person is told at once.
    fn read(
        &self,
        read: impl FnOnce(&OwnTerminal) -> io::Result<Zeroizing<Vec<u8>>> + Send + 'static,
    ) {
        let (sender, terminal) = (Arc::clone(&self.sender), Arc::clone(&self.terminal));
        let reading = thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || {
                let said = match read(&terminal) {
                    Ok(bytes) => FromCaller::Input(bytes.to_vec().into()),
                    Err(error) => FromCaller::InputFailed(error.to_string()),
                };
                // The connection's end is heard by the other thread.
                sender.send(&said).ok();
            });
        if let Err(error) = reading {
            self.sender
                .send(&FromCaller::InputFailed(error.to_string()))
                .ok();
        }
    }

    fn tell_interrupts(&self) {
        let sender = Arc::clone(&self.sender);
        self.terminal.on_interrupt(Box::new(move || {
            sender.send(&FromCaller::Interrupt).ok();
        }));
    }
}

/// A file as the process that has the vault names it: both are on one machine.
fn local(path: ByteVec) -> PathBuf {
    PathBuf::from(OsString::from_vec(path.into()))
}

fn other_version(version: &str) -> Failure {
    let (theirs, ours) = (short(version), short(VERSION));
    Failure::failed(format!(
        "the vault is in use by version {theirs} of memoryvault, and this is version {ours}"
    ))
    .hint("end that process (`memoryvault sync --watch` or `memoryvault study`), and start it again with the same version")
}

fn short(version: &str) -> String {
    crate::cli::table::clean(version)
}

fn other_user() -> Failure {
    Failure::failed("the vault is in use by a process of another user")
        .hint("type the command as the user whose vault it is")
}
