//! The server over real sockets and on a real disk, in this process and as its real binary.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what went wrong by ending"
)]

#[path = "server/accounts.rs"]
mod accounts;
#[path = "server/binary.rs"]
mod binary;
#[path = "server/blobs.rs"]
mod blobs;
#[path = "server/host.rs"]
mod host;
#[path = "server/picture.rs"]
mod picture;
#[path = "server/sync.rs"]
mod sync;
#[path = "server/tls.rs"]
mod tls;
#[path = "server/wire.rs"]
mod wire;
