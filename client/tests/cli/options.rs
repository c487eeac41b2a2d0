//! `deck options`, `card bulk`, `card bury|due|reset`, `study --tag|--ahead|--cram`: what a person and a program are told.

use crate::world::World;

#[test]
fn a_scheduler_is_tried_chosen_and_left_again() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let card = world.card(&deck, "Capital of Peru?", "Lima");
    for day in ["01", "03", "07"] {
        let at = format!("2026-03-{day}T09:30:00Z");
        world.run(&["review", &card, "good", "--at", &at]);
    }
    let before = world.json(&["card", "show", &card]);
    let options = ["deck", "options", "Capitals", "--scheduler"];
    let with = |more: &[&'static str]| -> Vec<&'static str> {
        options
            .iter()
            .copied()
            .chain(more.iter().copied())
            .collect()
    };
    let preview = world.json(&with(&["fsrs", "--preview"]));
    assert_eq!(
        (&preview["cards"], &preview["moved"]),
        (&1.into(), &1.into())
    );
    assert_eq!(world.json(&["card", "show", &card]), before);
    let chosen = world.json(&with(&["fsrs", "--retention", "0.85"]));
    assert_eq!(chosen["scheduler"], "fsrs");
    assert_eq!(chosen["retention_permille"], 850);
    let told = world.run(&["card", "why", &card]).stdout;
    assert!(told.contains("has fallen to 85 % then"), "{told}");
    // An option of another scheduler is no silent change of it.
    let wrong = world.run(&["deck", "options", "Capitals", "--lapse", "back-one"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("--scheduler leitner"), "{wrong:?}");
    let back = world.json(&with(&["default"]));
    assert_eq!(back["own_scheduler"], false);
    assert_eq!(
        world.json(&["card", "show", &card])["due_day"],
        before["due_day"]
    );
    for bad in ["1.5", "0.5", "x"] {
        assert_eq!(
            world.run(&["deck", "options", "--retention", bad]).code,
            2,
            "{bad}"
        );
    }
    assert_eq!(
        world
            .run(&["deck", "options", "Capitals", "--boxes", "1,2,0,8,16"])
            .code,
        2
    );
}

#[test]
fn cards_are_changed_together_and_back_in_one_step() {
    let world = World::new();
    let deck = world.deck("Capitals");
    for n in 0..3 {
        world.card(&deck, &format!("colour {n}"), "x");
    }
    world.card(&deck, "other", "y");
    let bulk = [
        "card",
        "bulk",
        "colour",
        "--find",
        "colour",
        "--replace",
        "color",
        "--tag",
        "us",
    ];
    let asked = world.run(&bulk);
    assert_eq!(asked.code, 4, "{asked:?}");
    let dry: Vec<&str> = bulk.iter().copied().chain(["--dry-run"]).collect();
    assert_eq!(
        world.run(&dry).stdout,
        "Would change 3 cards of 3 chosen.\n"
    );
    let sure: Vec<&str> = bulk.iter().copied().chain(["--yes"]).collect();
    assert_eq!(world.run(&sure).stdout, "Changed 3 cards of 3 chosen.\n");
    let count = |query: &str| world.run(&["card", "list", query]).stdout.lines().count();
    assert_eq!(
        (count("color"), count("tag:us"), count("colour")),
        (3, 3, 0)
    );
    assert_eq!(
        world.run(&["undo"]).stdout,
        "Took back: replaced \"colour\" by \"color\" in 3 cards.\n"
    );
    assert_eq!(
        (count("color"), count("tag:us"), count("colour")),
        (0, 0, 3)
    );
    assert_eq!(world.run(&["card", "bulk", "colour"]).code, 2);
    assert_eq!(
        world
            .run(&["card", "bulk", "colour", "--flag", "9", "--yes"])
            .code,
        2
    );
}

#[test]
fn a_card_is_placed_by_hand() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let card = world.card(&deck, "Capital of Peru?", "Lima");
    world.check(&[
        (
            &["card", "bury", &card],
            0,
            "The card \"Capital of Peru?\" was put off until tomorrow.\nIt waits among the new cards.\n",
            "",
        ),
        (
            &["card", "due", &card, "+3"],
            0,
            "The card \"Capital of Peru?\" was given a due day.\nIt is in box 1, due DAY.\n",
            "",
        ),
        (
            &["card", "reset", &card],
            0,
            "The card \"Capital of Peru?\" was started anew.\nIt waits among the new cards.\n",
            "",
        ),
    ]);
    assert_eq!(world.run(&["card", "due", &card, "soon"]).code, 2);
}
