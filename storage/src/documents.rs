//! The documents of a device: raw changes as the truth, a saved document beside them as a cache, outbox, cursor and the client's own
//! rows, all in one store and committed together.
//!
//! A [`VaultStore`] is opened by one process at a time. Reading needs `&self`; every write goes through a [`Writer`], whose `commit`
//! makes changes, outbox and client rows durable at once, and whose drop leaves everything as it was.

mod actor;
mod error;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use automerge::{Automerge, Change};
use domain::{ChangeHash, DocId};

pub use error::StoreError;
pub use writer::Writer;

use crate::lock::LockKind;

/// Judges a document after foreign changes were applied to a clone of it; the reason of a refusal is told to a person.
pub type SchemaCheck = fn(&Automerge, &[Change]) -> Result<(), String>;

/// One server and account a vault syncs with; outbox and cursor are kept for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerKey(pub [u8; 16]);

/// How a vault is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Named to others who find the vault locked, for instance the command line.
    pub who: String,
    /// Whether others should wait for this process.
    pub kind: LockKind,
    /// How long to wait for a short holder.
    pub wait: Duration,
    /// The schema check of foreign changes.
    pub schema: SchemaCheck,
    /// Where the proof for reusing an actor is kept; `None` means the user's runtime folder.
    pub runtime_dir: Option<PathBuf>,
}

/// A change this device made and the server has not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxItem {
    /// Its place in the outbox, rising.
    pub lseq: u64,
    /// The document it belongs to.
    pub doc: DocId,
    /// Its hash.
    pub hash: ChangeHash,
    /// Its bytes.
    pub change: Vec<u8>,
}

/// What became of received changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// Now part of the document, those that had waited included, in order.
    pub applied: Vec<ChangeHash>,
    /// Were part of it before.
    pub known: usize,
    /// Wait for these changes, which nobody has sent yet.
    pub missing: Vec<ChangeHash>,
    /// How many wait.
    pub waiting: usize,
    /// Not taken, and kept apart for `verify`.
    pub set_aside: Vec<SetAside>,
    /// Heads before.
    pub before: Vec<ChangeHash>,
    /// Heads after.
    pub after: Vec<ChangeHash>,
}

/// A change that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The document it was sent for.
    pub doc: DocId,
    /// BLAKE3 of its bytes.
    pub bytes_hash: [u8; 32],
    /// Its length.
    pub bytes: usize,
    /// Why, in words for a person.
    pub reason: String,
}

/// The documents of one vault.
#[derive(Debug)]
pub struct VaultStore {}

impl VaultStore {
    /// Makes an empty vault store in `dir`.
    ///
    /// # Errors
    /// When there is one already.
    pub fn create(dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        todo!()
    }

    /// Opens the vault store in `dir`.
    ///
    /// # Errors
    /// [`StoreError::Lock`] names the process that holds it.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        todo!()
    }

    /// Identity of the store, also for `vault.toml`.
    #[must_use]
    pub fn store_id(&self) -> &str {
        todo!()
    }

    /// Starts a write.
    pub fn begin(&mut self) -> Writer<'_> {
        todo!()
    }

    /// Every document, in id order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn document_ids(&self) -> Result<Vec<DocId>, StoreError> {
        todo!()
    }

    /// Heads of a document, without loading it; empty when there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn heads(&self, doc: DocId) -> Result<Vec<ChangeHash>, StoreError> {
        todo!()
    }

    /// The document; an empty one when there is none.
    ///
    /// # Errors
    /// When neither snapshot nor changes can be read.
    pub fn load(&self, doc: DocId) -> Result<Arc<Automerge>, StoreError> {
        todo!()
    }

    /// Changes that are not ancestors of `heads` (unknown heads are ignored), dependencies first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn changes_after(
        &self,
        doc: DocId,
        heads: &[ChangeHash],
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        todo!()
    }

    /// All changes of a document, dependencies first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn changes_all(&self, doc: DocId) -> Result<Vec<Vec<u8>>, StoreError> {
        todo!()
    }

    /// Raw bytes of all changes of a document, without loading it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn document_bytes(&self, doc: DocId) -> Result<u64, StoreError> {
        todo!()
    }

    /// A row of the client's own.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        todo!()
    }

    /// The client's rows whose key starts with `prefix`, in key order; reversible.
    pub fn scan(&self, prefix: &[u8]) -> ClientScan<'_> {
        todo!()
    }

    /// The client's rows whose key starts with `prefix` and is greater than `key`.
    pub fn scan_after(&self, prefix: &[u8], key: &[u8]) -> ClientScan<'_> {
        todo!()
    }

    /// The last of the client's rows whose key starts with `prefix`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn last(&self, prefix: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreError> {
        todo!()
    }

    /// The server that outbox and cursor calls are about.
    #[must_use]
    pub fn server(&self) -> Option<ServerKey> {
        todo!()
    }

    /// Unacknowledged changes after `after` (0 = from the start), at least one if there is any, about `bytes_max` in all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn outbox_page(&self, after: u64, bytes_max: usize) -> Result<Vec<OutboxItem>, StoreError> {
        todo!()
    }

    /// How many changes the server has not acknowledged.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn pending(&self) -> Result<u64, StoreError> {
        todo!()
    }

    /// The cursor kept for the server, as the client encoded it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn cursor(&self) -> Result<Option<Vec<u8>>, StoreError> {
        todo!()
    }

    /// Changes that were not taken and are kept for inspection.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn set_aside(&self) -> Result<Vec<SetAside>, StoreError> {
        todo!()
    }

    /// Reads everything: rows, packs, saved documents; heals what can be healed from the rest.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub fn verify(&mut self) -> Result<VerifyReport, StoreError> {
        todo!()
    }

    /// Takes a fresh actor for everything written from now on; after the server said that this vault was copied or restored.
    pub fn renew_actor(&mut self) {
        todo!()
    }

    /// Writes the tails, and the client's rows under these prefixes, to a file from which [`VaultStore::repair`] can rebuild.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn export(&self, client_prefixes: &[&[u8]]) -> Result<(), StoreError> {
        todo!()
    }

    /// Rebuilds a damaged store from packs, saved documents, export and whatever rows can still be read.
    ///
    /// # Errors
    /// When the vault is locked or the new store cannot be written.
    pub fn repair(
        dir: &Path,
        options: StoreOptions,
        client_prefixes: &[&[u8]],
    ) -> Result<(Self, RepairReport), StoreError> {
        todo!()
    }
}

/// A walk over the client's rows.
#[derive(Debug)]
pub struct ClientScan<'a>(std::marker::PhantomData<&'a ()>);

impl Iterator for ClientScan<'_> {
    type Item = Result<(Vec<u8>, Vec<u8>), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

impl DoubleEndedIterator for ClientScan<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

/// What a full check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Documents read.
    pub documents: u64,
    /// Changes read.
    pub changes: u64,
    /// Documents whose damaged file was rebuilt from the other.
    pub healed: Vec<DocId>,
    /// Documents of which changes are lost here; the server or another device may have them.
    pub damaged: Vec<DocId>,
    /// Changes kept apart.
    pub set_aside: Vec<SetAside>,
}

/// What a repair saved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Documents rebuilt.
    pub documents: u64,
    /// Changes in them.
    pub changes: u64,
    /// Rows of the client saved.
    pub rows: u64,
    /// Changes that could not be used.
    pub set_aside: u64,
}
