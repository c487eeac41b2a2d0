//! Bounded blocking pools: disk and argon2 never run on the reactor, and never without a bound.
//!
//! A pool is a counted share of tokio's blocking threads. The passwords' is here; `fair` is the one of the disk, which
//! the accounts take in turns. Called by `auth` and `service`.

pub(crate) mod fair;
pub(crate) mod turns;

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Why a job gave no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoolError {
    /// Too many jobs wait already.
    #[error("the {0} queue is full")]
    Full(&'static str),
    /// The job panicked; its panic is in the log.
    #[error("a {0} job ended early")]
    Ended(&'static str),
}

/// A bounded share of the blocking threads.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    name: &'static str,
    workers: u32,
    running: Arc<Semaphore>,
    queued: Arc<Semaphore>,
}

impl Pool {
    /// A pool of `workers` jobs at once and `queue` waiting ones for [`Pool::try_run`].
    pub(crate) fn new(name: &'static str, workers: usize, queue: usize) -> Self {
        Self {
            name,
            workers: u32::try_from(workers).unwrap_or(u32::MAX),
            running: Arc::new(Semaphore::new(workers)),
            queued: Arc::new(Semaphore::new(workers + queue)),
        }
    }

    /// Runs `job`, waiting in order for a worker.
    async fn run<T, F>(&self, job: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let permit = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|_| PoolError::Ended(self.name))?;
        let span = tracing::Span::current();
        tokio::task::spawn_blocking(move || {
            let _entered = span.enter();
            let result = job();
            drop(permit);
            result
        })
        .await
        .map_err(|_| PoolError::Ended(self.name))
    }

    /// Runs `job`, or refuses at once when the queue is full.
    pub(crate) async fn try_run<T, F>(&self, job: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let place = Arc::clone(&self.queued)
            .try_acquire_owned()
            .map_err(|_| PoolError::Full(self.name))?;
        self.run(move || {
            let _place = place;
            job()
        })
        .await
    }

    /// Waits until no job runs. Used once, at shutdown, when no more come.
    pub(crate) async fn idle(&self) {
        drop(self.running.acquire_many(self.workers).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_queue_is_bounded_and_empties() {
        let pool = Pool::new("test", 1, 1);
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let first = tokio::spawn({
            let pool = pool.clone();
            async move { pool.try_run(move || wait.recv().is_ok()).await }
        });
        let second = tokio::spawn({
            let pool = pool.clone();
            async move { pool.try_run(|| 2).await }
        });
        while pool.queued.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(pool.try_run(|| 3).await, Err(PoolError::Full(_))));
        go.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        assert_eq!(second.await.unwrap().unwrap(), 2);
        pool.idle().await;
        assert_eq!(pool.try_run(|| 4).await.unwrap(), 4);
    }

    #[tokio::test]
    async fn a_panicking_job_frees_its_worker() {
        let pool = Pool::new("test", 1, 0);
        let ended = pool.try_run(|| -> () { panic!("on purpose") }).await;
        assert!(matches!(ended, Err(PoolError::Ended(_))));
        assert_eq!(pool.try_run(|| 1).await.unwrap(), 1);
    }
}
