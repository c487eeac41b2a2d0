//! One vault, several processes: while `sync --watch` or `study` has the vault, every other command works and says the
//! same, byte for byte, as when nobody has it.

use serde_json::Value;
use tests::{Device, PASSWORD, Running, Server, agree, number, png, text};

/// A command line and its stdin; `{deck}` and `{card}` stand for ids.
type Typed = (&'static [&'static str], &'static str);

/// Every command that needs no server, with what goes well and what does not.
const AT_HOME: &[Typed] = &[
    (&["deck", "list"], ""),
    (&["deck", "add", "Spanish"], ""),
    (&["deck", "add", ""], ""),
    (&["-q", "deck", "add", "Old"], ""),
    (&["deck", "list"], ""),
    (&["deck", "rename", "Old", "Older"], ""),
    (&["deck", "rename", "Nowhere", "x"], ""),
    (&["deck", "remove", "Older"], ""),
    (&["deck", "remove", "Older", "--yes"], ""),
    (&["deck", "list", "--removed"], ""),
    (&["deck", "restore", "Older"], ""),
    (
        &[
            "add", "--deck", "Spanish", "--front", "uno", "--back", "one", "--tag", "a",
        ],
        "",
    ),
    (
        &["add", "--deck", "Spanish", "--front", "-", "--back", "two"],
        "dos\n",
    ),
    (
        &[
            "add",
            "--deck",
            "Spanish",
            "--front-image",
            "flag.png",
            "--alt",
            "flag",
            "--back",
            "x",
        ],
        "",
    ),
    (
        &["add", "--deck", "Spanish", "--front-image", "gone.png"],
        "",
    ),
    (&["add", "--deck", "Spanish", "--back", "no front"], ""),
    (&["add", "--deck", "Nowhere", "--front", "x"], ""),
    (&["import", "words.tsv", "--deck", "Spanish"], ""),
    (&["import", "gone.tsv", "--deck", "Spanish"], ""),
    (
        &["import", "-", "--deck", "Piped", "--format", "csv"],
        "rojo,red\nalone\n",
    ),
    (&["import", "words.tsv", "--deck", "Dry", "--dry-run"], ""),
    (&["card", "list"], ""),
    (&["-v", "card", "list", "deck:Spanish", "uno"], ""),
    (&["card", "list", "is:sleepy"], ""),
    (&["card", "show", "{card}"], ""),
    (&["card", "show", "ffff"], ""),
    (
        &["card", "edit", "{card}", "--back", "eins", "--tag", "b"],
        "",
    ),
    (&["card", "edit", "{card}"], ""),
    (&["review", "{card}", "good", "--difficulty", "2"], ""),
    (
        &["review", "{card}", "again", "--at", "2026-03-01T09:30:00Z"],
        "",
    ),
    (&["card", "why", "{card}"], ""),
    (&["undo"], ""),
    (&["undo"], ""),
    (&["undo"], ""),
    (&["study"], "\n3\n1 d4\nu\n?\nx\nq\n"),
    (&["study", "--deck", "Piped"], "3\n3\n"),
    (&["study", "--deck", "Nowhere"], ""),
    (&["card", "remove", "{card}"], ""),
    (&["card", "remove", "{card}", "--yes"], ""),
    (&["card", "show", "{card}"], ""),
    (&["card", "restore", "{card}"], ""),
    (&["conflicts", "list"], ""),
    (&["conflicts", "pick", "nothing", "1"], ""),
    (&["status"], ""),
    (&["verify"], ""),
    (&["verify", "--rebuild"], ""),
    (&["init"], ""),
    (&["sync"], ""),
    (&["account", "usage"], ""),
    (&["account", "logout"], ""),
    (&["account", "login", "not an address", "--user", "x"], ""),
    (
        &["account", "login", "http://127.0.0.1:1", "--user", "x"],
        "",
    ),
    (
        &[
            "account",
            "login",
            "http://127.0.0.1:1",
            "--user",
            "x",
            "--password-stdin",
        ],
        "a long password\n",
    ),
    (&["no-such-command"], ""),
];

/// Commands of a device that is in step with its server.
const IN_STEP: &[Typed] = &[
    (&["sync"], ""),
    (&["-v", "sync"], ""),
    (&["-q", "sync"], ""),
    (&["sync", "--repair"], ""),
    (&["account", "usage"], ""),
    (&["account", "usage", "http://elsewhere.example"], ""),
    (&["account", "devices"], ""),
    (&["account", "devices", "--remove", "ffff"], ""),
    (&["status"], ""),
    (&["verify"], ""),
];

#[test]
fn while_somebody_studies_every_command_says_the_same() {
    for json in [true, false] {
        let (free, held) = (prepared(), prepared());
        let mut study = held.start_talking(&["study"]);
        assert!(study.line().is_some(), "the first card is on the screen");
        compare(&free, &held, AT_HOME, json);
        assert!(study.is_alive());
        study.say(b"q\n");
        study.finish().ok();
        assert_eq!(free.count("cards"), held.count("cards"));
        held.verify_clean();
    }
}

#[test]
fn while_a_watch_runs_every_command_says_the_same() {
    for json in [true, false] {
        let mut server = Server::new();
        let (free, held) = (prepared(), prepared());
        free.register(&server.url(), "ada");
        held.register(&server.url(), "bob");
        let mut watch = watch(&held);
        free.sync();
        compare(&free, &held, IN_STEP, json);
        server.stop();
        compare(
            &free,
            &held,
            &[(&["sync"], ""), (&["account", "usage"], "")],
            json,
        );
        watch.interrupt();
        watch.collect_stdout();
        assert_eq!(watch.finish().code, 130);
    }
}

#[test]
fn what_other_commands_write_is_sent_by_the_watch_at_once() {
    let server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    phone.sync();
    laptop.login(&server.url(), "ada");
    let (mut here, mut there) = (watch(&phone), watch(&laptop));
    for round in 1..=5 {
        let card = phone.add_card(&deck, &format!("card {round}"), "x");
        // Nobody asks for a sync.
        until(&mut there, |event| {
            text(event, "event") == "settled" && laptop.count("cards") == round
        });
        laptop.review(&card, "good");
        until(&mut here, |event| {
            text(event, "event") == "settled" && phone.count("events") == round
        });
    }
    agree(&[&phone, &laptop]);
}

#[test]
fn a_sync_during_a_watch_brings_what_is_there() {
    let server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    laptop.login(&server.url(), "ada");
    let _here = watch(&phone);
    let _there = watch(&laptop);
    for round in 1..=10 {
        phone.add_deck(&format!("deck {round}"));
        phone.sync();
        laptop.sync();
        assert_eq!(laptop.count("decks"), round);
    }
    // Several at once are answered one after another.
    let many: Vec<Running> = (0..6).map(|_| laptop.start(&["sync"])).collect();
    for sync in many {
        assert_eq!(number(&sync.finish().ok().json(), "pulled"), 0);
    }
}

#[test]
fn eight_commands_at_once_beside_a_watch() {
    const EACH: u64 = 5;
    let server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    phone.sync();
    laptop.login(&server.url(), "ada");
    let watch = watch(&phone);
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (phone, deck) = (&phone, &deck);
            scope.spawn(move || {
                for n in 0..EACH {
                    let card = phone.add_card(deck, &format!("{worker}.{n}"), "x");
                    phone.review(&card, "good");
                    assert_eq!(phone.side(&card, "back"), ["x"]);
                }
            });
        }
    });
    assert_eq!(phone.count("cards"), 8 * EACH);
    phone.sync();
    watch.interrupt();
    assert_eq!(watch.finish().code, 130);
    phone.verify_clean();
    laptop.sync();
    agree(&[&phone, &laptop]);
}

#[test]
fn the_account_cannot_be_pulled_from_under_a_watch() {
    let server = Server::new();
    let phone = Device::new("phone");
    phone.register(&server.url(), "ada");
    let mut watching = watch(&phone);
    let refused = phone
        .account("login", &server.url(), "ada", PASSWORD)
        .fails_with(4);
    assert!(refused.stderr.contains("sync --watch"), "{refused:?}");
    phone.run(&["sync", "--watch"]).fails_with(1);
    phone.run(&["verify", "--repair"]).fails_with(1);
    assert!(watching.is_alive());
    // Logging out works, and ends the watch: it has no account any more.
    phone.run(&["account", "logout"]).ok();
    watching.collect_stdout();
    watching.finish().fails_with(6);
    phone.run(&["sync"]).fails_with(6);
    phone.login(&server.url(), "ada");
    phone.sync();
}

#[test]
fn the_time_zone_is_that_of_who_types() {
    let phone = prepared();
    let mut study = phone.start_talking(&["study"]);
    assert!(study.line().is_some());
    let card = text(&phone.cards()[0], "id").to_owned();
    // Half past midnight in Tokyo is the day before in London, and before the day's turn in both.
    for (zone, day) in [
        ("Asia/Tokyo", "2026-03-01"),
        ("Pacific/Honolulu", "2026-02-28"),
    ] {
        let mut command = phone.command(&["review", &card, "good", "--at", "2026-03-01T13:00:00Z"]);
        command.env("TZ", zone);
        Running::start(command, b"").finish().ok();
        let why = phone.run(&["card", "why", &card]).ok().stdout;
        assert!(why.contains(day), "{zone}: {why}");
    }
}

/// A device with a deck, two cards, and files in its home.
fn prepared() -> Device {
    let device = Device::new("desk");
    device.file("flag.png", &png(1));
    device.file("words.tsv", b"perro\tdog\tanimal\ngato\tcat\nalone\n");
    let deck = device.add_deck("First");
    device.add_card(&deck, "first card", "back");
    device
}

/// A watch that has connected and is in step.
fn watch(device: &Device) -> Running {
    let mut watching = device.start_reading(&["sync", "--watch"]);
    until(&mut watching, |event| text(event, "event") == "settled");
    watching
}

#[track_caller]
fn until(watching: &mut Running, is_awaited: impl Fn(&Value) -> bool) {
    let mut said = Vec::new();
    while let Some(line) = watching.line() {
        let event: Value = serde_json::from_str(&line).unwrap();
        if is_awaited(&event) {
            return;
        }
        said.push(line);
    }
    panic!("the watch ended: {said:#?}");
}

/// Runs the same commands on both devices and compares all they say.
#[track_caller]
fn compare(free: &Device, held: &Device, commands: &[Typed], json: bool) {
    for (words, stdin) in commands {
        let said = [free, held].map(|device| said(device, words, stdin, json));
        assert_eq!(said[0], said[1], "memoryvault {words:?}, JSON: {json}");
    }
}

fn said(device: &Device, words: &[&str], stdin: &str, json: bool) -> (i32, String, String) {
    let card = match device
        .cards()
        .iter()
        .find(|card| text(card, "deck_name") == "Spanish")
    {
        Some(card) => text(card, "id").to_owned(),
        None => "none".to_owned(),
    };
    let words: Vec<String> = words
        .iter()
        .map(|word| word.replace("{card}", &card))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let command = if json {
        device.command(&words)
    } else {
        device.plain_command(&words)
    };
    let output = Running::start(command, stdin.as_bytes()).finish();
    let home = device.vault().parent().unwrap().display().to_string();
    let mask = |text: &str| masked(&text.replace(&home, "HOME"));
    (output.code, mask(&output.stdout), mask(&output.stderr))
}

/// A text without what differs from run to run: ids, hashes, times and sizes of messages.
fn masked(text: &str) -> String {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let mut masked = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest
            .find(|letter| is_word(letter) != is_word(first))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let hex = word
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let digits = word
            .trim_start_matches('-')
            .bytes()
            .all(|byte| byte.is_ascii_digit());
        let measured = ["_ms\":", "_us\":", "bytes_sent\":", "bytes_received\":"]
            .iter()
            .any(|key| masked.ends_with(key));
        let told = [" ms", " bytes sent", " bytes received"]
            .iter()
            .any(|unit| after.starts_with(unit));
        let word = match word.len() {
            36 | 64 if hex => "ID",
            _ if digits && (measured || told) => "N",
            _ if word == "ada" || word == "bob" => "USER",
            _ => word,
        };
        masked.push_str(word);
        rest = after;
    }
    masked
}
