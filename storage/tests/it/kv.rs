//! What we need of a store, run against `Kv` and against a plain map: the next engine has to pass the same.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::mpsc;
use std::time::Instant;

use proptest::prelude::*;
use storage::{Batch, Kv, KvError, KvOptions};

/// The reference.
#[derive(Default)]
struct Map(BTreeMap<Vec<u8>, Vec<u8>>);

impl Map {
    fn commit(&mut self, batch: &Batch) {
        for (key, value) in batch.iter() {
            match value {
                Some(value) => self.0.insert(key.to_vec(), value.to_vec()),
                None => self.0.remove(key),
            };
        }
    }

    fn after(&self, prefix: &[u8], key: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let range = (Bound::Excluded(key.to_vec()), Bound::Unbounded);
        self.0
            .range(range)
            .filter(|(k, _)| k.starts_with(prefix))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<(Vec<u8>, Option<Vec<u8>>)>),
    Reopen,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![1_u8..4, Just(255)], 1..4)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![
        6 => 0_usize..60,
        1 => 3_990_usize..4_010,
        1 => 4_001_usize..20_000,
    ];
    (len, any::<u8>())
        .prop_map(|(len, fill)| (0..len).map(|i| fill.wrapping_add((i / 7) as u8)).collect())
}

fn step() -> impl Strategy<Value = Step> {
    let op = (key(), proptest::option::weighted(0.7, value()));
    prop_oneof![
        6 => proptest::collection::vec(op, 0..8).prop_map(Step::Commit),
        1 => any::<u8>().prop_map(|seed| Step::Commit(
            (0_u16..300).map(|i| (vec![2, seed, (i >> 8) as u8, i as u8], Some(vec![seed; 30]))).collect()
        )),
        1 => Just(Step::Reopen),
    ]
}

fn agree(kv: &Kv, map: &Map) {
    let all: Vec<_> = kv.scan(&[]).map(Result::unwrap).collect();
    assert_eq!(all, map.0.clone().into_iter().collect::<Vec<_>>());
    let mut backwards: Vec<_> = kv.scan(&[]).rev().map(Result::unwrap).collect();
    backwards.reverse();
    assert_eq!(backwards, all);
    for prefix in [&[1][..], &[2], &[255], &[255, 255], &[9]] {
        let with: Vec<_> = all
            .iter()
            .filter(|(k, _)| k.starts_with(prefix))
            .cloned()
            .collect();
        assert_eq!(
            kv.scan(prefix).map(Result::unwrap).collect::<Vec<_>>(),
            with,
            "{prefix:?}"
        );
        assert_eq!(kv.last(prefix).unwrap(), with.last().cloned(), "{prefix:?}");
        for key in [prefix, &[2, 1], &[255, 3, 3]] {
            let key = if key.starts_with(prefix) { key } else { prefix };
            assert_eq!(
                kv.scan_after(prefix, key)
                    .map(Result::unwrap)
                    .collect::<Vec<_>>(),
                map.after(prefix, key)
            );
        }
    }
    for (key, value) in &all {
        assert_eq!(kv.get(key).unwrap().as_ref(), Some(value));
    }
    assert_eq!(kv.verify().unwrap().entries, all.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_as_a_map(steps in proptest::collection::vec(step(), 1..12)) {
        let dir = tempfile::tempdir().unwrap();
        let mut kv = Kv::create(dir.path(), KvOptions::device()).unwrap();
        let mut map = Map::default();
        for step in steps {
            match step {
                Step::Commit(ops) => {
                    let mut batch = Batch::new();
                    for (key, value) in ops {
                        match value {
                            Some(value) => batch.put(key, value),
                            None => batch.delete(key),
                        }
                    }
                    map.commit(&batch);
                    kv.commit(batch).unwrap();
                }
                Step::Reopen => {
                    drop(kv);
                    kv = Kv::open(dir.path(), KvOptions::device()).unwrap();
                }
            }
        }
        agree(&kv, &map);
    }
}

#[test]
fn large_values_leave_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let kv = Kv::create(dir.path(), KvOptions::device()).unwrap();
    let large = vec![7_u8; 320 * 1024];
    for _ in 0..3 {
        let mut batch = Batch::new();
        batch.put(b"large".as_slice(), large.clone());
        kv.commit(batch).unwrap();
        assert_eq!(kv.get(b"large").unwrap().unwrap(), large);
    }
    let mut batch = Batch::new();
    batch.put(b"large".as_slice(), b"small now".as_slice());
    kv.commit(batch).unwrap();
    assert_eq!(kv.verify().unwrap().entries, 1);
    let mut batch = Batch::new();
    batch.put(b"large".as_slice(), vec![0; 320 * 1024 + 1]);
    assert!(matches!(
        kv.commit(batch),
        Err(KvError::TooLarge { what: "value", .. })
    ));
    assert_eq!(kv.get(b"large").unwrap().unwrap(), b"small now");
}

#[test]
fn keys_of_the_store_itself_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let kv = Kv::create(dir.path(), KvOptions::device()).unwrap();
    for key in [&b""[..], b"\0p", b"\0store"] {
        let mut batch = Batch::new();
        batch.put(key, b"x".as_slice());
        assert!(
            matches!(kv.commit(batch), Err(KvError::ReservedKey)),
            "{key:?}"
        );
    }
    let mut batch = Batch::new();
    batch.put(vec![1; 513], b"x".as_slice());
    assert!(matches!(
        kv.commit(batch),
        Err(KvError::TooLarge { what: "key", .. })
    ));
}

#[test]
fn jobs_see_earlier_jobs_and_a_refusal_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let kv = Kv::create(dir.path(), KvOptions::device()).unwrap();
    let limit = 25_u64;
    // 8 threads try 10 each; exactly 25 may pass, although no lock is held anywhere.
    let taken: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..10)
                        .filter(|_| {
                            kv.update(move |view| {
                                let used = view
                                    .get(b"used")?
                                    .map_or(0, |v| u64::from_be_bytes(v.try_into().unwrap()));
                                if used == limit {
                                    return Err(Refused::Limit);
                                }
                                let mut batch = Batch::new();
                                batch.put(b"used".as_slice(), (used + 1).to_be_bytes());
                                Ok((batch, ()))
                            })
                            .is_ok()
                        })
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(taken, 25);
    assert_eq!(kv.get(b"used").unwrap().unwrap(), 25_u64.to_be_bytes());
}

#[derive(Debug)]
enum Refused {
    Limit,
    #[expect(dead_code, reason = "shown when the test fails")]
    Store(KvError),
}

impl From<KvError> for Refused {
    fn from(e: KvError) -> Self {
        Self::Store(e)
    }
}

#[test]
fn a_panicking_job_answers_and_harms_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let kv = Kv::create(dir.path(), KvOptions::device()).unwrap();
    let outcome: Result<(), KvError> =
        kv.update(|_| panic!("the job's own fault (expected in this test)"));
    assert!(matches!(outcome, Err(KvError::NotRun)));
    let mut batch = Batch::new();
    batch.put(b"k".as_slice(), b"v".as_slice());
    kv.commit(batch).unwrap();
}

#[test]
fn submitted_commits_share_flushes() {
    let dir = tempfile::tempdir().unwrap();
    let kv = Kv::create(dir.path(), KvOptions::server()).unwrap();
    let (send, receive) = mpsc::channel();
    let begun = Instant::now();
    for i in 0_u32..5_000 {
        let send = send.clone();
        kv.submit(
            move |_| {
                let mut batch = Batch::new();
                batch.put(i.wrapping_add(1 << 24).to_be_bytes(), vec![1; 100]);
                Ok::<_, KvError>((batch, i))
            },
            move |result| send.send(result).unwrap(),
        );
    }
    let order: Vec<u32> = receive.iter().take(5_000).map(Result::unwrap).collect();
    assert!(
        order.is_sorted(),
        "completions come in the order of submission"
    );
    println!("5 000 submitted commits: {:?}", begun.elapsed());
    assert_eq!(kv.verify().unwrap().entries, 5_000);
}

/// Jobs of one flush are given to the engine together, and each must see those before it all the same.
#[test]
fn jobs_of_one_group_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let kv = Kv::create(dir.path(), KvOptions::device()).unwrap();
    let mut stored = Batch::new();
    (0..50_u8).for_each(|i| stored.put([b's', i * 2], [0]));
    stored.put([b's', 200], vec![9; 9_000]);
    kv.commit(stored).unwrap();
    // The first job holds the writer until all others are queued, so they make one group.
    let (go, wait) = mpsc::channel::<()>();
    let (send, receive) = mpsc::channel();
    kv.submit(
        move |_| {
            wait.recv()
                .map(|()| (Batch::new(), ()))
                .map_err(|_| KvError::Busy)
        },
        |_| {},
    );
    // Keys stay below 200, so that the large value is the last.
    for i in 0..99_u8 {
        let send = send.clone();
        let job = move |view: storage::View<'_>| {
            // Job i has been preceded by i jobs, each of which put key 2k+1 and removed key 2k.
            let expected: Vec<u8> = (0..50)
                .map(|k| if k < i { k * 2 + 1 } else { k * 2 })
                .chain((50..i).map(|k| k * 2 + 1))
                .collect();
            let mut seen: Vec<u8> = view.scan(b"s").map(|row| row.unwrap().0[1]).collect();
            assert_eq!(seen.pop(), Some(200));
            assert_eq!(seen, expected, "job {i}");
            let backwards: Vec<u8> = view
                .scan(b"s")
                .rev()
                .skip(1)
                .map(|row| row.unwrap().0[1])
                .collect();
            assert!(
                backwards.iter().rev().eq(expected.iter()),
                "job {i}: {backwards:?}"
            );
            let mut both = view.scan(b"s");
            assert_eq!(both.next().unwrap().unwrap().0[1], expected[0]);
            assert_eq!(both.next_back().unwrap().unwrap().0[1], 200);
            assert_eq!(both.count(), expected.len() - 1);
            assert_eq!(view.get(&[b's', 200]).unwrap().unwrap(), vec![9 + i; 9_000]);
            assert_eq!(view.get(&[b's', 0]).unwrap().is_some(), i == 0);
            let mut batch = Batch::new();
            batch.delete([b's', i * 2]);
            batch.put([b's', i * 2 + 1], [i]);
            batch.put([b's', 200], vec![10 + i; 9_000]);
            Ok::<_, KvError>((batch, ()))
        };
        kv.submit(job, move |result| send.send(result).unwrap());
    }
    drop(send);
    go.send(()).unwrap();
    let results: Vec<_> = receive.iter().collect();
    assert_eq!(results.len(), 99);
    results.into_iter().for_each(|result| result.unwrap());
    assert_eq!(kv.verify().unwrap().entries, 100);
    drop(kv);
    std::fs::remove_file(dir.path().join("CLEAN")).unwrap();
    assert_eq!(
        Kv::open(dir.path(), KvOptions::device())
            .unwrap()
            .verify()
            .unwrap()
            .entries,
        100
    );
}
