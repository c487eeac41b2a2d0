//! The schema check, after application to a clone; and the whole intake together: what passes it can be read, saved and
//! loaded again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::transaction::Transactable;
use automerge::{Automerge, Change, ObjType, ROOT, ReadDoc};
use domain::document::cards;
use domain::document::conflict::Side;
use domain::intake::{SchemaError, Verdict, check_graph, check_schema, gate};
use domain::test_support::{Column, RawChange, body, seal};
use proptest::prelude::*;

use crate::graph::Held;
use crate::support::{card, changes, deck, device, document, edit, fork, new_card};

fn page() -> Automerge {
    let mut doc = document(0);
    edit(&mut doc, |tx| {
        cards::create(tx, deck(1))?;
        cards::add(tx, &new_card(1, "q", "a"), device(0))
    })
    .unwrap();
    doc
}

/// The document with an edit that goes around our own, and what the check says to it.
fn after(
    change: impl FnOnce(&mut automerge::transaction::Transaction<'_>),
) -> Result<(), SchemaError> {
    let mut doc = fork(&page(), 1);
    let before = doc.get_heads();
    edit(&mut doc, |tx| {
        change(tx);
        Ok(())
    })
    .unwrap();
    check_schema(&doc, &doc.get_changes(&before))
}

#[test]
fn what_is_one_of_ours() {
    let doc = page();
    assert_eq!(check_schema(&doc, &changes(&doc)), Ok(()));
    assert_eq!(
        after(|tx| tx.put(ROOT, "from a later version", 1).unwrap()),
        Ok(())
    );
    assert_eq!(after(|tx| tx.put(ROOT, "kind", "deck").unwrap()), Ok(()));
    assert_eq!(
        after(|tx| tx.put(ROOT, "kind", "poem").unwrap()),
        Err(SchemaError::Kind)
    );
    assert_eq!(
        after(|tx| tx.put(ROOT, "kind", 1).unwrap()),
        Err(SchemaError::Kind)
    );
    assert_eq!(
        after(|tx| tx.delete(ROOT, "kind").unwrap()),
        Err(SchemaError::Kind)
    );
    assert_eq!(
        after(|tx| tx.put(ROOT, "k".repeat(300), 1).unwrap()),
        Err(SchemaError::KeyTooLong { bytes: 300 })
    );
    assert_eq!(check_schema(&Automerge::new(), &[]), Err(SchemaError::Kind));
}

#[test]
fn nesting_is_bounded_over_many_changes_too() {
    let mut doc = fork(&page(), 1);
    let mut inner = ROOT;
    for level in 1..=9 {
        let before = doc.get_heads();
        inner = edit(&mut doc, |tx| {
            Ok(tx.put_object(&inner, "m", ObjType::Map)?)
        })
        .unwrap();
        let expected = if level <= 8 {
            Ok(())
        } else {
            Err(SchemaError::Depth)
        };
        assert_eq!(
            check_schema(&doc, &doc.get_changes(&before)),
            expected,
            "level {level}"
        );
    }
}

/// A change upon the page, by a stranger, with one operation.
fn upon(doc: &Automerge, edit: impl FnOnce(&mut RawChange)) -> Vec<u8> {
    let mut change = RawChange::nulls(1);
    change.deps = doc.get_heads().iter().map(|head| head.0).collect();
    change.start_op = changes(doc).iter().map(Change::max_op).max().unwrap() + 1;
    edit(&mut change);
    change.chunk()
}

#[test]
fn objects_must_exist_and_be_addressed_as_what_they_are() {
    let doc = page();
    // The stranger names itself as the writer of an object, under a number that another has used.
    let missing = upon(&doc, |change| {
        change.set(0x01, Column::new().run(1, 0));
        change.set(0x02, Column::new().run(1, 2));
    });
    assert!(gate(&missing).is_ok());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut clone = doc.clone();
        let change = Change::from_bytes(missing).unwrap();
        clone.apply_changes([change.clone()]).map_err(|_| ())?;
        check_schema(&clone, &[change]).map_err(|_| ())
    }));
    assert!(
        !matches!(outcome, Ok(Ok(()))),
        "a change into nowhere must not pass"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Mutated changes that pass the gate: whatever then passes application and schema can be read, edited, saved and
    /// loaded again. A panic inside Automerge is caught by whoever applies, and is no pass.
    #[test]
    fn what_passes_can_be_lived_with(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        thread_local!(static SEEDS: (Automerge, Held, Vec<Vec<u8>>) = seeds());
        SEEDS.with(|(doc, held, seeds)| {
            let mut bytes = body(&seeds[which.index(seeds.len())]).unwrap().to_vec();
            for (at, value) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            let chunk = seal(&bytes);
            let Ok(gated) = gate(&chunk) else { return };
            if check_graph(&gated, held) != Ok(Verdict::Fresh) {
                return;
            }
            let passed = catch_unwind(AssertUnwindSafe(|| take(doc, &chunk))).ok().flatten();
            if let Some(mut taken) = passed {
                cards::read(&taken);
                edit(&mut taken, |tx| cards::set_side_text(tx, card(1), Side::Front, "next", device(7))).unwrap();
                let loaded = Automerge::load(&taken.save()).unwrap();
                assert_eq!(loaded.get_heads(), taken.get_heads());
                assert_eq!(cards::read(&loaded), cards::read(&taken));
            }
        });
    }
}

/// As `storage` does it: onto a clone, byte for byte what came, then the schema.
fn take(doc: &Automerge, chunk: &[u8]) -> Option<Automerge> {
    let change = Change::from_bytes(chunk.to_vec()).ok()?;
    let mut clone = doc.clone();
    clone.apply_changes([change.clone()]).ok()?;
    let kept = clone.get_change_by_hash(&change.hash())?;
    if kept.raw_bytes() != chunk {
        return None;
    }
    check_schema(&clone, &[change]).ok()?;
    Some(clone)
}

/// A page, and changes that one device would make next.
fn seeds() -> (Automerge, Held, Vec<Vec<u8>>) {
    let doc = page();
    let mut held = Held::default();
    changes(&doc)
        .iter()
        .for_each(|change| held.take(&gate(change.raw_bytes()).unwrap()));
    let next = |n: u8, text: &str| {
        let mut fork = fork(&doc, n);
        edit(&mut fork, |tx| {
            cards::set_side_text(tx, card(1), Side::Front, text, device(n))?;
            cards::tag(tx, card(1), domain::TagId::from_bytes([n; 16]), device(n))?;
            cards::add(tx, &new_card(n, text, "a"), device(n))
        })
        .unwrap();
        fork.get_last_local_change().unwrap().raw_bytes().to_vec()
    };
    let seeds = vec![next(2, "two"), next(3, ""), next(4, "four and more")];
    (doc, held, seeds)
}
