//! What a person can get wrong on the command line: a clear word, the right exit code, and a vault as it was.

use tests::{Device, png, wav};

/// A vault with one deck and one card, to be found unchanged afterwards.
struct Desk {
    device: Device,
    deck: String,
    card: String,
    digest: String,
}

fn desk() -> Desk {
    let device = Device::new("phone");
    let deck = device.add_deck("Capitals");
    let card = device.add_card(&deck, "France", "Paris");
    let digest = device.digest();
    Desk {
        device,
        deck,
        card,
        digest,
    }
}

impl Desk {
    #[track_caller]
    fn unchanged(&self) {
        assert_eq!(self.device.digest(), self.digest);
        assert_eq!(self.device.count("blobs"), 0);
        self.device.verify_clean();
    }
}

#[test]
fn unknown_cards_and_decks_are_not_found() {
    let desk = desk();
    let nobody = "0198a0a0-0000-7000-8000-000000000000";
    for arguments in [
        &["card", "show", nobody][..],
        &["card", "edit", nobody, "--front", "x"],
        &["card", "remove", nobody, "--yes"],
        &["card", "why", nobody],
        &["review", nobody, "good"],
        &["add", "--deck", nobody, "--front", "x", "--back", "y"],
        &[
            "add",
            "--deck",
            "No such deck",
            "--front",
            "x",
            "--back",
            "y",
        ],
        &["deck", "rename", nobody, "x"],
        &["deck", "remove", nobody, "--yes"],
        &["import", "no-such-file.tsv", "--deck", &desk.deck],
    ] {
        desk.device.run(arguments).fails_with(3);
    }
    desk.unchanged();
}

#[test]
fn wrong_usage_is_said_with_2() {
    let desk = desk();
    for arguments in [
        &["no-such-command"][..],
        &["review", &desk.card, "perfect"],
        &["review", &desk.card, "good", "--difficulty", "6"],
        &["review", &desk.card, "good", "--at", "yesterday"],
        &["card", "show", "not-an-id"],
        &["add", "--deck", &desk.deck],
    ] {
        let answer = desk.device.run(arguments);
        assert!([2, 3].contains(&answer.code), "{answer:?}");
        answer.clone().fails_with(answer.code);
    }
    desk.unchanged();
}

#[test]
fn damaged_and_disguised_media_are_refused() {
    let desk = desk();
    let (picture, sound) = (png(1), wav(1, 100));
    let cases: &[(&str, &str, Vec<u8>)] = &[
        (
            "a picture under a sound's name",
            "flag.mp3",
            picture.clone(),
        ),
        ("a sound under a picture's name", "name.png", sound.clone()),
        ("a PNG called JPEG", "flag.jpg", picture.clone()),
        (
            "text called a picture",
            "words.png",
            b"these are words".to_vec(),
        ),
        (
            "a page called a picture",
            "page.gif",
            b"<html></html>".to_vec(),
        ),
        ("an empty file", "empty.png", Vec::new()),
        (
            "a picture cut in its header",
            "cut.png",
            picture[..20].to_vec(),
        ),
        ("a sound cut in its header", "cut.wav", sound[..30].to_vec()),
        (
            "a picture over the limit",
            "huge.png",
            [picture, vec![0; 10_000_001]].concat(),
        ),
    ];
    for (what, name, bytes) in cases {
        let file = desk.device.file(name, bytes);
        let path = file.to_str().unwrap();
        for option in ["--front-image", "--front-audio"] {
            let answer = desk.device.run(&[
                "add", "--deck", &desk.deck, option, path, "--alt", "x", "--back", "y",
            ]);
            assert!(
                answer.code > 0 && answer.code != 101,
                "{what} with {option}: {answer:?}"
            );
            assert!(
                answer.stderr.contains(name),
                "{what}: the message names the file: {answer:?}"
            );
        }
    }
    let gone = desk.device.run(&[
        "add",
        "--deck",
        &desk.deck,
        "--front-image",
        "gone.png",
        "--alt",
        "x",
        "--back",
        "y",
    ]);
    gone.fails_with(3);
    desk.unchanged();
}

#[test]
fn a_vault_that_is_not_there_is_said_and_not_made() {
    let device = Device::without_vault("phone");
    for arguments in [
        &["status"][..],
        &["sync"],
        &["deck", "add", "x"],
        &["verify"],
    ] {
        let answer = device.run(arguments).fails_with(3);
        assert!(
            answer.stderr.contains("init"),
            "the message says what to do: {answer:?}"
        );
    }
    assert!(!device.vault().exists());
}

#[test]
fn init_over_a_vault_leaves_it_alone() {
    let desk = desk();
    let again = desk.device.run(&["init", "--name", "other"]);
    assert_ne!(again.code, 0, "{again:?}");
    desk.unchanged();
}

#[test]
fn removing_asks_first() {
    let desk = desk();
    // No terminal and no --yes: nothing is removed.
    let asked = desk.device.run(&["card", "remove", &desk.card]);
    assert_ne!(asked.code, 0, "{asked:?}");
    assert!(asked.stderr.contains("--yes"), "{asked:?}");
    desk.unchanged();
}

#[test]
fn a_damaged_store_is_named_and_nothing_else_is_touched() {
    let desk = desk();
    let file = desk.device.file("flag.png", &png(5));
    let device = &desk.device;
    device.add(&[
        "--deck",
        &desk.deck,
        "--front-image",
        file.to_str().unwrap(),
        "--alt",
        "flag",
        "--back",
        "x",
    ]);
    let hash = blake3::hash(&png(5)).to_hex();
    let path = device
        .vault()
        .join("blobs")
        .join(&hash[..2])
        .join(hash.as_str());
    let mut bytes = png(5);
    bytes[50] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let found = device.run(&["verify"]).fails_with(8);
    assert!(
        found.all().contains(hash.as_str()),
        "verify names what is damaged: {found:?}"
    );
    assert_eq!(device.count("cards"), 2);
    // Adding the picture again heals it.
    device.add(&[
        "--deck",
        &desk.deck,
        "--front-image",
        file.to_str().unwrap(),
        "--alt",
        "flag",
        "--back",
        "x",
    ]);
    device.verify_clean();
}
