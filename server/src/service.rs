//! What requests, sessions and the administrator work on: the store, the hub and the pools in front of them.

use std::sync::Arc;
use std::time::Duration;

use domain::BlobHash;
use media_worker::Worker;

use crate::auth::password::Passwords;
use crate::auth::rate::{AccountRates, Rates};
use crate::config::Registration;
use crate::hub::Hub;
use crate::limit;
use crate::media_desk::MediaDesk;
use crate::pool::PoolError;
use crate::pool::fair::{FairPool, Owner};
use crate::pool::turns::Bounds;
use crate::shutdown::Stop;
use crate::store::{AccountId, Store, StoreError};

/// Shared by everything that runs.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) store: Arc<Store>,
    pub(crate) hub: Hub,
    pub(crate) passwords: Passwords,
    pub(crate) rates: Rates,
    /// How often an account may have something prepared.
    pub(crate) uploads: AccountRates,
    /// How often it may have a picture made small.
    pub(crate) thumbnails: AccountRates,
    pub(crate) media: MediaDesk,
    pub(crate) registration: Registration,
    /// How long a blob that no device names any more is kept.
    pub(crate) unused_grace: Duration,
    disk: FairPool,
    blobs: FairPool,
}

/// The router's state.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) service: Arc<Service>,
    pub(crate) stop: Stop,
}

/// Which pool a disk job runs in: a heavy upload fills its own and never delays a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Rows and packs.
    Documents,
    /// Blob files.
    Blobs,
}

/// Where a disk job runs and whose turn it takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    lane: Lane,
    owner: Owner,
}

/// Why a disk job gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl Lane {
    /// A job in an account's turn.
    pub(crate) fn of(self, account: AccountId) -> Work {
        Work {
            lane: self,
            owner: Some(account),
        }
    }

    /// A job of the server itself, or of a caller whose account is not known yet.
    pub(crate) fn ours(self) -> Work {
        Work {
            lane: self,
            owner: None,
        }
    }
}

fn bounds(workers: usize) -> Bounds {
    Bounds {
        workers,
        jobs_per_key: limit::ACCOUNT_JOBS_AT_ONCE,
    }
}

impl Service {
    pub(crate) fn new(
        store: Store,
        passwords: Passwords,
        registration: Registration,
        unused_grace: Duration,
        worker: Worker,
    ) -> Self {
        Self {
            store: Arc::new(store),
            hub: Hub::default(),
            passwords,
            rates: Rates::default(),
            uploads: AccountRates::new(limit::MEDIA_A_MINUTE),
            thumbnails: AccountRates::new(limit::THUMBNAILS_A_MINUTE),
            media: MediaDesk::new(worker),
            registration,
            unused_grace,
            disk: FairPool::new("disk", bounds(limit::DISK_JOBS_AT_ONCE)),
            blobs: FairPool::new("blob", bounds(limit::BLOB_JOBS_AT_ONCE)),
        }
    }

    /// Tells the account's sessions that blobs have gone: there is more room, and who offered one of them meanwhile asks again.
    pub(crate) async fn tell_gone(
        &self,
        account: AccountId,
        gone: Vec<BlobHash>,
    ) -> Result<(), DiskError> {
        if gone.is_empty() {
            return Ok(());
        }
        let quota = self
            .disk(Lane::Blobs.of(account), move |store| store.quota(account))
            .await?;
        self.hub.quota(account, quota);
        self.hub.blobs_free(account, &gone);
        Ok(())
    }

    /// Tells the account's sessions of a blob that came another way than through one of them.
    pub(crate) async fn tell_stored(
        &self,
        account: AccountId,
        hash: BlobHash,
    ) -> Result<(), DiskError> {
        let quota = self
            .disk(Lane::Blobs.of(account), move |store| store.quota(account))
            .await?;
        self.hub.quota(account, quota);
        self.hub.blob_stored(account, hash);
        Ok(())
    }

    /// Runs a job of the store off the reactor.
    pub(crate) async fn disk<T, F>(&self, work: Work, job: F) -> Result<T, DiskError>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        let pool = match work.lane {
            Lane::Documents => &self.disk,
            Lane::Blobs => &self.blobs,
        };
        Ok(pool.run(work.owner, move || job(&store)).await??)
    }

    /// Waits until no job runs.
    pub(crate) async fn idle(&self) {
        self.passwords.idle().await;
        self.disk.idle().await;
        self.blobs.idle().await;
    }
}
