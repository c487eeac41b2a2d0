//! What hostile bytes are tried on, and what must hold of it.
//!
//! - `just mutate 1000000` tries that many mutated, checksum-valid changes (release build; [`run()`]); a failure tells its
//!   seed and leaves a case file, which `just mutate FILE` tries again.
//! - `just fuzz 60` runs cargo-fuzz's targets in `fuzz/`, each for a minute, upon the same bodies.
//! - `just fuzz-media 2000` tries that many damaged files of each type of picture and sound, in processes of their own.
//! - `cargo test -p fuzzing` is a short seeded run of everything, in every test run.
//!
//! After a change of the gate, the graph check, the intake or the documents' files: `just mutate 100000` takes a few
//! minutes and tells counts of where the inputs ended; a fate whose count falls to nothing is a check that is no longer
//! reached.
#![expect(clippy::panic, reason = "a test harness: to fail loudly is its job")]

pub mod bases;
pub mod case;
pub mod chunk;
mod columns;
pub mod dice;
pub mod field;
pub mod ledger;
pub mod media;
pub mod mutate;
pub mod ops;
pub mod run;
pub mod seeds;
pub mod single;
pub mod tally;
mod whole;
