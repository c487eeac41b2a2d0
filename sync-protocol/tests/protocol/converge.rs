//! Whatever happens to the connections, in the end every device has every change and every blob.

use proptest::prelude::*;

use crate::world::{World, cases, doc};

#[derive(Debug, Clone)]
enum Step {
    Edit {
        device: usize,
        doc: u8,
        padding: usize,
    },
    Blob {
        device: usize,
        len: usize,
    },
    Connect(usize),
    Cut(usize),
    Run(u64),
    Seal,
    Compact,
}

fn step() -> impl Strategy<Value = Step> {
    let device = 0..3usize;
    prop_oneof![
        6 => (device.clone(), 1..6u8, prop_oneof![Just(30usize), Just(3_000), Just(150_000)])
            .prop_map(|(device, doc, padding)| Step::Edit { device, doc, padding }),
        2 => (device.clone(), prop_oneof![Just(0usize), Just(900), Just(70_000), Just(300_000)])
            .prop_map(|(device, len)| Step::Blob { device, len }),
        4 => device.clone().prop_map(Step::Connect),
        2 => device.prop_map(Step::Cut),
        6 => (0..60u64).prop_map(Step::Run),
        1 => Just(Step::Seal),
        1 => Just(Step::Compact),
    ]
}

fn play(world: &mut World, steps: &[Step]) {
    for step in steps {
        match *step {
            Step::Edit {
                device,
                doc: n,
                padding,
            } => world.edit_of(device, doc(n), padding),
            Step::Blob { device, len } => drop(world.add_blob(device, doc(9), len)),
            Step::Connect(device) => drop(world.connect(device)),
            Step::Cut(device) => world.cut(device),
            Step::Run(ms) => world.run_for(ms),
            Step::Seal => world.server.seal(),
            Step::Compact => world.server.compact(),
        }
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn devices_converge_through_any_breaks(seed: u64, steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new(seed, 3);
        play(&mut world, &steps);
        world.settle();
        world.assert_same();
        world.assert_same_blobs();
        prop_assert_eq!(world.devices.iter().map(|device| device.repairs).sum::<u32>(), 0);
        prop_assert_eq!(world.server.identities_made, 0, "a break is not a fork");
    }

    /// Most blobs do not fit on the server: they go from device to device.
    #[test]
    fn devices_converge_over_a_server_that_is_full(seed: u64, quota in 0..200_000u64, steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new(seed, 3);
        world.server.quota_bytes = quota;
        play(&mut world, &steps);
        world.settle();
        world.assert_same();
        world.assert_same_blobs();
        prop_assert!(world.server.quota().used <= quota);
        prop_assert!(world.server.reserved.is_empty() && world.server.pairs.is_empty() && world.server.waiting.is_empty());
    }
}

#[test]
fn a_fresh_device_gets_everything_from_packs_and_tail() {
    let mut world = World::new(1, 2);
    for n in 0..200u8 {
        world.edit_of(0, doc(n % 7), 2_000);
    }
    world.connect(0);
    world.run();
    world.server.seal();
    for n in 0..20u8 {
        world.edit(0, doc(n % 7));
    }
    world.run();
    let id = world.connect(1);
    world.run();
    world.assert_same();
    assert_eq!(world.conns[&id].settled.unwrap().pulled, 220);
    let frames = world.conns[&id].frames_down;
    assert!(
        frames < 30,
        "{frames} frames for 7 packs of about 60 kB and a tail"
    );
}

#[test]
fn a_pack_larger_than_the_window_passes() {
    let mut world = World::new(2, 2);
    for _ in 0..33 {
        world.edit_of(0, doc(1), 127_000);
    }
    world.connect(0);
    world.run();
    world.server.seal();
    assert!(
        world
            .server
            .packs
            .values()
            .any(|bytes| bytes.len() > 4_000_000)
    );
    world.settle();
    world.assert_same();
}

#[test]
fn live_changes_reach_the_others_and_do_not_come_back() {
    let mut world = World::new(3, 3);
    world.settle();
    let author = world.conn_of(0).unwrap();
    let before = world.conns[&author].bytes_down;
    world.edit_of(0, doc(1), 50_000);
    world.run();
    world.assert_same();
    let back = world.conns[&author].bytes_down - before;
    assert!(back < 200, "{back} bytes came back to the author");
    let cursor = world.devices[0].cursor.unwrap();
    assert_eq!(
        cursor,
        world.server.head(),
        "the author stands at the head without being sent its own change"
    );
}

#[test]
fn settled_counts_what_was_done() {
    let mut world = World::new(4, 2);
    world.edit(0, doc(1));
    world.add_blob(0, doc(1), 100_000);
    world.connect(0);
    world.run();
    let counters = world.conns[&world.conn_of(0).unwrap()].settled.unwrap();
    assert_eq!(
        (
            counters.pushed,
            counters.pulled,
            counters.blobs_sent,
            counters.blobs_received
        ),
        (2, 0, 1, 0)
    );
    world.connect(1);
    world.run();
    let counters = world.conns[&world.conn_of(1).unwrap()].settled.unwrap();
    assert_eq!(
        (
            counters.pushed,
            counters.pulled,
            counters.blobs_sent,
            counters.blobs_received
        ),
        (0, 2, 0, 1)
    );
}

#[test]
fn a_refused_change_does_not_stop_the_rest() {
    let mut world = World::new(5, 2);
    world.server.document_quota_bytes = 10_000;
    world.edit_of(0, doc(1), 20_000);
    world.edit(0, doc(2));
    world.connect(0);
    world.run();
    assert!(
        world.conns[&world.conn_of(0).unwrap()]
            .device_session
            .is_settled()
    );
    assert_eq!(world.devices[0].outbox.len(), 1, "the refused change stays");
    assert_eq!(world.devices[0].refused[0].quota.limit, 10_000);
    world.server.document_quota_bytes = 1_000_000;
    world.connect(0);
    world.settle();
    world.assert_same();
}

#[test]
fn a_gap_on_the_server_is_filled() {
    let mut world = World::new(6, 2);
    for _ in 0..50 {
        world.edit_of(0, doc(1), 30_000);
    }
    // The outbox lost the first ones, as after a restored copy of the vault.
    for lseq in 1..20 {
        world.devices[0].outbox.remove(&lseq);
    }
    world.settle();
    world.assert_same();
    assert!(world.devices[0].refused.is_empty());
}
