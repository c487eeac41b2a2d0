//! Copied, moved and restored vaults: each goes on writing, and everything merges.

use std::collections::BTreeSet;

use storage::VaultStore;

use crate::world::{World, doc, put, read};

/// Sends all changes both ways; nothing may be refused.
fn merge(a: &mut VaultStore, b: &mut VaultStore) {
    for _ in 0..2 {
        let changes = a.changes_all(doc(1)).unwrap();
        let mut writer = b.begin();
        let received = writer.receive(doc(1), changes).unwrap();
        assert_eq!(received.set_aside, vec![]);
        assert_eq!(received.waiting, 0);
        writer.commit().unwrap();
        let changes = b.changes_all(doc(1)).unwrap();
        let mut writer = a.begin();
        let received = writer.receive(doc(1), changes).unwrap();
        assert_eq!(received.set_aside, vec![]);
        writer.commit().unwrap();
    }
    assert_eq!(a.heads(doc(1)).unwrap(), b.heads(doc(1)).unwrap());
}

fn actors(store: &VaultStore) -> usize {
    let loaded = store.load(doc(1)).unwrap();
    loaded
        .get_changes(&[])
        .iter()
        .map(|c| c.actor_id().clone())
        .collect::<BTreeSet<_>>()
        .len()
}

fn written(world: &World, name: &str, times: usize) {
    for i in 0..times {
        put(&mut world.open(name), doc(1), name, &i.to_string());
    }
}

#[test]
fn an_untouched_vault_keeps_its_actor() {
    let world = World::new();
    drop(world.create("v"));
    written(&world, "v", 5);
    assert_eq!(actors(&world.open("v")), 1);
}

#[test]
fn a_cleared_runtime_folder_means_a_fresh_actor() {
    let world = World::new();
    drop(world.create("v"));
    written(&world, "v", 2);
    world.remove("runtime");
    written(&world, "v", 2);
    assert_eq!(actors(&world.open("v")), 2);
}

#[test]
fn a_copied_folder_and_its_original_go_on_apart() {
    let world = World::new();
    drop(world.create("v"));
    written(&world, "v", 3);
    world.copy("v", "copy");
    written(&world, "v", 3);
    written(&world, "copy", 3);
    let (mut a, mut b) = (world.open("v"), world.open("copy"));
    merge(&mut a, &mut b);
    assert_eq!(
        (
            read(&a, doc(1), "v").unwrap(),
            read(&a, doc(1), "copy").unwrap()
        ),
        ("2".to_owned(), "2".to_owned())
    );
    assert_eq!(actors(&a), 2);
}

#[test]
fn a_restored_folder_does_not_repeat_what_it_has_forgotten() {
    let world = World::new();
    drop(world.create("v"));
    written(&world, "v", 3);
    world.copy("v", "backup");
    written(&world, "v", 3);
    // What had been written after the backup is known elsewhere.
    world.copy("v", "elsewhere");
    let mut elsewhere = world.open("elsewhere");
    // The backup comes back to the same path, once as a new folder and once into the old one.
    world.remove("v");
    world.copy("backup", "v");
    written(&world, "v", 2);
    let mut restored = world.open("v");
    merge(&mut restored, &mut elsewhere);
    drop(restored);
    world.copy("v", "later");
    for name in ["db", "docs"] {
        if world.path("v").join(name).exists() {
            world.remove(&format!("v/{name}"));
        }
        if world.path("backup").join(name).exists() {
            world.copy(&format!("backup/{name}"), &format!("v/{name}"));
        }
    }
    written(&world, "v", 2);
    let mut restored = world.open("v");
    merge(&mut restored, &mut elsewhere);
    assert_eq!(read(&restored, doc(1), "v"), read(&elsewhere, doc(1), "v"));
}

#[test]
fn swapped_folders_are_noticed() {
    let world = World::new();
    drop(world.create("v"));
    written(&world, "v", 2);
    world.copy("v", "copy");
    // The copy takes the original's place, same rows and same path, but another folder.
    world.rename("v", "original");
    world.rename("copy", "v");
    written(&world, "v", 1);
    written(&world, "original", 1);
    let (mut a, mut b) = (world.open("v"), world.open("original"));
    merge(&mut a, &mut b);
}

#[test]
fn a_renewed_actor_is_another() {
    let world = World::new();
    let mut store = world.create("v");
    put(&mut store, doc(1), "a", "1");
    store.renew_actor().unwrap();
    put(&mut store, doc(1), "a", "2");
    assert_eq!(actors(&store), 2);
    drop(store);
    written(&world, "v", 1);
    assert_eq!(actors(&world.open("v")), 2, "the renewed one is kept");
}
