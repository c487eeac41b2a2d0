//! Sealing: fewer rows, the same log.

use storage::{PackBounds, decode_pack};
use sync_protocol::server::{LogBody, PackRef};

use super::{Fixture, Writer, doc};
use crate::clock::millis;
use crate::limit;
use crate::store::AccountId;
use crate::store::Store;

/// The packs and loose changes of a whole log, each pack once.
fn whole_log(store: &Store, account: AccountId) -> (Vec<PackRef>, Vec<Vec<u8>>) {
    let page = store.read_log(account, 0, usize::MAX, 10_000).unwrap();
    let seqs: Vec<u64> = page.rows.iter().map(|row| row.seq).collect();
    assert_eq!(seqs, (1..=page.head_seq).collect::<Vec<_>>());
    let (mut packs, mut loose) = (Vec::new(), Vec::new());
    for row in page.rows {
        match row.body {
            LogBody::Packed(pack) if packs.contains(&pack) => {}
            LogBody::Packed(pack) => packs.push(pack),
            LogBody::Inline(item) => loose.push(item.change),
        }
    }
    (packs, loose)
}

fn unpack(store: &Store, account: AccountId, pack: &PackRef) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < pack.bytes {
        let piece = store.read_pack(account, pack.pack, bytes.len() as u64, 1_000);
        bytes.extend(piece.unwrap().unwrap());
    }
    decode_pack(&bytes, PackBounds::default()).unwrap()
}

#[test]
fn a_sealed_document_reads_back_the_same_and_its_tail_stays_loose() {
    let mut fixture = Fixture::new(0);
    let mut writer = Writer::new(doc(1), 1);
    let items = writer.many(300);
    fixture.push(&items);
    let account = fixture.account;
    fixture.store().seal(account, doc(1), 1).unwrap();
    let tail = writer.many(3);
    let head = fixture.push(&tail).head;
    fixture.restart(0);
    let store = fixture.store();
    let (packs, loose) = whole_log(store, account);
    assert_eq!(packs.len(), 1);
    let sealed: Vec<_> = items.iter().map(|item| item.change.clone()).collect();
    assert_eq!(unpack(store, account, &packs[0]), sealed);
    assert_eq!(
        loose,
        tail.iter()
            .map(|item| item.change.clone())
            .collect::<Vec<_>>()
    );
    assert_eq!(store.head_cursor(account).unwrap(), head);
    // What is sealed is still known.
    assert_eq!(fixture.push(&items).first_seq, None);
    assert_eq!(fixture.push(&[writer.write("on")]).refused, []);
}

#[test]
fn small_packs_are_merged_and_told_ones_stay_readable_for_a_while() {
    let fixture = Fixture::new(0);
    let (store, account) = (fixture.store(), fixture.account);
    let mut writer = Writer::new(doc(1), 1);
    let mut all = Vec::new();
    let mut told = None;
    for round in 0..10 {
        let items = writer.many(20);
        fixture.push(&items);
        all.extend(items.into_iter().map(|item| item.change));
        store.seal(account, doc(1), 1_000).unwrap();
        if round == 0 {
            told = whole_log(store, account).0.pop();
        }
    }
    let (packs, loose) = whole_log(store, account);
    assert!(packs.len() <= limit::PACKS_PER_CLASS_MAX, "{}", packs.len());
    assert!(loose.is_empty());
    let unpacked = packs.iter().flat_map(|pack| unpack(store, account, pack));
    assert_eq!(unpacked.collect::<Vec<_>>(), all);

    let told = told.unwrap();
    assert!(!packs.contains(&told));
    assert_eq!(unpack(store, account, &told), all[..20]);
    store.drop_doomed_packs(1_000).unwrap();
    assert!(store.read_pack(account, told.pack, 0, 1).unwrap().is_some());
    let later = 1_000 + millis(limit::PACK_GRACE);
    store.drop_doomed_packs(later).unwrap();
    assert_eq!(store.read_pack(account, told.pack, 0, 1).unwrap(), None);
    assert_eq!(whole_log(store, account).0, packs);
}

#[test]
fn packs_nobody_refers_to_are_swept_at_start() {
    let mut fixture = Fixture::new(0);
    let account = fixture.account;
    let mut writer = Writer::new(doc(1), 1);
    for _ in 0..4 {
        fixture.push(&writer.many(20));
        fixture.store().seal(account, doc(1), 1).unwrap();
    }
    let files = |store: &Store| store.files(account).unwrap().packs.list().unwrap().len();
    assert_eq!(files(fixture.store()), 5);
    fixture.restart(0);
    assert_eq!(files(fixture.store()), 1);
    assert_eq!(
        fixture
            .store()
            .kv
            .scan(b"a/")
            .filter(|row| row.as_ref().unwrap().0[18] == b'Z')
            .count(),
        0
    );
    assert_eq!(whole_log(fixture.store(), account).0.len(), 1);
}

#[test]
fn a_long_tail_asks_to_be_sealed() {
    let fixture = Fixture::new(0);
    let mut writer = Writer::new(doc(1), 1);
    fixture.push(&writer.many(limit::SEAL_ROWS_MIN as usize - 1));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let asked = |store: &Store| {
        let next = store.sealing.next();
        let mut next = std::pin::pin!(next);
        runtime.block_on(std::future::poll_fn(|context| {
            std::task::Poll::Ready(match next.as_mut().poll(context) {
                std::task::Poll::Ready(asked) => Some(asked),
                std::task::Poll::Pending => None,
            })
        }))
    };
    assert_eq!(asked(fixture.store()), None);
    fixture.push(&writer.many(1));
    assert_eq!(asked(fixture.store()), Some((fixture.account, doc(1))));
}
