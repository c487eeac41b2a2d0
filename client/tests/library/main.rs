//! The library of the vault on real disks: what an operation changes, what survives a process that ends without a word, and
//! that vaults which exchange their changes in any order show the same. No network: `Relay` hands changes from one vault to
//! the others, as the log of a server would.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod anki_losses;
mod cards;
mod convergence;

mod fixed_vault;
mod model;
mod notes;
mod options;
mod relay;
mod reviews;
mod statistics;
mod studying;
mod sync_side;
mod tables;
mod undo;
mod uploads;
