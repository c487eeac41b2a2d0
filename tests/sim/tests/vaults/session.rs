//! One session between a real vault and the simulated server, frame by frame, cut off after any of them.

use std::collections::VecDeque;

use sim::server::rows::{DeviceRow, Put};
use sim::server::{Done, Job, Turn};
use sync_protocol::device::{OfferPage, Output, WantPage};
use sync_protocol::limit::OPENING_BYTES_MAX;
use sync_protocol::server::Output as ServerOutput;
use sync_protocol::{CloseCode, DeviceSession, Limits, ServerSession};

use super::World;
use super::device::Device;

struct Ends {
    id: u64,
    token: u64,
    device: DeviceSession,
    server: ServerSession,
    turn: Option<Turn>,
    up: VecDeque<Vec<u8>>,
    down: VecDeque<Vec<u8>>,
    now_ms: u64,
    over: bool,
}

impl World {
    /// Syncs a device, cut off after so many frames; `true` when nothing was left to do.
    pub fn sync(&mut self, index: usize, cut: Option<u64>) -> Result<bool, String> {
        self.log_in(index);
        self.connections += 1;
        let vault = self.devices[index].vault();
        let config = vault.sync_begin(false).unwrap();
        let outbox = vault.sync_read_outbox(0, OPENING_BYTES_MAX).unwrap();
        let mut device = DeviceSession::open(config, 0);
        device.push_early(outbox);
        let mut ends = Ends {
            id: self.connections,
            token: self.devices[index].token,
            device,
            server: ServerSession::accept(Limits::default(), 0),
            turn: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            now_ms: 0,
            over: false,
        };
        // What is said first travels in one request.
        ends.drain_device(&mut self.devices[index])?;
        while let Some(frame) = ends.up.pop_front() {
            ends.server.handle_message(&frame, 0);
        }
        let mut left = cut.unwrap_or(u64::MAX);
        while left > 0 && !ends.over {
            left -= 1;
            ends.now_ms += 1;
            let now = ends.now_ms;
            self.drain_server(&mut ends)?;
            let (up, down) = (ends.up.pop_front(), ends.down.pop_front());
            let idle = up.is_none() && down.is_none();
            if let Some(frame) = up {
                ends.server.handle_message(&frame, now);
            }
            if let Some(frame) = down {
                ends.device.handle_message(&frame, now);
            }
            ends.drain_device(&mut self.devices[index])?;
            if idle && ends.up.is_empty() && !ends.over {
                return if ends.device.is_settled() {
                    Ok(true)
                } else {
                    Err(format!("{:?} waits for nothing", ends.device))
                };
            }
        }
        if self.dice.chance(200) && cut.is_some() {
            self.server.crash(false, &mut self.dice);
            self.server.start();
        }
        Ok(false)
    }

    fn log_in(&mut self, index: usize) {
        let device = &mut self.devices[index];
        let id = device.vault().device_id();
        let seen = &self.server.accounts[0].seen;
        let incarnation = seen.devices.get(&id).and_then(|row| row.incarnation);
        if seen.device_of(device.token) != Some(id) {
            device.token = self.server.fresh_token();
            let row = DeviceRow {
                token: device.token,
                incarnation,
            };
            self.server.commit(0, vec![Put::Device(id, Some(row))]);
        }
        self.server.flush();
    }

    fn drain_server(&mut self, ends: &mut Ends) -> Result<(), String> {
        while let Some(output) = ends.server.poll_output(ends.now_ms) {
            let job = match output {
                ServerOutput::Transmit(frame) => {
                    ends.down.push_back(frame.encode());
                    continue;
                }
                ServerOutput::Close(closing) => {
                    ends.over = true;
                    blame(closing.by_peer, closing.code, &closing.reason)?;
                    continue;
                }
                ServerOutput::Admit(hello) => Job::Admit(hello, ends.token),
                ServerOutput::Append { batch, items } => Job::Append(batch, items, ends.turn),
                ServerOutput::AnnounceHead(_) => continue,
                other => Job::Other(other),
            };
            let done = self.server.perform(0, ends.id, job, 0, &mut self.dice);
            if self.dice.chance(950) {
                self.server.flush();
            } else {
                // The power goes between the commit and its flush: nobody is answered.
                self.server.crash(true, &mut self.dice);
                self.server.start();
                ends.over = true;
                return Ok(());
            }
            ends.answer(done)?;
        }
        Ok(())
    }
}

impl Ends {
    fn answer(&mut self, done: Done) -> Result<(), String> {
        let (session, now) = (&mut self.server, self.now_ms);
        match done {
            Done::Admitted(admitted, turn) => {
                self.turn = turn;
                session.handle_admitted(admitted, now);
            }
            Done::Refused(code, reason) => session.close(code, reason),
            Done::Log(page) => session.handle_log(page, now),
            Done::Pack(bytes) => session.handle_pack(bytes, now),
            Done::Appended(appended) => {
                self.turn = None;
                session.handle_appended(appended, now);
            }
            Done::Compared(compared) => session.handle_compared(compared, now),
            Done::Entries(rows) => session.handle_entries(rows, now),
            other => return Err(format!("not without media: {other:?}")),
        }
        Ok(())
    }

    /// Does what the device's session wants, as the client's shell does.
    fn drain_device(&mut self, of: &mut Device) -> Result<(), String> {
        while let Some(output) = self.device.poll_output(self.now_ms) {
            let (session, now) = (&mut self.device, self.now_ms);
            match output {
                Output::Transmit(frame) => self.up.push_back(frame.encode()),
                Output::Close(closing) => {
                    self.over = true;
                    blame(closing.by_peer, closing.code, &closing.reason)?;
                }
                Output::Welcomed(welcomed) => {
                    if let Some(identity) = &welcomed.new_identity {
                        of.token = identity.token.parse().unwrap();
                    }
                    of.vault().sync_welcomed(&welcomed).unwrap();
                }
                Output::ClearOutbox { lseqs, cursor } => {
                    of.vault().sync_clear_outbox(&lseqs, cursor).unwrap();
                }
                Output::ChangesRefused(refused) => {
                    return Err(format!("{}: refused: {}", of.name, refused.message));
                }
                Output::StartRepair => of.vault().sync_start_repair().unwrap(),
                Output::ReadOutbox { after, bytes_max } => {
                    let page = of.vault().sync_read_outbox(after, bytes_max).unwrap();
                    session.handle_outbox(page, now);
                }
                Output::EnqueueAfter { doc, heads } => {
                    let first = of.vault().sync_enqueue_after(doc, &heads).unwrap();
                    session.handle_enqueued(doc, first, now);
                }
                Output::Apply(apply) => {
                    let applied = of.vault().sync_apply(apply).unwrap();
                    if applied.set_aside > 0 {
                        return Err(format!("{} sets an honest change aside", of.name));
                    }
                    session.handle_applied(applied, now);
                }
                Output::ReadInventory { after, count_max } => {
                    let page = of.vault().sync_read_inventory(after, count_max.min(3));
                    session.handle_inventory(page.unwrap(), now);
                }
                Output::ReadOffers { .. } => session.handle_offers(OfferPage::default(), now),
                Output::ReadWants { .. } => session.handle_wants(WantPage::default(), now),
                _ => {}
            }
        }
        Ok(())
    }
}

/// An end that blames the other, which did nothing wrong.
fn blame(by_peer: bool, code: CloseCode, reason: &str) -> Result<(), String> {
    let excused = matches!(
        code,
        CloseCode::Done | CloseCode::GoingAway | CloseCode::Unavailable | CloseCode::Unauthorized
    );
    if excused || by_peer {
        Ok(())
    } else {
        Err(format!("a session ends with {code}: {reason}"))
    }
}
