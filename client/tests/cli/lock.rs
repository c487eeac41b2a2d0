//! Two processes and one vault.

use std::io::{BufRead, BufReader, Write};

use crate::world::{World, finish, start};

#[test]
fn a_short_command_waits_for_another_one() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let commands: Vec<_> = (0..6)
        .map(|number| {
            let front = format!("question {number}");
            start(&mut world.command(&[
                "add", "--deck", &deck, "--front", &front, "--back", "x", "--json",
            ]))
        })
        .collect();
    for child in commands {
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert_eq!(world.json(&["status"])["cards"], 6);
}

#[test]
fn others_work_while_somebody_studies() {
    let world = World::new();
    let deck = world.deck("Capitals");
    world.card(&deck, "Capital of Peru?", "Lima");
    let mut study = start(&mut world.command(&["study", "--json"]));
    let mut lines = BufReader::new(study.stdout.take().expect("a pipe"));
    let mut question = String::new();
    lines.read_line(&mut question).expect("a question");
    // Someone sits before that card for as long as they like: nobody waits for them.
    world.card(&deck, "Capital of Chile?", "Santiago");
    assert_eq!(world.json_lines(&["deck", "list"])[0]["cards"], 2);
    // Only what would replace the vault under them names who has it.
    let error = finish(world.command(&["verify", "--repair", "--json"]), "").error(1);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("memoryvault study"), "{error}");
    assert!(message.contains(&study.id().to_string()), "{error}");
    study
        .stdin
        .take()
        .expect("a pipe")
        .write_all(b"q\n")
        .expect("it reads");
    assert_eq!(study.wait().expect("it ends").code(), Some(0));
    world.run(&["deck", "list"]).ok();
}
