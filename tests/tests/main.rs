//! The acceptance tests: real binaries, a real server on loopback, real disk. One binary, one module per promise.
//!
//! Nothing here sleeps and nothing asserts on a duration; what could hang is under the harness's watch.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: what is not there fails the test"
)]

mod accounts;
mod backups;
mod bad_input;
mod crash;
mod damage;
mod dice;
mod disk_full;
mod held;
mod held_ends;
mod hostile;
mod http_media;
mod lazy;
mod life_of_a_blob;
mod main_job;
mod merges;
mod quota;
mod recovery;
mod rooms;
mod rude_device;
mod rude_server;
mod seen;
mod set_aside;
mod two_weeks;
mod watching;
mod wire;
