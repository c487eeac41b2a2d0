//! The pool of the disk jobs: blocking threads that the accounts take in turns (`turns`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::PoolError;
use super::turns::{Bounds, Turns};
use crate::store::AccountId;

/// Whose job it is; `None` for the server's own, which take their turns like an account's.
pub(crate) type Owner = Option<AccountId>;

/// A bounded share of the blocking threads, with turns between accounts.
#[derive(Debug, Clone)]
pub(crate) struct FairPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: &'static str,
    turns: Mutex<Turns<Owner, oneshot::Sender<Worker>>>,
    /// Told when nothing waits and nothing runs.
    idle: Notify,
}

/// A worker taken; given back when dropped, also by a job that panics or whose caller is gone.
#[derive(Debug)]
struct Worker {
    shared: Arc<Shared>,
    owner: Owner,
    /// Whether its end gives the place to the next.
    hands_on: bool,
}

impl FairPool {
    pub(crate) fn new(name: &'static str, bounds: Bounds) -> Self {
        let shared = Shared {
            name,
            turns: Mutex::new(Turns::new(bounds)),
            idle: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Runs `job` when it is its owner's turn. The caller bounds how many wait.
    ///
    /// A job that has begun runs to its end even when the caller is gone: what it does to the disk is never half done.
    pub(crate) async fn run<T, F>(&self, owner: Owner, job: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let ended = || PoolError::Ended(self.shared.name);
        let (grant, granted) = oneshot::channel();
        self.shared.lock().push(owner, grant);
        hand_out(&self.shared);
        let worker = granted.await.map_err(|_| ended())?;
        let span = tracing::Span::current();
        tokio::task::spawn_blocking(move || {
            let _entered = span.enter();
            let result = job();
            drop(worker);
            result
        })
        .await
        .map_err(|_| ended())
    }

    /// Waits until no job runs. Used once, at shutdown, when no more come.
    pub(crate) async fn idle(&self) {
        while !self.shared.lock().is_idle() {
            self.shared.idle.notified().await;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Turns<Owner, oneshot::Sender<Worker>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives free workers to those whose turn it is.
fn hand_out(shared: &Arc<Shared>) {
    loop {
        let Some((owner, grant)) = shared.lock().next() else {
            return;
        };
        let worker = Worker {
            shared: Arc::clone(shared),
            owner,
            hands_on: true,
        };
        if let Err(mut unwanted) = grant.send(worker) {
            // Its caller is gone; the loop goes on by itself instead of once more within the drop.
            unwanted.hands_on = false;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        {
            let mut turns = self.shared.lock();
            turns.finished(self.owner);
            if turns.is_idle() {
                self.shared.idle.notify_one();
            }
        }
        if self.hands_on {
            hand_out(&self.shared);
        }
    }
}

#[cfg(test)]
mod tests;
