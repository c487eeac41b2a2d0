//! `verify`.

use std::fs;

use crate::media_files::png;
use crate::world::World;

#[test]
fn a_whole_vault_is_told_so() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let card = world.card(&deck, "Capital of Peru?", "Lima");
    world.run(&["review", &card, "good"]).ok();
    let report = world.json(&["verify"]);
    assert_eq!(report["ok"], true);
    assert_eq!(
        report["state_digest"],
        world.json(&["status"])["state_digest"]
    );
    assert!(
        world
            .run(&["verify"])
            .ok()
            .stdout
            .ends_with("All is well.\n")
    );
    let before = world.json(&["status"]);
    world.run(&["verify", "--rebuild"]).ok();
    assert_eq!(world.json(&["status"]), before);
}

#[test]
fn a_damaged_picture_is_named_with_8() {
    let world = World::new();
    let deck = world.deck("Flags");
    let flag = world.file("flag.png", png());
    world.json(&["add", "--deck", &deck, "--front-image", &flag]);
    let hash = blake3::hash(&png()).to_string();
    let path = world.vault().join("blobs").join(&hash[..2]).join(&hash);
    let mut bytes = png();
    bytes[40] ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    let answer = world.run(&["verify", "--json"]);
    let error = answer.error(8);
    assert_eq!(error["code"], "integrity");
    assert!(
        error["message"].as_str().unwrap().contains(&hash),
        "{error}"
    );
    assert!(
        answer.stdout.contains("\"ok\":false"),
        "the report comes all the same: {answer:?}"
    );
    // Adding the picture again heals it.
    world.json(&[
        "add",
        "--deck",
        &deck,
        "--front",
        "again",
        "--front-image",
        &flag,
    ]);
    world.run(&["verify"]).ok();
}
