//! The walls between the rooms, as ARCHITECTURE.md promises them: who may name what.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ROOMS: [&str; 6] = [
    "domain",
    "sync-protocol",
    "storage",
    "media",
    "client",
    "server",
];

#[test]
fn one_file_names_sled() {
    assert_eq!(naming(&ROOMS, &["sled::"]), ["storage/src/kv.rs"]);
}

#[test]
fn two_files_name_websocket_types() {
    assert_eq!(
        naming(&ROOMS, &["tungstenite", "extract::ws"]),
        ["client/src/sync/socket.rs", "server/src/sync/socket.rs"]
    );
}

#[test]
fn the_server_loads_no_document() {
    let with_automerge = naming(&["server"], &["automerge::"]);
    assert!(
        with_automerge.iter().all(|file| file.ends_with("tests.rs")),
        "{with_automerge:?}"
    );
    let manifest = fs::read_to_string(workspace().join("server/Cargo.toml")).unwrap();
    let shipped = manifest.split("[dev-dependencies]").next().unwrap();
    assert!(!shipped.contains("automerge"));
}

/// What the pure crates stand on compiles to WebAssembly: no C, no threads, no sockets, no files.
#[test]
fn the_pure_rooms_stand_on_pure_crates() {
    let allowed = BTreeSet::from([
        "automerge",
        "blake3",
        "domain",
        "flate2",
        "libm",
        "memchr",
        "minicbor",
        "regex",
        "serde",
        "serde_json",
        "sha2",
        "thiserror",
        "unicode-normalization",
        "uuid",
    ]);
    for room in ["domain", "sync-protocol"] {
        let manifest = fs::read_to_string(workspace().join(room).join("Cargo.toml")).unwrap();
        let after = manifest.split("[dependencies]").nth(1).unwrap();
        for line in after.split("\n[").next().unwrap().lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap();
            assert!(
                name.is_empty() || name.starts_with('#') || allowed.contains(name),
                "{room} depends on {name}"
            );
        }
    }
}

/// Source files of these rooms in which a line that is no comment has one of the words.
fn naming(rooms: &[&str], words: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = rooms
        .iter()
        .flat_map(|room| sources(&workspace().join(room).join("src")))
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            text.lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| words.iter().any(|word| line.contains(word)))
        })
        .map(|path| {
            let inside = path.strip_prefix(workspace()).unwrap();
            inside.to_string_lossy().into_owned()
        })
        .collect();
    found.sort();
    found
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
