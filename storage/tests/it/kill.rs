//! kill -9 in the middle of commits: everything acknowledged is there, nothing is half there.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::world::cut_writer;

/// Lets the writer acknowledge a few more commits than before, kills it in the next one, and checks. The store lives on through all rounds.
fn rounds(mode: &str, dir: &Path, commits: &[usize]) {
    let mut acknowledged = 0;
    for commits in commits {
        let mut child = cut_writer()
            .arg(format!("write-{mode}"))
            .arg(dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.by_ref().take(*commits) {
            acknowledged = line.unwrap().parse().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What reached the pipe before the kill was acknowledged, too.
        for line in lines.map_while(Result::ok) {
            if let Ok(n) = line.parse() {
                acknowledged = n;
            }
        }
        let out = cut_writer()
            .arg(format!("verify-{mode}"))
            .arg(dir)
            .arg(acknowledged.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let line = said
            .lines()
            .find(|line| line.starts_with("VERIFY"))
            .unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&out.stderr)));
        assert!(
            line.ends_with("lost=0 torn=0"),
            "after {acknowledged}: {line}"
        );
    }
}

#[test]
fn key_values() {
    let dir = tempfile::tempdir().unwrap();
    rounds("kv", &dir.path().join("kv"), &[1, 7, 8, 9, 33, 40, 41, 64]);
}

#[test]
fn vault() {
    let dir = tempfile::tempdir().unwrap();
    rounds("vault", &dir.path().join("vault"), &[1, 10, 30, 400, 371]);
}
