//! The protocol as a whole: golden bytes, hostile bytes, and both machines against each other in a small world of memory and simulated time.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests: a broken assumption should stop them"
)]

mod codec;
mod converge;
mod early;
mod golden;
mod hostile;
mod media;
mod repair;
mod timing;
mod world;
