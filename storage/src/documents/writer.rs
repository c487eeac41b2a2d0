//! Writing: collects changes, outbox rows and client rows, and commits them as one.

use automerge::Automerge;
use automerge::transaction::Transaction;
use domain::{ActorId, ChangeHash, DocId};

use super::{Received, ServerKey, StoreError, VaultStore};

/// One write in progress. Dropping it without [`Writer::commit`] leaves everything as it was.
#[derive(Debug)]
pub struct Writer<'a> {
    store: &'a mut VaultStore,
}

impl Writer<'_> {
    /// The document as this writer has it so far; an empty one when there is none.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn document(&mut self, doc: DocId) -> Result<&Automerge, StoreError> {
        todo!()
    }

    /// Edits a document as this device. The closure's error is returned as it is, and then nothing changed. An edit that changes
    /// nothing makes no change. The first edit of an unknown document creates it.
    ///
    /// # Errors
    /// [`StoreError::ChangeTooLarge`], [`StoreError::DocumentFull`], or what the closure returns.
    pub fn edit<T, E, F>(&mut self, doc: DocId, time_s: i64, edit: F) -> Result<T, E>
    where
        F: FnOnce(&mut Transaction<'_>) -> Result<T, E>,
        E: From<StoreError>,
    {
        todo!()
    }

    /// As [`Writer::edit`] with a given actor: for imports, whose changes are derived from the package and equal on every device.
    ///
    /// # Errors
    /// As [`Writer::edit`].
    pub fn edit_as<T, E, F>(
        &mut self,
        doc: DocId,
        actor: ActorId,
        time_s: i64,
        edit: F,
    ) -> Result<T, E>
    where
        F: FnOnce(&mut Transaction<'_>) -> Result<T, E>,
        E: From<StoreError>,
    {
        todo!()
    }

    /// Takes in changes from the server: byte gate, graph check, trial on a clone, schema check. What does not pass is set aside, what
    /// lacks a dependency waits; neither is an error.
    ///
    /// # Errors
    /// Only when the store itself fails.
    pub fn receive(&mut self, doc: DocId, changes: Vec<Vec<u8>>) -> Result<Received, StoreError> {
        todo!()
    }

    /// As [`Writer::receive`] for changes that did not come from the server and must still go there: genesis changes, imports.
    ///
    /// # Errors
    /// Only when the store itself fails.
    pub fn adopt(&mut self, doc: DocId, changes: Vec<Vec<u8>>) -> Result<Received, StoreError> {
        todo!()
    }

    /// Sets a row of the client's own.
    pub fn put(&mut self, key: impl AsRef<[u8]>, value: impl Into<Vec<u8>>) {
        todo!()
    }

    /// Removes a row of the client's own.
    pub fn delete(&mut self, key: impl AsRef<[u8]>) {
        todo!()
    }

    /// A row of the client's own, as this writer has it so far.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        todo!()
    }

    /// The client's rows whose key starts with `prefix`, as this writer has them so far, in key order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn scan(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        todo!()
    }

    /// Chooses the server that edits are queued for from now on; `None` stops queueing. What is queued for others stays.
    pub fn set_server(&mut self, server: Option<ServerKey>) {
        todo!()
    }

    /// Removes acknowledged changes from the outbox; numbers that are not there are fine.
    pub fn outbox_clear(&mut self, lseqs: &[u64]) {
        todo!()
    }

    /// Queues every change of every document except these; after a login, or when the server may lack anything.
    ///
    /// # Errors
    /// [`StoreError::NoServer`] without a server.
    pub fn outbox_fill(&mut self, except: &[DocId]) -> Result<u64, StoreError> {
        todo!()
    }

    /// Queues the changes of `doc` that are not ancestors of `heads` and not queued yet; returns how many.
    ///
    /// # Errors
    /// [`StoreError::NoServer`] without a server.
    pub fn outbox_add_after(
        &mut self,
        doc: DocId,
        heads: &[ChangeHash],
    ) -> Result<u64, StoreError> {
        todo!()
    }

    /// Empties the outbox of the server.
    ///
    /// # Errors
    /// [`StoreError::NoServer`] without a server.
    pub fn outbox_drop(&mut self) -> Result<(), StoreError> {
        todo!()
    }

    /// Keeps the client's encoded cursor for the server; `None` forgets it.
    ///
    /// # Errors
    /// [`StoreError::NoServer`] without a server.
    pub fn set_cursor(&mut self, cursor: Option<&[u8]>) -> Result<(), StoreError> {
        todo!()
    }

    /// Makes everything durable at once.
    ///
    /// # Errors
    /// [`crate::KvError::Full`] leaves the vault as it was before this writer.
    pub fn commit(self) -> Result<(), StoreError> {
        todo!()
    }
}
