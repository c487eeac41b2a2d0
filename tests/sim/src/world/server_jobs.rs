//! The server's disk at work for the sessions: jobs are done, flushed in groups, and only then answered.

use sync_protocol::server::Output;

use super::{Event, World};
use crate::server::{ConnId, Done, Job};

impl World {
    pub fn start_job(&mut self, id: ConnId, job: Job) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let Some(end) = &mut conn.server_end else {
            return;
        };
        end.jobs += 1;
        let life = conn.server_life;
        let job = Box::new(job);
        self.soon(
            self.climate.disk_us,
            Event::Job {
                conn: id,
                life,
                job,
            },
        );
    }

    pub fn next_append(&mut self, id: ConnId) {
        let Some(end) = self
            .conns
            .get_mut(&id)
            .and_then(|conn| conn.server_end.as_mut())
        else {
            return;
        };
        if !end.appending
            && let Some((batch, items)) = end.appends.pop_front()
        {
            end.appending = true;
            let turn = end.turn;
            self.start_job(id, Job::Append(batch, items, turn));
        }
    }

    /// The disk does a job; what it committed is flushed a little later, with all that others commit meanwhile.
    pub fn job(&mut self, id: ConnId, life: u32, job: Job) {
        if self.server.life != life || !self.server.running {
            return;
        }
        let Some(conn) = self.conns.get(&id) else {
            return;
        };
        let (account, wall_ms) = (conn.account, self.wall_ms());
        let reads = matches!(
            job,
            Job::Other(
                Output::ReadLog { .. }
                    | Output::ReadPack { .. }
                    | Output::Compare { .. }
                    | Output::ReadEntries { .. }
                    | Output::FindBlobs(_)
                    | Output::ReadBlob { .. }
            ) | Job::Quota
        );
        let done = Box::new(
            self.server
                .perform(account, id, job, wall_ms, &mut self.dice),
        );
        if reads || !self.server.is_dirty() {
            return self.at(
                self.now_us,
                Event::Answer {
                    conn: id,
                    life,
                    done,
                },
            );
        }
        self.unflushed.push((self.server.last_commit(), id, done));
        self.flush_later();
    }

    pub fn flush_later(&mut self) {
        if !std::mem::replace(&mut self.flushing, true) {
            let life = self.server.life;
            self.soon(self.climate.disk_us, Event::Flush { life });
        }
    }

    pub fn flush(&mut self, life: u32) {
        if self.server.life != life || !self.server.running {
            return;
        }
        self.flushing = false;
        self.server.flush();
        for (_, conn, done) in std::mem::take(&mut self.unflushed) {
            self.at(self.now_us, Event::Answer { conn, life, done });
        }
    }

    /// Nobody waits for the answers of a process that is gone.
    pub fn forget_answers(&mut self) {
        self.unflushed.clear();
        self.flushing = false;
    }

    pub fn answer(&mut self, id: ConnId, life: u32, done: Done) {
        if self.server.life != life || !self.server.running {
            return;
        }
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let account = conn.account;
        let Some(end) = &mut conn.server_end else {
            return;
        };
        end.jobs -= 1;
        if end.over {
            self.late_answer(id, account, done);
        } else {
            self.give_answer(id, account, done);
        }
        self.drain_server(id);
        self.deliver_mail();
    }
}
