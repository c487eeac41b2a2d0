//! Damaged connections and peers that do not keep to the protocol, at the real server: a refusal or a closed session, a server that lives, and honest peers that notice nothing.

use domain::DocId;
use sync_protocol::{
    Applied, BlobData, BlobGet, BlobOffer, Changes, Credit, DocHeads, Frame, GetItem, Inventory,
    OfferItem, Push, Pushed, Unsupported,
};
use tests::{
    Device, Fault, Login, Peer, Proxy, Server, fresh_bytes, hash_of, hello, noise_png,
    plain_change, png, random_bytes, settle,
};
use tokio_tungstenite::tungstenite::Message;

/// The server still does its work for an honest peer.
#[track_caller]
fn serves_honest_peers(server: &mut Server, login: &Login) {
    assert!(server.is_alive());
    let (mut peer, _) = Peer::open(server, login);
    assert!(
        peer.push(DocId::from_bytes(fresh_bytes()), &[plain_change(1)])
            .is_taken()
    );
}

#[test]
fn frames_that_are_no_frames_end_the_session_and_nothing_else() {
    let mut server = Server::new();
    let login = Login::register(&server, "ada");
    let honest = Frame::from(Push {
        batch: 1,
        items: Vec::new(),
    })
    .encode();
    let offer = OfferItem {
        hash: hash_of(b"x"),
        bytes: 10,
        mime: "image/png".to_owned(),
    };
    let endless = Frame::from(BlobOffer {
        items: vec![OfferItem {
            bytes: u64::MAX,
            ..offer.clone()
        }],
    })
    .encode();
    let mut cases: Vec<(String, Message)> = vec![
        ("nothing".into(), Message::binary(Vec::new())),
        ("noise".into(), Message::binary(random_bytes(1, 500))),
        ("text".into(), Message::text("hello")),
        (
            "a frame of 300 KiB".into(),
            Message::binary(vec![0; 300 * 1024]),
        ),
        ("a frame of 5 MiB".into(), Message::binary(vec![0; 5 << 20])),
        (
            "half a frame".into(),
            Message::binary(honest[..honest.len() / 2].to_vec()),
        ),
        (
            "more than a frame".into(),
            Message::binary([honest.clone(), honest.clone()].concat()),
        ),
        (
            "an array of 2^60".into(),
            Message::binary(vec![0x9b, 0x10, 0, 0, 0, 0, 0, 0, 0]),
        ),
        (
            "a thousand nested arrays".into(),
            Message::binary(vec![0x82; 1_000]),
        ),
        ("a blob of 2^64-1 bytes".into(), Message::binary(endless)),
        (
            "a second hello".into(),
            Message::binary(Frame::from(hello(&login, None)).encode()),
        ),
        (
            "a server's frame".into(),
            Message::binary(
                Frame::from(Pushed {
                    batch: 1,
                    seq: 1,
                    cursor: None,
                })
                .encode(),
            ),
        ),
        (
            "a server's page".into(),
            Message::binary(Frame::from(Changes::default()).encode()),
        ),
        (
            "more applied than sent".into(),
            Message::binary(
                Frame::from(Applied {
                    seq: 99,
                    frames: 99,
                })
                .encode(),
            ),
        ),
        (
            "endless credit".into(),
            Message::binary(
                Frame::from(Credit {
                    bytes: u64::MAX,
                    hash: None,
                })
                .encode(),
            ),
        ),
        (
            "bytes nobody granted".into(),
            Message::binary(
                Frame::from(BlobData {
                    hash: hash_of(b"x"),
                    offset: 0,
                    total: 1,
                    bytes: vec![1],
                    relayed: false,
                })
                .encode(),
            ),
        ),
        (
            "an inventory nobody asked for".into(),
            Message::binary(
                Frame::from(Inventory {
                    items: vec![DocHeads {
                        doc: DocId::from_bytes([1; 16]),
                        heads: Vec::new(),
                    }],
                    more: false,
                })
                .encode(),
            ),
        ),
    ];
    for seed in 0..20 {
        let mut bytes = Frame::from(BlobOffer {
            items: vec![offer.clone()],
        })
        .encode();
        let at = usize::try_from(seed * 7).unwrap() % bytes.len();
        bytes[at] ^= 0x41;
        cases.push((
            format!("a frame with byte {at} changed"),
            Message::binary(bytes),
        ));
    }
    for (name, message) in cases {
        for after_hello in [false, true] {
            println!("{name}, after hello: {after_hello}");
            let mut peer = Peer::try_connect(&server, &login.token).unwrap();
            if after_hello {
                peer.send(hello(&login, None));
            }
            peer.send_message(message.clone());
            // Either the session ends or it goes on and answers; it does not hang.
            peer.send_bytes(vec![0x82, 0x18, 0x63, 0xa0]);
            while let Some(frame) = peer.receive() {
                if matches!(frame, Frame::Unsupported(_)) {
                    break;
                }
            }
        }
    }
    serves_honest_peers(&mut server, &login);
}

#[test]
fn an_unknown_frame_type_is_answered_and_the_session_goes_on() {
    let server = Server::new();
    let login = Login::register(&server, "ada");
    let (mut peer, _) = Peer::open(&server, &login);
    peer.send_bytes(vec![0x82, 0x18, 0x63, 0xa0]);
    let answer = peer.until(|frame| {
        if let Frame::Unsupported(answer) = frame {
            Some(answer)
        } else {
            None
        }
    });
    assert_eq!(answer, Some(Unsupported { frame_type: 99 }));
    assert!(
        peer.push(DocId::from_bytes(fresh_bytes()), &[plain_change(1)])
            .is_taken()
    );
}

#[test]
fn another_version_and_another_device_are_turned_away_with_words() {
    let server = Server::new();
    let login = Login::register(&server, "ada");
    let other = Login::new(&server, "ada");
    for (what, hello) in [
        (
            "version",
            sync_protocol::Hello {
                protocol: 2,
                ..hello(&login, None)
            },
        ),
        ("device", hello(&other, None)),
    ] {
        let mut peer = Peer::try_connect(&server, &login.token).unwrap();
        peer.send(hello);
        match peer.receive() {
            Some(Frame::Close(close)) => assert!(
                !close.reason.is_empty() && close.code >= 4400,
                "{what}: {close:?}"
            ),
            Some(other) => panic!("{what}: {other:?}"),
            None => {}
        }
    }
}

#[test]
fn a_flood_of_requests_for_absent_blobs_ends_that_session_only() {
    let mut server = Server::new();
    let login = Login::register(&server, "ada");
    let (mut peer, _) = Peer::open(&server, &login);
    for page in 0..40u64 {
        let items = (0..1_000)
            .map(|n| GetItem {
                hash: hash_of(&(page * 1_000 + n).to_le_bytes()),
                offset: 0,
                priority: 0,
            })
            .collect();
        peer.send(BlobGet { items });
    }
    while let Some(frame) = peer.receive() {
        if matches!(frame, Frame::Close(_)) {
            break;
        }
    }
    serves_honest_peers(&mut server, &login);
}

/// Both directions of a sync with documents and pictures, cut or with one bit flipped at many places: the exit code is a network's or the work is done, and the next sync finishes.
#[test]
fn connections_cut_and_bits_flipped_anywhere_cost_nothing() {
    let server = Server::new();
    let proxy = Proxy::start(server.address());
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&proxy.url(), "ada");
    laptop.login(&proxy.url(), "ada");
    let deck = phone.add_deck("Capitals");
    settle(&[&phone, &laptop]);
    let mut added = 0;
    for (number, at) in [150u64, 420, 600, 700, 900, 1_300, 2_500, 8_000, 20_000]
        .into_iter()
        .enumerate()
    {
        let seed = number as u64;
        for (device, faults) in [
            (&phone, [Fault::CutUp(at), Fault::FlipUp(at)]),
            (&laptop, [Fault::CutDown(at), Fault::FlipDown(at)]),
        ] {
            for (n, fault) in faults.into_iter().enumerate() {
                let file = phone.file(
                    "flag.png",
                    &noise_png(
                        seed * 10 + n as u64,
                        100,
                        100 + u32::try_from(number).unwrap(),
                    ),
                );
                let card = phone.add(&[
                    "--deck",
                    &deck,
                    "--front-image",
                    file.to_str().unwrap(),
                    "--alt",
                    "x",
                    "--back",
                    "y",
                ]);
                phone.review(&card, "good");
                added += 1;
                if device.name() == "laptop" {
                    phone.sync();
                }
                proxy.set(fault);
                let answer = device.run(&["sync"]);
                assert!(
                    [0, 1, 5, 6, 7].contains(&answer.code),
                    "{fault:?}: {answer:?}"
                );
                assert!(!answer.stderr.contains("panicked"), "{answer:?}");
                proxy.set(Fault::None);
                settle(&[&phone, &laptop]);
                assert_eq!(
                    (laptop.count("cards"), laptop.count("blobs_missing")),
                    (added, 0),
                    "{fault:?}"
                );
            }
        }
    }
    phone.verify_clean();
    laptop.verify_clean();
}

#[test]
fn an_upload_cut_in_the_middle_goes_on_where_it_was() {
    let server = Server::new();
    let proxy = Proxy::start(server.address());
    let phone = Device::new("phone");
    phone.register(&proxy.url(), "ada");
    let deck = phone.add_deck("Capitals");
    phone.sync();
    let picture = noise_png(1, 2_000, 1_500);
    let file = phone.file("big.png", &picture);
    phone.add(&[
        "--deck",
        &deck,
        "--front-image",
        file.to_str().unwrap(),
        "--alt",
        "x",
        "--back",
        "y",
    ]);
    proxy.set(Fault::CutUp(2_000_000));
    phone.run(&["sync"]).fails_with(7);
    proxy.set(Fault::None);
    let before = proxy.bytes_up();
    phone.sync();
    let sent = proxy.bytes_up() - before;
    assert!(
        sent < picture.len() as u64 - 500_000,
        "{sent} of {} bytes were sent again",
        picture.len()
    );
    let laptop = Device::new("laptop");
    laptop.login(&server.url(), "ada");
    settle(&[&phone, &laptop]);
    assert_eq!(laptop.count("blobs_missing"), 0);
}

#[test]
fn a_blob_the_server_lacks_goes_from_device_to_device() {
    let server = Server::start(tests::ServerOptions {
        quota_bytes: Some(0),
        ..tests::ServerOptions::default()
    });
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    laptop.login(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    let file = phone.file("flag.png", &png(1));
    phone.add(&[
        "--deck",
        &deck,
        "--front-image",
        file.to_str().unwrap(),
        "--alt",
        "x",
        "--back",
        "y",
    ]);
    phone.run(&["sync"]).fails_with(5);
    let mut watching = phone.start_reading(&["sync", "--watch"]);
    assert!(
        watching.line().is_some(),
        "the watch says that it is connected"
    );
    // The picture is there; that the server still lacks it is told.
    laptop.run(&["sync"]).fails_with(5);
    assert_eq!(
        (laptop.count("cards"), laptop.count("blobs_missing")),
        (1, 0)
    );
    watching.interrupt();
    watching.finish();
}
