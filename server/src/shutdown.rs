//! One stop signal for every task, and a count of those that have not ended.
//!
//! Every task of the server holds a [`Stop`]; `run` tells them to stop and waits until the last one is dropped.

use tokio::sync::{mpsc, watch};

/// The side that stops the others. Owned by `run`.
#[derive(Debug)]
pub(crate) struct Stopper {
    tell: watch::Sender<bool>,
    ended: mpsc::Receiver<()>,
}

/// Held by each task for as long as it runs.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    told: watch::Receiver<bool>,
    _alive: mpsc::Sender<()>,
}

/// A fresh pair.
pub(crate) fn channel() -> (Stopper, Stop) {
    let (tell, told) = watch::channel(false);
    let (alive, ended) = mpsc::channel(1);
    let stop = Stop {
        told,
        _alive: alive,
    };
    (Stopper { tell, ended }, stop)
}

impl Stopper {
    /// Tells every task to stop.
    pub(crate) fn stop(&self) {
        self.tell.send_replace(true);
    }

    /// Waits until every [`Stop`] has been dropped.
    pub(crate) async fn ended(&mut self) {
        while self.ended.recv().await.is_some() {}
    }
}

impl Stop {
    /// Ends when the server is to stop. Safe to drop and ask again.
    pub(crate) async fn stopped(&mut self) {
        // An error means that the stopper is gone, which is a stop as well.
        drop(self.told.wait_for(|stop| *stop).await);
    }

    /// Whether the server is to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.told.borrow()
    }
}
