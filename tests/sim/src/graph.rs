//! A change that passed the gate, and the changes of one document as both sides hold them: what they build on, and in which order they were taken.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::rc::Rc;

use domain::intake::{ChangeMeta, GateError, GatedChange, GraphView, gate, travelling};
use domain::{ActorId, ChangeHash, DocId};
use sync_protocol::DocChange;

/// A change as it is kept.
#[derive(Debug)]
pub struct Held {
    pub doc: DocId,
    pub hash: ChangeHash,
    pub meta: ChangeMeta,
    pub raw: Vec<u8>,
    travelling: OnceCell<Vec<u8>>,
}

/// Shared by all who hold it: its bytes never change.
pub type Change = Rc<Held>;

impl Held {
    /// What `gate` let pass.
    pub fn new(doc: DocId, gated: &GatedChange) -> Change {
        Rc::new(Self {
            doc,
            hash: gated.hash(),
            meta: gated.meta().clone(),
            raw: gated.kept().to_vec(),
            travelling: OnceCell::new(),
        })
    }

    /// The form in which it travels.
    pub fn item(&self) -> DocChange {
        let change = self
            .travelling
            .get_or_init(|| travelling(self.raw.clone()))
            .clone();
        DocChange {
            doc: self.doc,
            change,
        }
    }
}

/// The hash of a change on its way.
pub fn hash_of(raw: &[u8]) -> Result<ChangeHash, GateError> {
    gate(raw).map(|change| change.hash())
}

/// The changes of one document.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    changes: BTreeMap<ChangeHash, Change>,
    last: BTreeMap<ActorId, (u64, ChangeHash)>,
    heads: BTreeSet<ChangeHash>,
    order: Vec<Change>,
}

impl Graph {
    /// Takes a change that fits.
    pub fn insert(&mut self, change: Change) {
        for dep in &change.meta.deps {
            self.heads.remove(dep);
        }
        self.heads.insert(change.hash);
        let last = self
            .last
            .entry(change.meta.actor)
            .or_insert((change.meta.seq, change.hash));
        if last.0 < change.meta.seq {
            *last = (change.meta.seq, change.hash);
        }
        self.changes.insert(change.hash, Rc::clone(&change));
        self.order.push(change);
    }

    pub fn has(&self, hash: &ChangeHash) -> bool {
        self.changes.contains_key(hash)
    }

    pub fn heads(&self) -> Vec<ChangeHash> {
        self.heads.iter().copied().collect()
    }

    /// In the order taken: dependencies first.
    pub fn order(&self) -> &[Change] {
        &self.order
    }

    /// Those that are not ancestors of (or among) these heads, in order; unknown heads count for nothing.
    pub fn after(&self, heads: &[ChangeHash]) -> Vec<Change> {
        let mut reached = BTreeSet::new();
        let mut frontier = heads.to_vec();
        while let Some(hash) = frontier.pop() {
            if let Some(change) = self.changes.get(&hash)
                && reached.insert(hash)
            {
                frontier.extend(&change.meta.deps);
            }
        }
        let lacking = self
            .order
            .iter()
            .filter(|change| !reached.contains(&change.hash));
        lacking.cloned().collect()
    }
}

impl GraphView for Graph {
    type Error = Infallible;

    fn meta(&self, hash: &ChangeHash) -> Result<Option<ChangeMeta>, Infallible> {
        Ok(self.changes.get(hash).map(|change| change.meta.clone()))
    }

    fn last_of(&self, actor: &ActorId) -> Result<Option<ChangeHash>, Infallible> {
        Ok(self.last.get(actor).map(|(_, hash)| *hash))
    }
}
