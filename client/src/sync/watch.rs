//! One sync, or one after another: connects, runs a session, and for `--watch` connects again with a growing, jittered
//! wait, so that a server that comes back is not met by all its devices in the same second.

use std::time::Duration;

use storage::BlobStore;
use tokio::time::Instant;

use super::control::SyncControl;
use super::round::Round;
use super::session::{Ended, Session};
use super::store::StoreQueue;
use super::{Line, SyncError, SyncEvent, SyncOptions, SyncReport, network, socket};

/// The first wait after a lost connection.
const WAIT_MS_MIN: u64 = 1_000;
/// The longest wait between two attempts.
const WAIT_MS_MAX: u64 = 60_000;

/// Runs sessions until there is no reason for another one.
pub(super) async fn run(
    mut line: Line,
    options: &SyncOptions,
    queue: StoreQueue,
    blobs: BlobStore,
) -> Result<SyncReport, SyncError> {
    let mut attempt = Attempt {
        options,
        queue,
        blobs,
        repair: options.repair,
    };
    let mut wait_ms = WAIT_MS_MIN;
    // It has worked before: then whatever answers in the server's place is only in the way.
    let mut has_settled = false;
    loop {
        let mut round = options.control.next_round();
        let ended = attempt.make(&line, &mut round).await;
        if !options.watch {
            return ended.and_then(|ended| ended.error.map_or(Ok(ended.report), Err));
        }
        let error = match ended {
            Err(error) => error,
            Ok(ended) => {
                if ended.settled {
                    wait_ms = WAIT_MS_MIN;
                    has_settled = true;
                }
                if let Some(token) = ended.token {
                    line.token = token;
                }
                if ended.round_asked && ended.error.as_ref().is_none_or(SyncError::is_passing) {
                    continue;
                }
                ended
                    .error
                    .unwrap_or_else(|| SyncError::Lost("the server ended the session".to_owned()))
            }
        };
        let passes = error.is_passing() || has_settled && error.is_of_the_way();
        if !passes {
            return Err(error);
        }
        let retry_ms = jittered(wait_ms);
        attempt.queue.tell(SyncEvent::Waiting {
            because: error.to_string(),
            retry_ms,
        });
        if let Some(round) = round {
            round.end(Err(error));
        }
        if pause(&options.control, retry_ms).await {
            return Err(SyncError::Interrupted);
        }
        wait_ms = (wait_ms * 2).min(WAIT_MS_MAX);
    }
}

struct Attempt<'a> {
    options: &'a SyncOptions,
    queue: StoreQueue,
    blobs: BlobStore,
    repair: bool,
}

impl Attempt<'_> {
    /// Connects and runs a session; `round` is answered by it, or still there when it ended before.
    async fn make(&mut self, line: &Line, round: &mut Option<Round>) -> Result<Ended, SyncError> {
        if let Some(round) = round {
            round.tell(&SyncEvent::Connecting);
        }
        self.queue.tell(SyncEvent::Connecting);
        self.repair |= round.as_ref().is_some_and(|round| round.repair);
        let begun = Instant::now();
        let ready = async { tokio::try_join!(socket::reach(line), self.queue.begin(self.repair)) };
        let (reached, begin) = tokio::select! {
            ready = ready => ready?,
            () = self.options.control.stopped() => return Err(SyncError::Interrupted),
        };
        let mut session = Session::open(
            begin,
            begun,
            self.options,
            self.queue.clone(),
            self.blobs.clone(),
        );
        let opening = session.opening();
        let (reader, writer, taken) = tokio::select! {
            upgraded = reached.upgrade(line, &opening) => upgraded?,
            () = self.options.control.stopped() => return Err(SyncError::Interrupted),
        };
        if !taken {
            session.say_again();
        }
        let mut ended = session.run(reader, writer, round.take()).await;
        *round = ended.round.take();
        // One full comparison answers the wish for it.
        self.repair = self.repair && !ended.settled;
        Ok(ended)
    }
}

/// Waits, for less than that when there is a reason to try again at once; true when told to stop meanwhile.
async fn pause(control: &SyncControl, retry_ms: u64) -> bool {
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(retry_ms)) => false,
        () = control.stopped() => true,
        () = control.round_asked() => false,
        () = reason_to_try(control) => false,
    }
}

/// Returns when there is something to send, or when the network may have come back; not right after the attempt before, so that a server
/// that is down is not asked again for every card of an import.
async fn reason_to_try(control: &SyncControl) {
    let wanted = async {
        tokio::time::sleep(Duration::from_millis(WAIT_MS_MIN)).await;
        control.changed().await;
    };
    tokio::select! {
        () = wanted => {}
        () = network::changed() => {}
    }
}

/// Between half and all of the wait.
fn jittered(wait_ms: u64) -> u64 {
    let mut bytes = [0; 2];
    // Without random bytes the wait is merely less spread.
    if getrandom::fill(&mut bytes).is_err() {
        return wait_ms;
    }
    let half = wait_ms / 2;
    half + half * u64::from(u16::from_le_bytes(bytes)) / u64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spread_within_their_bounds() {
        for wait_ms in [WAIT_MS_MIN, WAIT_MS_MAX] {
            let waits: Vec<u64> = (0..50).map(|_| jittered(wait_ms)).collect();
            assert!(
                waits
                    .iter()
                    .all(|wait| (wait_ms / 2..=wait_ms).contains(wait)),
                "{waits:?}"
            );
            assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
        }
    }

    #[test]
    fn a_change_made_here_ends_the_wait() {
        let control = SyncControl::default();
        control.local_changes();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        // Without the change this would wait for an hour.
        assert!(!runtime.block_on(pause(&control, 3_600_000)));
    }
}
