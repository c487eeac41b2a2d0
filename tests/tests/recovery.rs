//! Backups: a server or a device put back to an older state, a vault that was copied, a server that was replaced. No edit that any device still holds may be lost.

use std::path::Path;
use std::process::Command;

use tests::{Device, Server, agree, number, png, settle, side_texts};

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status()
        .expect("cp runs");
    assert!(copied.success());
}

struct World {
    server: Server,
    phone: Device,
    laptop: Device,
    deck: String,
    card: String,
}

fn world() -> World {
    let server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    laptop.login(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    let card = phone.add_card(&deck, "France", "Paris");
    settle(&[&phone, &laptop]);
    World {
        server,
        phone,
        laptop,
        deck,
        card,
    }
}

fn add_picture(device: &Device, deck: &str, seed: u64) -> String {
    let file = device.file("flag.png", &png(seed));
    device.add(&[
        "--deck",
        deck,
        "--front-image",
        file.to_str().unwrap(),
        "--alt",
        "flag",
        "--back",
        "x",
    ])
}

#[test]
fn a_server_rolled_back_to_a_backup_is_whole_again_after_every_device_came() {
    let World {
        mut server,
        phone,
        laptop,
        deck,
        card,
    } = world();
    let directory = tempfile::tempdir().unwrap();
    let backup = directory.path().join("backup");
    server.stop().ok();
    copy(server.data(), &backup);
    server.restart();

    phone.review(&card, "good");
    phone.edit(&card, &["--tag", "after-the-backup"]);
    let picture = add_picture(&phone, &deck, 1);
    settle(&[&phone, &laptop]);
    let only_laptop = laptop.add_card(&deck, "from the laptop", "x");
    laptop.sync();

    server.stop().ok();
    std::fs::remove_dir_all(server.data()).unwrap();
    copy(&backup, server.data());
    server.restart();

    settle(&[&phone, &laptop]);
    for device in [&phone, &laptop] {
        let shown = device.show(&card);
        assert_eq!(number(&shown, "reviews"), 1);
        assert!(shown.to_string().contains("after-the-backup"));
        device.show(&only_laptop);
        device.verify_clean();
    }
    let tablet = Device::new("tablet");
    tablet.login(&server.url(), "ada");
    settle(&[&phone, &laptop, &tablet]);
    tablet.show(&picture);
    assert_eq!(tablet.count("blobs_missing"), 0, "pictures came back too");
}

#[test]
fn an_edit_that_waits_while_the_server_is_rolled_back_is_sent_after_what_it_rests_on() {
    let World {
        mut server,
        phone,
        laptop,
        card,
        ..
    } = world();
    server.stop().ok();
    let backups = tempfile::tempdir().unwrap();
    let kept = backups.path().join("data");
    copy(server.data(), &kept);
    server.restart();
    // The laptop's first edit is in the part of the log that the server forgets, its second still waits to be sent.
    laptop.edit(&card, &["--tag", "acknowledged"]);
    laptop.sync();
    server.stop().ok();
    std::fs::remove_dir_all(server.data()).unwrap();
    copy(&kept, server.data());
    server.restart();
    laptop.edit(&card, &["--tag", "waiting"]);
    phone.edit(&card, &["--tag", "other"]);
    phone.sync();
    settle(&[&phone, &laptop]);
    let shown = phone.show(&card);
    assert_eq!(tests::tags(&shown), ["acknowledged", "other", "waiting"]);
}

#[test]
fn a_server_replaced_by_an_empty_one_is_filled_by_the_devices() {
    let World {
        mut server,
        phone,
        laptop,
        deck,
        ..
    } = world();
    add_picture(&laptop, &deck, 1);
    settle(&[&phone, &laptop]);
    server.stop().ok();
    std::fs::remove_dir_all(server.data()).unwrap();
    server.restart();
    for device in [&phone, &laptop] {
        device.run(&["sync"]).fails_with(6);
        device.run(&["account", "logout"]);
    }
    phone.register(&server.url(), "ada");
    phone.sync();
    laptop.login(&server.url(), "ada");
    settle(&[&phone, &laptop]);
    let tablet = Device::new("tablet");
    tablet.login(&server.url(), "ada");
    settle(&[&phone, &laptop, &tablet]);
    assert_eq!(
        (tablet.count("cards"), tablet.count("blobs_missing")),
        (2, 0)
    );
}

#[test]
fn a_device_put_back_to_a_backup_catches_up_and_writes_on() {
    let World {
        server: _server,
        phone,
        laptop,
        deck,
        card,
    } = world();
    let backup = phone.copied();
    for n in 0..3 {
        phone.review(&card, "good");
        phone.edit(&card, &["--front", &format!("edit {n}")]);
    }
    add_picture(&phone, &deck, 1);
    settle(&[&phone, &laptop]);

    phone.restore_from(&backup);
    // Edits before it ever meets the server again: the dangerous order.
    let written = phone.add_card(&deck, "written after the restore", "x");
    phone.edit(&card, &["--tag", "restored"]);
    phone.review(&card, "hard");
    settle(&[&phone, &laptop]);
    let shown = laptop.show(&card);
    assert_eq!(number(&shown, "reviews"), 4);
    assert!(shown.to_string().contains("restored"));
    laptop.show(&written);
    // And it stays well.
    phone.edit(&card, &["--back", "later"]);
    settle(&[&phone, &laptop]);
    assert_eq!(side_texts(&laptop.show(&card), "back"), ["later"]);
    assert_eq!(phone.count("blobs_missing"), 0);
    phone.verify_clean();
    laptop.verify_clean();
}

#[test]
fn a_copied_vault_becomes_a_device_of_its_own() {
    let World {
        server: _server,
        phone,
        laptop,
        deck,
        card,
    } = world();
    let clone = phone.copied();
    for round in 0..3 {
        for device in [&phone, &clone] {
            device.edit(&card, &["--tag", &format!("tag-{round}")]);
            device.review(&card, "good");
            device.add_card(&deck, &format!("card {round}"), "x");
        }
        for device in [&clone, &phone] {
            device.run(&["sync"]).ok();
        }
    }
    settle(&[&phone, &laptop, &clone]);
    assert_eq!(
        number(&laptop.show(&card), "reviews"),
        6,
        "no review of either copy is lost"
    );
    assert_eq!(laptop.count("cards"), 7);
    let devices = laptop.run(&["account", "devices"]).ok().json_lines();
    assert_eq!(
        devices.len(),
        3,
        "the copy has a name of its own: {devices:?}"
    );
    for device in [&phone, &laptop, &clone] {
        device.verify_clean();
    }
}

#[test]
fn a_vault_restored_on_another_machine_without_its_runtime_directory() {
    let World {
        server: _server,
        phone,
        laptop,
        card,
        ..
    } = world();
    phone.edit(&card, &["--front", "not yet synced"]);
    let moved = phone.copied();
    drop(phone);
    moved.review(&card, "good");
    moved.edit(&card, &["--tag", "moved"]);
    settle(&[&moved, &laptop]);
    let shown = laptop.show(&card);
    assert_eq!(side_texts(&shown, "front"), ["not yet synced"]);
    assert_eq!(number(&shown, "reviews"), 1);
}

#[test]
fn a_server_killed_between_two_syncs_loses_nothing_it_acknowledged() {
    let World {
        mut server,
        phone,
        laptop,
        deck,
        card,
    } = world();
    for round in 0..3 {
        phone.review(&card, "good");
        add_picture(&phone, &deck, round);
        phone.sync();
        server.kill();
        server.restart();
    }
    laptop.sync();
    agree(&[&phone, &laptop]);
    assert_eq!(
        (laptop.count("events"), laptop.count("blobs_missing")),
        (3, 0)
    );
}
