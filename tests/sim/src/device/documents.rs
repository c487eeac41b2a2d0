//! A device's documents in memory: the real Automerge documents, made of the rows when they are first needed, and the intake of changes from elsewhere as
//! `storage` does it: gate, graph, and what waits for its dependencies.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use automerge::transaction::{CommitOptions, Transaction};
use automerge::{ActorId, Automerge};
use domain::document::EditError;
use domain::intake::{GraphError, Verdict, check_graph, gate};
use domain::{ChangeHash, DocId};

use super::rows::{ActorRow, Rows};
use crate::graph::{Change, Held};

/// Documents that were loaded.
#[derive(Debug, Default)]
pub struct Documents(BTreeMap<DocId, Automerge>);

/// What became of changes from elsewhere.
#[derive(Debug, Default)]
pub struct Received {
    pub applied: Vec<Change>,
    pub known: usize,
    pub set_aside: Vec<String>,
    pub waiting: usize,
}

impl Documents {
    /// The document as the rows have it.
    pub fn load(&mut self, rows: &Rows, doc: DocId) -> &mut Automerge {
        self.0.entry(doc).or_insert_with(|| {
            let mut made = Automerge::new();
            let changes = rows
                .docs
                .get(&doc)
                .map(|graph| graph.order())
                .unwrap_or_default();
            let parsed = changes.iter().map(parse);
            made.apply_changes(parsed)
                .expect("changes that were applied before apply again");
            made
        })
    }

    /// Forgets a document, or all: they are made again.
    pub fn forget(&mut self) {
        self.0.clear();
    }

    /// Edits a document as this actor; `None` when the edit does not apply or changes nothing.
    pub fn edit(
        &mut self,
        rows: &mut Rows,
        doc: DocId,
        actor: &mut ActorRow,
        edit: impl FnOnce(&mut Transaction<'_>) -> Result<(), EditError>,
    ) -> Option<Change> {
        let document = self.load(rows, doc);
        document.set_actor(ActorId::from(actor.actor.to_bytes()));
        let done =
            document.transact_with(|_| CommitOptions::default().with_time(1_700_000_000), edit);
        done.ok()?.hash?;
        let raw = document.get_last_local_change()?.raw_bytes().to_vec();
        let change = Held::new(doc, &gate(&raw).expect("an honest change passes the gate"));
        *actor = ActorRow {
            counter: actor.counter + 1,
            last: Some(change.hash),
            ..*actor
        };
        rows.actor = Some(*actor);
        rows.take(&change, true);
        Some(change)
    }

    /// Takes in changes of one document from elsewhere.
    pub fn receive(&mut self, rows: &mut Rows, doc: DocId, raws: &[Vec<u8>]) -> Received {
        let mut received = Received::default();
        let mut queue: VecDeque<(Change, bool)> = VecDeque::new();
        let held: Vec<_> = rows
            .waiting
            .range(
                (doc, ChangeHash::from_bytes([0; 32]))..=(doc, ChangeHash::from_bytes([255; 32])),
            )
            .map(|(key, _)| *key)
            .collect();
        for key in held {
            queue.extend(rows.waiting.remove(&key).map(|change| (change, true)));
        }
        let mut gated = BTreeMap::new();
        for raw in raws {
            match gate(raw) {
                Ok(change) => {
                    queue.push_back((Held::new(doc, &change), false));
                    gated.insert(change.hash(), change);
                }
                Err(error) => received.set_aside.push(error.to_string()),
            }
        }
        let mut parked: BTreeMap<ChangeHash, Vec<(Change, bool)>> = BTreeMap::new();
        while let Some((change, waited)) = queue.pop_front() {
            let whole = gate(&change.raw).expect("it passed before");
            let graph = rows.docs.entry(doc).or_default();
            match check_graph(&whole, graph) {
                Ok(Verdict::Known) => received.known += usize::from(!waited),
                Ok(Verdict::Fresh) => {
                    rows.take(&change, false);
                    queue.extend(parked.remove(&change.hash).unwrap_or_default());
                    received.applied.push(change);
                }
                Err(GraphError::MissingDep(dep)) => {
                    parked.entry(dep).or_default().push((change, waited))
                }
                Err(error) => received.set_aside.push(error.to_string()),
            }
        }
        if rows
            .docs
            .get(&doc)
            .is_some_and(|graph| graph.order().is_empty())
        {
            rows.docs.remove(&doc);
        }
        for (change, _) in parked.into_values().flatten() {
            received.waiting += 1;
            rows.waiting.insert((doc, change.hash), change);
        }
        self.apply(doc, &received.applied);
        received
    }

    fn apply(&mut self, doc: DocId, fresh: &[Change]) {
        if let Some(document) = self.0.get_mut(&doc) {
            let parsed: Vec<_> = fresh.iter().map(parse).collect();
            document
                .apply_changes(parsed)
                .expect("changes in order, each after what it builds on, apply");
        }
    }
}

fn parse(change: &Rc<Held>) -> automerge::Change {
    automerge::Change::from_bytes(change.raw.clone()).expect("what passed the gate can be parsed")
}
