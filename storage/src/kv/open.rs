//! Opening: what must hold before anybody reads, and what happens when it does not.
//!
//! | file beside the engine's folder | meaning |
//! |---|---|
//! | `STORE` | id of the store, also kept under a sentinel row: an engine that lost its data opens empty without a word |
//! | `CLEAN` | the store was closed in order; without it every row is read at open |
//! | `MARK` | number of commits, see `kv/totals.rs` |
//! | `runs/` | rows that can be made again, see `kv/runs.rs` |
//! | `corrupt-<n>/` | what was moved aside, never deleted |

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::split::Physical;
use super::totals::{Mark, Totals};
use super::{Engine, KvError, KvOptions, Runs, Space, redo};
use crate::durable;

const SENTINEL: &[u8] = b"\0store";

/// The store's folder and the names in it.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_path_buf(),
        }
    }

    pub(crate) fn engine(&self) -> PathBuf {
        self.dir.join("sled")
    }

    pub(crate) fn runs(&self) -> PathBuf {
        self.dir.join("runs")
    }

    pub(crate) fn side(&self) -> PathBuf {
        self.dir.join("STORE")
    }

    pub(crate) fn clean(&self) -> PathBuf {
        self.dir.join("CLEAN")
    }

    pub(crate) fn mark(&self) -> PathBuf {
        self.dir.join("MARK")
    }

    /// The id in the side file; `None` when there is no such file.
    pub(crate) fn id(&self) -> Result<Option<String>, KvError> {
        let path = self.side();
        let bytes = durable::read(&path).map_err(KvError::io("read", &path))?;
        bytes
            .map(|bytes| {
                parse_id(&bytes).ok_or_else(|| KvError::Damaged {
                    dir: self.dir.clone(),
                    moved_to: self.dir.clone(),
                    reason: format!("{} is not a store id", path.display()),
                })
            })
            .transpose()
    }
}

/// A store that may be used.
pub(crate) struct Opened {
    pub(crate) engine: Engine,
    pub(crate) totals: Totals,
    pub(crate) mark: Mark,
    pub(crate) last_redo: u64,
}

/// Why the engine did not open.
pub(crate) enum EngineError {
    /// The operating system refused; the files may be fine.
    Refused(io::Error),
    /// The files cannot be read.
    Unreadable(String),
}

/// An identity for a new store.
pub(crate) fn fresh_id(dir: &Path) -> Result<String, KvError> {
    let mut id = [0_u8; 16];
    getrandom::fill(&mut id)
        .map_err(|e| KvError::io("draw randomness for", dir)(io::Error::other(e.to_string())))?;
    Ok(id.iter().map(|b| format!("{b:02x}")).collect())
}

/// Makes the engine's files for a store with this id. The side file comes last: without it nothing was ever acknowledged.
pub(crate) fn create(layout: &Layout, id: &str, options: KvOptions) -> Result<Opened, KvError> {
    durable::create_dir(&layout.dir).map_err(KvError::io("create", &layout.dir))?;
    if layout.engine().exists() {
        move_aside(layout)?;
    }
    // Marks of a store that was here before would accuse the new one.
    durable::remove(&layout.mark())
        .and_then(|()| durable::remove(&layout.clean()))
        .map_err(KvError::io("update", &layout.dir))?;
    let mut engine = Engine::open(&layout.engine(), options.cache_bytes).map_err(|e| match e {
        EngineError::Refused(source) => KvError::io("create", &layout.engine())(source),
        EngineError::Unreadable(reason) => KvError::Corrupt { reason },
    })?;
    engine.runs = Runs::open(&layout.runs(), options.derived, &engine)?;
    let totals = Totals::default();
    engine.apply(&[
        Physical::Put(SENTINEL.to_vec(), id.as_bytes().to_vec()),
        totals.put(),
    ])?;
    engine.flush()?;
    sync_tree(&layout.engine()).map_err(KvError::io("sync", &layout.engine()))?;
    durable::sync_dir(&layout.dir).map_err(KvError::io("sync", &layout.dir))?;
    durable::write(&layout.side(), format!("{id}\n").as_bytes())
        .map_err(KvError::io("write", &layout.side()))?;
    let mark = Mark::open(&layout.mark()).map_err(KvError::io("open", &layout.mark()))?;
    Ok(Opened {
        engine,
        totals,
        mark,
        last_redo: 0,
    })
}

/// Opens what is there, finishes interrupted commits and verifies.
pub(crate) fn open(layout: &Layout, id: &str, options: KvOptions) -> Result<Opened, KvError> {
    if !layout.engine().exists() {
        return Err(KvError::Damaged {
            dir: layout.dir.clone(),
            moved_to: last_aside(&layout.dir),
            reason: "its data folder is gone".to_owned(),
        });
    }
    let clean = layout.clean().exists();
    durable::remove(&layout.clean())
        .and_then(|()| durable::sync_dir(&layout.dir))
        .map_err(KvError::io("update", &layout.dir))?;
    match attempt(layout, id, options, clean) {
        Ok(opened) => Ok(opened),
        Err(Refusal::Told(e)) => Err(e),
        Err(Refusal::Unreadable(first)) => {
            tracing::warn!(dir = %layout.dir.display(), reason = %first, "the store did not open; trying without the engine's snapshot");
            if drop_snapshots(layout)? {
                match attempt(layout, id, options, false) {
                    Ok(opened) => return Ok(opened),
                    Err(Refusal::Told(e)) => return Err(e),
                    Err(Refusal::Unreadable(second)) => return Err(give_up(layout, second)),
                }
            }
            Err(give_up(layout, first))
        }
    }
}

/// Records that everything was written and closed in order.
pub(crate) fn mark_clean(layout: &Layout) {
    if let Err(e) = fs::write(layout.clean(), b"") {
        tracing::debug!(error = %e, "no clean mark; the next open verifies");
    }
}

enum Refusal {
    /// Nothing to move: the person must look.
    Told(KvError),
    /// The files cannot be read.
    Unreadable(String),
}

fn attempt(layout: &Layout, id: &str, options: KvOptions, clean: bool) -> Result<Opened, Refusal> {
    let mut engine = catch_unwind(AssertUnwindSafe(|| {
        Engine::open(&layout.engine(), options.cache_bytes)
    }))
    .unwrap_or_else(|_| {
        Err(EngineError::Unreadable(
            "the engine panicked while opening".to_owned(),
        ))
    })
    .map_err(|e| match e {
        EngineError::Refused(source) => {
            Refusal::Told(KvError::io("open", &layout.engine())(source))
        }
        EngineError::Unreadable(reason) => unreadable(layout, KvError::Corrupt { reason }),
    })?;
    let judge = |e| unreadable(layout, e);
    match engine.get(SENTINEL).map_err(judge)? {
        Some(found) if found == id.as_bytes() => {}
        Some(found) => {
            let found = String::from_utf8_lossy(&found).into_owned();
            let dir = layout.dir.clone();
            return Err(Refusal::Told(KvError::Foreign {
                dir,
                expected: id.to_owned(),
                found,
            }));
        }
        None => {
            let reason = "it opened without its identity, as an empty store would".to_owned();
            return Err(Refusal::Unreadable(reason));
        }
    }
    let last_redo = redo::replay(&layout.dir, &engine).map_err(judge)?;
    let totals = Totals::read(&engine, options.derived)
        .and_then(|totals| totals.ok_or_else(no_totals))
        .map_err(judge)?;
    let mark = Mark::open(&layout.mark())
        .map_err(|e| Refusal::Told(KvError::io("open", &layout.mark())(e)))?;
    let marked = mark.read();
    if marked > totals.commits {
        let lost = marked - totals.commits;
        return Err(Refusal::Unreadable(format!(
            "its last {lost} commits are gone"
        )));
    }
    if !clean {
        totals.check(&engine).map_err(judge)?;
    }
    engine.runs = Runs::open(&layout.runs(), options.derived, &engine).map_err(judge)?;
    Ok(Opened {
        engine,
        totals,
        mark,
        last_redo,
    })
}

/// Damage, unless the operating system refused or the disk is so full that nothing works: then the files stay where they are.
fn unreadable(layout: &Layout, error: KvError) -> Refusal {
    match (&error, Space::new(&layout.dir).admit(0, true)) {
        (KvError::Io { .. } | KvError::Full { .. }, _) => Refusal::Told(error),
        (_, Err(full)) => Refusal::Told(full),
        (_, Ok(())) => Refusal::Unreadable(error.to_string()),
    }
}

pub(crate) fn no_totals() -> KvError {
    KvError::Corrupt {
        reason: "the totals of the store are missing".to_owned(),
    }
}

fn give_up(layout: &Layout, reason: String) -> KvError {
    match move_aside(layout) {
        Ok(moved_to) => KvError::Damaged {
            dir: layout.dir.clone(),
            moved_to,
            reason,
        },
        Err(e) => e,
    }
}

/// Moves the engine's folder and unfinished redo files into the next free `corrupt-<n>`.
pub(super) fn move_aside(layout: &Layout) -> Result<PathBuf, KvError> {
    let target = durable::aside(&layout.dir);
    let moved = (|| {
        fs::create_dir(&target)?;
        fs::rename(layout.engine(), target.join("sled"))?;
        if layout.runs().exists() {
            fs::rename(layout.runs(), target.join("runs"))?;
        }
        for entry in fs::read_dir(&layout.dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("redo-") {
                fs::rename(entry.path(), target.join(entry.file_name()))?;
            }
        }
        durable::sync_dir(&target)?;
        durable::sync_dir(&layout.dir)
    })();
    moved.map_err(KvError::io("move aside", &layout.engine()))?;
    Ok(target)
}

/// Moves the engine's snapshot files aside; they are a cache of its log. Whether there were any.
fn drop_snapshots(layout: &Layout) -> Result<bool, KvError> {
    let dir = layout.engine();
    let mut found = Vec::new();
    for entry in fs::read_dir(&dir).map_err(KvError::io("list", &dir))? {
        let entry = entry.map_err(KvError::io("list", &dir))?;
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            found.push(entry);
        }
    }
    if found.is_empty() {
        return Ok(false);
    }
    let target = durable::aside(&layout.dir);
    let moved = (|| {
        fs::create_dir(&target)?;
        for entry in found {
            fs::rename(entry.path(), target.join(entry.file_name()))?;
        }
        durable::sync_dir(&dir)
    })();
    moved.map_err(KvError::io("move aside", &dir))?;
    Ok(true)
}

fn last_aside(dir: &Path) -> PathBuf {
    let next = durable::aside(dir);
    let n = next
        .file_name()
        .and_then(|n| n.to_str())
        .and_then(|n| n.strip_prefix("corrupt-")?.parse::<u32>().ok())
        .unwrap_or(1);
    if n > 1 {
        dir.join(format!("corrupt-{}", n - 1))
    } else {
        dir.to_path_buf()
    }
}

fn sync_tree(dir: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            fs::File::open(&path)?.sync_all()?;
        }
    }
    durable::sync_dir(dir)
}

fn parse_id(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    (text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_owned())
}
