//! What an administrator may ask, and doing it.

use serde::{Deserialize, Serialize};

use super::Answer;
use crate::auth::password::Password;
use crate::auth::user_name::UserName;
use crate::clock::wall_ms;
use crate::http::error::Chain;
use crate::hub::Hub;
use crate::store::{AccountId, Store, StoreError};

/// One command.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Makes an account.
    Add {
        /// User name.
        user: String,
        /// Its password.
        password: String,
    },
    /// Lists all accounts with their figures.
    List {
        /// One JSON object a line instead of a table.
        json: bool,
    },
    /// What accounts and the whole server store, in the text format of Prometheus.
    Metrics,
    /// Shows or sets the blob quota of an account.
    Quota {
        /// User name.
        user: String,
        /// The new quota.
        set: QuotaChange,
    },
    /// Removes an account with everything it has.
    Remove {
        /// User name.
        user: String,
    },
    /// Sets a password; all devices of the account have to log in again.
    Password {
        /// User name.
        user: String,
        /// The new password.
        password: String,
    },
}

/// What to do with a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaChange {
    /// Show it.
    Keep,
    /// The server's own again.
    Default,
    /// This many bytes.
    Bytes(u64),
}

/// What a command works on. The hub is empty while the server is stopped.
pub(crate) struct Administration<'a> {
    pub(crate) store: &'a Store,
    pub(crate) hub: &'a Hub,
}

#[derive(Serialize)]
struct Listed<'a> {
    user: &'a str,
    quota_used_bytes: u64,
    quota_limit_bytes: u64,
    documents: u64,
    document_bytes: u64,
    blobs: u64,
    devices: u64,
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("there is no user named {0}; `user list` shows all")]
    Unknown(String),
    #[error(transparent)]
    Name(#[from] crate::auth::user_name::BadUserName),
    #[error(transparent)]
    Password(#[from] crate::auth::password::PasswordRefused),
    #[error("the password could not be hashed")]
    Hash(#[from] crate::auth::argon::ArgonError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the list could not be written")]
    Json(#[from] serde_json::Error),
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Add { .. } => "Add",
            Self::List { .. } => "List",
            Self::Metrics => "Metrics",
            Self::Quota { .. } => "Quota",
            Self::Remove { .. } => "Remove",
            Self::Password { .. } => "Password",
        })
    }
}

/// Does a command. Blocking.
pub(crate) fn execute(on: &Administration<'_>, command: Command) -> Answer {
    let name = format!("{command:?}");
    match on.execute(command) {
        Ok(text) => Answer::Done(text),
        Err(error) => {
            tracing::debug!(command = name, cause = %Chain(&error), "an admin command failed");
            Answer::Failed(Chain(&error).to_string())
        }
    }
}

impl Administration<'_> {
    fn execute(&self, command: Command) -> Result<String, Refused> {
        match command {
            Command::Add { user, password } => self.add(&user, password),
            Command::List { json } => self.list(json),
            Command::Metrics => self.metrics(),
            Command::Quota { user, set } => self.quota(&user, set),
            Command::Remove { user } => self.remove(&user),
            Command::Password { user, password } => self.password(&user, password),
        }
    }

    fn add(&self, user: &str, password: String) -> Result<String, Refused> {
        let user = UserName::parse(user)?;
        let hash = hash(&user, password)?;
        self.store.add_account(&user, hash, wall_ms())?;
        Ok(format!("added {user}\n"))
    }

    fn metrics(&self) -> Result<String, Refused> {
        let mut figures = Vec::new();
        for (user, account) in self.store.users()? {
            match self.store.usage(account) {
                Err(StoreError::UnknownAccount) => {}
                usage => figures.push((user, usage?)),
            }
        }
        Ok(super::metrics::text(&figures))
    }

    fn list(&self, json: bool) -> Result<String, Refused> {
        let mut text = String::new();
        if !json {
            text.push_str(
                "USER                      USED BYTES     QUOTA BYTES  DOCUMENT BYTES  DEVICES\n",
            );
        }
        for (user, account) in self.store.users()? {
            let usage = match self.store.usage(account) {
                // Removed between the two looks.
                Err(StoreError::UnknownAccount) => continue,
                usage => usage?,
            };
            let listed = Listed {
                user: &user,
                quota_used_bytes: usage.quota_used_bytes,
                quota_limit_bytes: usage.quota_limit_bytes,
                documents: usage.documents,
                document_bytes: usage.document_bytes,
                blobs: usage.blobs,
                devices: usage.devices,
            };
            if json {
                text.push_str(&serde_json::to_string(&listed)?);
                text.push('\n');
            } else {
                text.push_str(&listed.line());
            }
        }
        Ok(text)
    }

    fn quota(&self, user: &str, set: QuotaChange) -> Result<String, Refused> {
        let (user, account) = self.find(user)?;
        match set {
            QuotaChange::Keep => {}
            QuotaChange::Default => self.store.set_quota(account, None)?,
            QuotaChange::Bytes(bytes) => self.store.set_quota(account, Some(bytes))?,
        }
        let usage = self.store.usage(account)?;
        self.hub.quota(account, self.store.quota(account)?);
        let (used, limit) = (usage.quota_used_bytes, usage.quota_limit_bytes);
        Ok(format!("{user} uses {used} of {limit} bytes\n"))
    }

    fn remove(&self, user: &str) -> Result<String, Refused> {
        let (user, account) = self.find(user)?;
        self.store.cut_off(&user, account)?;
        self.hub.close(account, None, "this account was removed");
        self.store.purge(account)?;
        Ok(format!("removed {user}\n"))
    }

    fn password(&self, user: &str, password: String) -> Result<String, Refused> {
        let (user, account) = self.find(user)?;
        let hash = hash(&user, password)?;
        self.store.set_password(account, hash, true)?;
        let reason = "the password was changed: log in again";
        self.hub.close(account, None, reason);
        Ok(format!(
            "changed the password of {user}; all devices have to log in again\n"
        ))
    }

    fn find(&self, user: &str) -> Result<(UserName, AccountId), Refused> {
        let name = UserName::parse(user)?;
        match self.store.account_of(&name)? {
            Some(account) => Ok((name, account)),
            None => Err(Refused::Unknown(user.to_owned())),
        }
    }
}

impl Listed<'_> {
    fn line(&self) -> String {
        format!(
            "{:<20} {:>15} {:>15} {:>15} {:>8}\n",
            self.user,
            self.quota_used_bytes,
            self.quota_limit_bytes,
            self.document_bytes,
            self.devices
        )
    }
}

fn hash(user: &UserName, password: String) -> Result<String, Refused> {
    let password = Password::typed(password);
    password.acceptable_for(user.as_str())?;
    Ok(password.hash()?)
}
