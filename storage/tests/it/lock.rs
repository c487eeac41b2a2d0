//! Two processes and one vault.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use storage::{LockError, LockKind, StoreError, VaultLock, VaultStore};

use crate::world::{World, cut_writer};

fn holder(dir: &Path, kind: &str) -> Child {
    let mut child = cut_writer()
        .arg("hold")
        .arg(dir)
        .arg(kind)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "held\n");
    child
}

#[test]
fn a_long_holder_is_named_at_once() {
    let world = World::new();
    drop(world.create("v"));
    let mut child = holder(&world.path("v"), "long");
    let begun = Instant::now();
    let options = storage::StoreOptions {
        wait: Duration::from_secs(60),
        ..world.options()
    };
    let error = VaultStore::open(&world.path("v"), &options).unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "no waiting for a long holder"
    );
    assert!(
        matches!(error, StoreError::Lock(LockError::Held { pid, .. }) if pid == child.id()),
        "{error}"
    );
    let said = error.to_string();
    assert!(
        said.contains("cut_writer hold") && said.contains(&child.id().to_string()),
        "{said}"
    );
    drop(child.stdin.take());
    child.wait().unwrap();
    drop(world.open("v"));
}

#[test]
fn a_short_holder_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = holder(dir.path(), "short");
    let error = VaultLock::acquire(dir.path(), "me", LockKind::Short, Duration::ZERO).unwrap_err();
    assert!(error.to_string().contains("cut_writer hold"), "{error}");
    let waiter = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            VaultLock::acquire(dir.path(), "me", LockKind::Short, Duration::from_secs(60))
        });
        drop(child.stdin.take());
        child.wait().unwrap();
        waiter.join().unwrap()
    });
    drop(waiter.unwrap());
}

#[test]
fn a_killed_holder_leaves_no_lock() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = holder(dir.path(), "long");
    child.kill().unwrap();
    child.wait().unwrap();
    VaultLock::acquire(dir.path(), "me", LockKind::Long, Duration::ZERO).unwrap();
}
