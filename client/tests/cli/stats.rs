//! `stats`.

use std::fs;

use serde_json::{Value, json};

use crate::world::World;

const CHARTS: [&str; 9] = [
    "calendar",
    "forecast",
    "boxes",
    "retention",
    "grades",
    "minutes",
    "hours",
    "forgetting",
    "devices",
];

#[test]
fn figures_follow_what_was_answered() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let other = world.deck("Words");
    let [peru, chile] = ["Peru", "Chile"].map(|front| world.card(&deck, front, "?"));
    let word = world.card(&other, "uno", "one");
    for (card, grade) in [(&peru, "good"), (&chile, "again"), (&word, "easy")] {
        world.run(&["review", card, grade]).ok();
    }
    let all = world.json(&["stats"]);
    assert_eq!(
        ["answers", "again", "good", "easy"].map(|key| all["today"][key].clone()),
        [json!(3), json!(1), json!(1), json!(1)]
    );
    assert_eq!(all["days_looked_back"], json!(365));
    assert_eq!(all["streak"]["current_days"], json!(1));
    assert_eq!(all["boxes"]["now"]["boxes"], json!([1, 2, 0, 0, 0]));
    assert_eq!(all["devices"][0]["name"], json!("desk"));
    world.run(&["undo"]).ok();
    let after = world.json(&["stats", "--deck", "capitals", "--days", "7"]);
    assert_eq!(
        (&after["cards"], &after["today"]["answers"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(world.json(&["stats"])["today"]["answers"], json!(2));
    let both = world.json(&["stats", "--deck", "Capitals", "--deck", "Words"]);
    assert_eq!(both["cards"], json!(3));
    world.run(&["deck", "remove", "Capitals", "--yes"]).ok();
    assert_eq!(world.json(&["stats"])["cards"], json!(1));
}

#[test]
fn a_person_gets_a_summary() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let card = world.card(&deck, "Peru", "Lima");
    world.run(&["review", &card, "good"]).ok();
    let told = world.run(&["stats"]).ok().stdout;
    for words in [
        "1 answer in",
        "1 day in a row",
        "Falling due",
        "box 2  1  █",
        "desk",
    ] {
        assert!(told.contains(words), "{words} in\n{told}");
    }
    assert!(!told.contains('\u{1b}'), "no colour where nobody looks");
    assert!(
        told.lines().all(|line| line.chars().count() <= 80),
        "{told}"
    );
    let empty = World::new().run(&["stats"]).ok().stdout;
    assert!(
        empty.contains("Nothing was answered in these days."),
        "{empty}"
    );
}

#[test]
fn charts_are_written_and_named() {
    let world = World::new();
    let deck = world.deck("Capitals");
    world.card(&deck, "Peru", "Lima");
    for _ in 0..2 {
        let told = world.run(&["stats", "--svg", "charts/new"]).ok().stdout;
        let files: Vec<String> = CHARTS
            .iter()
            .map(|name| {
                world
                    .home()
                    .join("charts/new")
                    .join(format!("{name}.svg"))
                    .display()
                    .to_string()
            })
            .collect();
        assert_eq!(told.lines().collect::<Vec<_>>(), files);
        for file in &files {
            assert!(
                fs::read_to_string(file).unwrap().starts_with("<svg "),
                "{file}"
            );
        }
    }
    // Nothing else is left in the folder.
    assert_eq!(
        fs::read_dir(world.home().join("charts/new"))
            .unwrap()
            .count(),
        CHARTS.len()
    );
    let json: Value = world.json(&["stats", "--svg", "charts"]);
    assert_eq!(json["files"].as_array().map(Vec::len), Some(CHARTS.len()));
    world.file("taken", "");
    let error = world.run(&["stats", "--svg", "taken", "--json"]).error(1);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("cannot be written"),
        "{error}"
    );
}

#[test]
fn wrong_wishes_are_refused() {
    let world = World::new();
    assert_eq!(world.run(&["stats", "--deck", "none"]).code, 3);
    for days in ["0", "3661", "many"] {
        assert_eq!(world.run(&["stats", "--days", days]).code, 2, "{days}");
    }
}
