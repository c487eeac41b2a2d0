//! Removing bytes for good, as far as the file system lets anybody do that.
//!
//! The file first loses its name, durably; then its bytes are overwritten where they lie; then it is unlinked. A crash in between leaves
//! a nameless rest in `tmp/`, which the next opening ends. So a name never stands for bytes that are half overwritten.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use domain::BlobHash;

use super::{BlobError, BlobStore};
use crate::durable;

/// What became of a blob's bytes. The greatest of several is the truth about all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Erased {
    /// There were none.
    NotHere,
    /// Overwritten in place before the file was removed. What an SSD, a snapshot or a backup keeps is out of reach.
    Overwritten,
    /// Only removed: this file system writes to new places, so that overwriting would not reach the old bytes.
    Removed,
}

/// File systems that put new bytes of a file where its old ones are (their numbers as in Linux' `magic.h`).
const WRITES_IN_PLACE: [u64; 5] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS; our files share no extents
    0x4d44,      // FAT
    0x2011_bab0, // exFAT
    0x0102_1994, // tmpfs
];
/// Ending of a file that has lost its name.
const GONE: &str = ".gone";
/// Zeros written at once.
static PIECE: [u8; 64 * 1024] = [0; 64 * 1024];

impl BlobStore {
    /// Removes a blob, what has arrived of it and what was put aside of it, for good where the file system allows that. The caller has made
    /// sure that nothing refers to it.
    ///
    /// # Errors
    /// When a file cannot be written or removed; it has lost its name then, or is still whole.
    pub fn erase(&self, hash: &BlobHash) -> Result<Erased, BlobError> {
        let files = [
            (self.path(hash), "blob"),
            (self.part_path(hash), "part"),
            (self.quarantine_path(hash), "quarantine"),
        ];
        let mut erased = Erased::NotHere;
        for (path, kind) in files {
            let gone = self.tmp().join(format!("{hash}.{kind}{GONE}"));
            erased = erased.max(erase(&path, &gone).map_err(BlobError::io("erase", &path))?);
        }
        Ok(erased)
    }
}

/// Whether a file in `tmp/` is one that has lost its name.
pub(super) fn is_gone(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == &GONE[1..])
}

fn erase(path: &Path, gone: &PathBuf) -> io::Result<Erased> {
    match fs::rename(path, gone) {
        Ok(()) => durable::sync_parent(path)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Erased::NotHere),
        Err(e) => return Err(e),
    }
    finish(gone)
}

/// Overwrites and unlinks a file that has lost its name.
pub(super) fn finish(gone: &Path) -> io::Result<Erased> {
    let erased = overwrite(gone)?;
    durable::remove(gone)?;
    durable::sync_parent(gone)?;
    Ok(erased)
}

fn overwrite(gone: &Path) -> io::Result<Erased> {
    fs::set_permissions(gone, Permissions::from_mode(0o600))?;
    let mut file = OpenOptions::new().write(true).open(gone)?;
    if !WRITES_IN_PLACE.contains(&rustix::fs::fstatfs(&file)?.f_type.cast_unsigned()) {
        return Ok(Erased::Removed);
    }
    let mut left = file.metadata()?.len();
    while left > 0 {
        let len = usize::try_from(left)
            .unwrap_or(PIECE.len())
            .min(PIECE.len());
        let piece = PIECE.get(..len).unwrap_or(&PIECE);
        file.write_all(piece)?;
        left -= piece.len() as u64;
    }
    file.sync_data()?;
    Ok(Erased::Overwritten)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn bytes_are_overwritten_before_the_file_goes() {
        let dir = tempfile::tempdir().unwrap();
        let store = BlobStore::open(dir.path()).unwrap();
        let put = store.put_bytes(&[7; 200_000]).unwrap();
        let mut open = store.open_blob(&put.hash).unwrap();
        let erased = store.erase(&put.hash).unwrap();
        assert_eq!(store.has(&put.hash).unwrap(), None);
        assert_eq!(store.erase(&put.hash).unwrap(), Erased::NotHere);
        let mut seen = Vec::new();
        open.read_to_end(&mut seen).unwrap();
        // On a file system that writes elsewhere the old bytes are still what an open file shows.
        let expected = match erased {
            Erased::Overwritten => 0,
            _ => 7,
        };
        assert_eq!(seen, vec![expected; 200_000]);
    }

    #[test]
    fn what_is_put_aside_and_what_has_arrived_goes_too() {
        let dir = tempfile::tempdir().unwrap();
        let store = BlobStore::open(dir.path()).unwrap();
        let put = store.put_bytes(b"one").unwrap();
        let aside = store.quarantine(&put.hash).unwrap();
        let mut part = store.part(&put.hash, 3).unwrap();
        part.append(b"o").unwrap();
        drop(part);
        assert_ne!(store.erase(&put.hash).unwrap(), Erased::NotHere);
        assert!(!aside.exists());
        assert_eq!(store.part_len(&put.hash).unwrap(), 0);
        assert_eq!(fs::read_dir(store.tmp()).unwrap().count(), 0);
    }

    #[test]
    fn an_erasing_that_was_cut_off_is_ended_when_the_store_opens() {
        let dir = tempfile::tempdir().unwrap();
        let store = BlobStore::open(dir.path()).unwrap();
        let put = store.put_bytes(b"secret").unwrap();
        let gone = store.tmp().join(format!("{}.blob{GONE}", put.hash));
        fs::rename(store.path(&put.hash), &gone).unwrap();
        let store = BlobStore::open(dir.path()).unwrap();
        assert!(!gone.exists());
        assert_eq!(store.has(&put.hash).unwrap(), None);
    }
}
