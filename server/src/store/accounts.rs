//! Accounts and their devices: rows, tokens, incarnations. Passwords arrive hashed and tokens leave hashed.

use domain::{DeviceId, IncarnationId, VaultId};
use serde::{Deserialize, Serialize};
use storage::{Batch, View};

use super::keys::{self, Keys};
use super::{AccountId, Store, StoreError};
use crate::auth::token::TokenHash;
use crate::auth::user_name::UserName;
use crate::clock::millis;
use crate::limit;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct AccountRow {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) vault: VaultId,
    pub(super) created_at_ms: u64,
    #[serde(default)]
    pub(super) last_login_ms: u64,
    #[serde(default)]
    pub(super) quota_bytes: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DeviceRow {
    pub(super) name: String,
    pub(super) created_at_ms: u64,
    pub(super) last_seen_ms: u64,
    pub(super) token: [u8; 32],
    #[serde(default)]
    pub(super) incarnation: Option<IncarnationId>,
}

/// What a login needs of an account.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) account: AccountId,
    pub(crate) vault: VaultId,
    pub(crate) password: String,
}

/// Who a token belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bearer {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) token: TokenHash,
}

/// A device as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceInfo {
    pub(crate) id: DeviceId,
    pub(crate) name: String,
    pub(crate) created_at_ms: u64,
    pub(crate) last_seen_ms: u64,
}

/// A device that logs in.
#[derive(Debug, Clone)]
pub(crate) struct NewDevice {
    pub(crate) id: DeviceId,
    pub(crate) name: String,
    pub(crate) token: TokenHash,
}

impl Store {
    /// Makes an account with a vault of its own.
    pub(crate) fn add_account(
        &self,
        name: &UserName,
        password: String,
        now_ms: u64,
    ) -> Result<(AccountId, VaultId), StoreError> {
        let account = AccountId::draw(now_ms)?;
        let vault = VaultId::v7(now_ms, super::random()?);
        let row = AccountRow {
            name: name.as_str().to_owned(),
            password,
            vault,
            created_at_ms: now_ms,
            last_login_ms: 0,
            quota_bytes: None,
        };
        let name = name.clone();
        self.kv.update(move |view| {
            if view.get(&keys::user(&name))?.is_some() {
                return Err(StoreError::UserExists(name));
            }
            let mut batch = Batch::new();
            batch.put(keys::user(&name), account.as_bytes());
            batch.put(Keys(account).account(), json(&row)?);
            Ok((batch, (account, vault)))
        })
    }

    /// What a login under this name needs.
    pub(crate) fn login(&self, name: &UserName) -> Result<Option<Login>, StoreError> {
        let Some(account) = self.account_of(name)? else {
            return Ok(None);
        };
        let row = account_row(&self.kv.view(), account)?;
        Ok(row.map(|row| Login {
            account,
            vault: row.vault,
            password: row.password,
        }))
    }

    /// The account of a name.
    pub(crate) fn account_of(&self, name: &UserName) -> Result<Option<AccountId>, StoreError> {
        let row = self.kv.get(&keys::user(name))?;
        row.map(|id| AccountId::read(&id)).transpose()
    }

    /// All names with their accounts, in order.
    pub(crate) fn users(&self) -> Result<Vec<(String, AccountId)>, StoreError> {
        self.kv
            .scan(keys::USERS)
            .map(|entry| {
                let (key, id) = entry?;
                let name = key.strip_prefix(keys::USERS).unwrap_or_default();
                let name = String::from_utf8_lossy(name).into_owned();
                Ok((name, AccountId::read(&id)?))
            })
            .collect()
    }

    /// Stores a new password hash. The devices stay logged in unless `revoke`.
    pub(crate) fn set_password(
        &self,
        account: AccountId,
        password: String,
        revoke: bool,
    ) -> Result<(), StoreError> {
        self.kv.update_for(account.owner(), move |view| {
            let mut row = account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
            row.password = password;
            let mut batch = Batch::new();
            batch.put(Keys(account).account(), json(&row)?);
            if revoke {
                for (id, device) in device_rows(&view, account)? {
                    batch.delete(Keys(account).device(id));
                    batch.delete(keys::token(&TokenHash::from_bytes(device.token)));
                }
            }
            Ok((batch, ()))
        })
    }

    /// Logs a device in: it gets this token and its former one ends.
    pub(crate) fn log_in_device(
        &self,
        account: AccountId,
        device: NewDevice,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        self.kv.update_for(account.owner(), move |view| {
            let mut row = account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
            row.last_login_ms = now_ms;
            let mut batch = Batch::new();
            batch.put(Keys(account).account(), json(&row)?);
            let mut fresh = DeviceRow {
                name: device.name,
                created_at_ms: now_ms,
                last_seen_ms: now_ms,
                token: *device.token.as_bytes(),
                incarnation: None,
            };
            if let Some(known) = device_row(&view, account, device.id)? {
                batch.delete(keys::token(&TokenHash::from_bytes(known.token)));
                fresh.created_at_ms = known.created_at_ms;
                fresh.incarnation = known.incarnation;
            }
            put_device(&view, &mut batch, account, device.id, &fresh)?;
            Ok((batch, ()))
        })
    }

    /// Whether the account has this device.
    pub(crate) fn has_device(
        &self,
        account: AccountId,
        device: DeviceId,
    ) -> Result<bool, StoreError> {
        Ok(self.kv.get(&Keys(account).device(device))?.is_some())
    }

    /// Whom a token belongs to; notes now and then that the device was seen. `None` for a token that is unknown,
    /// revoked, or was not used for 90 days.
    pub(crate) fn bearer(
        &self,
        token: TokenHash,
        now_ms: u64,
    ) -> Result<Option<Bearer>, StoreError> {
        let Some(bearer) = self.kv.get(&keys::token(&token))? else {
            return Ok(None);
        };
        let (account, device) = bearer
            .split_first_chunk::<16>()
            .ok_or(StoreError::Damaged("token"))?;
        let account = AccountId::from_bytes(*account);
        let device = device
            .try_into()
            .map(DeviceId::from_bytes)
            .map_err(|_| StoreError::Damaged("token"))?;
        let Some(row) = device_row(&self.kv.view(), account, device)? else {
            return Ok(None);
        };
        let unused_ms = now_ms.saturating_sub(row.last_seen_ms);
        if !TokenHash::from_bytes(row.token).same(&token) || unused_ms > millis(limit::TOKEN_IDLE) {
            return Ok(None);
        }
        if unused_ms > millis(limit::LAST_SEEN_STALE) {
            self.seen(account, device, now_ms)?;
        }
        Ok(Some(Bearer {
            account,
            device,
            token,
        }))
    }

    /// The account's devices, by id.
    pub(crate) fn devices(&self, account: AccountId) -> Result<Vec<DeviceInfo>, StoreError> {
        let rows = device_rows(&self.kv.view(), account)?;
        let info = |(id, row): (DeviceId, DeviceRow)| DeviceInfo {
            id,
            name: row.name,
            created_at_ms: row.created_at_ms,
            last_seen_ms: row.last_seen_ms,
        };
        Ok(rows.into_iter().map(info).collect())
    }

    /// Removes a device and its token.
    pub(crate) fn remove_device(
        &self,
        account: AccountId,
        device: DeviceId,
    ) -> Result<(), StoreError> {
        self.kv.update_for(account.owner(), move |view| {
            let row = device_row(&view, account, device)?.ok_or(StoreError::UnknownDevice)?;
            let mut batch = Batch::new();
            batch.delete(Keys(account).device(device));
            batch.delete(keys::token(&TokenHash::from_bytes(row.token)));
            Ok((batch, ()))
        })
    }

    fn seen(&self, account: AccountId, device: DeviceId, now_ms: u64) -> Result<(), StoreError> {
        self.kv.update_for(account.owner(), move |view| {
            let mut batch = Batch::new();
            if let Some(mut row) = device_row(&view, account, device)? {
                row.last_seen_ms = now_ms;
                batch.put(Keys(account).device(device), json(&row)?);
            }
            Ok((batch, ()))
        })
    }
}

/// The row of an account that exists and is not being removed.
pub(super) fn account_row(
    view: &View<'_>,
    account: AccountId,
) -> Result<Option<AccountRow>, StoreError> {
    let row = view.get(&Keys(account).account())?;
    row.map(|row| from_json("account", &row)).transpose()
}

pub(super) fn json<T: Serialize>(row: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(row).map_err(|_| StoreError::Damaged("a row to write"))
}

pub(super) fn from_json<T: for<'a> Deserialize<'a>>(
    what: &'static str,
    row: &[u8],
) -> Result<T, StoreError> {
    serde_json::from_slice(row).map_err(|_| StoreError::Damaged(what))
}

pub(super) fn device_row(
    view: &View<'_>,
    account: AccountId,
    device: DeviceId,
) -> Result<Option<DeviceRow>, StoreError> {
    let row = view.get(&Keys(account).device(device))?;
    row.map(|row| from_json("device", &row)).transpose()
}

pub(super) fn device_rows(
    view: &View<'_>,
    account: AccountId,
) -> Result<Vec<(DeviceId, DeviceRow)>, StoreError> {
    view.scan(&Keys(account).devices())
        .map(|entry| {
            let (key, row) = entry?;
            let id = keys::tail(&key).ok_or(StoreError::Damaged("device"))?;
            Ok((DeviceId::from_bytes(id), from_json("device", &row)?))
        })
        .collect()
}

/// Puts a device with its token; a new one only while there is room. Devices whose token has run out make room.
pub(super) fn put_device(
    view: &View<'_>,
    batch: &mut Batch,
    account: AccountId,
    id: DeviceId,
    row: &DeviceRow,
) -> Result<(), StoreError> {
    let known = view.get(&Keys(account).device(id))?.is_some();
    let mut others = device_rows(view, account)?;
    if !known && others.len() >= limit::DEVICES_MAX {
        others.retain(|(_, other)| {
            row.last_seen_ms.saturating_sub(other.last_seen_ms) > millis(limit::TOKEN_IDLE)
        });
        if others.is_empty() {
            return Err(StoreError::TooManyDevices);
        }
        for (gone, other) in others {
            batch.delete(Keys(account).device(gone));
            batch.delete(keys::token(&TokenHash::from_bytes(other.token)));
        }
    }
    batch.put(Keys(account).device(id), json(row)?);
    let mut bearer = account.as_bytes().to_vec();
    bearer.extend_from_slice(id.as_bytes());
    batch.put(keys::token(&TokenHash::from_bytes(row.token)), bearer);
    Ok(())
}
