//! The real client at a server that does not keep to the protocol: it leaves with words and a network's exit code, its vault is whole, and the next sync, with an honest server, finishes.

use domain::DocId;
use sync_protocol::{
    BlobAvailable, BlobBad, BlobGrant, BlobStored, Chain, Changes, Cursor, DocChange, Frame,
    GrantItem, LogEpoch, Missing, Pushed, Quota, Reason, Welcome,
};
use tests::{Device, FakeServer, Malice, Rude, Server, hash_of, png, random_bytes, settle};
use tokio_tungstenite::tungstenite::Message;

fn message(frame: impl Into<Frame>) -> Message {
    Message::binary(frame.into().encode())
}

/// How long the client waits here for a server that owes something. The tests wait for its exit, never for a time.
const IMPATIENT: [&str; 3] = ["sync", "--patience", "1"];

/// A device that is logged in to a server that was honest so far, with a card that the server has not seen.
struct Guest {
    server: FakeServer,
    device: Device,
    card: String,
}

fn guest() -> Guest {
    let server = FakeServer::start();
    let device = Device::new("phone");
    device.register(&server.url(), "ada");
    device.sync();
    let deck = device.add_deck("Capitals");
    let card = device.add_card(&deck, "France", "Paris");
    Guest {
        server,
        device,
        card,
    }
}

impl Guest {
    /// A sync with a server that behaves so ends with this exit code, says why and what next, and leaves the vault whole.
    #[track_caller]
    fn leaves(&self, name: &str, malice: Malice, codes: &[i32]) -> tests::Output {
        let digest = self.device.digest();
        self.server.set(malice);
        let answer = self.device.run(&IMPATIENT);
        assert!(codes.contains(&answer.code), "{name}: {answer:?}");
        let answer = answer.clone().fails_with(answer.code);
        let error = serde_json::from_str::<serde_json::Value>(answer.stderr.trim());
        let error = error.unwrap_or_else(|cause| panic!("{name}: {cause}: {answer:?}"));
        for word in ["message", "hint"] {
            let said = error["error"][word].as_str().unwrap_or_default();
            assert!(!said.is_empty(), "{name}: no {word}: {answer:?}");
        }
        self.device.verify_clean();
        assert_eq!(self.device.digest(), digest, "{name}");
        answer
    }

    /// An honest server gets everything, and another device from it.
    fn is_welcome_elsewhere(&self) {
        self.device.run(&["account", "logout"]).ok();
        let honest = Server::new();
        self.device.register(&honest.url(), "ada");
        self.device.sync();
        let laptop = Device::new("laptop");
        laptop.login(&honest.url(), "ada");
        settle(&[&self.device, &laptop]);
        assert_eq!(laptop.side(&self.card, "back"), ["Paris"]);
        laptop.verify_clean();
        self.device.verify_clean();
    }
}

#[test]
fn a_server_that_falls_silent_is_left() {
    let guest = guest();
    for (name, rude) in [
        ("never a word", Rude::Silent),
        ("nothing after its welcome", Rude::SilentAfterWelcome),
        ("half a message", Rude::HalfAMessage),
        ("gone in a message", Rude::HangUpInAMessage),
    ] {
        guest.leaves(name, Malice::Rude(rude), &[7]);
    }
    guest.is_welcome_elsewhere();
}

#[test]
fn a_server_that_floods_is_left() {
    let guest = guest();
    let floods = [
        ("pings", Message::Ping(vec![7; 100].into())),
        ("pongs", Message::Pong(vec![7; 100].into())),
        (
            "frames of no known type",
            Message::binary(vec![0x82, 0x18, 0x63, 0xa0]),
        ),
        ("quotas", message(Quota { used: 1, limit: 2 })),
        ("empty pages", message(Changes::default())),
        (
            "news of blobs",
            message(BlobAvailable {
                hashes: (0..1_000u64).map(|n| hash_of(&n.to_le_bytes())).collect(),
            }),
        ),
        (
            "wishes for blobs",
            message(sync_protocol::BlobWanted {
                hashes: (0..1_000u64).map(|n| hash_of(&n.to_le_bytes())).collect(),
            }),
        ),
        (
            "wants of changes",
            message(Missing {
                items: Vec::new(),
                more: true,
                inventory: true,
            }),
        ),
        (
            "answers to nothing",
            message(Pushed {
                batch: 9,
                seq: 1,
                cursor: None,
            }),
        ),
        ("noise", Message::binary(random_bytes(5, 1_000))),
        ("text", Message::text("hello")),
        ("messages of 300 KiB", Message::binary(vec![0; 300 * 1024])),
    ];
    for (name, flood) in floods {
        println!("{name}");
        guest.leaves(name, Malice::Rude(Rude::Flood(vec![flood])), &[7]);
    }
    guest.is_welcome_elsewhere();
}

#[test]
fn a_server_that_lies_about_its_log_is_left() {
    let guest = guest();
    let here = guest.server.cursor();
    let page = |cursor| {
        Malice::AfterWelcome(vec![message(Changes {
            cursor: Some(cursor),
            ..Changes::default()
        })])
    };
    let other_epoch = LogEpoch::from_bytes([9; 16]);
    let lies = [
        (
            "a cursor of another log",
            page(Cursor {
                epoch: other_epoch,
                ..here
            }),
        ),
        (
            "a cursor before the one this device has",
            page(Cursor { seq: 1, ..here }),
        ),
        (
            "a log that is longer than it sends",
            Malice::InsteadOfWelcome(vec![message(Welcome {
                seq: here.seq + 1_000,
                ..guest.server.welcome()
            })]),
        ),
        (
            "a repair that never comes to its end",
            Malice::InsteadOfWelcome(vec![message(Welcome {
                cursor_ok: false,
                chain: Chain::from_bytes([1; 32]),
                epoch: other_epoch,
                ..guest.server.welcome()
            })]),
        ),
        (
            "another vault",
            Malice::InsteadOfWelcome(vec![message(Welcome {
                vault: domain::VaultId::from_bytes([3; 16]),
                ..guest.server.welcome()
            })]),
        ),
    ];
    for (name, lie) in lies {
        println!("{name}");
        // Another vault is a choice for the person.
        guest.leaves(name, lie, if name == "another vault" { &[4] } else { &[7] });
    }
    guest.is_welcome_elsewhere();
}

#[test]
fn what_nobody_asked_for_does_no_harm() {
    let guest = guest();
    let hash = hash_of(b"never offered");
    for (name, frame) in [
        ("a grant", {
            let items = vec![GrantItem {
                hash,
                offset: 0,
                relay: false,
            }];
            message(BlobGrant { items })
        }),
        ("stored", message(BlobStored { hashes: vec![hash] })),
        (
            "bad",
            message(BlobBad {
                hash,
                reason: Reason::WrongHash,
            }),
        ),
    ] {
        guest
            .server
            .set(Malice::AfterWelcome(vec![frame.clone(), frame]));
        let answer = guest.device.run(&IMPATIENT);
        assert!([0, 7].contains(&answer.code), "{name}: {answer:?}");
        guest.device.verify_clean();
    }
    guest.is_welcome_elsewhere();
}

#[test]
fn other_bytes_than_a_blobs_are_dropped_and_told() {
    // Everything the phone has pushed reaches the laptop through the same server, except the picture.
    let server = FakeServer::start();
    let phone = Device::new("phone");
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Flags");
    let file = phone.file("flag.png", &png(4));
    let file = file.to_str().unwrap();
    let card = phone.add(&[
        "--deck",
        &deck,
        "--front-image",
        file,
        "--alt",
        "x",
        "--back",
        "y",
    ]);
    phone.sync();
    let items: Vec<DocChange> = server
        .take_received()
        .into_iter()
        .filter_map(|frame| match frame {
            Frame::Push(push) => Some(push.items),
            _ => None,
        })
        .flatten()
        .collect();
    assert!(
        items
            .iter()
            .any(|item| item.doc == deck.parse::<DocId>().unwrap())
    );
    let laptop = Device::new("laptop");
    laptop.login(&server.url(), "ada");
    server.set(Malice::AfterWelcome(vec![message(Changes {
        items,
        cursor: Some(server.cursor()),
        ..Changes::default()
    })]));
    laptop.sync();
    assert_eq!(
        (laptop.count("cards"), laptop.count("blobs_missing")),
        (1, 1)
    );

    let right = png(4).len();
    for len in [right, right - 1, right + 1, 0] {
        server.set(Malice::Rude(Rude::WrongBytes { len }));
        let answer = laptop.run(&IMPATIENT);
        assert!([1, 7].contains(&answer.code), "{len}: {answer:?}");
        answer.clone().fails_with(answer.code);
        assert_eq!(laptop.count("blobs_missing"), 1, "{len}");
        laptop.verify_clean();
    }

    let honest = Server::new();
    for device in [&phone, &laptop] {
        device.run(&["account", "logout"]).ok();
    }
    phone.register(&honest.url(), "ada");
    phone.sync();
    laptop.login(&honest.url(), "ada");
    settle(&[&phone, &laptop]);
    assert_eq!(laptop.count("blobs_missing"), 0);
    assert_eq!(laptop.side(&card, "back"), ["y"]);
    laptop.verify_clean();
}
