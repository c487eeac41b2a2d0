//! Who may what: isolation of accounts, revoked devices, closed registration, passwords, usage figures.

use domain::DocId;
use serde_json::json;
use sync_protocol::{BlobGet, Cursor, Frame, GetItem};
use tests::{
    Device, Login, PASSWORD, Peer, Server, ServerOptions, fresh_bytes, hash_of, number,
    plain_change, png, settle, text,
};

#[test]
fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let server = Server::new();
    let phone = Device::new("phone");
    phone.register(&server.url(), "ada");
    let laptop = Device::new("laptop");
    laptop.add_deck("mine");
    let before = laptop.digest();
    let wrong = laptop
        .account("login", &server.url(), "ada", "not the right password")
        .fails_with(6);
    let unknown = laptop
        .account("login", &server.url(), "nobody", "not the right password")
        .fails_with(6);
    assert_eq!(wrong.stderr, unknown.stderr);
    assert_eq!(laptop.digest(), before);
    laptop.login(&server.url(), "ada");
    settle(&[&phone, &laptop]);
    assert_eq!(phone.count("decks"), 1);

    let body = |user: &str| json!({"user": user, "password": "not the right password", "device": {"id": fresh_id(), "name": "x"}});
    let wrong = server.http("POST", "/v1/sessions", None, Some(&body("ada")));
    let unknown = server.http("POST", "/v1/sessions", None, Some(&body("nobody")));
    assert_eq!(wrong, unknown);
    assert_eq!(
        (wrong.0, text(&wrong.1["error"], "code")),
        (401, "unauthorized")
    );
}

#[test]
fn a_short_password_and_a_taken_name_are_refused_with_words() {
    let server = Server::new();
    let phone = Device::new("phone");
    assert_ne!(
        phone
            .account("register", &server.url(), "ada", "short")
            .code,
        0
    );
    phone.register(&server.url(), "ada");
    let other = Device::new("other");
    let taken = other.account("register", &server.url(), "ada", PASSWORD);
    assert_ne!(taken.code, 0, "{taken:?}");
    assert!(
        taken.stderr.contains("ada") || taken.stderr.contains("taken"),
        "{taken:?}"
    );
}

#[test]
fn registration_closed_is_said_and_the_operator_can_still_add_a_user() {
    let server = Server::start(ServerOptions {
        registration_closed: true,
        ..ServerOptions::default()
    });
    let phone = Device::new("phone");
    let refused = phone.account("register", &server.url(), "ada", PASSWORD);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(
        refused.stderr.to_lowercase().contains("registration"),
        "{refused:?}"
    );
    let (status, answer) = server.http(
        "POST",
        "/v1/accounts",
        None,
        Some(&json!({"user": "ada", "password": PASSWORD})),
    );
    assert_eq!(
        (status, text(&answer["error"], "code")),
        (403, "registration_closed")
    );

    server
        .admin_with_stdin(
            &["user", "add", "ada", "--password-stdin"],
            &format!("{PASSWORD}\n"),
        )
        .ok();
    phone.login(&server.url(), "ada");
    phone.add_deck("Capitals");
    phone.sync();
    let listed = server.admin(&["user", "list"]).ok();
    assert!(listed.stdout.contains("ada"), "{listed:?}");
}

#[test]
fn a_removed_user_is_gone_and_the_device_keeps_its_vault() {
    let server = Server::new();
    let phone = Device::new("phone");
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
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
    server.admin(&["user", "remove", "ada"]).ok();
    phone.run(&["sync"]).fails_with(6);
    assert_eq!(phone.count("cards"), 1);
    phone.verify_clean();
    // The name is free again, and the vault moves to the new account whole.
    phone.run(&["account", "logout"]);
    phone.register(&server.url(), "ada");
    phone.sync();
    let laptop = Device::new("laptop");
    laptop.login(&server.url(), "ada");
    settle(&[&phone, &laptop]);
    assert_eq!(
        (laptop.count("cards"), laptop.count("blobs_missing")),
        (1, 0)
    );
}

#[test]
fn nothing_of_one_account_answers_another() {
    let server = Server::new();
    let (ada, bob) = (Device::new("ada"), Device::new("bob"));
    ada.register(&server.url(), "ada");
    bob.register(&server.url(), "bob");
    let deck = ada.add_deck("Secret");
    let picture = png(77);
    let file = ada.file("secret.png", &picture);
    let card = ada.add(&[
        "--deck",
        &deck,
        "--front-image",
        file.to_str().unwrap(),
        "--alt",
        "x",
        "--back",
        "secret",
    ]);
    ada.sync();
    let bobs_before = bob.digest();
    bob.sync();
    assert_eq!(bob.digest(), bobs_before);
    bob.run(&["card", "show", &card]).fails_with(3);

    let login = Login::new(&server, "bob");
    let (mut peer, welcome) = Peer::open(&server, &login);
    assert_eq!(welcome.quota.used, 0);
    // The hash of another's blob is no right to read it, nor to learn that it exists.
    for hash in [hash_of(&picture), hash_of(b"nobody has this")] {
        peer.send(BlobGet {
            items: vec![GetItem {
                hash,
                offset: 0,
                priority: 0,
            }],
        });
        let answer = peer.until(|frame| match frame {
            Frame::BlobAbsent(absent) if absent.hashes.contains(&hash) => Some(true),
            Frame::BlobData(data) if data.hash == hash => Some(false),
            _ => None,
        });
        assert_eq!(
            answer,
            Some(true),
            "a blob of another account is as absent as one that never was"
        );
    }
    let offered = peer.offer(&picture, "image/png");
    let Some(Frame::BlobGrant(grant)) = &offered else {
        panic!("held or refused tells that it exists: {offered:?}")
    };
    assert_eq!(grant.items[0].offset, 0);

    // Writing under another's document id writes into one's own account.
    let document: DocId = deck.parse().unwrap();
    let answers: Vec<bool> = [document, DocId::from_bytes(fresh_bytes())]
        .iter()
        .map(|doc| peer.push(*doc, &[plain_change(1)]).is_taken())
        .collect();
    assert_eq!(
        answers[0], answers[1],
        "a foreign id is answered as a random one"
    );
    let digest = ada.digest();
    ada.sync();
    assert_eq!(ada.digest(), digest);
    ada.verify_clean();
    assert_eq!(
        server.http("GET", "/v1/usage", Some(&login.token), None).1["quota_used_bytes"],
        0
    );
}

#[test]
fn a_cursor_of_another_account_shows_nothing_of_it() {
    let server = Server::new();
    let ada = Login::register(&server, "ada");
    let (mut adas, _) = Peer::open(&server, &ada);
    assert!(
        adas.push(DocId::from_bytes(fresh_bytes()), &[plain_change(1)])
            .is_taken()
    );
    let (_, welcome) = Peer::open(&server, &ada);
    let bob = Login::register(&server, "bob");
    let (_, bobs) = Peer::open_at(
        &server,
        &bob,
        Some(Cursor {
            epoch: welcome.epoch,
            seq: 1,
            chain: welcome.chain,
        }),
    );
    assert_eq!((bobs.seq, bobs.cursor_ok), (0, false));
}

#[test]
fn a_revoked_device_is_out_at_once_and_keeps_its_work() {
    let server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    phone.sync();
    laptop.login(&server.url(), "ada");
    settle(&[&phone, &laptop]);

    let owner = Login::new(&server, "ada");
    let stolen = Login::new(&server, "ada");
    let (mut open, _) = Peer::open(&server, &stolen);
    let (status, devices) = server.http("GET", "/v1/devices", Some(&owner.token), None);
    assert_eq!(status, 200, "{devices}");
    assert_eq!(devices.as_array().map(Vec::len), Some(4), "{devices}");
    let (status, _) = server.http(
        "DELETE",
        &format!("/v1/devices/{}", stolen.device),
        Some(&owner.token),
        None,
    );
    assert_eq!(status, 204);
    let reason = open.until(|frame| {
        if let Frame::Close(close) = frame {
            Some(close)
        } else {
            None
        }
    });
    assert!(
        reason.is_none_or(|close| close.code == 4401),
        "the open socket ends"
    );
    assert_eq!(Peer::try_connect(&server, &stolen.token).err(), Some(401));
    assert_eq!(
        server.http("GET", "/v1/usage", Some(&stolen.token), None).0,
        401
    );

    let listed = server
        .http("GET", "/v1/devices", Some(&owner.token), None)
        .1;
    let laptop_id = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|device| text(device, "name") == "laptop")
        .unwrap();
    let path = format!("/v1/devices/{}", text(laptop_id, "id"));
    assert_eq!(
        server.http("DELETE", &path, Some(&owner.token), None).0,
        204
    );
    let card = laptop.add_card(&deck, "made after", "the theft");
    laptop.run(&["sync"]).fails_with(6);
    assert_eq!(
        laptop.count("cards"),
        1,
        "a revoked device loses nothing of its own"
    );
    laptop.login(&server.url(), "ada");
    settle(&[&phone, &laptop]);
    phone.show(&card);
}

#[test]
fn nobody_revokes_a_device_of_another_account() {
    let server = Server::new();
    let (ada, bob) = (
        Login::register(&server, "ada"),
        Login::register(&server, "bob"),
    );
    let foreign = server.http(
        "DELETE",
        &format!("/v1/devices/{}", ada.device),
        Some(&bob.token),
        None,
    );
    let unknown = server.http(
        "DELETE",
        &format!("/v1/devices/{}", fresh_id()),
        Some(&bob.token),
        None,
    );
    assert_eq!(foreign, unknown);
    assert_eq!(foreign.0, 404);
    assert!(Peer::try_connect(&server, &ada.token).is_ok());
}

#[test]
fn without_a_valid_token_no_route_answers() {
    let server = Server::new();
    Login::register(&server, "ada");
    let forged = format!("mv1_{}", "0".repeat(64));
    for token in [None, Some(forged.as_str()), Some(""), Some("mv1_")] {
        for (method, path) in [
            ("GET", "/v1/devices"),
            ("GET", "/v1/usage"),
            ("DELETE", "/v1/devices/x"),
        ] {
            let (status, answer) = server.http(method, path, token, None);
            assert_eq!(status, 401, "{method} {path} {token:?}: {answer}");
        }
        assert_eq!(
            Peer::try_connect(&server, token.unwrap_or_default()).err(),
            Some(401)
        );
    }
}

#[test]
fn usage_counts_each_picture_once_and_survives_a_restart() {
    let mut server = Server::new();
    let phone = Device::new("phone");
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    let mut bytes = 0;
    for seed in [1, 2, 2] {
        let file = phone.file("flag.png", &png(seed));
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
        bytes = png(1).len() as u64 + png(2).len() as u64;
    }
    phone.sync();
    let check = |server: &Server| {
        let usage = phone.ok(&["account", "usage"]);
        assert_eq!(
            (number(&usage, "quota_used_bytes"), number(&usage, "blobs")),
            (bytes, 2),
            "{usage}"
        );
        assert_eq!(number(&usage, "devices"), 1, "{usage}");
        assert!(
            number(&usage, "documents") >= 2 && number(&usage, "document_bytes") > 0,
            "{usage}"
        );
        let listed = server.admin(&["user", "list"]).ok();
        assert!(listed.stdout.contains(&bytes.to_string()), "{listed:?}");
    };
    check(&server);
    server.kill();
    server.restart();
    check(&server);
    assert_eq!(phone.count("quota_used_bytes"), bytes);
    assert_eq!(server.http("GET", "/healthz", None, None).0, 200);
}

fn fresh_id() -> String {
    DocId::from_bytes(fresh_bytes()).to_string()
}
