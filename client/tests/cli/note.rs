//! Notes on the command line: one note, several cards, one edit.

use serde_json::json;

use crate::world::World;

#[test]
fn a_note_gives_cards_and_an_edit_changes_them() {
    let world = World::new();
    world.deck("Geo");
    let added = world.json(&[
        "add", "--deck", "Geo", "--type", "reversed", "--front", "Peru", "--back", "Lime",
    ]);
    let cards = added["cards"].as_array().unwrap();
    assert_eq!((cards.len(), &added["duplicates"]), (2, &json!([])));
    let second = cards[1].as_str().unwrap();
    let edited = world.json(&["note", "edit", second, "--field", "Back=Lima"]);
    assert_eq!(edited["fields"][1], json!({"name": "Back", "text": "Lima"}));
    let shown = world.json(&["card", "show", second]);
    assert_eq!(shown["front"][0]["text"], "Lima");
    assert_eq!(shown["note_type"], "reversed");
    let error = world
        .run(&["card", "edit", second, "--front", "x", "--json"])
        .error(2);
    assert!(
        error["message"].as_str().unwrap().contains("note edit"),
        "{error}"
    );
    let twice = world.json(&["add", "--deck", "Geo", "--front", "peru", "--back", "x"]);
    assert_eq!(twice["duplicates"].as_array().unwrap().len(), 1);
    assert_eq!(world.json_lines(&["card", "duplicates"]).len(), 1);
    world.run(&["note", "remove", second, "--yes"]).ok();
    assert_eq!(world.json_lines(&["card", "list"]).len(), 1);
    world.run(&["undo"]).ok();
    assert_eq!(world.json_lines(&["card", "list"]).len(), 3);
}

#[test]
fn types_of_ones_own_are_read_from_a_file_or_a_pipe() {
    let world = World::new();
    world.deck("Geo");
    let kind = r#"{"name":"country","fields":["Country","Capital"],"templates":[
        {"name":"a","front":"Capital of {{Country}}?","back":"{{Capital}}"},
        {"name":"b","front":"{{#Capital}}{{Capital}} is in?{{/Capital}}","back":"{{Country}}"}]}"#;
    world.run_with(&["note", "type-set", "-"], kind).ok();
    let added = world.json(&[
        "add",
        "--deck",
        "Geo",
        "--type",
        "country",
        "--field",
        "Country=Peru",
    ]);
    assert_eq!(
        added["cards"].as_array().unwrap().len(),
        1,
        "an empty field asks nothing"
    );
    let card = added["cards"][0].as_str().unwrap();
    let edited = world.json(&["note", "edit", card, "--field", "Capital=Lima"]);
    assert_eq!(edited["cards"].as_array().unwrap().len(), 2);
    let names: Vec<_> = world
        .json_lines(&["note", "types"])
        .iter()
        .map(|kind| kind["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["basic", "cloze", "country", "reversed", "typed"]);
    world.check(&[
        (&["note", "type-remove", "country"], 2, "", "error: notes of the type country are kept: 1, removed ones among them; it stays with them\n"),
        (&["note", "type-show", "nosuch"], 3, "", "error: there is no note type nosuch\nhint: memoryvault note types\n"),
        (
            &["add", "--deck", "Geo", "--type", "cloze", "--front", "no gap"],
            2,
            "",
            "error: the text has no gap; mark what to hide like {{c1::this}} or {{c1::this::a hint}}\n",
        ),
    ]);
    let broken = kind.replace("{{Country}}?", "{{Land}}?");
    let error = world
        .run_with(&["note", "type-set", "-", "--json"], &broken)
        .error(2);
    assert!(
        error["message"].as_str().unwrap().contains("Land"),
        "{error}"
    );
}
