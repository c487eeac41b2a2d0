//! The quota: refused with both numbers before a byte travels, documents go on, nothing is lost, more quota finishes the job, and nobody slips past it.

use serde_json::json;
use sync_protocol::{BlobData, Frame, Reason};
use tests::{
    Device, Login, Peer, Proxy, Server, ServerOptions, agree, hash_of, noise_png, number, png,
    settle, text,
};

/// A picture of a little more than this many bytes.
fn picture(seed: u64, kilobytes: u32) -> Vec<u8> {
    noise_png(seed, 1_000, kilobytes)
}

fn add_picture(device: &Device, deck: &str, bytes: &[u8]) -> String {
    let file = device.file("picture.png", bytes);
    device.add(&[
        "--deck",
        deck,
        "--front-image",
        file.to_str().unwrap(),
        "--alt",
        "noise",
        "--back",
        "x",
    ])
}

#[test]
fn over_the_quota_is_refused_before_bytes_travel_and_more_quota_finishes() {
    let mut server = Server::start(ServerOptions {
        quota_bytes: Some(100_000),
        ..ServerOptions::default()
    });
    let proxy = Proxy::start(server.address());
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&proxy.url(), "ada");
    laptop.login(&server.url(), "ada");
    let deck = phone.add_deck("Pictures");
    let (fits, too_much) = (picture(1, 60), picture(2, 80));
    add_picture(&phone, &deck, &fits);
    phone.sync();

    let card = add_picture(&phone, &deck, &too_much);
    let before = proxy.bytes_up();
    let refused = phone.run(&["sync"]).fails_with(5);
    assert!(
        proxy.bytes_up() - before < 10_000,
        "no byte of the picture travelled"
    );
    let used = fits.len().to_string();
    for word in [used.as_str(), "100000"] {
        assert!(
            refused.stderr.contains(word),
            "both numbers are told in full: {refused:?}"
        );
    }
    let status = phone.status();
    assert_eq!(
        (
            number(&status, "quota_used_bytes"),
            number(&status, "quota_limit_bytes")
        ),
        (fits.len() as u64, 100_000)
    );
    assert_eq!(
        (number(&status, "blobs"), number(&status, "pending_changes")),
        (2, 0),
        "documents went on: {status}"
    );
    phone.verify_clean();

    laptop.sync();
    assert_eq!(
        (laptop.count("cards"), laptop.count("blobs_missing")),
        (2, 1)
    );
    laptop.verify_clean();

    // Raised while the server runs, and once more while it is stopped.
    server.admin(&["user", "quota", "ada", "120000"]).ok();
    let still = phone.run(&["sync"]).fails_with(5);
    assert!(still.stderr.contains("120000"), "{still:?}");
    server.stop().ok();
    server.admin(&["user", "quota", "ada", "200000"]).ok();
    server.restart();
    assert_eq!(number(&phone.sync(), "blobs_sent"), 1);
    settle(&[&phone, &laptop]);
    assert_eq!(laptop.count("blobs_missing"), 0);
    let hash = text(&laptop.show(&card)["front"][0], "blob").to_owned();
    assert_eq!(laptop.blob(&hash).unwrap(), too_much);
}

#[test]
fn a_picture_over_the_quota_is_saved_by_the_device_it_was_lent_to() {
    let server = Server::start(ServerOptions {
        quota_bytes: Some(10_000),
        ..ServerOptions::default()
    });
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    laptop.login(&server.url(), "ada");
    let deck = phone.add_deck("Pictures");
    let bytes = picture(1, 60);
    let card = add_picture(&phone, &deck, &bytes);
    let mut watch = phone.start_reading(&["sync", "--watch"]);
    let is_settled = |line: &String| line.contains("\"settled\"");
    while !watch.line().as_ref().is_some_and(is_settled) {}
    let lent = laptop.run(&["sync"]).fails_with(5);
    assert!(lent.stderr.contains("not at the server"), "{lent:?}");
    let hash = text(&laptop.show(&card)["front"][0], "blob").to_owned();
    assert_eq!(laptop.blob(&hash).unwrap(), bytes);
    assert_eq!(
        number(&laptop.status()["blobs_refused"][0], "bytes"),
        bytes.len() as u64
    );
    drop(watch);
    drop(phone);

    laptop.run(&["sync"]).fails_with(5);
    server.admin(&["user", "quota", "ada", "100000"]).ok();
    assert_eq!(number(&laptop.sync(), "blobs_sent"), 1);
    assert_eq!(laptop.status()["blobs_refused"], json!([]));
    let tablet = Device::new("tablet");
    tablet.login(&server.url(), "ada");
    tablet.sync();
    assert_eq!(tablet.blob(&hash).unwrap(), bytes);
}

#[test]
fn with_no_quota_at_all_reviews_and_edits_still_travel() {
    let server = Server::start(ServerOptions {
        quota_bytes: Some(0),
        ..ServerOptions::default()
    });
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    laptop.login(&server.url(), "ada");
    let deck = phone.add_deck("Pictures");
    let card = add_picture(&phone, &deck, &png(1));
    phone.review(&card, "good");
    phone.run(&["sync"]).fails_with(5);
    laptop.sync();
    laptop.review(&card, "again");
    laptop.edit(&card, &["--back", "edited"]);
    laptop.sync();
    phone.run(&["sync"]).fails_with(5);
    laptop.sync();
    agree(&[&phone, &laptop]);
    assert_eq!(number(&phone.show(&card), "reviews"), 2);
}

#[test]
fn of_several_pictures_those_that_fit_are_sent() {
    let server = Server::start(ServerOptions {
        quota_bytes: Some(100_000),
        ..ServerOptions::default()
    });
    let phone = Device::new("phone");
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Pictures");
    for seed in 0..5 {
        add_picture(&phone, &deck, &picture(seed, 30));
    }
    phone.run(&["sync"]).fails_with(5);
    let usage = phone.ok(&["account", "usage"]);
    assert_eq!(
        (number(&usage, "blobs"), number(&usage, "quota_used_bytes")),
        (3, 3 * picture(0, 30).len() as u64)
    );
    server.admin(&["user", "quota", "ada", "1000000"]).ok();
    assert_eq!(number(&phone.sync(), "blobs_sent"), 2);
}

#[test]
fn two_devices_at_once_cannot_pass_it_together() {
    let server = Server::start(ServerOptions {
        quota_bytes: Some(100_000),
        ..ServerOptions::default()
    });
    let devices = [Device::new("phone"), Device::new("laptop")];
    devices[0].register(&server.url(), "ada");
    devices[1].login(&server.url(), "ada");
    for (device, seed) in devices.iter().zip([1, 2]) {
        let deck = device.add_deck(device.name());
        add_picture(device, &deck, &picture(seed, 70));
    }
    let mut codes: Vec<i32> = std::thread::scope(|scope| {
        let syncs: Vec<_> = devices
            .iter()
            .map(|device| scope.spawn(|| device.run(&["sync"]).code))
            .collect();
        syncs.into_iter().map(|sync| sync.join().unwrap()).collect()
    });
    codes.sort_unstable();
    // The one that fits may have been lent the other, which the server lacks.
    assert!(
        [[0, 5], [5, 5]].contains(&[codes[0], codes[1]]),
        "one fits, the other does not: {codes:?}"
    );
    let usage = devices[0].ok(&["account", "usage"]);
    assert_eq!(
        number(&usage, "quota_used_bytes"),
        picture(1, 70).len() as u64
    );
    server.admin(&["user", "quota", "ada", "1000000"]).ok();
    settle(&[&devices[0], &devices[1]]);
    assert_eq!(
        devices
            .iter()
            .map(|device| device.count("blobs_missing"))
            .sum::<u64>(),
        0
    );
}

#[test]
fn eight_connections_reserve_no_more_than_there_is() {
    let server = Server::start(ServerOptions {
        quota_bytes: Some(100_000),
        ..ServerOptions::default()
    });
    let login = Login::register(&server, "ada");
    let logins: Vec<Login> = (0..8).map(|_| Login::new(&server, "ada")).collect();
    let granted: usize = std::thread::scope(|scope| {
        let offers: Vec<_> = logins
            .iter()
            .zip(0..)
            .map(|(login, seed)| {
                let server = &server;
                scope.spawn(move || {
                    let (mut peer, _) = Peer::open(server, login);
                    let decision = peer.offer(&picture(seed, 30), "image/png");
                    // The connection stays open, and its reservation with it, until all have asked.
                    (peer, matches!(decision, Some(Frame::BlobGrant(_))))
                })
            })
            .collect();
        let answers: Vec<_> = offers
            .into_iter()
            .map(|offer| offer.join().unwrap())
            .collect();
        answers.iter().filter(|(_, granted)| *granted).count()
    });
    assert_eq!(granted, 3);
    // All of them hung up without sending a byte: the reservations are free again.
    let (mut peer, _) = Peer::open(&server, &login);
    let mut whole = None;
    // The server notices each hang-up in its own time; an offer that came too early is made again.
    while whole.is_none() {
        match peer.offer(&picture(100, 90), "image/png") {
            Some(Frame::BlobGrant(grant)) => whole = Some(grant),
            Some(Frame::BlobRefuse(refuse)) => assert_eq!(refuse.items[0].reason, Reason::Quota),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn bytes_beyond_the_declared_length_or_of_another_hash_are_dropped_and_not_charged() {
    let server = Server::new();
    let login = Login::register(&server, "ada");
    let usage = || {
        number(
            &server.http("GET", "/v1/usage", Some(&login.token), None).1,
            "quota_used_bytes",
        )
    };
    let (real, other) = (png(1), png(2));

    let (mut peer, _) = Peer::open(&server, &login);
    assert!(matches!(
        peer.offer(&real, "image/png"),
        Some(Frame::BlobGrant(_))
    ));
    let ended = peer.send_blob(hash_of(&real), &other);
    assert!(
        matches!(&ended, Some(Frame::BlobBad(bad)) if bad.reason == Reason::WrongHash),
        "{ended:?}"
    );
    assert_eq!(usage(), 0);

    let (mut peer, _) = Peer::open(&server, &login);
    assert!(matches!(
        peer.offer(&real, "image/png"),
        Some(Frame::BlobGrant(_))
    ));
    let longer = [real.clone(), vec![0; 100]].concat();
    peer.send(BlobData {
        hash: hash_of(&real),
        offset: 0,
        total: longer.len() as u64,
        bytes: longer,
        relayed: false,
    });
    let stored = peer.until(|frame| match frame {
        Frame::BlobStored(_) => Some(true),
        Frame::BlobBad(_) | Frame::BlobRefuse(_) | Frame::Close(_) => Some(false),
        _ => None,
    });
    assert_ne!(stored, Some(true));
    assert_eq!(usage(), 0);

    let (mut peer, _) = Peer::open(&server, &login);
    assert!(matches!(
        peer.offer(&real, "image/png"),
        Some(Frame::BlobGrant(_))
    ));
    assert!(matches!(
        peer.send_blob(hash_of(&real), &real),
        Some(Frame::BlobStored(_))
    ));
    assert_eq!(usage(), real.len() as u64);
    // Twice is once.
    assert!(matches!(
        peer.offer(&real, "image/png"),
        Some(Frame::BlobHeld(_))
    ));
}

#[test]
fn what_is_no_picture_or_sound_is_not_stored() {
    let server = Server::new();
    let login = Login::register(&server, "ada");
    let (mut peer, _) = Peer::open(&server, &login);
    let page = b"<html><script>alert(1)</script></html>".to_vec();
    let decision = peer.offer(&page, "text/html");
    let refused = match decision {
        Some(Frame::BlobRefuse(_)) => true,
        Some(Frame::BlobGrant(_)) => !matches!(
            peer.send_blob(hash_of(&page), &page),
            Some(Frame::BlobStored(_))
        ),
        other => panic!("{other:?}"),
    };
    assert!(refused, "only pictures and sounds are stored");
    assert_eq!(
        server.http("GET", "/v1/usage", Some(&login.token), None).1["quota_used_bytes"],
        json!(0)
    );
}
