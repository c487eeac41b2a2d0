//! Damaged files of documents: found, and healed from the other form of the same changes.

use std::path::PathBuf;

use crate::world::{Remote, SERVER, World, damage, doc, put, read};

/// A vault with one document of 300 changes, 256 of them sealed, and the paths of its pack and saved document.
fn sealed(world: &World) -> (PathBuf, PathBuf) {
    let mut store = world.create("v");
    let mut writer = store.begin();
    writer.set_server(Some(SERVER));
    writer.commit().unwrap();
    for i in 0..300 {
        put(&mut store, doc(1), &format!("k{i}"), &format!("value {i}"));
    }
    let dir = world.path("v").join("docs").join(doc(1).to_string());
    (dir.join("1.pack"), dir.join("1.doc"))
}

#[test]
fn a_damaged_saved_document_is_made_again() {
    let world = World::new();
    let (_, saved) = sealed(&world);
    for how in ["flip", "cut", "gone"] {
        let path = latest(&saved, "doc");
        match how {
            "flip" => damage(&path),
            "cut" => std::fs::write(&path, b"").unwrap(),
            _ => std::fs::remove_file(&path).unwrap(),
        }
        let mut store = world.open("v");
        assert_eq!(
            read(&store, doc(1), "k299").unwrap(),
            "value 299",
            "{how}: it loads all the same"
        );
        let report = store.verify().unwrap();
        assert_eq!(
            (report.healed, report.damaged),
            (vec![doc(1)], vec![]),
            "{how}"
        );
        assert_eq!(
            store.verify().unwrap().healed,
            vec![],
            "{how}: healed for good"
        );
        put(&mut store, doc(1), "how", how);
    }
}

#[test]
fn a_damaged_pack_is_made_again() {
    let world = World::new();
    let (pack, _) = sealed(&world);
    damage(&pack);
    let mut store = world.open("v");
    assert_eq!(read(&store, doc(1), "k7").unwrap(), "value 7");
    let report = store.verify().unwrap();
    assert_eq!((report.healed, report.damaged), (vec![doc(1)], vec![]));
    assert_eq!(store.pending().unwrap(), 300);
    assert_eq!(
        store.outbox_page(0, usize::MAX).unwrap().len(),
        300,
        "what is queued is found at its new place"
    );
    let mut other = Remote::new(3);
    other.apply(&store.changes_all(doc(1)).unwrap());
    assert_eq!(
        crate::world::hashes(&other.doc),
        store.heads(doc(1)).unwrap()
    );
    put(&mut store, doc(1), "next", "edit");
}

#[test]
fn with_both_lost_the_rest_goes_on_and_the_server_brings_it_back() {
    let world = World::new();
    let (pack, saved) = sealed(&world);
    let mut store = world.open("v");
    put(&mut store, doc(2), "other", "document");
    let mut writer = store.begin();
    writer.set_cursor(Some(b"far along")).unwrap();
    writer.commit().unwrap();
    let all = store.changes_all(doc(1)).unwrap();
    drop(store);
    damage(&pack);
    damage(&saved);
    let mut store = world.open("v");
    let error = store.load(doc(1)).unwrap_err();
    assert!(error.to_string().contains("run verify"), "{error}");
    assert_eq!(read(&store, doc(2), "other").unwrap(), "document");
    put(&mut store, doc(2), "still", "works");
    let report = store.verify().unwrap();
    assert_eq!(report.damaged, vec![doc(1)]);
    assert_eq!(
        store.cursor().unwrap(),
        None,
        "the next sync reads the server's log from its beginning"
    );
    // The server sends what it has; what waited here for it joins in.
    let mut writer = store.begin();
    let received = writer.receive(doc(1), all[..256].to_vec()).unwrap();
    assert_eq!(received.set_aside, vec![]);
    writer.commit().unwrap();
    assert_eq!(read(&store, doc(1), "k299").unwrap(), "value 299");
    assert_eq!(store.changes_all(doc(1)).unwrap().len(), 300);
    assert_eq!(store.verify().unwrap().damaged, vec![]);
}

/// A crash between the files of a new generation and the commit that names them.
#[test]
fn files_that_nothing_names_are_harmless() {
    let world = World::new();
    let (pack, saved) = sealed(&world);
    std::fs::write(pack.with_file_name("2.pack"), b"half a pa").unwrap();
    std::fs::write(saved.with_file_name("2.doc"), b"").unwrap();
    std::fs::write(saved.with_file_name("3.pack.tmp"), b"").unwrap();
    let mut store = world.open("v");
    for i in 300..600 {
        put(&mut store, doc(1), &format!("k{i}"), &format!("value {i}"));
    }
    let report = store.verify().unwrap();
    assert_eq!(
        (report.changes, report.healed, report.damaged),
        (600, vec![], vec![])
    );
    drop(store);
    assert_eq!(read(&world.open("v"), doc(1), "k599").unwrap(), "value 599");
}

fn latest(path: &std::path::Path, extension: &str) -> PathBuf {
    std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .max_by_key(|path| {
            path.file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .parse::<u32>()
                .unwrap()
        })
        .unwrap()
}
