//! Tests of the crate's public face: the schedule, the documents and the intake, by tables, golden bytes and properties.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may stop where they stand"
)]

mod conflicts;
mod convergence;
mod deletion;
mod digest;
mod documents;
mod events;
mod gate;
mod graph;
mod notes;
mod plain;
mod queue;
mod schedule;
mod schedulers;
mod schema;
mod statistics;
mod support;
