//! Work a session's outputs begin on the disk, and what comes back: jobs run beside each other, appends of a session and pieces of a blob one after another.

use domain::{BlobHash, DeviceId, IncarnationId};
use sync_protocol::server::{
    Admitted, AppendRefusal, Appended, BlobRead, BlobWritten, Compared, Found, LogPage, LogRow,
    Output, WriteBlob,
};
use sync_protocol::{
    CloseCode, Cursor, DocChange, Hello, NewIdentity, Overtaken, Quota, Reason, Standing, judge,
};

use super::blobs::Offered;
use super::rows::{DeviceRow, Put};
use super::{ConnId, Server};
use crate::dice::Dice;

/// Devices of one account.
const DEVICES_MAX: usize = 32;

/// The incarnation a device takes with the first batch it sends.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    device: DeviceId,
    turn: sync_protocol::Turn,
}

impl Turn {
    fn of(hello: &Hello, device: DeviceId, recorded: Option<IncarnationId>) -> Option<Self> {
        sync_protocol::Turn::of(hello, recorded).map(|turn| Self { device, turn })
    }
}

/// Work for the disk.
#[derive(Debug)]
pub enum Job {
    Admit(Hello, u64),
    Append(u64, Vec<DocChange>, Option<Turn>),
    Write(BlobHash, Vec<WriteBlob>),
    Abandon(Vec<BlobHash>),
    /// The session is over: what it was granted is given back.
    WindUp,
    Other(Output),
    Quota,
}

/// What came of it.
#[derive(Debug)]
pub enum Done {
    /// And what the device is to be recorded as with its first batch.
    Admitted(Admitted, Option<Turn>),
    Refused(CloseCode, &'static str),
    Log(LogPage),
    Pack(Option<Vec<u8>>),
    Appended(Appended),
    /// A batch that is not on the disk and will not be.
    NotAppended(Appended),
    Compared(Compared),
    Entries(Vec<LogRow>),
    Offered(Offered),
    Written(BlobHash, Vec<(usize, BlobWritten)>, Option<Quota>),
    Found(Vec<Found>),
    Read(BlobHash, u64, BlobRead),
    Quota(Quota),
    Freed(Vec<BlobHash>),
    WoundUp(Vec<BlobHash>),
    Verified(BlobHash),
}

impl Server {
    /// Does a job. What it committed is not flushed yet: the answer waits for that.
    pub fn perform(
        &mut self,
        account: usize,
        conn: ConnId,
        job: Job,
        wall_ms: i64,
        dice: &mut Dice,
    ) -> Done {
        match job {
            Job::Admit(hello, token) => self.admit(account, &hello, token, wall_ms, dice),
            Job::Append(batch, items, _) if self.full => {
                Done::NotAppended(self.no_room(account, batch, items.len()))
            }
            Job::Append(batch, items, turn) => match self.record(account, turn) {
                Ok(puts) => Done::Appended(self.append(account, batch, &items, puts)),
                Err((code, reason)) => Done::Refused(code, reason),
            },
            Job::Write(hash, pieces) => {
                let written: Vec<(usize, BlobWritten)> = pieces
                    .iter()
                    .map(|piece| (piece.bytes.len(), self.write_blob(account, conn, piece)))
                    .collect();
                let whole = written
                    .iter()
                    .any(|(_, written)| *written == BlobWritten::Stored);
                let quota = whole.then(|| self.accounts[account].seen.quota());
                Done::Written(hash, written, quota)
            }
            Job::Abandon(hashes) => Done::Freed(self.abandon(account, conn, &hashes)),
            Job::WindUp => Done::WoundUp(self.abandon_session(account, conn)),
            Job::Quota => Done::Quota(self.accounts[account].seen.quota()),
            Job::Other(output) => self.perform_output(account, conn, output),
        }
    }

    fn perform_output(&mut self, account: usize, conn: ConnId, output: Output) -> Done {
        match output {
            Output::ReadLog {
                after,
                bytes_max,
                rows_max,
            } => Done::Log(self.read_log(account, after, bytes_max, rows_max)),
            Output::ReadPack { pack, offset, len } => {
                let bytes = self.durable(account).packs.get(&pack.pack);
                Done::Pack(
                    bytes
                        .and_then(|bytes| bytes.get(offset as usize..offset as usize + len))
                        .map(<[u8]>::to_vec),
                )
            }
            Output::Compare {
                after,
                through,
                items,
            } => Done::Compared(self.compare(account, after, through, &items)),
            Output::ReadEntries { seqs, bytes_max } => {
                Done::Entries(self.read_entries(account, &seqs, bytes_max))
            }
            Output::OfferBlobs(items) => Done::Offered(self.offer(account, conn, &items)),
            Output::FindBlobs(hashes) => {
                let blobs = &self.accounts[account].seen.blobs;
                let found = |hash: BlobHash| Found {
                    hash,
                    bytes: blobs.get(&hash).copied(),
                };
                Done::Found(hashes.into_iter().map(found).collect())
            }
            Output::ReadBlob { hash, offset, len } => {
                Done::Read(hash, offset, self.read_blob(account, &hash, offset, len))
            }
            Output::BlobSuspect(hash) => {
                self.suspect(account, hash);
                Done::Verified(hash)
            }
            other => panic!("not work for the disk: {other:?}"),
        }
    }

    fn no_room(&self, account: usize, batch: u64, count: usize) -> Appended {
        Appended {
            batch,
            first_seq: None,
            head: self.head(account),
            refused: vec![AppendRefusal {
                items: (0..count as u32).collect(),
                reason: Reason::Storage,
                quota: Quota::default(),
                message: "the server's disk is full".into(),
            }],
            missing: Vec::new(),
        }
    }

    fn admit(
        &mut self,
        account: usize,
        hello: &Hello,
        token: u64,
        wall_ms: i64,
        dice: &mut Dice,
    ) -> Done {
        let seen = &self.accounts[account].seen;
        let stored = seen.devices.get(&hello.device).copied();
        let Some(stored) = stored.filter(|row| row.token == token) else {
            return Done::Refused(
                CloseCode::Unauthorized,
                "this device was removed from its account: log in again",
            );
        };
        // Nobody is told of entries that may still be lost.
        let head = self.head(account);
        let named = hello.cursor.map(|cursor| cursor.seq);
        let standing = Standing {
            epoch: head.epoch,
            seq: head.seq,
            chain_at_cursor: named
                .filter(|seq| *seq <= head.seq)
                .and_then(|seq| seen.chain_at(seq)),
            incarnation: stored.incarnation,
        };
        let judgement = judge(hello, &standing);
        if !judgement.forked && judgement.cursor_ok {
            let turn = Turn::of(hello, hello.device, stored.incarnation);
            return Done::Admitted(self.welcome(account, head, wall_ms), turn);
        }
        if self.full {
            return Done::Refused(CloseCode::Unavailable, "the server's disk is full");
        }
        // Answered when this commit is flushed, and all before it.
        let seen = &self.accounts[account].seen;
        let head = seen.place(self.disk.epoch, seen.head());
        let incarnation = Some(judgement.incarnation);
        let mut new_identity = None;
        if judgement.forked {
            if seen.devices.len() >= DEVICES_MAX {
                return Done::Refused(
                    CloseCode::Unavailable,
                    "this vault is a copy and the account has 32 devices",
                );
            }
            let device = DeviceId::from_bytes(dice.array());
            let token = self.fresh_token();
            self.commit(
                account,
                vec![Put::Device(device, Some(DeviceRow { token, incarnation }))],
            );
            new_identity = Some(NewIdentity {
                device,
                token: token.to_string(),
            });
        } else {
            let row = DeviceRow {
                incarnation,
                ..stored
            };
            self.commit(account, vec![Put::Device(hello.device, Some(row))]);
        }
        let admitted = Admitted {
            cursor_ok: judgement.cursor_ok,
            new_identity,
            ..self.welcome(account, head, wall_ms)
        };
        Done::Admitted(admitted, None)
    }

    fn welcome(&self, account: usize, head: Cursor, wall_ms: i64) -> Admitted {
        let seen = &self.accounts[account].seen;
        Admitted {
            vault: seen.vault,
            head,
            quota: seen.quota(),
            cursor_ok: true,
            new_identity: None,
            wall_ms,
        }
    }

    /// What a batch records of the device that sent it.
    fn record(
        &self,
        account: usize,
        turn: Option<Turn>,
    ) -> Result<Vec<Put>, (CloseCode, &'static str)> {
        let Some(Turn { device, turn }) = turn else {
            return Ok(Vec::new());
        };
        let row = self.accounts[account].seen.devices.get(&device).copied();
        let row = row.ok_or((CloseCode::Unauthorized, "this device was removed"))?;
        match turn.record(row.incarnation) {
            Ok(next) => {
                let incarnation = Some(next);
                Ok(vec![Put::Device(
                    device,
                    Some(DeviceRow { incarnation, ..row }),
                )])
            }
            Err(Overtaken) => Err((
                CloseCode::Unavailable,
                "a copy of this vault synced meanwhile",
            )),
        }
    }
}
