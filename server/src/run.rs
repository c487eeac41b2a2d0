//! The life of a server: opened, serving, stopped. Owns every task and awaits it.

use std::path::PathBuf;
use std::sync::Arc;

use media_worker::Worker;
use storage::{LockError, LockKind, VaultLock};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

use crate::auth::password::Passwords;
use crate::clock::wall_ms;
use crate::config::Config;
use crate::http::error::Chain;
use crate::listen::tls::{Tls, TlsError};
use crate::service::{Context, DiskError, Lane, Service};
use crate::shutdown::{self, Stop};
use crate::store::{Store, StoreError};
use crate::{admin, http, limit, listen};

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The data directory could not be made.
    #[error("the data directory {path} could not be made")]
    Data {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the data directory.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The store could not be opened.
    #[error("the store in {path} could not be opened")]
    Store {
        /// The data directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The admin socket could not be opened.
    #[error("the admin socket in {path} could not be opened")]
    Admin {
        /// The data directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The system refused something small that everything needs.
    #[error("the server could not be set up: {0}")]
    Setup(String),
}

/// An opened server that does not serve yet.
#[derive(Debug)]
pub struct Server {
    service: Arc<Service>,
    tls: Option<Tls>,
    admin: UnixListener,
    data: PathBuf,
    lock: VaultLock,
}

/// Opens a server and serves on `listener` until `shutdown` ends.
///
/// # Errors
/// [`RunError`] when it cannot start. Once it serves, it ends without an error and within a bound.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    Server::open(config).await?.serve(listener, shutdown).await;
    Ok(())
}

impl Server {
    /// Locks the data directory, opens the store and everything else that can fail.
    ///
    /// # Errors
    /// [`RunError`] with words for the person who hosts.
    pub async fn open(config: Config) -> Result<Self, RunError> {
        let opened = tokio::task::spawn_blocking(move || open(config)).await;
        let (service, tls, data, lock) =
            opened.map_err(|error| RunError::Setup(error.to_string()))??;
        let admin = admin::open(&data).map_err(|source| RunError::Admin {
            path: data.clone(),
            source,
        })?;
        Ok(Self {
            service: Arc::new(service),
            tls,
            admin,
            data,
            lock,
        })
    }

    /// Serves until `shutdown` ends, then lets everything that was begun come to its end, within a bound.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let (mut stopper, stop) = shutdown::channel();
        let context = Context {
            service: Arc::clone(&self.service),
            stop: stop.clone(),
        };
        let mut tasks = JoinSet::new();
        let router = http::router(context);
        tasks.spawn(listen::serve(
            listener,
            router,
            self.tls.clone(),
            stop.clone(),
        ));
        let service = Arc::clone(&self.service);
        tasks.spawn(admin::serve(self.admin, service, self.data, stop.clone()));
        tasks.spawn(seal(Arc::clone(&self.service), stop.clone()));
        tasks.spawn(upkeep(Arc::clone(&self.service), self.tls, stop));

        shutdown.await;
        tracing::info!("stopping");
        stopper.stop();
        let ended = async {
            while tasks.join_next().await.is_some() {}
            stopper.ended().await;
            self.service.idle().await;
        };
        if tokio::time::timeout(2 * limit::SHUTDOWN, ended)
            .await
            .is_err()
        {
            tracing::warn!("some work did not end in time; what was acknowledged is on the disk");
        }
        let (service, lock) = (self.service, self.lock);
        // Closing writes out and marks the store as closed in order.
        let closed = tokio::task::spawn_blocking(move || {
            drop(service);
            drop(lock);
        });
        if closed.await.is_err() {
            tracing::error!("the store was not closed in order; it is checked at the next start");
        }
        tracing::info!("stopped");
    }
}

type Opened = (Service, Option<Tls>, PathBuf, VaultLock);

fn open(config: Config) -> Result<Opened, RunError> {
    let path = config.data;
    make_data_dir(&path).map_err(|source| RunError::Data {
        path: path.clone(),
        source,
    })?;
    let tls = config.tls.map(Tls::load).transpose()?;
    let lock = VaultLock::acquire(
        &path,
        "memoryvault-server",
        LockKind::Long,
        limit::LOCK_WAIT,
    )?;
    let store =
        Store::open(&path, config.quota_bytes, config.clamd).map_err(|source| RunError::Store {
            path: path.clone(),
            source: Box::new(source),
        })?;
    let worker = Worker::of_this_program().map_err(|error| RunError::Setup(error.to_string()))?;
    let passwords = Passwords::new().map_err(|error| RunError::Setup(error.to_string()))?;
    let service = Service::new(
        store,
        passwords,
        config.registration,
        config.unused_grace,
        worker,
    );
    Ok((service, tls, path, lock))
}

/// Only the server's own user may look inside.
fn make_data_dir(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Seals documents one after the other; a crash in between costs nothing but the work.
async fn seal(service: Arc<Service>, mut stop: Stop) {
    loop {
        let (account, doc) = tokio::select! {
            () = stop.stopped() => break,
            next = service.store.sealing.next() => next,
        };
        let sealed = service
            .disk(Lane::Blobs.of(account), move |store| {
                store.seal(account, doc, wall_ms())
            })
            .await;
        match sealed {
            Ok(()) | Err(DiskError::Store(StoreError::UnknownAccount)) => {}
            Err(error) => {
                tracing::warn!(%account, %doc, cause = %Chain(&error), "a document was not sealed");
            }
        }
    }
}

/// What has to be done now and then.
async fn upkeep(service: Arc<Service>, tls: Option<Tls>, mut stop: Stop) {
    let mut ticks = tokio::time::interval(limit::UPKEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.stopped() => break,
            _ = ticks.tick() => {}
        }
        let swept = service
            .disk(Lane::Blobs.ours(), |store| {
                store.drop_doomed_packs(wall_ms())
            })
            .await;
        if let Err(error) = swept {
            tracing::warn!(cause = %Chain(&error), "old packs were not removed");
        }
        let grace = service.unused_grace;
        let dropped = service
            .disk(Lane::Blobs.ours(), move |store| {
                store.drop_unused(grace, wall_ms())
            })
            .await;
        let told = async {
            for (account, gone) in dropped? {
                service.tell_gone(account, gone).await?;
            }
            Ok::<_, DiskError>(())
        };
        if let Err(error) = told.await {
            tracing::warn!(cause = %Chain(&error), "unused blobs were not removed");
        }
        let Some(tls) = tls.clone() else { continue };
        match tokio::task::spawn_blocking(move || tls.reload()).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => tracing::info!("a renewed certificate is in use"),
            Ok(Err(error)) => {
                tracing::warn!(cause = %Chain(&error), "the changed certificate is not used");
            }
            Err(error) => tracing::warn!(%error, "the certificate was not looked at"),
        }
    }
}
