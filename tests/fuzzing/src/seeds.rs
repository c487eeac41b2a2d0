//! Where the fuzzers begin: small inputs made from the fixtures and from real documents, written into folders that are kept
//! in the repository. Always the same bytes.

use std::fs;
use std::io;
use std::path::Path;

use storage::encode_pack;

use crate::bases;
use crate::case::Case;
use crate::chunk;

/// Changes larger than this say nothing more, and mutations of them hit nothing.
const SEED_BYTES_MAX: usize = 1_200;
/// Changes taken from each document.
const SEEDS_OF_A_BASE: usize = 6;

/// A target's name, and its inputs by name.
pub type Seeds = (&'static str, Vec<(String, Vec<u8>)>);

/// The seeds of each target.
pub fn all(fixtures: &Path) -> io::Result<Vec<Seeds>> {
    let mut frames = Vec::new();
    let mut golden: Vec<_> = fs::read_dir(fixtures.join("frames"))?.collect::<Result<_, _>>()?;
    golden.sort_by_key(fs::DirEntry::file_name);
    for entry in golden {
        let text = fs::read_to_string(entry.path())?;
        let bytes =
            hex::decode(text.split_whitespace().collect::<String>()).map_err(io::Error::other)?;
        frames.push((
            entry.file_name().to_string_lossy().replace(".hex", ""),
            bytes,
        ));
    }
    let (mut changes, mut cases, mut packs) = (Vec::new(), Vec::new(), Vec::new());
    for (number, base) in (0u8..).zip(bases::small()) {
        let short = |raw: &&Vec<u8>| raw.len() <= SEED_BYTES_MAX;
        let some: Vec<Vec<u8>> = base
            .changes
            .iter()
            .chain(&base.next)
            .filter(short)
            .cloned()
            .collect();
        for (index, raw) in some.iter().rev().take(SEEDS_OF_A_BASE).enumerate() {
            changes.push((format!("{}-{index}", base.name), raw.clone()));
            let case = Case {
                base: number,
                changes: vec![raw.clone()],
            };
            cases.push((format!("{}-{index}", base.name), case.write()));
        }
        let deflated = some.last().and_then(|raw| chunk::deflate(raw));
        changes.push((
            format!("{}-deflated", base.name),
            deflated.unwrap_or_default(),
        ));
        packs.push((base.name.to_owned(), encode_pack(&some)));
    }
    Ok(vec![
        ("frames", frames),
        ("gate", changes),
        ("changes", cases),
        ("packs", packs),
    ])
}
