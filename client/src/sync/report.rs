//! What a sync tells: its events while it runs, and the figures at its end.

use domain::BlobHash;
use serde::Serialize;
use sync_protocol::device::BlobFailure;
use sync_protocol::{Quota, Reason};

/// What a sync did. Byte figures are message payloads, both lanes together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// Changes that the server acknowledged.
    pub pushed: u64,
    /// Changes received that were new here.
    pub pulled: u64,
    /// Blobs sent.
    pub blobs_sent: u64,
    /// Blobs received.
    pub blobs_received: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// From connecting until nothing was left to do.
    pub duration_ms: u64,
    /// The same in microseconds: a sync without news takes less than a millisecond.
    pub duration_us: u64,
    /// Changes that the server did not take; they stay on this device and are tried again.
    pub changes_refused: u64,
    /// Blobs that the server did not take; they stay on this device and are tried again.
    pub blobs_refused: u64,
    /// Bytes of those blobs.
    pub bytes_refused: u64,
    /// Why, in a sentence, where something was refused.
    pub refused_because: Option<String>,
    /// Whether the account's quota was the reason.
    pub over_quota: bool,
    /// Whether a limit was the reason, the quota or another one; otherwise what was sent is at fault.
    pub limit_met: bool,
    /// Bytes of blobs the account uses, as last heard.
    pub quota_used_bytes: Option<u64>,
    /// Bytes of blobs the account may use, as last heard.
    pub quota_limit_bytes: Option<u64>,
    /// Blobs that did not come across for another reason.
    pub blobs_failed: u64,
    /// Blobs that cards name and that neither this device nor the server has yet.
    pub blobs_missing: u64,
    /// Changes from elsewhere that this device set aside as harmful.
    pub set_aside: u64,
}

impl SyncReport {
    pub(super) fn note_quota(&mut self, quota: Quota) {
        self.quota_used_bytes = Some(quota.used);
        self.quota_limit_bytes = Some(quota.limit);
    }

    /// Notes a refusal; the figures with it count only where the quota is the reason.
    pub(super) fn note_refusal(&mut self, reason: Reason, quota: Quota, words: String) {
        self.limit_met |= matches!(
            reason,
            Reason::Quota | Reason::TooLarge | Reason::TooMany | Reason::Storage
        );
        if reason == Reason::Quota {
            self.over_quota = true;
            self.note_quota(quota);
        }
        self.refused_because = Some(words);
    }
}

/// What happens during a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncEvent {
    /// A connection is being made.
    Connecting,
    /// The server has accepted this device.
    Connected {
        /// How far the server's clock is ahead of ours.
        clock_ahead_ms: i64,
    },
    /// This vault is a copy of one that went on elsewhere; it is a device of its own from now on.
    NewIdentity,
    /// The server does not know all that this device synced before; both compare everything.
    Repairing,
    /// A blob did not come across.
    BlobFailed {
        /// Which.
        blob: BlobHash,
        /// Why.
        why: BlobFailure,
    },
    /// What no card names any more could not be told to the server; the next sync tries again.
    UnusedNotTold {
        /// Why.
        because: String,
    },
    /// Nothing is left to do at present.
    Settled(SyncReport),
    /// The connection is gone; the next attempt follows.
    Waiting {
        /// Why it is gone.
        because: String,
        /// Until then, in milliseconds.
        retry_ms: u64,
    },
}
