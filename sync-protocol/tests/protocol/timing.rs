//! What a sync costs and how long it takes, on simulated lines.

use sync_protocol::limit::{HANDSHAKE_MS, IDLE_MS, OWED_MS, STALLED_BLOB_MS};
use sync_protocol::{
    Chain, CloseCode, DeviceSession, Limits, LogEpoch, Quota, ServerSession, Welcome,
};

use crate::world::{World, doc};

const PUSH: u8 = 5;

#[test]
fn nothing_to_do_is_one_round_trip_under_300_bytes() {
    let mut world = World::new(1, 2);
    for n in 0..100u8 {
        world.edit_of(0, doc(n), 1_000);
    }
    world.add_blob(0, doc(1), 10_000);
    world.settle();
    let id = world.connect(0);
    let begin = world.now_ms;
    world.disk_ms = 0;
    world.run();
    let conn = &world.conns[&id];
    assert!(conn.device_session.is_settled());
    assert_eq!((conn.frames_up, conn.frames_down), (1, 1));
    assert!(
        conn.bytes_up + conn.bytes_down < 300,
        "{} up, {} down",
        conn.bytes_up,
        conn.bytes_down
    );
    assert_eq!(world.now_ms - begin, 2 * world.delay_ms);
}

#[test]
fn a_review_reaches_the_server_in_half_a_trip_and_the_others_in_one() {
    let mut world = World::new(2, 2);
    world.settle();
    world.delay_ms = 40;
    world.disk_ms = 0;
    let begin = world.now_ms;
    world.edit(0, doc(1));
    world.run_until(begin + 40);
    assert_eq!(world.server.log.len(), 1);
    world.run_until(begin + 80);
    world.assert_same_changes(1);
}

#[test]
fn a_review_behind_an_upload_leaves_within_the_window() {
    let mut world = World::new(3, 2);
    world.settle();
    // 10 Mbit/s with a trip of 20 ms.
    world.bytes_a_ms = 1_250;
    world.delay_ms = 10;
    world.disk_ms = 1;
    world.add_blob(0, doc(1), 5_000_000);
    let begin = world.now_ms;
    world.run_for(1_000);
    let mut waits = Vec::new();
    for _ in 0..20 {
        let made = world.now_ms;
        world.seen_by_server.clear();
        world.edit(0, doc(2));
        world.run_for(120);
        let arrived = world.seen_by_server.iter().find(|(_, kind)| *kind == PUSH);
        waits.push(arrived.map_or(u64::MAX, |(at, _)| at - made));
    }
    waits.sort_unstable();
    let (median, longest) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    assert!(
        median <= 85 && longest <= 110,
        "one way with a trip of 20 ms: {waits:?}"
    );
    world.run();
    world.assert_same_blobs();
    assert!(
        world.now_ms - begin >= 4_000,
        "the upload filled the line meanwhile"
    );
}

#[test]
fn an_upload_fills_the_line() {
    let mut world = World::new(4, 1);
    world.settle();
    world.bytes_a_ms = 1_250;
    world.delay_ms = 25;
    world.add_blob(0, doc(1), 5_000_000);
    let begin = world.now_ms;
    world.run();
    let took = world.now_ms - begin;
    assert!(took < 4_000 * 13 / 10, "{took} ms for 5 MB at 1.25 MB/s");
}

#[test]
fn a_thousand_small_blobs_are_pipelined() {
    let mut world = World::new(5, 2);
    for _ in 0..1_000 {
        world.add_blob(0, doc(1), 500);
    }
    world.delay_ms = 50;
    world.disk_ms = 2;
    world.connect(0);
    let begin = world.now_ms;
    world.run();
    assert_eq!(world.server.blobs.len(), 1_000);
    let took = world.now_ms - begin;
    assert!(
        took < 1_500,
        "{took} ms for 1 000 blobs over a trip of 100 ms"
    );
}

#[test]
fn every_wait_has_an_end() {
    let mut server = ServerSession::accept(Limits::default(), 100);
    assert_eq!(server.poll_timeout(), Some(100 + HANDSHAKE_MS));
    server.handle_timeout(100 + HANDSHAKE_MS - 1);
    assert!(!server.is_closed());
    server.handle_timeout(100 + HANDSHAKE_MS);
    assert_eq!(last_code(&mut server), Some(CloseCode::HandshakeTimeout));

    let config =
        crate::world::device::Device::new(1).config(domain::IncarnationId::from_bytes([1; 16]), 0);
    let mut device = DeviceSession::open(config, 100);
    device.handle_timeout(100 + HANDSHAKE_MS);
    assert!(device.is_closed());

    let mut world = World::new(6, 1);
    world.settle();
    let id = world.conn_of(0).unwrap();
    let now = world.now_ms;
    let conn = world.conns.get_mut(&id).unwrap();
    let deadline = conn.device_session.poll_timeout().unwrap();
    assert!(deadline <= now + IDLE_MS);
    conn.device_session.handle_alive(now + 10);
    assert_eq!(conn.device_session.poll_timeout(), Some(now + 10 + IDLE_MS));
    conn.device_session.handle_timeout(now + 10 + IDLE_MS);
    assert!(conn.device_session.is_closed());
}

#[test]
fn a_server_that_only_lives_and_owes_is_left() {
    let config =
        crate::world::device::Device::new(1).config(domain::IncarnationId::from_bytes([1; 16]), 0);
    let vault = config.vault.unwrap_or(domain::VaultId::from_bytes([7; 16]));
    let mut device = DeviceSession::open(config, 0);
    while device.poll_output(0).is_some() {}
    let welcome = Welcome {
        vault,
        epoch: LogEpoch::from_bytes([1; 16]),
        seq: 5,
        chain: Chain::from_bytes([5; 32]),
        now_ms: 0,
        limits: Limits::default(),
        quota: Quota::default(),
        cursor_ok: true,
        new_identity: None,
    };
    device.handle_frame(welcome.into(), 10);
    while device.poll_output(10).is_some() {}
    device.handle_alive(OWED_MS);
    device.handle_timeout(OWED_MS);
    assert!(!device.is_closed());
    assert_eq!(device.poll_timeout(), Some(10 + OWED_MS));
    device.handle_timeout(10 + OWED_MS);
    assert!(device.is_closed());
}

#[test]
fn media_that_does_not_move_ends_the_session() {
    let mut world = World::new(7, 1);
    world.settle();
    world.add_blob(0, doc(1), 500_000);
    world.run_for(30);
    let id = world.conn_of(0).unwrap();
    let now = world.now_ms;
    let conn = world.conns.get_mut(&id).unwrap();
    for session_ends in [
        conn.device_session.poll_timeout(),
        conn.server_session.poll_timeout(),
    ] {
        assert!(
            session_ends.unwrap() <= now + STALLED_BLOB_MS,
            "{session_ends:?} at {now}"
        );
    }
    // Pings alone do not help.
    conn.server_session.handle_alive(now + STALLED_BLOB_MS);
    conn.server_session.handle_timeout(now + STALLED_BLOB_MS);
    assert_eq!(
        last_code(&mut conn.server_session),
        Some(CloseCode::Stalled)
    );
}

fn last_code(session: &mut ServerSession) -> Option<CloseCode> {
    std::iter::from_fn(|| session.poll_output(0)).find_map(|output| match output {
        sync_protocol::server::Output::Close(closing) => Some(closing.code),
        _ => None,
    })
}
