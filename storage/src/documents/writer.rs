//! Writing: collects changes, outbox rows and client rows, and commits them as one.

use std::collections::BTreeMap;

use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{Automerge, Change};
use domain::intake::gate;
use domain::{ActorId, ChangeHash, DocId};

use super::arrival::Admitted;
use super::cache::Loaded;
use super::graph::Graph;
use super::rows::{self, Header, OutboxRow};
use super::{Received, ServerKey, StoreError, VaultStore, heads_of, seal, trial};
use crate::kv::{Batch, Entry};

/// One write in progress. Dropping it without [`Writer::commit`] leaves everything as it was.
#[derive(Debug)]
pub struct Writer<'a> {
    pub(super) store: &'a mut VaultStore,
    pub(super) work: BTreeMap<DocId, Work>,
    pub(super) admitted: BTreeMap<DocId, Admitted>,
    /// Everything but documents: `None` deletes.
    pub(super) rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    pub(super) server: Option<ServerKey>,
    pub(super) outbox: Option<OutboxRow>,
    /// The last change made by this device's own actor.
    own: Option<ChangeHash>,
}

/// A document as this writer has it so far.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) doc: Automerge,
    pub(super) graph: Option<Graph>,
    /// As in the store, without what is pending.
    pub(super) header: Header,
    pub(super) pending: Vec<Pending>,
}

/// A change that is in the document but not in the store.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) raw: Vec<u8>,
    pub(super) queue: bool,
}

impl Work {
    pub(super) fn graph(&mut self) -> &mut Graph {
        self.graph.get_or_insert_with(|| Graph::of(&self.doc))
    }

    pub(super) fn pending_bytes(&self) -> u64 {
        self.pending
            .iter()
            .map(|change| change.raw.len() as u64)
            .sum()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.header.bytes() + self.pending_bytes()
    }
}

impl<'a> Writer<'a> {
    pub(super) fn new(store: &'a mut VaultStore) -> Self {
        let server = store.server;
        Self {
            store,
            work: BTreeMap::new(),
            admitted: BTreeMap::new(),
            rows: BTreeMap::new(),
            server,
            outbox: None,
            own: None,
        }
    }

    /// The document as this writer has it so far; an empty one when there is none.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn document(&mut self, doc: DocId) -> Result<&Automerge, StoreError> {
        Ok(&self.work(doc)?.doc)
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
        let actor = self.store.actor.id();
        let (value, change) = self.edit_with(doc, actor, time_s, edit)?;
        if let Some(change) = change {
            self.own = Some(change);
        }
        Ok(value)
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
        self.edit_with(doc, actor, time_s, edit)
            .map(|(value, _)| value)
    }

    /// Takes in changes from the server: byte gate, graph check, trial on a clone, schema check. What does not pass is set aside, what
    /// lacks a dependency waits; neither is an error.
    ///
    /// # Errors
    /// Only when the store itself fails.
    pub fn receive(&mut self, doc: DocId, changes: Vec<Vec<u8>>) -> Result<Received, StoreError> {
        self.take_in(doc, changes, false)
    }

    /// As [`Writer::receive`] for changes that did not come from the server and must still go there: genesis changes, imports.
    ///
    /// # Errors
    /// Only when the store itself fails.
    pub fn adopt(&mut self, doc: DocId, changes: Vec<Vec<u8>>) -> Result<Received, StoreError> {
        self.take_in(doc, changes, true)
    }

    /// Sets a row of the client's own.
    pub fn put(&mut self, key: impl AsRef<[u8]>, value: impl Into<Vec<u8>>) {
        self.rows
            .insert(rows::client_key(key.as_ref()), Some(value.into()));
    }

    /// Removes a row of the client's own.
    pub fn delete(&mut self, key: impl AsRef<[u8]>) {
        self.rows.insert(rows::client_key(key.as_ref()), None);
    }

    /// Keys of the client's rows that this writer has put or deleted and that start with `prefix`, in order.
    pub fn touched(&self, prefix: &[u8]) -> impl Iterator<Item = &[u8]> {
        let prefix = rows::client_key(prefix);
        self.rows
            .range(prefix.clone()..)
            .map_while(move |(key, _)| key.starts_with(&prefix).then_some(key.as_slice()))
            .filter_map(|key| key.strip_prefix(rows::CLIENT))
    }

    /// A row of the client's own, as this writer has it so far.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.row(&rows::client_key(key))
    }

    /// The client's rows whose key starts with `prefix`, as this writer has them so far, in key order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn scan(&self, prefix: &[u8]) -> Result<Vec<Entry>, StoreError> {
        let mut found = self.rows_under(&rows::client_key(prefix))?;
        for (key, _) in &mut found {
            key.drain(..rows::CLIENT.len().min(key.len()));
        }
        Ok(found)
    }

    /// Makes everything durable at once.
    ///
    /// # Errors
    /// [`crate::KvError::Full`] leaves the vault as it was before this writer.
    pub fn commit(mut self) -> Result<(), StoreError> {
        let mut work = std::mem::take(&mut self.work);
        let mut sealed = self.commit_admitted()?;
        for (doc, work) in &mut work {
            if let Some(generation) = self.commit_document(*doc, work)? {
                sealed.push((*doc, generation));
            }
        }
        if let (Some(server), Some(outbox)) = (self.server, self.outbox) {
            self.rows
                .insert(rows::counter_key(server), Some(outbox.encode()));
        }
        let actor = self.own.map(|last| self.store.actor.next(last));
        if let Some(row) = actor {
            self.rows.insert(rows::ACTOR.to_vec(), Some(row.encode()));
        }
        let mut batch = Batch::new();
        for (key, value) in std::mem::take(&mut self.rows) {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        self.store.kv.commit(batch)?;
        self.store.server = self.server;
        if let Some(row) = actor {
            self.store.actor.committed(row);
        }
        for (doc, generation) in sealed {
            self.store.files.tidy(doc, generation);
        }
        let mut cache = self.store.cache();
        for (
            doc,
            Work {
                doc: loaded,
                graph,
                header,
                ..
            },
        ) in work
        {
            cache.put(
                doc,
                Loaded {
                    doc: loaded.into(),
                    graph,
                    bytes: header.bytes(),
                },
            );
        }
        Ok(())
    }

    /// Rows of one document: its pending changes as tail rows, or sealed with all before them. Returns the new generation if sealed.
    fn commit_document(&mut self, doc: DocId, work: &mut Work) -> Result<Option<u64>, StoreError> {
        if work.pending.is_empty() {
            return Ok(None);
        }
        let first = work.header.count();
        for (position, change) in (first..).zip(&work.pending) {
            if change.queue && self.server.is_some() {
                self.enqueue(doc, position)?;
            }
        }
        let header = match seal::seal_if_due(self.store, doc, work)? {
            Some(header) => {
                let tail = work.header.sealed_count..work.header.count();
                self.rows
                    .extend(tail.map(|position| (rows::tail_key(doc, position), None)));
                header
            }
            None => {
                let mut header = work.header.clone();
                header.tail_bytes += work.pending_bytes();
                header.tail_count += work.pending.len() as u64;
                for (position, change) in (first..).zip(work.pending.drain(..)) {
                    self.rows
                        .insert(rows::tail_key(doc, position), Some(change.raw));
                }
                header
            }
        };
        let sealed = (header.generation != work.header.generation).then_some(header.generation);
        work.pending.clear();
        work.header = Header {
            heads: heads_of(&work.doc),
            ..header
        };
        self.rows
            .insert(rows::header_key(doc), Some(work.header.encode()));
        Ok(sealed)
    }

    fn edit_with<T, E, F>(
        &mut self,
        doc: DocId,
        actor: ActorId,
        time_s: i64,
        edit: F,
    ) -> Result<(T, Option<ChangeHash>), E>
    where
        F: FnOnce(&mut Transaction<'_>) -> Result<T, E>,
        E: From<StoreError>,
    {
        let work = self.work(doc)?;
        work.doc
            .set_actor(automerge::ActorId::from(actor.to_bytes()));
        let mut transaction = work.doc.transaction();
        let value = match edit(&mut transaction) {
            Ok(value) => value,
            Err(e) => {
                transaction.rollback();
                return Err(e);
            }
        };
        if transaction.pending_ops() == 0 {
            transaction.rollback();
            return Ok((value, None));
        }
        transaction.commit_with(CommitOptions::default().with_time(time_s));
        let Some(change) = work.doc.get_last_local_change() else {
            return Ok((value, None));
        };
        match self.keep_edit(doc, &change) {
            Ok(()) => Ok((value, Some(ChangeHash::from_bytes(change.hash().0)))),
            Err(refused) => {
                self.undo_edit(doc)?;
                Err(refused.into())
            }
        }
    }

    /// Accepts a change of this device's own making, if every other device will.
    fn keep_edit(&mut self, doc: DocId, change: &Change) -> Result<(), StoreError> {
        let queue = self.server.is_some();
        let raw = change.raw_bytes();
        let max = domain::limit::CHANGE_BYTES_MAX;
        if raw.len() > max {
            return Err(StoreError::ChangeTooLarge {
                bytes: raw.len(),
                max,
            });
        }
        let gated = gate(raw).map_err(|e| StoreError::ChangeRefused {
            reason: e.to_string(),
        })?;
        let work = self.work(doc)?;
        let (bytes, max) = (
            work.bytes() + raw.len() as u64,
            domain::limit::DOCUMENT_BYTES_MAX as u64,
        );
        if bytes > max {
            return Err(StoreError::DocumentFull { doc, bytes, max });
        }
        if let Some(graph) = &mut work.graph {
            graph.add(&gated);
        }
        work.pending.push(Pending {
            raw: raw.to_vec(),
            queue,
        });
        Ok(())
    }

    /// Automerge cannot take a committed change back: the document is made again from the store and what this writer had before.
    fn undo_edit(&mut self, doc: DocId) -> Result<(), StoreError> {
        let Some(work) = self.work.remove(&doc) else {
            return Ok(());
        };
        let header = work.header;
        let base = self.store.load_from_disk(doc, &header)?;
        let pending: Vec<&[u8]> = work
            .pending
            .iter()
            .map(|change| change.raw.as_slice())
            .collect();
        let again = trial::apply(&base, &pending, None)
            .map_err(|reason| StoreError::Damaged { doc, reason })?;
        self.work.insert(
            doc,
            Work {
                doc: again,
                graph: None,
                header,
                pending: work.pending,
            },
        );
        Ok(())
    }

    pub(super) fn work(&mut self, doc: DocId) -> Result<&mut Work, StoreError> {
        if let Some(admitted) = self.admitted.remove(&doc) {
            let work = self.open_admitted(doc, admitted)?;
            self.work.insert(doc, work);
        }
        if !self.work.contains_key(&doc) {
            let header = self.store.header(doc)?;
            let cached = self.store.cache().take(doc);
            let work = match (header, cached) {
                (
                    Some(header),
                    Some(Loaded {
                        doc: loaded, graph, ..
                    }),
                ) => {
                    let loaded = std::sync::Arc::try_unwrap(loaded)
                        .unwrap_or_else(|shared| shared.as_ref().clone());
                    Work {
                        doc: loaded,
                        graph,
                        header,
                        pending: Vec::new(),
                    }
                }
                (Some(header), None) => Work {
                    doc: self.store.load_from_disk(doc, &header)?,
                    graph: None,
                    header,
                    pending: Vec::new(),
                },
                (None, _) => {
                    // Files without a row are left from a store that was lost; a new generation must not collide with them.
                    let header = Header {
                        generation: self.store.files.last_generation(doc),
                        ..Header::default()
                    };
                    Work {
                        doc: Automerge::new(),
                        graph: None,
                        header,
                        pending: Vec::new(),
                    }
                }
            };
            self.work.insert(doc, work);
        }
        Ok(self
            .work
            .get_mut(&doc)
            .expect("inserted above when it was missing"))
    }

    pub(super) fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.rows.get(key) {
            Some(pending) => Ok(pending.clone()),
            None => Ok(self.store.kv.get(key)?),
        }
    }

    /// Rows with this prefix as the store has them, overlaid with what is pending here.
    pub(super) fn rows_under(&self, prefix: &[u8]) -> Result<Vec<Entry>, StoreError> {
        let stored = self
            .store
            .kv
            .scan(prefix)
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        let mut merged = stored;
        for (key, value) in self
            .rows
            .range(prefix.to_vec()..)
            .take_while(|(key, _)| key.starts_with(prefix))
        {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        Ok(merged.into_iter().collect())
    }
}
