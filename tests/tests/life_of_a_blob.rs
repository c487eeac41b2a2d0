//! From the last card that names a picture to the last byte of it: kept for a while, gone from device and server, gone at once when
//! purged, and back when somebody needs it after all.

use serde_json::Value;
use tests::{Device, Server, ServerOptions, agree, number, png, text};

/// A phone and a laptop with the same card and its picture, and a server that keeps nothing unused.
struct World {
    server: Server,
    phone: Device,
    laptop: Device,
    deck: String,
    card: String,
    blob: String,
}

impl World {
    fn new() -> Self {
        let server = Server::start(ServerOptions {
            unused_days: Some(0),
            ..ServerOptions::default()
        });
        let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
        phone.register(&server.url(), "ada");
        let deck = phone.add_deck("Flags");
        let card = with_picture(&phone, &deck);
        phone.sync();
        laptop.login(&server.url(), "ada");
        assert_eq!(number(&laptop.sync(), "blobs_received"), 1);
        let blob = text(&phone.show(&card)["front"][0], "blob").to_owned();
        Self {
            server,
            phone,
            laptop,
            deck,
            card,
            blob,
        }
    }

    /// The server's upkeep runs when it starts; it takes its own time.
    fn wait_until_the_server_dropped_it(&mut self) {
        self.server.kill();
        self.server.restart();
        while self.stored() > 0 {}
    }

    fn stored(&self) -> u64 {
        number(&self.phone.ok(&["account", "usage"]), "blobs")
    }

    fn here(&self, device: &Device) -> bool {
        device.blob(&self.blob).is_some()
    }
}

fn with_picture(device: &Device, deck: &str) -> String {
    let path = device.file("flag.png", &png(1));
    let path = path.to_str().expect("plain paths");
    device.add(&["--deck", deck, "--front-image", path, "--back", "France"])
}

fn listed(device: &Device) -> Vec<Value> {
    device.run(&["media", "list", "--json"]).ok().json_lines()
}

#[test]
fn what_no_card_names_goes_after_a_while_here_and_at_the_server() {
    let mut world = World::new();
    world.phone.ok(&["card", "remove", &world.card, "--yes"]);
    // Nothing goes yet: an edit may be taken back.
    let swept = world.phone.ok(&["media", "sweep"]);
    assert_eq!((number(&swept, "removed"), number(&swept, "kept")), (0, 1));
    assert_eq!(listed(&world.phone)[0]["unused"]["stage"], "kept");
    let swept = world.phone.ok(&["media", "sweep", "--days", "0"]);
    assert_eq!((number(&swept, "removed"), number(&swept, "kept")), (1, 0));
    assert!(!world.here(&world.phone));
    assert_eq!(world.stored(), 1, "nobody has told the server");
    world.phone.sync();
    assert_eq!(listed(&world.phone)[0]["unused"]["stage"], "reported");
    world.wait_until_the_server_dropped_it();
    // Another device keeps its copy for its own while.
    world.laptop.sync();
    assert!(world.here(&world.laptop));
    world.laptop.ok(&["media", "sweep", "--days", "0"]);
    assert!(!world.here(&world.laptop));
    agree(&[&world.phone, &world.laptop]);
}

#[test]
fn a_device_that_was_away_and_needs_it_brings_it_back() {
    let mut world = World::new();
    // The laptop, offline, uses the same picture on another card.
    let second = with_picture(&world.laptop, &world.deck);
    world.phone.ok(&["card", "remove", &world.card, "--yes"]);
    world.phone.sync();
    world.phone.ok(&["media", "sweep", "--days", "0"]);
    world.phone.sync();
    world.wait_until_the_server_dropped_it();
    // What the server says of unused blobs is heard once a day, or with a repair; what it names, a device offers again.
    world.laptop.ok(&["sync", "--repair"]);
    world.laptop.sync();
    assert_eq!(world.stored(), 1);
    assert_eq!(number(&world.phone.sync(), "blobs_received"), 1);
    assert!(world.here(&world.phone));
    assert_eq!(world.phone.show(&second), world.laptop.show(&second));
    agree(&[&world.phone, &world.laptop]);
}

#[test]
fn a_purged_picture_goes_everywhere_with_the_next_syncs() {
    let world = World::new();
    let refused = world
        .phone
        .run(&["media", "purge", &world.blob])
        .fails_with(2);
    assert!(
        refused.stderr.contains("a card names it"),
        "{}",
        refused.stderr
    );
    assert!(world.here(&world.phone));
    world.phone.ok(&["card", "remove", &world.card, "--yes"]);
    let thumbnail = world.phone.vault().join("thumbnails");
    let small = world.phone.file("small", b"");
    std::fs::remove_file(&small).expect("it is ours");
    let small = small.to_str().expect("plain paths");
    world
        .phone
        .ok(&["media", "thumbnail", &world.blob, "--to", small]);
    assert_eq!(std::fs::read_dir(&thumbnail).unwrap().count(), 1);
    let purged = world.phone.ok(&["media", "purge", &world.blob, "--yes"]);
    assert!(purged["overwritten"].is_boolean(), "{purged}");
    assert!(!world.here(&world.phone));
    assert_eq!(std::fs::read_dir(&thumbnail).unwrap().count(), 0);
    world.phone.sync();
    assert_eq!(world.stored(), 0);
    assert_eq!(listed(&world.phone), [] as [Value; 0]);
    world.laptop.ok(&["sync", "--repair"]);
    assert!(!world.here(&world.laptop));
    agree(&[&world.phone, &world.laptop]);
}

#[test]
fn what_has_gone_from_here_comes_back_from_the_server_when_asked() {
    let world = World::new();
    world.phone.ok(&["card", "remove", &world.card, "--yes"]);
    world.phone.ok(&["media", "sweep", "--days", "0"]);
    world.phone.sync();
    let asked = world.phone.ok(&["media", "restore", &world.blob[..12]]);
    assert_eq!(text(&asked, "restored"), "asked");
    assert_eq!(number(&world.phone.sync(), "blobs_received"), 1);
    let saved = world.phone.file("saved.png", b"");
    std::fs::remove_file(&saved).expect("it is ours");
    let to = saved.to_str().expect("plain paths");
    let kept = world
        .phone
        .ok(&["media", "restore", &world.blob, "--to", to]);
    assert_eq!(text(&kept, "restored"), "here");
    assert_eq!(std::fs::read(&saved).ok(), world.phone.blob(&world.blob));
}

#[test]
fn a_damaged_picture_is_named_and_fetched_again() {
    let world = World::new();
    let fine = world.phone.ok(&["media", "check"]);
    assert_eq!((number(&fine, "whole"), number(&fine, "missing")), (1, 0));
    let path = world
        .phone
        .vault()
        .join("blobs")
        .join(&world.blob[..2])
        .join(&world.blob);
    std::fs::remove_file(&path).expect("it is here");
    std::fs::write(&path, b"other bytes").expect("it is ours");
    let checked = world.phone.run(&["media", "check"]).fails_with(8);
    assert!(checked.stderr.contains("is damaged"), "{}", checked.stderr);
    assert_eq!(number(&world.phone.sync(), "blobs_received"), 1);
    world.phone.ok(&["media", "check"]);
}

#[test]
fn a_picture_is_put_on_a_card_and_taken_off_again() {
    let world = World::new();
    let second = world.phone.file("second.png", &png(2));
    let second = second.to_str().expect("plain paths");
    world.phone.edit(
        &world.card,
        &["--back-image", second, "--alt", "a flag", "--back", "Paris"],
    );
    let card = world.phone.show(&world.card);
    assert_eq!(text(&card["back"][0], "text"), "Paris");
    assert_eq!(text(&card["back"][1], "alt"), "a flag");
    world.phone.sync();
    assert_eq!(number(&world.laptop.sync(), "blobs_received"), 1);
    assert_eq!(world.laptop.show(&world.card), card);

    // The only thing on the front stays; with something in its place it goes.
    let alone = [
        "card",
        "edit",
        &world.card,
        "--remove-media",
        &world.blob[..12],
    ];
    let refused = world.phone.run(&alone).fails_with(2);
    assert!(
        refused.stderr.contains("something on its front"),
        "{}",
        refused.stderr
    );
    world.phone.edit(
        &world.card,
        &[
            "--remove-media",
            &world.blob[..12],
            "--front",
            "Capital of France?",
        ],
    );
    let card = world.phone.show(&world.card);
    assert_eq!(card["front"].as_array().map(Vec::len), Some(1));
    assert_eq!(text(&card["front"][0], "text"), "Capital of France?");
    let unused = world
        .phone
        .run(&["media", "list", "--unused", "--json"])
        .ok();
    assert_eq!(text(&unused.json_lines()[0], "blob"), world.blob);
    world.phone.sync();
    world.laptop.sync();
    agree(&[&world.phone, &world.laptop]);
}
