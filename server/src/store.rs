//! Everything the server keeps, behind one struct: accounts, devices, change logs, packs, blobs and their quotas.
//!
//! Rows lie in the key-value store of `storage`, packs and blobs as files. All of it blocks; callers come through a
//! bounded pool. PostgreSQL and an object store can take the place of the two without anyone outside noticing. What a
//! crash may cost: nothing that was answered; parts of unfinished blobs may be shorter than they were.

pub(crate) mod accounts;
pub(crate) mod admission;
pub(crate) mod blobs;
pub(crate) mod compare;
mod keys;
pub(crate) mod log;
pub(crate) mod packs;
pub(crate) mod quota;
mod recount;
mod removal;
mod row;
#[cfg(test)]
mod tests;
pub(crate) mod unused;
pub(crate) mod uploaded;
mod uploads;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::VaultId;
use storage::{Batch, BlobError, Kv, KvError, KvOptions, Owner, PackError};
use sync_protocol::LogEpoch;

use crate::auth::user_name::UserName;
use crate::clamd::Clamd;
use crate::link::LinkKey;
use log::Head;
use packs::Sealing;
use uploads::Uploads;

const FORMAT: &[u8] = b"1";

/// Names an account. Never shown to another account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AccountId([u8; 16]);

/// A failed operation of the store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("there is an account named {0} already: choose another name")]
    UserExists(UserName),
    #[error(
        "the account has {} devices, which is all it may have: remove one first",
        crate::limit::DEVICES_MAX
    )]
    TooManyDevices,
    #[error("there is no such account")]
    UnknownAccount,
    #[error("there is no such device")]
    UnknownDevice,
    #[error("another session wrote for the same device meanwhile")]
    Raced,
    #[error("a copy of this device's directory synced meanwhile")]
    Overtaken,
    #[error("the disk is full")]
    Full(#[source] KvError),
    #[error("more commits wait than may")]
    Busy,
    #[error("the rows could not be read or written")]
    Kv(#[source] KvError),
    #[error("a file of the store could not be read or written")]
    Blob(#[from] BlobError),
    #[error("the malware scanner gave no answer")]
    Scanner(#[source] std::io::Error),
    #[error("a pack is damaged")]
    Pack(#[from] PackError),
    #[error("the store is damaged: {0}")]
    Damaged(&'static str),
    #[error("the system gives no random bytes")]
    Random(#[from] getrandom::Error),
    #[error("{path} could not be used")]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "the data directory was made by another version of this program (format {0}): use that one"
    )]
    Format(String),
}

/// The server's store.
#[derive(Debug)]
pub(crate) struct Store {
    kv: Kv,
    dir: PathBuf,
    epoch: LogEpoch,
    quota_default: u64,
    /// Where each account's flushed log ends; filled when first asked.
    marks: Mutex<BTreeMap<AccountId, Head>>,
    files: Mutex<BTreeMap<AccountId, Arc<blobs::Files>>>,
    pub(crate) sealing: Sealing,
    uploads: Arc<Uploads>,
    links: LinkKey,
    scanner: Option<Clamd>,
}

impl Store {
    /// The key of signed links.
    pub(crate) fn links(&self) -> &LinkKey {
        &self.links
    }

    /// Opens the store in `dir`, or makes it, and recounts every account's quota.
    pub(crate) fn open(
        dir: &Path,
        quota_default: u64,
        scanner: Option<Clamd>,
    ) -> Result<Self, StoreError> {
        let rows = dir.join("db");
        let kv = match Kv::open(&rows, KvOptions::server()) {
            Err(KvError::Missing { .. }) => Kv::create(&rows, KvOptions::server())?,
            other => other?,
        };
        let epoch = prepare(&kv)?;
        let links = link_key(&kv)?;
        let store = Self {
            kv,
            dir: dir.to_owned(),
            epoch,
            quota_default,
            marks: Mutex::default(),
            files: Mutex::default(),
            sealing: Sealing::default(),
            uploads: Arc::default(),
            links: LinkKey::new(links),
            scanner,
        };
        store.finish_removals()?;
        store.recount()?;
        Ok(store)
    }

    /// Whether the store takes no more writes, with its files left in order on the disk.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.kv.is_poisoned()
    }

    /// Returns when every commit before it is flushed and no larger one is half visible.
    fn barrier(&self) -> Result<(), StoreError> {
        self.kv.update(|_| Ok((Batch::new(), ())))
    }

    fn mark(&self, account: AccountId) -> Option<Head> {
        lock(&self.marks).get(&account).copied()
    }

    /// Moves the mark of an account forward, never back.
    fn advance_mark(&self, account: AccountId, head: Head) -> Head {
        let mut marks = lock(&self.marks);
        let mark = marks.entry(account).or_insert(head);
        if head.seq > mark.seq {
            *mark = head;
        }
        *mark
    }

    /// The directory that holds an account's files.
    fn account_dir(&self, account: AccountId) -> PathBuf {
        self.dir.join("accounts").join(account.to_string())
    }
}

impl AccountId {
    fn draw(now_ms: u64) -> Result<Self, StoreError> {
        Ok(Self(VaultId::v7(now_ms, random()?).to_bytes()))
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// In whose turn the commits of this account are made.
    fn owner(self) -> Owner {
        Owner(self.0)
    }

    fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let bytes = bytes
            .try_into()
            .map_err(|_| StoreError::Damaged("account id"))?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        VaultId::from_bytes(self.0).fmt(f)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({self})")
    }
}

impl From<KvError> for StoreError {
    fn from(error: KvError) -> Self {
        match error {
            KvError::Full { .. } => Self::Full(error),
            KvError::Busy => Self::Busy,
            _ => Self::Kv(error),
        }
    }
}

/// Locks a mutex whose content is whole at every moment, so a panicked holder does no harm.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// The key of signed links, drawn once.
fn link_key(kv: &Kv) -> Result<[u8; 32], StoreError> {
    let drawn = random::<32>()?;
    kv.update(move |view| {
        let mut batch = Batch::new();
        let key = match view.get(keys::LINKS)? {
            Some(row) => row
                .try_into()
                .map_err(|_| StoreError::Damaged("link key"))?,
            None => {
                batch.put(keys::LINKS, drawn);
                drawn
            }
        };
        Ok((batch, key))
    })
}

/// Writes format and epoch into a new store, checks them in an old one.
fn prepare(kv: &Kv) -> Result<LogEpoch, StoreError> {
    let drawn = random::<16>()?;
    kv.update(move |view| {
        let mut batch = Batch::new();
        match view.get(keys::FORMAT)? {
            Some(format) if format == FORMAT => {}
            Some(format) => {
                let format = String::from_utf8_lossy(&format).into_owned();
                return Err(StoreError::Format(format));
            }
            None => {
                batch.put(keys::FORMAT, FORMAT);
                batch.put(keys::EPOCH, drawn);
                return Ok((batch, LogEpoch::from_bytes(drawn)));
            }
        }
        let epoch = view.get(keys::EPOCH)?.and_then(|row| row.try_into().ok());
        let epoch = epoch.ok_or(StoreError::Damaged("epoch"))?;
        Ok((batch, LogEpoch::from_bytes(epoch)))
    })
}
