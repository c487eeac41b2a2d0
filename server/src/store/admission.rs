//! A device says hello: where its account's log stands, whether the log continues from the device's cursor, and
//! whether the device's directory is a copy of one that went on elsewhere.
//!
//! A device that merely looks is admitted without a write. Its next incarnation is recorded in the commit of the first
//! batch it sends ([`Turn`]); at once only where the answer itself needs it: for a new device, and for one whose cursor
//! shows that it is the server that lost its memory.

use domain::DeviceId;
use storage::{Batch, View};
use sync_protocol::server::Admitted;
use sync_protocol::{Cursor, Hello, Judgement, LogEpoch, NewIdentity, Standing, judge};

use super::accounts::{AccountRow, Bearer, DeviceRow, account_row, device_row, json, put_device};
use super::keys::Keys;
use super::log::{Head, chain_in, head_row};
use super::quota::quota_in;
use super::{AccountId, Store, StoreError};
use crate::auth::token::{Token, TokenHash};

/// The incarnation a device takes with the first batch it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    device: DeviceId,
    turn: sync_protocol::Turn,
}

/// What is known of a device that says hello.
struct Known {
    account: AccountRow,
    device: DeviceRow,
    judgement: Judgement,
}

impl Store {
    /// Judges a hello. What the device is to be recorded as with its first batch comes along, unless it is already.
    pub(crate) fn admit(
        &self,
        bearer: Bearer,
        hello: Hello,
        now_ms: u64,
    ) -> Result<(Admitted, Option<Turn>), StoreError> {
        // The flushed end of the log: nobody is told of entries that may still be lost.
        let head = self.head(bearer.account)?;
        let known = known(&self.kv.view(), &bearer, &hello, (self.epoch, head))?;
        if known.judgement.forked || !known.judgement.cursor_ok {
            return Ok((self.admit_recorded(bearer, hello, now_ms)?, None));
        }
        let turn = sync_protocol::Turn::of(&hello, known.device.incarnation);
        let device = bearer.device;
        let turn = turn.map(|turn| Turn { device, turn });
        let quota = quota_in(
            &self.kv.view(),
            bearer.account,
            &known.account,
            self.quota_default,
        )?;
        let admitted = Admitted {
            vault: known.account.vault,
            head: at(self.epoch, head),
            quota,
            cursor_ok: true,
            new_identity: None,
            wall_ms: i64::try_from(now_ms).unwrap_or(i64::MAX),
        };
        Ok((admitted, turn))
    }

    /// Judges a hello on the writer thread and records the device's incarnation, for a fork that of a new device.
    fn admit_recorded(
        &self,
        bearer: Bearer,
        hello: Hello,
        now_ms: u64,
    ) -> Result<Admitted, StoreError> {
        let (epoch, quota_default) = (self.epoch, self.quota_default);
        let new_id = DeviceId::v7(now_ms, super::random()?);
        let token = Token::draw()?;
        self.kv.update_for(bearer.account.owner(), move |view| {
            let Bearer {
                account, device, ..
            } = bearer;
            let head = head_row(&view, account)?;
            let Known {
                account: row,
                device: mut stored,
                judgement,
            } = known(&view, &bearer, &hello, (epoch, head))?;
            let mut batch = Batch::new();
            let mut new_identity = None;
            if judgement.forked {
                let copy = DeviceRow {
                    name: format!("{} (copy)", stored.name),
                    created_at_ms: now_ms,
                    last_seen_ms: now_ms,
                    token: *token.hash().as_bytes(),
                    incarnation: Some(judgement.incarnation),
                };
                put_device(&view, &mut batch, account, new_id, &copy)?;
                new_identity = Some(NewIdentity {
                    device: new_id,
                    token: token.reveal().to_string(),
                });
            } else {
                stored.incarnation = Some(judgement.incarnation);
                stored.last_seen_ms = now_ms;
                batch.put(Keys(account).device(device), json(&stored)?);
            }
            let admitted = Admitted {
                vault: row.vault,
                head: at(epoch, head),
                quota: quota_in(&view, account, &row, quota_default)?,
                cursor_ok: judgement.cursor_ok,
                new_identity,
                wall_ms: i64::try_from(now_ms).unwrap_or(i64::MAX),
            };
            Ok((batch, admitted))
        })
    }
}

impl Turn {
    /// Adds the device's new incarnation to a commit. A device that was removed, or another copy of its directory that was
    /// faster, ends the session: the next hello tells which it is.
    pub(super) fn record(
        self,
        view: &View<'_>,
        account: AccountId,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let mut row = device_row(view, account, self.device)?.ok_or(StoreError::UnknownDevice)?;
        let next = self.turn.record(row.incarnation);
        row.incarnation = Some(next.map_err(|_| StoreError::Overtaken)?);
        batch.put(Keys(account).device(self.device), json(&row)?);
        Ok(())
    }
}

/// Looks a device up and judges its hello against a log that ends there.
fn known(
    view: &View<'_>,
    bearer: &Bearer,
    hello: &Hello,
    (epoch, head): (LogEpoch, Head),
) -> Result<Known, StoreError> {
    let account = account_row(view, bearer.account)?.ok_or(StoreError::UnknownAccount)?;
    let device =
        device_row(view, bearer.account, bearer.device)?.ok_or(StoreError::UnknownDevice)?;
    // Revoked or replaced since the connection was opened.
    if !TokenHash::from_bytes(device.token).same(&bearer.token) {
        return Err(StoreError::UnknownDevice);
    }
    let named = hello.cursor.map_or(0, |cursor| cursor.seq);
    let judgement = judge(
        hello,
        &Standing {
            epoch,
            seq: head.seq,
            chain_at_cursor: chain_in(view, bearer.account, named, head)?,
            incarnation: device.incarnation,
        },
    );
    Ok(Known {
        account,
        device,
        judgement,
    })
}

fn at(epoch: LogEpoch, head: Head) -> Cursor {
    Cursor {
        epoch,
        seq: head.seq,
        chain: head.chain,
    }
}
