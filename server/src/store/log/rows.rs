//! Rows of the log: its head, its entries, its documents, and what the graph check needs of each change.

use domain::intake::{ChangeMeta, GatedChange};
use domain::{ActorId, ChangeHash, DocId};
use storage::View;
use sync_protocol::Chain;

use crate::store::keys::{self, Keys};
use crate::store::row::{Reader, Writer};
use crate::store::{AccountId, StoreError};

/// Where an account's log ends, and what its documents amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Head {
    pub(in crate::store) seq: u64,
    pub(in crate::store) chain: Chain,
    pub(in crate::store) documents: u64,
    pub(in crate::store) document_bytes: u64,
}

/// An entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Entry {
    pub(in crate::store) doc: DocId,
    pub(in crate::store) change: ChangeHash,
    pub(in crate::store) chain: Chain,
}

/// Totals and heads of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store) struct Document {
    pub(in crate::store) bytes: u64,
    pub(in crate::store) tail_bytes: u64,
    pub(in crate::store) tail_rows: u32,
    pub(in crate::store) heads: Vec<ChangeHash>,
}
/// Rows an appended change takes, at most, beside that of its document: entry, change, what is known of it, its actor's last,
/// and pieces where it is large.
pub(super) fn change_rows(change: &GatedChange) -> usize {
    4 + change.kept().len() / storage::limit::INLINE_BYTES_MAX
}

impl Head {
    pub(super) fn row(&self) -> Vec<u8> {
        Writer::new()
            .u64(self.seq)
            .bytes(self.chain.as_bytes())
            .u64(self.documents)
            .u64(self.document_bytes)
            .done()
    }
}

impl Entry {
    pub(super) fn row(&self) -> Vec<u8> {
        Writer::new()
            .bytes(self.doc.as_bytes())
            .bytes(self.change.as_bytes())
            .bytes(self.chain.as_bytes())
            .done()
    }
}

impl Document {
    pub(in crate::store) fn row(&self) -> Vec<u8> {
        Writer::new()
            .u64(self.bytes)
            .u64(self.tail_bytes)
            .u32(self.tail_rows)
            .hashes(&self.heads)
            .done()
    }

    pub(super) fn heads_with(&self, change: &GatedChange) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self
            .heads
            .iter()
            .filter(|head| !change.deps().contains(head))
            .copied()
            .collect();
        heads.push(change.hash());
        heads.sort_unstable();
        heads
    }

    pub(super) fn take(&mut self, change: &GatedChange, bytes: u64) {
        self.heads = self.heads_with(change);
        self.bytes += bytes;
        self.tail_bytes += bytes;
        self.tail_rows = self.tail_rows.saturating_add(1);
    }
}

/// The chain at an entry of a log that ends at `head`; `None` beyond it.
pub(in crate::store) fn chain_in(
    view: &View<'_>,
    account: AccountId,
    seq: u64,
    head: Head,
) -> Result<Option<Chain>, StoreError> {
    match seq {
        0 => Ok(Some(Chain::START)),
        seq if seq > head.seq => Ok(None),
        seq => Ok(Some(entry_row(view, account, seq)?.chain)),
    }
}

pub(in crate::store) fn head_row(view: &View<'_>, account: AccountId) -> Result<Head, StoreError> {
    let Some(row) = view.get(&Keys(account).head())? else {
        return Ok(Head {
            seq: 0,
            chain: Chain::START,
            documents: 0,
            document_bytes: 0,
        });
    };
    let mut row = Reader::new("head of a log", &row)?;
    Ok(Head {
        seq: row.u64()?,
        chain: row.chain()?,
        documents: row.u64()?,
        document_bytes: row.u64()?,
    })
}

pub(super) fn entry_row(
    view: &View<'_>,
    account: AccountId,
    seq: u64,
) -> Result<Entry, StoreError> {
    let row = view.get(&Keys(account).entry(seq))?;
    parse_entry(&row.ok_or(StoreError::Damaged("log with a gap"))?)
}

pub(super) fn parse_entry(row: &[u8]) -> Result<Entry, StoreError> {
    let mut row = Reader::new("entry of a log", row)?;
    Ok(Entry {
        doc: DocId::from_bytes(row.array()?),
        change: ChangeHash::from_bytes(row.array()?),
        chain: row.chain()?,
    })
}

/// The number at the end of an entry's or a raw change's key.
pub(in crate::store) fn seq_of(key: &[u8]) -> Result<u64, StoreError> {
    keys::tail::<8>(key)
        .map(u64::from_be_bytes)
        .ok_or(StoreError::Damaged("key of an entry"))
}

/// A document's totals; those of an empty document when it is new.
pub(in crate::store) fn document_row(
    view: &View<'_>,
    account: AccountId,
    doc: DocId,
) -> Result<Document, StoreError> {
    match view.get(&Keys(account).document(doc))? {
        Some(row) => parse_document(&row),
        None => Ok(Document::default()),
    }
}

pub(in crate::store) fn parse_document(row: &[u8]) -> Result<Document, StoreError> {
    let mut row = Reader::new("document", row)?;
    Ok(Document {
        bytes: row.u64()?,
        tail_bytes: row.u64()?,
        tail_rows: row.u32()?,
        heads: row.hashes()?,
    })
}

pub(super) fn actor_row(
    view: &View<'_>,
    keys: Keys,
    doc: DocId,
    actor: ActorId,
) -> Result<Option<ChangeHash>, StoreError> {
    let row = view.get(&keys.actor(doc, actor))?;
    row.map(|hash| {
        let hash = hash.try_into().map_err(|_| StoreError::Damaged("actor"))?;
        Ok(ChangeHash::from_bytes(hash))
    })
    .transpose()
}

pub(super) fn change_row(seq: u64, meta: &ChangeMeta) -> Vec<u8> {
    Writer::new()
        .u64(seq)
        .bytes(meta.actor.as_bytes())
        .u64(meta.seq)
        .u64(meta.start_op)
        .u64(meta.max_op)
        .hashes(&meta.deps)
        .done()
}

/// The entry's number and what the graph check needs.
pub(in crate::store) fn parse_change(row: &[u8]) -> Result<(u64, ChangeMeta), StoreError> {
    let mut row = Reader::new("change", row)?;
    let seq = row.u64()?;
    let meta = ChangeMeta {
        actor: ActorId::from_bytes(row.array()?),
        seq: row.u64()?,
        start_op: row.u64()?,
        max_op: row.u64()?,
        deps: row.hashes()?,
    };
    Ok((seq, meta))
}
