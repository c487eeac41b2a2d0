//! One direction of a connection: a byte stream with latency, a rate, and an end that may come after any byte.

use std::collections::VecDeque;

use crate::dice::Dice;

/// Bytes a socket takes before it lets its writer wait.
const SOCKET_BYTES: u64 = 128 * 1024;

/// Something on its way.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    Bytes(Vec<u8>),
    Ping,
    Pong,
    End,
}

/// What the receiver gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival {
    Frame(Vec<u8>),
    Ping,
    Pong,
    End,
}

/// A direction of a connection.
#[derive(Debug)]
pub struct Line {
    pieces: VecDeque<(u64, Piece)>,
    free_us: u64,
    last_us: u64,
    latency_us: u64,
    bytes_a_ms: u64,
    /// Nothing sent from now on arrives.
    broken: bool,
    received: Vec<u8>,
}

impl Line {
    pub fn new(latency_us: u64, bytes_a_ms: u64) -> Self {
        Self {
            pieces: VecDeque::new(),
            free_us: 0,
            last_us: 0,
            latency_us,
            bytes_a_ms,
            broken: false,
            received: Vec::new(),
        }
    }

    /// Sends a frame, cut into one to three pieces. Gives when they arrive.
    pub fn send(&mut self, frame: &[u8], now_us: u64, dice: &mut Dice) -> Vec<u64> {
        let mut bytes = (frame.len() as u32).to_be_bytes().to_vec();
        bytes.extend(frame);
        let mut times = Vec::new();
        for _ in 0..dice.roll(3) {
            if bytes.len() > 1 && dice.chance(300) {
                let rest = bytes.split_off(1 + dice.place(bytes.len() - 1));
                times.push(self.put(Piece::Bytes(std::mem::replace(&mut bytes, rest)), now_us));
            }
        }
        times.push(self.put(Piece::Bytes(bytes), now_us));
        times
    }

    /// Sends something else.
    pub fn put(&mut self, piece: Piece, now_us: u64) -> u64 {
        let len = match &piece {
            Piece::Bytes(bytes) => bytes.len() as u64,
            _ => 6,
        };
        self.free_us = self.free_us.max(now_us) + len * 1_000 / self.bytes_a_ms;
        self.last_us = self.last_us.max(self.free_us + self.latency_us);
        if !self.broken {
            self.pieces.push_back((self.last_us, piece));
        }
        self.last_us
    }

    /// When the socket takes more, if it does not now.
    pub fn busy_until(&self, now_us: u64) -> Option<u64> {
        let buffer_us = SOCKET_BYTES * 1_000 / self.bytes_a_ms;
        (self.free_us > now_us + buffer_us).then(|| self.free_us - buffer_us)
    }

    /// What has arrived by now.
    pub fn receive(&mut self, now_us: u64) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        while self.pieces.front().is_some_and(|(at, _)| *at <= now_us) {
            match self.pieces.pop_front() {
                Some((_, Piece::Bytes(bytes))) => {
                    self.received.extend(bytes);
                    self.take_frames(&mut arrivals);
                }
                Some((_, Piece::Ping)) => arrivals.push(Arrival::Ping),
                Some((_, Piece::Pong)) => arrivals.push(Arrival::Pong),
                Some((_, Piece::End)) => arrivals.push(Arrival::End),
                None => {}
            }
        }
        arrivals
    }

    fn take_frames(&mut self, arrivals: &mut Vec<Arrival>) {
        while let Some((len, rest)) = self.received.split_first_chunk::<4>() {
            let len = u32::from_be_bytes(*len) as usize;
            if rest.len() < len {
                return;
            }
            arrivals.push(Arrival::Frame(rest[..len].to_vec()));
            self.received.drain(..len + 4);
        }
    }

    /// Breaks the line: of the bytes under way only the first so many arrive.
    pub fn cut(&mut self, dice: &mut Dice) {
        self.broken = true;
        let under_way = |(_, piece): &(u64, Piece)| match piece {
            Piece::Bytes(bytes) => bytes.len(),
            _ => 0,
        };
        let total: usize = self.pieces.iter().map(under_way).sum();
        let mut left = match dice.roll(3) {
            0 => 0,
            1 => total,
            _ => dice.place(total + 1),
        };
        let mut kept = VecDeque::new();
        for (at, piece) in std::mem::take(&mut self.pieces) {
            if let Piece::Bytes(mut bytes) = piece {
                bytes.truncate(left);
                left -= bytes.len();
                if !bytes.is_empty() {
                    kept.push_back((at, Piece::Bytes(bytes)));
                }
            }
        }
        self.pieces = kept;
    }

    /// The sender is gone or has said all; what is under way still arrives.
    pub fn finish(&mut self) {
        self.broken = true;
    }
}
