//! A full disk: refused in plain words, nothing lost, and usable again as soon as there is room.

use std::path::PathBuf;
use std::process::Command;

use storage::{Batch, Kv, KvError, KvOptions};

/// A small file system of its own, unmounted on drop.
struct Tmpfs {
    dir: PathBuf,
    _parent: tempfile::TempDir,
}

impl Tmpfs {
    fn mount(megabytes: u32) -> Result<Self, String> {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("small");
        std::fs::create_dir(&dir).unwrap();
        let out = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(&dir)
            .output()
            .map_err(|e| format!("no mount command: {e}"))?;
        if out.status.success() {
            Ok(Self {
                dir,
                _parent: parent,
            })
        } else {
            Err(String::from_utf8_lossy(&out.stderr).trim().to_owned())
        }
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.dir).status();
        assert!(
            unmounted.is_ok_and(|status| status.success()),
            "{} stays mounted",
            self.dir.display()
        );
    }
}

#[test]
fn full_then_usable_again() {
    let disk = match Tmpfs::mount(48) {
        Ok(disk) => disk,
        Err(why) => {
            println!(
                "SKIPPED full_then_usable_again: a small file system cannot be mounted here ({why})"
            );
            return;
        }
    };
    let dir = disk.dir.join("kv");
    let kv = Kv::create(&dir, KvOptions::device()).unwrap();
    let mut written = 0_u32;
    let error = loop {
        let mut batch = Batch::new();
        (0..20).for_each(|i| {
            batch.put(
                format!("row/{:06}", written * 20 + i),
                vec![written as u8; 3_500],
            )
        });
        match kv.commit(batch) {
            Ok(()) => written += 1,
            Err(e) => break e,
        }
        assert!(written < 2_000, "48 MB never fill up");
    };
    assert!(matches!(error, KvError::Full { .. }), "{error}");
    assert!(error.to_string().contains("free some space"), "{error}");
    assert!(!kv.is_poisoned());
    assert_eq!(kv.verify().unwrap().entries, u64::from(written) * 20);

    // A filler takes the rest: the store must still open, and still delete.
    drop(kv);
    let filler = disk.dir.join("filler");
    let status = Command::new("dd")
        .arg("if=/dev/zero")
        .arg(format!("of={}", filler.display()))
        .arg("bs=64k")
        .output()
        .unwrap()
        .status;
    assert!(!status.success(), "dd ends when the disk is full");
    let kv = Kv::open(&dir, KvOptions::device());
    // With not a byte left opening may fail, but only with words, and nothing is moved or lost.
    if let Err(e) = &kv {
        println!("on a disk without a free byte: {e}");
    }
    drop(kv);
    std::fs::remove_file(&filler).unwrap();
    let kv = Kv::open(&dir, KvOptions::device()).unwrap();
    assert_eq!(kv.verify().unwrap().entries, u64::from(written) * 20);
    for chunk in 0..written {
        let mut batch = Batch::new();
        (0..20).for_each(|i| batch.delete(format!("row/{:06}", chunk * 20 + i)));
        kv.commit(batch).unwrap();
    }
    assert_eq!(kv.verify().unwrap().entries, 0);
}
