//! A lost store comes back from packs, export and whatever still reads.

use storage::{KvError, StoreError, VaultStore};

use crate::world::{SERVER, World, doc, put, read};

fn vault(world: &World) {
    let mut store = world.create("v");
    let mut writer = store.begin();
    writer.set_server(Some(SERVER));
    writer.put(b"m/device", b"identity".as_slice());
    writer.put(b"j/event", b"a review".as_slice());
    writer.put(b"index/card", b"derived".as_slice());
    writer.commit().unwrap();
    for i in 0..300 {
        put(&mut store, doc(1), &format!("k{i}"), &format!("value {i}"));
    }
    put(&mut store, doc(2), "small", "only a tail");
    store.export(&[b"m/", b"j/"]).unwrap();
    put(&mut store, doc(2), "later", "than the export");
}

fn check(store: &VaultStore) {
    assert_eq!(read(store, doc(1), "k299").unwrap(), "value 299");
    assert_eq!(read(store, doc(2), "small").unwrap(), "only a tail");
    assert_eq!(store.get(b"m/device").unwrap().unwrap(), b"identity");
    assert_eq!(store.get(b"j/event").unwrap().unwrap(), b"a review");
    assert_eq!(
        store.get(b"index/card").unwrap(),
        None,
        "the client makes its index again"
    );
    assert_eq!(store.server(), Some(SERVER));
    assert_eq!(store.cursor().unwrap(), None);
    assert!(
        store.pending().unwrap() >= 301,
        "everything is offered again"
    );
}

#[test]
fn from_packs_and_export_when_the_store_is_gone() {
    let world = World::new();
    vault(&world);
    std::fs::write(world.path("v").join("db/sled/db"), vec![0; 100_000]).unwrap();
    let error = VaultStore::open(&world.path("v"), &world.options()).unwrap_err();
    assert!(
        matches!(error, StoreError::Kv(KvError::Damaged { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("repair"), "{error}");
    let (mut store, report) =
        VaultStore::repair(&world.path("v"), &world.options(), &[b"m/", b"j/"]).unwrap();
    assert_eq!(
        (report.documents, report.changes, report.rows, report.unused),
        (2, 301, 2, 0)
    );
    check(&store);
    put(&mut store, doc(1), "next", "edit");
    assert_eq!(store.verify().unwrap().damaged, vec![]);
    drop(store);
    check(&world.open("v"));
}

#[test]
fn from_rows_that_still_read() {
    let world = World::new();
    vault(&world);
    std::fs::remove_file(world.path("v").join("export")).unwrap();
    let (store, report) =
        VaultStore::repair(&world.path("v"), &world.options(), &[b"m/", b"j/"]).unwrap();
    assert_eq!((report.documents, report.changes, report.rows), (2, 302, 2));
    check(&store);
    assert_eq!(read(&store, doc(2), "later").unwrap(), "than the export");
}

#[test]
fn a_damaged_export_is_not_used() {
    let world = World::new();
    vault(&world);
    crate::world::damage(&world.path("v").join("export"));
    std::fs::write(world.path("v").join("db/sled/db"), b"").unwrap();
    let (store, report) =
        VaultStore::repair(&world.path("v"), &world.options(), &[b"m/", b"j/"]).unwrap();
    // What was sealed is back; the tail and the client's rows are gone, and the server has to bring them.
    assert_eq!((report.documents, report.rows), (1, 0));
    assert_eq!(read(&store, doc(1), "k255").unwrap(), "value 255");
}

#[test]
fn an_unfinished_repair_asks_for_another() {
    let world = World::new();
    vault(&world);
    let db = world.path("v").join("db");
    std::fs::rename(db.join("sled"), world.path("aside")).unwrap();
    // As after a crash in the middle of a repair: a new store that was never finished.
    drop(storage::Kv::recreate(&db, storage::KvOptions::device()).unwrap());
    let error = VaultStore::open(&world.path("v"), &world.options()).unwrap_err();
    assert!(error.to_string().contains("repair"), "{error}");
    let (store, _) =
        VaultStore::repair(&world.path("v"), &world.options(), &[b"m/", b"j/"]).unwrap();
    check(&store);
}
