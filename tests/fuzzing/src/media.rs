//! Damaged pictures and sounds through `media::prepare`: nothing may panic through, take over five seconds or over 256 MB.
//!
//! `just fuzz-media 2000` tries that many of each of the eight types. A parent ([`parent`]) gives batches to children of its own
//! program ([`child`]), because an abort, an endless loop and a fault end a process: the parent then knows the case by its
//! number, counts it and goes on behind it. A case follows from type, seed and number alone ([`mutation`]), so that
//! `fuzz-media case TYPE SEED NUMBER FILE` writes it out again.

pub mod child;
pub mod mutation;
pub mod parent;
mod repair;

use std::path::Path;

use ::media::Mime;

/// Most processor time that one case may take, in milliseconds: on a busy machine the clock on the wall says little. Who waits without
/// working is ended by [`parent`]'s own patience.
pub const CASE_MS_MAX: u64 = 5_000;

/// Most memory that a process may hold at any moment of a case, in KiB: 256 MB.
pub const CASE_KIB_MAX: u64 = 250_000;

/// What damaged files are made from.
pub struct Seeds {
    /// Name and bytes, sorted by name.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Seeds {
    /// Reads the fixtures of one type.
    ///
    /// # Errors
    /// When the folder of fixtures cannot be read or holds none of this type.
    pub fn read(mime: Mime) -> std::io::Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/media");
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let extension = path.extension().and_then(|end| end.to_str());
            if extension.and_then(Mime::from_extension) == Some(mime) {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                files.push((name, std::fs::read(&path)?));
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(std::io::Error::other(format!(
                "no fixture is a {}",
                mime.short_name()
            )));
        }
        Ok(Self { files })
    }
}

/// Finds a type by its short name, such as `webp`.
#[must_use]
pub fn kind(name: &str) -> Option<Mime> {
    Mime::ALL
        .into_iter()
        .find(|mime| mime.short_name().eq_ignore_ascii_case(name))
}
