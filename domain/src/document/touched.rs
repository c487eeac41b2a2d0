//! What changed between two states of a document, in the terms of its kind: so that the index recomputes those cards and
//! no others.

use std::collections::BTreeSet;

use automerge::{Automerge, ChangeHash, Patch, PatchAction, Prop};

use crate::document::cards::CARDS;
use crate::document::events;
use crate::id::{CardId, EventId};

/// What changed in a document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    /// Cards of a page.
    pub cards: BTreeSet<CardId>,
    /// Events of a segment.
    pub events: BTreeSet<EventId>,
    /// Something else: read the whole document again.
    pub whole: bool,
}

/// Compares the document at `before` with what it is now.
pub fn touched(doc: &Automerge, before: &[ChangeHash]) -> Touched {
    let mut touched = Touched::default();
    for patch in doc.diff(before, &doc.get_heads()) {
        note(&patch, &mut touched);
    }
    touched
}

fn note(patch: &Patch, touched: &mut Touched) {
    let changed = changed_key(&patch.action);
    let mut path = patch
        .path
        .iter()
        .map(|(_, prop)| prop)
        .chain(&changed)
        .cloned();
    let (first, second) = (path.next(), path.next());
    match (first, second) {
        (Some(Prop::Map(first)), Some(Prop::Map(card))) if first == CARDS => {
            touched.cards.extend(card.parse::<CardId>());
        }
        (Some(Prop::Map(key)), None) => match events::parse_key(&key) {
            Some(event) => {
                touched.events.insert(event);
            }
            None => touched.whole = true,
        },
        _ => touched.whole = true,
    }
}

fn changed_key(action: &PatchAction) -> Option<Prop> {
    match action {
        PatchAction::PutMap { key, .. } | PatchAction::DeleteMap { key } => {
            Some(Prop::Map(key.clone()))
        }
        PatchAction::Conflict { prop } | PatchAction::Increment { prop, .. } => Some(prop.clone()),
        _ => None,
    }
}
