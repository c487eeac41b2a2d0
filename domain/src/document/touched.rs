//! What changed in a document, in the terms of its kind: so that the index recomputes those cards and no others.

use std::collections::{BTreeMap, BTreeSet};

use automerge::legacy::{Key, ObjectId, OpType};
use automerge::{ActorId, Automerge, Change, Prop, ReadDoc};

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

/// What these changes, part of the document by now, have written to. Costs as much as the changes are long, however large the
/// document; what they wrote out of sight, into a map that another one hides, counts too.
pub fn touched(doc: &Automerge, changes: &[Change]) -> Touched {
    let mut touched = Touched::default();
    let mut places = Places {
        doc,
        known: BTreeMap::new(),
    };
    for change in changes {
        for (counter, op) in (change.start_op().get()..).zip(change.decode().operations) {
            let place = places.of(&op.obj).step(&op.key);
            match place {
                Place::Card(card) => {
                    touched.cards.insert(card);
                }
                Place::Event(event) => {
                    touched.events.insert(event);
                }
                Place::Root | Place::Cards | Place::Elsewhere => touched.whole = true,
            }
            if matches!(op.action, OpType::Make(_)) {
                places
                    .known
                    .insert((counter, change.actor_id().clone()), place);
            }
        }
    }
    touched
}

/// Where in a document something lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Cards,
    Card(CardId),
    Event(EventId),
    Elsewhere,
}

impl Place {
    /// The place of what lies under a key of an object at this place.
    fn step(self, key: &Key) -> Self {
        match key {
            Key::Map(key) => self.step_to(key),
            Key::Seq(_) => self.inside(),
        }
    }

    fn step_to(self, key: &str) -> Self {
        match self {
            Self::Root if key == CARDS => Self::Cards,
            Self::Root => events::parse_key(key).map_or(Self::Elsewhere, Self::Event),
            Self::Cards => key.parse().map_or(Self::Elsewhere, Self::Card),
            _ => self.inside(),
        }
    }

    /// Whatever lies deeper in a card belongs to the card.
    const fn inside(self) -> Self {
        match self {
            Self::Card(_) => self,
            _ => Self::Elsewhere,
        }
    }
}

/// Places of objects, those that the changes made themselves without asking the document.
struct Places<'a> {
    doc: &'a Automerge,
    known: BTreeMap<(u64, ActorId), Place>,
}

impl Places<'_> {
    fn of(&mut self, object: &ObjectId) -> Place {
        let ObjectId::Id(id) = object else {
            return Place::Root;
        };
        let key = (id.counter(), id.actor().clone());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let name = format!("{}@{}", id.counter(), id.actor().to_hex_string());
        let found = self.find(&name).unwrap_or(Place::Elsewhere);
        self.known.insert(key, found);
        found
    }

    fn find(&self, name: &str) -> Option<Place> {
        let (object, _) = self.doc.import(name).ok()?;
        let mut way: Vec<Prop> = self
            .doc
            .parents(&object)
            .ok()?
            .map(|parent| parent.prop)
            .collect();
        way.reverse();
        Some(way.iter().fold(Place::Root, |place, prop| match prop {
            Prop::Map(key) => place.step_to(key),
            Prop::Seq(_) => place.inside(),
        }))
    }
}
