//! Which actor this process writes with.
//!
//! Two copies of a vault that write with one actor wedge their documents for ever (`DuplicateSeqNumber`), and a fresh actor for every
//! process makes documents slow after some thousand. So the last actor is taken again only while a stamp outside the vault, in a folder
//! that no backup holds and a reboot clears, proves that this very folder was the last to write with it: same path, device and inode,
//! same write counter, same last change. A copied folder differs in place, a restored one in the counter.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use domain::{ActorId, ChangeHash};

use super::rows::ActorRow;

/// The actor in use, and the place of its stamp.
#[derive(Debug)]
pub(super) struct Actor {
    row: ActorRow,
    place: Option<Place>,
}

/// Where the stamp of this vault lies, and what identifies the vault's folder.
#[derive(Debug)]
struct Place {
    stamp: PathBuf,
    identity: String,
}

impl Actor {
    /// The actor of the last commit when its stamp proves it, else a fresh one.
    pub(super) fn choose(
        vault: &Path,
        runtime: Option<&Path>,
        row: Option<ActorRow>,
    ) -> io::Result<Self> {
        let place = Place::find(vault, runtime)
            .map_err(|e| tracing::debug!(error = %e, "no runtime folder: every process takes a fresh actor"))
            .ok();
        let proven = place
            .as_ref()
            .zip(row)
            .filter(|(place, row)| place.proves(row))
            .map(|(_, row)| row);
        match proven {
            Some(row) => Ok(Self { row, place }),
            None => Ok(Self {
                row: fresh()?,
                place,
            }),
        }
    }

    pub(super) fn id(&self) -> ActorId {
        self.row.actor
    }

    /// From now on another, fresh actor.
    pub(super) fn renew(&mut self) -> io::Result<()> {
        self.row = fresh()?;
        Ok(())
    }

    /// The row to commit together with a write whose last change is `last`.
    pub(super) fn next(&self, last: ChangeHash) -> ActorRow {
        ActorRow {
            counter: self.row.counter + 1,
            last,
            ..self.row
        }
    }

    /// After that commit: remembers it and stamps it. Without a stamp the next process takes a fresh actor, which is always safe.
    pub(super) fn committed(&mut self, row: ActorRow) {
        self.row = row;
        if let Some(place) = &self.place
            && let Err(e) = place.write(&row)
        {
            tracing::debug!(error = %e, "no stamp: the next process takes a fresh actor");
        }
    }
}

impl Place {
    fn find(vault: &Path, runtime: Option<&Path>) -> io::Result<Self> {
        let path = vault.canonicalize()?;
        let meta = fs::metadata(&path)?;
        let dir = runtime_dir(runtime)?;
        let name = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
        Ok(Self {
            stamp: dir.join(format!("{name}.actor")),
            identity: format!("{}\n{}\n{}\n", path.display(), meta.dev(), meta.ino()),
        })
    }

    fn proves(&self, row: &ActorRow) -> bool {
        fs::read_to_string(&self.stamp).is_ok_and(|stamp| stamp == self.text(row))
    }

    fn write(&self, row: &ActorRow) -> io::Result<()> {
        let tmp = self.stamp.with_extension("tmp");
        fs::write(&tmp, self.text(row))?;
        fs::rename(&tmp, &self.stamp)
    }

    fn text(&self, row: &ActorRow) -> String {
        format!(
            "{}{}\n{}\n{}\n",
            self.identity, row.actor, row.counter, row.last
        )
    }
}

fn fresh() -> io::Result<ActorRow> {
    let mut actor = [0; 16];
    getrandom::fill(&mut actor).map_err(|e| io::Error::other(e.to_string()))?;
    Ok(ActorRow {
        actor: ActorId::from_bytes(actor),
        counter: 0,
        last: ChangeHash::from_bytes([0; 32]),
    })
}

/// The user's runtime folder, or one of ours in memory that is private and ours.
fn runtime_dir(given: Option<&Path>) -> io::Result<PathBuf> {
    let dir = match given {
        Some(dir) => dir.to_path_buf(),
        None => match std::env::var_os("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|dir| dir.is_absolute() && dir.is_dir())
        {
            Some(dir) => dir.join("memoryvault"),
            None => PathBuf::from(format!(
                "/dev/shm/memoryvault-{}",
                rustix::process::getuid().as_raw()
            )),
        },
    };
    match fs::DirBuilder::new().mode(0o700).create(&dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    let meta = fs::symlink_metadata(&dir)?;
    if !meta.is_dir()
        || meta.uid() != rustix::process::getuid().as_raw()
        || meta.mode() & 0o022 != 0
    {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{} is not a private folder of this user", dir.display()),
        ));
    }
    Ok(dir)
}
