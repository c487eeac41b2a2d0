//! The graph check: whether a change continues what is held. Needs only the few numbers of [`ChangeMeta`] for each change,
//! never a document. Changes whose dependencies are missing are the caller's to keep waiting or to refuse.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{ActorId, ChangeHash};
use crate::intake::GatedChange;
use crate::limit;

/// What has to be remembered of each change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeMeta {
    /// Who wrote it.
    pub actor: ActorId,
    /// Its number among its actor's changes, from 1.
    pub seq: u64,
    /// Number of its first operation.
    pub start_op: u64,
    /// Number of its last operation; `start_op - 1` when it has none.
    pub max_op: u64,
    /// The changes it was made upon.
    pub deps: Vec<ChangeHash>,
}

/// The changes of one document, as far as the check asks about them.
pub trait GraphView {
    /// Why looking something up can fail.
    type Error;

    /// The change of this hash, if it is held.
    fn meta(&self, hash: &ChangeHash) -> Result<Option<ChangeMeta>, Self::Error>;

    /// The held change of this actor with the highest number.
    fn last_of(&self, actor: &ActorId) -> Result<Option<ChangeHash>, Self::Error>;
}

/// What to do with a change that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// New: take it.
    Fresh,
    /// Held already: nothing to do.
    Known,
}

/// Why a change does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError<E> {
    /// A dependency is not held; it may still come.
    #[error("the change needs change {0}, which is not here")]
    MissingDep(ChangeHash),
    /// Numbers of the actor are left out although all dependencies are here.
    #[error("the change is number {found} of its writer, {expected} was expected")]
    Seq {
        /// Its number.
        found: u64,
        /// The number that would fit.
        expected: u64,
    },
    /// The actor's number was used for another change: two copies of one device wrote apart.
    #[error(
        "the change is number {seq} of its writer, which already wrote another one of that number"
    )]
    Forked {
        /// The number used twice.
        seq: u64,
    },
    /// Operation numbers do not continue the dependencies.
    #[error("the change starts at operation {found}, {expected} was expected")]
    StartOp {
        /// Its first operation.
        found: u64,
        /// The number that would fit.
        expected: u64,
    },
    /// The proof that the actor's last change is an ancestor would take too long.
    #[error("the change is too far from the last one of its writer")]
    AncestryTooLong,
    /// Looking up failed; the change may be fine.
    #[error("the changes held cannot be read")]
    View(#[source] E),
}

/// Whether the change continues what `view` holds.
pub fn check<V: GraphView>(
    change: &GatedChange,
    view: &V,
) -> Result<Verdict, GraphError<V::Error>> {
    if view
        .meta(&change.hash())
        .map_err(GraphError::View)?
        .is_some()
    {
        return Ok(Verdict::Known);
    }
    let mut deps = BTreeMap::new();
    for dep in change.deps() {
        let meta = view
            .meta(dep)
            .map_err(GraphError::View)?
            .ok_or(GraphError::MissingDep(*dep))?;
        deps.insert(*dep, meta);
    }
    let last = view.last_of(&change.actor()).map_err(GraphError::View)?;
    check_seq(change, last, deps.clone(), view)?;
    let expected = deps.values().map(|meta| meta.max_op).max().unwrap_or(0) + 1;
    if change.start_op() != expected {
        return Err(GraphError::StartOp {
            found: change.start_op(),
            expected,
        });
    }
    Ok(Verdict::Fresh)
}

fn check_seq<V: GraphView>(
    change: &GatedChange,
    last: Option<ChangeHash>,
    deps: BTreeMap<ChangeHash, ChangeMeta>,
    view: &V,
) -> Result<(), GraphError<V::Error>> {
    let found = change.seq();
    let Some(last) = last else {
        return if found == 1 {
            Ok(())
        } else {
            Err(GraphError::Seq { found, expected: 1 })
        };
    };
    let last_meta = view
        .meta(&last)
        .map_err(GraphError::View)?
        .ok_or(GraphError::MissingDep(last))?;
    if found <= last_meta.seq {
        return Err(GraphError::Forked { seq: found });
    }
    if found != last_meta.seq + 1 {
        return Err(GraphError::Seq {
            found,
            expected: last_meta.seq + 1,
        });
    }
    if is_ancestor(last, last_meta.max_op, deps, view)? {
        Ok(())
    } else {
        Err(GraphError::Forked { seq: found })
    }
}

/// Walks back from `frontier`. A change never has a higher operation number than what is made upon it, so nothing below
/// the one sought can lead to it.
fn is_ancestor<V: GraphView>(
    sought: ChangeHash,
    sought_max_op: u64,
    mut frontier: BTreeMap<ChangeHash, ChangeMeta>,
    view: &V,
) -> Result<bool, GraphError<V::Error>> {
    let mut seen: BTreeSet<ChangeHash> = frontier.keys().copied().collect();
    while let Some((hash, meta)) = frontier.pop_first() {
        if hash == sought {
            return Ok(true);
        }
        if meta.max_op < sought_max_op {
            continue;
        }
        for dep in meta.deps {
            if dep == sought {
                return Ok(true);
            }
            if !seen.insert(dep) {
                continue;
            }
            if seen.len() > limit::ANCESTRY_STEPS_MAX {
                return Err(GraphError::AncestryTooLong);
            }
            let meta = view
                .meta(&dep)
                .map_err(GraphError::View)?
                .ok_or(GraphError::MissingDep(dep))?;
            frontier.insert(dep, meta);
        }
    }
    Ok(false)
}
