//! The seeds kept for the fuzzers are the ones this version makes. `MEMORYVAULT_WRITE_SEEDS=1` writes them anew.

use std::fs;
use std::path::Path;

use fuzzing::dice::Dice;
use fuzzing::mutate::flipped;
use fuzzing::{seeds, single};

#[test]
fn the_seeds_are_there_and_pass_their_bodies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let write = std::env::var_os("MEMORYVAULT_WRITE_SEEDS").is_some();
    let mut bytes_in_all = 0;
    for (target, inputs) in seeds::all(&root.join("fixtures")).expect("the fixtures can be read") {
        let folder = root.join("fuzz/seeds").join(target);
        if write {
            fs::create_dir_all(&folder).expect("a folder can be made");
        }
        for (name, bytes) in inputs {
            let path = folder.join(&name);
            if write {
                fs::write(&path, &bytes).expect("a seed can be written");
            }
            bytes_in_all += bytes.len();
            let kept = fs::read(&path);
            // What a pack is compressed to may differ from one version of zstd to the next.
            let same = target == "packs" || kept.as_ref().is_ok_and(|kept| *kept == bytes);
            assert!(
                kept.is_ok() && same,
                "{target}/{name}: MEMORYVAULT_WRITE_SEEDS=1 writes the seeds anew"
            );
        }
    }
    assert!(bytes_in_all < 200_000, "{bytes_in_all}");
}

#[test]
fn bytes_changed_at_random_break_no_codec() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut dice = Dice::new(3);
    for (target, inputs) in seeds::all(&fixtures).expect("the fixtures can be read") {
        for (_, bytes) in inputs {
            for _ in 0..200 {
                match target {
                    "frames" => single::frame(&flipped(&bytes, &mut dice)),
                    "gate" => single::change(&sealed(&bytes, &mut dice)),
                    "packs" => single::pack(&single::mutated_pack(&bytes, &mut dice)),
                    _ => {}
                }
            }
        }
    }
}

/// The change with its body changed and its checksum right.
fn sealed(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let body = fuzzing::chunk::body(bytes).unwrap_or(bytes);
    fuzzing::chunk::seal(&flipped(body, dice))
}
