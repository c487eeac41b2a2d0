//! The change log of an account: dense entries with a running hash, deduplicated by change, checked before they are
//! taken. No document is ever loaded.
//!
//! A change is judged off the writer thread (the byte gate inflates, the graph check walks) and appended on it, where
//! only what the judgement rested on is looked at again: if another session wrote for the same actor meanwhile, the
//! batch is judged anew. Readers stay behind the mark of what is flushed.

use std::collections::{BTreeMap, BTreeSet};

use domain::intake::{ChangeMeta, GateError, GatedChange, GraphError, GraphView, Verdict};
use domain::{ActorId, ChangeHash, DocId};
use storage::{Batch, View};
use sync_protocol::server::{AppendRefusal, Appended, LogBody, LogPage, LogRow, PackRef};
use sync_protocol::{Chain, Cursor, DocChange, DocHeads, Quota, Reason};

use super::accounts::account_row;
use super::keys::Keys;
use super::row::{Reader, Writer};
use super::{AccountId, Store, StoreError};
use crate::limit;

/// How often a batch is judged anew because another session wrote for the same actor.
const RACES_MAX: usize = 8;

/// Where an account's log ends, and what its documents amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) chain: Chain,
    pub(super) documents: u64,
    pub(super) document_bytes: u64,
}

/// An entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) doc: DocId,
    pub(super) change: ChangeHash,
    pub(super) chain: Chain,
}

/// Totals and heads of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) bytes: u64,
    pub(super) tail_bytes: u64,
    pub(super) tail_rows: u32,
    pub(super) heads: Vec<ChangeHash>,
}

/// Why a change is not taken.
#[derive(Debug, Clone)]
struct Refusal {
    reason: Reason,
    quota: Quota,
    message: String,
}

/// What was found of one item of a batch.
enum Judged {
    Known,
    Fresh(DocId, Box<GatedChange>),
    Refused(Refusal),
}

/// A batch as judged, with what the judgement rested on.
struct Judgement {
    items: Vec<Judged>,
    /// The last stored change of each actor that writes in the batch.
    rests_on: BTreeMap<(DocId, ActorId), Option<ChangeHash>>,
    unknown_dependency: BTreeSet<DocId>,
}

/// What the writer thread appended.
struct Written {
    appended: Appended,
    head: Head,
    full_tails: Vec<DocId>,
}

impl Store {
    /// Checks each change and appends those that pass, in order and flushed.
    pub(crate) fn append(
        &self,
        account: AccountId,
        batch: u64,
        items: Vec<DocChange>,
    ) -> Result<Appended, StoreError> {
        for _ in 0..RACES_MAX {
            let judgement = self.judge(account, &items)?;
            let epoch = self.epoch;
            let written = self
                .kv
                .update(move |view| Appender::new(view, account)?.run(batch, epoch, judgement));
            match written {
                Err(StoreError::Raced) => continue,
                Err(error) => return Err(error),
                Ok(written) => {
                    self.advance_mark(account, written.head);
                    for doc in written.full_tails {
                        self.sealing.ask(account, doc);
                    }
                    return Ok(written.appended);
                }
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

    fn judge(&self, account: AccountId, items: &[DocChange]) -> Result<Judgement, StoreError> {
        let mut judge = Judge {
            view: self.kv.view(),
            keys: Keys(account),
            pending: BTreeMap::new(),
            lost: BTreeMap::new(),
            judgement: Judgement {
                items: Vec::with_capacity(items.len()),
                rests_on: BTreeMap::new(),
                unknown_dependency: BTreeSet::new(),
            },
        };
        for item in items {
            let judged = judge.item(item)?;
            judge.judgement.items.push(judged);
        }
        Ok(judge.judgement)
    }
}

/// Judges the items of one batch in order, each as if those before it were stored.
struct Judge<'a> {
    view: View<'a>,
    keys: Keys,
    pending: BTreeMap<DocId, Pending>,
    /// Changes refused so far: whatever builds on one is refused for the same reason.
    lost: BTreeMap<(DocId, ChangeHash), Refusal>,
    judgement: Judgement,
}

/// Changes of one document that were judged fresh in this batch.
#[derive(Default)]
struct Pending {
    metas: BTreeMap<ChangeHash, ChangeMeta>,
    last: BTreeMap<ActorId, ChangeHash>,
}

/// The graph check's view of one document: what is stored and what is pending.
struct Held<'a> {
    view: View<'a>,
    keys: Keys,
    doc: DocId,
    pending: &'a Pending,
}

impl Judge<'_> {
    fn item(&mut self, item: &DocChange) -> Result<Judged, StoreError> {
        let change = match domain::intake::gate(&item.change) {
            Ok(change) => change,
            Err(error) => return Ok(Judged::Refused(Refusal::gate(&error))),
        };
        let (doc, hash) = (item.doc, change.hash());
        let lost = change
            .deps()
            .iter()
            .find_map(|dep| self.lost.get(&(doc, *dep)));
        if let Some(refusal) = lost.cloned() {
            self.lost.insert((doc, hash), refusal.clone());
            return Ok(Judged::Refused(refusal));
        }
        let pending = self.pending.entry(doc).or_default();
        let held = Held {
            view: self.view,
            keys: self.keys,
            doc,
            pending,
        };
        match domain::intake::check_graph(&change, &held) {
            Ok(Verdict::Known) => Ok(Judged::Known),
            Ok(Verdict::Fresh) => {
                let actor = change.actor();
                if let std::collections::btree_map::Entry::Vacant(vacant) =
                    self.judgement.rests_on.entry((doc, actor))
                {
                    vacant.insert(held.stored_last(&actor)?);
                }
                pending.metas.insert(hash, change.meta().clone());
                pending.last.insert(actor, hash);
                Ok(Judged::Fresh(doc, Box::new(change)))
            }
            Err(GraphError::View(error)) => Err(error),
            Err(error) => {
                let refusal = Refusal::graph(&error);
                if refusal.reason == Reason::UnknownDependency {
                    self.judgement.unknown_dependency.insert(doc);
                }
                self.lost.insert((doc, hash), refusal.clone());
                Ok(Judged::Refused(refusal))
            }
        }
    }
}

impl Held<'_> {
    fn stored_last(&self, actor: &ActorId) -> Result<Option<ChangeHash>, StoreError> {
        actor_row(&self.view, self.keys, self.doc, *actor)
    }
}

impl GraphView for Held<'_> {
    type Error = StoreError;

    fn meta(&self, hash: &ChangeHash) -> Result<Option<ChangeMeta>, StoreError> {
        if let Some(meta) = self.pending.metas.get(hash) {
            return Ok(Some(meta.clone()));
        }
        let row = self.view.get(&self.keys.change(self.doc, *hash))?;
        row.map(|row| parse_change(&row).map(|(_, meta)| meta))
            .transpose()
    }

    fn last_of(&self, actor: &ActorId) -> Result<Option<ChangeHash>, StoreError> {
        match self.pending.last.get(actor) {
            Some(hash) => Ok(Some(*hash)),
            None => self.stored_last(actor),
        }
    }
}

/// Appends a judged batch on the writer thread.
struct Appender<'a> {
    view: View<'a>,
    account: AccountId,
    keys: Keys,
    head: Head,
    first_seq: Option<u64>,
    documents: BTreeMap<DocId, Document>,
    lost: BTreeMap<(DocId, ChangeHash), Refusal>,
    refused: Vec<(u32, Refusal)>,
    batch: Batch,
}

impl<'a> Appender<'a> {
    fn new(view: View<'a>, account: AccountId) -> Result<Self, StoreError> {
        account_row(&view, account)?.ok_or(StoreError::UnknownAccount)?;
        Ok(Self {
            view,
            account,
            keys: Keys(account),
            head: head_row(&view, account)?,
            first_seq: None,
            documents: BTreeMap::new(),
            lost: BTreeMap::new(),
            refused: Vec::new(),
            batch: Batch::new(),
        })
    }

    fn run(
        mut self,
        batch: u64,
        epoch: sync_protocol::LogEpoch,
        judgement: Judgement,
    ) -> Result<(Batch, Written), StoreError> {
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
                let index = u32::try_from(index).unwrap_or(u32::MAX);
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
        let appended = Appended {
            batch,
            first_seq: self.first_seq,
            head: Cursor {
                epoch,
                seq: self.head.seq,
                chain: self.head.chain,
            },
            refused: gather(self.refused),
            missing,
        };
        let written = Written {
            appended,
            head: self.head,
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
        let bytes = change.raw().len() as u64;
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
        self.batch.put(self.keys.raw(doc, seq), change.raw());
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
        let bytes = change.raw().len() as u64;
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
        use std::collections::btree_map::Entry;
        match self.documents.entry(doc) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(vacant) => {
                Ok(vacant.insert(document_row(&self.view, self.account, doc)?))
            }
        }
    }
}

impl Refusal {
    fn new(reason: Reason, message: String) -> Self {
        Self {
            reason,
            quota: Quota::default(),
            message,
        }
    }

    fn gate(error: &GateError) -> Self {
        Self::new(Reason::Malformed, error.to_string())
    }

    fn graph(error: &GraphError<StoreError>) -> Self {
        let reason = match error {
            GraphError::MissingDep(_) => Reason::UnknownDependency,
            GraphError::Forked { .. } => Reason::Forked,
            _ => Reason::Malformed,
        };
        Self::new(reason, error.to_string())
    }
}

/// Groups refusals of the same reason and words.
fn gather(refused: Vec<(u32, Refusal)>) -> Vec<AppendRefusal> {
    let mut groups: Vec<AppendRefusal> = Vec::new();
    for (index, refusal) in refused {
        let same = groups
            .iter_mut()
            .find(|group| group.reason == refusal.reason && group.message == refusal.message);
        match same {
            Some(group) => group.items.push(index),
            None => groups.push(AppendRefusal {
                items: vec![index],
                reason: refusal.reason,
                quota: refusal.quota,
                message: refusal.message,
            }),
        }
    }
    groups
}

impl Head {
    fn row(&self) -> Vec<u8> {
        Writer::new()
            .u64(self.seq)
            .bytes(self.chain.as_bytes())
            .u64(self.documents)
            .u64(self.document_bytes)
            .done()
    }
}

impl Entry {
    fn row(&self) -> Vec<u8> {
        Writer::new()
            .bytes(self.doc.as_bytes())
            .bytes(self.change.as_bytes())
            .bytes(self.chain.as_bytes())
            .done()
    }
}

impl Document {
    pub(super) fn row(&self) -> Vec<u8> {
        Writer::new()
            .u64(self.bytes)
            .u64(self.tail_bytes)
            .u32(self.tail_rows)
            .hashes(&self.heads)
            .done()
    }

    fn heads_with(&self, change: &GatedChange) -> Vec<ChangeHash> {
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

    fn take(&mut self, change: &GatedChange, bytes: u64) {
        self.heads = self.heads_with(change);
        self.bytes += bytes;
        self.tail_bytes += bytes;
        self.tail_rows = self.tail_rows.saturating_add(1);
    }
}

/// The chain at an entry of a log that ends at `head`; `None` beyond it.
pub(super) fn chain_in(
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

pub(super) fn head_row(view: &View<'_>, account: AccountId) -> Result<Head, StoreError> {
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

fn entry_row(view: &View<'_>, account: AccountId, seq: u64) -> Result<Entry, StoreError> {
    let row = view.get(&Keys(account).entry(seq))?;
    parse_entry(&row.ok_or(StoreError::Damaged("log with a gap"))?)
}

fn parse_entry(row: &[u8]) -> Result<Entry, StoreError> {
    let mut row = Reader::new("entry of a log", row)?;
    Ok(Entry {
        doc: DocId::from_bytes(row.array()?),
        change: ChangeHash::from_bytes(row.array()?),
        chain: row.chain()?,
    })
}

/// The number at the end of an entry's or a raw change's key.
pub(super) fn seq_of(key: &[u8]) -> Result<u64, StoreError> {
    super::keys::tail::<8>(key)
        .map(u64::from_be_bytes)
        .ok_or(StoreError::Damaged("key of an entry"))
}

/// A document's totals; those of an empty document when it is new.
pub(super) fn document_row(
    view: &View<'_>,
    account: AccountId,
    doc: DocId,
) -> Result<Document, StoreError> {
    match view.get(&Keys(account).document(doc))? {
        Some(row) => parse_document(&row),
        None => Ok(Document::default()),
    }
}

pub(super) fn parse_document(row: &[u8]) -> Result<Document, StoreError> {
    let mut row = Reader::new("document", row)?;
    Ok(Document {
        bytes: row.u64()?,
        tail_bytes: row.u64()?,
        tail_rows: row.u32()?,
        heads: row.hashes()?,
    })
}

fn actor_row(
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

fn change_row(seq: u64, meta: &ChangeMeta) -> Vec<u8> {
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
pub(super) fn parse_change(row: &[u8]) -> Result<(u64, ChangeMeta), StoreError> {
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
