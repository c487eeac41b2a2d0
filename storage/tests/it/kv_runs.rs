//! Derived rows: wherever they lie, in the engine or in runs, the store behaves as a map; what is lost of them is told and can be made
//! again; a crash between a run's file and the commit that names it leaves the old state.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use storage::{Batch, Kv, KvOptions};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn options() -> KvOptions {
    KvOptions::device().deriving(b"d/")
}

fn put(rows: impl IntoIterator<Item = (Vec<u8>, Option<Vec<u8>>)>) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in rows {
        match value {
            Some(value) => batch.put(key, value),
            None => batch.delete(key),
        }
    }
    batch
}

fn commit(kv: &Kv, map: &mut Map, batch: Batch) {
    for (key, value) in batch.iter() {
        match value {
            Some(value) => map.insert(key.to_vec(), value.to_vec()),
            None => map.remove(key),
        };
    }
    kv.commit(batch).unwrap();
}

fn row(n: u16) -> Vec<u8> {
    [b"d/".as_slice(), &n.to_be_bytes()].concat()
}

#[derive(Debug, Clone)]
enum Step {
    /// Few rows: they stay in the engine.
    Few(Vec<(u16, Option<u8>)>),
    /// Many: they become a run.
    Many {
        from: u16,
        count: u16,
        by: u16,
        value: Option<u8>,
    },
    /// So many few that they are spilled.
    Spill(u16),
    Forget,
    Reopen {
        clean: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => proptest::collection::vec((0_u16..700, any::<Option<u8>>()), 1..40).prop_map(Step::Few),
        6 => (0_u16..500, 100_u16..300, 1_u16..3, any::<Option<u8>>())
            .prop_map(|(from, count, by, value)| Step::Many { from, count, by, value }),
        1 => (0_u16..3_000).prop_map(Step::Spill),
        1 => Just(Step::Forget),
        3 => any::<bool>().prop_map(|clean| Step::Reopen { clean }),
    ]
}

/// Some values are larger than a row of the engine.
fn value(n: u16, seed: u8) -> Vec<u8> {
    let len = if n.is_multiple_of(50) {
        5_000
    } else {
        usize::from(n % 90)
    };
    vec![seed; len]
}

fn agree(kv: &Kv, map: &Map) {
    let expected: Vec<_> = map.clone().into_iter().collect();
    let all: Vec<_> = kv.scan(&[]).map(Result::unwrap).collect();
    assert!(all == expected);
    let mut from_both_ends = (Vec::new(), Vec::new());
    let mut scan = kv.scan(b"d/");
    loop {
        let (first, last) = (scan.next(), scan.next_back());
        if first.is_none() && last.is_none() {
            break;
        }
        from_both_ends.0.extend(first.map(Result::unwrap));
        from_both_ends.1.extend(last.map(Result::unwrap));
    }
    from_both_ends.0.extend(from_both_ends.1.into_iter().rev());
    let derived: Vec<_> = expected
        .iter()
        .filter(|(key, _)| key.starts_with(b"d/"))
        .cloned()
        .collect();
    assert!(from_both_ends.0 == derived);
    for n in (0..700).step_by(7) {
        assert!(kv.get(&row(n)).unwrap().as_ref() == map.get(&row(n)));
        let after: Vec<_> = kv
            .scan_after(b"d/", &row(n))
            .take(3)
            .map(Result::unwrap)
            .collect();
        let expected: Vec<_> = derived
            .iter()
            .filter(|(key, _)| *key > row(n))
            .take(3)
            .cloned()
            .collect();
        assert!(after == expected);
    }
    assert_eq!(kv.last(b"d/").unwrap(), derived.last().cloned());
    assert_eq!(kv.verify().unwrap().entries, expected.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_as_a_map(steps in proptest::collection::vec(step(), 1..24)) {
        let dir = tempfile::tempdir().unwrap();
        let mut kv = Kv::create(dir.path(), options()).unwrap();
        let mut map = Map::new();
        commit(&kv, &mut map, put([(b"a".to_vec(), Some(b"before".to_vec())), (b"z".to_vec(), Some(b"behind".to_vec()))]));
        for step in steps {
            match step {
                Step::Few(rows) => {
                    let rows = rows.into_iter().map(|(n, seed)| (row(n), seed.map(|seed| value(n, seed))));
                    commit(&kv, &mut map, put(rows));
                }
                Step::Many { from, count, by, value: seed } => {
                    let rows = (0..count).map(|n| from + n * by).map(|n| (row(n), seed.map(|seed| value(n, seed))));
                    commit(&kv, &mut map, put(rows.chain([(b"z".to_vec(), Some(count.to_be_bytes().to_vec()))])));
                }
                Step::Spill(from) => (0..52_u16).for_each(|part| {
                    let rows = (0..80).map(|n| (row(from + part * 80 + n), Some(vec![7])));
                    commit(&kv, &mut map, put(rows));
                }),
                Step::Forget => {
                    map.retain(|key, _| !key.starts_with(b"d/"));
                    let mut batch = put([(row(3), Some(vec![1]))]);
                    batch.forget_derived();
                    commit(&kv, &mut map, batch);
                }
                Step::Reopen { clean } => {
                    drop(kv);
                    if !clean {
                        fs::remove_file(dir.path().join("CLEAN")).unwrap();
                    }
                    kv = Kv::open(dir.path(), options()).unwrap();
                    assert!(!kv.derived_lost());
                }
            }
        }
        agree(&kv, &map);
        drop(kv);
        agree(&Kv::open(dir.path(), options()).unwrap(), &map);
    }
}

fn with_runs(dir: &Path) -> Map {
    let kv = Kv::create(dir, options()).unwrap();
    let mut map = Map::new();
    commit(
        &kv,
        &mut map,
        put([(b"a".to_vec(), Some(b"kept".to_vec()))]),
    );
    for part in 0..3_u16 {
        let rows = (0..400).map(|n| (row(part * 300 + n), Some(vec![part as u8; 300])));
        commit(&kv, &mut map, put(rows));
    }
    map
}

fn runs(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir.join("runs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

#[test]
fn a_run_that_is_gone_or_cut_is_told_and_the_rest_stays() {
    for damage in ["gone", "cut", "index"] {
        let dir = tempfile::tempdir().unwrap();
        with_runs(dir.path());
        let run = runs(dir.path()).remove(0);
        let mut bytes = fs::read(&run).unwrap();
        match damage {
            "gone" => fs::remove_file(&run).unwrap(),
            "cut" => fs::write(&run, &bytes[..bytes.len() / 2]).unwrap(),
            _ => {
                *bytes.last_mut().unwrap() ^= 1;
                fs::write(&run, &bytes).unwrap();
            }
        }
        let kv = Kv::open(dir.path(), options()).unwrap();
        assert!(kv.derived_lost(), "{damage}");
        assert_eq!(kv.get(b"a").unwrap().unwrap(), b"kept");
        // An edit of another kind does not make the loss forgotten.
        kv.commit(put([(b"a".to_vec(), Some(b"edited".to_vec()))]))
            .unwrap();
        drop(kv);
        let kv = Kv::open(dir.path(), options()).unwrap();
        assert!(kv.derived_lost(), "{damage}");
        let mut again = put((0..150).map(|n| (row(n), Some(vec![9]))));
        again.forget_derived();
        kv.commit(again).unwrap();
        drop(kv);
        let kv = Kv::open(dir.path(), options()).unwrap();
        assert!(!kv.derived_lost(), "{damage}");
        assert_eq!(kv.scan(b"d/").count(), 150);
        assert_eq!(runs(dir.path()).len(), 1, "{damage}");
    }
}

/// Every byte of a run is under a checksum: a flipped one never changes what is read.
#[test]
fn a_flipped_byte_is_an_error_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let map = with_runs(dir.path());
    let run = runs(dir.path()).remove(1);
    let bytes = fs::read(&run).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 40) {
        let mut bad = bytes.clone();
        bad[at] ^= 4;
        fs::write(&run, &bad).unwrap();
        let kv = Kv::open(dir.path(), options()).unwrap();
        if kv.derived_lost() {
            continue;
        }
        for entry in kv.scan(b"d/") {
            let Ok((key, value)) = entry else { break };
            assert_eq!(map.get(&key), Some(&value), "byte {at}");
        }
        assert!(kv.verify().is_err() || at < 8, "byte {at}");
    }
    fs::write(&run, &bytes).unwrap();
    agree(&Kv::open(dir.path(), options()).unwrap(), &map);
}

#[test]
fn a_file_that_no_commit_names_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let map = with_runs(dir.path());
    let named = runs(dir.path());
    fs::copy(&named[0], dir.path().join("runs/77.run")).unwrap();
    fs::write(dir.path().join("runs/78.tmp"), b"half").unwrap();
    let kv = Kv::open(dir.path(), options()).unwrap();
    assert_eq!(runs(dir.path()), named);
    agree(&kv, &map);
}

#[test]
fn runs_stay_few_and_old_files_go() {
    let dir = tempfile::tempdir().unwrap();
    let kv = Kv::create(dir.path(), options()).unwrap();
    let mut map = Map::new();
    for part in 0..60_u16 {
        let rows = (0..120).map(|n| (row(part * 120 + n), Some(vec![1; 40])));
        commit(&kv, &mut map, put(rows));
    }
    drop(kv);
    assert!(runs(dir.path()).len() <= 12, "{:?}", runs(dir.path()));
    agree(&Kv::open(dir.path(), options()).unwrap(), &map);
}
