//! A world of one account: a server, devices, and connections between them with delay, rate and breaks, in simulated time. One seed decides everything.

pub mod change;
pub mod device;
pub mod hub;
pub mod server;

use std::collections::BTreeMap;

use domain::{DocId, IncarnationId};
use sync_protocol::device::{Config, Counters};
use sync_protocol::{Closing, DeviceSession, Frame, Limits, ServerSession};

use device::Device;
use server::{ConnId, Server};

pub fn doc(n: u8) -> DocId {
    DocId::from_bytes([n; 16])
}

/// How many cases a slow property tries: `PROPTEST_CASES` for long runs.
pub fn cases(usual: u32) -> proptest::prelude::ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    proptest::prelude::ProptestConfig::with_cases(asked.unwrap_or(usual))
}

/// Splitmix: one number decides a whole run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len.div_ceil(8))
            .flat_map(|_| self.roll(u64::MAX).to_be_bytes())
            .take(len)
            .collect()
    }
}

enum Event {
    ToServer(ConnId, Vec<u8>),
    ToDevice(ConnId, Vec<u8>),
    DeviceAnswer(ConnId, device::Answer),
    ServerAnswer(ConnId, server::Answer, Option<server::News>),
}

/// One direction of a connection.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    free_us: u64,
}

pub struct Conn {
    pub device: usize,
    pub device_session: DeviceSession,
    pub server_session: ServerSession,
    up: Link,
    down: Link,
    pub bytes_up: usize,
    pub bytes_down: usize,
    pub frames_up: usize,
    pub frames_down: usize,
    /// Instead of the world's.
    pub bytes_a_ms: Option<u64>,
    pub settled: Option<Counters>,
    pub device_closing: Option<Closing>,
    pub server_closing: Option<Closing>,
}

pub struct World {
    pub now_ms: u64,
    pub dice: Dice,
    pub server: Server,
    pub devices: Vec<Device>,
    pub conns: BTreeMap<ConnId, Conn>,
    events: BTreeMap<(u64, u64), Event>,
    count: u64,
    /// One way.
    pub delay_ms: u64,
    /// Of each direction of each connection; 0: unbounded.
    pub bytes_a_ms: u64,
    /// Longest time a disk takes to answer.
    pub disk_ms: u64,
    /// Called with every frame that reaches the server: the time and the frame.
    pub seen_by_server: Vec<(u64, u8)>,
}

impl World {
    pub fn new(seed: u64, devices: u8) -> World {
        World {
            now_ms: 1_000,
            dice: Dice(seed),
            server: Server::new(1),
            devices: (1..=devices).map(Device::new).collect(),
            conns: BTreeMap::new(),
            events: BTreeMap::new(),
            count: 0,
            delay_ms: 5,
            bytes_a_ms: 0,
            disk_ms: 3,
            seen_by_server: Vec::new(),
        }
    }

    pub fn nonce(&mut self) -> u64 {
        self.dice.roll(u64::MAX)
    }

    pub fn edit(&mut self, device: usize, doc: DocId) {
        self.edit_of(device, doc, 40);
    }

    pub fn edit_of(&mut self, device: usize, doc: DocId, padding: usize) {
        let nonce = self.nonce();
        self.devices[device].edit(doc, nonce, padding, vec![]);
        self.tell(device, |session, now| session.handle_local_changes(now));
    }

    pub fn add_blob(&mut self, device: usize, doc: DocId, len: usize) -> domain::BlobHash {
        let (nonce, bytes) = (self.nonce(), self.dice.bytes(len));
        let hash = self.devices[device].add_blob(doc, nonce, bytes);
        self.tell(device, |session, now| {
            session.handle_local_changes(now);
            session.handle_blobs_added(now);
        });
        hash
    }

    fn tell(&mut self, device: usize, word: impl Fn(&mut DeviceSession, u64)) {
        let now = self.now_ms;
        let open: Vec<ConnId> = self
            .conns
            .iter()
            .filter(|(_, conn)| conn.device == device)
            .map(|(id, _)| *id)
            .collect();
        for id in open {
            word(&mut self.conns.get_mut(&id).unwrap().device_session, now);
            self.drain(id);
        }
    }

    pub fn conn_of(&self, device: usize) -> Option<ConnId> {
        self.conns
            .iter()
            .find(|(_, conn)| conn.device == device)
            .map(|(id, _)| *id)
    }

    /// Connects a device (cutting the connection it has).
    pub fn connect(&mut self, device: usize) -> ConnId {
        self.cut(device);
        let mut next = [0; 16];
        next.copy_from_slice(&self.dice.bytes(16));
        let config =
            self.devices[device].config(IncarnationId::from_bytes(next), 1_700_000_000_000);
        self.connect_with(device, config)
    }

    fn connect_with(&mut self, device: usize, config: Config) -> ConnId {
        self.count += 1;
        let id = self.count;
        let mut device_session = DeviceSession::open(config, self.now_ms);
        // As a shell does: the front of the outbox goes along with the hello.
        device_session.push_early(self.devices[device].outbox_page(0, 300));
        let conn = Conn {
            device,
            device_session,
            server_session: ServerSession::accept(Limits::default(), self.now_ms),
            up: Link::default(),
            down: Link::default(),
            bytes_up: 0,
            bytes_down: 0,
            frames_up: 0,
            frames_down: 0,
            bytes_a_ms: None,
            settled: None,
            device_closing: None,
            server_closing: None,
        };
        self.conns.insert(id, conn);
        self.drain(id);
        id
    }

    /// Breaks a device's connection: what is on the way is lost, late answers find nobody.
    pub fn cut(&mut self, device: usize) {
        while let Some(id) = self.conn_of(device) {
            self.conns.remove(&id);
            let effects = self.server.session_ended(id);
            self.server_effects(id, effects);
        }
    }

    pub fn cut_all(&mut self) {
        (0..self.devices.len()).for_each(|device| self.cut(device));
    }

    /// Lets everything that is under way happen, up to a time.
    pub fn run_until(&mut self, until_ms: u64) {
        while let Some(entry) = self.events.first_entry() {
            if entry.key().0 > until_ms {
                break;
            }
            let ((at, _), event) = entry.remove_entry();
            self.now_ms = self.now_ms.max(at);
            self.happen(event);
        }
        self.now_ms = self.now_ms.max(until_ms.min(self.now_ms + 1_000_000));
    }

    pub fn run_for(&mut self, ms: u64) {
        self.run_until(self.now_ms + ms);
    }

    /// Lets everything happen until nothing is under way any more.
    pub fn run(&mut self) {
        while let Some((at, _)) = self.events.keys().next().copied() {
            self.run_until(at);
            assert!(self.now_ms < 100_000_000, "the world does not come to rest");
        }
    }

    /// Connects every device until all are settled with nothing under way; the bound is on rounds of talk, not on time.
    pub fn settle(&mut self) {
        for _ in 0..8 {
            for device in 0..self.devices.len() {
                if self.conn_of(device).is_none() {
                    self.connect(device);
                }
            }
            self.run();
            if self.conns.len() == self.devices.len() {
                break;
            }
        }
        for (id, conn) in &self.conns {
            assert!(
                conn.device_session.is_settled(),
                "connection {id} rests unsettled: {:#?}",
                conn.device_session
            );
        }
        assert_eq!(
            self.conns.len(),
            self.devices.len(),
            "a device can not stay connected"
        );
    }

    fn happen(&mut self, event: Event) {
        let now = self.now_ms;
        let id = match event {
            Event::ToServer(id, bytes) => {
                let Some(conn) = self.conns.get_mut(&id) else {
                    return;
                };
                conn.server_session.handle_message(&bytes, now);
                self.seen_by_server
                    .push((now, Frame::decode(&bytes).unwrap().frame_type()));
                id
            }
            Event::ToDevice(id, bytes) => {
                let Some(conn) = self.conns.get_mut(&id) else {
                    return;
                };
                conn.device_session.handle_message(&bytes, now);
                id
            }
            Event::DeviceAnswer(id, answer) => {
                let Some(conn) = self.conns.get_mut(&id) else {
                    return;
                };
                answer(&mut conn.device_session, now);
                id
            }
            Event::ServerAnswer(id, answer, news) => {
                let Some(conn) = self.conns.get_mut(&id) else {
                    let effects = news.map(|news| self.server.news(news)).unwrap_or_default();
                    return self.server_effects(id, effects);
                };
                answer(&mut conn.server_session, now);
                id
            }
        };
        self.drain(id);
    }

    fn schedule(&mut self, at_ms: u64, event: Event) {
        self.count += 1;
        self.events.insert((at_ms, self.count), event);
    }

    fn disk_at(&mut self) -> u64 {
        self.now_ms + self.dice.roll(self.disk_ms + 1)
    }

    /// Does what both sessions of a connection ask until they ask no more.
    pub fn drain(&mut self, id: ConnId) {
        let now = self.now_ms;
        while let Some(conn) = self.conns.get_mut(&id) {
            if let Some(output) = conn.device_session.poll_output(now) {
                let effects = self.devices[conn.device].execute(output);
                self.device_effects(id, effects);
            } else if let Some(output) = conn.server_session.poll_output(now) {
                let effects = self.server.execute(id, output);
                self.server_effects(id, effects);
            } else {
                break;
            }
        }
    }

    fn device_effects(&mut self, id: ConnId, effects: Vec<device::Effect>) {
        for effect in effects {
            match effect {
                device::Effect::Send(frame) => {
                    let bytes = frame.encode();
                    let (now, delay, rate) = (self.now_ms, self.delay_ms, self.bytes_a_ms);
                    let conn = self.conns.get_mut(&id).unwrap();
                    let rate = conn.bytes_a_ms.unwrap_or(rate);
                    conn.bytes_up += bytes.len();
                    conn.frames_up += 1;
                    let at = conn.up.arrival(bytes.len(), now, delay, rate);
                    self.schedule(at, Event::ToServer(id, bytes));
                }
                device::Effect::Answer(answer) => {
                    let at = self.disk_at();
                    self.schedule(at, Event::DeviceAnswer(id, answer));
                }
                device::Effect::Settled(counters) => {
                    self.conns.get_mut(&id).unwrap().settled = Some(counters)
                }
                device::Effect::Closed(closing) => {
                    let device = self.conns[&id].device;
                    self.conns.get_mut(&id).unwrap().device_closing = Some(closing);
                    self.cut(device);
                }
            }
        }
    }

    fn server_effects(&mut self, id: ConnId, effects: Vec<server::Effect>) {
        for effect in effects {
            match effect {
                server::Effect::Send(frame) => {
                    let bytes = frame.encode();
                    let (now, delay, rate) = (self.now_ms, self.delay_ms, self.bytes_a_ms);
                    let conn = self.conns.get_mut(&id).unwrap();
                    let rate = conn.bytes_a_ms.unwrap_or(rate);
                    conn.bytes_down += bytes.len();
                    conn.frames_down += 1;
                    let at = conn.down.arrival(bytes.len(), now, delay, rate);
                    self.schedule(at, Event::ToDevice(id, bytes));
                }
                server::Effect::Answer(answer) => {
                    let at = self.disk_at();
                    self.schedule(at, Event::ServerAnswer(id, answer, None));
                }
                server::Effect::Done(answer, news) => {
                    let at = self.disk_at();
                    self.schedule(at, Event::ServerAnswer(id, answer, Some(news)));
                }
                server::Effect::Hub(other, input) => {
                    self.schedule(self.now_ms, Event::ServerAnswer(other, input, None))
                }
                server::Effect::Closed(closing) => {
                    let Some(conn) = self.conns.get_mut(&id) else {
                        return;
                    };
                    conn.server_closing = Some(closing);
                    let device = conn.device;
                    self.cut(device);
                }
            }
        }
    }

    /// Every device has every change that any of them made, and nothing is left to send.
    pub fn assert_same(&self) {
        let all: std::collections::BTreeSet<&Vec<u8>> = self
            .devices
            .iter()
            .flat_map(|device| device.docs.values())
            .flat_map(|doc| doc.changes.values())
            .collect();
        for (index, device) in self.devices.iter().enumerate() {
            let lacking = all
                .iter()
                .filter(|change| !device.has_change(change))
                .count();
            assert_eq!(lacking, 0, "device {index} lacks changes");
            assert!(
                device.waiting.is_empty(),
                "device {index} holds changes that can not be applied"
            );
            assert!(
                device.outbox.is_empty(),
                "device {index} has {} changes to send",
                device.outbox.len()
            );
        }
    }

    /// Every device has exactly so many changes, the same ones.
    pub fn assert_same_changes(&self, count: usize) {
        for device in &self.devices {
            assert_eq!(
                device
                    .docs
                    .values()
                    .map(|doc| doc.order.len())
                    .sum::<usize>(),
                count
            );
        }
    }

    /// Every device has every blob that is named and that any of them has.
    pub fn assert_same_blobs(&self) {
        for (index, device) in self.devices.iter().enumerate() {
            for hash in device.missing_blobs() {
                let holders: Vec<usize> = (0..self.devices.len())
                    .filter(|other| self.devices[*other].blobs.contains_key(&hash))
                    .collect();
                let on_server = self.server.blobs.contains_key(&hash);
                assert!(
                    holders.is_empty() && !on_server,
                    "device {index} lacks {hash}; on the server: {on_server}, on devices {holders:?}; {:#?}",
                    self.conn_of(index).map(|id| (
                        &self.conns[&id].device_session,
                        &self.conns[&id].server_session
                    ))
                );
            }
        }
    }
}

impl Link {
    fn arrival(&mut self, bytes: usize, now_ms: u64, delay_ms: u64, bytes_a_ms: u64) -> u64 {
        let line_us = (bytes as u64 * 1000).checked_div(bytes_a_ms).unwrap_or(0);
        self.free_us = self.free_us.max(now_ms * 1000) + line_us;
        self.free_us.div_ceil(1000) + delay_ms
    }
}
