//! The change log as the server's store keeps it: each change gated and checked against the graph, appended in order, read behind the mark of what is flushed.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::intake::{GraphError, Verdict, check_graph, gate};
use domain::{ChangeHash, DocId};
use storage::{encode_pack, pack_hash};
use sync_protocol::server::{AppendRefusal, Appended, Compared, LogBody, LogPage, LogRow, PackRef};
use sync_protocol::{Cursor, DocChange, DocHeads, PackHash, Quota, Reason};

use super::Server;
use super::rows::{Put, Rows};
use crate::graph::{Graph, Held};

impl Server {
    /// Where the flushed log ends.
    pub fn head(&self, account: usize) -> Cursor {
        let rows = self.durable(account);
        rows.place(self.disk.epoch, rows.head())
    }

    /// Checks each change and appends those that pass, all in one commit with `puts`.
    pub fn append(
        &mut self,
        account: usize,
        batch: u64,
        items: &[DocChange],
        puts: Vec<Put>,
    ) -> Appended {
        self.commit(account, puts);
        let mut refused: Vec<(u32, Reason, String)> = Vec::new();
        let mut lost: BTreeMap<(DocId, ChangeHash), (Reason, String)> = BTreeMap::new();
        let mut missing = BTreeSet::new();
        let before = self.accounts[account].seen.head();
        for (index, item) in items.iter().enumerate() {
            let refusal = self.append_one(account, item, &mut lost, &mut missing);
            refused.extend(refusal.map(|(reason, words)| (index as u32, reason, words)));
        }
        let seen = &self.accounts[account].seen;
        let heads = |doc: DocId| DocHeads {
            doc,
            heads: seen.docs.get(&doc).map(Graph::heads).unwrap_or_default(),
        };
        let refusal = |(index, reason, message): (u32, Reason, String)| AppendRefusal {
            items: vec![index],
            reason,
            quota: Quota::default(),
            message,
        };
        Appended {
            batch,
            first_seq: (seen.head() > before).then_some(before + 1),
            head: seen.place(self.disk.epoch, seen.head()),
            refused: refused.into_iter().map(refusal).collect(),
            missing: missing.into_iter().map(heads).collect(),
        }
    }

    fn append_one(
        &mut self,
        account: usize,
        item: &DocChange,
        lost: &mut BTreeMap<(DocId, ChangeHash), (Reason, String)>,
        missing: &mut BTreeSet<DocId>,
    ) -> Option<(Reason, String)> {
        let change = match gate(&item.change) {
            Ok(change) => change,
            Err(error) => return Some((Reason::Malformed, error.to_string())),
        };
        let (doc, hash) = (item.doc, change.hash());
        if let Some(refusal) = change
            .deps()
            .iter()
            .find_map(|dep| lost.get(&(doc, *dep)))
            .cloned()
        {
            lost.insert((doc, hash), refusal.clone());
            return Some(refusal);
        }
        let nothing = Graph::default();
        let graph = self.accounts[account]
            .seen
            .docs
            .get(&doc)
            .unwrap_or(&nothing);
        match check_graph(&change, graph) {
            Ok(Verdict::Known) => None,
            Ok(Verdict::Fresh) => {
                self.amend(account, Put::Entry(Held::new(doc, &change)));
                None
            }
            Err(error) => {
                let reason = match error {
                    GraphError::MissingDep(_) => Reason::UnknownDependency,
                    GraphError::Forked { .. } => Reason::Forked,
                    _ => Reason::Malformed,
                };
                if reason == Reason::UnknownDependency {
                    missing.insert(doc);
                }
                let refusal = (reason, error.to_string());
                lost.insert((doc, hash), refusal.clone());
                Some(refusal)
            }
        }
    }

    /// Reads entries after a place, of those that are flushed.
    pub fn read_log(
        &self,
        account: usize,
        after: u64,
        bytes_max: usize,
        rows_max: usize,
    ) -> LogPage {
        let rows = self.durable(account);
        let seqs = (after + 1..=rows.head()).take(rows_max);
        let page = read_rows(rows, seqs, bytes_max);
        LogPage {
            cursor: rows.place(self.disk.epoch, page.last().map_or(after, |row| row.seq)),
            head_seq: rows.head(),
            rows: page,
        }
    }

    pub fn read_entries(&self, account: usize, seqs: &[u64], bytes_max: usize) -> Vec<LogRow> {
        read_rows(self.durable(account), seqs.iter().copied(), bytes_max)
    }

    /// Compares a page of a device's inventory with the log.
    pub fn compare(
        &self,
        account: usize,
        after: Option<DocId>,
        through: Option<DocId>,
        items: &[DocHeads],
    ) -> Compared {
        // As the store does it: what is seen may not be flushed yet; entries beyond the mark reach the device as news.
        let (rows, mark) = (&self.accounts[account].seen, self.durable(account).head());
        let mut compared = Compared::default();
        let mut theirs: BTreeMap<DocId, &[ChangeHash]> = items
            .iter()
            .map(|item| (item.doc, &item.heads[..]))
            .collect();
        let in_range =
            |doc: &DocId| Some(*doc) > after && through.is_none_or(|through| *doc <= through);
        for (doc, graph) in rows.docs.iter().filter(|(doc, _)| in_range(doc)) {
            let heads = theirs.remove(doc).unwrap_or_default();
            if heads.iter().any(|head| !graph.has(head)) {
                let heads = graph.heads();
                compared.missing.push(DocHeads { doc: *doc, heads });
            }
            let lacking = graph.after(heads);
            compared
                .seqs
                .extend(lacking.iter().map(|change| rows.seqs[&(*doc, change.hash)]));
        }
        for (doc, heads) in theirs {
            if !heads.is_empty() {
                let heads = Vec::new();
                compared.missing.push(DocHeads { doc, heads });
            }
        }
        compared.missing.sort_by_key(|item| item.doc);
        compared.seqs.retain(|seq| *seq <= mark);
        compared.seqs.sort_unstable();
        compared
    }

    /// Seals what is inline of each document into a pack, or all of it anew: then the old packs are gone.
    pub fn seal(&mut self, account: usize, all: bool) {
        let rows = self.durable(account);
        let mut of_doc: BTreeMap<DocId, Vec<u64>> = BTreeMap::new();
        for seq in 1..=rows.head() {
            if all || !rows.packed.contains_key(&seq) {
                of_doc
                    .entry(rows.log[seq as usize - 1].doc)
                    .or_default()
                    .push(seq);
            }
        }
        let mut puts = Vec::new();
        for (doc, seqs) in of_doc {
            let raws: Vec<&[u8]> = seqs
                .iter()
                .map(|seq| &rows.log[*seq as usize - 1].raw[..])
                .collect();
            let bytes = encode_pack(&raws);
            let pack = PackRef {
                doc,
                pack: PackHash::from_bytes(pack_hash(&bytes)),
                bytes: bytes.len() as u64,
            };
            puts.push(Put::Pack(pack, Rc::new(bytes), seqs));
        }
        if !puts.is_empty() {
            self.commit(account, puts);
        }
    }
}

fn read_rows(rows: &Rows, seqs: impl Iterator<Item = u64>, bytes_max: usize) -> Vec<LogRow> {
    let mut bytes = 0;
    let mut page = Vec::new();
    for seq in seqs {
        let body = match rows.packed.get(&seq) {
            Some(pack) => LogBody::Packed(*pack),
            None => LogBody::Inline(rows.log[seq as usize - 1].item()),
        };
        if let LogBody::Inline(item) = &body {
            bytes += item.change.len();
            if bytes > bytes_max && !page.is_empty() {
                break;
            }
        }
        page.push(LogRow { seq, body });
    }
    page
}
