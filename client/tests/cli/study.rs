//! `study`, by pipe: every line is a key.

use std::io::{BufRead, BufReader, Write};
use std::process::Command;

use serde_json::{Value, json};

use crate::world::{World, start};

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

#[test]
fn a_session_for_a_person() {
    let world = World::new();
    let deck = world.deck("Capitals");
    world.card(&deck, "Capital of Peru?", "Lima");
    let session = world.run_with(&["study"], "?\nx\n\n\n").ok();
    assert_eq!(
        session
            .stdout
            .lines()
            .filter(|line| !line.contains("due 2"))
            .collect::<Vec<_>>(),
        [
            "",
            "Capitals - 1 new, 0 again, 0 due",
            "  Capital of Peru?",
            "  --",
            "  Lima",
            "",
            "1 answer: 1 good. All saved."
        ]
    );
    assert!(session.stdout.contains("  Box 1 -> 2, due "), "{session:?}");
    assert!(
        session.stderr.contains("again: not known"),
        "help: {session:?}"
    );
    assert!(session.stderr.contains("that is no key"), "{session:?}");
    let empty = world.run_with(&["study"], "\n").ok();
    assert_eq!(empty.stdout, "\nNothing more to study now.\n");
}

#[test]
fn every_answer_is_kept_when_the_input_ends() {
    let world = World::new();
    let deck = world.deck("Capitals");
    for number in 0..5 {
        world.card(
            &deck,
            &format!("question {number}"),
            &format!("answer {number}"),
        );
    }
    world.run_with(&["study"], "3\n\n4 d2\nhard\n").ok();
    assert_eq!(world.json(&["status"])["events"], 3);
    world.run_with(&["study"], "3\nq\n3\n").ok();
    assert_eq!(world.json(&["status"])["events"], 4);
    world.run(&["verify"]).ok();
}

#[test]
fn a_failed_card_comes_back_until_it_is_right() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let card = world.card(&deck, "Capital of Peru?", "Lima");
    let session = world.run_with(&["study", "--json"], "1\n3\n").ok();
    let told = lines(&session.stdout);
    let kinds: Vec<&str> = told
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "question", "answer", "reviewed", "question", "answer", "reviewed", "done"
        ]
    );
    assert_eq!(told[3]["card"], card.as_str());
    assert_eq!(
        told[3]["counts"],
        json!({ "new": 0, "learning": 1, "due": 0 })
    );
    assert_eq!(told[6]["answered"], 2);
    assert_eq!(told[6]["by_grade"], json!({ "again": 1, "good": 1 }));
    assert_eq!(
        world.json(&["card", "show", &card])["box"],
        1,
        "a repeat of the same session cannot promote"
    );
}

#[test]
fn undo_brings_the_card_back() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let card = world.card(&deck, "Capital of Peru?", "Lima");
    world.card(&deck, "Capital of Chad?", "N'Djamena");
    let session = world.run_with(&["study", "--json"], "u\n1\nu\n3\nq\n").ok();
    let told = lines(&session.stdout);
    let first = &told[0]["card"];
    let undone = told
        .iter()
        .position(|line| line["type"] == "undone")
        .expect("an undo");
    assert_eq!(told[undone + 1]["type"], "question");
    assert_eq!(&told[undone + 1]["card"], first);
    assert!(
        session.stderr.contains("no answer of this session"),
        "{session:?}"
    );
    let done = told.last().unwrap();
    assert_eq!((&done["answered"], &done["undone"]), (&json!(1), &json!(1)));
    let reviewed: Vec<Value> = world.json_lines(&["card", "list", "box:2"]);
    assert_eq!(reviewed.len(), 1);
    assert!(first == card.as_str() || reviewed[0]["id"] != card.as_str());
}

#[test]
fn a_deck_can_be_chosen() {
    let world = World::new();
    let (a, b) = (world.deck("A"), world.deck("B"));
    world.card(&a, "in a", "x");
    let card = world.card(&b, "in b", "x");
    let told = lines(
        &world
            .run_with(&["study", "--deck", "B", "--json"], "3\n")
            .ok()
            .stdout,
    );
    assert_eq!(told[0]["card"], card.as_str());
    assert_eq!(told.last().unwrap()["answered"], 1);
    assert_eq!(
        world.run(&["study", "--deck", "C", "--json"]).error(3)["code"],
        "not_found"
    );
}

#[test]
fn an_interrupted_session_keeps_its_answers() {
    let world = World::new();
    let deck = world.deck("Capitals");
    world.card(&deck, "Capital of Peru?", "Lima");
    world.card(&deck, "Capital of Chad?", "N'Djamena");
    let mut child = start(&mut world.command(&["study", "--json"]));
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"3\n").expect("it reads");
    let mut told = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let reviewed = told.find(|line| {
        line.as_ref()
            .is_ok_and(|line| line.contains("\"reviewed\""))
    });
    assert!(reviewed.is_some());
    let pid = child.id().to_string();
    let killed = Command::new("kill").args(["-INT", &pid]).status();
    assert!(killed.expect("kill exists").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(world.json(&["status"])["events"], 1);
    world.run(&["verify"]).ok();
}
