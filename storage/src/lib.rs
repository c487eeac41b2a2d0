//! Everything of MemoryVault that must survive power loss: documents, key-value rows and blobs on a disk. Blocking; knows nothing of
//! cards or of the network.
//!
//! 1. [`Kv`] is an ordered key-value store with atomic, durable, grouped commits. The server lays out its own keys on it.
//! 2. [`BlobStore`] keeps bytes named by their BLAKE3, each in a file.
//! 3. [`VaultStore`] keeps a device's Automerge documents, its outbox and cursor on the two, and is the only way foreign changes reach
//!    a document.
//! 4. [`encode_pack`] and [`decode_pack`] are the compressed form of a document's raw changes, on disk and on the wire.
//! 5. [`VaultLock`] keeps a second process out, and tells it whom to ask.

mod blobs;
mod documents;
mod durable;
mod kv;
pub mod limit;
mod lock;
mod pack;

pub use blobs::{BlobError, BlobPart, BlobPut, BlobStore, Erased};
pub use documents::{
    Arrival, ClientScan, DERIVED, OutboxItem, Received, RepairReport, SchemaCheck, ServerKey,
    SetAside, StoreError, StoreOptions, VaultStore, VerifyReport, Writer,
};
pub use kv::{Batch, Entry, Kv, KvError, KvOptions, KvReport, Owner, Scan, View};
pub use lock::{LockError, LockKind, VaultLock};
pub use pack::{PackBounds, PackError, decode_pack, encode_pack, pack_hash};
