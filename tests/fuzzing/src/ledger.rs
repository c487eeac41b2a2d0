//! A document as a server knows it: what has to be remembered of each change, nothing else. The measure of the graph check
//! on the device, which knows the same from Automerge, and where a mutation looks up what would fit.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use domain::intake::{ChangeMeta, GatedChange, GraphError, GraphView, Verdict, check_graph};
use domain::{ActorId, ChangeHash};

/// The changes of one document.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    metas: BTreeMap<ChangeHash, ChangeMeta>,
    order: Vec<ChangeHash>,
    last: BTreeMap<ActorId, ChangeHash>,
    heads: BTreeSet<ChangeHash>,
}

impl Ledger {
    /// Whether a server would take the change here.
    ///
    /// # Errors
    /// Why not.
    pub fn judge(&self, change: &GatedChange) -> Result<Verdict, GraphError<Infallible>> {
        check_graph(change, self)
    }

    /// Notes a change that was taken.
    pub fn add(&mut self, change: &GatedChange) {
        for dep in change.deps() {
            self.heads.remove(dep);
        }
        self.heads.insert(change.hash());
        self.last.insert(change.actor(), change.hash());
        self.metas.insert(change.hash(), change.meta().clone());
        self.order.push(change.hash());
    }

    /// The changes nothing is made upon.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.heads.iter().copied().collect()
    }

    /// Every change, in the order in which they were taken.
    pub fn changes(&self) -> &[ChangeHash] {
        &self.order
    }

    /// Who wrote here, each with its last change.
    pub fn actors(&self) -> impl Iterator<Item = (&ActorId, &ChangeHash)> {
        self.last.iter()
    }

    /// What is remembered of a change.
    pub fn get(&self, hash: &ChangeHash) -> Option<&ChangeMeta> {
        self.metas.get(hash)
    }
}

impl GraphView for Ledger {
    type Error = Infallible;

    fn meta(&self, hash: &ChangeHash) -> Result<Option<ChangeMeta>, Infallible> {
        Ok(self.metas.get(hash).cloned())
    }

    fn last_of(&self, actor: &ActorId) -> Result<Option<ChangeHash>, Infallible> {
        Ok(self.last.get(actor).copied())
    }
}
