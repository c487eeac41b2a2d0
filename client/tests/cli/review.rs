//! `review` and `undo`.

use serde_json::json;

use crate::world::World;

#[test]
fn answers_move_a_card_and_can_be_taken_back() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let card = world.card(&deck, "Capital of Peru?", "Lima");
    world.check(&[
        (
            &["review", &card, "good", "--at", "2026-03-01T09:30:00Z"],
            0,
            "Box 1 -> 2, due DAY.\n",
            "",
        ),
        (
            &["review", &card, "good", "--at", "2026-03-01T10:30:00Z"],
            0,
            "Stays in box 2, due DAY.\n",
            "",
        ),
        (
            &["review", &card, "again", "--at", "2026-03-03T09:30:00Z"],
            0,
            "Box 2 -> 1, due DAY.\n",
            "",
        ),
        (
            &["undo"],
            0,
            "Took back: answered again to the card \"Capital of Peru?\".\nThe card is in box 2, due DAY.\n",
            "",
        ),
        (
            &["undo", "2"],
            0,
            "Took back: answered good to the card \"Capital of Peru?\".\nThe card is in box 2, due DAY.\n\
             Took back: answered good to the card \"Capital of Peru?\".\nThe card is in box 1, due now.\n",
            "",
        ),
        (
            &["redo"],
            0,
            "Made again: answered good to the card \"Capital of Peru?\".\nThe card is in box 2, due DAY.\n",
            "",
        ),
        (
            &["undo"],
            0,
            "Took back: answered good to the card \"Capital of Peru?\".\nThe card is in box 1, due now.\n",
            "",
        ),
    ]);
    assert_eq!(world.json(&["card", "show", &card])["reviews"], 0);
    let steps = world.run(&["undo", "--list"]).stdout;
    let words: Vec<&str> = steps
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(_, words)| words)
        .collect();
    assert_eq!(words, ["added a card", "added the deck Capitals"]);
    world.run(&["undo", "9"]);
    let nothing = world.run(&["undo", "--json"]);
    assert_eq!(nothing.code, 3);
    assert!(nothing.stderr.contains("taken back"), "{nothing:?}");
}

#[test]
fn a_program_gets_the_event_and_the_new_state() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let card = world.card(&deck, "Capital of Peru?", "Lima");
    let at = "2026-03-01T23:30:00-05:00";
    let answer = [
        "review",
        &card,
        "easy",
        "--at",
        at,
        "--difficulty",
        "2",
        "--response-ms",
        "2500",
    ];
    let reviewed = world.json(&answer);
    assert_eq!(reviewed["card"], card.as_str());
    assert_eq!(
        (&reviewed["box"], &reviewed["due_day"]),
        (&json!(2), &json!("2026-03-03"))
    );
    assert_eq!(reviewed["event"].as_str().map(str::len), Some(36));
    let undone = world.json(&["undo"]);
    assert_eq!(undone["event"], reviewed["event"]);
    assert_eq!(undone["box"], 1);
}

#[test]
fn a_card_that_is_not_there_is_not_reviewed() {
    let world = World::new();
    let error = world
        .run(&[
            "review",
            "0198a0a0-0000-7000-8000-000000000000",
            "good",
            "--json",
        ])
        .error(3);
    assert_eq!(error["hint"], "memoryvault card list");
    assert_eq!(world.json(&["status"])["events"], 0);
}
