//! What a server decides when a device says hello: does its log continue from the device's cursor, and is the device's directory a copy of one that
//! went on elsewhere. Pure; the server's shell asks within the write that records the device's new incarnation.

use domain::IncarnationId;

use crate::cursor::{Chain, Cursor, LogEpoch};
use crate::frame::Hello;

/// What the server's store knows about a device that says hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The store's life.
    pub epoch: LogEpoch,
    /// The account's last log entry; 0 for an empty log.
    pub seq: u64,
    /// The chain after the entry the device's cursor names ([`Chain::START`] for 0); `None` when there is no such entry.
    pub chain_at_cursor: Option<Chain>,
    /// The incarnation recorded for this device; `None` on its first session.
    pub incarnation: Option<IncarnationId>,
}

/// The decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// The stream may go on after the device's cursor (or from the start, for a device without one). Otherwise: repair.
    pub cursor_ok: bool,
    /// The device needs a new id and token; `incarnation` belongs to the new id then. Otherwise it is recorded for the id it said.
    pub forked: bool,
    /// The incarnation to record.
    pub incarnation: IncarnationId,
}

/// Decides.
///
/// A cursor is good when it is of this store's life, not beyond its head and has its chain. A device is a fork when the server recorded an
/// incarnation for it that is neither its present nor its next one (a device that broke off before `Welcome` says the same two again, and the server
/// may have recorded either). With a bad cursor nothing is concluded from incarnations: then it may be the server that was rolled back.
pub fn judge(hello: &Hello, standing: &Standing) -> Judgement {
    let cursor_ok = hello
        .cursor
        .is_none_or(|cursor| continues(&cursor, standing));
    let known = standing
        .incarnation
        .is_none_or(|seen| seen == hello.incarnation || seen == hello.next_incarnation);
    Judgement {
        cursor_ok,
        forked: cursor_ok && !known,
        incarnation: hello.next_incarnation,
    }
}

fn continues(cursor: &Cursor, standing: &Standing) -> bool {
    cursor.epoch == standing.epoch
        && cursor.seq <= standing.seq
        && standing.chain_at_cursor == Some(cursor.chain)
}
