//! The change log of an account: dense entries with a running hash, deduplicated by change, checked before they are
//! taken. No document is ever loaded.
//!
//! A change is judged off the writer thread (the byte gate inflates, the graph check walks) and appended on it, where
//! only what the judgement rested on is looked at again: if another session wrote for the same actor meanwhile, the
//! batch is judged anew. Readers stay behind the mark of what is flushed.

mod append;
mod judge;
mod rows;
mod slices;

use std::collections::BTreeMap;

use domain::DocId;
use storage::Batch;
use sync_protocol::server::{Appended, LogBody, LogPage, LogRow, PackRef};
use sync_protocol::{Chain, Cursor, DocChange};

use super::admission::Turn;
use super::keys::Keys;
use super::{AccountId, Store, StoreError};
use append::{Appender, Written};
use judge::Lost;
use rows::{Entry, entry_row, parse_entry};
use slices::Slices;

pub(super) use rows::{
    Head, chain_in, document_row, head_row, parse_change, parse_document, seq_of,
};

/// How often a batch is judged anew because another session wrote for the same actor.
const RACES_MAX: usize = 8;

impl Store {
    /// Checks each change and appends those that pass, in order and flushed; with the first of them, the incarnation of the device
    /// that sent them.
    pub(crate) fn append(
        &self,
        account: AccountId,
        batch: u64,
        items: &[DocChange],
        mut turn: Option<Turn>,
    ) -> Result<Appended, StoreError> {
        let mut slices = Slices::default();
        loop {
            let rest = items.get(slices.items..).unwrap_or_default();
            let mut slice = self.append_slice(account, rest, &slices.lost, turn.take())?;
            let end = slice.head;
            self.advance_mark(account, end);
            for doc in std::mem::take(&mut slice.full_tails) {
                self.sealing.ask(account, doc);
            }
            slices.add(slice);
            if slices.items >= items.len() {
                return Ok(slices.answer(batch, self.epoch, end));
            }
        }
    }

    /// Appends as much of the beginning of these items as one commit takes.
    fn append_slice(
        &self,
        account: AccountId,
        items: &[DocChange],
        lost: &Lost,
        turn: Option<Turn>,
    ) -> Result<Written, StoreError> {
        for _ in 0..RACES_MAX {
            let judgement = judge::judge(self.kv.view(), account, items, lost)?;
            let written = self.kv.update_for(account.owner(), move |view| {
                let (mut rows, written) = Appender::new(view, account)?.run(judgement)?;
                if let Some(turn) = turn {
                    turn.record(&view, account, &mut rows)?;
                }
                Ok((rows, written))
            });
            match written {
                Err(StoreError::Raced) => continue,
                other => return other,
            }
        }
        Err(StoreError::Raced)
    }

    /// Where the flushed log of an account ends.
    pub(super) fn head(&self, account: AccountId) -> Result<Head, StoreError> {
        if let Some(head) = self.mark(account) {
            return Ok(head);
        }
        // On the writer thread, behind every earlier commit, so that what is read is flushed when this returns.
        let head = self
            .kv
            .update(move |view| Ok::<_, StoreError>((Batch::new(), head_row(&view, account)?)))?;
        Ok(self.advance_mark(account, head))
    }

    /// Where the flushed log of an account ends, as devices keep it.
    pub(crate) fn head_cursor(&self, account: AccountId) -> Result<Cursor, StoreError> {
        let head = self.head(account)?;
        Ok(self.cursor(head.seq, head.chain))
    }

    /// Reads entries after a place, up to about `bytes_max` of changes and `rows_max` rows.
    pub(crate) fn read_log(
        &self,
        account: AccountId,
        after: u64,
        bytes_max: usize,
        rows_max: usize,
    ) -> Result<LogPage, StoreError> {
        let head = self.head(account)?;
        let keys = Keys(account);
        let mut page = LogPage {
            rows: Vec::new(),
            cursor: self.cursor(
                after,
                chain_in(&self.kv.view(), account, after, head)?.unwrap_or(Chain::START),
            ),
            head_seq: head.seq,
        };
        let mut bytes = 0;
        let mut packs = BTreeMap::new();
        for entry in self.kv.scan_after(&keys.entries(), &keys.entry(after)) {
            let (key, row) = entry?;
            let seq = seq_of(&key)?;
            if seq > head.seq || page.rows.len() >= rows_max {
                break;
            }
            let entry = parse_entry(&row)?;
            let body = self.body(account, seq, &entry, &mut packs)?;
            if let LogBody::Inline(item) = &body {
                bytes += item.change.len();
                if bytes > bytes_max && !page.rows.is_empty() {
                    break;
                }
            }
            page.rows.push(LogRow { seq, body });
            page.cursor = self.cursor(seq, entry.chain);
        }
        Ok(page)
    }

    /// Reads these entries, in this order, up to about `bytes_max` of changes and at least one.
    pub(crate) fn read_entries(
        &self,
        account: AccountId,
        seqs: &[u64],
        bytes_max: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let mut packs = BTreeMap::new();
        let mut rows = Vec::with_capacity(seqs.len());
        let mut bytes = 0;
        for &seq in seqs {
            let entry = entry_row(&self.kv.view(), account, seq)?;
            let body = self.body(account, seq, &entry, &mut packs)?;
            if let LogBody::Inline(item) = &body {
                bytes += item.change.len();
                if bytes > bytes_max && !rows.is_empty() {
                    break;
                }
            }
            rows.push(LogRow { seq, body });
        }
        Ok(rows)
    }

    /// Documents of an account and their bytes.
    pub(crate) fn document_totals(&self, account: AccountId) -> Result<(u64, u64), StoreError> {
        let head = self.head(account)?;
        Ok((head.documents, head.document_bytes))
    }

    fn cursor(&self, seq: u64, chain: Chain) -> Cursor {
        Cursor {
            epoch: self.epoch,
            seq,
            chain,
        }
    }

    /// Where the change of an entry is. A sealing that is half visible is waited for once.
    fn body(
        &self,
        account: AccountId,
        seq: u64,
        entry: &Entry,
        packs: &mut BTreeMap<DocId, (u64, u64, PackRef)>,
    ) -> Result<LogBody, StoreError> {
        let doc = entry.doc;
        if let Some((first, last, pack)) = packs.get(&doc)
            && (*first..=*last).contains(&seq)
        {
            return Ok(LogBody::Packed(*pack));
        }
        for again in [true, false] {
            let view = self.kv.view();
            if let Some(change) = view.get(&Keys(account).raw(doc, seq))? {
                let change = domain::intake::travelling(change);
                return Ok(LogBody::Inline(DocChange { doc, change }));
            }
            if let Some((last, row)) = super::packs::pack_of(&view, account, doc, seq)? {
                let pack = row.reference(doc);
                packs.insert(doc, (row.first_seq, last, pack));
                return Ok(LogBody::Packed(pack));
            }
            if again {
                self.barrier()?;
            }
        }
        Err(StoreError::Damaged("entry without its change"))
    }
}
