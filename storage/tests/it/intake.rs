//! Changes from outside: hostile ones are set aside, honest ones go on, in whatever order they come.

use std::time::Instant;

use automerge::transaction::Transactable;
use automerge::{Automerge, ObjType, ROOT};
use proptest::prelude::*;
use storage::{Received, VaultStore};

use crate::world::{Remote, SERVER, World, doc, hashes, put, read};

fn receive(store: &mut VaultStore, changes: Vec<Vec<u8>>) -> Received {
    let mut writer = store.begin();
    let received = writer.receive(doc(1), changes).unwrap();
    writer.commit().unwrap();
    received
}

#[test]
fn honest_changes_arrive() {
    let world = World::new();
    let mut store = world.create("v");
    let mut remote = Remote::new(9);
    remote.set("a", "1");
    remote.set("b", "2");
    let changes = remote.take();
    let received = receive(&mut store, changes.clone());
    assert_eq!(
        (received.applied.len(), received.known, received.waiting),
        (2, 0, 0)
    );
    assert_eq!(
        (received.before, received.after),
        (vec![], hashes(&remote.doc))
    );
    let again = receive(&mut store, changes);
    assert_eq!((again.applied.len(), again.known), (0, 2));
    put(&mut store, doc(1), "c", "mine");
    assert_eq!(read(&store, doc(1), "b").unwrap(), "2");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_any_split_any_repeat(order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(), cut in 1_usize..5, reopen in any::<bool>()) {
        let world = World::new();
        let mut store = world.create("v");
        let mut remote = Remote::new(9);
        (0..12).for_each(|i| remote.set("k", &i.to_string()));
        let changes = remote.take();
        for part in order.chunks(cut) {
            let part: Vec<_> = part.iter().chain(part.first()).map(|i| changes[*i].clone()).collect();
            receive(&mut store, part);
            if reopen {
                drop(store);
                store = world.open("v");
            }
        }
        prop_assert_eq!(store.heads(doc(1)).unwrap(), hashes(&remote.doc));
        prop_assert_eq!(store.changes_all(doc(1)).unwrap().len(), 12);
        prop_assert_eq!(store.set_aside().unwrap(), vec![]);
        // Nothing waits any more: a further change arrives alone.
        remote.set("k", "last");
        let received = receive(&mut store, remote.take());
        prop_assert_eq!((received.applied.len(), received.waiting), (1, 0));
    }
}

#[test]
fn a_missing_dependency_is_named() {
    let world = World::new();
    let mut store = world.create("v");
    let mut remote = Remote::new(9);
    remote.set("a", "1");
    let first = remote.take();
    let dependency = hashes(&remote.doc);
    remote.set("a", "2");
    let received = receive(&mut store, remote.take());
    assert_eq!((received.waiting, received.missing), (1, dependency));
    assert_eq!(store.document_ids().unwrap(), vec![]);
    assert_eq!(receive(&mut store, first).applied.len(), 2);
}

#[test]
fn orphans_are_bounded() {
    let world = World::new();
    let mut store = world.create("v");
    let mut remote = Remote::new(9);
    remote.set("a", "0");
    remote.take();
    (1..=400).for_each(|i| remote.set("a", &i.to_string()));
    let received = receive(&mut store, remote.take());
    assert_eq!((received.waiting, received.set_aside.len()), (256, 144));
    assert!(store.set_aside().unwrap().len() <= 64);
}

/// What security.md lists, as far as it can be made with Automerge itself, and bytes that are no change at all.
#[test]
fn hostile_bytes_are_set_aside_and_the_next_honest_edit_works() {
    let world = World::new();
    let mut store = world.create("v");
    let mut remote = Remote::new(9);
    remote.set("a", "1");
    receive(&mut store, remote.take());
    let base = remote.doc.clone();
    remote.set("a", "2");
    let honest = remote.take();
    for hostile in hostile(&base, &honest[0]) {
        let begun = Instant::now();
        let received = receive(&mut store, vec![hostile.bytes.clone()]);
        assert!(received.applied.is_empty(), "{}: taken", hostile.name);
        assert_eq!(
            received.set_aside.len() + received.waiting,
            1,
            "{}",
            hostile.name
        );
        put(&mut store, doc(1), "mine", hostile.name);
        println!("{}: {:?}", hostile.name, begun.elapsed());
    }
    assert!(!store.set_aside().unwrap().is_empty());
    let together: Vec<_> = hostile(&remote.doc, &honest[0])
        .into_iter()
        .map(|h| h.bytes)
        .chain(honest)
        .collect();
    let received = receive(&mut store, together);
    assert_eq!(received.applied.len(), 1, "the honest one among them");
    assert_eq!(read(&store, doc(1), "a").unwrap(), "2");
    drop(store);
    let mut store = world.open("v");
    assert_eq!(read(&store, doc(1), "a").unwrap(), "2");
    let report = store.verify().unwrap();
    assert_eq!(report.damaged, vec![]);
    assert!(!report.set_aside.is_empty());
    put(&mut store, doc(1), "after", "all");
}

struct Hostile {
    name: &'static str,
    bytes: Vec<u8>,
}

fn hostile(base: &Automerge, honest: &[u8]) -> Vec<Hostile> {
    let made = |name, edit: &dyn Fn(&mut automerge::transaction::Transaction<'_>)| {
        let mut doc = base.fork().with_actor([66; 16].into());
        let before = doc.get_heads();
        let mut tx = doc.transaction();
        edit(&mut tx);
        tx.commit();
        Hostile {
            name,
            bytes: doc.get_changes(&before)[0].raw_bytes().to_vec(),
        }
    };
    let mut flipped = honest.to_vec();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let stranger = {
        let mut doc = Automerge::new().with_actor([65; 16].into());
        let mut tx = doc.transaction();
        tx.put(ROOT, "kind", "virus").unwrap();
        tx.commit();
        doc.get_changes(&[])[0].raw_bytes().to_vec()
    };
    vec![
        Hostile {
            name: "nothing",
            bytes: Vec::new(),
        },
        Hostile {
            name: "noise",
            bytes: vec![0x85; 400],
        },
        Hostile {
            name: "a flipped bit",
            bytes: flipped,
        },
        Hostile {
            name: "cut short",
            bytes: honest[..honest.len() - 3].to_vec(),
        },
        Hostile {
            name: "a whole document",
            bytes: base.save(),
        },
        Hostile {
            name: "another kind",
            bytes: stranger,
        },
        made("nested deep", &|tx| {
            let mut at = ROOT;
            for _ in 0..2_000 {
                at = tx.put_object(&at, "x", ObjType::Map).unwrap();
            }
        }),
        made("a giant key", &|tx| {
            tx.put(ROOT, "k".repeat(5_000), 1).unwrap()
        }),
        made("too many operations", &|tx| {
            let list = tx.put_object(ROOT, "l", ObjType::List).unwrap();
            let nulls = (0..50_001).map(|_| automerge::ScalarValue::Null);
            tx.splice(&list, 0, 0, nulls).unwrap();
        }),
    ]
}

/// Honest bytes with any byte changed and the checksum made right again: never a panic, never a document that does not load again.
#[test]
fn mutated_changes_never_do_harm() {
    let world = World::new();
    let mut store = world.create("v");
    let mut remote = Remote::new(9);
    remote.set("a", "1");
    receive(&mut store, remote.take());
    remote
        .doc
        .transact::<_, _, automerge::AutomergeError>(|tx| {
            let list = tx.put_object(ROOT, "list", ObjType::List)?;
            tx.insert(&list, 0, "x")?;
            tx.insert(&list, 1, 7)?;
            tx.delete(&list, 0)?;
            tx.put(ROOT, "a", "2")
        })
        .unwrap();
    let change = remote.take().remove(0);
    let mut taken = 0;
    for at in 10..change.len() {
        for with in [0x01, 0x40, 0x80, 0xff] {
            let mut bad = change.clone();
            bad[at] ^= with;
            let hash = automerge_checksum(&bad);
            bad[4..8].copy_from_slice(&hash);
            let mut writer = store.begin();
            let received = writer.receive(doc(1), vec![bad]).unwrap();
            if !received.applied.is_empty() {
                taken += 1;
                let loaded = writer.document(doc(1)).unwrap();
                Automerge::load(&loaded.save()).expect("a document that took a change loads again");
            }
            drop(writer);
        }
    }
    println!("{taken} mutants were well-formed changes");
    assert_eq!(receive(&mut store, vec![change]).applied.len(), 1);
}

/// First four bytes of SHA-256 over type, length and body.
fn automerge_checksum(change: &[u8]) -> [u8; 4] {
    // Automerge computes it when it reads the bytes, and does not compare.
    let parsed = std::panic::catch_unwind(|| automerge::Change::from_bytes(change.to_vec()));
    match parsed {
        Ok(Ok(parsed)) => *parsed.hash().0.first_chunk().unwrap(),
        _ => [0; 4],
    }
}

#[test]
fn ten_thousand_changes_at_once() {
    let world = World::new();
    let mut store = world.create("v");
    let mut remote = Remote::new(9);
    (0..10_000).for_each(|i| remote.set("k", &i.to_string()));
    let changes = remote.take();
    let begun = Instant::now();
    let received = receive(&mut store, changes);
    let took = begun.elapsed();
    assert_eq!(received.applied.len(), 10_000);
    println!("10 000 changes: {took:?} (this crate unoptimised)");
    assert!(took.as_secs() < 30, "{took:?}");
    drop(store);
    let store = world.open("v");
    let begun = Instant::now();
    assert_eq!(read(&store, doc(1), "k").unwrap(), "9999");
    println!("loaded in {:?}", begun.elapsed());
}

#[test]
fn adopted_changes_are_queued_and_received_ones_are_not() {
    let world = World::new();
    let mut store = world.create("v");
    let mut writer = store.begin();
    writer.set_server(Some(SERVER));
    writer.commit().unwrap();
    let mut remote = Remote::new(9);
    remote.set("a", "1");
    remote.set("a", "2");
    let mut changes = remote.take();
    let second = changes.pop().unwrap();
    let mut writer = store.begin();
    // Adopted while its dependency is missing, it is still queued when that comes from the server.
    assert_eq!(
        writer.adopt(doc(1), vec![second.clone()]).unwrap().waiting,
        1
    );
    writer.commit().unwrap();
    assert_eq!(receive(&mut store, changes).applied.len(), 2);
    let queued: Vec<_> = store
        .outbox_page(0, usize::MAX)
        .unwrap()
        .into_iter()
        .map(|item| item.change)
        .collect();
    assert_eq!(queued, vec![second]);
}
