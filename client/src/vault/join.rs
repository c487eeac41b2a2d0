//! Joining an account and leaving it. A device that logs in takes the account's vault id; its decks, cards and events keep
//! their ids and are sent; what its own settings held is written into the account's. Nothing is lost.

use domain::document::settings;
use domain::{DeviceId, DocId, VaultId};
use storage::ServerKey;

use super::write::Tx;
use super::{Vault, VaultResult};
use crate::index::{Rows, key};
use crate::local_state::{Login, Retired};

/// What a login gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joining {
    /// The account's vault id.
    pub vault: VaultId,
    /// What the account calls this device: its own id, or another where the account knew that one already.
    pub device: DeviceId,
    /// Where and who.
    pub login: Login,
}

impl Vault {
    /// The account this device is logged in to.
    pub fn login(&self) -> Option<&Login> {
        self.local.login.as_ref().filter(|login| login.active)
    }

    /// The account this device was last logged in to, also after a logout.
    pub fn last_login(&self) -> Option<&Login> {
        self.local.login.as_ref()
    }

    /// Joins this vault to an account after a login. To the account it belongs to already, only the login is renewed: what
    /// waited to be sent still waits.
    ///
    /// # Errors
    /// The disk refuses; then the vault is as it was.
    pub fn join(&mut self, joining: &Joining) -> VaultResult<()> {
        let account = joining.vault;
        let server = ServerKey(account.to_bytes());
        let login = Login {
            active: true,
            ..joining.login.clone()
        };
        self.fold_journal()?;
        if account == self.local.vault && self.store.server() == Some(server) {
            return self.write(|tx| {
                tx.local.login = Some(login);
                tx.rename_device(joining.device)
            });
        }
        let offers = self.blobs_here()?;
        self.write(|tx| {
            let left = DocId::settings(tx.local.vault);
            let own = tx.settings.view();
            if tx.local.vault != account {
                tx.local.retired.push(Retired(left));
            }
            tx.local
                .retired
                .retain(|retired| retired.0 != DocId::settings(account));
            tx.local.vault = account;
            tx.local.login = Some(login);
            tx.local.quota = None;
            tx.writer.set_server(Some(server));
            tx.writer.outbox_drop()?;
            tx.writer.set_cursor(None)?;
            tx.local.device = joining.device;
            let retired: Vec<DocId> = tx.local.retired.iter().map(|retired| retired.0).collect();
            tx.writer.outbox_fill(&retired)?;
            tx.begin_settings()?;
            tx.edit_settings(|doc| settings::absorb(doc, &own))?;
            offers
                .iter()
                .for_each(|blob| tx.writer.set(key::offer(*blob), Some(Vec::new())));
            Ok(())
        })
    }

    /// Logs out: the account is forgotten as a place to sync with, but what waits to be sent waits on for the next login.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn leave(&mut self) -> VaultResult<()> {
        self.write(|tx| {
            if let Some(login) = &mut tx.local.login {
                login.active = false;
            }
            Ok(())
        })
    }
}

impl Tx<'_> {
    /// Takes another device id and names it in the settings.
    pub(crate) fn rename_device(&mut self, device: DeviceId) -> VaultResult<()> {
        if device == self.local.device {
            return Ok(());
        }
        self.local.device = device;
        let name = self.local.device_name.clone();
        self.edit_settings(|doc| settings::set_device_name(doc, device, &name))
    }
}
