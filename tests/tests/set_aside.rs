//! Changes that a device set aside: `verify` names each with its reason and what to do about it, for people and for programs, and the cards are as they were.

use domain::DocId;
use sync_protocol::{Changes, DocChange, Frame};
use tests::{Device, FakeServer, mutations};

#[test]
fn a_mutated_change_with_a_right_checksum_is_named_with_reason_and_next_step() {
    let server = FakeServer::start();
    let device = Device::new("phone");
    let deck = device.add_deck("Capitals");
    let card = device.add_card(&deck, "France", "Paris");
    device.register(&server.url(), "ada");
    device.sync();
    let doc: DocId = deck.parse().unwrap();
    let honest = server
        .take_received()
        .into_iter()
        .filter_map(|frame| match frame {
            Frame::Push(push) => Some(push.items),
            _ => None,
        })
        .flatten()
        .find(|item| item.doc == doc)
        .expect("the deck was pushed");
    let mutated = mutations(&honest.change, 1, 40);
    let items = mutated
        .into_iter()
        .map(|change| DocChange { doc, change })
        .collect();
    server.set(server.grown_by(Changes {
        items,
        ..Changes::default()
    }));
    let left = device.run(&["sync"]).fails_with(7);
    assert!(left.stderr.contains("set aside"), "{left:?}");

    let verified = device.run(&["verify"]).ok().json();
    let aside = verified["set_aside"].as_array().unwrap();
    assert!(aside.len() >= 3, "{verified}");
    for change in aside {
        assert_eq!(change["document"], deck.as_str(), "{change}");
        assert_eq!(change["change"].as_str().unwrap().len(), 64, "{change}");
        for word in ["reason", "hint"] {
            assert!(!change[word].as_str().unwrap().is_empty(), "{change}");
        }
        assert!(
            change["hint"].as_str().unwrap().contains("memoryvault"),
            "{change}"
        );
    }
    // And in words.
    let words = device.plain_command(&["verify"]).output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    for change in aside {
        let line = format!(
            "Set aside: change {} of document {deck}: {}",
            change["change"].as_str().unwrap(),
            change["reason"].as_str().unwrap()
        );
        assert!(words.contains(&line), "{line}\n{words}");
    }
    assert!(
        words.contains(aside[0]["hint"].as_str().unwrap()),
        "{words}"
    );
    assert_eq!(device.side(&card, "back"), ["Paris"]);
    device.run(&["status"]).ok();
}
