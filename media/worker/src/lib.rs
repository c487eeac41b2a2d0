//! Pictures and sounds prepared in a process of their own.
//!
//! A decoder fed by a stranger can ask for gigabytes, loop for ever or fault in C, and none of that can be caught within a process. So
//! the program starts itself once more with the word [`WORD`], hands it one file through a pipe and takes the result through another.
//! The child touches no file and no network, and its memory and processor time are bounded by the system; whatever becomes of it,
//! the parent gets an answer in bounded time and holds the child's words against the same bounds as anybody's.
//!
//! `child` is what runs there, `parent` what a client or a server calls, `wire` what goes between.

mod child;
pub mod limit;
mod parent;
mod wire;

pub use child::serve;
pub use media::Pixels;
pub use parent::{Worker, WorkerError};

/// The first argument under which a program calls [`serve`] and does nothing else.
pub const WORD: &str = "media-worker";
