//! Blobs: quota, resuming, wrong bytes, several uploaders, and the relay between devices that are online together.

use sync_protocol::device::BlobWritten;

use crate::world::{World, doc};

#[test]
fn over_the_quota_documents_still_flow_and_raising_it_finishes() {
    let mut world = World::new(1, 2);
    world.server.quota_bytes = 100_000;
    for _ in 0..4 {
        world.add_blob(0, doc(1), 40_000);
    }
    world.connect(0);
    world.run();
    assert!(
        world.conns[&world.conn_of(0).unwrap()]
            .device_session
            .is_settled()
    );
    assert_eq!(world.server.blobs.len(), 2, "as many as fit");
    assert_eq!(world.devices[0].blobs_refused.len(), 2);
    let refused = world.devices[0].blobs_refused[0];
    assert_eq!(
        (refused.quota.used, refused.quota.limit, refused.bytes),
        (80_000, 100_000, 40_000)
    );
    assert!(world.devices[0].outbox.is_empty(), "documents went through");
    assert_eq!(world.devices[0].blobs.len(), 4, "nothing is lost here");

    world.server.quota_bytes = 200_000;
    world.connect(0);
    world.settle();
    world.assert_same_blobs();
    assert_eq!(world.server.blobs.len(), 4);
}

#[test]
fn raising_the_quota_is_enough_while_connected() {
    let mut world = World::new(2, 1);
    world.server.quota_bytes = 10_000;
    world.add_blob(0, doc(1), 40_000);
    let id = world.connect(0);
    world.run();
    assert_eq!(world.server.blobs.len(), 0);
    world.server.quota_bytes = 100_000;
    let quota = world.server.quota();
    let now = world.now_ms;
    world
        .conns
        .get_mut(&id)
        .unwrap()
        .server_session
        .handle_quota(quota, now);
    world.drain(id);
    world.run();
    assert_eq!(world.server.blobs.len(), 1);
    assert_eq!(world.devices[0].quota.limit, 100_000);
}

#[test]
fn uploads_and_downloads_resume_where_they_broke_off() {
    let mut world = World::new(3, 2);
    world.bytes_a_ms = 1_000;
    let hash = world.add_blob(0, doc(1), 1_000_000);
    world.connect(0);
    world.run_for(600);
    world.cut(0);
    let part = world.server.parts[&hash].len();
    assert!(part > 200_000, "{part}");
    let id = world.connect(0);
    world.run();
    let sent = world.conns[&id].bytes_up;
    assert!(
        sent < 1_002_000 - part,
        "{sent} bytes for the rest after {part}"
    );

    world.connect(1);
    world.run_for(600);
    world.cut(1);
    let part = world.devices[1].parts[&hash].len();
    assert!(part > 200_000, "{part}");
    let id = world.connect(1);
    world.run();
    let sent = world.conns[&id].bytes_down;
    assert!(
        sent < 1_002_000 - part,
        "{sent} bytes for the rest after {part}"
    );
    world.assert_same_blobs();
}

#[test]
fn two_devices_uploading_the_same_blob_store_it_once() {
    let mut world = World::new(4, 2);
    world.bytes_a_ms = 1_000;
    let bytes = world.dice.bytes(300_000);
    let nonce = world.nonce();
    world.devices[0].add_blob(doc(1), nonce, bytes.clone());
    world.devices[1].add_blob(doc(2), nonce + 1, bytes);
    world.connect(0);
    world.run_for(100);
    let second = world.connect(1);
    world.run();
    world.settle();
    assert!(
        world.conns[&second].bytes_up < 10_000,
        "the second device sent nothing of it"
    );
    assert_eq!(world.devices[1].stored.len(), 1);

    // And when the first breaks off, the second takes over.
    let bytes = world.dice.bytes(300_000);
    world.devices[0].add_blob(doc(1), nonce + 2, bytes.clone());
    world.devices[1].add_blob(doc(2), nonce + 3, bytes);
    world.connect(0);
    world.run_for(100);
    world.connect(1);
    world.run_for(100);
    world.cut(0);
    world.run();
    assert_eq!(world.server.blobs.len(), 2);
}

#[test]
fn a_blob_over_the_quota_goes_from_device_to_device() {
    let mut world = World::new(5, 3);
    world.server.quota_bytes = 1_000;
    world.bytes_a_ms = 5_000;
    let hash = world.add_blob(0, doc(1), 2_500_000);
    world.settle();
    world.assert_same();
    world.assert_same_blobs();
    assert!(
        world.devices[1].blobs.contains_key(&hash) && world.devices[2].blobs.contains_key(&hash)
    );
    assert!(
        world.server.blobs.is_empty() && world.server.parts.is_empty(),
        "nothing of it stays on the server"
    );
    assert!(
        world.server.pairs.is_empty() && world.server.waiting.is_empty(),
        "nothing is left in the hub"
    );
    assert!(
        world.devices.iter().all(|device| device.stored.is_empty()),
        "nobody believes the server has it"
    );
}

#[test]
fn who_got_a_blob_over_the_quota_stores_it_when_there_is_room_and_its_source_is_gone() {
    for still_connected in [true, false] {
        let mut world = World::new(11, 2);
        world.server.quota_bytes = 1_000;
        let hash = world.add_blob(0, doc(1), 300_000);
        world.settle();
        let told: Vec<_> = world.devices[1]
            .blobs_refused
            .iter()
            .map(|refused| (refused.hash, refused.bytes))
            .collect();
        assert!(
            told.contains(&(hash, 300_000)),
            "who got it tells that the server lacks it: {told:?}"
        );
        world.cut_all();
        let id = world.connect(1);
        world.run();
        assert!(world.server.blobs.is_empty());
        world.server.quota_bytes = 1_000_000;
        if still_connected {
            let (quota, now) = (world.server.quota(), world.now_ms);
            let conn = world.conns.get_mut(&id).unwrap();
            conn.server_session.handle_quota(quota, now);
            world.drain(id);
        } else {
            world.cut(1);
            world.connect(1);
        }
        world.run();
        assert!(world.server.blobs.contains_key(&hash));
    }
}

#[test]
fn room_that_came_during_a_relay_is_used_after_it() {
    let mut world = World::new(12, 2);
    world.server.quota_bytes = 1_000;
    world.bytes_a_ms = 1_000;
    let hash = world.add_blob(0, doc(1), 900_000);
    world.connect(0);
    world.run();
    let target = world.connect(1);
    world.run_for(300);
    assert!(!world.server.pairs.is_empty(), "the relay is under way");
    world.server.quota_bytes = 1_000_000;
    let (quota, now) = (world.server.quota(), world.now_ms);
    let conn = world.conns.get_mut(&target).unwrap();
    conn.server_session.handle_quota(quota, now);
    world.drain(target);
    world.run();
    assert!(world.devices[1].blobs.contains_key(&hash));
    assert!(world.server.blobs.contains_key(&hash));
}

#[test]
fn many_small_blobs_over_the_quota_go_from_device_to_device() {
    let mut world = World::new(6, 2);
    world.server.quota_bytes = 1_000;
    for _ in 0..40 {
        world.add_blob(0, doc(1), 9_000);
    }
    world.settle();
    world.assert_same_blobs();
}

#[test]
fn a_relay_broken_off_goes_on_later() {
    for stop_ms in [50, 150, 300, 500, 700] {
        let mut world = World::new(7, 2);
        world.server.quota_bytes = 1_000;
        world.bytes_a_ms = 2_000;
        world.add_blob(0, doc(1), 900_000);
        world.connect(0);
        world.connect(1);
        world.run_for(stop_ms);
        world.cut((stop_ms % 2) as usize);
        world.run();
        world.settle();
        world.assert_same_blobs();
        assert!(world.server.pairs.is_empty() && world.server.waiting.is_empty());
    }
}

#[test]
fn a_slow_target_does_not_hold_up_the_sources_other_uploads() {
    let mut world = World::new(8, 2);
    world.server.quota_bytes = 1_000_000;
    let relayed = world.add_blob(0, doc(1), 3_000_000);
    world.connect(0);
    world.run();
    // The target takes nothing for a while: its line is that slow.
    world.bytes_a_ms = 10_000;
    let target = world.connect(1);
    world.run_for(30);
    world.conns.get_mut(&target).unwrap().bytes_a_ms = Some(1);
    world.run_for(4_000);
    let stored = world.add_blob(0, doc(2), 400_000);
    world.run_for(3_000);
    assert!(
        world.server.blobs.contains_key(&stored),
        "the other upload went through"
    );
    assert!(!world.devices[1].blobs.contains_key(&relayed));
    assert!(
        world.server.relayed_bytes <= 600_000,
        "the relay waits for its target"
    );
}

#[test]
fn when_the_quota_allows_a_wanted_blob_is_stored_and_announced() {
    let mut world = World::new(9, 2);
    let hash = world.add_blob(0, doc(1), 200_000);
    // The document arrives before the blob.
    let offered = world.devices[0].blobs.remove(&hash).unwrap();
    world.settle();
    assert!(!world.devices[1].blobs.contains_key(&hash));
    world.devices[0].blobs.insert(hash, offered);
    world.cut(0);
    world.connect(0);
    world.run();
    assert!(
        world.devices[1].blobs.contains_key(&hash),
        "it came as soon as it was there"
    );
    assert!(world.server.blobs.contains_key(&hash));
}

#[test]
fn wrong_bytes_are_sent_once_more_and_then_reported() {
    use sync_protocol::device::{BlobFailure, BlobRead, Output};
    let mut world = World::new(10, 1);
    let id = world.connect(0);
    world.run();
    let hash = domain::BlobHash::from_bytes([7; 32]);
    let conn = world.conns.get_mut(&id).unwrap();
    let session = &mut conn.device_session;
    let item = sync_protocol::OfferItem {
        hash,
        bytes: 10,
        mime: "image/png".into(),
    };
    let grant = sync_protocol::GrantItem {
        hash,
        offset: 0,
        relay: false,
    };
    session.handle_blobs_added(2_000);
    let mut failed = None;
    let mut sent = 0;
    for _ in 0..40 {
        match session.poll_output(2_000) {
            Some(Output::ReadOffers { .. }) => {
                session.handle_offers(
                    sync_protocol::device::OfferPage {
                        items: vec![item.clone()],
                        more: false,
                    },
                    2_000,
                );
            }
            Some(Output::Transmit(sync_protocol::Frame::BlobOffer(_))) => {
                session.handle_frame(
                    sync_protocol::BlobGrant {
                        items: vec![grant.clone()],
                    }
                    .into(),
                    2_000,
                );
            }
            Some(Output::ReadBlob { hash, offset, len }) => {
                session.handle_blob_read(hash, offset, BlobRead::Bytes(vec![0; len]), 2_000)
            }
            Some(Output::Transmit(sync_protocol::Frame::BlobData(_))) => {
                sent += 1;
                session.handle_frame(
                    sync_protocol::BlobBad {
                        hash,
                        reason: sync_protocol::Reason::WrongHash,
                    }
                    .into(),
                    2_000,
                );
            }
            Some(Output::BlobFailed { why, .. }) => failed = Some(why),
            Some(_) => {}
            None => break,
        }
    }
    assert_eq!((sent, failed), (2, Some(BlobFailure::Damaged)));
    assert!(session.is_settled());
}

#[test]
fn an_empty_blob_and_a_whole_unverified_part_pass() {
    let mut world = World::new(11, 2);
    let empty = world.add_blob(0, doc(1), 0);
    let whole = world.add_blob(0, doc(1), 50_000);
    let bytes = world.devices[0].blobs[&whole].clone();
    // The server crashed between the last byte and the renaming.
    world.server.parts.insert(whole, bytes.clone());
    world.devices[1].parts.insert(whole, bytes);
    world.settle();
    world.assert_same_blobs();
    assert!(world.server.blobs.contains_key(&empty));
    assert!(
        world
            .conns
            .values()
            .all(|conn| conn.bytes_up < 5_000 && conn.bytes_down < 5_000),
        "no byte was sent twice"
    );
}

#[test]
fn credit_does_not_wait_for_the_flush() {
    use sync_protocol::server::{OfferAnswer, OfferDecision, Output};
    use sync_protocol::{BlobData, BlobOffer, Credit, Frame, OfferItem};
    let mut world = World::new(13, 1);
    let id = world.connect(0);
    world.run();
    let session = &mut world.conns.get_mut(&id).unwrap().server_session;
    let hash = domain::BlobHash::from_bytes([9; 32]);
    let item = OfferItem {
        hash,
        bytes: 100,
        mime: "image/png".into(),
    };
    let sent = |session: &mut sync_protocol::ServerSession| -> Vec<Frame> {
        std::iter::from_fn(|| session.poll_output(2_000))
            .filter_map(|output| match output {
                Output::Transmit(frame) => Some(frame),
                _ => None,
            })
            .collect()
    };
    session.handle_frame(BlobOffer { items: vec![item] }.into(), 2_000);
    sent(session);
    let decision = OfferDecision::Grant { offset: 0 };
    session.handle_offered(vec![OfferAnswer { hash, decision }], 2_000);
    sent(session);
    let data = BlobData {
        hash,
        offset: 0,
        total: 100,
        bytes: vec![1; 100],
        relayed: false,
    };
    session.handle_frame(data.into(), 2_000);
    assert!(sent(session).is_empty(), "nothing has left memory");

    session.handle_blob_taken(hash, 100, 2_000);
    let credit = Credit {
        bytes: 100,
        hash: None,
    };
    assert_eq!(sent(session), vec![credit.into()]);
    session.handle_blob_written(hash, 0, BlobWritten::Stored, 2_000);
    let frames = sent(session);
    assert!(
        matches!(&frames[..], [Frame::BlobStored(stored)] if stored.hashes == vec![hash]),
        "{frames:?}"
    );
}

#[test]
fn answers_of_a_failed_blob_do_not_touch_the_next_try() {
    let mut world = World::new(12, 1);
    let id = world.connect(0);
    world.run();
    let session = &mut world.conns.get_mut(&id).unwrap().device_session;
    // An answer nobody waits for, as after a break.
    session.handle_blob_written(
        domain::BlobHash::from_bytes([1; 32]),
        1_000,
        BlobWritten::Stored,
        2_000,
    );
    session.handle_applied(sync_protocol::device::AppliedHere::default(), 2_000);
    session.handle_enqueued(doc(1), 5, 2_000);
    assert_eq!(session.counters().blobs_received, 0);
}

#[test]
fn a_device_asked_for_a_blob_after_a_long_rest_has_time_to_look() {
    use sync_protocol::limit::OWED_MS;
    use sync_protocol::{BlobWanted, device::Output};
    let mut world = World::new(14, 1);
    let id = world.connect(0);
    world.run();
    let session = &mut world.conns.get_mut(&id).unwrap().device_session;
    assert!(session.is_settled());
    let now_ms = 2_000 + OWED_MS + 10_000;
    let hashes = vec![domain::BlobHash::from_bytes([9; 32])];
    session.handle_frame(BlobWanted { hashes }.into(), now_ms);
    session.handle_timeout(now_ms);
    let outputs: Vec<Output> = std::iter::from_fn(|| session.poll_output(now_ms)).collect();
    assert!(
        matches!(&outputs[..], [Output::FindBlobs { .. }]),
        "{outputs:?}"
    );
    // It does not have for ever.
    session.handle_timeout(now_ms + OWED_MS);
    assert!(matches!(
        session.poll_output(now_ms + OWED_MS),
        Some(Output::Transmit(_))
    ));
}
