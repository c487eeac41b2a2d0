//! The outbox and the cursor of each server: which local changes it has not acknowledged, and how far this device has read its log.

use std::collections::BTreeSet;

use automerge::Change;
use domain::intake::travelling;
use domain::{ChangeHash, DocId};

use super::rows::{self, OutboxRow};
use super::{OutboxItem, ServerKey, StoreError, VaultStore, Writer, known};
use crate::limit::CURSOR_BYTES_MAX;

impl VaultStore {
    /// The server that outbox and cursor calls are about.
    #[must_use]
    pub fn server(&self) -> Option<ServerKey> {
        self.server
    }

    /// Unacknowledged changes after `after` (0 = from the start), at least one if there is any, about `bytes_max` in all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn outbox_page(&self, after: u64, bytes_max: usize) -> Result<Vec<OutboxItem>, StoreError> {
        let Some(server) = self.server else {
            return Ok(Vec::new());
        };
        let mut page = Vec::new();
        let mut bytes = 0;
        for row in self.kv.scan_after(
            &rows::outbox_prefix(server),
            &rows::outbox_key(server, after),
        ) {
            let (key, value) = row?;
            let (lseq, doc, position) = rows::parse_outbox(&key, &value)?;
            let change = self.change_at(doc, position)?;
            let hash = hash_of(doc, &change)?;
            let change = travelling(change);
            bytes += change.len();
            if bytes > bytes_max && !page.is_empty() {
                break;
            }
            page.push(OutboxItem {
                lseq,
                doc,
                hash,
                change,
            });
        }
        Ok(page)
    }

    /// How many changes the server has not acknowledged.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn pending(&self) -> Result<u64, StoreError> {
        match self.server {
            None => Ok(0),
            Some(server) => {
                Ok(OutboxRow::decode(self.kv.get(&rows::counter_key(server))?.as_deref())?.count)
            }
        }
    }

    /// The cursor kept for the server, as the client encoded it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn cursor(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.server {
            None => Ok(None),
            Some(server) => Ok(self.kv.get(&rows::cursor_key(server))?),
        }
    }

    fn change_at(&self, doc: DocId, position: u64) -> Result<Vec<u8>, StoreError> {
        let missing = || StoreError::Damaged {
            doc,
            reason: format!("its change {position} is gone"),
        };
        let header = self.header(doc)?.ok_or_else(missing)?;
        if position >= header.sealed_count {
            return self
                .kv
                .get(&rows::tail_key(doc, position))?
                .ok_or_else(missing);
        }
        let sealed = self.sealed(doc, &header)?.ok_or_else(missing)?;
        usize::try_from(position)
            .ok()
            .and_then(|i| sealed.get(i).cloned())
            .ok_or_else(missing)
    }
}

impl Writer<'_> {
    /// Chooses the server that edits are queued for from now on; `None` stops queueing. What is queued for others stays.
    pub fn set_server(&mut self, server: Option<ServerKey>) {
        if let (Some(old), Some(outbox)) = (self.server, self.outbox.take()) {
            self.rows
                .insert(rows::counter_key(old), Some(outbox.encode()));
        }
        self.server = server;
        self.rows.insert(
            rows::SERVER.to_vec(),
            server.map(|server| server.0.to_vec()),
        );
    }

    /// The number that the next queued change will have; all numbers from it on are free.
    ///
    /// # Errors
    /// [`StoreError::NoServer`] without a server.
    pub fn outbox_next(&self) -> Result<u64, StoreError> {
        Ok(self.outbox()?.next)
    }

    /// Removes acknowledged changes from the outbox; numbers that are not there are fine.
    ///
    /// # Errors
    /// [`StoreError::NoServer`] without a server.
    pub fn outbox_clear(&mut self, lseqs: &[u64]) -> Result<(), StoreError> {
        let server = self.server.ok_or(StoreError::NoServer)?;
        let mut outbox = self.outbox()?;
        for lseq in lseqs {
            let key = rows::outbox_key(server, *lseq);
            if self.row(&key)?.is_some() {
                self.rows.insert(key, None);
                outbox.count = outbox.count.saturating_sub(1);
            }
        }
        self.outbox = Some(outbox);
        Ok(())
    }

    /// Queues every change of every document except these; after a login, or when the server may lack anything. Returns how many.
    /// Changes already queued are queued again, which costs bytes and harms nothing; [`Writer::outbox_drop`] first avoids it.
    ///
    /// # Errors
    /// [`StoreError::NoServer`] without a server.
    pub fn outbox_fill(&mut self, except: &[DocId]) -> Result<u64, StoreError> {
        let mut queued = 0;
        for doc in self.store.document_ids()? {
            if except.contains(&doc) {
                continue;
            }
            let count = self.store.header(doc)?.map_or(0, |header| header.count());
            for position in 0..count {
                self.enqueue(doc, position)?;
            }
            queued += count;
        }
        for (doc, work) in &mut self.work {
            if !except.contains(doc) {
                queued += work.pending.len() as u64;
                work.pending
                    .iter_mut()
                    .for_each(|change| change.queue = true);
            }
        }
        Ok(queued)
    }

    /// Queues the changes of `doc` that are not ancestors of `heads`, behind all that is queued; returns how many. One that was queued already moves
    /// there too: left in its place it would go out before what it rests on.
    ///
    /// # Errors
    /// [`StoreError::NoServer`] without a server.
    pub fn outbox_add_after(
        &mut self,
        doc: DocId,
        heads: &[ChangeHash],
    ) -> Result<u64, StoreError> {
        let Some(header) = self.store.header(doc)? else {
            return Ok(0);
        };
        let loaded = self.store.load(doc)?;
        let lacking: BTreeSet<_> = loaded
            .get_changes_meta(&known(&loaded, heads))
            .into_iter()
            .map(|change| change.hash)
            .collect();
        let Some(all) = self.store.raw_changes(doc, &header)? else {
            return Err(StoreError::Damaged {
                doc,
                reason: "its pack is unreadable".to_owned(),
            });
        };
        let mut positions = BTreeSet::new();
        for (position, raw) in (0..).zip(&all) {
            let hash = automerge::ChangeHash(hash_of(doc, raw)?.to_bytes());
            if lacking.contains(&hash) {
                positions.insert(position);
            }
        }
        self.unqueue(doc, &positions)?;
        for position in &positions {
            self.enqueue(doc, *position)?;
        }
        Ok(positions.len() as u64)
    }

    /// Empties the outbox of the server.
    ///
    /// # Errors
    /// [`StoreError::NoServer`] without a server.
    pub fn outbox_drop(&mut self) -> Result<(), StoreError> {
        let server = self.server.ok_or(StoreError::NoServer)?;
        let outbox = self.outbox()?;
        for (key, _) in self.rows_under(&rows::outbox_prefix(server))? {
            self.rows.insert(key, None);
        }
        self.outbox = Some(OutboxRow { count: 0, ..outbox });
        Ok(())
    }

    /// Keeps the client's encoded cursor for the server; `None` forgets it.
    ///
    /// # Errors
    /// [`StoreError::NoServer`] without a server.
    pub fn set_cursor(&mut self, cursor: Option<&[u8]>) -> Result<(), StoreError> {
        let server = self.server.ok_or(StoreError::NoServer)?;
        if let Some(bytes) = cursor
            .map(<[u8]>::len)
            .filter(|bytes| *bytes > CURSOR_BYTES_MAX)
        {
            return Err(StoreError::CursorTooLong { bytes });
        }
        self.rows
            .insert(rows::cursor_key(server), cursor.map(<[u8]>::to_vec));
        Ok(())
    }

    /// Queues one change; its document need not be committed yet.
    pub(super) fn enqueue(&mut self, doc: DocId, position: u64) -> Result<(), StoreError> {
        let server = self.server.ok_or(StoreError::NoServer)?;
        let OutboxRow { next, count } = self.outbox()?;
        self.rows.insert(
            rows::outbox_key(server, next),
            Some(rows::outbox_value(doc, position)),
        );
        self.outbox = Some(OutboxRow {
            next: next + 1,
            count: count + 1,
        });
        Ok(())
    }

    /// Takes these changes of `doc` out of the outbox.
    fn unqueue(&mut self, doc: DocId, positions: &BTreeSet<u64>) -> Result<(), StoreError> {
        let server = self.server.ok_or(StoreError::NoServer)?;
        let mut lseqs = Vec::new();
        for (key, value) in self.rows_under(&rows::outbox_prefix(server))? {
            let (lseq, of, position) = rows::parse_outbox(&key, &value)?;
            if of == doc && positions.contains(&position) {
                lseqs.push(lseq);
            }
        }
        self.outbox_clear(&lseqs)
    }

    fn outbox(&self) -> Result<OutboxRow, StoreError> {
        let server = self.server.ok_or(StoreError::NoServer)?;
        match self.outbox {
            Some(outbox) => Ok(outbox),
            None => OutboxRow::decode(self.row(&rows::counter_key(server))?.as_deref()),
        }
    }
}

fn hash_of(doc: DocId, raw: &[u8]) -> Result<ChangeHash, StoreError> {
    let change = Change::from_bytes(raw.to_vec()).map_err(|e| StoreError::Damaged {
        doc,
        reason: format!("one of its changes cannot be read: {e}"),
    })?;
    Ok(ChangeHash::from_bytes(change.hash().0))
}
