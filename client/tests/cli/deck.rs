//! `deck add|list|rename|remove|restore`.

use crate::world::World;

#[test]
fn decks_for_a_person() {
    let world = World::new();
    world.check(&[
        (
            &["deck", "list"],
            0,
            "",
            "There is no deck yet: memoryvault deck add NAME\n",
        ),
        (
            &["deck", "add", "Capitals of Europe"],
            0,
            "ID1\n",
            "Added the deck Capitals of Europe.\n",
        ),
        (
            &["deck", "add", "日本"],
            0,
            "ID2\n",
            "Added the deck 日本.\n",
        ),
        (
            &["add", "--deck", "日本", "--front", "a", "--back", "b"],
            0,
            "ID3\n",
            "Added a card.\n",
        ),
        (
            &["deck", "list"],
            0,
            "DECK                CARDS  NEW  DUE  ID\n\
             Capitals of Europe      0    0    0  ID1\n\
             日本                    1    1    0  ID2\n",
            "",
        ),
        (
            &["deck", "rename", "日本", "Japan"],
            0,
            "The deck is called Japan now.\n",
            "",
        ),
        (
            &["deck", "remove", "Japan"],
            4,
            "",
            "error: not done without your word: remove the deck Japan with 1 card?\nhint: memoryvault deck remove ID2 --yes\n",
        ),
        (
            &["deck", "remove", "Japan", "--yes"],
            0,
            "Removed the deck Japan with 1 card.\n",
            "It can come back: memoryvault deck restore ID2\n",
        ),
        (
            &["deck", "list"],
            0,
            "DECK                CARDS  NEW  DUE  ID\nCapitals of Europe      0    0    0  ID1\n",
            "",
        ),
        (&["deck", "restore", "Japan"], 0, "The deck is back.\n", ""),
        (
            &["deck", "rename", "Nowhere", "x"],
            3,
            "",
            "error: there is no deck `Nowhere`\nhint: memoryvault deck list\n",
        ),
    ]);
}

#[test]
fn decks_for_a_program() {
    let world = World::new();
    let deck = world.deck("Capitals");
    assert_eq!(
        world
            .run(&["deck", "list", "--json"])
            .ok()
            .stdout
            .lines()
            .count(),
        1
    );
    let listed = world.json_lines(&["deck", "list"]);
    assert_eq!(listed[0]["id"], deck.as_str());
    assert_eq!(listed[0]["name"], "Capitals");
    assert_eq!(
        (&listed[0]["cards"], &listed[0]["removed"]),
        (&0.into(), &false.into())
    );
    assert_eq!(
        world.json(&["deck", "rename", "capitals", "Cities"])["name"],
        "Cities"
    );
    assert_eq!(
        world.run(&["deck", "remove", &deck, "--json"]).error(4)["code"],
        "choice_needed"
    );
    assert_eq!(
        world.json(&["deck", "remove", &deck, "--yes"])["removed"],
        true
    );
    assert_eq!(
        world.json_lines(&["deck", "list", "--removed"])[0]["id"],
        deck.as_str()
    );
    assert_eq!(
        world.json(&["deck", "restore", &deck[..13]])["restored"],
        true
    );
    assert_eq!(world.json(&["status"])["decks"], 1);
}

#[test]
fn a_name_must_be_one() {
    let world = World::new();
    for name in ["", "   "] {
        assert_eq!(
            world.run(&["deck", "add", name, "--json"]).error(2)["code"],
            "usage"
        );
    }
    let long = "x".repeat(10_000);
    let refused = world.run(&["deck", "add", &long]);
    assert!([2, 5].contains(&refused.code), "{}", refused.code);
    assert_eq!(world.json(&["status"])["decks"], 0);
}
