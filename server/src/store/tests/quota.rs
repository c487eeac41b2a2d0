//! Quota: exact at every instant, whatever happens in parallel and wherever a crash falls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sync_protocol::server::{BlobWritten, OfferDecision, WriteBlob};
use sync_protocol::{OfferItem, Reason};

use super::{Fixture, add_account, offer_of, picture};
use crate::clock::wall_ms;
use crate::hub::{Hub, Seat, SessionId};
use crate::store::blobs::{Offers, reservations};
use crate::store::quota::{Ledger, ledger_row};
use crate::store::{AccountId, Store};

pub(super) fn seat(hub: &Hub, account: AccountId, n: u8) -> Seat {
    let device = domain::DeviceId::from_bytes([n; 16]);
    hub.join(account, device).unwrap()
}

pub(super) fn offer(
    store: &Store,
    account: AccountId,
    session: SessionId,
    item: OfferItem,
) -> OfferDecision {
    let offers = Offers {
        account,
        session,
        items: vec![item],
    };
    store.offer_blobs(offers, wall_ms()).unwrap().answers[0].decision
}

pub(super) fn write(
    store: &Store,
    account: AccountId,
    session: SessionId,
    bytes: &[u8],
    range: std::ops::Range<usize>,
) -> BlobWritten {
    let piece = WriteBlob {
        hash: offer_of(bytes).hash,
        offset: range.start as u64,
        total: bytes.len() as u64,
        bytes: bytes[range].to_vec(),
    };
    store
        .write_blob(account, session, &piece, 1, || {})
        .unwrap()
}

pub(super) fn ledger(store: &Store, account: AccountId) -> Ledger {
    ledger_row(&store.kv.view(), account).unwrap()
}

/// What the rows and files themselves amount to.
pub(super) fn counted(store: &Store, account: AccountId) -> Ledger {
    let mut counted = Ledger::default();
    for (_, row) in store.blob_rows(account).unwrap() {
        counted.used += row.bytes;
        counted.blobs += 1;
    }
    for (_, row) in reservations(&store.kv.view(), account).unwrap() {
        counted.reserved += row.held;
    }
    let files = store.files(account).unwrap().blobs.list().unwrap();
    let on_disk: u64 = files.iter().map(|(_, len)| len).sum();
    assert_eq!(on_disk, counted.used, "files and rows");
    counted
}

#[test]
fn sixty_four_parallel_uploads_never_pass_the_limit_by_a_byte() {
    const SIZE: usize = 1_000;
    let limit = 20 * SIZE as u64 + 999;
    let fixture = Fixture::new(limit);
    let (store, account) = (fixture.store(), fixture.account);
    let hub = Hub::default();
    let seats: Vec<_> = (0..16).map(|n| seat(&hub, account, n)).collect();
    let stored = Arc::new(AtomicU64::new(0));
    std::thread::scope(|scope| {
        for n in 0..64_u64 {
            let session = seats[n as usize % 16].id();
            let stored = Arc::clone(&stored);
            scope.spawn(move || {
                let bytes = picture(n, SIZE);
                let decision = offer(store, account, session, offer_of(&bytes));
                assert!(ledger(store, account).total() <= limit);
                match decision {
                    OfferDecision::Grant { offset: 0 } => {
                        let half = write(store, account, session, &bytes, 0..SIZE / 2);
                        assert_eq!(half, BlobWritten::Piece);
                        let rest = write(store, account, session, &bytes, SIZE / 2..SIZE);
                        assert_eq!(rest, BlobWritten::Stored);
                        stored.fetch_add(1, Ordering::Relaxed);
                    }
                    OfferDecision::Refuse { reason, quota } => {
                        assert_eq!((reason, quota.limit), (Reason::Quota, limit));
                        assert!(quota.used + SIZE as u64 > limit);
                    }
                    other => panic!("{other:?}"),
                }
                assert!(ledger(store, account).total() <= limit);
            });
        }
    });
    assert_eq!(stored.load(Ordering::Relaxed), 20);
    let all = ledger(store, account);
    assert_eq!((all.used, all.reserved, all.blobs), (20_000, 0, 20));
    assert_eq!(all, counted(store, account));
}

/// How far an upload came before the process ended.
#[derive(Debug, Clone, Copy)]
enum Crash {
    Offered,
    Part(usize),
    WholePart,
    NamedWithoutRow,
    Settled,
    Abandoned(usize),
    Failed,
}

#[test]
fn after_a_crash_anywhere_the_figures_are_those_of_the_rows_and_the_upload_goes_on() {
    const SIZE: usize = 50_000;
    let mut points = vec![
        Crash::Offered,
        Crash::WholePart,
        Crash::NamedWithoutRow,
        Crash::Settled,
        Crash::Failed,
    ];
    points.extend((0..SIZE).step_by(2_200).map(Crash::Part));
    points.extend((0..SIZE).step_by(2_200).map(Crash::Abandoned));
    assert!(points.len() >= 50);
    let limit = 2 * SIZE as u64;
    let mut fixture = Fixture::new(limit);
    let account = fixture.account;
    for (n, crash) in points.into_iter().enumerate() {
        let bytes = picture(n as u64, SIZE);
        let before = ledger(fixture.store(), account);
        assert_eq!((before.used, before.reserved), (0, 0), "{crash:?}");
        come_to(&fixture, &bytes, crash);
        fixture.restart(limit);
        let store = fixture.store();
        assert_eq!(ledger(store, account), counted(store, account), "{crash:?}");
        assert!(ledger(store, account).total() <= SIZE as u64, "{crash:?}");
        finish_upload(store, account, &bytes, crash);
        assert_eq!(ledger(store, account), counted(store, account), "{crash:?}");
        assert_eq!(ledger(store, account).used, SIZE as u64, "{crash:?}");
        remove_blobs(&fixture);
    }
}

fn come_to(fixture: &Fixture, bytes: &[u8], crash: Crash) {
    let (store, account) = (fixture.store(), fixture.account);
    let hub = Hub::default();
    let seat = seat(&hub, account, 1);
    let session = seat.id();
    let hash = offer_of(bytes).hash;
    let all = bytes.len();
    let decision = offer(store, account, session, offer_of(bytes));
    assert_eq!(decision, OfferDecision::Grant { offset: 0 });
    let files = store.files(account).unwrap();
    match crash {
        Crash::Offered => {}
        Crash::Part(len) => {
            write(store, account, session, bytes, 0..len);
        }
        Crash::WholePart => {
            let mut part = files.blobs.part(&hash, all as u64).unwrap();
            part.append(bytes).unwrap();
        }
        Crash::NamedWithoutRow => drop(files.blobs.put_bytes(bytes).unwrap()),
        Crash::Settled => {
            let stored = write(store, account, session, bytes, 0..all);
            assert_eq!(stored, BlobWritten::Stored);
        }
        Crash::Abandoned(len) => {
            write(store, account, session, bytes, 0..len);
            store.abandon_blobs(account, session, &[hash]).unwrap();
            assert_eq!(ledger(store, account).reserved, len as u64);
        }
        Crash::Failed => {
            let mut wrong = bytes.to_vec();
            *wrong.last_mut().unwrap() ^= 1;
            let piece = WriteBlob {
                hash,
                offset: 0,
                total: all as u64,
                bytes: wrong,
            };
            let written = store
                .write_blob(account, session, &piece, 1, || {})
                .unwrap();
            assert_eq!(written, BlobWritten::Bad(Reason::WrongHash));
            assert_eq!(ledger(store, account), Ledger::default());
        }
    }
}

fn finish_upload(store: &Store, account: AccountId, bytes: &[u8], crash: Crash) {
    let hub = Hub::default();
    let seat = seat(&hub, account, 2);
    let session = seat.id();
    match offer(store, account, session, offer_of(bytes)) {
        OfferDecision::Held => {
            assert!(matches!(crash, Crash::Settled | Crash::NamedWithoutRow));
        }
        OfferDecision::Grant { offset } => {
            let offset = offset as usize;
            match crash {
                Crash::Part(len) | Crash::Abandoned(len) => assert_eq!(offset, len),
                Crash::WholePart => assert_eq!(offset, bytes.len()),
                _ => assert_eq!(offset, 0),
            }
            let written = write(store, account, session, bytes, offset..bytes.len());
            assert_eq!(written, BlobWritten::Stored, "{crash:?}");
        }
        other => panic!("{other:?}"),
    }
}

fn remove_blobs(fixture: &Fixture) {
    let store = fixture.store();
    for (hash, _) in store.blob_rows(fixture.account).unwrap() {
        let path = store.files(fixture.account).unwrap().blobs.path(&hash);
        std::fs::remove_file(path).unwrap();
        assert!(store.suspect_blob(fixture.account, hash).unwrap());
    }
}

#[test]
fn a_part_nobody_receives_makes_room_for_what_is_sent_now() {
    let fixture = Fixture::new(1_000);
    let (store, account) = (fixture.store(), fixture.account);
    let hub = Hub::default();
    let (one, two) = (seat(&hub, account, 1), seat(&hub, account, 2));
    let first = picture(1, 800);
    let second = picture(2, 700);
    offer(store, account, one.id(), offer_of(&first));
    write(store, account, one.id(), &first, 0..600);
    let refused = offer(store, account, two.id(), offer_of(&second));
    assert!(
        matches!(refused, OfferDecision::Refuse { .. }),
        "still received"
    );
    assert_eq!(store.abandon_session(account, one.id()).unwrap().len(), 1);
    assert_eq!(ledger(store, account).reserved, 600);
    let granted = offer(store, account, two.id(), offer_of(&second));
    assert_eq!(granted, OfferDecision::Grant { offset: 0 });
    assert_eq!(ledger(store, account).reserved, 700);
    assert_eq!(counted(store, account).reserved, 700);
}

#[test]
fn one_session_receives_a_blob_and_the_next_takes_it_up() {
    let fixture = Fixture::new(1_000_000);
    let (store, account) = (fixture.store(), fixture.account);
    let hub = Hub::default();
    let (one, two) = (seat(&hub, account, 1), seat(&hub, account, 2));
    let bytes = picture(1, 5_000);
    offer(store, account, one.id(), offer_of(&bytes));
    write(store, account, one.id(), &bytes, 0..3_000);
    assert_eq!(
        offer(store, account, two.id(), offer_of(&bytes)),
        OfferDecision::Wait
    );
    let stolen = write(store, account, two.id(), &bytes, 3_000..5_000);
    assert_eq!(stolen, BlobWritten::Failed(Reason::Storage));
    store.abandon_session(account, one.id()).unwrap();
    assert!(!store.is_receiving(account, offer_of(&bytes).hash));
    let resumed = offer(store, account, two.id(), offer_of(&bytes));
    assert_eq!(resumed, OfferDecision::Grant { offset: 3_000 });
    let stored = write(store, account, two.id(), &bytes, 3_000..5_000);
    assert_eq!(stored, BlobWritten::Stored);
    assert_eq!(
        offer(store, account, one.id(), offer_of(&bytes)),
        OfferDecision::Held
    );
}

#[test]
fn kinds_and_sizes_are_checked_before_and_after() {
    let fixture = Fixture::new(1 << 40);
    let (store, account) = (fixture.store(), fixture.account);
    let hub = Hub::default();
    let seat = seat(&hub, account, 1);
    let refused = |mime: &str, bytes: u64| {
        let mut item = offer_of(b"x");
        item.mime = mime.into();
        item.bytes = bytes;
        match offer(store, account, seat.id(), item) {
            OfferDecision::Refuse { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused("image/svg+xml", 10), Reason::KindNotAllowed);
    assert_eq!(refused("text/html", 10), Reason::KindNotAllowed);
    assert_eq!(refused("image/png", 11_000_000), Reason::TooLarge);
    assert_eq!(refused("image/png", 0), Reason::WrongLength);

    let page = b"<html><script>alert(1)</script></html>".to_vec();
    offer(store, account, seat.id(), offer_of(&page));
    let written = write(store, account, seat.id(), &page, 0..page.len());
    assert_eq!(written, BlobWritten::Bad(Reason::KindNotAllowed));
    assert_eq!(ledger(store, account), Ledger::default());
    assert_eq!(counted(store, account), Ledger::default());
}

#[test]
fn another_accounts_blob_is_as_absent_as_any() {
    let fixture = Fixture::new(1_000_000);
    let (store, ann) = (fixture.store(), fixture.account);
    let bob = add_account(store, "bob");
    let hub = Hub::default();
    let (anns, bobs) = (seat(&hub, ann, 1), seat(&hub, bob, 1));
    let bytes = picture(1, 5_000);
    let hash = offer_of(&bytes).hash;
    offer(store, ann, anns.id(), offer_of(&bytes));
    write(store, ann, anns.id(), &bytes, 0..5_000);
    let nobodys = offer_of(b"nobody's").hash;
    for absent in [hash, nobodys] {
        let found = store.find_blobs(bob, vec![absent]).unwrap();
        assert_eq!(found[0].bytes, None);
        let read = store.read_blob(bob, absent, 0, 10).unwrap();
        assert_eq!(read, sync_protocol::server::BlobRead::Failed);
    }
    let granted = offer(store, bob, bobs.id(), offer_of(&bytes));
    assert_eq!(granted, OfferDecision::Grant { offset: 0 });
}

#[test]
fn claims_made_only_to_decide_are_named_so_that_nobody_waits_for_them() {
    let fixture = Fixture::new(1_000);
    let (store, account) = (fixture.store(), fixture.account);
    let hub = Hub::default();
    let seat = seat(&hub, account, 1);
    let decide = |bytes: &[u8]| {
        let offers = Offers {
            account,
            session: seat.id(),
            items: vec![offer_of(bytes)],
        };
        store.offer_blobs(offers, wall_ms()).unwrap().released
    };
    let (small, large) = (picture(1, 500), picture(2, 2_000));
    assert!(decide(&small).is_empty(), "granted");
    write(store, account, seat.id(), &small, 0..500);
    assert_eq!(decide(&small), [offer_of(&small).hash], "held");
    assert_eq!(decide(&large), [offer_of(&large).hash], "over quota");
    assert!(!store.is_receiving(account, offer_of(&large).hash));
}
