//! The graph check, on histories that Automerge itself made and on ones it should never meet.

use std::collections::BTreeMap;
use std::convert::Infallible;

use automerge::Automerge;
use domain::document::cards;
use domain::document::conflict::Side;
use domain::intake::{ChangeMeta, GatedChange, GraphError, GraphView, Verdict, check_graph, gate};
use domain::test_support::RawChange;
use domain::{ActorId, ChangeHash};
use proptest::prelude::*;

use crate::support::{card, changes, deck, device, document, edit, fork, merge, new_card};

/// The held changes, as a device keeps them in memory.
#[derive(Default)]
pub struct Held {
    metas: BTreeMap<ChangeHash, ChangeMeta>,
    last: BTreeMap<ActorId, ChangeHash>,
}

impl Held {
    pub fn take(&mut self, change: &GatedChange) {
        self.metas.insert(change.hash(), change.meta().clone());
        self.last.insert(change.actor(), change.hash());
    }
}

impl GraphView for Held {
    type Error = Infallible;

    fn meta(&self, hash: &ChangeHash) -> Result<Option<ChangeMeta>, Infallible> {
        Ok(self.metas.get(hash).cloned())
    }

    fn last_of(&self, actor: &ActorId) -> Result<Option<ChangeHash>, Infallible> {
        Ok(self.last.get(actor).copied())
    }
}

fn gated(doc: &Automerge) -> Vec<GatedChange> {
    changes(doc)
        .iter()
        .map(|change| gate(change.raw_bytes()).unwrap())
        .collect()
}

/// Three devices that edit one card and sync now and then.
fn history(steps: &[(usize, usize)]) -> Automerge {
    let mut begun = document(0);
    edit(&mut begun, |tx| {
        cards::create(tx, deck(1))?;
        cards::add(tx, &new_card(1, "q", "a"), device(0))
    })
    .unwrap();
    let mut docs: Vec<Automerge> = (1..=3).map(|n| fork(&begun, n)).collect();
    for (turn, (at, from)) in steps.iter().enumerate() {
        let text = format!("turn {turn}");
        edit(&mut docs[*at], |tx| {
            cards::set_side_text(tx, card(1), Side::Front, &text, device(*at as u8))
        })
        .unwrap();
        let other = docs[*from].clone();
        merge(&mut docs[*at], &other);
    }
    let (first, others) = docs.split_at_mut(1);
    others.iter().for_each(|other| merge(&mut first[0], other));
    docs.swap_remove(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the order of arrival: a change waits exactly while a dependency is missing, is then taken, and is known
    /// afterwards.
    #[test]
    fn honest_histories_pass(steps in prop::collection::vec((0..3_usize, 0..3_usize), 0..20), order in any::<prop::sample::Index>()) {
        let all = gated(&history(&steps));
        let mut left = all.clone();
        left.rotate_left(order.index(all.len()));
        let mut held = Held::default();
        while !left.is_empty() {
            let before = left.len();
            left.retain(|change| match check_graph(change, &held) {
                Ok(verdict) => {
                    assert_eq!(verdict, Verdict::Fresh);
                    held.take(change);
                    false
                }
                Err(GraphError::MissingDep(dep)) => {
                    assert!(change.deps().contains(&dep) && !held.metas.contains_key(&dep));
                    true
                }
                Err(error) => panic!("{error}"),
            });
            prop_assert!(left.len() < before);
        }
        for change in &all {
            prop_assert_eq!(check_graph(change, &held), Ok(Verdict::Known));
        }
    }
}

fn follow(after: &GatedChange, edit: impl Fn(&mut RawChange)) -> GatedChange {
    let mut change = RawChange::nulls(1);
    change.deps = vec![after.hash().to_bytes()];
    change.actor = after.actor().to_bytes().to_vec();
    change.seq = after.seq() + 1;
    change.start_op = after.max_op() + 1;
    edit(&mut change);
    gate(&change.chunk()).unwrap()
}

#[test]
fn what_does_not_continue_is_refused() {
    let first = gate(&RawChange::nulls(3).chunk()).unwrap();
    let second = follow(&first, |_| {});
    let mut held = Held::default();
    for change in [&first, &second] {
        assert_eq!(check_graph(change, &held), Ok(Verdict::Fresh));
        held.take(change);
    }
    let check = |change: GatedChange| check_graph(&change, &held).unwrap_err();
    let unknown = [9; 32];
    assert_eq!(
        check(follow(&second, |c| c.deps.push(unknown))),
        GraphError::MissingDep(ChangeHash::from_bytes(unknown))
    );
    assert_eq!(
        check(follow(&second, |c| c.seq = 9)),
        GraphError::Seq {
            found: 9,
            expected: 3
        }
    );
    assert_eq!(
        check(follow(&second, |c| c.start_op = 9)),
        GraphError::StartOp {
            found: 9,
            expected: 5
        }
    );
    assert_eq!(
        check(follow(&second, |c| c.start_op = 4)),
        GraphError::StartOp {
            found: 4,
            expected: 5
        }
    );
    // A restored backup writes its second change again, differently; or its third upon the first alone.
    assert_eq!(
        check(follow(&first, |c| c.set(0x34, domain::test_support::Column::new()))),
        GraphError::Forked { seq: 2 }
    );
    let third_on_first = follow(&second, |c| {
        c.deps = vec![first.hash().to_bytes()];
        c.start_op = first.max_op() + 1;
    });
    assert_eq!(check(third_on_first), GraphError::Forked { seq: 3 });
    // A new writer begins with 1 and after everything it depends on.
    let other = |seq, start_op| {
        move |c: &mut RawChange| {
            c.actor = vec![0x77; 16];
            c.seq = seq;
            c.start_op = start_op;
        }
    };
    assert_eq!(
        check(follow(&second, other(2, 5))),
        GraphError::Seq {
            found: 2,
            expected: 1
        }
    );
    assert_eq!(
        check(follow(&second, other(1, 1))),
        GraphError::StartOp {
            found: 1,
            expected: 5
        }
    );
    assert_eq!(
        check_graph(&follow(&second, other(1, 5)), &held),
        Ok(Verdict::Fresh)
    );
}

#[test]
fn a_change_without_operations_hides_no_ancestor() {
    let first = gate(&RawChange::nulls(1).chunk()).unwrap();
    let empty = follow(&first, |c| {
        c.actor = vec![0x77; 16];
        c.seq = 1;
        c.columns.clear();
    });
    assert_eq!((empty.ops(), empty.max_op()), (0, first.max_op()));
    let again = follow(&empty, |c| c.seq = 2);
    let back = follow(&again, |c| {
        c.actor = first.actor().to_bytes().to_vec();
        c.seq = 2;
    });
    let mut held = Held::default();
    for change in [&first, &empty, &again] {
        held.take(change);
    }
    assert_eq!(check_graph(&back, &held), Ok(Verdict::Fresh));
}

#[test]
fn a_far_ancestor_is_found_and_a_hostile_distance_is_not_walked() {
    let reach = |steps: u32| {
        let mut held = Held::default();
        let first = gate(&RawChange::nulls(1).chunk()).unwrap();
        held.take(&first);
        let mut last = first.clone();
        for n in 0..steps {
            let next = follow(&last, |c| {
                c.actor = vec![0x77; 16];
                c.seq = u64::from(n) + 1;
            });
            held.take(&next);
            last = next;
        }
        let back = follow(&last, |c| {
            c.actor = first.actor().to_bytes().to_vec();
            c.seq = 2;
        });
        check_graph(&back, &held)
    };
    assert_eq!(reach(500), Ok(Verdict::Fresh));
    assert_eq!(reach(20_500), Err(GraphError::AncestryTooLong));
}
