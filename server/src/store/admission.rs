//! A device says hello: where its account's log stands, whether the log continues from the device's cursor, and
//! whether the device's directory is a copy of one that went on elsewhere. One write.

use domain::DeviceId;
use storage::Batch;
use sync_protocol::server::Admitted;
use sync_protocol::{Cursor, Hello, NewIdentity, Standing, judge};

use super::accounts::{Bearer, DeviceRow, account_row, device_row, json, put_device};
use super::keys::Keys;
use super::log::{chain_in, head_row};
use super::quota::quota_in;
use super::{Store, StoreError};
use crate::auth::token::{Token, TokenHash};

impl Store {
    /// Judges a hello and records the device's incarnation, for a fork that of a new device.
    pub(crate) fn admit(
        &self,
        bearer: Bearer,
        hello: Hello,
        now_ms: u64,
    ) -> Result<Admitted, StoreError> {
        let (epoch, quota_default) = (self.epoch, self.quota_default);
        let new_id = DeviceId::v7(now_ms, super::random()?);
        let token = Token::draw()?;
        self.kv.update(move |view| {
            let Bearer {
                account,
                device,
                token: shown,
            } = bearer;
            let row = account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
            let mut stored =
                device_row(&view, account, device)?.ok_or(StoreError::UnknownDevice)?;
            // Revoked or replaced since the connection was opened.
            if !TokenHash::from_bytes(stored.token).same(&shown) {
                return Err(StoreError::UnknownDevice);
            }
            let head = head_row(&view, account)?;
            let named = hello.cursor.map_or(0, |cursor| cursor.seq);
            let judgement = judge(
                &hello,
                &Standing {
                    epoch,
                    seq: head.seq,
                    chain_at_cursor: chain_in(&view, account, named, head)?,
                    incarnation: stored.incarnation,
                },
            );
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
                head: Cursor {
                    epoch,
                    seq: head.seq,
                    chain: head.chain,
                },
                quota: quota_in(&view, account, &row, quota_default)?,
                cursor_ok: judgement.cursor_ok,
                new_identity,
                wall_ms: i64::try_from(now_ms).unwrap_or(i64::MAX),
            };
            Ok((batch, admitted))
        })
    }
}
