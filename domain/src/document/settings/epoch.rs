//! Epochs as they stand in the settings: one scalar string of compact JSON under the time of the choice.

use serde::{Deserialize, Serialize};

use crate::id::DeckId;
use crate::schedule::{Epoch, Fsrs, Leitner, Scheduler};
use crate::time::{Day, Hlc};

const STORED_BYTES_MAX: usize = 1_024;

#[derive(Serialize, Deserialize)]
struct Stored {
    hlc: Hlc,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deck: Option<DeckId>,
    day_from: Day,
    rollover_hour: u8,
    #[serde(default, skip_serializing_if = "is_false")]
    inherits: bool,
    #[serde(flatten)]
    scheduler: StoredScheduler,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "scheduler", rename_all = "lowercase")]
enum StoredScheduler {
    Leitner(Leitner),
    Sm2,
    Fsrs(Fsrs),
}

fn is_false(inherits: &bool) -> bool {
    !inherits
}

/// The key an epoch is stored under; sorts by time.
pub(super) fn key(epoch: &Epoch) -> String {
    format!("{:016x}", epoch.hlc.to_u64())
}

/// Scheduler settings as they are stored.
pub fn to_json(epoch: &Epoch) -> String {
    let stored = Stored {
        hlc: epoch.hlc,
        deck: epoch.deck,
        day_from: epoch.day_from,
        rollover_hour: epoch.rollover_hour,
        inherits: epoch.inherits,
        scheduler: match epoch.scheduler {
            Scheduler::Leitner(leitner) => StoredScheduler::Leitner(leitner),
            Scheduler::Sm2 => StoredScheduler::Sm2,
            Scheduler::Fsrs(fsrs) => StoredScheduler::Fsrs(fsrs),
        },
    };
    serde_json::to_string(&stored)
        .expect("numbers, ids and names under string keys always serialise")
}

/// Reads stored scheduler settings; nothing for the scheduler of a later version, or damage.
pub fn from_json(text: &str) -> Option<Epoch> {
    if text.len() > STORED_BYTES_MAX {
        return None;
    }
    let stored: Stored = serde_json::from_str(text).ok()?;
    let epoch = Epoch {
        hlc: stored.hlc,
        deck: stored.deck,
        day_from: stored.day_from,
        scheduler: match stored.scheduler {
            StoredScheduler::Leitner(leitner) => Scheduler::Leitner(leitner),
            StoredScheduler::Sm2 => Scheduler::Sm2,
            StoredScheduler::Fsrs(fsrs) => Scheduler::Fsrs(fsrs),
        },
        rollover_hour: stored.rollover_hour,
        inherits: stored.inherits,
    };
    epoch.is_valid().then_some(epoch)
}
