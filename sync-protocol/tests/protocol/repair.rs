//! Lost, rolled-back and copied: servers and devices that are not what they were.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sync_protocol::{Close, CloseCode, Frame};

use crate::world::{Dice, World, cases, doc, server::Server};

/// Three devices, some work, everything in sync.
fn in_sync(seed: u64) -> World {
    let mut world = World::new(seed, 3);
    for n in 0..24u8 {
        world.edit_of(usize::from(n % 3), doc(n % 11), 500);
    }
    for device in 0..3 {
        world.add_blob(device, doc(20), 30_000);
    }
    world.settle();
    world.assert_same();
    world.assert_same_blobs();
    world
}

fn assert_server_whole(world: &World) {
    let all: BTreeSet<_> = world.devices[0]
        .docs
        .values()
        .flat_map(|doc| doc.changes.keys())
        .collect();
    let held: BTreeSet<_> = world.server.log.iter().map(|entry| &entry.hash).collect();
    assert_eq!(held, all, "the server has what the devices have");
    assert_eq!(world.server.log.len(), all.len(), "once each");
    let named = world.devices[0].referenced();
    assert!(
        named
            .iter()
            .all(|hash| world.server.blobs.contains_key(hash)),
        "blobs too"
    );
}

#[test]
fn a_lost_server_is_made_whole() {
    let mut world = in_sync(1);
    world.cut_all();
    // What one device alone had pushed, and the others never saw.
    world.edit(1, doc(3));
    world.server = Server::new(2);
    world.settle();
    world.assert_same();
    world.assert_same_blobs();
    assert_server_whole(&world);
    assert!(world.devices.iter().all(|device| device.repairs >= 1));
    let repairs: u32 = world.devices.iter().map(|device| device.repairs).sum();
    world.cut_all();
    world.settle();
    assert_eq!(
        world
            .devices
            .iter()
            .map(|device| device.repairs)
            .sum::<u32>(),
        repairs,
        "once is enough"
    );
}

#[test]
fn a_rolled_back_server_is_made_whole() {
    let mut world = in_sync(2);
    let backup = world.server.clone();
    for n in 0..12u8 {
        world.edit(usize::from(n % 3), doc(n % 5));
    }
    world.add_blob(2, doc(4), 80_000);
    world.run();
    world.assert_same();
    world.cut_all();
    world.server = Server {
        sessions: BTreeSet::new(),
        ..backup
    };
    world.server.seal();
    world.settle();
    world.assert_same();
    world.assert_same_blobs();
    assert_server_whole(&world);
    assert_eq!(
        world.server.identities_made, 0,
        "nobody is taken for a copy"
    );
}

#[test]
fn a_rolled_back_server_that_went_on_is_noticed_by_its_chain() {
    let mut world = in_sync(3);
    let backup = world.server.clone();
    for _ in 0..3 {
        world.edit(0, doc(1));
    }
    world.run();
    world.cut_all();
    world.server = Server {
        sessions: BTreeSet::new(),
        ..backup
    };
    // Device 2 writes more than was lost, so that device 0's place exists again, with another history.
    world.devices[2].cursor = Some(world.server.head());
    for _ in 0..9 {
        world.edit(2, doc(7));
    }
    world.connect(2);
    world.run();
    assert!(world.devices[0].cursor.unwrap().seq <= world.server.head().seq);
    world.settle();
    world.assert_same();
    assert_server_whole(&world);
    assert!(world.devices[0].repairs >= 1);
}

#[test]
fn a_repair_broken_off_begins_again() {
    for stop_ms in 0..40 {
        let mut world = in_sync(4);
        world.cut_all();
        world.server = Server::new(2);
        world.connect(0);
        world.run_for(stop_ms);
        world.cut(0);
        world.settle();
        world.assert_same();
        world.assert_same_blobs();
        assert_server_whole(&world);
    }
}

#[test]
fn a_copied_directory_gets_a_new_identity() {
    let mut world = in_sync(5);
    world.cut_all();
    let copy = world.devices[0].clone();
    // The original goes on, then the copy comes back to life.
    world.edit(0, doc(1));
    world.connect(0);
    world.run();
    world.devices.push(copy);
    world.edit(3, doc(2));
    world.settle();
    assert_eq!(world.devices[3].identities, 1);
    assert_ne!(world.devices[3].id, world.devices[0].id);
    world.assert_same();
    // From then on both are themselves.
    world.cut_all();
    world.settle();
    assert_eq!(
        world
            .devices
            .iter()
            .map(|device| device.identities)
            .sum::<u32>(),
        1
    );
}

#[test]
fn a_restored_device_gets_what_it_lacks_and_a_new_identity() {
    let mut world = in_sync(6);
    let backup = world.devices[1].clone();
    for _ in 0..5 {
        world.edit(1, doc(2));
    }
    world.add_blob(1, doc(2), 5_000);
    world.cut(1);
    world.settle();
    world.cut(1);
    world.devices[1] = backup;
    world.edit(1, doc(8));
    world.settle();
    world.assert_same();
    world.assert_same_blobs();
    assert_eq!(world.devices[1].identities, 1);
}

#[test]
fn breaks_before_welcome_are_no_fork() {
    let mut world = in_sync(7);
    for stop_ms in 0..30 {
        world.connect(0);
        world.run_for(stop_ms);
        world.cut(0);
    }
    world.settle();
    assert_eq!(world.server.identities_made, 0);
}

#[test]
fn repair_can_be_asked_for() {
    let mut world = in_sync(8);
    world.cut_all();
    // Damage on both sides that no cursor shows.
    let lost = world
        .server
        .log
        .iter()
        .position(|entry| entry.doc == doc(3))
        .unwrap();
    assert!(lost > 0);
    world.devices[0].docs.remove(&doc(3));
    world.devices[0].repair_next = true;
    world.settle();
    world.assert_same();
    assert_eq!(world.devices[0].repairs, 1);
}

#[test]
fn another_accounts_vault_is_left_alone() {
    let mut world = in_sync(9);
    world.cut(0);
    world.server.vault = domain::VaultId::from_bytes([0xbb; 16]);
    let outbox = world.devices[0].outbox.len();
    world.connect(0);
    world.edit(0, doc(1));
    world.run();
    assert_eq!(world.conn_of(0), None, "the device has left");
    assert_eq!(
        world.devices[0].outbox.len(),
        outbox + 1,
        "nothing was sent"
    );
}

#[test]
fn a_close_from_the_server_carries_its_code() {
    let config =
        crate::world::device::Device::new(1).config(domain::IncarnationId::from_bytes([1; 16]), 0);
    let mut session = sync_protocol::DeviceSession::open(config, 0);
    session.handle_frame(
        Frame::Close(Close {
            code: 4401,
            reason: "revoked".into(),
        }),
        1,
    );
    let outputs: Vec<_> = std::iter::from_fn(|| session.poll_output(1)).collect();
    let Some(sync_protocol::device::Output::Close(closing)) = outputs.last() else {
        panic!("{outputs:?}")
    };
    assert_eq!(
        (closing.code, closing.by_peer),
        (CloseCode::Unauthorized, true)
    );
    assert!(closing.code.is_permanent());
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn any_backup_of_server_or_device_may_come_back(seed: u64, rounds in 1..5u8) {
        let mut world = in_sync(seed);
        let mut dice = Dice(seed);
        let mut servers = vec![world.server.clone()];
        let mut made: BTreeSet<Vec<u8>> = BTreeSet::new();
        for _ in 0..rounds {
            for _ in 0..dice.roll(8) {
                let (device, n) = (dice.roll(3) as usize, dice.roll(9) as u8);
                world.edit_of(device, doc(n), 200);
                if dice.roll(2) == 0 {
                    world.connect(device);
                    world.run_for(dice.roll(80));
                }
            }
            made.extend(world.devices.iter().flat_map(|device| device.docs.values()).flat_map(|doc| doc.changes.values().cloned()));
            servers.push(world.server.clone());
            world.cut_all();
            let backup = dice.roll(servers.len() as u64) as usize;
            let epochs_seen = world.server.epoch;
            world.server = match dice.roll(4) {
                0 => Server::new(epochs_seen.as_bytes()[0] + 1),
                _ => servers[backup].clone(),
            };
            world.server.sessions.clear();
            world.server.reserved.clear();
            world.server.waiting.clear();
            world.server.pairs.clear();
        }
        world.settle();
        // A second round of visits, so that what the last visitor brought reaches the first.
        world.cut_all();
        world.settle();
        world.assert_same();
        prop_assert!(made.iter().all(|change| world.devices[0].has_change(change)), "nothing any device held is lost");
    }
}
