//! The handle by which other threads reach a running sync: to end it in order, or to say that there is something new.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::round::Round;

/// Reaches a running sync from other threads; clones reach the same one.
#[derive(Debug, Clone)]
pub struct SyncControl {
    stop: Arc<watch::Sender<bool>>,
    changed: Arc<Notify>,
    /// None once the sync has ended: nobody will answer.
    rounds: Arc<Mutex<Option<VecDeque<Round>>>>,
    round_asked: Arc<Notify>,
}

impl Default for SyncControl {
    fn default() -> Self {
        Self {
            stop: Arc::new(watch::Sender::new(false)),
            changed: Arc::new(Notify::new()),
            rounds: Arc::new(Mutex::new(Some(VecDeque::new()))),
            round_asked: Arc::new(Notify::new()),
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

    /// Asks a watch for a round; lets go of it at once when the watch has ended.
    pub(super) fn ask_round(&self, round: Round) {
        if let Some(rounds) = &mut *self.rounds() {
            rounds.push_back(round);
            self.round_asked.notify_one();
        }
    }

    /// Returns when a round waits.
    pub(super) async fn round_asked(&self) {
        loop {
            self.round_asked.notified().await;
            // Told before, it may have been taken since.
            if self
                .rounds()
                .as_ref()
                .is_some_and(|rounds| !rounds.is_empty())
            {
                return;
            }
        }
    }

    /// The next round that waits, if any.
    pub(super) fn next_round(&self) -> Option<Round> {
        let mut rounds = self.rounds();
        let rounds = rounds.as_mut()?;
        let next = rounds.pop_front();
        if !rounds.is_empty() {
            self.round_asked.notify_one();
        }
        next
    }

    /// Whether a round that is asked for will be answered.
    pub(crate) fn takes_rounds(&self) -> bool {
        self.rounds().is_some()
    }

    /// Lets go of those who wait: the watch has ended.
    pub(super) fn close_rounds(&self) {
        *self.rounds() = None;
    }

    fn rounds(&self) -> MutexGuard<'_, Option<VecDeque<Round>>> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
