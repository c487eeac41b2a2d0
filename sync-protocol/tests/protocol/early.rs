//! What a device pushes along with its hello: taken where its cursor proves the log, forgotten by both ends where not.

use domain::{DeviceId, DocId, IncarnationId, VaultId};
use sync_protocol::device::{Config, OutboxItem, Output as DeviceOutput};
use sync_protocol::server::{Admitted, Output as ServerOutput};
use sync_protocol::{
    Chain, CloseCode, Cursor, DeviceSession, DocChange, Frame, Limits, LogEpoch, NewIdentity, Push,
    Quota, ServerSession, opening_fit,
};

fn cursor(seq: u64) -> Cursor {
    Cursor {
        epoch: LogEpoch::from_bytes([1; 16]),
        seq,
        chain: Chain::from_bytes([2; 32]),
    }
}

fn rows() -> Vec<OutboxItem> {
    let change = vec![1, 2, 3];
    let doc = DocId::from_bytes([9; 16]);
    vec![OutboxItem {
        lseq: 4,
        item: DocChange { doc, change },
    }]
}

fn device(cursor: Option<Cursor>, repair: bool) -> DeviceSession {
    let mut session = bare_device(cursor, repair);
    session.push_early(rows());
    session
}

fn bare_device(cursor: Option<Cursor>, repair: bool) -> DeviceSession {
    let config = Config {
        device: DeviceId::from_bytes([1; 16]),
        incarnation: IncarnationId::from_bytes([1; 16]),
        next_incarnation: IncarnationId::from_bytes([2; 16]),
        cursor,
        vault: None,
        wall_ms: 0,
        repair,
        fetch_blobs: false,
    };
    DeviceSession::open(config, 0)
}

fn admitted(cursor_ok: bool, forked: bool) -> Admitted {
    Admitted {
        vault: VaultId::from_bytes([1; 16]),
        head: cursor(5),
        quota: Quota::default(),
        cursor_ok,
        new_identity: forked.then(|| NewIdentity {
            device: DeviceId::from_bytes([7; 16]),
            token: "mv1_new".into(),
        }),
        wall_ms: 0,
    }
}

fn frames(session: &mut DeviceSession) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(output) = session.poll_output(0) {
        match output {
            DeviceOutput::Transmit(frame) => frames.push(frame),
            DeviceOutput::ReadOutbox { after: 0, .. } => session.handle_outbox(rows(), 0),
            DeviceOutput::ReadOutbox { .. } => session.handle_outbox(Vec::new(), 0),
            _ => {}
        }
    }
    frames
}

fn pushes(frames: &[Frame]) -> Vec<&Push> {
    frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Push(push) => Some(push),
            _ => None,
        })
        .collect()
}

/// What both ends make of it: batches the server appends, and whether the device has to push again.
fn both_ends(mut device: DeviceSession, admitted: Admitted) -> (usize, usize) {
    let said = frames(&mut device);
    let mut server = ServerSession::accept(Limits::default(), 0);
    said.into_iter()
        .for_each(|frame| server.handle_frame(frame, 0));
    let mut appends = 0;
    let mut again = 0;
    let mut admit = Some(admitted);
    while let Some(output) = server.poll_output(0) {
        match output {
            ServerOutput::Admit(_) => server.handle_admitted(admit.take().unwrap(), 0),
            ServerOutput::Append { batch, .. } => {
                assert_eq!(batch, 1);
                appends += 1;
            }
            ServerOutput::Transmit(frame) => {
                device.handle_frame(frame, 0);
                again += pushes(&frames(&mut device)).len();
            }
            _ => {}
        }
    }
    assert!(!server.is_closed() && !device.is_closed());
    (appends, again)
}

#[test]
fn a_review_goes_along_with_the_hello() {
    let mut session = device(Some(cursor(3)), false);
    let said = frames(&mut session);
    assert!(matches!(said[0], Frame::Hello(_)));
    assert_eq!(pushes(&said)[0].batch, 1);
    let session = device(Some(cursor(3)), false);
    assert_eq!(both_ends(session, admitted(true, false)), (1, 0));
}

#[test]
fn no_more_goes_along_than_the_request_carries() {
    // Alone too large; the first few fit; all fit.
    for (lens, sent) in [
        (&[5_000, 10][..], 0),
        (&[1_500; 5][..], 2),
        (&[9; 5][..], 5),
    ] {
        let mut session = bare_device(Some(cursor(3)), false);
        let row = |(lseq, len): (u64, &usize)| OutboxItem {
            lseq,
            item: DocChange {
                doc: DocId::from_bytes([9; 16]),
                change: vec![7; *len],
            },
        };
        session.push_early((1..).zip(lens).map(row).collect());
        let mut said = Vec::new();
        while let Some(DeviceOutput::Transmit(frame)) = session.poll_output(0) {
            said.push(frame);
        }
        let bytes: Vec<Vec<u8>> = said.iter().map(Frame::encode).collect();
        assert_eq!(opening_fit(&bytes), bytes.len());
        let pushed: usize = pushes(&said).iter().map(|push| push.items.len()).sum();
        assert_eq!(pushed, sent);
    }
}

#[test]
fn a_hello_that_is_said_again_is_said_alone() {
    // The first hello got lost in the request; as a message the early push could come after the server's answer, which forgets it or not.
    let mut session = device(Some(cursor(3)), false);
    frames(&mut session);
    session.say_hello_again();
    let said = frames(&mut session);
    assert!(matches!(said[..], [Frame::Hello(_)]), "{said:?}");
    for (admitted, appends, again) in [
        (admitted(true, false), 0, 1),
        (admitted(false, false), 0, 0),
        (admitted(true, true), 0, 1),
    ] {
        let mut session = device(Some(cursor(3)), false);
        frames(&mut session);
        session.say_hello_again();
        assert_eq!(both_ends(session, admitted), (appends, again));
    }
}

#[test]
fn a_log_that_is_not_proven_gets_nothing_early() {
    for session in [
        &mut device(None, false),
        &mut device(Some(cursor(0)), false),
        &mut device(Some(cursor(3)), true),
    ] {
        assert!(pushes(&frames(session)).is_empty());
    }
}

#[test]
fn both_ends_forget_it_when_the_server_lost_its_memory_or_names_the_device_anew() {
    // Pushed again: after the repair, or at once under the new name.
    assert_eq!(
        both_ends(device(Some(cursor(3)), false), admitted(false, false)),
        (0, 0)
    );
    assert_eq!(
        both_ends(device(Some(cursor(3)), false), admitted(true, true)),
        (0, 1)
    );
}

#[test]
fn the_server_takes_nothing_early_without_a_proof() {
    let Frame::Hello(mut hello) = frames(&mut device(None, false)).remove(0) else {
        panic!()
    };
    for seq in [None, Some(0)] {
        hello.cursor = seq.map(cursor);
        let mut server = ServerSession::accept(Limits::default(), 0);
        server.handle_frame(hello.clone().into(), 0);
        let items = rows().into_iter().map(|row| row.item).collect();
        server.handle_frame(Push { batch: 1, items }.into(), 0);
        server.handle_admitted(admitted(true, false), 0);
        while let Some(output) = server.poll_output(0) {
            assert!(!matches!(output, ServerOutput::Append { .. }));
        }
    }
}

#[test]
fn one_batch_is_held_until_the_device_is_admitted_and_no_more() {
    let mut server = ServerSession::accept(Limits::default(), 0);
    let said = frames(&mut device(Some(cursor(3)), false));
    said.into_iter()
        .for_each(|frame| server.handle_frame(frame, 0));
    let items = Vec::new();
    server.handle_frame(Push { batch: 2, items }.into(), 0);
    let close = std::iter::from_fn(|| server.poll_output(0)).last();
    let Some(ServerOutput::Close(closing)) = close else {
        panic!("{close:?}")
    };
    assert_eq!(closing.code, CloseCode::Malformed);
}
