//! A simulated world: devices and servers in one thread, without sockets or sleeping, everything from one seed.
//!
//! # What is real
//! Both session machines of `sync-protocol` with every frame encoded and decoded, the opening frames in the request and the rule by which incarnations
//! turn (0030) among them; the documents of `domain` in Automerge, edited, merged and read as the
//! client does; the intake's gate and graph check on both sides; the packs of `storage`; BLAKE3.
//!
//! # What is modelled
//! - **Lines**: latency, rate, a socket that is full, frames cut into pieces, pings. A break takes effect after any byte, what was sent before may still
//!   arrive while the next connection is open, and each end hears of it soon, late, or not before its own deadline.
//! - **Disks**: a device's store does one operation after the other, each durable before it is answered; a crash loses all that is not, and the operation
//!   under way may have come through unheard. The server's commits are seen before they are flushed, flushed in groups, and answered after; a crash keeps a
//!   prefix. Part files lose their ends, or have zeros there, when the power goes. Full disks refuse.
//! - **Rules around the machines**, as client and server have them: actors and their stamp, incarnations, outbox, journal of reviews, offers and wants;
//!   tokens, admission, change log with its mark, packs, claims, reservations, eviction, recount at a start, the hub and its relays.
//! - **Fate**: crashes of either side, backups restored (server with the same epoch, device), the server replaced by an empty one, directories copied,
//!   devices added, removed, lost, logged in again; quotas raised and lowered below use; clocks off by hours and jumping; bytes that rot; people who go
//!   offline; packs sealed and merged.
//!
//! # What is not
//! The stores themselves (sled, files, fsync: `storage`'s tests and the power cut), the derived index, sockets and TLS, hostile bytes (`sync-protocol`'s and
//! the fuzzers' matter), the schema check and the trial on a clone, joining an account with a vault of one's own, documents over their bounds, blob kinds,
//! retention.
//!
//! # What is checked
//! After every step the invariants of ARCHITECTURE.md ([`check`]); in a healed world, at rest: everybody shows what the reference model ([`model`]) says of
//! all edits that any party still held, the server has all of it, and nothing is left pending.
//!
//! # Real vaults
//! `tests/vaults` leads real vaults, on a real disk, through random histories against the same modelled server (`just sim-vaults`): a modelled outbox
//! would not show what the real one loses.
//!
//! Reading order: [`model`], [`world`], `device`, `server`, [`check`].
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test harness: to fail loudly is its job, and the run reports where"
)]
#![expect(
    missing_docs,
    reason = "one public function, and the server for the histories of real vaults; what is inside is read together"
)]

mod check;
mod device;
pub mod dice;
pub mod graph;
mod line;
mod model;
mod run;
pub mod server;
mod trace;
mod world;

pub use run::{Failure, Report, run};
