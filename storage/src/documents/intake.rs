//! Changes that this process did not make, on their way into a document: gate, graph, trial, and what happens to those that fail.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::intake::{GatedChange, GraphError, Verdict, check_graph, gate};
use domain::{ChangeHash, DocId};

use super::graph::Graph;
use super::waiting::{WaitingRow, now_ms};
use super::writer::Pending;
use super::{Received, SetAside, StoreError, Writer, heads_of, rows, trial};
use crate::kv::Kv;
use crate::limit::{
    DOCUMENT_BYTES_HARD_MAX, INLINE_BYTES_MAX, SET_ASIDE_BYTES_MAX, SET_ASIDE_CHANGES_MAX,
    WAITING_BYTES_MAX, WAITING_CHANGES_MAX,
};

/// A change that passed the gate, and what to do with it once it is taken.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) change: GatedChange,
    queue: bool,
    /// Whether a row holds it while it waits.
    waited: bool,
}

impl Candidate {
    /// A change from the server.
    pub(super) fn received(change: GatedChange) -> Self {
        Self {
            change,
            queue: false,
            waited: false,
        }
    }
}

/// Candidates in an order in which each finds its dependencies.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) ready: Vec<Candidate>,
    pub(super) known: Vec<Candidate>,
    pub(super) waiting: Vec<(ChangeHash, Candidate)>,
    pub(super) refused: Vec<(Candidate, String)>,
}

impl Writer<'_> {
    pub(super) fn take_in(
        &mut self,
        doc: DocId,
        changes: Vec<Vec<u8>>,
        queue: bool,
    ) -> Result<Received, StoreError> {
        let mut received = Received {
            before: heads_of(&self.work(doc)?.doc),
            ..Received::default()
        };
        self.give_up_waiting(now_ms())?;
        let mut candidates = self.take_waiting(doc)?;
        for raw in changes {
            match gate(&raw) {
                Ok(change) => candidates.push(Candidate {
                    change,
                    queue,
                    waited: false,
                }),
                Err(e) => self.put_aside(doc, &raw, e.to_string(), &mut received)?,
            }
        }
        let sorted = sort(self.work(doc)?.graph(), candidates);
        received.known = sorted
            .known
            .iter()
            .filter(|candidate| !candidate.waited)
            .count();
        for candidate in sorted.known {
            self.stop_waiting(doc, &candidate);
        }
        for (candidate, reason) in sorted.refused {
            self.stop_waiting(doc, &candidate);
            self.put_aside(doc, candidate.change.raw(), reason, &mut received)?;
        }
        self.apply(doc, sorted.ready, &mut received)?;
        self.keep_waiting(doc, sorted.waiting, &mut received)?;
        received.after = heads_of(&self.work(doc)?.doc);
        if !received.applied.is_empty() {
            let pending = std::mem::take(&mut self.work(doc)?.pending);
            let taken = || Ok(pending.iter().map(|change| change.raw.clone()).collect());
            let forgotten = self.forget_set_aside(doc, taken);
            self.work(doc)?.pending = pending;
            forgotten?;
        }
        Ok(received)
    }

    /// Tries the changes on a clone and keeps those that hold.
    fn apply(
        &mut self,
        doc: DocId,
        ready: Vec<Candidate>,
        received: &mut Received,
    ) -> Result<(), StoreError> {
        if ready.is_empty() {
            return Ok(());
        }
        let schema = self.store.schema;
        let work = self.work(doc)?;
        let incoming: usize = ready
            .iter()
            .map(|candidate| candidate.change.uncompressed().len())
            .sum();
        let outcomes = if work.bytes().saturating_add(incoming as u64) > DOCUMENT_BYTES_HARD_MAX {
            vec![
                Err(format!(
                    "the document would grow beyond {DOCUMENT_BYTES_HARD_MAX} bytes"
                ));
                ready.len()
            ]
        } else {
            let base = std::mem::take(&mut work.doc);
            let raws: Vec<&[u8]> = ready
                .iter()
                .map(|candidate| candidate.change.raw())
                .collect();
            let (after, outcomes) = trial::apply_what_fits(base, &raws, Some(schema));
            work.doc = after;
            outcomes
        };
        if outcomes.iter().any(Result::is_err) {
            // The graph already counts what failed.
            work.graph = None;
        }
        let has_server = self.server.is_some();
        for (candidate, outcome) in ready.into_iter().zip(outcomes) {
            self.stop_waiting(doc, &candidate);
            match outcome {
                Ok(()) => {
                    received.applied.push(candidate.change.hash());
                    let queue = candidate.queue && has_server;
                    self.work(doc)?.pending.push(Pending {
                        raw: candidate.change.kept().to_vec(),
                        queue,
                    });
                }
                Err(reason) => self.put_aside(doc, candidate.change.raw(), reason, received)?,
            }
        }
        Ok(())
    }

    /// Changes of this document that waited; they are tried again whenever something arrives for it.
    fn take_waiting(&self, doc: DocId) -> Result<Vec<Candidate>, StoreError> {
        let rows = self.rows_under(&rows::waiting_prefix(doc))?;
        Ok(rows
            .into_iter()
            .filter_map(|(_, row)| {
                let row = WaitingRow::decode(&row)?;
                gate(row.raw).ok().map(|change| Candidate {
                    change,
                    queue: row.queue,
                    waited: true,
                })
            })
            .collect())
    }

    fn stop_waiting(&mut self, doc: DocId, candidate: &Candidate) {
        if candidate.waited {
            self.rows
                .insert(rows::waiting_key(doc, &candidate.change.hash()), None);
        }
    }

    fn keep_waiting(
        &mut self,
        doc: DocId,
        waiting: Vec<(ChangeHash, Candidate)>,
        received: &mut Received,
    ) -> Result<(), StoreError> {
        if waiting.is_empty() {
            return Ok(());
        }
        let held = self.rows_under(rows::WAITING)?;
        let mut count = held.len();
        let mut bytes: usize = held.iter().map(|(_, row)| row.len()).sum();
        for (missing, candidate) in waiting {
            let raw = candidate.change.raw();
            let fits = count < WAITING_CHANGES_MAX && bytes + raw.len() <= WAITING_BYTES_MAX;
            if !candidate.waited && !fits {
                self.put_aside(
                    doc,
                    raw,
                    format!("it needs change {missing}, and too many changes wait already"),
                    received,
                )?;
                continue;
            }
            if !candidate.waited {
                count += 1;
                bytes += raw.len();
                let row = WaitingRow {
                    queue: candidate.queue,
                    since_ms: now_ms(),
                    raw,
                };
                let key = rows::waiting_key(doc, &candidate.change.hash());
                self.rows.insert(key, Some(row.encode()));
            }
            received.waiting += 1;
            received.missing.push(missing);
        }
        received.missing.sort();
        received.missing.dedup();
        Ok(())
    }

    /// Keeps a change that was not taken, for inspection, as far as there is room; it is named to the caller in any case.
    pub(super) fn put_aside(
        &mut self,
        doc: DocId,
        raw: &[u8],
        reason: String,
        received: &mut Received,
    ) -> Result<(), StoreError> {
        let bytes_hash = *blake3::hash(raw).as_bytes();
        tracing::warn!(%doc, bytes = raw.len(), %reason, "a change was set aside");
        let held = self.rows_under(rows::SET_ASIDE)?;
        let bytes: usize = held.iter().map(|(_, row)| row.len()).sum();
        if held.len() < SET_ASIDE_CHANGES_MAX && bytes + raw.len() <= SET_ASIDE_BYTES_MAX {
            let kept = raw
                .get(..raw.len().min(64 * INLINE_BYTES_MAX))
                .unwrap_or_default();
            self.rows.insert(
                rows::set_aside_key(doc, &bytes_hash),
                Some(rows::set_aside_value(&reason, kept)),
            );
        }
        received.set_aside.push(SetAside {
            doc,
            bytes_hash,
            bytes: raw.len(),
            reason,
        });
        Ok(())
    }

    /// A change set aside earlier and taken now, for instance after an update of the program, is no longer a matter for `verify`.
    pub(super) fn forget_set_aside(
        &mut self,
        doc: DocId,
        taken: impl FnOnce() -> Result<Vec<Vec<u8>>, StoreError>,
    ) -> Result<(), StoreError> {
        let held = self.rows_under(&rows::set_aside_prefix(doc))?;
        if held.is_empty() {
            return Ok(());
        }
        let taken: BTreeSet<Vec<u8>> = taken()?
            .iter()
            .map(|raw| rows::set_aside_key(doc, blake3::hash(raw).as_bytes()))
            .collect();
        for (key, _) in held {
            if taken.contains(&key) {
                self.rows.insert(key, None);
            }
        }
        Ok(())
    }
}

/// The rows of changes that were set aside.
pub(super) fn set_aside_rows(kv: &Kv) -> Result<Vec<SetAside>, StoreError> {
    let mut found = Vec::new();
    for row in kv.scan(rows::SET_ASIDE) {
        let (key, value) = row?;
        let parsed = rows::parse_set_aside(&value);
        let place = rows::document_in(&key).zip(key.last_chunk::<32>().copied());
        let ((reason, bytes), (doc, bytes_hash)) = parsed
            .zip(place)
            .ok_or_else(|| rows::corrupt("set-aside row"))?;
        found.push(SetAside {
            doc,
            bytes_hash,
            bytes: bytes.len(),
            reason,
        });
    }
    Ok(found)
}

/// Puts candidates behind their dependencies. What is ready is already counted in `graph`.
pub(super) fn sort(graph: &mut Graph, candidates: Vec<Candidate>) -> Sorted {
    let mut sorted = Sorted::default();
    let mut parked: BTreeMap<ChangeHash, Vec<Candidate>> = BTreeMap::new();
    let mut queue = VecDeque::from(candidates);
    while let Some(candidate) = queue.pop_front() {
        match check_graph(&candidate.change, graph) {
            Ok(Verdict::Known) => sorted.known.push(candidate),
            Ok(Verdict::Fresh) => {
                graph.add(&candidate.change);
                queue.extend(parked.remove(&candidate.change.hash()).unwrap_or_default());
                sorted.ready.push(candidate);
            }
            Err(GraphError::MissingDep(dep)) => parked.entry(dep).or_default().push(candidate),
            Err(e) => sorted.refused.push((candidate, e.to_string())),
        }
    }
    sorted.waiting = parked
        .into_iter()
        .flat_map(|(dep, list)| list.into_iter().map(move |c| (dep, c)))
        .collect();
    sorted
}
