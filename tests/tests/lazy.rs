//! `sync --media lazy`: a device that fetches pictures and sounds only of the cards that somebody looks at.

use serde_json::Value;
use tests::{Device, Running, Server, agree, number, png, text};

#[test]
fn a_lazy_device_fetches_what_is_looked_at() {
    let server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Flags");
    let cards: Vec<String> = (0..4).map(|n| with_picture(&phone, &deck, n)).collect();
    phone.sync();
    laptop.login(&server.url(), "ada");
    let first = laptop.ok(&["sync", "--media", "lazy"]);
    assert_eq!(number(&first, "blobs_received"), 0, "{first}");
    assert_eq!(
        number(&first, "blobs_missing"),
        0,
        "nobody misses them: {first}"
    );
    assert_eq!(text(&laptop.status(), "media"), "lazy");
    assert_eq!(laptop.count("blobs_missing"), 4);
    agree(&[&phone, &laptop]);

    // Looked at without a connection: it comes with the next sync, and nothing else does.
    laptop.show(&cards[1]);
    assert_eq!(number(&laptop.sync(), "blobs_received"), 1);
    assert_eq!(laptop.blob(&blob(&laptop, &cards[1])), Some(png(1)));
    assert_eq!(number(&laptop.sync(), "blobs_received"), 0);

    // Looked at while a watch runs: it comes at once.
    let mut watch = laptop.start_reading(&["sync", "--watch"]);
    until(&mut watch, |event| text(event, "event") == "settled");
    laptop.show(&cards[2]);
    until(&mut watch, |event| {
        text(event, "event") == "settled" && number(event, "blobs_received") == 1
    });
    assert_eq!(laptop.blob(&blob(&laptop, &cards[2])), Some(png(2)));
    // So it does when it is studied: the first card of the day.
    laptop.run_with_stdin(&["study"], "q\n").ok();
    until(&mut watch, |event| {
        text(event, "event") == "settled" && number(event, "blobs_received") == 2
    });
    assert_eq!(laptop.blob(&blob(&laptop, &cards[0])), Some(png(0)));
    assert_eq!(laptop.count("blobs_missing"), 1);

    // Asked of the watch, all are fetched from then on.
    let all = laptop.ok(&["sync", "--media", "all"]);
    assert_eq!(number(&all, "blobs_received"), 1, "{all}");
    assert_eq!(laptop.count("blobs_missing"), 0);
    watch.interrupt();
    watch.collect_stdout();
    watch.finish();
    laptop.verify_clean();
}

#[test]
fn what_is_looked_at_and_nowhere_to_be_had_is_told_and_kept_in_mind() {
    let server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Flags");
    server.admin(&["user", "quota", "ada", "1"]).ok();
    let card = with_picture(&phone, &deck, 1);
    phone.run(&["sync"]).fails_with(5);
    laptop.login(&server.url(), "ada");
    laptop.ok(&["sync", "--media", "lazy"]);
    laptop.show(&card);
    assert_eq!(number(&laptop.sync(), "blobs_missing"), 1);
    server.admin(&["user", "quota", "ada", "1000000"]).ok();
    phone.sync();
    assert_eq!(number(&laptop.sync(), "blobs_received"), 1);
}

fn with_picture(device: &Device, deck: &str, n: u64) -> String {
    let file = device.file(&format!("{n}.png"), &png(n));
    let path = file.to_str().expect("a plain path");
    device.add(&[
        "--deck",
        deck,
        "--front-image",
        path,
        "--alt",
        "flag",
        "--back",
        "x",
    ])
}

/// The hash of the picture on a card's front.
fn blob(device: &Device, card: &str) -> String {
    text(&device.show(card)["front"][0], "blob").to_owned()
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
