//! A device's store at work: one operation after the other, each durable before it is answered.

use sync_protocol::device::Output;

use super::{Event, World};
use crate::device::{Answer, Edited, Op};
use crate::dice::Dice;
use crate::server::ConnId;

impl World {
    /// Puts something into the store's queue.
    pub fn ask_store(&mut self, device: usize, op: Op) {
        self.devices[device].queue.push_back(op);
        self.start_store(device);
    }

    fn start_store(&mut self, device: usize) {
        let of = &mut self.devices[device];
        if !of.busy && !of.queue.is_empty() {
            of.busy = true;
            let life = of.life;
            self.soon(self.climate.disk_us, Event::Store { device, life });
        }
    }

    /// The first thing in the store's queue is done and durable.
    pub fn store_done(&mut self, device: usize, life: u32) {
        if self.devices[device].life != life {
            return;
        }
        self.devices[device].busy = false;
        if let Some(op) = self.devices[device].queue.pop_front() {
            self.store_does(device, op);
        }
        if self.devices[device].life == life {
            self.start_store(device);
        }
    }

    /// One operation of a device's store.
    pub fn store_does(&mut self, device: usize, op: Op) {
        let now_us = self.now_us;
        let of = &mut self.devices[device];
        let model = &mut self.models[of.account];
        match op {
            Op::Begin if of.full => {
                of.dialling = false;
                self.dial_again(device);
            }
            Op::Begin => {
                let begin = of.begin(now_us, model, &mut self.dice);
                self.check_made(device);
                self.call(device, begin);
            }
            Op::Arrived(hashes) => {
                hashes.iter().for_each(|hash| of.rows.arrived(*hash));
            }
            Op::Edit(_) | Op::NewPage(_) if of.full => {}
            Op::Edit(_) | Op::NewPage(_) => {
                let edited = match op {
                    Op::NewPage(seed) => of.new_page(&mut Dice::new(seed), model),
                    Op::Edit(seed) => of.edit(seed, now_us, model),
                    _ => Edited::Nothing,
                };
                self.note(|| match &edited {
                    Edited::Change(change, what) => format!(
                        "device {device} edits: {what}, {} in {}",
                        change.hash, change.doc
                    ),
                    Edited::Review(event) => format!("device {device} records review {event}"),
                    Edited::Nothing => format!("device {device} finds nothing to edit"),
                });
                self.check_made(device);
                self.tell_session(device);
            }
            Op::Output(id, output) => self.store_answers(device, id, output),
        }
    }

    /// A session hears that there is something new here.
    fn tell_session(&mut self, device: usize) {
        let now_us = self.now_us;
        let Some(id) = self.devices[device].conn else {
            return;
        };
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let now = conn.device_ms(now_us);
        if let Some(end) = &mut conn.device_end {
            end.session.handle_local_changes(now);
            end.session.handle_blobs_added(now);
            self.drain_device(id);
        }
    }

    fn store_answers(&mut self, device: usize, id: ConnId, output: Output) {
        let of = &mut self.devices[device];
        let model = &mut self.models[of.account];
        let answer = if of.full && writes(&output) {
            Answer::Failed
        } else {
            let before = of.rows.cursor;
            let cleared: Vec<_> = match &output {
                Output::ClearOutbox { lseqs, .. } => lseqs
                    .iter()
                    .filter_map(|lseq| of.rows.outbox.get(lseq))
                    .cloned()
                    .collect(),
                _ => Vec::new(),
            };
            let welcomed = match &output {
                Output::Welcomed(welcomed) => Some(welcomed.clone()),
                _ => None,
            };
            let stored = match &output {
                Output::BlobsStored(hashes) => hashes.clone(),
                _ => Vec::new(),
            };
            let done = of.perform(output, model, &mut self.dice);
            let fresh = done.fresh.iter().map(|change| (change.doc, change.hash));
            of.own.changes.extend(fresh);
            if let Some(reason) = done.set_aside.first() {
                self.failure.get_or_insert(format!(
                    "device {device} sets an honest change aside: {reason}"
                ));
            }
            self.check_made(device);
            self.check_cleared(device, id, &cleared);
            self.check_marked(device, id, &stored);
            self.check_cursor(device, before);
            if let Some(welcomed) = welcomed {
                self.check_welcomed(id, &welcomed);
            }
            done.answer
        };
        let now_us = self.now_us;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let now = conn.device_ms(now_us);
        if let Some(end) = &mut conn.device_end {
            answer.give(&mut end.session, now);
            self.drain_device(id);
        }
    }
}

/// Whether the store has to write for it.
fn writes(output: &Output) -> bool {
    matches!(
        output,
        Output::Welcomed(_)
            | Output::ClearOutbox { .. }
            | Output::EnqueueAfter { .. }
            | Output::Apply(_)
            | Output::StartRepair
            | Output::BlobsStored(_)
    )
}
