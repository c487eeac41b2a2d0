//! `media`: what is in the vault, which cards name it, and what is not there.

use serde_json::json;

use crate::media_files::png;
use crate::world::World;

#[test]
fn a_picture_is_listed_with_its_cards_and_becomes_unused() {
    let world = World::new();
    world.deck("Capitals");
    let flag = world.file("flag.png", png());
    let add = [
        "add",
        "--deck",
        "Capitals",
        "--front-image",
        &flag,
        "--alt",
        "Flag of Peru",
    ];
    let first = world.json(&add)["card"].clone();
    let second = world.json(&add)["card"].clone();

    let listed = world.json_lines(&["media", "list"]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["cards"], 2);
    assert_eq!(
        (&listed[0]["here"], &listed[0]["mime"]),
        (&json!(true), &json!("image/png"))
    );
    let hash = listed[0]["blob"].as_str().unwrap();
    let shown = world.json(&["media", "show", &hash[..8]]);
    assert_eq!(shown["named_by"], json!([first, second]));
    assert_eq!(shown["item"]["alt"], "Flag of Peru");
    assert!(
        world
            .run(&["media", "show", &hash[..8]])
            .stdout
            .contains("Flag of Peru")
    );

    for card in [&first, &second] {
        world.json(&["card", "remove", "--yes", card.as_str().unwrap()]);
    }
    let unused = world.json_lines(&["media", "list", "--unused"]);
    assert_eq!((unused.len(), &unused[0]["cards"]), (1, &json!(0)));
    assert_eq!(unused[0].get("mime"), None);
    assert!(world.json_lines(&["media", "list", "--missing"]).is_empty());
    assert!(world.run(&["media", "list"]).stdout.contains("unused"));
}
