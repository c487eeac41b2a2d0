//! Peers that lie, flood, or talk nonsense: the session ends with a code, never with a panic, and memory stays bounded.

use domain::{BlobHash, DeviceId, IncarnationId, VaultId};
use proptest::prelude::*;
use sync_protocol::server::{Admitted, LogBody, LogPage, LogRow, Output};
use sync_protocol::*;

use crate::codec::perturbed;
use crate::golden::frames;
use crate::world::change::Change;
use crate::world::device::{Device, Effect};
use crate::world::server::{Effect as ServerEffect, Server};
use crate::world::{World, doc};

const HUGE: u64 = 1 << 62;

/// A server session past its welcome, with a store behind it.
struct Victim {
    server: Server,
    session: ServerSession,
    largest_queue: usize,
}

impl Victim {
    fn new() -> Victim {
        let mut victim = Victim {
            server: Server::new(1),
            session: ServerSession::accept(Limits::default(), 0),
            largest_queue: 0,
        };
        victim.hear(hello());
        victim
    }

    /// Hands over a frame and does what is asked at once.
    fn hear(&mut self, frame: impl Into<Frame>) {
        self.session.handle_frame(frame.into(), 10);
        self.drain();
    }

    fn drain(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.session.poll_output(10) {
            outputs += 1;
            if matches!(output, Output::BlobSuspect(_)) {
                continue;
            }
            for effect in self.server.execute(1, output) {
                if let ServerEffect::Answer(answer) | ServerEffect::Done(answer, _) = effect {
                    answer(&mut self.session, 10);
                }
            }
        }
        self.largest_queue = self.largest_queue.max(outputs);
    }

    /// Hands over a frame while the disk answers nothing.
    fn hear_unanswered(&mut self, frame: impl Into<Frame>) {
        self.session.handle_frame(frame.into(), 10);
        while self.session.poll_output(10).is_some() {}
    }
}

fn hello() -> Hello {
    Hello {
        protocol: 1,
        device: DeviceId::from_bytes([1; 16]),
        incarnation: IncarnationId::from_bytes([1; 16]),
        next_incarnation: IncarnationId::from_bytes([2; 16]),
        cursor: None,
        now_ms: 0,
        features: 0,
    }
}

fn hash(n: u64) -> BlobHash {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    BlobHash::from_bytes(bytes)
}

#[test]
fn another_version_is_told_so() {
    let mut session = ServerSession::accept(Limits::default(), 0);
    session.handle_frame(
        Hello {
            protocol: 2,
            ..hello()
        }
        .into(),
        1,
    );
    let Some(Output::Transmit(Frame::Close(close))) = session.poll_output(1) else {
        panic!()
    };
    assert_eq!(CloseCode::from_u16(close.code), CloseCode::Version);
    assert!(close.reason.contains("update"));
}

#[test]
fn frames_out_of_place_end_the_session() {
    for (name, frame) in frames() {
        let mut session = ServerSession::accept(Limits::default(), 0);
        session.handle_frame(frame.clone(), 1);
        let closed = session.is_closed();
        assert_eq!(
            closed,
            !matches!(frame, Frame::Hello(_) | Frame::Unsupported(_)),
            "{name} before hello"
        );
    }
    let mut victim = Victim::new();
    victim.hear(hello());
    assert!(victim.session.is_closed(), "a second hello");
    let mut victim = Victim::new();
    victim.hear(Inventory {
        items: vec![],
        more: false,
    });
    assert!(victim.session.is_closed(), "an inventory nobody asked for");
    let mut victim = Victim::new();
    victim.hear(Applied {
        seq: 1,
        frames: u32::MAX,
    });
    assert!(victim.session.is_closed(), "an acknowledgement of nothing");
}

#[test]
fn unknown_types_are_answered_and_the_session_goes_on() {
    let mut session = ServerSession::accept(Limits::default(), 0);
    session.handle_message(&[0x82, 0x18, 200, 0xa0], 1);
    assert_eq!(
        session.poll_output(1),
        Some(Output::Transmit(Unsupported { frame_type: 200 }.into()))
    );
    session.handle_frame(hello().into(), 1);
    assert!(matches!(session.poll_output(1), Some(Output::Admit(_))));
}

#[test]
fn floods_end_the_session() {
    let offers = |from: u64| BlobOffer {
        items: (from..from + 1_000)
            .map(|n| OfferItem {
                hash: hash(n),
                bytes: 1,
                mime: String::new(),
            })
            .collect(),
    };
    let gets = |from: u64| BlobGet {
        items: (from..from + 1_000)
            .map(|n| GetItem {
                hash: hash(n),
                offset: 0,
                priority: HUGE,
            })
            .collect(),
    };
    let push = |batch: u64| Push {
        batch,
        items: vec![],
    };
    let data = |n: u64| BlobData {
        hash: hash(n),
        offset: 0,
        total: 60_000,
        bytes: vec![0; 60_000],
        relayed: false,
    };
    type Flood = Box<dyn Fn(u64) -> Frame>;
    let floods: [(&str, u64, Flood); 4] = [
        ("offers", 11, Box::new(move |n| offers(n * 1_000).into())),
        ("gets", 21, Box::new(move |n| gets(n * 1_000).into())),
        ("pushes", 17, Box::new(move |n| push(n + 1).into())),
        ("data", 72, Box::new(move |n| data(n).into())),
    ];
    for (name, enough, flood) in floods {
        let mut victim = Victim::new();
        if name == "data" {
            // Granted, but written by nobody: the disk hangs.
            victim.session.handle_frame(
                BlobOffer {
                    items: (0..100)
                        .map(|n| OfferItem {
                            hash: hash(n),
                            bytes: 60_000,
                            mime: String::new(),
                        })
                        .collect(),
                }
                .into(),
                10,
            );
            victim.drain();
        }
        for n in 0..enough {
            victim.hear_unanswered(flood(n));
        }
        assert!(victim.session.is_closed(), "{name}");
    }
    // Without reading our answers.
    let mut session = ServerSession::accept(Limits::default(), 0);
    for _ in 0..limit::OUTPUTS_MAX + 10 {
        session.handle_message(&[0x82, 0x18, 200, 0xa0], 1);
    }
    assert!(session.is_closed());
}

#[test]
fn a_device_that_acknowledges_nothing_gets_one_window() {
    let mut victim = Victim::new();
    for n in 0..400 {
        let change = Change {
            doc: doc(1),
            deps: vec![],
            blobs: vec![],
            nonce: n,
            padding: 50_000,
        };
        victim.server.append(
            1,
            vec![DocChange {
                doc: doc(1),
                change: change.to_bytes(),
            }],
        );
    }
    victim.session.handle_head(400, 10);
    let mut sent = 0;
    while let Some(output) = victim.session.poll_output(10) {
        if let Output::Transmit(frame) = &output {
            sent += frame.payload_bytes() as u64;
        }
        for effect in victim.server.execute(1, output) {
            if let ServerEffect::Answer(answer) | ServerEffect::Done(answer, _) = effect {
                answer(&mut victim.session, 10);
            }
        }
    }
    assert!(
        (limit::WINDOW_BYTES..limit::WINDOW_BYTES + limit::FRAME_BYTES_MAX as u64).contains(&sent),
        "{sent}"
    );
    assert!(!victim.session.is_closed());
}

#[test]
fn a_server_that_sends_more_than_the_window_is_left() {
    let mut device = open_device();
    let item = DocChange {
        doc: doc(1),
        change: vec![0; 200_000],
    };
    for seq in 1..30 {
        let cursor = Some(Cursor {
            epoch: LogEpoch::from_bytes([1; 16]),
            seq,
            chain: Chain::START,
        });
        device.handle_frame(
            Changes {
                items: vec![item.clone()],
                packs: vec![],
                cursor,
                more: true,
            }
            .into(),
            10,
        );
    }
    assert!(device.is_closed());
}

#[test]
fn a_server_that_lies_about_packs_and_cursors_is_left() {
    let part = |part: u32, of: u32, len: usize| PackPart {
        doc: doc(1),
        pack: PackHash::from_bytes([1; 32]),
        part,
        of,
        bytes: vec![0; len],
    };
    let whole = limit::PACK_PART_BYTES;
    let lies: [Vec<PackPart>; 7] = [
        vec![part(1, 3, whole)],
        vec![part(0, 3, 5)],
        vec![part(0, u32::MAX, whole)],
        vec![part(0, 0, whole)],
        vec![part(0, 3, whole), part(2, 3, whole)],
        vec![part(u32::MAX, 0, 1)],
        // Whole, but not what its hash says.
        vec![part(0, 1, 1)],
    ];
    for packs in lies {
        let mut device = open_device();
        device.handle_frame(
            Changes {
                packs,
                ..Changes::default()
            }
            .into(),
            10,
        );
        assert!(device.is_closed());
    }
    let at = |epoch: u8, seq: u64| {
        Some(Cursor {
            epoch: LogEpoch::from_bytes([epoch; 16]),
            seq,
            chain: Chain::START,
        })
    };
    for cursors in [vec![at(9, 5)], vec![at(1, 5), at(1, 4)]] {
        let mut device = open_device();
        for cursor in cursors {
            device.handle_frame(
                Changes {
                    cursor,
                    ..Changes::default()
                }
                .into(),
                10,
            );
        }
        assert!(device.is_closed());
    }
}

fn welcome() -> Welcome {
    Welcome {
        vault: VaultId::from_bytes([1; 16]),
        epoch: LogEpoch::from_bytes([1; 16]),
        seq: 0,
        chain: Chain::START,
        now_ms: i64::MIN,
        limits: Limits {
            frame_bytes_max: 0,
            change_bytes_max: 0,
            window_bytes: 0,
            credit_bytes: 0,
            blob_bytes_max: u32::MAX,
            offers_max: 0,
        },
        quota: Quota {
            used: u64::MAX,
            limit: 0,
        },
        cursor_ok: true,
        new_identity: None,
    }
}

fn open_device() -> DeviceSession {
    let config = Device::new(1).config(IncarnationId::from_bytes([1; 16]), i64::MAX);
    let mut session = DeviceSession::open(config, 0);
    session.handle_frame(welcome().into(), 5);
    assert!(!session.is_closed());
    session
}

#[test]
fn changes_that_must_be_set_aside_end_the_session_at_the_third() {
    let mut device = open_device();
    for seq in 1..=3 {
        assert!(!device.is_closed());
        let cursor = Some(Cursor {
            epoch: LogEpoch::from_bytes([1; 16]),
            seq,
            chain: Chain::START,
        });
        device.handle_frame(
            Changes {
                cursor,
                ..Changes::default()
            }
            .into(),
            10,
        );
        while device.poll_output(10).is_some() {}
        device.handle_applied(
            device::AppliedHere {
                set_aside: 1,
                ..device::AppliedHere::default()
            },
            10,
        );
    }
    assert!(device.is_closed());
}

#[test]
fn packs_that_keep_moving_are_given_up() {
    let mut session = ServerSession::accept(Limits::default(), 0);
    session.handle_frame(hello().into(), 0);
    let head = Cursor {
        epoch: LogEpoch::from_bytes([1; 16]),
        seq: 1,
        chain: Chain::START,
    };
    let admitted = Admitted {
        vault: VaultId::from_bytes([1; 16]),
        head,
        quota: Quota::default(),
        cursor_ok: true,
        new_identity: None,
        wall_ms: 0,
    };
    session.poll_output(0);
    session.handle_admitted(admitted, 0);
    let mut asked = 0;
    while let Some(output) = session.poll_output(0) {
        match output {
            Output::ReadLog { .. } => {
                asked += 1;
                let pack = server::PackRef {
                    doc: doc(1),
                    pack: PackHash::from_bytes([asked; 32]),
                    bytes: 10,
                };
                let rows = vec![LogRow {
                    seq: 1,
                    body: LogBody::Packed(pack),
                }];
                session.handle_log(
                    LogPage {
                        rows,
                        cursor: head,
                        head_seq: 1,
                    },
                    0,
                );
            }
            Output::ReadPack { .. } => session.handle_pack(None, 0),
            _ => {}
        }
    }
    assert!(session.is_closed() && asked < 20);
}

/// Frames that decode, in any order, from a peer that may have looked at our golden files.
fn talk() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let golden: Vec<Vec<u8>> = frames()
        .into_iter()
        .map(|(_, frame)| frame.encode())
        .collect();
    let plausible = prop_oneof![3 => prop::sample::select(golden), 1 => perturbed()];
    prop::collection::vec(plausible, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn no_talk_breaks_a_server(talk in talk()) {
        let mut victim = Victim::new();
        for bytes in talk {
            if matches!(Frame::decode(&bytes), Ok(Frame::Close(_))) {
                continue;
            }
            victim.session.handle_message(&bytes, 10);
            victim.drain();
        }
        victim.session.handle_disconnected(20);
        victim.drain();
        prop_assert!(victim.session.is_closed());
        prop_assert!(victim.largest_queue < limit::OUTPUTS_MAX);
    }

    #[test]
    fn no_talk_breaks_a_device(talk in talk(), seed: u64) {
        let mut world = World::new(seed, 1);
        world.add_blob(0, doc(1), 1_000);
        world.edit(0, doc(0x20));
        let mut disk = world.devices.remove(0);
        let config = disk.config(IncarnationId::from_bytes([3; 16]), 0);
        let mut session = DeviceSession::open(config, 0);
        session.handle_frame(Welcome { limits: Limits::default(), ..welcome() }.into(), 5);
        for bytes in talk {
            session.handle_message(&bytes, 10);
            while let Some(output) = session.poll_output(10) {
                use sync_protocol::device::Output as Ask;
                // The golden changes are no changes of this world, nor are its blobs.
                match output {
                    Ask::Apply(_) => session.handle_applied(device::AppliedHere::default(), 10),
                    Ask::WriteBlob(write) => session.handle_blob_written(write.hash, write.bytes.len(), device::BlobWritten::Bad(Reason::WrongHash), 10),
                    Ask::BlobFailed { .. } => {}
                    other => {
                        for effect in disk.execute(other) {
                            if let Effect::Answer(answer) = effect {
                                answer(&mut session, 10);
                            }
                        }
                    }
                }
            }
        }
        prop_assert!(disk.blobs.len() == 1 && disk.docs.len() == 2, "nothing of the device's own is lost");
    }
}
