//! The reference: what a person must see, computed from the history of operations alone. An operation knows which others
//! its device had seen; nothing here knows of documents, changes or merging.

use std::collections::{BTreeMap, BTreeSet};

/// One operation that changed something.
#[derive(Debug, Clone)]
pub struct Op {
    /// All operations its device knew.
    pub seen: BTreeSet<usize>,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Add { card: usize },
    Front { card: usize, text: String },
    Back { card: usize, text: String },
    Tag { card: usize, tag: u8 },
    Untag { card: usize, tag: u8 },
    Suspend { card: usize, to: bool },
    Remove { card: usize },
    Review { card: usize, day: i64, right: bool },
    Undo { review: usize },
}

impl What {
    fn card(&self) -> Option<usize> {
        match self {
            What::Add { card }
            | What::Front { card, .. }
            | What::Back { card, .. }
            | What::Tag { card, .. }
            | What::Untag { card, .. }
            | What::Suspend { card, .. }
            | What::Remove { card }
            | What::Review { card, .. } => Some(*card),
            What::Undo { .. } => None,
        }
    }
}

/// A card as a person must see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub visible: bool,
    /// All texts that stand beside each other; one of them is shown.
    pub front: BTreeSet<String>,
    pub back: BTreeSet<String>,
    pub tags: BTreeSet<u8>,
    /// None where devices disagreed: either is right, as long as all show the same.
    pub suspended: Option<bool>,
    pub box_number: u8,
    pub due: Option<i64>,
    pub reviews: u32,
}

/// All operations ever made.
#[derive(Debug, Default)]
pub struct History {
    pub ops: Vec<Op>,
}

impl History {
    pub fn add(&mut self, seen: &BTreeSet<usize>, what: What) -> usize {
        self.ops.push(Op {
            seen: seen.clone(),
            what,
        });
        self.ops.len() - 1
    }

    /// What is seen of a card by who knows these operations.
    pub fn card(&self, known: &BTreeSet<usize>, card: usize) -> Option<Seen> {
        let of_card: Vec<(usize, &Op)> = known
            .iter()
            .map(|op| (*op, &self.ops[*op]))
            .filter(|(_, op)| op.what.card() == Some(card))
            .collect();
        of_card
            .iter()
            .find(|(_, op)| matches!(op.what, What::Add { .. }))?;
        let removes: Vec<&Op> = of_card
            .iter()
            .map(|(_, op)| *op)
            .filter(|op| matches!(op.what, What::Remove { .. }))
            .collect();
        let keeps = |op: &What| !matches!(op, What::Remove { .. } | What::Review { .. });
        let visible = of_card
            .iter()
            .filter(|(_, op)| keeps(&op.what))
            .any(|(id, _)| !removes.iter().any(|remove| remove.seen.contains(id)));
        let (box_number, due, reviews) = self.schedule(known, &of_card);
        let suspends = latest(&of_card, |what| match what {
            What::Suspend { to, .. } => Some(*to),
            _ => None,
        });
        Some(Seen {
            visible,
            front: latest(&of_card, |what| match what {
                What::Front { text, .. } => Some(text.clone()),
                _ => None,
            }),
            back: latest(&of_card, |what| match what {
                What::Back { text, .. } => Some(text.clone()),
                _ => None,
            }),
            tags: tags(&of_card),
            suspended: match suspends.len() {
                0 => Some(false),
                1 => suspends.first().copied(),
                _ => None,
            },
            box_number,
            due,
            reviews,
        })
    }

    fn schedule(
        &self,
        known: &BTreeSet<usize>,
        of_card: &[(usize, &Op)],
    ) -> (u8, Option<i64>, u32) {
        let undone: BTreeSet<usize> = known
            .iter()
            .filter_map(|op| match self.ops[*op].what {
                What::Undo { review } => Some(review),
                _ => None,
            })
            .collect();
        let mut by_day: BTreeMap<i64, bool> = BTreeMap::new();
        let mut reviews = 0;
        for (id, op) in of_card {
            if let What::Review { day, right, .. } = op.what
                && !undone.contains(id)
            {
                reviews += 1;
                *by_day.entry(day).or_insert(true) &= right;
            }
        }
        let (mut place, mut due) = (1_u8, None);
        for (day, right) in by_day {
            place = match (right, due) {
                (false, _) => 1,
                (true, Some(due)) if day < due => continue,
                (true, _) => (place + 1).min(5),
            };
            due = Some(day + (1_i64 << (place - 1)));
        }
        (place, due, reviews)
    }
}

/// The values that no later operation of the same kind had seen.
fn latest<T: Ord>(ops: &[(usize, &Op)], value: impl Fn(&What) -> Option<T>) -> BTreeSet<T> {
    let of_kind: Vec<(usize, &Op, T)> = ops
        .iter()
        .filter_map(|(id, op)| value(&op.what).map(|value| (*id, *op, value)))
        .collect();
    let seen: BTreeSet<usize> = of_kind
        .iter()
        .flat_map(|(_, op, _)| op.seen.iter().copied())
        .collect();
    of_kind
        .into_iter()
        .filter(|(id, ..)| !seen.contains(id))
        .map(|(_, _, value)| value)
        .collect()
}

/// A tag is there while one act of tagging was seen by no act of untagging.
fn tags(ops: &[(usize, &Op)]) -> BTreeSet<u8> {
    let untagged = |id: usize, tag: u8| {
        ops.iter().any(|(_, op)| {
            matches!(op.what, What::Untag { tag: other, .. } if other == tag)
                && op.seen.contains(&id)
        })
    };
    ops.iter()
        .filter_map(|(id, op)| match op.what {
            What::Tag { tag, .. } if !untagged(*id, tag) => Some(tag),
            _ => None,
        })
        .collect()
}
