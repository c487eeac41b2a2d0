//! Each row of what Anki loses without a word, with the opposite outcome.

use tests::{Device, Server, number, png, settle, side_texts, tags, text};

/// Two devices of one account that agree, with one deck and some cards in it.
struct Pair {
    _server: Server,
    phone: Device,
    laptop: Device,
    deck: String,
    cards: Vec<String>,
}

fn pair(cards: usize) -> Pair {
    let server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    let cards = (0..cards)
        .map(|n| phone.add_card(&deck, &format!("front {n}"), &format!("back {n}")))
        .collect();
    phone.sync();
    laptop.login(&server.url(), "ada");
    settle(&[&phone, &laptop]);
    Pair {
        _server: server,
        phone,
        laptop,
        deck,
        cards,
    }
}

impl Pair {
    #[track_caller]
    fn settle(&self) {
        settle(&[&self.phone, &self.laptop]);
        self.phone.verify_clean();
        self.laptop.verify_clean();
    }
}

#[test]
fn different_fields_and_tags_of_one_card_all_stay() {
    let pair = pair(1);
    let card = &pair.cards[0];
    pair.phone
        .edit(card, &["--front", "from the phone", "--tag", "phone"]);
    pair.laptop
        .edit(card, &["--back", "from the laptop", "--tag", "laptop"]);
    pair.settle();
    let shown = pair.phone.show(card);
    assert_eq!(side_texts(&shown, "front"), ["from the phone"]);
    assert_eq!(side_texts(&shown, "back"), ["from the laptop"]);
    assert_eq!(tags(&shown), ["laptop", "phone"]);
    assert_eq!(
        pair.phone.count("conflicts"),
        0,
        "different fields are no conflict"
    );
}

#[test]
fn a_tag_added_here_and_one_removed_there() {
    let pair = pair(1);
    let card = &pair.cards[0];
    pair.phone.edit(card, &["--tag", "old", "--tag", "kept"]);
    pair.settle();
    pair.phone.edit(card, &["--untag", "old"]);
    pair.laptop.edit(card, &["--tag", "new"]);
    pair.settle();
    assert_eq!(tags(&pair.laptop.show(card)), ["kept", "new"]);
}

#[test]
fn the_same_cards_reviewed_on_both_keep_both_answers() {
    let pair = pair(3);
    let [both_right, mixed, other_mixed] = [&pair.cards[0], &pair.cards[1], &pair.cards[2]];
    pair.phone.review(both_right, "good");
    pair.laptop.review(both_right, "good");
    pair.phone.review(mixed, "good");
    pair.laptop.review(mixed, "again");
    pair.laptop.review(other_mixed, "good");
    pair.phone.review(other_mixed, "again");
    pair.settle();
    for (card, box_number) in [(both_right, 2), (mixed, 1), (other_mixed, 1)] {
        let shown = pair.laptop.show(card);
        assert_eq!(number(&shown, "reviews"), 2, "no answer is dropped");
        assert_eq!(
            number(&shown, "box"),
            box_number,
            "right and wrong on one day is wrong, whoever came last: {shown}"
        );
        assert_eq!(shown, pair.phone.show(card));
    }
    assert_eq!(pair.phone.count("events"), 6);
}

#[test]
fn edits_of_one_field_at_the_same_moment_agree_and_show_both() {
    let pair = pair(1);
    let card = &pair.cards[0];
    let edits = [
        (&pair.phone, "phone's text"),
        (&pair.laptop, "laptop's text"),
    ];
    std::thread::scope(|scope| {
        for (device, words) in edits {
            scope.spawn(move || device.edit(card, &["--front", words]));
        }
    });
    pair.settle();
    for device in [&pair.phone, &pair.laptop] {
        assert_eq!(device.count("conflicts"), 1);
        let listed = device.run(&["conflicts", "list"]).ok();
        for (_, words) in edits {
            assert!(
                listed.stdout.contains(words),
                "both values are shown: {listed:?}"
            );
        }
    }
    let conflict = pair
        .phone
        .run(&["conflicts", "list"])
        .ok()
        .json_lines()
        .remove(0);
    let id = text(&conflict, "id").to_owned();
    pair.phone.run(&["conflicts", "pick", &id, "2"]).ok();
    pair.settle();
    let chosen = pair.laptop.side(card, "front");
    assert_eq!(chosen, pair.phone.side(card, "front"));
    assert!(
        edits.iter().any(|(_, words)| chosen == [*words]),
        "{chosen:?}"
    );
    assert_eq!(pair.laptop.count("conflicts"), 0);
}

#[test]
fn a_delete_against_an_edit_keeps_the_edited_card() {
    let pair = pair(2);
    let (card, other) = (&pair.cards[0], &pair.cards[1]);
    pair.phone.run(&["card", "remove", card, "--yes"]).ok();
    pair.laptop
        .edit(card, &["--front", "edited without knowing"]);
    pair.settle();
    assert_eq!(pair.phone.side(card, "front"), ["edited without knowing"]);

    pair.laptop.edit(other, &["--front", "edited and known"]);
    pair.settle();
    pair.phone.run(&["card", "remove", other, "--yes"]).ok();
    pair.settle();
    assert_eq!(
        pair.laptop.count("cards"),
        1,
        "a delete made after seeing the edit deletes"
    );
    pair.laptop.run(&["card", "show", other]).fails_with(3);
    pair.laptop.run(&["card", "restore", other]).ok();
    pair.settle();
    assert_eq!(
        pair.phone.side(other, "front"),
        ["edited and known"],
        "what was removed can be taken back"
    );
}

#[test]
fn a_deck_removed_here_and_written_there_stays() {
    let pair = pair(1);
    pair.phone
        .run(&["deck", "remove", &pair.deck, "--yes"])
        .ok();
    let added = pair.laptop.add_card(&pair.deck, "new", "card");
    pair.laptop
        .run(&["deck", "rename", &pair.deck, "Capitals of the world"])
        .ok();
    pair.settle();
    assert_eq!(pair.phone.count("decks"), 1);
    assert_eq!(pair.phone.side(&added, "front"), ["new"]);
}

#[test]
fn a_rename_against_a_review_keeps_both() {
    let pair = pair(1);
    let card = &pair.cards[0];
    pair.phone
        .run(&["deck", "rename", &pair.deck, "Renamed"])
        .ok();
    pair.laptop.review(card, "good");
    pair.laptop.edit(card, &["--tag", "later"]);
    pair.settle();
    for device in [&pair.phone, &pair.laptop] {
        assert!(
            device
                .run(&["deck", "list"])
                .ok()
                .stdout
                .contains("Renamed")
        );
        let shown = device.show(card);
        assert_eq!((number(&shown, "reviews"), number(&shown, "box")), (1, 2));
        assert_eq!(tags(&shown), ["later"]);
    }
}

#[test]
fn two_renames_of_a_deck_are_both_shown() {
    let pair = pair(1);
    pair.phone
        .run(&["deck", "rename", &pair.deck, "Cities"])
        .ok();
    pair.laptop
        .run(&["deck", "rename", &pair.deck, "Towns"])
        .ok();
    pair.settle();
    for device in [&pair.phone, &pair.laptop] {
        let listed = device.run(&["conflicts", "list"]).ok().stdout;
        assert!(
            listed.contains("Cities") && listed.contains("Towns"),
            "{listed}"
        );
    }
}

#[test]
fn an_undo_here_leaves_the_other_devices_answer() {
    let pair = pair(1);
    let card = &pair.cards[0];
    pair.phone.review(card, "again");
    pair.laptop.review(card, "good");
    pair.phone.run(&["undo"]).ok();
    pair.settle();
    let shown = pair.laptop.show(card);
    assert_eq!((number(&shown, "reviews"), number(&shown, "box")), (1, 2));
}

#[test]
fn a_bulk_add_here_and_ten_typed_there_all_stay() {
    const BULK: usize = 2_000;
    let pair = pair(0);
    let rows: String = (0..BULK)
        .map(|n| format!("bulk front {n}\tbulk back {n}\n"))
        .collect();
    let file = pair.phone.file("bulk.tsv", rows.as_bytes());
    pair.phone
        .run(&["import", file.to_str().unwrap(), "--deck", &pair.deck])
        .ok();
    let typed: Vec<String> = (0..10)
        .map(|n| pair.laptop.add_card(&pair.deck, &format!("typed {n}"), "x"))
        .collect();
    pair.settle();
    for device in [&pair.phone, &pair.laptop] {
        let cards = device.cards();
        assert_eq!(cards.len(), BULK + 10);
        for id in &typed {
            assert!(cards.iter().any(|card| text(card, "id") == id));
        }
    }
}

#[test]
fn one_file_name_with_two_contents_is_two_pictures() {
    let pair = pair(0);
    let cards: Vec<String> = [(&pair.phone, 1), (&pair.laptop, 2)]
        .into_iter()
        .map(|(device, seed)| {
            let file = device.file("flag.png", &png(seed));
            device.add(&[
                "--deck",
                &pair.deck,
                "--front-image",
                file.to_str().unwrap(),
                "--alt",
                "flag",
                "--back",
                "x",
            ])
        })
        .collect();
    pair.settle();
    for device in [&pair.phone, &pair.laptop] {
        assert_eq!(
            (device.count("blobs"), device.count("blobs_missing")),
            (2, 0)
        );
        for (card, seed) in cards.iter().zip([1, 2]) {
            let hash = text(&device.show(card)["front"][0], "blob").to_owned();
            assert_eq!(device.blob(&hash).unwrap(), png(seed));
        }
    }
}

#[test]
fn a_picture_edited_in_place_and_added_again_arrives() {
    let pair = pair(0);
    let add = |seed: u64| {
        let file = pair.phone.file("flag.png", &png(seed));
        pair.phone.add(&[
            "--deck",
            &pair.deck,
            "--front-image",
            file.to_str().unwrap(),
            "--alt",
            "flag",
            "--back",
            "x",
        ])
    };
    let first = add(1);
    pair.settle();
    let second = add(2);
    pair.settle();
    for (card, seed) in [(&first, 1), (&second, 2)] {
        let hash = text(&pair.laptop.show(card)["front"][0], "blob").to_owned();
        assert_eq!(pair.laptop.blob(&hash).unwrap(), png(seed));
    }
}

#[test]
fn the_same_picture_under_another_name_is_neither_sent_nor_stored_again() {
    let pair = pair(0);
    for (device, name) in [(&pair.phone, "a.png"), (&pair.laptop, "b.png")] {
        let file = device.file(name, &png(1));
        device.add(&[
            "--deck",
            &pair.deck,
            "--front-image",
            file.to_str().unwrap(),
            "--alt",
            "flag",
            "--back",
            "x",
        ]);
    }
    assert_eq!(number(&pair.phone.sync(), "blobs_sent"), 1);
    assert_eq!(number(&pair.laptop.sync(), "blobs_sent"), 0);
    pair.settle();
    assert_eq!(pair.phone.count("blobs"), 1);
}

#[test]
fn a_structural_change_here_and_work_there_all_stay() {
    let pair = pair(20);
    pair.phone
        .run(&["deck", "rename", &pair.deck, "Structured"])
        .ok();
    let second = pair.phone.add_deck("Second");
    for card in &pair.cards[..5] {
        pair.phone.edit(card, &["--tag", "new-tag"]);
    }
    let by_phone: Vec<String> = (0..3)
        .map(|n| pair.phone.add_card(&second, &format!("phone {n}"), "x"))
        .collect();
    for card in &pair.cards {
        pair.laptop.review(card, "good");
    }
    let by_laptop: Vec<String> = (0..5)
        .map(|n| {
            pair.laptop
                .add_card(&pair.deck, &format!("laptop {n}"), "x")
        })
        .collect();
    pair.settle();
    for device in [&pair.phone, &pair.laptop] {
        let status = device.status();
        assert_eq!(
            (
                number(&status, "decks"),
                number(&status, "cards"),
                number(&status, "events")
            ),
            (2, 28, 20)
        );
        for card in by_phone.iter().chain(&by_laptop) {
            device.show(card);
        }
        assert_eq!(tags(&device.show(&pair.cards[0])), ["new-tag"]);
    }
}

#[test]
fn two_devices_that_sync_at_once_both_succeed() {
    let pair = pair(1);
    for round in 0..5 {
        for device in [&pair.phone, &pair.laptop] {
            device.add_card(&pair.deck, &format!("{} {round}", device.name()), "x");
            device.review(&pair.cards[0], "good");
        }
        std::thread::scope(|scope| {
            for device in [&pair.phone, &pair.laptop] {
                scope.spawn(move || device.sync());
            }
        });
    }
    pair.settle();
    assert_eq!(
        (pair.phone.count("cards"), pair.phone.count("events")),
        (11, 10)
    );
}

#[test]
fn a_clock_four_minutes_fast_does_not_win_by_being_fast() {
    let pair = pair(2);
    let (card, edited) = (&pair.cards[0], &pair.cards[1]);
    // The phone's clock is four minutes ahead: what it does first carries the later time.
    pair.phone.review_at(card, "again", "2026-03-01T12:04:00Z");
    pair.phone
        .edit(edited, &["--front", "older, by the fast clock"]);
    pair.settle();
    pair.laptop.edit(edited, &["--front", "newer"]);
    pair.laptop.review_at(card, "good", "2026-03-01T12:01:00Z");
    pair.settle();
    assert_eq!(
        pair.phone.side(edited, "front"),
        ["newer"],
        "the edit made after seeing the other stays"
    );
    let shown = pair.phone.show(card);
    assert_eq!(
        (number(&shown, "reviews"), number(&shown, "box")),
        (2, 1),
        "both answers count, the wrong one decides: {shown}"
    );
    // An undo takes back one's own last step, not the one with the highest time.
    pair.laptop.run(&["undo"]).ok();
    pair.settle();
    let shown = pair.phone.show(card);
    assert_eq!((number(&shown, "reviews"), number(&shown, "box")), (1, 1));
    assert_eq!(pair.phone.count("conflicts"), 0);
}
