//! `add`: texts, pictures and sounds in the order of the command line.

use serde_json::json;

use crate::media_files::{png, wav};
use crate::world::World;

#[test]
fn items_keep_their_order_and_descriptions() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let (flag, voice) = (world.file("flag.png", png()), world.file("lima.wav", wav()));
    let added = world.json(&[
        "add",
        "--deck",
        "capitals",
        "--back",
        "Lima",
        "--front-image",
        &flag,
        "--alt",
        "Flag of Peru",
        "--front",
        "Capital of Peru?",
        "--back-audio",
        &voice,
        "--alt",
        "Lima, spoken",
        "--front",
        "-",
        "--tag",
        "South America",
        "--tag",
        "south america",
        "--tag",
        "Andes",
    ]);
    let card = added["card"].as_str().unwrap();
    let shown = world.json(&["card", "show", card]);
    let flag_hash = blake3::hash(&png()).to_string();
    let voice = media::prepare(&wav(), "lima.wav", media::Wishes::default()).unwrap();
    let voice_hash = blake3::hash(&voice.bytes).to_string();
    let image = json!({
        "type": "image", "blob": flag_hash, "mime": "image/png", "bytes": png().len(), "width_px": 3, "height_px": 2,
        "alt": "Flag of Peru",
    });
    let front = json!([image, { "type": "text", "text": "Capital of Peru?" }, { "type": "text", "text": "" }]);
    // `--front -` read an empty stdin.
    assert_eq!(
        shown["front"].as_array().unwrap()[..2],
        front.as_array().unwrap()[..2]
    );
    let audio = json!({
        "type": "audio", "blob": voice_hash, "mime": "audio/mpeg", "bytes": voice.bytes.len(), "duration_ms": 500,
        "alt": "Lima, spoken",
    });
    assert_eq!(
        shown["back"],
        json!([{ "type": "text", "text": "Lima" }, audio])
    );
    assert_eq!(shown["deck"], deck.as_str());
    assert_eq!(
        (&shown["box"], &shown["due_day"], &shown["reviews"]),
        (&json!(1), &json!(null), &json!(0))
    );
    assert_eq!(shown["suspended"], false);
    assert_eq!(shown["tags"].as_array().unwrap().len(), 2, "{shown}");
    assert_eq!(world.json(&["status"])["blobs"], 2);
}

#[test]
fn stdin_is_a_text_or_a_file_and_only_once() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let added = world
        .run_with(
            &["add", "-q", "--deck", &deck, "--front", "-", "--back", "x"],
            "two\nlines\n",
        )
        .ok();
    let shown = world.json(&["card", "show", added.stdout.trim()]);
    assert_eq!(shown["front"][0]["text"], "two\nlines");
    let twice = world
        .run(&[
            "add", "--deck", &deck, "--front", "-", "--back", "-", "--json",
        ])
        .error(2);
    assert!(
        twice["message"].as_str().unwrap().contains("stdin"),
        "{twice}"
    );
    assert_eq!(world.json(&["status"])["cards"], 1);
}

#[test]
fn the_same_picture_twice_is_stored_once() {
    let world = World::new();
    let deck = world.deck("Flags");
    let flag = world.file("flag.png", png());
    for front in ["a", "b"] {
        world.json(&[
            "add",
            "--deck",
            &deck,
            "--front",
            front,
            "--back-image",
            &flag,
        ]);
    }
    let status = world.json(&["status"]);
    assert_eq!((&status["cards"], &status["blobs"]), (&json!(2), &json!(1)));
}

#[test]
fn files_that_are_no_media_are_refused_by_name() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let table = [
        ("words.png", b"these are words".to_vec(), "--front-image", 2),
        ("flag.jpg", png(), "--front-image", 2),
        ("lima.png", wav(), "--front-image", 2),
        ("lima.wav", wav(), "--front-image", 2),
        ("empty.png", Vec::new(), "--front-image", 2),
        (
            "huge.png",
            [png(), vec![0; 10_000_001]].concat(),
            "--front-image",
            5,
        ),
    ];
    for (name, bytes, option, code) in table {
        let path = world.file(name, bytes);
        let error = world
            .run(&[
                "add", "--deck", &deck, option, &path, "--back", "x", "--json",
            ])
            .error(code);
        assert!(error["message"].as_str().unwrap().contains(name), "{error}");
    }
    let gone = world
        .run(&[
            "add",
            "--deck",
            &deck,
            "--front-image",
            "gone.png",
            "--json",
        ])
        .error(3);
    let path = world.home().join("gone.png");
    assert_eq!(
        gone["message"],
        format!("there is no file {}", path.display())
    );
    let status = world.json(&["status"]);
    assert_eq!((&status["cards"], &status["blobs"]), (&json!(0), &json!(0)));
    world.run(&["verify"]).ok();
}

#[test]
fn a_text_over_the_bound_is_refused() {
    let world = World::new();
    let deck = world.deck("Long");
    let text = "x".repeat(65 * 1024);
    let answer = world.run_with(&["add", "--deck", &deck, "--front", "-", "--json"], &text);
    assert_eq!(answer.error(5)["code"], "limit");
    assert_eq!(world.json(&["status"])["cards"], 0);
}
