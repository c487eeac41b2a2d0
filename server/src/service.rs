//! What requests, sessions and the administrator work on: the store, the hub and the pools in front of them.

use std::sync::Arc;

use crate::auth::password::Passwords;
use crate::auth::rate::Rates;
use crate::config::Registration;
use crate::hub::Hub;
use crate::limit;
use crate::pool::{Pool, PoolError};
use crate::shutdown::Stop;
use crate::store::{Store, StoreError};

/// Shared by everything that runs.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) store: Arc<Store>,
    pub(crate) hub: Hub,
    pub(crate) passwords: Passwords,
    pub(crate) rates: Rates,
    pub(crate) registration: Registration,
    disk: Pool,
    blobs: Pool,
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

/// Why a disk job gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl Service {
    pub(crate) fn new(store: Store, passwords: Passwords, registration: Registration) -> Self {
        Self {
            store: Arc::new(store),
            hub: Hub::default(),
            passwords,
            rates: Rates::default(),
            registration,
            disk: Pool::new("disk", limit::DISK_JOBS_AT_ONCE, 0),
            blobs: Pool::new("blob", limit::BLOB_JOBS_AT_ONCE, 0),
        }
    }

    /// Runs a job of the store off the reactor.
    pub(crate) async fn disk<T, F>(&self, lane: Lane, job: F) -> Result<T, DiskError>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        let pool = match lane {
            Lane::Documents => &self.disk,
            Lane::Blobs => &self.blobs,
        };
        Ok(pool.run(move || job(&store)).await??)
    }

    /// Waits until no job runs.
    pub(crate) async fn idle(&self) {
        self.passwords.idle().await;
        self.disk.idle().await;
        self.blobs.idle().await;
    }
}
