//! What the graph check asks about a document, held in memory while the document is loaded.

use std::collections::BTreeMap;
use std::convert::Infallible;

use automerge::Automerge;
use domain::intake::{ChangeMeta, GatedChange, GraphView};
use domain::{ActorId, ChangeHash};

/// The changes of one document by hash, and each actor's last.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    metas: BTreeMap<ChangeHash, ChangeMeta>,
    last: BTreeMap<ActorId, (u64, ChangeHash)>,
}

impl Graph {
    pub(super) fn of(doc: &Automerge) -> Self {
        let mut graph = Self::default();
        for change in doc.get_changes_meta(&[]) {
            // Every actor here passed the gate, which takes 16 bytes only.
            let Ok(actor) = change.actor.to_bytes().try_into() else {
                continue;
            };
            let meta = ChangeMeta {
                actor: ActorId::from_bytes(actor),
                seq: change.seq,
                start_op: change.start_op,
                max_op: change.max_op,
                deps: change
                    .deps
                    .iter()
                    .map(|dep| ChangeHash::from_bytes(dep.0))
                    .collect(),
            };
            graph.insert(ChangeHash::from_bytes(change.hash.0), meta);
        }
        graph
    }

    pub(super) fn add(&mut self, change: &GatedChange) {
        self.insert(change.hash(), change.meta().clone());
    }

    fn insert(&mut self, hash: ChangeHash, meta: ChangeMeta) {
        let last = self.last.entry(meta.actor).or_insert((meta.seq, hash));
        if last.0 < meta.seq {
            *last = (meta.seq, hash);
        }
        self.metas.insert(hash, meta);
    }
}

impl GraphView for Graph {
    type Error = Infallible;

    fn meta(&self, hash: &ChangeHash) -> Result<Option<ChangeMeta>, Infallible> {
        Ok(self.metas.get(hash).cloned())
    }

    fn last_of(&self, actor: &ActorId) -> Result<Option<ChangeHash>, Infallible> {
        Ok(self.last.get(actor).map(|(_, hash)| *hash))
    }
}
