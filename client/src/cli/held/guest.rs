//! A command that another process handed over, in the process that has the vault. It runs on a thread of its own with a
//! [`GuestTerminal`], which sends what is written to where the command was typed and asks there for what is read. A second
//! thread hears what comes back. When that process is gone, the command ends at the next thing it says, asks or begins.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use client::SharedVault;
use media::Kind;
use minicbor::bytes::ByteVec;
use zeroize::Zeroizing;

use super::frame::{self, Ask, AskVersion, FromCaller, FromHolder, Sender, VERSION};
use super::{ASK_BYTES_MAX, ASK_MAX, FRAME_BYTES_MAX, OUTPUT_BYTES_MAX, WRITE_POLL};
use crate::cli::desk::Place;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::terminal::{Stop, Stream, Terminal};
use crate::cli::typed::Typed;

type Input = io::Result<Zeroizing<Vec<u8>>>;

/// What both threads of a guest use.
#[derive(Debug)]
struct Line {
    sender: Arc<Sender>,
    /// Nobody reads stdout any more.
    deaf: AtomicBool,
    /// Nothing more comes from the caller: it is gone, or this process is ending.
    ended: AtomicBool,
    stop: Mutex<Option<StopBox>>,
}

struct StopBox(Stop);

impl std::fmt::Debug for StopBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stop")
    }
}

/// The streams of the process where a command was typed.
#[derive(Debug)]
pub(crate) struct GuestTerminal {
    line: Arc<Line>,
    inputs: Mutex<Receiver<Input>>,
    started: AtomicBool,
    /// The command goes on for ever: its caller takes the vault over when this process ends.
    goes_on: bool,
    may_colour: bool,
    terminals: [bool; 3],
}

/// Carries out what a process asks for, to its end.
pub(super) fn attend(
    stream: UnixStream,
    sender: Arc<Sender>,
    vault: Arc<SharedVault>,
    stranger: bool,
) {
    // A guest that says nothing or nonsense is nobody's guest; there is nobody to tell.
    if let Ok(Some(ask)) = greet(&stream, &sender, stranger) {
        carry_out(stream, &sender, vault, ask).ok();
    }
    sender.hang_up();
}

/// Hears what is wanted; none when it is not to be done. Even who is turned away is heard out: the system would throw an
/// answer away together with a question that was not read.
fn greet(stream: &UnixStream, sender: &Sender, stranger: bool) -> io::Result<Option<Ask>> {
    stream.set_write_timeout(Some(WRITE_POLL))?;
    stream.set_read_timeout(Some(ASK_MAX))?;
    let Some(bytes) = frame::read_bytes(stream, ASK_BYTES_MAX)? else {
        return Ok(None);
    };
    stream.set_read_timeout(None)?;
    if stranger {
        sender.send(&FromHolder::OtherUser)?;
        return Ok(None);
    }
    let malformed = |_| io::Error::from(io::ErrorKind::InvalidData);
    let asking: AskVersion = minicbor::decode(&bytes).map_err(malformed)?;
    if asking.version != VERSION {
        sender.send(&FromHolder::OtherVersion(VERSION.to_owned()))?;
        return Ok(None);
    }
    minicbor::decode(&bytes).map(Some).map_err(malformed)
}

fn carry_out(
    stream: UnixStream,
    sender: &Arc<Sender>,
    vault: Arc<SharedVault>,
    ask: Ask,
) -> io::Result<()> {
    if let Some(zone) = &ask.zone {
        client::work_in_zone(zone);
    }
    let words = ask.words.into_iter();
    let words = words.map(|word| OsString::from_vec(word.into())).collect();
    // The same version understood it there.
    let typed = Typed::read(words).map_err(io::Error::other)?;
    let line = Arc::new(Line {
        sender: Arc::clone(sender),
        deaf: AtomicBool::new(false),
        ended: AtomicBool::new(false),
        stop: Mutex::new(None),
    });
    let (heard, inputs) = mpsc::channel();
    let hearing = Arc::clone(&line);
    let ear = thread::Builder::new()
        .name("guest-input".to_owned())
        .spawn(move || hearing.hear(&stream, &heard))?;
    let terminal = GuestTerminal {
        line,
        inputs: Mutex::new(inputs),
        started: AtomicBool::new(false),
        goes_on: typed.goes_on(),
        may_colour: ask.may_colour,
        terminals: ask.terminals,
    };
    let path = |bytes: ByteVec| PathBuf::from(OsString::from_vec(bytes.into()));
    let place = Place {
        home: path(ask.home),
        folder: ask.folder.map(path),
    };
    let terminal = Arc::new(terminal);
    let code = crate::cli::run_for_guest(&typed, place, vault, Arc::clone(&terminal) as _);
    let ended = if terminal.is_given_back() {
        // The caller learns by the bare end that it may do the command itself.
        Ok(())
    } else {
        sender.send(&FromHolder::End(code))
    };
    sender.hang_up();
    // It ends with the connection.
    ear.join().ok();
    ended
}

impl Line {
    /// Hears the caller until it is gone.
    fn hear(&self, stream: &UnixStream, heard: &mpsc::Sender<Input>) {
        while let Ok(Some(said)) = frame::read(stream, FRAME_BYTES_MAX) {
            let input = match said {
                FromCaller::Input(bytes) => Ok(Zeroizing::new(bytes.into())),
                FromCaller::InputFailed(why) => Err(io::Error::other(why)),
                FromCaller::Interrupt => {
                    self.stop();
                    continue;
                }
                FromCaller::Deaf => {
                    self.deaf.store(true, Ordering::SeqCst);
                    continue;
                }
            };
            if heard.send(input).is_err() {
                break;
            }
        }
        self.ended.store(true, Ordering::SeqCst);
        self.stop();
    }

    fn stop(&self) {
        let stop = self
            .stop
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(StopBox(stop)) = stop {
            stop();
        }
    }
}

impl GuestTerminal {
    fn ask(&self, wanted: &FromHolder) -> Input {
        self.line.sender.send(wanted)?;
        let inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        inputs
            .recv()
            .map_err(|_| io::Error::other("the process that has the vault is ending"))?
    }

    fn has_ended(&self) -> bool {
        self.line.ended.load(Ordering::SeqCst)
    }

    /// Whether the caller may do the command itself: it was kept from beginning, or goes on for ever.
    fn is_given_back(&self) -> bool {
        self.has_ended() && (self.goes_on || !self.started.load(Ordering::SeqCst))
    }
}

impl Terminal for GuestTerminal {
    fn is_terminal(&self, stream: Stream) -> bool {
        let [stdin, stdout, stderr] = self.terminals;
        match stream {
            Stream::In => stdin,
            Stream::Out => stdout,
            Stream::Err => stderr,
        }
    }

    fn may_colour(&self) -> bool {
        self.may_colour
    }

    fn write_out(&self, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunks(OUTPUT_BYTES_MAX) {
            if self.line.deaf.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.line
                .sender
                .send(&FromHolder::Out(part.to_vec().into()))?;
        }
        Ok(())
    }

    fn write_err(&self, bytes: &[u8]) {
        if self.is_given_back() {
            return;
        }
        for part in bytes.chunks(OUTPUT_BYTES_MAX) {
            self.line
                .sender
                .send(&FromHolder::Err(part.to_vec().into()))
                .ok();
        }
    }

    fn read_line(&self) -> Input {
        self.ask(&FromHolder::ReadLine)
    }

    fn read_piece(&self) -> Input {
        self.ask(&FromHolder::ReadPiece)
    }

    fn read_unseen(&self, prompt: &str) -> Input {
        self.ask(&FromHolder::ReadUnseen(prompt.to_owned()))
    }

    fn on_interrupt(&self, stop: Stop) {
        let mut slot = self
            .line
            .stop
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *slot = Some(StopBox(stop));
        drop(slot);
        if self.line.sender.send(&FromHolder::Orderly).is_err() || self.has_ended() {
            self.line.stop();
        }
    }

    fn present(&self, path: &Path, kind: Kind) {
        let path = ByteVec::from(path.as_os_str().as_bytes().to_vec());
        let wanted = match kind {
            Kind::Image => FromHolder::Draw(path),
            Kind::Audio => FromHolder::Play(path),
        };
        // A caller that is gone is noticed at the next thing that counts.
        self.line.sender.send(&wanted).ok();
    }

    fn hear_out(&self) {
        self.line.sender.send(&FromHolder::HearOut).ok();
    }

    fn fall_silent(&self) {
        self.line.sender.send(&FromHolder::FallSilent).ok();
    }

    fn begin(&self) -> Outcome {
        let gone = || {
            Failure::failed("the process that has the vault is ending; this was not done")
                .hint("type the command again")
        };
        if self.has_ended() {
            return Err(gone());
        }
        if !self.started.swap(true, Ordering::SeqCst) {
            self.line
                .sender
                .send(&FromHolder::Started)
                .map_err(|_| gone())?;
        }
        Ok(())
    }
}
