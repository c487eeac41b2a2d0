//! Whole documents that nobody here knew: judged apart, admitted, and from then on documents like any other.

use automerge::ROOT;
use automerge::transaction::Transactable;
use domain::document::{self, DocKind};
use domain::intake::Plain;
use storage::{Arrival, encode_pack};

use crate::world::{Remote, SERVER, World, damage, doc, hashes, put, read};

/// A remote document of so many changes.
fn remote(changes: usize) -> Remote {
    let mut remote = Remote::new(9);
    (0..changes).for_each(|i| remote.set(&format!("k{i}"), &format!("value {i}")));
    remote
}

fn kind(plain: &Plain<'_>) -> Option<DocKind> {
    document::kind(plain)
}

fn judge(changes: Vec<Vec<u8>>) -> Result<Arrival<Option<DocKind>>, Vec<Vec<u8>>> {
    Arrival::judge(changes, None, kind)
}

#[test]
fn an_admitted_document_is_like_any_other() {
    // A tail, and a pack: made here or kept as it came.
    for (count, packed) in [(3, false), (300, false), (300, true)] {
        let world = World::new();
        let mut store = world.create("v");
        let mut sender = remote(count);
        let mut changes = sender.take();
        let pack = packed.then(|| encode_pack(&changes));
        if !packed {
            // In any order, and some of it twice.
            changes.reverse();
            changes.push(changes[1].clone());
        }
        let arrival = Arrival::judge(changes, pack.clone(), kind).unwrap();
        assert_eq!(arrival.read, Some(DocKind::Deck));
        let mut writer = store.begin();
        assert!(writer.is_unknown(doc(1)).unwrap());
        let (received, _) = writer.admit(doc(1), arrival).unwrap();
        assert!(!writer.is_unknown(doc(1)).unwrap());
        assert_eq!(
            (received.applied.len(), received.known),
            (count, usize::from(!packed))
        );
        assert_eq!(received.after, hashes(&sender.doc));
        writer.commit().unwrap();

        drop(store);
        let mut store = world.open("v");
        assert_eq!(store.heads(doc(1)).unwrap(), hashes(&sender.doc));
        assert_eq!(store.changes_all(doc(1)).unwrap().len(), count);
        let file = world
            .path("v")
            .join("docs")
            .join(doc(1).to_string())
            .join("1.pack");
        assert_eq!(file.exists(), count == 300);
        if packed {
            assert_eq!(std::fs::read(&file).ok(), pack);
        }
        let report = store.verify().unwrap();
        assert_eq!((report.documents, report.changes), (1, count as u64));
        assert_eq!((report.healed, report.damaged), (vec![], vec![]));

        // Written to, it is saved too.
        put(&mut store, doc(1), "k0", "edited here");
        sender.set("k1", "edited there");
        let mut writer = store.begin();
        assert_eq!(
            writer.receive(doc(1), sender.take()).unwrap().applied.len(),
            1
        );
        writer.commit().unwrap();
        drop(store);
        let mut store = world.open("v");
        assert_eq!(read(&store, doc(1), "k0").unwrap(), "edited here");
        assert_eq!(read(&store, doc(1), "k1").unwrap(), "edited there");
        assert_eq!(file.with_file_name("2.doc").exists(), count == 300);
        assert!(store.verify().unwrap().healed.is_empty());
    }
}

#[test]
fn what_is_not_whole_and_plain_is_given_back() {
    let mut sender = remote(4);
    let all = sender.take();
    let mut gap = all.clone();
    gap.remove(1);
    let mut flipped = all.clone();
    let middle = flipped[2].len() / 2;
    flipped[2][middle] ^= 1;
    // Two devices write the same key without knowing of each other.
    let mut other = Remote::new(8);
    other.apply(&all);
    other.take();
    other.set("k0", "one");
    sender.set("k0", "two");
    let apart = [all.clone(), other.take(), sender.take()].concat();
    // A value of a kind that our documents do not have.
    let mut stranger = remote(1);
    stranger
        .doc
        .transact::<_, _, automerge::AutomergeError>(|tx| tx.put(ROOT, "null", ()))
        .unwrap();
    for changes in [
        gap,
        flipped,
        apart,
        stranger.take(),
        vec![b"no change".to_vec()],
        Vec::new(),
    ] {
        assert_eq!(judge(changes.clone()).unwrap_err(), changes);
    }
    assert!(judge(all).is_ok());
}

#[test]
fn the_writer_that_admitted_it_can_go_on_with_it() {
    for count in [3, 300] {
        let world = World::new();
        let mut store = world.create("v");
        let mut sender = remote(count);
        let mut writer = store.begin();
        writer.admit(doc(1), judge(sender.take()).unwrap()).unwrap();
        sender.set("next", "1");
        assert_eq!(
            writer.receive(doc(1), sender.take()).unwrap().applied.len(),
            1
        );
        crate::world::edit(&mut writer, doc(1), "own", "2").unwrap();
        writer.commit().unwrap();
        drop(store);
        let store = world.open("v");
        assert_eq!(read(&store, doc(1), "next").unwrap(), "1");
        assert_eq!(read(&store, doc(1), "own").unwrap(), "2");
        assert_eq!(store.changes_all(doc(1)).unwrap().len(), count + 2);
    }
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let world = World::new();
    let mut store = world.create("v");
    let changes = remote(300).take();
    let mut writer = store.begin();
    writer
        .admit(doc(1), judge(changes.clone()).unwrap())
        .unwrap();
    drop(writer);
    assert!(store.document_ids().unwrap().is_empty());
    let mut writer = store.begin();
    writer.admit(doc(1), judge(changes).unwrap()).unwrap();
    writer.commit().unwrap();
    assert_eq!(read(&store, doc(1), "k299").unwrap(), "value 299");
}

#[test]
fn a_lost_pack_is_fetched_again() {
    let world = World::new();
    let mut store = world.create("v");
    let changes = remote(300).take();
    let mut writer = store.begin();
    writer.set_server(Some(SERVER));
    writer.set_cursor(Some(b"far")).unwrap();
    writer
        .admit(doc(1), judge(changes.clone()).unwrap())
        .unwrap();
    writer.commit().unwrap();
    drop(store);
    damage(
        &world
            .path("v")
            .join("docs")
            .join(doc(1).to_string())
            .join("1.pack"),
    );
    let mut store = world.open("v");
    assert_eq!(store.verify().unwrap().damaged, vec![doc(1)]);
    assert_eq!(
        store.cursor().unwrap(),
        None,
        "the next sync asks for everything"
    );
    let mut writer = store.begin();
    // Changes of the damaged pack that still read were kept.
    assert!(!writer.receive(doc(1), changes).unwrap().applied.is_empty());
    writer.commit().unwrap();
    assert_eq!(read(&store, doc(1), "k299").unwrap(), "value 299");
    assert_eq!(store.changes_all(doc(1)).unwrap().len(), 300);
    assert_eq!(store.verify().unwrap().damaged, vec![]);
}
