//! The main job: devices with their own vaults work offline, a server merges them, pictures and sounds arrive, nothing is lost.

use serde_json::Value;
use tests::{
    Device, Running, Server, ServerOptions, agree, noise_png, number, png, settle, side_texts,
    tags, text, wav,
};

#[test]
fn two_devices_and_media() {
    let server = Server::new();
    let phone = Device::new("phone");
    let deck = phone.add_deck("Capitals");
    let flag = phone.file("flag.png", &png(1));
    let name = phone.file("name.wav", &wav(1, 300));
    let card = phone.add(&[
        "--deck",
        &deck,
        "--front",
        "Which country?",
        "--front-image",
        flag.to_str().unwrap(),
        "--alt",
        "a flag",
        "--back",
        "Austria",
        "--back-audio",
        name.to_str().unwrap(),
        "--tag",
        "europe",
        "--tag",
        "flags",
    ]);
    phone.review(&card, "good");
    phone.register(&server.url(), "ada");
    let sent = phone.sync();
    assert!(number(&sent, "pushed") > 0, "{sent}");
    assert_eq!(number(&sent, "blobs_sent"), 2, "{sent}");

    let laptop = Device::new("laptop");
    laptop.login(&server.url(), "ada");
    let received = laptop.sync();
    assert!(number(&received, "pulled") > 0, "{received}");
    assert_eq!(number(&received, "blobs_received"), 2, "{received}");
    settle(&[&phone, &laptop]);

    let shown = laptop.show(&card);
    assert_eq!(shown, phone.show(&card));
    assert_eq!(side_texts(&shown, "front"), ["Which country?"]);
    assert_eq!(side_texts(&shown, "back"), ["Austria"]);
    assert_eq!(tags(&shown), ["europe", "flags"]);
    assert_eq!((number(&shown, "reviews"), number(&shown, "box")), (1, 2));
    let (image, sound) = (&shown["front"][1], &shown["back"][1]);
    assert_eq!(
        (text(image, "type"), text(image, "alt"), text(image, "mime")),
        ("image", "a flag", "image/png")
    );
    assert_eq!(
        (number(image, "width_px"), number(image, "height_px")),
        (16, 16)
    );
    assert_eq!(
        (
            text(sound, "type"),
            number(sound, "duration_ms"),
            text(sound, "mime")
        ),
        ("audio", 300, "audio/mpeg")
    );
    for item in [image, sound] {
        let stored = laptop.blob(text(item, "blob")).unwrap();
        assert_eq!(number(item, "bytes"), stored.len() as u64);
        assert_eq!(text(item, "blob"), blake3::hash(&stored).to_hex().as_str());
    }
    assert_eq!(laptop.blob(text(image, "blob")).unwrap(), png(1));
    for device in [&phone, &laptop] {
        let status = device.status();
        assert_eq!(
            (
                number(&status, "decks"),
                number(&status, "cards"),
                number(&status, "events")
            ),
            (1, 1, 1)
        );
        assert_eq!(
            (number(&status, "blobs"), number(&status, "blobs_missing")),
            (2, 0)
        );
        assert_eq!(
            (
                number(&status, "pending_changes"),
                number(&status, "conflicts")
            ),
            (0, 0)
        );
        device.verify_clean();
    }
}

#[test]
fn a_device_that_already_has_decks_joins_and_keeps_everything() {
    let server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    let mut expected = Vec::new();
    for (device, deck) in [(&phone, "Capitals"), (&laptop, "Verbs")] {
        let id = device.add_deck(deck);
        for n in 0..5 {
            let card = device.add(&[
                "--deck",
                &id,
                "--front",
                &format!("{deck} {n}"),
                "--back",
                "x",
                "--tag",
                deck,
                "--tag",
                "common",
            ]);
            device.review(&card, if n % 2 == 0 { "good" } else { "again" });
            expected.push((card, deck, if n % 2 == 0 { 2 } else { 1 }));
        }
    }
    phone.register(&server.url(), "ada");
    phone.sync();
    laptop.login(&server.url(), "ada");
    assert_eq!(laptop.count("cards"), 5, "logging in alone loses nothing");
    settle(&[&phone, &laptop]);
    for device in [&phone, &laptop] {
        let status = device.status();
        assert_eq!(
            (
                number(&status, "decks"),
                number(&status, "cards"),
                number(&status, "events")
            ),
            (2, 10, 10)
        );
        for (card, deck, box_number) in &expected {
            let shown = device.show(card);
            let mut names = vec!["common".to_owned(), (*deck).to_owned()];
            names.sort();
            assert_eq!((tags(&shown), number(&shown, "box")), (names, *box_number));
        }
        device.verify_clean();
    }
}

#[test]
fn a_third_device_joins_fresh_and_then_all_three_write() {
    let server = Server::new();
    let (phone, laptop, tablet) = (
        Device::new("phone"),
        Device::new("laptop"),
        Device::new("tablet"),
    );
    phone.register(&server.url(), "ada");
    laptop.login(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    let card = phone.add_card(&deck, "France", "Paris");
    settle(&[&phone, &laptop]);
    laptop.edit(&card, &["--tag", "europe"]);
    laptop.review(&card, "good");
    settle(&[&phone, &laptop]);

    tablet.login(&server.url(), "ada");
    tablet.sync();
    agree(&[&phone, &laptop, &tablet]);
    for (device, country) in [(&phone, "Peru"), (&laptop, "Chad"), (&tablet, "Iran")] {
        device.add_card(&deck, country, "?");
        device.edit(&card, &["--tag", country]);
        device.review(&card, "good");
    }
    settle(&[&phone, &laptop, &tablet]);
    let shown = tablet.show(&card);
    assert_eq!(tags(&shown), ["Chad", "Iran", "Peru", "europe"]);
    assert_eq!(number(&shown, "reviews"), 4);
    assert_eq!(tablet.count("cards"), 4);
    for device in [&phone, &laptop, &tablet] {
        device.verify_clean();
    }
    let devices = phone.run(&["account", "devices"]).ok().json_lines();
    let listed = devices.iter().map(ToString::to_string).collect::<String>();
    for name in ["phone", "laptop", "tablet"] {
        assert!(listed.contains(name), "{listed}");
    }
}

#[test]
fn logged_out_the_vault_stays_and_works_and_can_come_back() {
    let server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    phone.add_card(&deck, "France", "Paris");
    phone.sync();
    laptop.login(&server.url(), "ada");
    settle(&[&phone, &laptop]);

    laptop.run(&["account", "logout"]).ok();
    laptop.run(&["sync"]).fails_with(6);
    let card = laptop.add_card(&deck, "Peru", "Lima");
    laptop.review(&card, "good");
    assert_eq!(laptop.count("cards"), 2);

    laptop.login(&server.url(), "ada");
    settle(&[&phone, &laptop]);
    assert_eq!(side_texts(&phone.show(&card), "back"), ["Lima"]);
    assert_eq!(number(&phone.show(&card), "reviews"), 1);
}

#[test]
fn without_a_server_the_work_is_kept_and_the_message_says_so() {
    let mut server = Server::new();
    let phone = Device::new("phone");
    phone.run(&["sync"]).fails_with(6);
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    phone.sync();
    server.stop().ok();
    let card = phone.add_card(&deck, "France", "Paris");
    phone.review(&card, "good");
    let before = phone.digest();
    phone.run(&["sync"]).fails_with(7);
    assert_eq!(phone.digest(), before);
    assert!(phone.count("pending_changes") > 0);
    server.restart();
    phone.sync();
    assert_eq!(phone.count("pending_changes"), 0);
    assert_eq!(phone.digest(), before);
}

#[test]
fn a_sync_with_nothing_to_do_is_one_short_exchange() {
    let server = Server::start(ServerOptions {
        any_port: true,
        ..ServerOptions::default()
    });
    let phone = Device::new("phone");
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    phone.add_card(&deck, "France", "Paris");
    phone.sync();
    phone.sync();
    let idle = phone.sync();
    for key in ["pushed", "pulled", "blobs_sent", "blobs_received"] {
        assert_eq!(number(&idle, key), 0, "{idle}");
    }
    assert!(
        number(&idle, "bytes_sent") + number(&idle, "bytes_received") < 300,
        "{idle}"
    );
}

#[test]
fn over_tls_with_a_certificate_of_ones_own() {
    let directory = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (
        directory.path().join("cert.pem"),
        directory.path().join("key.pem"),
    );
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let server = Server::start(ServerOptions {
        tls: Some((certificate.clone(), key)),
        ..ServerOptions::default()
    });

    let phone = Device::new("phone");
    phone
        .account("register", &server.url(), "ada", tests::PASSWORD)
        .fails_with(7);
    let ca = certificate.to_str().unwrap();
    let register = [
        "account",
        "register",
        &server.url(),
        "--user",
        "ada",
        "--login",
        "--password-stdin",
        "--ca",
        ca,
    ];
    phone.run_with_stdin(&register, tests::PASSWORD).ok();
    let deck = phone.add_deck("Capitals");
    let flag = phone.file("flag.png", &png(7));
    phone.add(&[
        "--deck",
        &deck,
        "--front-image",
        flag.to_str().unwrap(),
        "--alt",
        "flag",
        "--back",
        "x",
    ]);
    phone.sync();

    let laptop = Device::new("laptop");
    let login = [
        "account",
        "login",
        &server.url(),
        "--user",
        "ada",
        "--password-stdin",
        "--ca",
        ca,
    ];
    laptop.run_with_stdin(&login, tests::PASSWORD).ok();
    settle(&[&phone, &laptop]);
    assert_eq!(laptop.count("blobs_missing"), 0);
    assert_eq!(laptop.count("cards"), 1);
}

#[test]
fn plain_http_beyond_loopback_is_refused() {
    let phone = Device::new("phone");
    let answer = phone.account(
        "register",
        "http://sync.example.org",
        "ada",
        tests::PASSWORD,
    );
    assert_ne!(answer.code, 0, "{answer:?}");
    assert!(
        answer.stderr.contains("https"),
        "the message says what to do: {answer:?}"
    );
}

#[test]
fn two_devices_that_stay_connected_see_each_other_at_once() {
    let mut server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    phone.sync();
    laptop.login(&server.url(), "ada");
    let mut watching = laptop.start_reading(&["sync", "--watch"]);
    until_event(&mut watching, |event| text(event, "event") == "settled");

    let file = phone.file("flag.png", &png(1));
    phone.add(&[
        "--deck",
        &deck,
        "--front-image",
        file.to_str().unwrap(),
        "--alt",
        "flag",
        "--back",
        "x",
    ]);
    phone.sync();
    until_event(&mut watching, |event| {
        text(event, "event") == "settled" && number(event, "blobs_received") == 1
    });
    // Another command meanwhile works; only a second watch is told that there is one.
    assert_eq!(laptop.count("cards"), 1);
    laptop.run(&["sync", "--watch"]).fails_with(1);

    // The server goes away and comes back: the watch connects again by itself.
    server.kill();
    until_event(&mut watching, |event| text(event, "event") == "waiting");
    server.restart();
    phone.add_card(&deck, "after the restart", "x");
    phone.sync();
    until_event(&mut watching, |event| {
        text(event, "event") == "settled" && number(event, "pulled") > 0
    });
    watching.interrupt();
    assert_eq!(watching.finish().code, 130);
    assert_eq!(laptop.count("cards"), 2);
    settle(&[&phone, &laptop]);
    assert_eq!(laptop.count("blobs_missing"), 0);
    laptop.verify_clean();
}

#[test]
fn commands_at_once_wait_for_each_other() {
    let phone = Device::new("phone");
    let deck = phone.add_deck("Capitals");
    std::thread::scope(|scope| {
        for n in 0..6 {
            let (phone, deck) = (&phone, &deck);
            scope.spawn(move || phone.add_card(deck, &format!("card {n}"), "x"));
        }
    });
    assert_eq!(phone.count("cards"), 6);
    phone.verify_clean();
}

#[test]
fn large_pictures_and_long_sounds_arrive_whole() {
    let server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    laptop.login(&server.url(), "ada");
    let deck = phone.add_deck("Large");
    let picture = noise_png(1, 3_000, 3_000);
    let sound = wav(2, 290_000);
    let files = [
        ("--front-image", phone.file("picture.png", &picture)),
        ("--back-audio", phone.file("sound.wav", &sound)),
    ];
    for (option, file) in &files {
        phone.add(&[
            "--deck",
            &deck,
            "--keep-original",
            "--front",
            "x",
            option,
            file.to_str().unwrap(),
            "--alt",
            "noise",
            "--back",
            "y",
        ]);
    }
    assert_eq!(number(&phone.sync(), "blobs_sent"), 2);
    assert_eq!(number(&laptop.sync(), "blobs_received"), 2);
    agree(&[&phone, &laptop]);
    for bytes in [&picture, &sound] {
        let hash = blake3::hash(bytes).to_hex();
        assert_eq!(laptop.blob(hash.as_str()).as_ref(), Some(bytes));
    }
}

/// Reads what a watch says until an event is the awaited one.
#[track_caller]
fn until_event(watching: &mut Running, is_awaited: impl Fn(&Value) -> bool) {
    let mut said = Vec::new();
    while let Some(line) = watching.line() {
        let event = serde_json::from_str(&line).unwrap_or_else(|cause| panic!("{line:?}: {cause}"));
        if is_awaited(&event) {
            return;
        }
        said.push(event);
    }
    panic!("the watch ended: {said:#?}");
}
