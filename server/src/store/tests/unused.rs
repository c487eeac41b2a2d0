//! Blobs that no device names any more: noted, kept for a while, removed unless somebody objects.

use std::time::Duration;

use domain::BlobHash;
use sync_protocol::server::OfferDecision;

use super::quota::{counted, ledger, offer, seat, write};
use super::{Fixture, offer_of, picture};
use crate::hub::Hub;
use crate::store::Store;
use crate::store::unused::{News, Note, Report};

const DAY: Duration = Duration::from_secs(24 * 3600);
const DAY_MS: u64 = 24 * 3600 * 1000;

/// An account with a stored picture.
fn stored() -> (Fixture, Vec<u8>, BlobHash) {
    let fixture = Fixture::new(1_000_000);
    let bytes = picture(1, 5_000);
    store_again(&fixture, &bytes);
    let hash = offer_of(&bytes).hash;
    (fixture, bytes, hash)
}

fn store_again(fixture: &Fixture, bytes: &[u8]) {
    let hub = Hub::default();
    let seat = seat(&hub, fixture.account, 1);
    offer(fixture.store(), fixture.account, seat.id(), offer_of(bytes));
    write(
        fixture.store(),
        fixture.account,
        seat.id(),
        bytes,
        0..bytes.len(),
    );
}

fn unused(fixture: &Fixture, hash: BlobHash, now_ms: u64) {
    let report = Report {
        unused: vec![hash],
        purged: Vec::new(),
        seen: 0,
    };
    let store = fixture.store();
    store
        .report_unused(fixture.account, report, now_ms)
        .unwrap();
}

fn news(fixture: &Fixture, seen: u64) -> News {
    let report = Report {
        unused: Vec::new(),
        purged: Vec::new(),
        seen,
    };
    let store = fixture.store();
    store.report_unused(fixture.account, report, 0).unwrap().0
}

fn is_here(store: &Store, fixture: &Fixture, hash: BlobHash) -> bool {
    store
        .files(fixture.account)
        .unwrap()
        .blobs
        .has(&hash)
        .unwrap()
        .is_some()
}

#[test]
fn an_unused_blob_goes_when_its_time_is_over_and_not_before() {
    let (fixture, bytes, hash) = stored();
    let store = fixture.store();
    unused(&fixture, hash, 10 * DAY_MS);
    // Said again: the time does not begin anew.
    unused(&fixture, hash, 30 * DAY_MS);
    assert_eq!(store.drop_unused(30 * DAY, 40 * DAY_MS - 1).unwrap(), []);
    assert!(is_here(store, &fixture, hash));
    let gone = store.drop_unused(30 * DAY, 40 * DAY_MS).unwrap();
    assert_eq!(gone, [(fixture.account, vec![hash])]);
    assert!(!is_here(store, &fixture, hash));
    assert_eq!(
        ledger(store, fixture.account),
        counted(store, fixture.account)
    );
    assert_eq!(ledger(store, fixture.account).used, 0);
    // It may come back as if it had never been here.
    store_again(&fixture, &bytes);
    assert!(is_here(store, &fixture, hash));
    assert_eq!(store.drop_unused(30 * DAY, 400 * DAY_MS).unwrap(), []);
}

#[test]
fn whoever_offers_or_asks_for_it_keeps_it() {
    let (fixture, bytes, hash) = stored();
    let store = fixture.store();
    let hub = Hub::default();
    let seat = seat(&hub, fixture.account, 1);
    unused(&fixture, hash, 0);
    let decided = offer(store, fixture.account, seat.id(), offer_of(&bytes));
    assert_eq!(decided, OfferDecision::Held);
    assert_eq!(store.drop_unused(DAY, 400 * DAY_MS).unwrap(), []);
    unused(&fixture, hash, 0);
    store.find_blobs(fixture.account, vec![hash]).unwrap();
    assert_eq!(store.drop_unused(DAY, 400 * DAY_MS).unwrap(), []);
    unused(&fixture, hash, 0);
    assert_eq!(store.drop_unused(DAY, 400 * DAY_MS).unwrap().len(), 1);
}

#[test]
fn a_purged_blob_goes_at_once_even_when_it_was_to_go_later() {
    let (fixture, _, hash) = stored();
    let store = fixture.store();
    unused(&fixture, hash, 5);
    let report = Report {
        unused: Vec::new(),
        purged: vec![hash],
        seen: 0,
    };
    let (heard, gone) = store.report_unused(fixture.account, report, 6).unwrap();
    assert_eq!(gone, [hash]);
    assert!(!is_here(store, &fixture, hash));
    assert_eq!(
        heard.notes,
        [Note {
            hash,
            purged: false
        }]
    );
    // The row of its earlier end is gone with it.
    assert_eq!(store.drop_unused(Duration::ZERO, DAY_MS).unwrap(), []);
}

#[test]
fn every_device_hears_every_note_once_and_after_the_blob_has_gone_too() {
    let (mut fixture, _, hash) = stored();
    unused(&fixture, hash, 0);
    fixture.store().drop_unused(Duration::ZERO, 0).unwrap();
    fixture.restart(1_000_000);
    let heard = news(&fixture, 0);
    assert_eq!(
        heard.notes,
        [Note {
            hash,
            purged: false
        }]
    );
    assert!(!heard.more);
    let again = news(&fixture, heard.seen);
    assert_eq!(again.notes, []);
    assert_eq!(again.seen, heard.seen);
    // What is not here needs no note.
    unused(&fixture, hash, 0);
    assert_eq!(news(&fixture, heard.seen).notes, []);
}

#[test]
fn a_crash_before_the_file_is_removed_leaves_nothing_behind() {
    let (mut fixture, bytes, hash) = stored();
    unused(&fixture, hash, 0);
    fixture.store().drop_unused(Duration::ZERO, 0).unwrap();
    // The row has gone, the file has not.
    let files = fixture.store().files(fixture.account).unwrap();
    files.blobs.put_bytes(&bytes).unwrap();
    fixture.restart(1_000_000);
    assert!(!is_here(fixture.store(), &fixture, hash));
}
