//! A server that does not keep to the protocol: silent, half a message, a flood, other bytes than were asked for.

use std::io::Write;
use std::net::TcpStream;

use sync_protocol::{BlobData, BlobGet};
use tokio_tungstenite::tungstenite::{Message, WebSocket};

use super::{Shared, to_message, welcome};
use crate::media::random_bytes;

/// What it does after the upgrade.
#[derive(Debug, Clone)]
pub enum Rude {
    /// It never says anything.
    Silent,
    /// It says `Welcome`, and never sends what that promised.
    SilentAfterWelcome,
    /// It says `Welcome` and the beginning of a message, and then nothing more.
    HalfAMessage,
    /// It hangs up in the middle of a message.
    HangUpInAMessage,
    /// It says `Welcome`, and then these until the device leaves.
    Flood(Vec<Message>),
    /// It sends so many other bytes for every blob that it is asked for. Honest in all else.
    WrongBytes {
        /// How many.
        len: usize,
    },
}

impl Rude {
    /// Whether nothing honest comes beside it.
    pub(super) fn is_all_there_is(&self) -> bool {
        !matches!(self, Self::WrongBytes { .. })
    }
}

/// A session until the device has left.
pub(super) fn session(shared: &Shared, socket: &mut WebSocket<TcpStream>, how: &Rude) {
    let says_welcome = !matches!(how, Rude::Silent);
    if says_welcome && socket.send(to_message(welcome(shared))).is_err() {
        return;
    }
    match how {
        Rude::HalfAMessage | Rude::HangUpInAMessage => {
            // The head of a binary message of 1 000 bytes (RFC 6455, 5.2), and ten of them.
            let begun = [&[0x82, 126, 0x03, 0xe8][..], &[0; 10]].concat();
            if socket.get_mut().write_all(&begun).is_err() || matches!(how, Rude::HangUpInAMessage)
            {
                return;
            }
        }
        Rude::Flood(messages) => {
            while messages
                .iter()
                .all(|message| socket.send(message.clone()).is_ok())
            {}
            return;
        }
        Rude::Silent | Rude::SilentAfterWelcome | Rude::WrongBytes { .. } => {}
    }
    while socket.read().is_ok() {}
}

/// Answers that name what was asked for and are something else.
pub(super) fn wrong_bytes(get: &BlobGet, len: usize) -> Vec<Message> {
    let wrong = random_bytes(9, len);
    let answer = |hash| {
        to_message(BlobData {
            hash,
            offset: 0,
            total: len as u64,
            bytes: wrong.clone(),
            relayed: false,
        })
    };
    get.items.iter().map(|item| answer(item.hash)).collect()
}
