//! What is typed wrongly, help, version, and how the output behaves whatever the command.

use std::io::Read;

use crate::world::{World, start};

#[test]
fn wrong_usage_ends_with_2_and_shows_where_the_help_is() {
    let world = World::new();
    let id = "0198a0a0-0000-7000-8000-000000000000";
    let table: [(&[&str], &str, &str); 12] = [
        (
            &["frobnicate"],
            "unrecognized subcommand 'frobnicate'",
            "memoryvault --help",
        ),
        (&["deck"], "a command is missing", "memoryvault deck --help"),
        (
            &["deck", "add"],
            "the following required arguments were not provided: <NAME>",
            "memoryvault deck add --help",
        ),
        (
            &["deck", "add", "a", "--color", "red"],
            "unexpected argument '--color' found",
            "memoryvault deck add --help",
        ),
        (
            &["review", id, "perfect"],
            "invalid value 'perfect'",
            "memoryvault",
        ),
        (
            &["review", id, "good", "--difficulty", "6"],
            "6 is not in 1..=5",
            "memoryvault",
        ),
        (
            &["review", id, "good", "--at", "yesterday"],
            "`yesterday` is not a time",
            "memoryvault",
        ),
        (
            &["add", "--front", "x"],
            "--deck <DECK>",
            "memoryvault add --help",
        ),
        (
            &["add", "--deck", "x", "--alt", "y"],
            "--alt must stand after",
            "memoryvault add --help",
        ),
        (
            &["add", "--deck", "x", "--back", "y"],
            "a card needs something on its front",
            "memoryvault add",
        ),
        (
            &["card", "edit", id],
            "nothing to change was named",
            "memoryvault card edit --help",
        ),
        (
            &["status", "-q", "-v"],
            "cannot be used with",
            "memoryvault",
        ),
    ];
    for (arguments, words, hint) in table {
        let human = world.run(arguments);
        assert_eq!(
            (human.code, human.stdout.as_str()),
            (2, ""),
            "{arguments:?}"
        );
        if arguments != ["deck"] {
            assert!(human.stderr.starts_with("error: "), "{human:?}");
            assert!(human.stderr.contains(words), "{human:?}");
            assert!(
                human
                    .stderr
                    .lines()
                    .nth(1)
                    .is_some_and(|line| line.starts_with("hint: ")),
                "{human:?}"
            );
        }
        let error = world.run(&[&["--json"], arguments].concat()).error(2);
        assert_eq!(error["code"], "usage");
        assert!(
            error["message"].as_str().unwrap().contains(words),
            "{error}"
        );
        assert!(error["hint"].as_str().unwrap().contains(hint), "{error}");
    }
}

#[test]
fn help_and_version_are_data() {
    let world = World::bare();
    let version = world.run(&["--version"]).ok();
    assert_eq!(
        version.stdout,
        concat!("memoryvault ", env!("CARGO_PKG_VERSION"), "\n")
    );
    let help = world.run(&["--help"]).ok();
    for word in [
        "Exit codes: 0 done",
        "MEMORYVAULT_HOME",
        "conflicts",
        "import",
    ] {
        assert!(help.stdout.contains(word), "{help:?}");
    }
    assert!(
        world
            .run(&["help", "add"])
            .ok()
            .stdout
            .contains("--front-image <FILE>")
    );
    assert_eq!(world.run(&[]).code, 2);
}

#[test]
fn json_may_stand_anywhere() {
    let world = World::new();
    for arguments in [
        &["--json", "deck", "list"][..],
        &["deck", "--json", "list"],
        &["deck", "list", "--json"],
    ] {
        assert_eq!(world.run(arguments).ok().stdout, "");
    }
    world.run(&["deck", "add", "-q", "--", "--json"]).ok();
    let listed = world.json_lines(&["--json", "deck", "list"]);
    assert_eq!(listed[0]["name"], "--json");
}

#[test]
fn quiet_leaves_data_and_errors() {
    let world = World::new();
    let deck = world.deck("Capitals");
    let added = world
        .run(&["add", "-q", "--deck", &deck, "--front", "a", "--back", "b"])
        .ok();
    assert_eq!(added.stdout.trim().len(), 36, "the id alone: {added:?}");
    assert_eq!(added.stderr, "");
    let listed = world.run(&["card", "list", "-q"]).ok();
    assert_eq!(
        (listed.stdout.lines().count(), listed.stderr.as_str()),
        (1, "")
    );
    let failed = world.run(&["-q", "card", "show", "0198a0a0"]);
    assert!(
        failed.code == 3 && failed.stderr.starts_with("error: "),
        "{failed:?}"
    );
}

#[test]
fn a_reader_that_goes_away_ends_a_list_quietly() {
    let world = World::new();
    let deck = world.deck("Many");
    let rows: String = (0..3_000)
        .map(|row| format!("question number {row}\tanswer number {row}\n"))
        .collect();
    world
        .run_with(&["import", "-", "--format", "tsv", "--deck", &deck], &rows)
        .ok();
    let mut child = start(&mut world.command(&["card", "list", "--json"]));
    let mut first = [0; 10];
    child
        .stdout
        .take()
        .expect("a pipe")
        .read_exact(&mut first)
        .expect("some bytes");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_cards_say_does_not_steer_the_terminal() {
    let world = World::new();
    let deck = world.deck("Odd\u{1b}[31m");
    let card = world.card(&deck, "front \u{1b}]0;title\u{7}", "back\u{202e}");
    for arguments in [
        &["deck", "list"][..],
        &["card", "list"],
        &["card", "show", &card],
        &["study"],
        &["deck", "remove", &deck],
    ] {
        let answer = world.run_with(arguments, "\nq\n");
        let all = answer.stdout + &answer.stderr;
        assert!(
            !all.contains(['\u{1b}', '\u{7}', '\u{202e}']),
            "{arguments:?}: {all:?}"
        );
    }
}
