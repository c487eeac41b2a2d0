//! Judging a slice of a batch off the writer thread: byte gate and graph check, each item as if those before it were stored.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use domain::intake::{ChangeMeta, GateError, GatedChange, GraphError, GraphView, Verdict};
use domain::{ActorId, ChangeHash, DocId};
use storage::View;
use sync_protocol::{DocChange, Quota, Reason};

use super::rows::{actor_row, change_rows, parse_change};
use crate::limit;
use crate::store::keys::Keys;
use crate::store::{AccountId, StoreError};

/// Why a change is not taken.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    pub(super) quota: Quota,
    pub(super) message: String,
}

/// What was found of one item of a batch.
pub(super) enum Judged {
    Known,
    Fresh(DocId, Box<GatedChange>),
    Refused(Refusal),
}

/// Changes of a batch that were refused: whatever builds on one is refused for the same reason.
pub(super) type Lost = BTreeMap<(DocId, ChangeHash), Refusal>;

/// A slice of a batch as judged, with what the judgement rested on.
pub(super) struct Judgement {
    /// As many of the items, from the first on, as fit a commit.
    pub(super) items: Vec<Judged>,
    pub(super) lost: Lost,
    /// The last stored change of each actor that writes in the slice.
    pub(super) rests_on: BTreeMap<(DocId, ActorId), Option<ChangeHash>>,
    pub(super) unknown_dependency: BTreeSet<DocId>,
}

/// Judges as many items as fit a commit, and at least one, against what is stored and what the batch has lost before them.
pub(super) fn judge(
    view: View<'_>,
    account: AccountId,
    items: &[DocChange],
    lost_before: &Lost,
) -> Result<Judgement, StoreError> {
    let mut judge = Judge {
        view,
        keys: Keys(account),
        pending: BTreeMap::new(),
        lost_before,
        rows: 0,
        judgement: Judgement {
            items: Vec::new(),
            lost: Lost::new(),
            rests_on: BTreeMap::new(),
            unknown_dependency: BTreeSet::new(),
        },
    };
    for item in items {
        let Some(judged) = judge.item(item)? else {
            break;
        };
        judge.judgement.items.push(judged);
    }
    Ok(judge.judgement)
}

/// Judges the items of one slice in order, each as if those before it were stored.
struct Judge<'a> {
    view: View<'a>,
    keys: Keys,
    pending: BTreeMap<DocId, Pending>,
    lost_before: &'a Lost,
    /// Rows the fresh ones will take.
    rows: usize,
    judgement: Judgement,
}

/// Changes of one document that were judged fresh in this slice.
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
    /// `None` for a change that has to wait for the next slice.
    fn item(&mut self, item: &DocChange) -> Result<Option<Judged>, StoreError> {
        let change = match domain::intake::gate(&item.change) {
            Ok(change) => change,
            Err(error) => return Ok(Some(Judged::Refused(Refusal::gate(&error)))),
        };
        let pending = self.pending.get(&item.doc);
        let is_first = pending.is_none_or(|pending| pending.metas.is_empty());
        let rows = change_rows(&change) + usize::from(is_first);
        if self.rows > 0 && self.rows + rows > limit::APPEND_ROWS_MAX {
            return Ok(None);
        }
        let judged = self.gated(item.doc, change)?;
        if matches!(judged, Judged::Fresh(..)) {
            self.rows += rows;
        }
        Ok(Some(judged))
    }

    fn gated(&mut self, doc: DocId, change: GatedChange) -> Result<Judged, StoreError> {
        let hash = change.hash();
        let lost = change.deps().iter().find_map(|dep| {
            let dep = (doc, *dep);
            let lost = self.judgement.lost.get(&dep);
            lost.or_else(|| self.lost_before.get(&dep))
        });
        if let Some(refusal) = lost.cloned() {
            self.judgement.lost.insert((doc, hash), refusal.clone());
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
                if let Entry::Vacant(vacant) = self.judgement.rests_on.entry((doc, actor)) {
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
                self.judgement.lost.insert((doc, hash), refusal.clone());
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

impl Refusal {
    pub(super) fn new(reason: Reason, message: String) -> Self {
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
