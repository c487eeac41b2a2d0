//! The device's end of a connection: what arrives, what its session wants, and what its store answers.

use sync_protocol::device::{BlobWritten, Output};
use sync_protocol::{CloseCode, Closing};

use super::{DevicePiece, Event, World};
use crate::device::Op;
use crate::line::{Arrival, Piece};
use crate::server::ConnId;
use crate::trace::words;

impl World {
    pub fn arrive_at_device(&mut self, id: ConnId) {
        let now_us = self.now_us;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        for arrival in conn.down.receive(now_us) {
            let now = conn.device_ms(now_us);
            let Some(end) = &mut conn.device_end else {
                return;
            };
            match arrival {
                Arrival::Frame(bytes) => end.session.handle_message(&bytes, now),
                Arrival::Ping => {
                    end.session.handle_alive(now);
                    let at = conn.up.put(Piece::Pong, now_us);
                    self.count += 1;
                    self.events
                        .insert((at, self.count), Event::Arrive { conn: id, up: true });
                }
                Arrival::Pong => end.session.handle_alive(now),
                Arrival::End => end.session.handle_disconnected(now),
            }
        }
        self.drain_device(id);
    }

    pub fn device_end_gone(&mut self, id: ConnId) {
        let now_us = self.now_us;
        if let Some(conn) = self.conns.get_mut(&id) {
            let now = conn.device_ms(now_us);
            if let Some(end) = &mut conn.device_end {
                end.session.handle_disconnected(now);
                self.drain_device(id);
            }
        }
    }

    pub fn device_deadline(&mut self, id: ConnId) {
        let now_us = self.now_us;
        if let Some(conn) = self.conns.get_mut(&id) {
            let now = conn.device_ms(now_us);
            if let Some(end) = &mut conn.device_end {
                end.deadline_us = u64::MAX;
                end.session.handle_timeout(now);
                self.drain_device(id);
            }
        }
    }

    /// Does what the session wants, as long as the socket takes frames.
    pub fn drain_device(&mut self, id: ConnId) {
        loop {
            let now_us = self.now_us;
            let Some(conn) = self.conns.get_mut(&id) else {
                return;
            };
            if !conn.upgraded {
                return;
            }
            let now = conn.device_ms(now_us);
            let Some(end) = &mut conn.device_end else {
                return;
            };
            if let Some(at) = conn.up.busy_until(now_us) {
                self.at(
                    at,
                    Event::Writable {
                        conn: id,
                        server: false,
                    },
                );
                break;
            }
            let Some(output) = end.session.poll_output(now) else {
                break;
            };
            self.device_output(id, output);
        }
        let now_us = self.now_us;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let base = conn.device_base_ms;
        if let Some(end) = &mut conn.device_end
            && let Some(at) = end.session.poll_timeout()
        {
            let at_us = (at.saturating_sub(base) * 1_000).max(now_us + 1);
            if at_us < end.deadline_us {
                end.deadline_us = at_us;
                self.at(
                    at_us,
                    Event::Deadline {
                        conn: id,
                        server: false,
                    },
                );
            }
        }
    }

    fn device_output(&mut self, id: ConnId, output: Output) {
        let device = self.conns[&id].device;
        match output {
            Output::Transmit(frame) => {
                self.check_device_says(id, &frame);
                self.note(|| format!("device {device} on {id} says {}", words(&frame)));
                let now_us = self.now_us;
                let Some(conn) = self.conns.get_mut(&id) else {
                    return;
                };
                for at in conn.up.send(&frame.encode(), now_us, &mut self.dice) {
                    self.at(at, Event::Arrive { conn: id, up: true });
                }
            }
            Output::ReadBlob { hash, offset, len } => {
                self.ask_pool(id, DevicePiece::Read { hash, offset, len })
            }
            Output::WriteBlob(write) => self.ask_pool(id, DevicePiece::Write(write)),
            Output::Settled(_) => {}
            Output::BlobFailed { hash, why } => {
                self.note(|| format!("device {device}: {hash} failed: {why:?}"));
                self.check_blob_failed(device, hash, why);
            }
            Output::Close(closing) => self.device_closes(id, &closing),
            output => self.ask_store(device, Op::Output(id, output)),
        }
    }

    fn device_closes(&mut self, id: ConnId, closing: &Closing) {
        let now_us = self.now_us;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let device = conn.device;
        conn.device_end = None;
        let at = conn.up.put(Piece::End, now_us);
        conn.up.finish();
        self.at(at, Event::Arrive { conn: id, up: true });
        self.note(|| {
            format!(
                "device {device} closes {id}: {} {}",
                closing.code, closing.reason
            )
        });
        if !closing.by_peer {
            self.check_closing(id, "the device", closing.code, &closing.reason);
        }
        self.devices[device].conn = None;
        if closing.code.is_permanent() {
            self.devices[device].locked_out = true;
            if closing.code != CloseCode::Unauthorized {
                self.fail(format!("device {device} left for good: {}", closing.reason));
            }
        }
        self.dial_again(device);
        self.forget_conn(id);
    }

    fn ask_pool(&mut self, id: ConnId, piece: DevicePiece) {
        let conn = &self.conns[&id];
        let (device, life) = (conn.device, conn.device_life);
        let hash = match &piece {
            DevicePiece::Read { hash, .. } => *hash,
            DevicePiece::Write(write) => write.hash,
        };
        let after = self.dice.roll(self.climate.disk_us);
        let until = self.devices[device].pieces_until.entry(hash).or_default();
        *until = (*until).max(self.now_us + after) + 1;
        let at = *until;
        self.at(
            at,
            Event::Piece {
                device,
                life,
                conn: id,
                piece,
            },
        );
    }

    pub fn piece_done(&mut self, device: usize, life: u32, id: ConnId, piece: DevicePiece) {
        let of = &mut self.devices[device];
        if of.life != life {
            return;
        }
        let (mut read, mut wrote) = (None, None);
        match piece {
            DevicePiece::Read { hash, offset, len } => {
                read = Some((hash, offset, of.read_piece(&hash, offset, len)))
            }
            DevicePiece::Write(write) => {
                wrote = Some((write.hash, write.bytes.len(), of.write_piece(&write)))
            }
        }
        if let Some((hash, _, BlobWritten::Stored)) = wrote {
            of.own.blobs.insert(hash);
            self.ask_store(device, Op::Arrived(vec![hash]));
        }
        let now_us = self.now_us;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let now = conn.device_ms(now_us);
        let Some(end) = &mut conn.device_end else {
            return;
        };
        if let Some((hash, offset, read)) = read {
            end.session.handle_blob_read(hash, offset, read, now);
        }
        if let Some((hash, bytes, written)) = wrote {
            end.session.handle_blob_written(hash, bytes, written, now);
        }
        self.drain_device(id);
    }
}
