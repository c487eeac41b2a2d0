//! The parent against children that go wrong in every way: each is a shell script in the place of the program.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use media::Wishes;
use media_worker::{Worker, WorkerError};

fn child(script: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("child");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    (dir, path)
}

fn how_it_died(script: &str) -> String {
    let (_dir, path) = child(script);
    let worker = Worker::new(&path).with_patience(std::time::Duration::from_secs(1));
    match worker.prepare(&[7; 1_000_000], "a\u{1b}b.png", Wishes::default()) {
        Err(WorkerError::Died { name, how }) => {
            assert!(!name.contains('\u{1b}'), "{name:?}");
            how
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_child_that_ends_is_told_by_how_it_ended() {
    assert_eq!(how_it_died("exit 3"), "exit status 3");
    assert_eq!(how_it_died("cat > /dev/null; kill -SEGV $$"), "signal 11");
    assert!(how_it_died("kill -ABRT $$").contains("memory"));
    assert!(how_it_died("kill -XCPU $$").contains("too long"));
}

#[test]
fn a_child_that_says_nothing_is_ended_when_patience_is() {
    // It takes nothing, so the parent could not even hand the file over.
    assert!(how_it_died("exec sleep 1000").contains("too long"));
    assert!(how_it_died("cat > /dev/null; exec sleep 1000").contains("too long"));
}

#[test]
fn a_child_that_talks_nonsense_or_without_end_is_not_believed() {
    for script in [
        "echo hello; cat > /dev/null",
        "cat /dev/zero",
        "yes",
        // Four bytes of length, and JSON that is no outcome.
        r"printf '\000\000\000\002{}'",
    ] {
        how_it_died(script);
    }
    let says = |json: &str, bytes: &str| {
        format!(
            "printf '\\000\\000\\000\\{:03o}%s{bytes}' '{json}'; cat > /dev/null",
            json.len()
        )
    };
    let image = |mime: &str, width: u32| {
        format!(
            r#"{{"image":{{"mime":"{mime}","name":"n","notes":[],"width_px":{width},"height_px":1,"frames":1,"thumbhash":[]}},"bytes":6}}"#
        )
    };
    let (_dir, honest) = child(&says(&image("image/gif", 1), "GIF89a"));
    let taken = Worker::new(honest).prepare(b"x", "n", Wishes::default());
    assert_eq!(taken.unwrap().bytes, b"GIF89a");
    // Another type than the bytes are, no type at all, more pixels than anybody lets in.
    for json in [
        image("image/png", 1),
        image("text/html", 1),
        image("image/gif", 70_000),
    ] {
        assert!(how_it_died(&says(&json, "GIF89a")).contains("no sense"));
    }
}

#[test]
fn words_of_a_child_cannot_paint_the_terminal() {
    let json = r#"{"refused":{"message":"no \u001b[31m","is_limit":true},"bytes":0}"#;
    let script = format!(
        "cat > /dev/null; printf '\\000\\000\\000\\{:03o}%s' '{json}'",
        json.len()
    );
    let (_dir, path) = child(&script);
    let refused = Worker::new(path).prepare(b"x", "n", Wishes::default());
    let error = refused.unwrap_err();
    assert!(error.is_limit());
    assert!(!error.to_string().contains('\u{1b}'), "{error:?}");
}

#[test]
fn a_program_that_is_not_there_is_nobodys_fault() {
    let missing = Worker::new("/nowhere/at/all").prepare(b"x", "n", Wishes::default());
    assert!(matches!(missing, Err(WorkerError::Start(_))));
}
