//! Rows of changes that wait for a dependency, and who has to give up a place among them: no change that nobody needs the room of, so
//! that an honest one whose dependency comes late is not lost, and the oldest first, so that one flood does not keep out everything
//! that comes after it.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::DocId;

use super::{Received, StoreError, Writer, rows};
use crate::limit::{WAITING_AGE_MAX, WAITING_BYTES_MAX, WAITING_CHANGES_MAX};

/// The change is queued for the server when it is taken.
const QUEUE: u8 = 1;
/// The time of its arrival follows the flags.
const STAMPED: u8 = 2;

/// A row of a change that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WaitingRow<'a> {
    pub(super) queue: bool,
    /// Milliseconds since 1970 at its arrival.
    pub(super) since_ms: u64,
    pub(super) raw: &'a [u8],
}

impl<'a> WaitingRow<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let flags = STAMPED | if self.queue { QUEUE } else { 0 };
        [&[flags], self.since_ms.to_be_bytes().as_slice(), self.raw].concat()
    }

    pub(super) fn decode(row: &'a [u8]) -> Option<Self> {
        let (flags, rest) = row.split_first()?;
        let (since_ms, raw) = match flags & STAMPED {
            0 => (0, rest),
            _ => rest
                .split_first_chunk::<8>()
                .map(|(since, raw)| (u64::from_be_bytes(*since), raw))?,
        };
        Some(Self {
            queue: flags & QUEUE != 0,
            since_ms,
            raw,
        })
    }
}

impl Writer<'_> {
    /// Sets aside what has waited for too long, once half of the room is taken.
    pub(super) fn give_up_waiting(&mut self, now_ms: u64) -> Result<(), StoreError> {
        let held = self.rows_under(rows::WAITING)?;
        let bytes: usize = held.iter().map(|(_, row)| row.len()).sum();
        if held.len() < WAITING_CHANGES_MAX / 2 && bytes < WAITING_BYTES_MAX / 2 {
            return Ok(());
        }
        // A stamp of the future is one of a clock that was wrong: such a change would else wait for ever.
        let is_old = |since_ms: u64| now_ms.abs_diff(since_ms) > millis(WAITING_AGE_MAX);
        for (key, row) in held {
            let place = rows::document_in(&key).zip(WaitingRow::decode(&row));
            if let Some((doc, waiting)) = place.filter(|(_, waiting)| is_old(waiting.since_ms)) {
                let raw = waiting.raw.to_vec();
                self.rows.insert(key, None);
                self.give_up(doc, &raw)?;
            }
        }
        Ok(())
    }

    fn give_up(&mut self, doc: DocId, raw: &[u8]) -> Result<(), StoreError> {
        let minutes = WAITING_AGE_MAX.as_secs() / 60;
        let reason = format!("a change it needs did not come within {minutes} minutes");
        // Not told to the caller, whose peer may not be the one that sent it.
        self.put_aside(doc, raw, reason, &mut Received::default())
    }
}

/// Milliseconds since 1970 by this machine's clock; 0 when it stands before.
pub(super) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, millis)
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{LockKind, StoreOptions, VaultStore};

    const MINUTE_MS: u64 = 60_000;

    #[test]
    fn rows_come_back_and_those_without_a_time_too() {
        for queue in [false, true] {
            let row = WaitingRow {
                queue,
                since_ms: 77,
                raw: b"raw",
            };
            assert_eq!(WaitingRow::decode(&row.encode()), Some(row));
            let old = [&[u8::from(queue)], b"raw".as_slice()].concat();
            let since_ms = 0;
            assert_eq!(
                WaitingRow::decode(&old),
                Some(WaitingRow { since_ms, ..row })
            );
        }
        assert_eq!(WaitingRow::decode(&[]), None);
        assert_eq!(WaitingRow::decode(&[STAMPED, 1, 2]), None);
    }

    /// Fills the queue with so many rows of this time and tells how many are left after `now_ms`.
    fn left(count: usize, since_ms: u64, now_ms: u64) -> (usize, usize) {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            who: "a test".to_owned(),
            kind: LockKind::Short,
            wait: Duration::ZERO,
            schema: |_, _| Ok(()),
            runtime_dir: Some(folder.path().join("runtime")),
        };
        let mut store = VaultStore::create(&folder.path().join("v"), &options).unwrap();
        let mut writer = store.begin();
        for n in 0..count {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&n.to_be_bytes());
            let key = rows::waiting_key(
                DocId::from_bytes([1; 16]),
                &domain::ChangeHash::from_bytes(hash),
            );
            let row = WaitingRow {
                queue: false,
                since_ms,
                raw: &hash,
            };
            writer.rows.insert(key, Some(row.encode()));
        }
        writer.give_up_waiting(now_ms).unwrap();
        writer.commit().unwrap();
        let waiting = store.kv.scan(rows::WAITING).count();
        (waiting, store.set_aside().unwrap().len())
    }

    #[test]
    fn who_has_waited_long_gives_way_once_there_is_little_room() {
        let now_ms = 1_000 * MINUTE_MS;
        let (few, many) = (WAITING_CHANGES_MAX / 2 - 1, WAITING_CHANGES_MAX / 2);
        assert_eq!(left(few, 0, now_ms), (few, 0), "nobody needs the room");
        assert_eq!(
            left(many, now_ms - 9 * MINUTE_MS, now_ms),
            (many, 0),
            "not for long enough"
        );
        assert_eq!(left(many, now_ms - 11 * MINUTE_MS, now_ms), (0, 64));
        assert_eq!(
            left(many, now_ms + 11 * MINUTE_MS, now_ms),
            (0, 64),
            "a clock that was wrong"
        );
    }
}
