//! Blobs: names are hashes, puts are idempotent, parts resume, damage is seen.

use domain::BlobHash;
use storage::{BlobError, BlobStore};

use crate::world::damage;

fn store() -> (tempfile::TempDir, BlobStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = BlobStore::open(&dir.path().join("blobs")).unwrap();
    (dir, store)
}

fn hash(bytes: &[u8]) -> BlobHash {
    BlobHash::from_bytes(*blake3::hash(bytes).as_bytes())
}

#[test]
fn put_twice_is_once() {
    let (dir, store) = store();
    let first = store.put_bytes(b"a picture").unwrap();
    assert!(first.new);
    assert_eq!(first.hash, hash(b"a picture"));
    assert!(!store.put_bytes(b"a picture").unwrap().new);
    let file = dir.path().join("picture.bin");
    std::fs::write(&file, b"a picture").unwrap();
    assert!(!store.put_file(&file, 9).unwrap().new);
    assert!(matches!(
        store.put_file(&file, 8),
        Err(BlobError::TooLarge { max: 8 })
    ));
    assert_eq!(store.list().unwrap(), vec![(first.hash, 9)]);
    assert_eq!(store.read(&first.hash).unwrap(), b"a picture");
    assert_eq!(store.read_chunk(&first.hash, 2, 4).unwrap(), b"pict");
    assert_eq!(store.read_chunk(&first.hash, 7, 100).unwrap(), b"re");
    assert_eq!(
        std::fs::read_dir(dir.path().join("blobs/tmp"))
            .unwrap()
            .count(),
        0,
        "nothing is left over"
    );
    store.remove(&first.hash).unwrap();
    store.remove(&first.hash).unwrap();
    assert_eq!(store.has(&first.hash).unwrap(), None);
    assert!(matches!(
        store.read(&first.hash),
        Err(BlobError::Missing(_))
    ));
}

#[test]
fn parts_resume_and_are_checked() {
    let (_dir, store) = store();
    let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i * 7) as u8).collect();
    let name = hash(&bytes);
    let mut part = store.part(&name, bytes.len() as u64).unwrap();
    part.append(&bytes[..70_000]).unwrap();
    assert!(matches!(
        store.part(&name, bytes.len() as u64),
        Err(BlobError::Busy(_))
    ));
    drop(part);
    assert_eq!(store.part_len(&name).unwrap(), 70_000);
    assert_eq!(store.has(&name).unwrap(), None);
    let mut part = store.part(&name, bytes.len() as u64).unwrap();
    assert_eq!(part.offset(), 70_000);
    assert!(matches!(
        part.append(&bytes),
        Err(BlobError::TooLarge { .. })
    ));
    part.append(&bytes[70_000..]).unwrap();
    assert!(part.finish().unwrap().new);
    assert_eq!(store.read(&name).unwrap(), bytes);
    assert_eq!(store.part_len(&name).unwrap(), 0);
}

#[test]
fn wrong_or_short_parts_are_dropped() {
    let (_dir, store) = store();
    let name = hash(b"right");
    let mut part = store.part(&name, 5).unwrap();
    part.append(b"wrong").unwrap();
    assert!(matches!(part.finish(), Err(BlobError::Mismatch(_))));
    assert_eq!(store.part_len(&name).unwrap(), 0);
    let mut part = store.part(&name, 5).unwrap();
    part.append(b"rig").unwrap();
    assert!(matches!(part.finish(), Err(BlobError::Mismatch(_))));
    let mut part = store.part(&name, 5).unwrap();
    part.append(b"right").unwrap();
    part.finish().unwrap();
    assert!(store.verify(&name).unwrap());
}

#[test]
fn damage_is_seen_and_put_heals_after_quarantine() {
    let (_dir, store) = store();
    let bytes = vec![5_u8; 10_000];
    let put = store.put_bytes(&bytes).unwrap();
    damage(&store.path(&put.hash));
    assert!(!store.verify(&put.hash).unwrap());
    assert!(matches!(store.read(&put.hash), Err(BlobError::Damaged(_))));
    let moved = store.quarantine(&put.hash).unwrap();
    assert!(moved.exists());
    assert_eq!(store.has(&put.hash).unwrap(), None);
    assert!(store.put_bytes(&bytes).unwrap().new);
    assert_eq!(store.read(&put.hash).unwrap(), bytes);
}

#[test]
fn a_truncated_blob_is_replaced_by_a_put() {
    let (_dir, store) = store();
    let put = store.put_bytes(&[3_u8; 900]).unwrap();
    let path = store.path(&put.hash);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, [3_u8; 100]).unwrap();
    assert!(store.put_bytes(&[3_u8; 900]).unwrap().new);
    assert_eq!(store.read(&put.hash).unwrap(), [3_u8; 900]);
}

#[test]
fn many_threads_put_the_same() {
    let (_dir, store) = store();
    std::thread::scope(|scope| {
        for t in 0..8_u8 {
            let store = store.clone();
            scope.spawn(move || {
                for i in 0..20_u8 {
                    store.put_bytes(&vec![i; 1_000 + usize::from(i)]).unwrap();
                    store.put_bytes(&[t, i]).unwrap();
                }
            });
        }
    });
    assert_eq!(store.list().unwrap().len(), 20 + 8 * 20);
    for (hash, _) in store.list().unwrap() {
        assert!(store.verify(&hash).unwrap());
    }
}
