//! Reading what can still be read of a store that was moved aside. Works on a copy, so the evidence stays as it was found.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::open::{Layout, move_aside};
use super::{Engine, Entry, KvError, View};
use crate::limit::CACHE_BYTES_DEVICE;

/// Moves the store's data aside if it is still in place; returns every data folder ever moved aside, oldest first.
pub(crate) fn set_aside(dir: &Path) -> Result<Vec<PathBuf>, KvError> {
    let layout = Layout::new(dir);
    if layout.engine().exists() {
        move_aside(&layout)?;
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(KvError::io("list", dir))? {
        let path = entry.map_err(KvError::io("list", dir))?.path();
        let number = path
            .file_name()
            .and_then(|n| n.to_str()?.strip_prefix("corrupt-")?.parse::<u32>().ok());
        if let Some(number) = number
            && path.join("sled").is_dir()
        {
            found.push((number, path.join("sled")));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Every entry of a moved folder that still reads.
pub(crate) fn salvage(moved: &Path) -> Vec<Entry> {
    let scratch = match tempfile::tempdir_in(moved.parent().unwrap_or(moved)) {
        Ok(scratch) => scratch,
        Err(e) => {
            tracing::warn!(error = %e, "no room to salvage rows");
            return Vec::new();
        }
    };
    for with_snapshot in [true, false] {
        let copy = scratch
            .path()
            .join(if with_snapshot { "whole" } else { "bare" });
        if let Err(e) = copy_files(moved, &copy, with_snapshot) {
            tracing::warn!(error = %e, "the damaged store could not be copied");
            continue;
        }
        let opened = catch_unwind(AssertUnwindSafe(|| Engine::open(&copy, CACHE_BYTES_DEVICE)));
        if let Ok(Ok(engine)) = opened {
            let found = read_both_ways(&View::new(&engine));
            if !found.is_empty() {
                return found;
            }
        }
    }
    Vec::new()
}

/// Forward up to the first damage, then backward up to it: only what lies between is lost.
fn read_both_ways(view: &View<'_>) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut whole = true;
    for row in view.scan(&[]) {
        match row {
            Ok(row) => found.push(row),
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    if !whole {
        found.extend(view.scan(&[]).rev().map_while(Result::ok));
    }
    found
}

fn copy_files(from: &Path, to: &Path, with_snapshot: bool) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_file()
            && (with_snapshot || !name.to_string_lossy().starts_with("snap."))
        {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
