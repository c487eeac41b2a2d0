//! Files that are whole or absent after a power cut: temporary file, fsync, rename, fsync of the folder.
//!
//! The only place that knows this order. Blobs stream and have their own writer in `blobs`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path` so that after a power cut the old or the new content is there, whole.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_unsynced_name(path, bytes)?;
    sync_parent(path)
}

/// As [`write`], but leaves the folder to be synced by the caller, who writes several files at once.
pub(crate) fn write_unsynced_name(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let tmp = temporary(path);
    let written = (|| {
        let mut file = File::create(&tmp)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&tmp, path)
    })();
    if written.is_err() && tmp.exists() {
        // The write's own error is the one worth telling; the temporary file is swept at the next open otherwise.
        fs::remove_file(&tmp).ok();
    }
    written
}

/// Writes a file that may vanish or tear in a power cut, because its reader verifies it and can remake it.
pub(crate) fn write_cache(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let tmp = temporary(path);
    fs::write(&tmp, bytes)?;
    fs::rename(&tmp, path)
}

/// Makes a folder and its missing parents, and makes their names durable.
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent().filter(|p| !p.as_os_str().is_empty()) {
        create_dir(parent)?;
    }
    match fs::create_dir(dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    sync_parent(dir)
}

/// As [`create_dir`] for many folders of one parent, which is synced once.
pub(crate) fn create_dirs(parent: &Path, dirs: &[PathBuf]) -> io::Result<()> {
    create_dir(parent)?;
    for dir in dirs {
        match fs::create_dir(dir) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
    }
    sync_dir(parent)
}

/// Makes the names inside a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Makes the name of `path` durable.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

/// Removes a file; one that is already gone is fine.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Reads a file, `None` when it is not there.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// The first of `<dir>/corrupt-1`, `corrupt-2`, … that is free.
pub(crate) fn aside(dir: &Path) -> PathBuf {
    let mut n = 1_u32;
    loop {
        let candidate = dir.join(format!("corrupt-{n}"));
        if !candidate.exists() {
            return candidate;
        }
        n += 1;
    }
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    path.with_file_name(name)
}
