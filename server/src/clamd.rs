//! Asking a clamd whether bytes are known malware (its `INSTREAM` command). Blocking.
//!
//! Without an answer nothing is stored: a scanner that is asked for and silent is not a clean bill.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;

use crate::limit;

/// Where a clamd listens: `host:port`, or the path of its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clamd {
    /// TCP.
    Tcp(String),
    /// A Unix socket.
    Unix(PathBuf),
}

/// What a clamd said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Clean,
    /// The name of what was found.
    Infected(String),
}

impl FromStr for Clamd {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        let port = text
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse::<u16>().ok());
        match port {
            Some(_) => Ok(Self::Tcp(text.to_owned())),
            None => Err("an address as host:port, or the absolute path of a socket".to_owned()),
        }
    }
}

impl Clamd {
    /// Has bytes looked at.
    ///
    /// # Errors
    /// It can not be reached, says nothing in time, or something that is no verdict.
    pub(crate) fn scan(&self, bytes: &[u8]) -> io::Result<Verdict> {
        match self {
            Self::Tcp(address) => {
                let socket = connect(address)?;
                socket.set_read_timeout(Some(limit::CLAMD_WAIT))?;
                socket.set_write_timeout(Some(limit::CLAMD_WAIT))?;
                instream(socket, bytes)
            }
            Self::Unix(path) => {
                let socket = UnixStream::connect(path)?;
                socket.set_read_timeout(Some(limit::CLAMD_WAIT))?;
                socket.set_write_timeout(Some(limit::CLAMD_WAIT))?;
                instream(socket, bytes)
            }
        }
    }
}

/// Connects to the first address of a name that answers.
fn connect(address: &str) -> io::Result<TcpStream> {
    let mut failed = io::Error::other("its name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, limit::CLAMD_WAIT) {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn instream(mut socket: impl Read + Write, bytes: &[u8]) -> io::Result<Verdict> {
    let sent = send(&mut socket, bytes);
    let mut said = Vec::new();
    let read = socket
        .take(limit::CLAMD_ANSWER_BYTES_MAX)
        .read_to_end(&mut said);
    // It may have answered before everything was sent: those words tell more than the broken line.
    if said.is_empty() {
        sent?;
        read?;
    }
    verdict(&String::from_utf8_lossy(&said))
}

fn send(socket: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    socket.write_all(b"zINSTREAM\0")?;
    for chunk in bytes.chunks(limit::CLAMD_CHUNK_BYTES) {
        let len = u32::try_from(chunk.len()).map_err(io::Error::other)?;
        socket.write_all(&len.to_be_bytes())?;
        socket.write_all(chunk)?;
    }
    socket.write_all(&0_u32.to_be_bytes())
}

fn verdict(said: &str) -> io::Result<Verdict> {
    let said = said.trim_end_matches(['\0', '\n']);
    let word = said.strip_prefix("stream: ").unwrap_or(said);
    if word == "OK" {
        return Ok(Verdict::Clean);
    }
    match word.strip_suffix(" FOUND") {
        Some(name) => Ok(Verdict::Infected(name.to_owned())),
        None => Err(io::Error::other(format!("it said {word:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_read_and_everything_else_is_an_error() {
        assert_eq!(verdict("stream: OK\0").ok(), Some(Verdict::Clean));
        let found = verdict("stream: Eicar-Signature FOUND\0").ok();
        assert_eq!(found, Some(Verdict::Infected("Eicar-Signature".to_owned())));
        for said in ["", "stream: OKAY", "INSTREAM size limit exceeded. ERROR\0"] {
            assert!(verdict(said).is_err(), "{said:?}");
        }
    }

    #[test]
    fn addresses_are_a_port_or_a_path() {
        assert_eq!(
            "127.0.0.1:3310".parse(),
            Ok(Clamd::Tcp("127.0.0.1:3310".to_owned()))
        );
        assert_eq!("/run/clamd".parse(), Ok(Clamd::Unix("/run/clamd".into())));
        assert!("clamd".parse::<Clamd>().is_err());
    }
}
