//! A round: what `memoryvault sync` is while another thread stays connected. The watch ends its session and begins a new
//! one at once, whose report is the answer: the same figures, warnings and errors as of a sync of one's own.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::control::SyncControl;
use super::{SyncError, SyncEvent, SyncReport};

/// A wish for a round, and who waits for its answer.
#[derive(Debug)]
pub(super) struct Round {
    /// Compare everything with the server.
    pub(super) repair: bool,
    news: UnboundedSender<News>,
}

#[derive(Debug)]
enum News {
    Event(SyncEvent),
    Ended(Result<SyncReport, SyncError>),
}

impl Round {
    /// Tells who waits what happens; nobody may wait any more.
    pub(super) fn tell(&self, event: &SyncEvent) {
        self.news.send(News::Event(event.clone())).ok();
    }

    /// Answers.
    pub(super) fn end(self, ended: Result<SyncReport, SyncError>) {
        self.news.send(News::Ended(ended)).ok();
    }
}

/// Asks a watch for a round and waits for its end. None when the watch ended without an answer: then a sync of one's own
/// will tell why.
pub(super) fn ask(
    watch: &SyncControl,
    repair: bool,
    control: &SyncControl,
    each: &mut dyn FnMut(SyncEvent),
) -> Option<Result<SyncReport, SyncError>> {
    let (news, mut heard) = unbounded_channel();
    watch.ask_round(Round { repair, news });
    let runtime = match tokio::runtime::Builder::new_current_thread().build() {
        Ok(runtime) => runtime,
        Err(error) => return Some(Err(SyncError::System(error))),
    };
    runtime.block_on(listen(&mut heard, control, each))
}

async fn listen(
    heard: &mut UnboundedReceiver<News>,
    control: &SyncControl,
    each: &mut dyn FnMut(SyncEvent),
) -> Option<Result<SyncReport, SyncError>> {
    loop {
        let news = tokio::select! {
            news = heard.recv() => news?,
            () = control.stopped() => return Some(Err(SyncError::Interrupted)),
        };
        match news {
            News::Event(event) => each(event),
            News::Ended(ended) => return Some(ended),
        }
    }
}
