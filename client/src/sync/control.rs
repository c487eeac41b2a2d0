//! The handle by which other threads reach a running sync: to end it in order, or to say that there is something new.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

/// Reaches a running sync from other threads; clones reach the same one.
#[derive(Debug, Clone)]
pub struct SyncControl {
    stop: Arc<watch::Sender<bool>>,
    changed: Arc<Notify>,
}

impl Default for SyncControl {
    fn default() -> Self {
        Self {
            stop: Arc::new(watch::Sender::new(false)),
            changed: Arc::new(Notify::new()),
        }
    }
}

impl SyncControl {
    /// Asks the sync to end; it closes the session and leaves everything acknowledged so far in place.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Says that the vault has new changes or blobs to send.
    pub fn local_changes(&self) {
        self.changed.notify_one();
    }

    pub(super) async fn stopped(&self) {
        // The sender lives in this very handle, so waiting can only end by the value.
        if self.stop.subscribe().wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}
