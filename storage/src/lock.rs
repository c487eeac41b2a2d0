//! One process at a time: a lock on the folder, whose file tells who holds it.
//!
//! sled's own lock says only "resource temporarily unavailable", so this one is taken first.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::limit::LOCK_POLL;

/// How long a holder keeps the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKind {
    /// One command: others wait for it.
    Short,
    /// Until a person ends it: others are told at once.
    Long,
}

/// Why a folder could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process has it.
    #[error("{} is in use by {who} (process {pid}); wait for it to end or stop it, then try again", dir.display())]
    Held {
        /// The folder.
        dir: PathBuf,
        /// What the holder called itself.
        who: String,
        /// Its process id.
        pid: u32,
    },
    /// The lock file could not be used.
    #[error("cannot lock {}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The folder is this process's until this is dropped.
#[derive(Debug)]
pub struct VaultLock {
    file: File,
}

impl VaultLock {
    /// Takes the folder, waiting up to `wait` while the holder is a short one.
    ///
    /// # Errors
    /// [`LockError::Held`] names the holder.
    pub fn acquire(
        dir: &Path,
        who: &str,
        kind: LockKind,
        wait: Duration,
    ) -> Result<Self, LockError> {
        let path = dir.join("LOCK");
        let fail = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail)?;
        let deadline = Instant::now() + wait;
        let mut long_before = None;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(fail(source)),
            }
            let holder = Holder::read(&mut file).map_err(fail)?;
            let long = holder
                .as_ref()
                .is_some_and(|holder| holder.kind == LockKind::Long);
            // Twice the same long holder: the first reading may be what an ended process left behind.
            if Instant::now() >= deadline || (long && long_before == holder) {
                let Holder { who, pid, .. } = holder.unwrap_or_else(Holder::unknown);
                return Err(LockError::Held {
                    dir: dir.to_path_buf(),
                    who,
                    pid,
                });
            }
            long_before = if long { holder } else { None };
            std::thread::sleep(LOCK_POLL);
        }
        let holder = Holder {
            pid: std::process::id(),
            kind,
            who: who.to_owned(),
        };
        match holder.write(&mut file) {
            // The note only names the holder; on a full disk the lock holds without it, and reading still works.
            Err(full) if full.kind() == io::ErrorKind::StorageFull => {}
            written => written.map_err(fail)?,
        }
        Ok(Self { file })
    }
}

impl Drop for VaultLock {
    fn drop(&mut self) {
        // An old note is harmless, because only a held lock makes anybody read it.
        self.file.set_len(0).ok();
        // Closing gives the lock back too, but not while a child that is just being started still has a copy of the handle.
        self.file.unlock().ok();
    }
}

/// What the lock file says: process id, kind and name, a line each.
#[derive(Debug, PartialEq, Eq)]
struct Holder {
    pid: u32,
    kind: LockKind,
    who: String,
}

impl Holder {
    fn unknown() -> Self {
        Self {
            pid: 0,
            kind: LockKind::Short,
            who: "another process".to_owned(),
        }
    }

    fn read(file: &mut File) -> io::Result<Option<Self>> {
        file.seek(SeekFrom::Start(0))?;
        let mut text = Vec::new();
        file.take(4096).read_to_end(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines();
        let pid = lines.next().and_then(|line| line.parse().ok());
        let kind = match lines.next() {
            Some("long") => LockKind::Long,
            _ => LockKind::Short,
        };
        Ok(pid.zip(lines.next()).map(|(pid, who)| Self {
            pid,
            kind,
            who: who.to_owned(),
        }))
    }

    fn write(&self, file: &mut File) -> io::Result<()> {
        let kind = if self.kind == LockKind::Long {
            "long"
        } else {
            "short"
        };
        let who: String = self
            .who
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(512)
            .collect();
        let note = format!("{}\n{kind}\n{who}\n", self.pid);
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(note.as_bytes())
    }
}
