//! The sync shell: carries bytes, time and the disk's answers to `sync_protocol::DeviceSession` and decides nothing about
//! the protocol itself. Called by the command line and by tests.
//!
//! Three kinds of threads work together:
//!
//! - the caller's thread does on the vault what the session asks of it, one thing after another (`store`), taking a turn
//!   for each, so that other threads may work on the vault between two of them;
//! - one network thread runs a single-threaded tokio runtime with the socket and the session (`session`, `socket`);
//! - a few threads read and write pieces of blobs, so that many small ones share the disk's flushes (`blobs`).
//!
//! A crash at any point loses at most bytes that were under way: the session acknowledges what the vault has flushed, and
//! what was not acknowledged is sent again. A vault has one sync at a time: whoever wants one while another thread stays
//! connected asks that one for a round (`round`).

mod blobs;
mod control;
mod error;
mod network;
mod report;
mod round;
mod session;
mod socket;
mod store;
mod unused;
mod watch;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::Vault;
use crate::account::{ServerAddress, Token};
use crate::shared::{Claim, RunningSync, SharedVault};
use crate::tls;
use store::StoreQueue;

pub use control::SyncControl;
pub use error::SyncError;
pub use report::{SyncEvent, SyncReport};

/// How to sync.
#[derive(Debug, Clone, Default)]
pub struct SyncOptions {
    /// Stay connected, and connect again when the connection is lost, until told to stop.
    pub watch: bool,
    /// Compare everything with the server, even if nothing looks amiss.
    pub repair: bool,
    /// How long the server may owe something and send nothing; the protocol's own time if this is not said.
    pub patience: Option<Duration>,
    /// Stops the sync, or tells it of local changes, from another thread.
    pub control: SyncControl,
}

/// Syncs a vault with its server: once, or until told to stop. `each` hears what happens, on this thread.
///
/// # Errors
/// [`SyncError`] tells what ended it. Whatever it is, the vault is consistent and local work is saved.
pub fn sync(
    vault: &SharedVault,
    options: &SyncOptions,
    each: &mut dyn FnMut(SyncEvent),
) -> Result<SyncReport, SyncError> {
    let this = RunningSync {
        control: options.control.clone(),
        watch: options.watch,
    };
    loop {
        match vault.claim_sync(&this) {
            Claim::Mine(_claim) => {
                let ended = run(vault, options, each);
                if ended.is_ok()
                    && let Some(event) = unused::tell_if_due(vault)
                {
                    each(event);
                }
                // Whoever waits for a round learns by a sync of their own why this one ended.
                options.control.close_rounds();
                return ended;
            }
            Claim::Watched(_) if options.watch => return Err(SyncError::Watched),
            Claim::Watched(watch) => {
                let answer = round::ask(&watch, options.repair, &options.control, each);
                if let Some(ended) = answer {
                    return ended;
                }
            }
        }
    }
}

fn run(
    vault: &SharedVault,
    options: &SyncOptions,
    each: &mut dyn FnMut(SyncEvent),
) -> Result<SyncReport, SyncError> {
    let (line, blobs) = {
        let vault = vault.lock_for_sync();
        (line_of(&vault)?, vault.blobs().clone())
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(SyncError::System)?;
    thread::scope(|scope| {
        let (queue, jobs) = StoreQueue::new();
        let network = thread::Builder::new()
            .name("sync".to_owned())
            .spawn_scoped(scope, move || {
                runtime.block_on(watch::run(line, options, queue, blobs))
            })
            .map_err(SyncError::System)?;
        let (watching, ended) = mpsc::channel();
        if options.watch {
            thread::Builder::new()
                .name("unused".to_owned())
                .spawn_scoped(scope, move || unused::tell_on(vault, &ended))
                .map_err(SyncError::System)?;
        }
        // Ends when the network thread has dropped its end of the queue, with everything it asked for done.
        jobs.serve(vault, each);
        drop(watching);
        network.join().unwrap_or_else(|_| {
            Err(SyncError::Failed(
                "the network thread ended unexpectedly".to_owned(),
            ))
        })
    })
}

/// Where and as whom to connect.
struct Line {
    address: ServerAddress,
    token: Token,
    tls: Option<std::sync::Arc<rustls::ClientConfig>>,
}

fn line_of(vault: &Vault) -> Result<Line, SyncError> {
    let login = vault.login().ok_or(SyncError::NotLoggedIn)?;
    // Whether plain HTTP may be used was asked when the device was logged in.
    let address = ServerAddress::parse(&login.url, true)?;
    let token =
        Token::load(vault.dir(), &vault.device_id().to_string())?.ok_or(SyncError::NotLoggedIn)?;
    let tls = address
        .is_tls()
        .then(|| tls::client_config(login.ca.as_deref()))
        .transpose()?;
    Ok(Line {
        address,
        token,
        tls,
    })
}
