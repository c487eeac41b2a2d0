//! Vaults that work apart, meet in any order and end without a word: at every moment each shows what the reference says it
//! must, and when all know everything, all show the same.

use std::collections::{BTreeMap, BTreeSet};

use client::{Answer, CardEdit, ItemShown, SideEdit};
use domain::{CardId, DeckId, Grade};
use proptest::prelude::*;

use crate::model::{History, Seen, What};
use crate::relay::{DAY_MS, NOON, Relay, noon, texts};

const VAULTS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Add,
    Edit { card: usize, back: bool },
    Tag { card: usize, tag: u8 },
    Untag { card: usize, tag: u8 },
    Suspend { card: usize },
    Remove { card: usize },
    Review { card: usize, right: bool },
    Undo,
    Push,
    Pull { page: usize, reverse: bool },
    Reopen,
    Fold,
    NextDay,
}

fn step() -> impl Strategy<Value = Step> {
    let card = 0..4_usize;
    prop_oneof![
        1 => Just(Step::Add),
        4 => (card.clone(), any::<bool>()).prop_map(|(card, back)| Step::Edit { card, back }),
        2 => (card.clone(), 0..3_u8).prop_map(|(card, tag)| Step::Tag { card, tag }),
        1 => (card.clone(), 0..3_u8).prop_map(|(card, tag)| Step::Untag { card, tag }),
        1 => card.clone().prop_map(|card| Step::Suspend { card }),
        2 => card.clone().prop_map(|card| Step::Remove { card }),
        4 => (card, any::<bool>()).prop_map(|(card, right)| Step::Review { card, right }),
        1 => Just(Step::Undo),
        4 => Just(Step::Push),
        4 => (1..9_usize, any::<bool>()).prop_map(|(page, reverse)| Step::Pull { page, reverse }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Fold),
        1 => Just(Step::NextDay),
    ]
}

/// The vaults beside the reference.
struct World {
    relay: Relay,
    history: History,
    /// What each vault knows.
    known: Vec<BTreeSet<usize>>,
    /// What the log knows.
    sent: BTreeSet<usize>,
    cards: Vec<CardId>,
    reviews: Vec<Vec<usize>>,
    deck: DeckId,
    day: i64,
    texts: usize,
}

impl World {
    fn new() -> Self {
        let mut relay = Relay::new(VAULTS);
        let deck = relay.vaults[0].deck_add("Deck").unwrap();
        relay.settle();
        let mut world = Self {
            relay,
            history: History::default(),
            known: vec![BTreeSet::new(); VAULTS],
            sent: BTreeSet::new(),
            cards: Vec::new(),
            reviews: vec![Vec::new(); VAULTS],
            deck,
            day: 0,
            texts: 0,
        };
        // Cards that all know, so that they can meet over them from the first step on.
        (0..3).for_each(|_| world.add(0));
        world.relay.settle();
        world.sent = world.known[0].clone();
        world.known = vec![world.sent.clone(); VAULTS];
        world
    }

    fn did(&mut self, vault: usize, what: What) -> usize {
        let op = self.history.add(&self.known[vault], what);
        self.known[vault].insert(op);
        op
    }

    fn fresh_text(&mut self) -> String {
        self.texts += 1;
        format!("text {}", self.texts)
    }

    fn run(&mut self, vault: usize, step: &Step) {
        // Undo takes back the last thing done here, whatever it was; this world follows it for answers.
        if matches!(
            step,
            Step::Add
                | Step::Edit { .. }
                | Step::Tag { .. }
                | Step::Untag { .. }
                | Step::Suspend { .. }
                | Step::Remove { .. }
        ) {
            self.reviews[vault].clear();
        }
        match step {
            Step::Push => {
                self.relay.push(vault);
                self.sent.extend(self.known[vault].clone());
            }
            Step::Pull { page, reverse } => {
                self.relay.pull(vault, *page, *reverse);
                self.known[vault].extend(self.sent.clone());
            }
            Step::Reopen => self.relay.reopen(vault),
            Step::Fold => self.relay.vaults[vault].fold_journal().unwrap(),
            Step::NextDay => {
                self.day += 1;
                self.relay
                    .vaults
                    .iter_mut()
                    .for_each(|vault| vault.set_clock(noon(self.day)));
            }
            Step::Add => self.add(vault),
            Step::Undo => {
                if let Some(review) = self.reviews[vault].pop() {
                    self.relay.vaults[vault].undo().unwrap();
                    self.did(vault, What::Undo { review });
                }
            }
            Step::Edit { card, .. }
            | Step::Tag { card, .. }
            | Step::Untag { card, .. }
            | Step::Suspend { card }
            | Step::Remove { card }
            | Step::Review { card, .. } => {
                let card = *card;
                if let Some(seen) = self
                    .history
                    .card(&self.known[vault], card)
                    .filter(|_| card < self.cards.len())
                {
                    self.change(vault, card, &seen, step);
                }
            }
        }
    }

    fn add(&mut self, vault: usize) {
        let (front, back) = (self.fresh_text(), self.fresh_text());
        let id = self.relay.vaults[vault]
            .add_card(&texts(self.deck, &front, &back))
            .unwrap();
        let card = self.cards.len();
        self.cards.push(id);
        // One act, told in three parts that everybody learns of together.
        self.did(vault, What::Add { card });
        self.did(vault, What::Front { card, text: front });
        self.did(vault, What::Back { card, text: back });
    }

    fn change(&mut self, vault: usize, card: usize, seen: &Seen, step: &Step) {
        let id = self.cards[card];
        let text = self.fresh_text();
        let (edit, what) = match step {
            Step::Edit { back: false, .. } => (
                CardEdit {
                    front: SideEdit::text(text.clone()),
                    ..CardEdit::default()
                },
                What::Front { card, text },
            ),
            Step::Edit { back: true, .. } => (
                CardEdit {
                    back: SideEdit::text(text.clone()),
                    ..CardEdit::default()
                },
                What::Back { card, text },
            ),
            Step::Tag { tag, .. } if !seen.tags.contains(tag) => (
                CardEdit {
                    tags: vec![format!("tag {tag}")],
                    ..CardEdit::default()
                },
                What::Tag { card, tag: *tag },
            ),
            Step::Untag { tag, .. } if seen.tags.contains(tag) => (
                CardEdit {
                    untag: vec![format!("tag {tag}")],
                    ..CardEdit::default()
                },
                What::Untag { card, tag: *tag },
            ),
            Step::Suspend { .. } => {
                let to = !self.relay.vaults[vault].card(id).unwrap().suspended;
                (
                    CardEdit {
                        suspended: Some(to),
                        ..CardEdit::default()
                    },
                    What::Suspend { card, to },
                )
            }
            Step::Remove { .. } if seen.visible => {
                self.relay.vaults[vault].card_remove(id).unwrap();
                self.did(vault, What::Remove { card });
                return;
            }
            Step::Review { right, .. } if seen.visible => {
                let grade = if *right { Grade::Good } else { Grade::Again };
                self.relay.vaults[vault]
                    .review(id, Answer::now(grade))
                    .unwrap();
                let review = self.did(
                    vault,
                    What::Review {
                        card,
                        day: self.day,
                        right: *right,
                    },
                );
                self.reviews[vault].push(review);
                return;
            }
            _ => return,
        };
        self.relay.vaults[vault].card_edit(id, &edit).unwrap();
        self.did(vault, what);
    }

    /// Holds what a vault shows against the reference.
    fn check(&self, vault: usize) {
        let mut visible = 0;
        for (card, id) in self.cards.iter().enumerate() {
            let Some(expected) = self.history.card(&self.known[vault], card) else {
                assert!(self.relay.vaults[vault].card(*id).is_err());
                continue;
            };
            visible += u64::from(expected.visible);
            let shown = self.relay.vaults[vault].card(*id).unwrap();
            let conflicting: BTreeMap<&str, BTreeSet<String>> = shown
                .conflicts
                .iter()
                .map(|conflict| {
                    (
                        conflict.place.as_str(),
                        conflict.values.iter().cloned().collect(),
                    )
                })
                .collect();
            let side = |items: &[ItemShown], place: &str| match (conflicting.get(place), &items[0])
            {
                (Some(values), ItemShown::Text { text }) if values.contains(text) => values.clone(),
                (None, ItemShown::Text { text }) => BTreeSet::from([text.clone()]),
                other => panic!("{other:?}"),
            };
            let due = shown.due_day.as_ref().map(|day| {
                let day: domain::Day = day.parse().unwrap();
                i64::from(day.0) - NOON / DAY_MS
            });
            let actual = Seen {
                visible: !shown.removed,
                front: side(&shown.front, "front item 1"),
                back: side(&shown.back, "back item 1"),
                tags: shown
                    .tags
                    .iter()
                    .map(|tag| tag.strip_prefix("tag ").unwrap().parse().unwrap())
                    .collect(),
                suspended: expected.suspended.map(|_| shown.suspended),
                box_number: shown.box_number,
                due,
                reviews: shown.reviews,
            };
            assert_eq!(actual, expected, "card {card} on vault {vault}");
        }
        assert_eq!(self.relay.vaults[vault].status().unwrap().cards, visible);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn vaults_that_meet_in_any_order_show_the_same(steps in prop::collection::vec((0..VAULTS, step()), 20..90)) {
        let mut world = World::new();
        for (vault, step) in &steps {
            world.run(*vault, step);
            world.check(*vault);
        }
        world.relay.settle();
        world.relay.assert_equal();
        let all: BTreeSet<usize> = (0..world.history.ops.len()).collect();
        world.known = vec![all; VAULTS];
        (0..VAULTS).for_each(|vault| world.check(vault));
        let digest = world.relay.vaults[1].state_digest().unwrap();
        world.relay.vaults[1].rebuild_index().unwrap();
        prop_assert_eq!(world.relay.vaults[1].state_digest().unwrap(), digest);
        world.relay.assert_equal();
    }
}
