//! After a sync, once a day: what no card names any more is erased here and told to the server, and what other devices said of theirs
//! is heard. Over HTTP, beside the session: a sync that has nothing to do stays one short exchange. Whatever fails is tried again with
//! the next sync.

use std::sync::mpsc;
use std::time::Duration;

use super::{SyncError, SyncEvent, line_of};
use crate::account::{AccountClient, AccountError};
use crate::limit;
use crate::shared::SharedVault;
use crate::vault::{VaultError, days_ms};

/// How often a sync that stays connected looks whether the day is over.
const LOOK_EVERY: Duration = Duration::from_secs(600);

#[derive(Debug, thiserror::Error)]
enum NotTold {
    #[error(transparent)]
    Sync(#[from] SyncError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// Does what is due, and tells why if it could not.
pub(super) fn tell_if_due(vault: &SharedVault) -> Option<SyncEvent> {
    let because = match tell(vault) {
        Ok(()) => return None,
        Err(error) => error.to_string(),
    };
    Some(SyncEvent::UnusedNotTold { because })
}

/// The same now and then, until nobody holds the other end.
pub(super) fn tell_on(vault: &SharedVault, ended: &mpsc::Receiver<()>) {
    while ended.recv_timeout(LOOK_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
        tell_if_due(vault);
    }
}

fn tell(vault: &SharedVault) -> Result<(), NotTold> {
    if !vault.lock_for_sync().unused_is_due()? {
        return Ok(());
    }
    let (client, token) = {
        let vault = vault.lock_for_sync();
        let line = line_of(&vault)?;
        let ca = vault.login().and_then(|login| login.ca.clone());
        (AccountClient::new(line.address, ca.as_deref())?, line.token)
    };
    // A document that cannot be read keeps blobs here, not those that have gone from being told.
    let swept = vault
        .lock_for_sync()
        .sweep_media(days_ms(limit::UNUSED_GRACE_DAYS));
    loop {
        let report = vault.lock_for_sync().unused_report()?;
        let news = client.report_unused(&token, &report)?;
        if !vault.lock_for_sync().unused_reported(&report, &news)? {
            break;
        }
    }
    swept?;
    Ok(())
}
