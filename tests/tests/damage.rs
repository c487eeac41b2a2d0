//! Damage on a device's disk: whatever file is cut, flipped or gone, the vault says so or is as it was; a repair and a sync bring everything back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tests::{Device, Server, png, settle};

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    /// One bit in the middle.
    Flip,
    /// The second half.
    Cut,
    /// All of it.
    Gone,
    /// A page of zeros in the middle.
    Zeros,
}

/// All of it for what holds the data, the plainest for what only stands beside it.
fn damages_of(file: &Path) -> &'static [Damage] {
    if file.starts_with("db/sled") || file.starts_with("docs") {
        &[Damage::Flip, Damage::Cut, Damage::Gone, Damage::Zeros]
    } else {
        &[Damage::Flip, Damage::Gone]
    }
}

/// Devices an account may have, less those that these tests begin with: each damaged copy becomes one.
const CASES_AN_ACCOUNT: usize = 24;

#[test]
fn a_damaged_file_is_noticed_or_harmless_and_everything_comes_back() {
    let first = world();
    let files = files_of(first.phone.vault());
    let cases: Vec<(PathBuf, Damage)> = files
        .iter()
        .flat_map(|file| {
            damages_of(file)
                .iter()
                .map(|damage| (file.clone(), *damage))
        })
        .collect();
    println!("{} cases over {} files", cases.len(), files.len());
    assert!(
        files
            .iter()
            .any(|file| file.extension().is_some_and(|kind| kind == "pack")),
        "{files:?}"
    );
    let mut now = first;
    let mut wrong = Vec::new();
    for (number, (file, damage)) in cases.iter().enumerate() {
        if number > 0 && number % CASES_AN_ACCOUNT == 0 {
            now = world();
        }
        // A fresh world has the same kinds of files under other names.
        let Some(file) = files_of(now.phone.vault())
            .into_iter()
            .find(|own| kind_of(own) == kind_of(file))
        else {
            continue;
        };
        wrong.extend(check(&now, &file, *damage).err());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

struct World {
    server: Server,
    phone: Device,
    laptop: Device,
    digest: String,
}

fn world() -> World {
    let server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    laptop.login(&server.url(), "ada");
    let deck = phone.add_deck("Damage");
    let rows: String = (0..1_500)
        .map(|n| format!("front of card {n}\tback of card {n}\n"))
        .collect();
    let file = phone.file("rows.tsv", rows.as_bytes());
    phone
        .run(&["import", file.to_str().unwrap(), "--deck", &deck])
        .ok();
    let picture = phone.file("flag.png", &png(1));
    let card = phone.add(&[
        "--deck",
        &deck,
        "--front-image",
        picture.to_str().unwrap(),
        "--alt",
        "x",
        "--back",
        "y",
    ]);
    phone.review(&card, "good");
    let digest = settle(&[&phone, &laptop]);
    World {
        server,
        phone,
        laptop,
        digest,
    }
}

fn check(world: &World, file: &Path, damage: Damage) -> Result<(), String> {
    let device = world.phone.copied();
    apply(&device.vault().join(file), damage);
    let what = format!("{} {damage:?}", file.display());
    let found = device.run(&["verify"]);
    println!("{what}: verify says {}", found.code);
    let ensure = |holds: bool, words: String| {
        if holds {
            Ok(())
        } else {
            Err(format!("{what}: {words}"))
        }
    };
    ensure(
        found.code >= 0 && !found.stderr.contains("panicked"),
        format!("{found:?}"),
    )?;
    if found.code == 0 {
        let shown = device.run(&["status"]);
        let same = shown.code == 0 && shown.stdout.contains(&world.digest);
        ensure(same, format!("verify is content, and yet: {shown:?}"))?;
    } else {
        ensure(
            !found.stderr.trim().is_empty() || !found.stdout.trim().is_empty(),
            format!("{found:?}"),
        )?;
        let repaired = device.run(&["verify", "--repair"]);
        // Damage that only the server can mend (a picture's bytes) is still told.
        ensure(
            [0, 8].contains(&repaired.code),
            format!("{found:?} then {repaired:?}"),
        )?;
    }
    let mut synced = device.run(&["sync", "--repair"]);
    if synced.code == 6 {
        // The login was in the damaged file: its person logs in again.
        device.login(&world.server.url(), "ada");
        synced = device.run(&["sync", "--repair"]);
    }
    ensure(synced.code == 0, format!("{found:?} then {synced:?}"))?;
    // The store reads some of its pages only when it comes to write near them: what was damaged there is told then, and the
    // same repair helps.
    let again = device.run(&["sync"]);
    if again.code == 8 {
        println!("{what}: told by a later command");
        let repaired = device.run(&["verify", "--repair"]);
        ensure(
            [0, 8].contains(&repaired.code),
            format!("{again:?} then {repaired:?}"),
        )?;
        let mut synced = device.run(&["sync", "--repair"]);
        if synced.code == 6 {
            device.login(&world.server.url(), "ada");
            synced = device.run(&["sync", "--repair"]);
        }
        ensure(synced.code == 0, format!("{again:?} then {synced:?}"))?;
    } else {
        ensure(again.code == 0, format!("{again:?}"))?;
    }
    ensure(
        device.digest() == world.laptop.digest(),
        format!("{found:?} then another vault"),
    )?;
    let at_last = device.run(&["verify"]);
    ensure(
        at_last.code == 0,
        format!("{found:?} and at last {at_last:?}"),
    )
}

fn apply(path: &Path, damage: Damage) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    match damage {
        Damage::Flip => bytes
            .iter_mut()
            .skip(middle)
            .take(1)
            .for_each(|byte| *byte ^= 0x10),
        Damage::Cut => bytes.truncate(middle),
        Damage::Zeros => bytes
            .iter_mut()
            .skip(middle)
            .take(4_096)
            .for_each(|byte| *byte = 0),
        Damage::Gone => {}
    }
    std::fs::remove_file(path).unwrap();
    if damage != Damage::Gone {
        std::fs::write(path, bytes).unwrap();
    }
}

/// What a file is, whatever vault it lies in.
fn kind_of(file: &Path) -> String {
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    if file.starts_with("blobs") {
        "a blob".to_owned()
    } else if file.starts_with("docs") {
        format!("a document's {extension}")
    } else {
        let name = file.to_string_lossy();
        name.split("snap.").next().unwrap_or_default().to_owned()
    }
}

/// One file of each kind, relative to the vault; of a document's files those in use, which are of the highest generation.
fn files_of(vault: &Path) -> Vec<PathBuf> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut folders = vec![vault.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let file = path.strip_prefix(vault).unwrap().to_path_buf();
            if file == Path::new("LOCK") || std::fs::metadata(&path).unwrap().len() == 0 {
                continue;
            }
            let known = found.entry(kind_of(&file)).or_insert_with(|| file.clone());
            if generation_of(&file) > generation_of(known) {
                *known = file;
            }
        }
    }
    found.into_values().collect()
}

fn generation_of(file: &Path) -> u64 {
    file.file_stem()
        .and_then(|stem| stem.to_str()?.parse().ok())
        .unwrap_or(0)
}
