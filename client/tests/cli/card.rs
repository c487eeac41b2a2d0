//! `card list|show|edit|remove|restore|why`.

use serde_json::json;

use crate::media_files::png;
use crate::world::World;

#[test]
fn cards_for_a_person() {
    let world = World::new();
    let flag = world.file("flag.png", png());
    let deck = world.deck("Capitals");
    let peru = world.json(&[
        "add",
        "--deck",
        &deck,
        "--front",
        "Capital of Peru?",
        "--front-image",
        &flag,
        "--alt",
        "Flag of Peru",
        "--back",
        "Lima\non the Pacific",
        "--tag",
        "americas",
    ]);
    let peru = peru["card"].as_str().unwrap();
    let size = png().len();
    let in_full = format!(
        "Front\n  Capital of Peru?\n  [picture \"Flag of Peru\", image/png, 3 x 2, {size} bytes]\n\
         Back\n  Lima\n  on the Pacific\n\n\
         Card     ID1\nDeck     Capitals\nTags     americas\nBox      1\nDue      new\nReviews  0 (0 forgotten)\n"
    );
    world.check(&[
        (&["card", "show", peru], 0, &in_full, ""),
        (
            &["card", "list"],
            0,
            "ID1  box 1  new    Capital of Peru? [picture: Flag of Peru] | Lima on the Pacific\n",
            "1 card\n",
        ),
        (&["card", "list", "tag:asia"], 0, "", "No card fits.\n"),
        (
            &["card", "list", "is:sleepy"],
            2,
            "",
            "error: `is:sleepy` is not known; use is:due is:new is:learn is:review is:suspended is:buried is:conflict is:leech is:removed\n\
             hint: memoryvault card list --help\n",
        ),
        (
            &["card", "remove", peru],
            4,
            "",
            "error: not done without your word: remove the card \"Capital of Peru? [picture: Flag of Peru]\"?\n\
             hint: memoryvault card remove ID1 --yes\n",
        ),
        (
            &["card", "remove", peru, "--yes"],
            0,
            "Removed the card \"Capital of Peru? [picture: Flag of Peru]\".\n",
            "It can come back: memoryvault card restore ID1\n",
        ),
        (&["card", "list"], 0, "", "No card fits.\n"),
        (&["card", "restore", peru], 0, "The card is back.\n", ""),
        (&["card", "show", "0198"], 3, "", "error: there is no card `0198`\nhint: memoryvault card list\n"),
    ]);
}

#[test]
fn a_line_a_card_and_the_same_object_alone() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let card = world.card(&deck, "Capital of Peru?", "Lima");
    world.card(&deck, "Capital of Chad?", "N'Djamena");
    let listed = world.json_lines(&["card", "list", "peru"]);
    assert_eq!(listed, [world.json(&["card", "show", &card])]);
    let keys: Vec<&str> = listed[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    for key in [
        "id",
        "deck",
        "front",
        "back",
        "tags",
        "box",
        "due_day",
        "reviews",
        "suspended",
    ] {
        assert!(keys.contains(&key), "{key} is missing in {keys:?}");
    }
    assert_eq!(world.json_lines(&["card", "list"]).len(), 2);
    assert_eq!(
        world
            .json_lines(&["card", "list", "deck:capitals", "chad"])
            .len(),
        1
    );
    assert_eq!(
        world
            .run(&["card", "list", "--json", "nothing"])
            .ok()
            .stdout,
        ""
    );
}

#[test]
fn an_edit_changes_what_it_names_and_nothing_else() {
    let world = World::new();
    let flag = world.file("flag.png", png());
    let deck = world.deck("Capitals");
    let added = world.json(&[
        "add",
        "--deck",
        &deck,
        "--front",
        "Capital?",
        "--front-image",
        &flag,
        "--back",
        "Lima",
        "--tag",
        "a",
        "--tag",
        "b",
    ]);
    let card = added["card"].as_str().unwrap();
    let before = world.json(&["card", "show", card]);
    let edited = world.json(&[
        "card",
        "edit",
        card,
        "--front",
        "Capital of Peru?",
        "--tag",
        "c",
        "--untag",
        "a",
    ]);
    assert_eq!(
        edited["front"][0],
        json!({ "type": "text", "text": "Capital of Peru?" })
    );
    assert_eq!(edited["front"][1], before["front"][1]);
    assert_eq!(edited["back"], before["back"]);
    assert_eq!(edited["tags"], json!(["b", "c"]));
    let suspended = world.json(&["card", "edit", card, "--suspend"]);
    assert_eq!(suspended["suspended"], true);
    assert_eq!(
        world.json(&["card", "edit", card, "--resume"])["suspended"],
        false
    );
    let minus = world.json(&["card", "edit", card, "--back", "-5"]);
    assert_eq!(minus["back"][0]["text"], "-5");
}

#[test]
fn why_tells_what_was_counted() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let card = world.card(&deck, "Capital of Peru?", "Lima");
    world
        .run(&["review", &card, "good", "--at", "2026-03-01T09:30:00+01:00"])
        .ok();
    world
        .run(&[
            "review",
            &card,
            "again",
            "--at",
            "2026-03-03T09:30:00+01:00",
        ])
        .ok();
    let why = world.json(&["card", "why", &card]);
    assert_eq!(why["card"]["box"], 1);
    assert_eq!(why["events"].as_array().unwrap().len(), 2);
    assert_eq!(why["days"][0]["day"], "2026-03-01");
    let human = world.run(&["card", "why", &card]).ok();
    assert!(
        human.stdout.contains("2026-03-03") && human.stdout.contains("again"),
        "{human:?}"
    );
}

#[test]
fn a_removed_card_is_not_there_until_it_comes_back() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let card = world.card(&deck, "Capital of Peru?", "Lima");
    world.json(&["card", "remove", &card, "--yes"]);
    for arguments in [
        &["card", "show", &card][..],
        &["card", "edit", &card, "--front", "x"],
        &["card", "remove", &card, "--yes"],
        &["review", &card, "good"],
    ] {
        let error = world.run(&[arguments, &["--json"]].concat()).error(3);
        assert_eq!(error["hint"], format!("memoryvault card restore {card}"));
    }
    assert_eq!(
        world.json_lines(&["card", "list", "is:removed"])[0]["id"],
        card.as_str()
    );
    world.json(&["card", "restore", &card]);
    assert_eq!(world.json(&["card", "show", &card])["removed"], false);
}

#[test]
fn letters_that_fit_two_cards_need_a_choice() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let (first, second) = (world.card(&deck, "a", "x"), world.card(&deck, "b", "x"));
    let same = first
        .bytes()
        .zip(second.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let error = world
        .run(&["card", "show", &first[..same], "--json"])
        .error(4);
    assert_eq!(error["code"], "choice_needed");
    assert!(error["hint"].as_str().unwrap().contains(&second), "{error}");
    assert_eq!(
        world.json(&["card", "show", &first[..=same]])["id"],
        first.as_str()
    );
    assert_eq!(
        world.run(&["card", "show", "xyz", "--json"]).error(3)["code"],
        "not_found"
    );
}
