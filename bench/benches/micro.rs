//! `just bench-micro`: what the paths that everything else stands on cost: folding answers, frames, the server's change log, blobs.

use std::hint::black_box;
use std::time::Duration;

use anyhow::Context;
use automerge::transaction::Transactable;
use automerge::{AutoCommit, ROOT};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use domain::{
    CardId, Day, DeckId, DeviceId, DocId, Event, EventId, Grade, Hlc, Kind, OffsetMin, UnixMs,
};
use server::test_support::ChangeLog;
use storage::BlobStore;
use sync_protocol::{DocChange, Frame, Push};

const CARDS: u32 = 100_000;
const CARD_EVENTS: u32 = 10;
const DAY_MS: i64 = 86_400_000;

/// Answers of one card, one each fourth day.
fn answers(card: CardId) -> Vec<Event> {
    (0..CARD_EVENTS)
        .map(|number| {
            let day = Day(20_000 + i32::try_from(number * 4).unwrap_or(0));
            let at = i64::from(day.0) * DAY_MS + DAY_MS / 2;
            Event {
                id: EventId::v7(at.unsigned_abs(), [u8::try_from(number).unwrap_or(0); 10]),
                card,
                device: DeviceId::from_bytes([1; 16]),
                hlc: Hlc::from_u64(at.unsigned_abs() << 16),
                at: UnixMs(at),
                offset_min: OffsetMin(0),
                day,
                grade: Some(if number % 5 == 3 {
                    Grade::Again
                } else {
                    Grade::Good
                }),
                difficulty: None,
                response_ms: 2_000,
                kind: Kind::Review,
                prev_box: 1,
                new_box: 2,
            }
        })
        .collect()
}

/// A million answers of 100 000 cards, folded card by card as a rebuild of the index does.
fn fold(c: &mut Criterion) {
    let deck = DeckId::from_bytes([3; 16]);
    let cards: Vec<Vec<Event>> = (0..CARDS)
        .map(|number| {
            let mut id = [0; 16];
            if let Some(first) = id.first_chunk_mut() {
                *first = number.to_be_bytes();
            }
            answers(CardId::from_bytes(id))
        })
        .collect();
    let mut group = c.benchmark_group("fold");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(10))
        .throughput(Throughput::Elements(u64::from(CARDS * CARD_EVENTS)));
    group.bench_function("1 000 000 answers of 100 000 cards", |b| {
        b.iter(|| {
            cards
                .iter()
                .map(|events| {
                    u64::from(
                        domain::schedule::fold(
                            black_box(events),
                            &domain::schedule::Rules::default(),
                            deck,
                        )
                        .reviews,
                    )
                })
                .sum::<u64>()
        });
    });
    group.finish();
}

/// Changes of one document, each putting a value of so many bytes.
struct Author {
    doc: DocId,
    document: AutoCommit,
    value_bytes: usize,
    count: u8,
}

impl Author {
    fn new(value_bytes: usize) -> Self {
        Self {
            doc: DocId::from_bytes([5; 16]),
            document: AutoCommit::new(),
            value_bytes,
            count: 0,
        }
    }

    fn change(&mut self) -> anyhow::Result<DocChange> {
        self.count = self.count.wrapping_add(1);
        self.document
            .put(ROOT, "value", vec![self.count; self.value_bytes])?;
        self.document.commit();
        let change = self
            .document
            .get_last_local_change()
            .context("a commit without a change")?;
        Ok(DocChange {
            doc: self.doc,
            change: change.raw_bytes().to_vec(),
        })
    }

    fn changes(&mut self, count: usize) -> Vec<DocChange> {
        (0..count)
            .map(|_| self.change().expect("a value can be put"))
            .collect()
    }
}

fn codec(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec");
    for (name, count, bytes) in [("one review", 1, 40), ("a page of 64 KiB", 60, 1_000)] {
        let push = Frame::from(Push {
            batch: 1,
            items: Author::new(bytes).changes(count),
        });
        let encoded = push.encode();
        group.throughput(Throughput::Bytes(encoded.len() as u64));
        group.bench_function(format!("encode {name}"), |b| {
            b.iter(|| black_box(&push).encode());
        });
        group.bench_function(format!("decode {name}"), |b| {
            b.iter(|| Frame::decode(black_box(&encoded)));
        });
    }
    group.finish();
}

/// Checked, appended and flushed, in the order in which a device would send them.
fn log_append(c: &mut Criterion) {
    let mut group = c.benchmark_group("change log append, flushed");
    group.measurement_time(Duration::from_secs(5));
    for count in [1, 100] {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let mut log = ChangeLog::create(dir.path()).expect("a store can be made");
        let mut author = Author::new(40);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{count} at once"), |b| {
            b.iter_batched(
                || author.changes(count),
                |items| {
                    let refused = log.append(&items).expect("the log takes them");
                    assert_eq!(refused, 0, "honest changes are taken");
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Hashed, written, flushed and named; each blob is another one.
fn blob_put(c: &mut Criterion) {
    let mut group = c.benchmark_group("blob put, flushed");
    group.measurement_time(Duration::from_secs(5));
    for (name, bytes) in [("50 kB", 50_000_usize), ("5 MB", 5_000_000)] {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let store = BlobStore::open(dir.path()).expect("a store can be made");
        let mut blob = vec![0_u8; bytes];
        let mut count = 0_u64;
        group
            .sample_size(20)
            .throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    count += 1;
                    if let Some(first) = blob.first_chunk_mut() {
                        *first = count.to_be_bytes();
                    }
                    blob.clone()
                },
                |blob| {
                    let put = store.put_bytes(&blob).expect("the store takes it");
                    store.remove(&put.hash).expect("it can be removed");
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(micro, fold, codec, log_append, blob_put);
criterion_main!(micro);
