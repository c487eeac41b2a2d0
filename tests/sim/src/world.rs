//! The world: what is under way, in the order in which it happens, and the step that lets the next thing happen.

mod acts;
mod calls;
mod device_end;
mod device_store;
mod faults;
mod heal;
mod server_answers;
mod server_end;
mod server_jobs;

use std::collections::BTreeMap;

use domain::{BlobHash, VaultId};
use sync_protocol::LogEpoch;
use sync_protocol::device::WriteBlob;

use crate::check::Checks;
use crate::device::Device;
use crate::dice::Dice;
use crate::model::Model;
use crate::server::{ConnId, Done, Job, Server};
use crate::trace::Trace;

pub use calls::Conn;

/// The wall clock when the world begins.
pub const WALL_MS: i64 = 1_700_000_000_000;

/// Something that is going to happen.
#[derive(Debug)]
pub enum Event {
    /// The person or fate does something, and the next time is set.
    Act,
    /// Bytes reach the server (`up`) or the device.
    Arrive {
        conn: ConnId,
        up: bool,
    },
    /// One end learns that the connection is gone.
    Gone {
        conn: ConnId,
        server: bool,
    },
    /// A deadline of one end.
    Deadline {
        conn: ConnId,
        server: bool,
    },
    /// A socket takes more.
    Writable {
        conn: ConnId,
        server: bool,
    },
    Ping {
        conn: ConnId,
        server: bool,
    },
    /// A device's store has done what is first in its queue.
    Store {
        device: usize,
        life: u32,
    },
    /// A piece of a blob is read or written on a device.
    Piece {
        device: usize,
        life: u32,
        conn: ConnId,
        piece: DevicePiece,
    },
    /// A device calls.
    Dial {
        device: usize,
        life: u32,
    },
    /// The call has reached the server.
    Ring {
        conn: ConnId,
        token: u64,
    },
    /// The server has answered the call.
    Upgraded {
        conn: ConnId,
        taken: bool,
    },
    /// The server's disk does a job.
    Job {
        conn: ConnId,
        life: u32,
        job: Box<Job>,
    },
    /// The answer of a job.
    Answer {
        conn: ConnId,
        life: u32,
        done: Box<Done>,
    },
    Flush {
        life: u32,
    },
    Mail {
        conn: ConnId,
        life: u32,
    },
    StartDevice {
        device: usize,
        life: u32,
    },
    StartServer {
        life: u32,
    },
}

/// What a pool of threads does with a blob on a device.
#[derive(Debug)]
pub enum DevicePiece {
    Read {
        hash: BlobHash,
        offset: u64,
        len: usize,
    },
    Write(WriteBlob),
}

/// How bad this world is: drawn from the seed.
#[derive(Debug, Clone, Copy)]
pub struct Climate {
    /// Faults of a thousand acts.
    pub faults: u64,
    /// Longest time a disk takes.
    pub disk_us: u64,
    /// Longest latency of a line, one way.
    pub latency_us: u64,
    /// Slowest line.
    pub bytes_a_ms_min: u64,
    /// Longest time between two acts, usually.
    pub pause_us: u64,
}

/// Everything.
#[derive(Debug)]
pub struct World {
    pub now_us: u64,
    pub steps: u64,
    pub dice: Dice,
    pub climate: Climate,
    pub devices: Vec<Device>,
    pub server: Server,
    pub vaults: Vec<VaultId>,
    pub conns: BTreeMap<ConnId, Conn>,
    events: BTreeMap<(u64, u64), Event>,
    count: u64,
    /// Answers that wait for their commits to be flushed.
    unflushed: Vec<(u64, ConnId, Box<Done>)>,
    flushing: bool,
    /// No faults, everybody connects: nothing is done any more but what has to be.
    pub healing: bool,
    pub models: Vec<Model>,
    pub checks: Checks,
    pub trace: Trace,
    pub failure: Option<String>,
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let climate = Climate {
            faults: [0, 60, 150, 300][dice.place(4)],
            disk_us: [100, 3_000, 30_000][dice.place(3)],
            latency_us: [300, 20_000, 150_000][dice.place(3)],
            bytes_a_ms_min: [20, 200, 5_000][dice.place(3)],
            pause_us: [2_000, 40_000, 400_000][dice.place(3)],
        };
        let accounts = if dice.chance(250) { 2 } else { 1 };
        let vaults: Vec<VaultId> = (0..accounts)
            .map(|_| VaultId::from_bytes(dice.array()))
            .collect();
        let limit = if dice.chance(300) {
            dice.between(1_000, 400_000)
        } else {
            1 << 30
        };
        let server = Server::new(LogEpoch::from_bytes(dice.array()), &vaults, limit);
        let devices = dice.between(1, 7);
        let mut world = Self {
            now_us: 1_000_000,
            steps: 0,
            dice,
            climate,
            devices: Vec::new(),
            server,
            models: vaults.iter().map(|_| Model::default()).collect(),
            vaults,
            conns: BTreeMap::new(),
            events: BTreeMap::new(),
            count: 0,
            unflushed: Vec::new(),
            flushing: false,
            healing: false,
            checks: Checks::default(),
            trace: Trace::default(),
            failure: None,
        };
        for n in 0..devices {
            world.add_device(n as usize % world.vaults.len());
        }
        world.at(world.now_us, Event::Act);
        world
    }

    /// Lets something happen at a time.
    pub fn at(&mut self, at_us: u64, event: Event) {
        self.count += 1;
        self.events
            .insert((at_us.max(self.now_us), self.count), event);
    }

    /// Lets something happen after a random time up to `most_us`.
    pub fn soon(&mut self, most_us: u64, event: Event) {
        let at = self.now_us + 1 + self.dice.roll(most_us.max(1));
        self.at(at, event);
    }

    /// A number nobody had.
    pub fn fresh(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Notes what broke; the first counts.
    pub fn fail(&mut self, words: impl Into<String>) {
        self.failure.get_or_insert(words.into());
    }

    pub fn note(&mut self, words: impl FnOnce() -> String) {
        self.trace.note(self.now_us, words);
    }

    /// What the server's wall clock says.
    pub fn wall_ms(&self) -> i64 {
        WALL_MS + (self.now_us / 1_000) as i64
    }

    /// Lets the next thing happen. `false`: nothing is left to happen.
    pub fn step(&mut self) -> bool {
        let Some(((at, _), event)) = self.events.pop_first() else {
            return false;
        };
        self.now_us = self.now_us.max(at);
        self.steps += 1;
        self.happen(event);
        self.check_step();
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Act => self.act(),
            Event::Arrive { conn, up: true } => self.arrive_at_server(conn),
            Event::Arrive { conn, up: false } => self.arrive_at_device(conn),
            Event::Gone { conn, server: true } => self.server_end_gone(conn),
            Event::Gone {
                conn,
                server: false,
            } => self.device_end_gone(conn),
            Event::Deadline { conn, server: true } => self.server_deadline(conn),
            Event::Deadline {
                conn,
                server: false,
            } => self.device_deadline(conn),
            Event::Writable { conn, server: true } => self.drain_server(conn),
            Event::Writable {
                conn,
                server: false,
            } => self.drain_device(conn),
            Event::Ping { conn, server } => self.ping(conn, server),
            Event::Store { device, life } => self.store_done(device, life),
            Event::Piece {
                device,
                life,
                conn,
                piece,
            } => self.piece_done(device, life, conn, piece),
            Event::Dial { device, life } => self.dial(device, life),
            Event::Ring { conn, token } => self.ring(conn, token),
            Event::Upgraded { conn, taken } => self.upgraded(conn, taken),
            Event::Job { conn, life, job } => self.job(conn, life, *job),
            Event::Answer { conn, life, done } => self.answer(conn, life, *done),
            Event::Flush { life } => self.flush(life),
            Event::Mail { conn, life } => self.mail(conn, life),
            Event::StartDevice { device, life } => self.start_device(device, life),
            Event::StartServer { life } => self.start_server(life),
        }
    }
}
