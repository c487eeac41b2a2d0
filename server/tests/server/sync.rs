//! Documents over the WebSocket: pushed, paged, live, refused, repaired, revoked.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use domain::ChangeHash;
use storage::{PackBounds, decode_pack};
use sync_protocol::{
    Applied, Changes, CloseCode, Cursor, DocChange, DocHeads, Frame, Inventory, Push, Pushed,
    Reason, Refused,
};

use crate::host::{Host, Login};
use crate::wire::{Wire, changes, doc, stamp, tcp};

fn two_devices() -> (Host, Login, Login) {
    let host = Host::new();
    host.register("ann");
    let (one, two) = (host.log_in("ann", 1), host.log_in("ann", 2));
    (host, one, two)
}

fn push(wire: &mut Wire, batch: u64, items: Vec<DocChange>) -> (Vec<Refused>, Pushed) {
    wire.send(Push { batch, items });
    let mut refused = Vec::new();
    loop {
        match wire.receive() {
            Frame::Refused(frame) => refused.push(frame),
            Frame::Pushed(pushed) => return (refused, pushed),
            Frame::Missing(_) | Frame::Changes(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn next_changes(wire: &mut Wire) -> Changes {
    wire.receive_until(|frame| match frame {
        Frame::Changes(changes) => Some(changes),
        _ => None,
    })
}

/// Everything up to an entry, acknowledged as it comes: changes and packs' changes.
fn pull(wire: &mut Wire, seq: u64) -> (BTreeSet<Vec<u8>>, Cursor) {
    let mut all = BTreeSet::new();
    let mut pack = Vec::new();
    let mut frames = 0;
    loop {
        let page = next_changes(wire);
        frames += 1;
        for part in page.packs {
            pack.extend(part.bytes);
            if part.part + 1 == part.of {
                let whole = std::mem::take(&mut pack);
                all.extend(decode_pack(&whole, PackBounds::default()).unwrap());
            }
        }
        all.extend(page.items.into_iter().map(|item| item.change));
        if let Some(cursor) = page.cursor {
            let seq = cursor.seq;
            wire.send(Applied { seq, frames });
            frames = 0;
        }
        if let Some(cursor) = page.cursor.filter(|cursor| cursor.seq >= seq) {
            return (all, cursor);
        }
    }
}

fn bytes(items: &[DocChange]) -> BTreeSet<Vec<u8>> {
    items.iter().map(|item| item.change.clone()).collect()
}

#[test]
fn a_change_is_pushed_and_reaches_the_other_device_live() {
    let (host, one, two) = two_devices();
    let (mut laptop, welcome) = Wire::open(&host, &one, None);
    assert_eq!(welcome.vault.to_string(), one.vault);
    assert_eq!((welcome.seq, welcome.cursor_ok), (0, true));
    let (mut phone, _) = Wire::open(&host, &two, None);
    let items = changes(doc(1), 1, 3);
    let (refused, pushed) = push(&mut laptop, 1, items.clone());
    assert_eq!(refused, []);
    assert_eq!((pushed.batch, pushed.seq), (1, 3));
    assert_eq!(pushed.cursor.unwrap().seq, 3);
    let (arrived, cursor) = pull(&mut phone, 3);
    assert_eq!(arrived, bytes(&items));
    assert_eq!(Some(cursor), pushed.cursor);
}

#[test]
fn nothing_is_lost_by_a_restart_and_a_cursor_goes_on() {
    let (mut host, one, two) = two_devices();
    let items = changes(doc(1), 1, 5);
    let (mut laptop, _) = Wire::open(&host, &one, None);
    let (_, pushed) = push(&mut laptop, 1, items[..3].to_vec());
    host.restart();
    let (mut laptop, welcome) = Wire::open(&host, &one, pushed.cursor);
    assert_eq!((welcome.seq, welcome.cursor_ok), (3, true));
    let (refused, pushed) = push(&mut laptop, 1, items[2..].to_vec());
    assert_eq!((refused.len(), pushed.seq), (0, 5));
    let (mut phone, _) = Wire::open(&host, &two, None);
    assert_eq!(pull(&mut phone, 5).0, bytes(&items));
    assert_eq!(host.get("/v1/usage", &two.token).body["documents"], 1);
}

#[test]
fn a_fresh_device_gets_packs_not_a_frame_a_change() {
    let (host, one, two) = two_devices();
    let (mut laptop, _) = Wire::open(&host, &one, None);
    let items = changes(doc(1), 1, 2_000);
    let mut seq = 0;
    for (batch, chunk) in items.chunks(200).enumerate() {
        seq = push(&mut laptop, batch as u64 + 1, chunk.to_vec()).1.seq;
    }
    assert_eq!(seq, 2_000);
    // Sealing goes on behind; whatever it has come to, the same changes arrive.
    let (mut phone, _) = Wire::open(&host, &two, None);
    assert_eq!(pull(&mut phone, 2_000).0, bytes(&items));
}

#[test]
fn hostile_changes_are_refused_and_honest_ones_beside_them_pass() {
    let (host, one, _) = two_devices();
    let (mut wire, _) = Wire::open(&host, &one, None);
    let honest = changes(doc(1), 1, 2);
    let hostile = |change: &[u8]| DocChange {
        doc: doc(1),
        change: change.to_vec(),
    };
    let mut orphan = changes(doc(2), 2, 2);
    let items = vec![
        hostile(b""),
        honest[0].clone(),
        hostile(&[0xff; 200]),
        orphan.remove(1),
        honest[1].clone(),
    ];
    let (refused, pushed) = push(&mut wire, 1, items);
    assert_eq!((pushed.batch, pushed.seq), (1, 2));
    let mut reasons: Vec<_> = refused
        .iter()
        .flat_map(|frame| frame.items.iter().map(|item| (*item, frame.reason)))
        .collect();
    reasons.sort();
    let malformed = Reason::Malformed;
    assert_eq!(
        reasons,
        [
            (0, malformed),
            (2, malformed),
            (3, Reason::UnknownDependency)
        ]
    );
}

#[test]
fn bytes_that_are_no_frame_end_the_session_with_a_code() {
    let (host, one, _) = two_devices();
    for (bytes, code) in [
        (b"nonsense".to_vec(), CloseCode::Malformed),
        (
            Frame::from(Push {
                batch: 1,
                items: vec![],
            })
            .encode(),
            CloseCode::Malformed,
        ),
    ] {
        let mut wire = Wire::connect(&host, &one);
        wire.send_bytes(bytes);
        assert_eq!(wire.closed(), code);
    }
    Wire::open(&host, &one, None);
}

#[test]
fn a_cursor_of_another_life_is_repaired() {
    let (host, one, two) = two_devices();
    let (mut laptop, welcome) = Wire::open(&host, &one, None);
    let items = changes(doc(1), 1, 4);
    let head = push(&mut laptop, 1, items.clone()).1.cursor.unwrap();
    let wrong_chain = Cursor {
        chain: welcome.chain,
        ..head
    };
    let beyond = Cursor { seq: 99, ..head };
    for cursor in [wrong_chain, beyond] {
        let (mut phone, welcome) = Wire::open(&host, &two, Some(cursor));
        assert!(!welcome.cursor_ok);
        let known = domain::intake::gate(&items[1].change).unwrap().hash();
        let unknown = ChangeHash::from_bytes([9; 32]);
        let list = |n, heads: &[ChangeHash]| DocHeads {
            doc: doc(n),
            heads: heads.to_vec(),
        };
        phone.send(Inventory {
            items: vec![list(1, &[known]), list(5, &[unknown])],
            more: false,
        });
        let missing = phone.receive_until(|frame| match frame {
            Frame::Missing(missing) => Some(missing),
            _ => None,
        });
        assert_eq!(missing.items, [list(5, &[])]);
        let (arrived, cursor) = pull(&mut phone, 4);
        assert_eq!(arrived, bytes(&items[2..]));
        assert_eq!(cursor, head);
    }
}

#[test]
fn a_copied_vault_gets_a_name_and_a_token_of_its_own() {
    let (host, one, _) = two_devices();
    let items = changes(doc(1), 1, 3);
    let mut original = Wire::connect(&host, &one);
    let welcome = original.hello(&one, None, (stamp(1), stamp(2)));
    assert!(welcome.new_identity.is_none());
    // Who only looks leaves no mark, whatever it says.
    let looked = Wire::connect(&host, &one).hello(&one, None, (stamp(8), stamp(9)));
    assert!(looked.new_identity.is_none());
    push(&mut original, 1, items[..1].to_vec());
    // Broken off before the answer arrived: the promised stamp is the present one as well.
    for stamps in [(stamp(1), stamp(2)), (stamp(2), stamp(2))] {
        let again = Wire::connect(&host, &one).hello(&one, None, stamps);
        assert!(again.new_identity.is_none());
    }
    let copy = Wire::connect(&host, &one).hello(&one, None, (stamp(1), stamp(3)));
    let identity = copy.new_identity.unwrap();
    assert_ne!(identity.device, one.device);
    let copied = Login {
        token: identity.token,
        device: identity.device,
        vault: one.vault.clone(),
    };
    let welcome = Wire::connect(&host, &copied).hello(&copied, None, (stamp(3), stamp(4)));
    assert!(welcome.new_identity.is_none());
    let original = Wire::connect(&host, &one).hello(&one, None, (stamp(2), stamp(5)));
    assert!(original.new_identity.is_none());
    assert_eq!(host.get("/v1/usage", &copied.token).body["devices"], 3);
}

#[test]
fn a_cold_device_says_everything_in_the_request_that_opens_the_connection() {
    let (host, one, _) = two_devices();
    let items = changes(doc(1), 1, 2);
    let (mut wire, _) = Wire::open(&host, &one, None);
    let cursor = push(&mut wire, 1, items[..1].to_vec()).1.cursor;
    let hello = sync_protocol::Hello {
        protocol: sync_protocol::PROTOCOL_VERSION,
        device: one.device,
        incarnation: stamp(1),
        next_incarnation: stamp(1),
        cursor,
        now_ms: 0,
        features: 0,
    };
    let items = items[1..].to_vec();
    let frames: [Frame; 2] = [
        hello.clone().into(),
        sync_protocol::Push { batch: 1, items }.into(),
    ];
    let opening = sync_protocol::encode_opening(&frames.map(|frame| frame.encode()));
    let (mut wire, taken) =
        Wire::over_saying(tcp(host.address()), &one.token, Some(&opening)).unwrap();
    assert!(taken);
    let Frame::Welcome(welcome) = wire.receive() else {
        panic!()
    };
    assert_eq!((welcome.seq, welcome.cursor_ok), (1, true));
    let Frame::Pushed(pushed) = wire.receive() else {
        panic!()
    };
    assert_eq!((pushed.batch, pushed.seq), (1, 2));
    // What is no opening is not taken, and the frames come as messages.
    let (mut wire, taken) =
        Wire::over_saying(tcp(host.address()), &one.token, Some("no opening")).unwrap();
    assert!(!taken);
    wire.send(hello);
    assert!(matches!(wire.receive(), Frame::Welcome(_)));
}

#[test]
fn of_two_copies_that_send_at_once_the_slower_one_is_told_to_come_again() {
    let (host, one, _) = two_devices();
    let items = changes(doc(1), 1, 2);
    let (mut original, mut copy) = (Wire::connect(&host, &one), Wire::connect(&host, &one));
    original.hello(&one, None, (stamp(1), stamp(2)));
    copy.hello(&one, None, (stamp(1), stamp(3)));
    push(&mut original, 1, items[..1].to_vec());
    copy.send(sync_protocol::Push {
        batch: 1,
        items: changes(doc(2), 7, 1),
    });
    assert_eq!(copy.closed(), CloseCode::Unavailable);
    let again = Wire::connect(&host, &one).hello(&one, None, (stamp(1), stamp(3)));
    assert!(again.new_identity.is_some());
}

#[test]
fn a_revoked_device_is_cut_off_within_a_second() {
    let (host, one, two) = two_devices();
    let (mut laptop, _) = Wire::open(&host, &one, None);
    let (mut phone, _) = Wire::open(&host, &two, None);
    // Accepted but not yet admitted: it must not slip through either.
    let mut early = Wire::connect(&host, &two);
    let begun = Instant::now();
    let path = format!("/v1/devices/{}", two.device);
    let removed = host.request("DELETE", &path, Some(&one.token), "");
    assert_eq!(removed.status, 204);
    assert_eq!(phone.closed(), CloseCode::Unauthorized);
    assert_eq!(early.closed(), CloseCode::Unauthorized);
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(Wire::over(tcp(host.address()), &two.token).err(), Some(401));
    assert_eq!(push(&mut laptop, 1, changes(doc(1), 1, 1)).1.seq, 1);
}

#[test]
fn a_token_of_another_device_is_refused() {
    let (host, one, two) = two_devices();
    let mut wire = Wire::connect(&host, &one);
    wire.send(sync_protocol::Hello {
        protocol: sync_protocol::PROTOCOL_VERSION,
        device: two.device,
        incarnation: stamp(1),
        next_incarnation: stamp(1),
        cursor: None,
        now_ms: 0,
        features: 0,
    });
    assert_eq!(wire.closed(), CloseCode::Unauthorized);
}

#[test]
fn connections_of_an_account_are_bounded() {
    let (host, one, two) = two_devices();
    let mut open: Vec<_> = (0..16).map(|_| Wire::open(&host, &one, None).0).collect();
    assert_eq!(Wire::over(tcp(host.address()), &two.token).err(), Some(429));
    let newer = Wire::open(&host, &one, None);
    assert_eq!(open[0].closed(), CloseCode::Unavailable);
    drop(newer);
    host.register("bob");
    let bob = host.log_in("bob", 3);
    Wire::open(&host, &bob, None);
}

#[test]
fn another_accounts_document_is_as_unknown_as_a_random_one() {
    let (host, one, _) = two_devices();
    host.register("bob");
    let bob = host.log_in("bob", 3);
    let (mut anns, _) = Wire::open(&host, &one, None);
    let items = changes(doc(1), 1, 3);
    push(&mut anns, 1, items.clone());
    let (mut bobs, welcome) = Wire::open(&host, &bob, None);
    assert_eq!(welcome.seq, 0);
    let (foreign, _) = push(&mut bobs, 1, vec![items[1].clone()]);
    let mut random = items[1].clone();
    random.doc = doc(200);
    let (mut random, _) = push(&mut bobs, 2, vec![random]);
    random[0].batch = 1;
    assert_eq!(foreign, random);
    assert_eq!(foreign[0].reason, Reason::UnknownDependency);
}

#[test]
fn a_stopping_server_says_goodbye_and_keeps_what_it_acknowledged() {
    let (mut host, one, two) = two_devices();
    let (mut laptop, _) = Wire::open(&host, &one, None);
    let (mut silent, _) = Wire::open(&host, &two, None);
    let items = changes(doc(1), 1, 50);
    push(&mut laptop, 1, items.clone());
    let begun = Instant::now();
    let listener = std::thread::spawn(move || (laptop.closed(), silent.closed()));
    host.stop();
    let away = CloseCode::GoingAway;
    assert_eq!(listener.join().unwrap(), (away, away));
    assert!(begun.elapsed() < Duration::from_secs(10));
    host.restart();
    let (mut phone, _) = Wire::open(&host, &two, None);
    assert_eq!(pull(&mut phone, 50).0, bytes(&items));
}
