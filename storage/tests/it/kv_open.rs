//! Opening after crashes, mix-ups and damage.

use std::fs;
use std::path::Path;

use storage::{Batch, Kv, KvError, KvOptions};

fn filled(dir: &Path, rows: u32) {
    let kv = Kv::create(dir, KvOptions::device()).unwrap();
    for chunk in 0..rows.div_ceil(50) {
        let mut batch = Batch::new();
        (0..50).for_each(|i| batch.put(format!("row/{:06}", chunk * 50 + i), vec![b'x'; 300]));
        kv.commit(batch).unwrap();
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn missing_and_present() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        Kv::open(dir.path(), KvOptions::device()),
        Err(KvError::Missing { .. })
    ));
    filled(dir.path(), 50);
    assert!(matches!(
        Kv::create(dir.path(), KvOptions::device()),
        Err(KvError::Exists { .. })
    ));
}

/// The scary one: sled opens fine and is empty.
#[test]
fn an_emptied_store_is_not_taken_for_empty() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 50);
    fs::write(dir.path().join("sled/db"), b"").unwrap();
    for entry in fs::read_dir(dir.path().join("sled")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("snap.")
        {
            fs::remove_file(path).unwrap();
        }
    }
    let error = Kv::open(dir.path(), KvOptions::device()).unwrap_err();
    let KvError::Damaged { moved_to, .. } = &error else {
        panic!("{error}")
    };
    assert!(moved_to.join("sled").is_dir(), "nothing is deleted");
    // And again: still not empty, still the same advice.
    assert!(matches!(
        Kv::open(dir.path(), KvOptions::device()),
        Err(KvError::Damaged { .. })
    ));
    let again = Kv::recreate(dir.path(), KvOptions::device()).unwrap();
    assert_eq!(again.verify().unwrap().entries, 0);
}

#[test]
fn data_of_another_store_is_refused_and_left_alone() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(a.path(), 50);
    filled(b.path(), 50);
    fs::copy(b.path().join("STORE"), a.path().join("STORE")).unwrap();
    let before = names(a.path());
    let error = Kv::open(a.path(), KvOptions::device()).unwrap_err();
    assert!(matches!(error, KvError::Foreign { .. }), "{error}");
    assert!(before.contains(&"sled".to_owned()) && names(a.path()).contains(&"sled".to_owned()));
}

#[test]
fn a_damaged_snapshot_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 500);
    // The engine writes its snapshot when it opens what it wrote before.
    drop(Kv::open(dir.path(), KvOptions::device()).unwrap());
    let mut damaged = 0;
    for entry in fs::read_dir(dir.path().join("sled")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("snap.")
        {
            fs::write(&path, b"not a snapshot at all").unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0, "there is a snapshot to damage");
    let kv = Kv::open(dir.path(), KvOptions::device()).unwrap();
    assert_eq!(kv.verify().unwrap().entries, 500);
}

/// Truth in the middle of the file is gone or altered: it is found at open, unless it was nothing that is still needed.
#[test]
fn damage_in_the_middle_is_noticed() {
    let mut noticed = 0;
    for (at, len) in [0.1, 0.2, 0.3, 0.5, 0.6, 0.8, 0.9]
        .into_iter()
        .flat_map(|at| [(at, 4_096), (at, 1)])
    {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 1_500);
        let path = dir.path().join("sled/db");
        let mut bytes = fs::read(&path).unwrap();
        let begin = (bytes.len() as f64 * at) as usize;
        let end = (begin + len).min(bytes.len());
        bytes[begin..end]
            .iter_mut()
            .for_each(|b| *b = if len == 1 { *b ^ 0x20 } else { 0 });
        fs::write(&path, bytes).unwrap();
        fs::remove_file(dir.path().join("CLEAN")).unwrap();
        match Kv::open(dir.path(), KvOptions::device()) {
            Err(KvError::Damaged { .. }) => noticed += 1,
            Err(e) => panic!("{e}"),
            Ok(kv) => {
                // The page was one that nothing needs any more.
                let entries = kv.verify().unwrap().entries;
                assert_eq!(entries, 1_500, "at {at}: rows vanished without a word");
            }
        }
    }
    assert!(
        noticed >= 7,
        "only {noticed} of 14 were noticed: is anything checked?"
    );
}

/// An older copy of the data file, as a careless restore or a lying disk leaves it.
#[test]
fn a_store_that_lost_its_last_commits_says_so() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 500);
    let old = fs::read(dir.path().join("sled/db")).unwrap();
    let kv = Kv::open(dir.path(), KvOptions::device()).unwrap();
    let mut batch = Batch::new();
    batch.put(b"acknowledged".as_slice(), b"yes".as_slice());
    kv.commit(batch).unwrap();
    drop(kv);
    fs::write(dir.path().join("sled/db"), old).unwrap();
    let error = Kv::open(dir.path(), KvOptions::device()).unwrap_err();
    assert!(matches!(error, KvError::Damaged { .. }), "{error}");
}

#[test]
fn opening_is_quick() {
    let dir = tempfile::tempdir().unwrap();
    let kv = Kv::create(dir.path(), KvOptions::device()).unwrap();
    for chunk in 0..50_u32 {
        let mut batch = Batch::new();
        (0..2_000_u32)
            .for_each(|i| batch.put(format!("c/{:08}", chunk * 2_000 + i), vec![b'x'; 100]));
        kv.commit(batch).unwrap();
    }
    drop(kv);
    let begun = std::time::Instant::now();
    let kv = Kv::open(dir.path(), KvOptions::device()).unwrap();
    let clean = begun.elapsed();
    assert!(kv.get(b"c/00099999").unwrap().is_some());
    drop(kv);
    fs::remove_file(dir.path().join("CLEAN")).unwrap();
    let begun = std::time::Instant::now();
    drop(Kv::open(dir.path(), KvOptions::device()).unwrap());
    println!(
        "100 000 keys: open {clean:?}, after a crash {:?}",
        begun.elapsed()
    );
    assert!(clean.as_millis() < 2_000, "{clean:?}");
}
