//! Deletion as an observed-remove, against a model small enough to be believed: every short interleaving of edits,
//! deletions, restorations and syncs on two devices.

use std::collections::{BTreeMap, BTreeSet};

use automerge::Automerge;
use domain::UnixMs;
use domain::document::{cards, deck as deck_doc};

use crate::support::{card, deck, device, document, edit, fork, merge, new_card};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A device edits the card.
    Edit(usize),
    /// A device deletes it.
    Delete(usize),
    /// A device brings it back.
    Restore(usize),
    /// The first device learns what the second knows.
    Sync(usize, usize),
}

const STEPS: [Step; 8] = [
    Step::Edit(0),
    Step::Edit(1),
    Step::Delete(0),
    Step::Delete(1),
    Step::Restore(0),
    Step::Restore(1),
    Step::Sync(0, 1),
    Step::Sync(1, 0),
];

/// Per replica: the marks it has seen, by writer, and those it has seen taken away. A mark is a number never used twice.
#[derive(Clone, Default)]
struct Model {
    made: [BTreeMap<u32, usize>; 2],
    gone: [BTreeSet<u32>; 2],
    next: u32,
}

impl Model {
    fn alive(&self, at: usize) -> bool {
        self.made[at]
            .keys()
            .any(|mark| !self.gone[at].contains(mark))
    }

    fn mark(&mut self, at: usize) {
        // A device's new mark takes the place of its own last one.
        let own: Vec<u32> = self.made[at]
            .iter()
            .filter(|(_, by)| **by == at)
            .map(|(mark, _)| *mark)
            .collect();
        self.gone[at].extend(own);
        self.made[at].insert(self.next, at);
        self.next += 1;
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Edit(at) => self.mark(at),
            Step::Restore(at) if !self.alive(at) => self.mark(at),
            Step::Restore(_) => {}
            Step::Delete(at) => {
                let seen: Vec<u32> = self.made[at].keys().copied().collect();
                self.gone[at].extend(seen);
            }
            Step::Sync(to, from) => {
                let (made, gone) = (self.made[from].clone(), self.gone[from].clone());
                self.made[to].extend(made);
                self.gone[to].extend(gone);
            }
        }
    }
}

trait Thing {
    fn begun() -> Automerge;
    fn edit(doc: &mut Automerge, by: u8, turn: usize);
    fn delete(doc: &mut Automerge);
    fn restore(doc: &mut Automerge, by: u8);
    fn visible(doc: &Automerge) -> bool;
}

struct Card;

impl Thing for Card {
    fn begun() -> Automerge {
        let mut doc = document(0);
        edit(&mut doc, |tx| {
            cards::create(tx, deck(1))?;
            cards::add(tx, &new_card(1, "q", "a"), device(0))
        })
        .unwrap();
        doc
    }

    fn edit(doc: &mut Automerge, by: u8, turn: usize) {
        let text = format!("{by} {turn}");
        edit(doc, |tx| {
            cards::set_side_text(
                tx,
                card(1),
                domain::document::conflict::Side::Front,
                &text,
                device(by),
            )
        })
        .unwrap();
    }

    fn delete(doc: &mut Automerge) {
        edit(doc, |tx| cards::remove(tx, card(1))).unwrap();
    }

    fn restore(doc: &mut Automerge, by: u8) {
        edit(doc, |tx| cards::restore(tx, card(1), device(by))).unwrap();
    }

    fn visible(doc: &Automerge) -> bool {
        cards::read_card(doc, card(1)).unwrap().visible
    }
}

struct Deck;

impl Thing for Deck {
    fn begun() -> Automerge {
        let mut doc = document(0);
        edit(&mut doc, |tx| {
            deck_doc::create(tx, "Capitals", UnixMs(0), device(0))
        })
        .unwrap();
        doc
    }

    fn edit(doc: &mut Automerge, by: u8, turn: usize) {
        edit(doc, |tx| {
            deck_doc::rename(tx, &format!("{by} {turn}"), device(by))
        })
        .unwrap();
    }

    fn delete(doc: &mut Automerge) {
        edit(doc, |tx| deck_doc::remove(tx)).unwrap();
    }

    fn restore(doc: &mut Automerge, by: u8) {
        edit(doc, |tx| deck_doc::restore(tx, device(by))).unwrap();
    }

    fn visible(doc: &Automerge) -> bool {
        deck_doc::read(doc, deck(1)).visible
    }
}

/// Two replicas, and what the model says of them.
#[derive(Clone)]
struct World {
    docs: [Automerge; 2],
    model: Model,
    steps: Vec<Step>,
}

impl World {
    fn new<T: Thing>() -> Self {
        let begun = T::begun();
        let docs = [fork(&begun, 1), fork(&begun, 2)];
        // The first mark is of a third device, which both replicas have heard of and neither writes as.
        let made = BTreeMap::from([(0, usize::MAX)]);
        let model = Model {
            made: [made.clone(), made],
            next: 1,
            ..Model::default()
        };
        Self {
            docs,
            model,
            steps: Vec::new(),
        }
    }

    fn step<T: Thing>(&mut self, step: Step) {
        self.steps.push(step);
        self.model.apply(step);
        let turn = self.steps.len();
        match step {
            Step::Edit(at) => T::edit(&mut self.docs[at], at as u8 + 1, turn),
            Step::Delete(at) => T::delete(&mut self.docs[at]),
            Step::Restore(at) => T::restore(&mut self.docs[at], at as u8 + 1),
            Step::Sync(to, from) => {
                let other = self.docs[from].clone();
                merge(&mut self.docs[to], &other);
            }
        }
        for (at, doc) in self.docs.iter().enumerate() {
            assert_eq!(
                T::visible(doc),
                self.model.alive(at),
                "replica {at} after {:?}",
                self.steps
            );
        }
    }

    /// Every way to go on for this many steps.
    fn every<T: Thing>(&self, more: u32) {
        if more == 0 {
            return;
        }
        for step in STEPS {
            let mut next = self.clone();
            next.step::<T>(step);
            next.every::<T>(more - 1);
        }
    }
}

#[test]
fn every_short_interleaving_on_a_card() {
    World::new::<Card>().every::<Card>(4);
}

#[test]
fn every_short_interleaving_on_a_deck() {
    World::new::<Deck>().every::<Deck>(4);
}

#[test]
fn the_two_cases_that_matter() {
    // An edit made without knowledge of the deletion keeps the card; a deletion made after seeing the edit deletes it.
    let unseen = [
        Step::Edit(0),
        Step::Delete(1),
        Step::Sync(0, 1),
        Step::Sync(1, 0),
    ];
    let seen = [
        Step::Edit(0),
        Step::Sync(1, 0),
        Step::Delete(1),
        Step::Sync(0, 1),
    ];
    for (steps, kept) in [(unseen, true), (seen, false)] {
        let mut world = World::new::<Card>();
        steps.into_iter().for_each(|step| world.step::<Card>(step));
        assert!(
            world.docs.iter().all(|doc| Card::visible(doc) == kept),
            "{steps:?}"
        );
    }
}
