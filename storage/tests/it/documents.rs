//! Documents, client rows, outbox and cursor: one commit, or nothing.

use automerge::transaction::Transactable;
use automerge::{ROOT, ReadDoc};
use storage::{ServerKey, StoreError};

use crate::world::{Remote, SERVER, World, doc, edit, hashes, put, read};

#[test]
fn edits_survive_reopening() {
    let world = World::new();
    let mut store = world.create("v");
    put(&mut store, doc(1), "name", "Capitals");
    put(&mut store, doc(2), "name", "Rivers");
    put(&mut store, doc(1), "name", "Capitals of Europe");
    let heads = store.heads(doc(1)).unwrap();
    drop(store);
    let store = world.open("v");
    assert_eq!(store.document_ids().unwrap(), vec![doc(1), doc(2)]);
    assert_eq!(read(&store, doc(1), "name").unwrap(), "Capitals of Europe");
    assert_eq!(store.heads(doc(1)).unwrap(), heads);
    assert_eq!(store.changes_all(doc(1)).unwrap().len(), 2);
    assert_eq!(store.changes_after(doc(1), &heads).unwrap().len(), 0);
    assert_eq!(store.heads(doc(9)).unwrap(), vec![]);
    assert_eq!(store.load(doc(9)).unwrap().get_heads(), vec![]);
}

#[test]
fn a_dropped_writer_leaves_nothing() {
    let world = World::new();
    let mut store = world.create("v");
    put(&mut store, doc(1), "name", "before");
    let mut writer = store.begin();
    writer.set_server(Some(SERVER));
    edit(&mut writer, doc(1), "name", "after").unwrap();
    edit(&mut writer, doc(2), "name", "new").unwrap();
    writer.put(b"row", b"value".as_slice());
    writer.set_cursor(Some(b"cursor")).unwrap();
    assert_eq!(writer.get(b"row").unwrap().unwrap(), b"value");
    assert_eq!(
        crate::world::text(writer.document(doc(1)).unwrap(), "name").unwrap(),
        "after"
    );
    drop(writer);
    assert_eq!(read(&store, doc(1), "name").unwrap(), "before");
    assert_eq!(store.document_ids().unwrap(), vec![doc(1)]);
    assert_eq!(store.get(b"row").unwrap(), None);
    assert_eq!(store.server(), None);
    put(&mut store, doc(1), "name", "later");
    drop(store);
    assert_eq!(read(&world.open("v"), doc(1), "name").unwrap(), "later");
}

#[test]
fn client_rows_are_seen_by_their_writer() {
    let world = World::new();
    let mut store = world.create("v");
    let mut writer = store.begin();
    for key in ["c/1", "c/2", "c/3", "d/1"] {
        writer.put(key, key.as_bytes());
    }
    writer.commit().unwrap();
    let mut writer = store.begin();
    writer.delete("c/2");
    writer.put("c/4", b"new".as_slice());
    writer.put("c/1", vec![1; 100_000]);
    let seen: Vec<_> = writer
        .scan(b"c/")
        .unwrap()
        .into_iter()
        .map(|(k, v)| (String::from_utf8(k).unwrap(), v.len()))
        .collect();
    assert_eq!(
        seen,
        vec![
            ("c/1".to_owned(), 100_000),
            ("c/3".to_owned(), 3),
            ("c/4".to_owned(), 3)
        ]
    );
    writer.commit().unwrap();
    let keys = |rows: storage::ClientScan<'_>| {
        rows.map(|r| String::from_utf8(r.unwrap().0).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(store.scan(b"c/")), ["c/1", "c/3", "c/4"]);
    assert_eq!(keys(store.scan_after(b"c/", b"c/1")), ["c/3", "c/4"]);
    assert_eq!(store.last(b"c/").unwrap().unwrap().0, b"c/4");
    assert_eq!(store.scan(b"").next_back().unwrap().unwrap().0, b"d/1");
}

#[test]
fn an_edit_without_effect_makes_no_change_and_an_error_undoes() {
    let world = World::new();
    let mut store = world.create("v");
    put(&mut store, doc(1), "name", "n");
    let heads = store.heads(doc(1)).unwrap();
    let mut writer = store.begin();
    writer.edit(doc(1), 5, |_| Ok::<_, StoreError>(())).unwrap();
    let failed = writer.edit(doc(1), 5, |tx| {
        tx.put(ROOT, "name", "never").unwrap();
        Err::<(), _>(StoreError::NoServer)
    });
    assert!(matches!(failed, Err(StoreError::NoServer)));
    writer.commit().unwrap();
    assert_eq!(store.heads(doc(1)).unwrap(), heads);
    assert_eq!(read(&store, doc(1), "name").unwrap(), "n");
}

#[test]
fn an_edit_that_could_not_travel_is_refused_and_the_rest_stays() {
    let world = World::new();
    let mut store = world.create("v");
    let mut writer = store.begin();
    edit(&mut writer, doc(1), "name", "small").unwrap();
    // Not compressible, so that it is the change itself that is large.
    let noise: String = (0..9_000)
        .map(|i| blake3::hash(&(i as u32).to_be_bytes()).to_hex().to_string())
        .collect();
    let refused = edit(&mut writer, doc(1), "name", &noise).unwrap_err();
    assert!(
        matches!(refused, StoreError::ChangeTooLarge { .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("split"), "{refused}");
    edit(&mut writer, doc(1), "more", "fine").unwrap();
    writer.commit().unwrap();
    assert_eq!(read(&store, doc(1), "name").unwrap(), "small");
    assert_eq!(read(&store, doc(1), "more").unwrap(), "fine");
    assert_eq!(store.changes_all(doc(1)).unwrap().len(), 2);
}

#[test]
fn the_outbox_queues_local_edits_only_and_in_order() {
    let world = World::new();
    let mut store = world.create("v");
    put(&mut store, doc(1), "before", "login");
    assert_eq!(store.pending().unwrap(), 0);
    let mut writer = store.begin();
    writer.set_server(Some(SERVER));
    assert_eq!(writer.outbox_fill(&[]).unwrap(), 1);
    writer.commit().unwrap();
    put(&mut store, doc(2), "after", "login");
    let mut remote = Remote::new(9);
    remote.set("from", "elsewhere");
    let mut writer = store.begin();
    writer.receive(doc(3), remote.take()).unwrap();
    writer.set_cursor(Some(b"c1")).unwrap();
    writer.commit().unwrap();
    drop(store);
    let mut store = world.open("v");
    assert_eq!(store.server(), Some(SERVER));
    assert_eq!(store.cursor().unwrap().unwrap(), b"c1");
    let page = store.outbox_page(0, 1 << 20).unwrap();
    assert_eq!(
        page.iter().map(|item| item.doc).collect::<Vec<_>>(),
        vec![doc(1), doc(2)]
    );
    assert_eq!(page[0].change, store.changes_all(doc(1)).unwrap()[0]);
    assert_eq!(vec![page[0].hash], store.heads(doc(1)).unwrap());
    assert_eq!(store.outbox_page(0, 1).unwrap().len(), 1, "at least one");
    assert_eq!(store.outbox_page(page[0].lseq, 1 << 20).unwrap(), page[1..]);
    let mut writer = store.begin();
    writer
        .outbox_clear(&[page[0].lseq, page[0].lseq, 77])
        .unwrap();
    writer.commit().unwrap();
    assert_eq!(store.pending().unwrap(), 1);
    // Another server has its own.
    let mut writer = store.begin();
    writer.set_server(Some(ServerKey([2; 16])));
    writer.commit().unwrap();
    assert_eq!(store.pending().unwrap(), 0);
    assert_eq!(store.cursor().unwrap(), None);
    let mut writer = store.begin();
    writer.set_server(Some(SERVER));
    writer.commit().unwrap();
    assert_eq!(store.pending().unwrap(), 1);
}

#[test]
fn what_the_server_lacks_is_queued_once() {
    let world = World::new();
    let mut store = world.create("v");
    let mut writer = store.begin();
    writer.set_server(Some(SERVER));
    writer.commit().unwrap();
    put(&mut store, doc(1), "n", "1");
    let first = store.heads(doc(1)).unwrap();
    put(&mut store, doc(1), "n", "2");
    put(&mut store, doc(1), "n", "3");
    let mut writer = store.begin();
    writer.outbox_drop().unwrap();
    assert_eq!(writer.outbox_add_after(doc(1), &first).unwrap(), 2);
    assert_eq!(writer.outbox_add_after(doc(1), &[]).unwrap(), 3);
    writer.commit().unwrap();
    assert_eq!(store.pending().unwrap(), 3);
    // The first, queued last, stands before the two that rest on it.
    let page = store.outbox_page(0, 1 << 20).unwrap();
    assert_eq!(page.len(), 3);
    assert_eq!(page[0].hash, first[0]);
}

#[test]
fn compaction_keeps_every_change_and_place() {
    let world = World::new();
    let mut store = world.create("v");
    let mut writer = store.begin();
    writer.set_server(Some(SERVER));
    writer.commit().unwrap();
    let mut remote = Remote::new(9);
    for i in 0..700 {
        put(
            &mut store,
            doc(1),
            &format!("k{}", i % 50),
            &format!("value {i}"),
        );
        if i % 100 == 0 {
            remote.apply(&store.changes_after(doc(1), &hashes(&remote.doc)).unwrap());
            remote.set("remote", &i.to_string());
            let mut writer = store.begin();
            let received = writer
                .receive(
                    doc(1),
                    remote
                        .doc
                        .get_changes(&[])
                        .iter()
                        .map(|c| c.raw_bytes().to_vec())
                        .collect(),
                )
                .unwrap();
            assert_eq!(received.applied.len(), 1);
            writer.commit().unwrap();
        }
    }
    let files = std::fs::read_dir(world.path("v").join("docs").join(doc(1).to_string()))
        .unwrap()
        .count();
    assert!(
        (2..=4).contains(&files),
        "{files} files: at most two generations"
    );
    let queued: Vec<_> = store.outbox_page(0, usize::MAX).unwrap();
    assert_eq!(queued.len(), 700);
    let mut check = Remote::new(8);
    check.apply(&store.changes_all(doc(1)).unwrap());
    assert_eq!(hashes(&check.doc), store.heads(doc(1)).unwrap());
    let all: std::collections::BTreeSet<_> =
        store.changes_all(doc(1)).unwrap().into_iter().collect();
    assert_eq!(all.len(), 707);
    assert!(queued.iter().all(|item| all.contains(&item.change)));
    drop(store);
    let mut store = world.open("v");
    assert_eq!(read(&store, doc(1), "k49").unwrap(), "value 699");
    assert_eq!(store.load(doc(1)).unwrap().keys(ROOT).count(), 53);
    let report = store.verify().unwrap();
    assert_eq!(
        (
            report.documents,
            report.changes,
            report.healed.len(),
            report.damaged.len()
        ),
        (1, 707, 0, 0)
    );
}

#[test]
fn imports_are_the_same_changes_on_every_device() {
    let world = World::new();
    let actor = domain::ActorId::from_bytes([4; 16]);
    let import = |name: &str| {
        let mut store = world.create(name);
        let mut writer = store.begin();
        writer
            .edit_as(doc(1), actor, 77, |tx| {
                tx.put(ROOT, "kind", "deck").unwrap();
                tx.put(ROOT, "name", "imported").unwrap();
                Ok::<_, StoreError>(())
            })
            .unwrap();
        writer.commit().unwrap();
        store
    };
    let (a, mut b) = (import("a"), import("b"));
    assert_eq!(a.heads(doc(1)).unwrap(), b.heads(doc(1)).unwrap());
    let mut writer = b.begin();
    let received = writer
        .receive(doc(1), a.changes_all(doc(1)).unwrap())
        .unwrap();
    assert_eq!((received.known, received.applied.len()), (1, 0));
}
