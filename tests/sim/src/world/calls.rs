//! Connections: how a device calls the server, what a connection is made of, and how it ends.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::{BlobHash, ChangeHash, DocId};
use sync_protocol::device::Output;
use sync_protocol::limit::PING_MS;
use sync_protocol::server::WriteBlob;
use sync_protocol::{CloseCode, DeviceSession, DocChange, Limits, ServerSession, opening_fit};

use super::{Event, World};
use crate::device::{Begin, Op};
use crate::line::{Line, Piece};
use crate::server::ConnId;
use crate::server::Turn;
use crate::trace::words;

/// The device's end.
#[derive(Debug)]
pub struct DeviceEnd {
    pub session: DeviceSession,
    pub deadline_us: u64,
}

/// The server's end.
#[derive(Debug)]
pub struct ServerEnd {
    pub session: ServerSession,
    pub deadline_us: u64,
    pub token: u64,
    pub jobs: usize,
    pub appends: VecDeque<(u64, Vec<DocChange>)>,
    pub appending: bool,
    pub pieces: BTreeMap<BlobHash, Vec<WriteBlob>>,
    /// What the device is to be recorded as with the next batch that gets to the disk.
    pub turn: Option<Turn>,
    /// Over; its jobs still end.
    pub over: bool,
}

/// What was said on a connection, for the checks.
#[derive(Debug, Default)]
pub struct Said {
    /// Changes of each batch on its way to the server.
    pub pushed: BTreeMap<u64, Vec<(DocId, ChangeHash)>>,
    /// Positions of them that were refused.
    pub refused: BTreeSet<(u64, u32)>,
    /// Changes of each frame on its way to the device.
    pub sent: VecDeque<Vec<(DocId, ChangeHash)>>,
}

/// A connection.
#[derive(Debug)]
pub struct Conn {
    pub device: usize,
    pub device_life: u32,
    pub account: usize,
    pub server_life: u32,
    /// What a person did to the server's data before this connection.
    pub era: u32,
    /// Messages that travel in the request which opens the connection.
    pub opening: Vec<Vec<u8>>,
    /// The server took them from it.
    pub heard: bool,
    pub latency_us: u64,
    pub up: Line,
    pub down: Line,
    /// The clocks of the two ends begin anywhere.
    pub device_base_ms: u64,
    pub server_base_ms: u64,
    /// The server has answered the request, and the device has heard it.
    pub upgraded: bool,
    pub device_end: Option<DeviceEnd>,
    pub server_end: Option<ServerEnd>,
    /// Something was done to it: it may run into a deadline.
    pub hurt: bool,
    pub clock_jumped: bool,
    pub opened_us: u64,
    pub said: Said,
}

impl Conn {
    pub fn device_ms(&self, now_us: u64) -> u64 {
        self.device_base_ms + now_us / 1_000
    }

    pub fn server_ms(&self, now_us: u64) -> u64 {
        self.server_base_ms + now_us / 1_000
    }
}

impl World {
    /// A device begins a call: first its store prepares it.
    pub fn dial(&mut self, device: usize, life: u32) {
        let of = &mut self.devices[device];
        if of.life != life || !of.running {
            return;
        }
        of.dialling = false;
        if of.offline || of.locked_out || of.conn.is_some() {
            return;
        }
        of.dialling = true;
        self.ask_store(device, Op::Begin);
    }

    /// Calls with what the store prepared.
    pub fn call(&mut self, device: usize, begin: Begin) {
        let id = self.fresh();
        let latency_us = 1 + self.dice.roll(self.climate.latency_us);
        let slowest = self.climate.bytes_a_ms_min;
        let (up, down) = (
            self.dice.between(slowest, 20_000),
            self.dice.between(slowest, 20_000),
        );
        let of = &mut self.devices[device];
        of.dialling = false;
        of.conn = Some(id);
        let token = of.rows.token;
        let conn = Conn {
            device,
            device_life: of.life,
            account: of.account,
            server_life: self.server.life,
            era: self.server.era,
            opening: Vec::new(),
            heard: false,
            latency_us,
            up: Line::new(latency_us, up),
            down: Line::new(latency_us, down),
            device_base_ms: self.dice.roll(1 << 40),
            server_base_ms: self.dice.roll(1 << 40),
            upgraded: false,
            device_end: None,
            server_end: None,
            hurt: false,
            clock_jumped: false,
            opened_us: self.now_us,
            said: Said::default(),
        };
        self.conns.insert(id, conn);
        self.note(|| format!("device {device} calls: connection {id}"));
        self.open(id, begin);
        self.at(self.now_us + latency_us, Event::Ring { conn: id, token });
    }

    /// The session begins before the connection is there: its first messages travel in the request.
    fn open(&mut self, id: ConnId, begin: Begin) {
        let now_us = self.now_us;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let now = conn.device_ms(now_us);
        let mut session = DeviceSession::open(begin.config, now);
        session.push_early(begin.outbox);
        let device = conn.device;
        let mut frames = Vec::new();
        while let Some(output) = session.poll_output(now) {
            let Output::Transmit(frame) = output else {
                panic!("wanted before the server has answered: {output:?}");
            };
            self.check_device_says(id, &frame);
            self.note(|| format!("device {device} opens {id} with {}", words(&frame)));
            frames.push(frame.encode());
        }
        if let Some(conn) = self.conns.get_mut(&id) {
            assert_eq!(opening_fit(&frames), frames.len(), "all of it fits");
            conn.opening = frames;
            conn.device_end = Some(DeviceEnd {
                session,
                deadline_us: u64::MAX,
            });
        }
    }

    /// The server hears a call.
    pub fn ring(&mut self, id: ConnId, token: u64) {
        let server = &mut self.server;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        conn.server_life = server.life;
        conn.era = server.era;
        let mut taken = server.running;
        let mut known = true;
        if taken {
            let account = &mut server.accounts[conn.account];
            match account.seen.device_of(token) {
                Some(device) => taken = account.hub.join(id, device),
                None => known = false,
            }
        }
        let at = self.now_us + conn.latency_us;
        let answer = Event::Upgraded {
            conn: id,
            taken: taken && known,
        };
        if taken && known {
            conn.server_end = Some(ServerEnd {
                session: ServerSession::accept(Limits::default(), conn.server_ms(self.now_us)),
                deadline_us: u64::MAX,
                token,
                jobs: 0,
                appends: VecDeque::new(),
                appending: false,
                pieces: BTreeMap::new(),
                turn: None,
                over: false,
            });
            self.soon(
                PING_MS * 1_000,
                Event::Ping {
                    conn: id,
                    server: true,
                },
            );
            self.hear_opening(id);
        }
        self.at(at, answer);
        if !known {
            let device = self.conns[&id].device;
            self.devices[device].locked_out = true;
        }
        self.drain_server(id);
    }

    /// What came in the request counts as said, unless something on the way took it out: then the device says hello again.
    fn hear_opening(&mut self, id: ConnId) {
        let (now_us, is_taken) = (self.now_us, self.dice.chance(900));
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let now = conn.server_ms(now_us);
        let opening = std::mem::take(&mut conn.opening);
        conn.heard = is_taken;
        if is_taken && let Some(end) = &mut conn.server_end {
            for frame in opening {
                end.session.handle_message(&frame, now);
            }
        }
    }

    /// The device hears whether its call was taken.
    pub fn upgraded(&mut self, id: ConnId, taken: bool) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let of = &mut self.devices[conn.device];
        if of.life != conn.device_life || of.conn != Some(id) {
            return;
        }
        if !taken {
            of.conn = None;
            let device = conn.device;
            self.conns.remove(&id);
            self.dial_again(device);
            return;
        }
        conn.upgraded = true;
        if let Some(end) = conn.device_end.as_mut().filter(|_| !conn.heard) {
            end.session.say_hello_again();
        }
        self.soon(
            PING_MS * 1_000,
            Event::Ping {
                conn: id,
                server: false,
            },
        );
        self.drain_device(id);
    }

    /// A device without a connection calls again after a while.
    pub fn dial_again(&mut self, device: usize) {
        let longest = if self.healing { 50_000 } else { 2_000_000 };
        let of = &mut self.devices[device];
        if !of.running || of.offline || of.locked_out || of.dialling || of.conn.is_some() {
            return;
        }
        of.dialling = true;
        let life = of.life;
        self.soon(longest, Event::Dial { device, life });
    }

    pub fn ping(&mut self, id: ConnId, server: bool) {
        let now_us = self.now_us;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let (is_open, line) = if server {
            (
                conn.server_end.as_ref().is_some_and(|end| !end.over),
                &mut conn.down,
            )
        } else {
            (conn.device_end.is_some(), &mut conn.up)
        };
        if is_open {
            let at = line.put(Piece::Ping, now_us);
            self.at(
                at,
                Event::Arrive {
                    conn: id,
                    up: !server,
                },
            );
            self.at(now_us + PING_MS * 1_000, Event::Ping { conn: id, server });
        }
    }

    /// Breaks a connection. Each end learns of it soon, late, or by its own deadline.
    pub fn break_line(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        conn.hurt = true;
        conn.up.cut(&mut self.dice);
        conn.down.cut(&mut self.dice);
        for server in [true, false] {
            let after_us = match self.dice.roll(4) {
                0 => continue,
                1 => 150_000_000,
                _ => 300_000,
            };
            self.soon(after_us, Event::Gone { conn: id, server });
        }
    }

    /// Forgets a connection both of whose ends are gone.
    pub fn forget_conn(&mut self, id: ConnId) {
        let gone = self.conns.get(&id).is_some_and(|conn| {
            conn.device_end.is_none()
                && conn.server_end.is_none()
                && self.devices[conn.device].conn != Some(id)
        });
        if gone {
            self.conns.remove(&id);
        }
    }

    /// Whether an end's words blame a peer that did nothing wrong.
    pub fn check_closing(&mut self, id: ConnId, who: &str, code: CloseCode, reason: &str) {
        let Some(conn) = self.conns.get(&id) else {
            return;
        };
        let excused = match code {
            CloseCode::Done
            | CloseCode::GoingAway
            | CloseCode::Unavailable
            | CloseCode::Unauthorized => true,
            CloseCode::HandshakeTimeout | CloseCode::Idle | CloseCode::Stalled => conn.hurt,
            // Only what was made to fail fails.
            CloseCode::Internal => self.devices[conn.device].full || self.server.full || conn.hurt,
            _ => false,
        };
        if !excused {
            self.fail(format!(
                "{who} of connection {id} closes with {code}: {reason}"
            ));
        }
    }
}
