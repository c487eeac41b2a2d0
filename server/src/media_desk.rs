//! Where uploads are read and pictures and sounds prepared: a few at once, each in a process of its own.

use tokio::sync::{Semaphore, SemaphorePermit};

use media_worker::{Worker, WorkerError};

use crate::http::error::HttpError;
use crate::limit;

/// The worker, and how many may use it.
#[derive(Debug)]
pub(crate) struct MediaDesk {
    worker: Worker,
    working: Semaphore,
    uploading: Semaphore,
}

impl MediaDesk {
    pub(crate) fn new(worker: Worker) -> Self {
        Self {
            worker,
            working: Semaphore::new(limit::PREPARED_AT_ONCE),
            uploading: Semaphore::new(limit::UPLOADS_AT_ONCE),
        }
    }

    /// Room in memory for one upload.
    pub(crate) async fn room_for_upload(&self) -> Result<SemaphorePermit<'_>, HttpError> {
        room(&self.uploading).await
    }

    /// Has the worker do something, off the reactor.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Worker) -> Result<T, WorkerError> + Send + 'static,
    ) -> Result<T, HttpError> {
        let _room = room(&self.working).await?;
        let worker = self.worker.clone();
        let done = tokio::task::spawn_blocking(move || job(&worker)).await;
        let done = done.map_err(|error| HttpError::Internal(Box::new(error)))?;
        done.map_err(|error| match error {
            WorkerError::Start(_) => HttpError::Internal(Box::new(error)),
            error if error.is_limit() => HttpError::TooLarge(error.to_string()),
            error => HttpError::MediaRefused(error.to_string()),
        })
    }
}

/// Waits for room for a while.
async fn room(of: &Semaphore) -> Result<SemaphorePermit<'_>, HttpError> {
    match tokio::time::timeout(limit::MEDIA_ROOM_WAIT, of.acquire()).await {
        Ok(Ok(room)) => Ok(room),
        _ => Err(HttpError::Busy(limit::BUSY_RETRY_AFTER)),
    }
}
