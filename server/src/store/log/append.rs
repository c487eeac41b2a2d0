//! Appending a judged slice of a batch on the writer thread: what the judgement rested on is looked at again, limits are held, rows
//! and counts are put together into one commit.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use domain::DocId;
use domain::intake::GatedChange;
use storage::{Batch, View};
use sync_protocol::{DocHeads, Quota, Reason};

use super::judge::{Judged, Judgement, Lost, Refusal};
use super::rows::{Document, Entry, Head, actor_row, change_row, document_row, head_row};
use crate::limit;
use crate::store::accounts::account_row;
use crate::store::keys::Keys;
use crate::store::{AccountId, StoreError};

/// What the writer thread appended.
pub(super) struct Written {
    /// Items of the batch that were dealt with.
    pub(super) items: usize,
    /// The first new entry; `None` when all were known or refused.
    pub(super) first_seq: Option<u64>,
    pub(super) head: Head,
    /// With their places in the slice.
    pub(super) refused: Vec<(usize, Refusal)>,
    pub(super) lost: Lost,
    /// Documents of which something was missing.
    pub(super) missing: Vec<DocHeads>,
    pub(super) full_tails: Vec<DocId>,
}

/// Appends a judged slice on the writer thread.
pub(super) struct Appender<'a> {
    view: View<'a>,
    account: AccountId,
    keys: Keys,
    head: Head,
    first_seq: Option<u64>,
    documents: BTreeMap<DocId, Document>,
    lost: Lost,
    refused: Vec<(usize, Refusal)>,
    batch: Batch,
}

impl<'a> Appender<'a> {
    pub(super) fn new(view: View<'a>, account: AccountId) -> Result<Self, StoreError> {
        account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
        Ok(Self {
            view,
            account,
            keys: Keys(account),
            head: head_row(&view, account)?,
            first_seq: None,
            documents: BTreeMap::new(),
            lost: Lost::new(),
            refused: Vec::new(),
            batch: Batch::new(),
        })
    }

    pub(super) fn run(mut self, judgement: Judgement) -> Result<(Batch, Written), StoreError> {
        let items = judgement.items.len();
        for ((doc, actor), last) in &judgement.rests_on {
            if actor_row(&self.view, self.keys, *doc, *actor)? != *last {
                return Err(StoreError::Raced);
            }
        }
        for (index, judged) in judgement.items.into_iter().enumerate() {
            let refusal = match judged {
                Judged::Known => None,
                Judged::Fresh(doc, change) => self.fresh(doc, &change)?,
                Judged::Refused(refusal) => Some(refusal),
            };
            if let Some(refusal) = refusal {
                self.refused.push((index, refusal));
            }
        }
        let missing = judgement
            .unknown_dependency
            .into_iter()
            .map(|doc| {
                let heads = self.document(doc)?.heads.clone();
                Ok(DocHeads { doc, heads })
            })
            .collect::<Result<_, StoreError>>()?;
        if self.first_seq.is_some() {
            self.batch.put(self.keys.head(), self.head.row());
        }
        let mut full_tails = Vec::new();
        for (doc, document) in &self.documents {
            self.batch.put(self.keys.document(*doc), document.row());
            if document.tail_rows >= limit::SEAL_ROWS_MIN
                || document.tail_bytes >= limit::SEAL_BYTES_MIN
            {
                full_tails.push(*doc);
            }
        }
        let mut lost = judgement.lost;
        lost.append(&mut self.lost);
        let written = Written {
            items,
            first_seq: self.first_seq,
            head: self.head,
            refused: self.refused,
            lost,
            missing,
            full_tails,
        };
        Ok((self.batch, written))
    }

    /// Adds the rows of one change, unless a limit is met.
    fn fresh(&mut self, doc: DocId, change: &GatedChange) -> Result<Option<Refusal>, StoreError> {
        let hash = change.hash();
        let lost = change
            .deps()
            .iter()
            .find_map(|dep| self.lost.get(&(doc, *dep)));
        let refusal = match lost.cloned() {
            Some(refusal) => Some(refusal),
            None => self.over_limit(doc, change)?,
        };
        if let Some(refusal) = refusal {
            self.lost.insert((doc, hash), refusal.clone());
            return Ok(Some(refusal));
        }
        let bytes = change.kept().len() as u64;
        let document = self.document(doc)?;
        let is_new = document.bytes == 0;
        document.take(change, bytes);
        self.head.documents += u64::from(is_new);
        self.head.document_bytes += bytes;
        self.head.seq += 1;
        self.head.chain = self.head.chain.then(&doc, &hash);
        let seq = self.head.seq;
        self.first_seq.get_or_insert(seq);
        let entry = Entry {
            doc,
            change: hash,
            chain: self.head.chain,
        };
        self.batch.put(self.keys.entry(seq), entry.row());
        self.batch.put(self.keys.raw(doc, seq), change.kept());
        self.batch
            .put(self.keys.change(doc, hash), change_row(seq, change.meta()));
        self.batch
            .put(self.keys.actor(doc, change.actor()), hash.as_bytes());
        Ok(None)
    }

    fn over_limit(
        &mut self,
        doc: DocId,
        change: &GatedChange,
    ) -> Result<Option<Refusal>, StoreError> {
        let bytes = change.kept().len() as u64;
        let used = self.head.document_bytes;
        let documents = self.head.documents;
        let document = self.document(doc)?;
        if document.bytes + bytes > limit::DOCUMENT_BYTES_MAX {
            return Ok(Some(Refusal::new(
                Reason::TooLarge,
                format!(
                    "the document has {} bytes of changes and may have {}: go on in a new page",
                    document.bytes,
                    limit::DOCUMENT_BYTES_MAX
                ),
            )));
        }
        if document.heads_with(change).len() > limit::DOCUMENT_HEADS_MAX {
            return Ok(Some(Refusal::new(
                Reason::TooMany,
                format!(
                    "the document has more than {} loose ends: sync first, then edit it again",
                    limit::DOCUMENT_HEADS_MAX
                ),
            )));
        }
        if document.bytes == 0 && documents >= limit::DOCUMENTS_MAX {
            return Ok(Some(Refusal::new(
                Reason::TooMany,
                format!("the account has {documents} documents, which is all it may have"),
            )));
        }
        if used + bytes > limit::DOCUMENT_BYTES_PER_ACCOUNT_MAX {
            let limit = limit::DOCUMENT_BYTES_PER_ACCOUNT_MAX;
            let message = format!("the account's documents have {used} of {limit} bytes");
            let mut refusal = Refusal::new(Reason::Quota, message);
            refusal.quota = Quota { used, limit };
            return Ok(Some(refusal));
        }
        Ok(None)
    }

    fn document(&mut self, doc: DocId) -> Result<&mut Document, StoreError> {
        match self.documents.entry(doc) {
            Slot::Occupied(known) => Ok(known.into_mut()),
            Slot::Vacant(vacant) => Ok(vacant.insert(document_row(&self.view, self.account, doc)?)),
        }
    }
}
