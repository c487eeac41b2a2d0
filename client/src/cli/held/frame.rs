//! What two processes of one program say to each other on the socket of a vault: a length of four bytes, big-endian, and
//! that many bytes of CBOR. The first frame of the caller is an [`Ask`] and stands alone, so that another version can at
//! least read which version asks; versions do not mix, because both ends are the same program on the same machine.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// What must be equal at both ends.
pub(super) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (local 1)");

/// A command with its surroundings.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Ask {
    /// The version of the program that asks: the first field in every version.
    #[n(0)]
    pub(super) version: String,
    /// The command line, the program's name first.
    #[n(1)]
    pub(super) words: Vec<ByteVec>,
    /// The vault's folder, as the caller names it.
    #[n(2)]
    pub(super) home: ByteVec,
    /// The working directory, if there is one.
    #[n(3)]
    pub(super) folder: Option<ByteVec>,
    /// The time zone, where it has a name.
    #[n(4)]
    pub(super) zone: Option<String>,
    /// Whether the surroundings allow colours.
    #[n(5)]
    pub(super) may_colour: bool,
    /// Which of stdin, stdout and stderr are terminals.
    #[n(6)]
    pub(super) terminals: [bool; 3],
}

/// The part of an [`Ask`] that every version can read.
#[derive(Debug, Decode)]
pub(super) struct AskVersion {
    #[n(0)]
    pub(super) version: String,
}

/// What the caller says later.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum FromCaller {
    /// What was read of stdin, as it was asked for; nothing at its end.
    #[n(0)]
    Input(#[n(0)] ByteVec),
    /// Stdin could not be read.
    #[n(1)]
    InputFailed(#[n(0)] String),
    /// The person wants the command to end.
    #[n(2)]
    Interrupt,
    /// Nobody reads stdout any more.
    #[n(3)]
    Deaf,
}

/// What the process that has the vault says.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum FromHolder {
    /// It does not carry the command out: another version, told here.
    #[n(0)]
    OtherVersion(#[n(0)] String),
    /// It does not carry the command out: the caller is another user.
    #[n(1)]
    OtherUser,
    /// From here on the command may have done something.
    #[n(2)]
    Started,
    /// For stdout.
    #[n(3)]
    Out(#[n(0)] ByteVec),
    /// For stderr.
    #[n(4)]
    Err(#[n(0)] ByteVec),
    /// Read a line of stdin.
    #[n(5)]
    ReadLine,
    /// Read a piece of stdin.
    #[n(6)]
    ReadPiece,
    /// Show this and read a line unseen.
    #[n(7)]
    ReadUnseen(#[n(0)] String),
    /// The next interrupt is to be told instead of ending the caller.
    #[n(8)]
    Orderly,
    /// The command has ended with this exit code.
    #[n(9)]
    End(#[n(0)] u8),
    /// Show the picture in this file.
    #[n(10)]
    Draw(#[n(0)] ByteVec),
    /// Play the sound in this file.
    #[n(11)]
    Play(#[n(0)] ByteVec),
    /// Wait until the sound has been heard.
    #[n(12)]
    HearOut,
    /// End the sound.
    #[n(13)]
    FallSilent,
}

/// The sending half of a connection; frames of several threads do not mix.
#[derive(Debug)]
pub(super) struct Sender {
    stream: Mutex<UnixStream>,
    /// This process is ending: whoever does not read now is not waited for.
    hurried: AtomicBool,
}

impl Sender {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream: Mutex::new(stream),
            hurried: AtomicBool::new(false),
        }
    }

    /// Sends a frame whole. Waits for a slow reader as long as it is there and there is time.
    pub(super) fn send(&self, frame: &impl Encode<()>) -> io::Result<()> {
        let body = minicbor::to_vec(frame).map_err(io::Error::other)?;
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        let whole = [&length.to_be_bytes()[..], &body].concat();
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = whole.as_slice();
        while !left.is_empty() {
            match stream.write(left) {
                Ok(count) => left = left.get(count..).unwrap_or_default(),
                Err(error) if is_passing(&error) && !self.hurried.load(Ordering::SeqCst) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says that there is no more time to wait for a slow reader.
    pub(super) fn hurry(&self) {
        self.hurried.store(true, Ordering::SeqCst);
    }

    /// Ends the connection, both ways.
    pub(super) fn hang_up(&self) {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        // Closed by the other end already: just as well.
        stream.shutdown(Shutdown::Both).ok();
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// Reads the bytes of a frame; none at the end of the connection between two frames.
pub(super) fn read_bytes(mut stream: impl Read, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let mut got = 0;
    while got < length.len() {
        let room = length.get_mut(got..).unwrap_or_default();
        match stream.read(room) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => got += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > bytes_max {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = Vec::new();
    // What is promised is not set aside before it comes.
    stream
        .take(u64::try_from(length).unwrap_or(u64::MAX))
        .read_to_end(&mut body)?;
    if body.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(body))
}

/// Reads a frame; none at the end of the connection between two frames.
pub(super) fn read<T: for<'b> Decode<'b, ()>>(
    stream: impl Read,
    bytes_max: usize,
) -> io::Result<Option<T>> {
    read_bytes(stream, bytes_max)?
        .map(|body| {
            minicbor::decode(&body).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Ask {
        Ask {
            version: VERSION.to_owned(),
            words: vec![b"memoryvault".to_vec().into(), b"\xff".to_vec().into()],
            home: b"/vault".to_vec().into(),
            folder: None,
            zone: Some("Europe/Berlin".to_owned()),
            may_colour: false,
            terminals: [true, false, true],
        }
    }

    #[test]
    fn frames_come_back_as_they_were() {
        let (here, there) = UnixStream::pair().unwrap();
        let sender = Sender::new(here);
        sender.send(&ask()).unwrap();
        sender.send(&FromHolder::End(7)).unwrap();
        drop(sender);
        assert_eq!(read::<Ask>(&there, 1_000).unwrap(), Some(ask()));
        let end = read::<FromHolder>(&there, 1_000).unwrap();
        assert_eq!(end, Some(FromHolder::End(7)));
        assert_eq!(read::<FromHolder>(&there, 1_000).unwrap(), None);
    }

    #[test]
    fn a_later_version_is_recognised_by_its_ask() {
        let later = minicbor::to_vec(("9.9.9 (local 7)", 5, [[1]], "more")).unwrap();
        let read: AskVersion = minicbor::decode(&later).unwrap();
        assert_eq!(read.version, "9.9.9 (local 7)");
    }

    #[test]
    fn what_is_too_long_or_too_short_is_an_error() {
        let whole = minicbor::to_vec(FromCaller::Interrupt).unwrap();
        let framed = |length: u32| [&length.to_be_bytes()[..], &whole].concat();
        let length = u32::try_from(whole.len()).unwrap();
        for bytes in [framed(length + 1), framed(u32::MAX), framed(0), vec![0, 0]] {
            assert!(
                read::<FromCaller>(bytes.as_slice(), 1_000).is_err(),
                "{bytes:?}"
            );
        }
    }
}
