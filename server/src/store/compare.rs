//! Repair: what a device and an account's log lack of each other, by heads alone.

use std::collections::{BTreeMap, BTreeSet};

use domain::{ChangeHash, DocId};
use sync_protocol::DocHeads;
use sync_protocol::server::Compared;

use super::keys::{self, Keys};
use super::log::{parse_change, parse_document};
use super::{AccountId, Store, StoreError};

/// The range of documents one page of an inventory speaks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DocRange {
    /// Lower end, exclusive.
    pub(crate) after: Option<DocId>,
    /// Upper end, inclusive.
    pub(crate) through: Option<DocId>,
}

/// The changes of one document: hash to entry and dependencies.
type Graph = BTreeMap<ChangeHash, (u64, Vec<ChangeHash>)>;

impl Store {
    /// Compares a page of a device's inventory with the log.
    pub(crate) fn compare(
        &self,
        account: AccountId,
        range: DocRange,
        items: Vec<DocHeads>,
    ) -> Result<Compared, StoreError> {
        // Entries beyond the mark are not flushed yet; they reach the device as news.
        let head_seq = self.head(account)?.seq;
        let mut theirs: BTreeMap<DocId, Vec<ChangeHash>> = items
            .into_iter()
            .map(|item| (item.doc, item.heads))
            .collect();
        let mut compared = Compared::default();
        for (doc, heads) in self.documents_in(account, range)? {
            match theirs.remove(&doc) {
                Some(their_heads) if same(&heads, &their_heads) => {}
                Some(their_heads) => {
                    let graph = self.graph(account, doc)?;
                    if their_heads.iter().any(|head| !graph.contains_key(head)) {
                        compared.missing.push(DocHeads { doc, heads });
                    }
                    compared.seqs.extend(lacking(&graph, their_heads));
                }
                None => {
                    let graph = self.graph(account, doc)?;
                    compared.seqs.extend(graph.values().map(|(seq, _)| *seq));
                }
            }
        }
        for (doc, heads) in theirs {
            if !heads.is_empty() {
                compared.missing.push(DocHeads {
                    doc,
                    heads: Vec::new(),
                });
            }
        }
        compared.missing.sort_by_key(|item| item.doc);
        compared.seqs.retain(|seq| *seq <= head_seq);
        compared.seqs.sort_unstable();
        Ok(compared)
    }

    fn documents_in(
        &self,
        account: AccountId,
        range: DocRange,
    ) -> Result<Vec<(DocId, Vec<ChangeHash>)>, StoreError> {
        let prefix = Keys(account).documents();
        let from = range
            .after
            .map_or_else(|| prefix.clone(), |doc| Keys(account).document(doc));
        let mut documents = Vec::new();
        for entry in self.kv.scan_after(&prefix, &from) {
            let (key, row) = entry?;
            let doc = keys::tail(&key)
                .map(DocId::from_bytes)
                .ok_or(StoreError::Damaged("document"))?;
            if range.through.is_some_and(|through| doc > through) {
                break;
            }
            documents.push((doc, parse_document(&row)?.heads));
        }
        Ok(documents)
    }

    fn graph(&self, account: AccountId, doc: DocId) -> Result<Graph, StoreError> {
        self.kv
            .scan(&Keys(account).changes(doc))
            .map(|entry| {
                let (key, row) = entry?;
                let hash = keys::tail(&key)
                    .map(ChangeHash::from_bytes)
                    .ok_or(StoreError::Damaged("change"))?;
                let (seq, meta) = parse_change(&row)?;
                Ok((hash, (seq, meta.deps)))
            })
            .collect()
    }
}

fn same(ours: &[ChangeHash], theirs: &[ChangeHash]) -> bool {
    let ours: BTreeSet<_> = ours.iter().collect();
    ours == theirs.iter().collect()
}

/// Entries that cannot be reached from the heads.
fn lacking(graph: &Graph, heads: Vec<ChangeHash>) -> Vec<u64> {
    let mut reached = BTreeSet::new();
    let mut frontier = heads;
    while let Some(hash) = frontier.pop() {
        if let Some((_, deps)) = graph.get(&hash)
            && reached.insert(hash)
        {
            frontier.extend(deps);
        }
    }
    graph
        .iter()
        .filter(|(hash, _)| !reached.contains(*hash))
        .map(|(_, (seq, _))| *seq)
        .collect()
}
