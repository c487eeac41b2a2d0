//! `import` of tables.

use serde_json::json;

use crate::world::World;

#[test]
fn a_table_becomes_cards() {
    let world = World::new();
    let file = world.file("words.tsv", "uno\tone\ndos\ttwo\n\ttres\n");
    let report = world.json(&["import", &file, "--deck", "Spanish"]);
    assert_eq!(
        (&report["rows"], &report["cards"], &report["skipped"]),
        (&json!(3), &json!(2), &json!(1))
    );
    assert_eq!(report["skipped_rows"][0]["line"], 3);
    assert_eq!(
        (&report["deck_name"], &report["applied"]),
        (&json!("Spanish"), &json!(true))
    );
    assert_eq!(world.json_lines(&["card", "list", "deck:spanish"]).len(), 2);
    let human = world.run(&["import", &file, "--deck", "Spanish"]).ok();
    assert!(
        human
            .stdout
            .starts_with("Imported 2 cards into the deck Spanish.\nLeft out 1 row:\n  line 3: "),
        "{human:?}"
    );
}

#[test]
fn commas_quotes_and_stdin() {
    let world = World::new();
    let table = "\"Peru, capital\",Lima\n\"say \"\"hi\"\"\",\"two\nlines\"\n";
    let arguments = [
        "import", "-", "--format", "csv", "--deck", "Mixed", "--json",
    ];
    world.run_with(&arguments, table).ok();
    let mut fronts: Vec<String> = world
        .json_lines(&["card", "list"])
        .iter()
        .map(|card| card["front"][0]["text"].as_str().unwrap().to_owned())
        .collect();
    fronts.sort();
    assert_eq!(fronts, ["Peru, capital", "say \"hi\""]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let world = World::new();
    let file = world.file("words.csv", "uno,one\n");
    let report = world.json(&["import", &file, "--deck", "Spanish", "--dry-run"]);
    assert_eq!(
        (&report["applied"], &report["cards"]),
        (&json!(false), &json!(1))
    );
    let status = world.json(&["status"]);
    assert_eq!((&status["decks"], &status["cards"]), (&json!(0), &json!(0)));
    let human = world
        .run(&["import", &file, "--deck", "Spanish", "--dry-run"])
        .ok();
    assert!(
        human
            .stdout
            .starts_with("Would import 1 card into the deck Spanish."),
        "{human:?}"
    );
}

#[test]
fn files_that_cannot_be_imported_are_refused() {
    let world = World::new();
    world.deck("Spanish");
    let odd = world.file("words.doc", "uno\tone\n");
    assert_eq!(
        world
            .run(&["import", &odd, "--deck", "Spanish", "--json"])
            .error(2)["code"],
        "usage"
    );
    assert_eq!(
        world.json(&["import", &odd, "--deck", "Spanish", "--format", "tsv"])["cards"],
        1
    );
    assert_eq!(
        world
            .run(&["import", "gone.tsv", "--deck", "Spanish", "--json"])
            .error(3)["code"],
        "not_found"
    );
    let latin = world.file("latin.tsv", b"a\xe9\tb\n");
    let refused = world.run(&["import", &latin, "--deck", "Spanish"]);
    assert!(
        refused.code != 101 && !refused.stderr.contains("panicked"),
        "{refused:?}"
    );
}
