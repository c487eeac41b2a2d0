//! The harness of the acceptance tests: the two real binaries as child processes, real sockets, real disk.
//!
//! Here lives what every test needs and no test wants to see: building and finding the binaries, a server that can be killed and restarted on its data, a device with its own
//! vault, a TCP proxy that damages what passes, a raw peer that speaks the protocol without our client, a hostile server, small media files, and hostile changes byte by byte.
//! The tests themselves are in `tests/`. Nothing here reaches into the crates under test except for the frames of `sync-protocol`.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test harness: to fail loudly, at once and with the output of the process, is its job"
)]

mod binary;
mod device;
mod disk;
mod fake;
mod hostile;
mod media;
mod peer;
mod process;
mod proxy;
mod server;

pub use binary::{client_binary, server_binary};
pub use device::{Device, PASSWORD, agree, number, settle, side_texts, tags};
pub use disk::SmallDisk;
pub use fake::{CLAIMED_SEQ, FakeServer, Malice, Rude};
pub use hostile::{Hostile, hostile_changes, mutations, orphans, plain_change};
pub use media::{noise_png, png, random_bytes, wav};
pub use peer::{Login, Peer, PushAnswer, fresh_bytes, hash_of, hello};
pub use process::{Output, Running, text};
pub use proxy::{Fault, Proxy};
pub use server::{Answered, Server, ServerOptions};
