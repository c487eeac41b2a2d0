//! Where uploads are read and pictures and sounds prepared: a few at once, each in a process of its own.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use media_worker::{Worker, WorkerError};

use crate::http::error::HttpError;
use crate::limit;

/// The worker, and how many may use it.
#[derive(Debug)]
pub(crate) struct MediaDesk {
    worker: Worker,
    working: Arc<Semaphore>,
    uploading: Arc<Semaphore>,
}

impl MediaDesk {
    pub(crate) fn new(worker: Worker) -> Self {
        Self {
            worker,
            working: Arc::new(Semaphore::new(limit::PREPARED_AT_ONCE)),
            uploading: Arc::new(Semaphore::new(limit::UPLOADS_AT_ONCE)),
        }
    }

    /// Room in memory for one upload, to be kept as long as its bytes are.
    pub(crate) async fn room_for_upload(&self) -> Result<OwnedSemaphorePermit, HttpError> {
        room(&self.uploading).await
    }

    /// Has the worker do something, off the reactor. Who goes away meanwhile leaves the work, and its room, to their end.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Worker) -> Result<T, WorkerError> + Send + 'static,
    ) -> Result<T, HttpError> {
        let room = room(&self.working).await?;
        let worker = self.worker.clone();
        let done = tokio::task::spawn_blocking(move || {
            let done = job(&worker);
            drop(room);
            done
        })
        .await;
        let done = done.map_err(|error| HttpError::Internal(Box::new(error)))?;
        done.map_err(|error| match error {
            WorkerError::Start(_) => HttpError::Internal(Box::new(error)),
            error if error.is_limit() => HttpError::TooLarge(error.to_string()),
            error => HttpError::MediaRefused(error.to_string()),
        })
    }
}

/// Waits for room for a while.
async fn room(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, HttpError> {
    let room = Arc::clone(of).acquire_owned();
    match tokio::time::timeout(limit::MEDIA_ROOM_WAIT, room).await {
        Ok(Ok(room)) => Ok(room),
        _ => Err(HttpError::Busy(limit::BUSY_RETRY_AFTER)),
    }
}
