//! The `memoryvault` binary as a person and a program meet it, without a server: words, JSON, exit codes. One file a
//! command group; `world` runs the binary and makes its output comparable. Whatever needs a server is tested in the
//! `tests` crate.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests: a missing key or a failed command ends the test with its output"
)]

mod account;
mod add;
mod card;
mod config;
mod conflicts;
mod deck;
mod import;
mod init;
mod lock;
mod manual;
mod media;
mod media_files;
mod note;
mod options;
mod review;
mod screen;
mod search;
mod snapshots;
mod stats;
mod status;
mod study;
mod usage;
mod verify;
mod web;
mod world;
