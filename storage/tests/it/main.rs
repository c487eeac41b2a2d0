//! Behaviour of the storage crate on a real disk, with real processes where one of them must die.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod actor;
mod arrival;
mod blobs;
mod documents;
mod full;
mod heal;
mod intake;
mod kill;
mod kv;
mod kv_open;
mod kv_runs;
mod lock;
mod repair;
mod world;
