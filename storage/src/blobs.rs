//! Blobs: bytes named by their BLAKE3, each a file of its own.
//!
//! `<dir>/aa/<64 hex>` (mode 0400), `<dir>/tmp/<64 hex>.part` while arriving, `<dir>/quarantine/` for bytes that turned out wrong. A
//! blob's name appears only after its bytes are checked and on the disk, so whoever sees the name may refer to it. Usable from many
//! threads; twice the same put is once. Quotas and who may see what are the caller's.

mod erase;
mod part;

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use domain::BlobHash;

pub use erase::Erased;
pub use part::BlobPart;

use crate::durable;
use crate::limit::{BLOB_FLOOR_BYTES, BLOB_READ_BYTES_MAX, PART_AGE_MAX};

/// A failed operation on blobs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// No blob of that name.
    #[error("blob {0} is not here")]
    Missing(BlobHash),
    /// The bytes on the disk are not those of the name.
    #[error("blob {0} is damaged on the disk; get it again from the server or another device")]
    Damaged(BlobHash),
    /// The bytes given are not those of the name.
    #[error("the bytes received are not blob {0}")]
    Mismatch(BlobHash),
    /// More bytes than announced or allowed.
    #[error("more than {max} bytes")]
    TooLarge {
        /// The bound.
        max: u64,
    },
    /// The same blob is arriving on another connection.
    #[error("blob {0} is already arriving; try again when that has ended")]
    Busy(BlobHash),
    /// Not enough free space; nothing was written.
    #[error(
        "the disk is nearly full: {free} bytes free, {need} needed; free some space and try again"
    )]
    Full {
        /// Bytes free now.
        free: u64,
        /// Bytes that must be free.
        need: u64,
    },
    /// The operating system refused.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl BlobError {
    /// Whether the disk is full: free some space and try again.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let full = |e: &io::Error| {
            matches!(
                e.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            )
        };
        match self {
            Self::Full { .. } => true,
            Self::Io { source, .. } => full(source),
            _ => false,
        }
    }

    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { what, path, source }
    }
}

/// A blob that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobPut {
    /// Its name.
    pub hash: BlobHash,
    /// Its length.
    pub bytes: u64,
    /// Whether it was not here before.
    pub new: bool,
}

/// The blobs of one folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct BlobStore {
    dir: Arc<PathBuf>,
}

impl BlobStore {
    /// Opens the blobs in `dir`, which is made when missing, and sweeps parts nobody resumed for a day.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(dir: &Path) -> Result<Self, BlobError> {
        let store = Self {
            dir: Arc::new(dir.to_path_buf()),
        };
        let tmp = store.tmp();
        durable::create_dir(&tmp).map_err(BlobError::io("create", &tmp))?;
        store.sweep().map_err(BlobError::io("sweep", &tmp))?;
        Ok(store)
    }

    /// Puts bytes; durable when this returns.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<BlobPut, BlobError> {
        let hash = BlobHash::from_bytes(*blake3::hash(bytes).as_bytes());
        let len = bytes.len() as u64;
        if self.has(&hash)? == Some(len) {
            return Ok(BlobPut {
                hash,
                bytes: len,
                new: false,
            });
        }
        self.admit_bytes(len)?;
        let tmp = self.temporary()?;
        let path = tmp.path().to_path_buf();
        let mut file = tmp.as_file();
        file.write_all(bytes)
            .map_err(BlobError::io("write", &path))?;
        self.admit(tmp, hash, len)
    }

    /// Puts a copy of a file of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`], after reading one byte more than allowed and no further.
    pub fn put_file(&self, from: &Path, bytes_max: u64) -> Result<BlobPut, BlobError> {
        let mut source = File::open(from).map_err(BlobError::io("open", from))?;
        let announced = source
            .metadata()
            .map_err(BlobError::io("look at", from))?
            .len();
        self.admit_bytes(announced.min(bytes_max))?;
        let tmp = self.temporary()?;
        let path = tmp.path().to_path_buf();
        let mut file = tmp.as_file();
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut total = 0_u64;
        loop {
            let read = source
                .read(&mut buffer)
                .map_err(BlobError::io("read", from))?;
            let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else {
                break;
            };
            total += piece.len() as u64;
            if total > bytes_max {
                return Err(BlobError::TooLarge { max: bytes_max });
            }
            hasher.update(piece);
            file.write_all(piece)
                .map_err(BlobError::io("write", &path))?;
        }
        let hash = BlobHash::from_bytes(*hasher.finalize().as_bytes());
        if self.has(&hash)? == Some(total) {
            return Ok(BlobPut {
                hash,
                bytes: total,
                new: false,
            });
        }
        self.admit(tmp, hash, total)
    }

    /// The length of a blob that is here.
    ///
    /// # Errors
    /// When the disk cannot be asked.
    pub fn has(&self, hash: &BlobHash) -> Result<Option<u64>, BlobError> {
        let path = self.path(hash);
        match fs::metadata(&path) {
            Ok(meta) => Ok(Some(meta.len())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(BlobError::io("look at", &path)(e)),
        }
    }

    /// The whole blob, checked against its name.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Damaged`].
    pub fn read(&self, hash: &BlobHash) -> Result<Vec<u8>, BlobError> {
        let path = self.path(hash);
        let file = self.open_blob(hash)?;
        let mut bytes = Vec::new();
        file.take(BLOB_READ_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(BlobError::io("read", &path))?;
        if bytes.len() as u64 > BLOB_READ_BYTES_MAX {
            return Err(BlobError::TooLarge {
                max: BLOB_READ_BYTES_MAX,
            });
        }
        if blake3::hash(&bytes).as_bytes() != hash.as_bytes() {
            return Err(BlobError::Damaged(*hash));
        }
        Ok(bytes)
    }

    /// Up to `len` bytes from `offset`, for sending; not checked here, the receiver checks the whole.
    ///
    /// # Errors
    /// [`BlobError::Missing`].
    pub fn read_chunk(
        &self,
        hash: &BlobHash,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, BlobError> {
        let path = self.path(hash);
        let mut file = self.open_blob(hash)?;
        file.seek(SeekFrom::Start(offset))
            .map_err(BlobError::io("read", &path))?;
        let mut bytes = Vec::with_capacity(len);
        file.take(len as u64)
            .read_to_end(&mut bytes)
            .map_err(BlobError::io("read", &path))?;
        Ok(bytes)
    }

    /// An open file of the blob, for a caller that streams it.
    ///
    /// # Errors
    /// [`BlobError::Missing`].
    pub fn open_blob(&self, hash: &BlobHash) -> Result<File, BlobError> {
        let path = self.path(hash);
        File::open(&path).map_err(|e| {
            if e.kind() == io::ErrorKind::NotFound {
                BlobError::Missing(*hash)
            } else {
                BlobError::io("open", &path)(e)
            }
        })
    }

    /// Continues or begins to receive a blob of `total` bytes. What is on the disk of it already is kept.
    ///
    /// # Errors
    /// When the part cannot be opened.
    pub fn part(&self, hash: &BlobHash, total: u64) -> Result<BlobPart, BlobError> {
        BlobPart::open(self.clone(), *hash, total)
    }

    /// Bytes already received of an unfinished blob.
    ///
    /// # Errors
    /// When the disk cannot be asked.
    pub fn part_len(&self, hash: &BlobHash) -> Result<u64, BlobError> {
        let path = self.part_path(hash);
        match fs::metadata(&path) {
            Ok(meta) => Ok(meta.len()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(e) => Err(BlobError::io("look at", &path)(e)),
        }
    }

    /// Removes a blob; one that is not here is fine. The caller has made sure that nothing refers to it.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(&self, hash: &BlobHash) -> Result<(), BlobError> {
        let path = self.path(hash);
        durable::remove(&path).map_err(BlobError::io("remove", &path))
    }

    /// Every blob with its length, in name order.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn list(&self) -> Result<Vec<(BlobHash, u64)>, BlobError> {
        let mut found = Vec::new();
        for fan in 0..=255_u8 {
            let dir = self.fan(fan);
            let entries = match fs::read_dir(&dir) {
                Ok(entries) => entries,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(BlobError::io("list", &dir)(e)),
            };
            for entry in entries {
                let entry = entry.map_err(BlobError::io("list", &dir))?;
                let name = entry.file_name();
                let Some(hash) = name.to_str().and_then(|name| name.parse::<BlobHash>().ok())
                else {
                    continue;
                };
                let len = entry
                    .metadata()
                    .map_err(BlobError::io("look at", &dir))?
                    .len();
                found.push((hash, len));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Reads the whole blob and tells whether it is what its name says.
    ///
    /// # Errors
    /// [`BlobError::Missing`], or when it cannot be read.
    pub fn verify(&self, hash: &BlobHash) -> Result<bool, BlobError> {
        let path = self.path(hash);
        let mut hasher = blake3::Hasher::new();
        hasher
            .update_reader(self.open_blob(hash)?)
            .map_err(BlobError::io("read", &path))?;
        Ok(hasher.finalize().as_bytes() == hash.as_bytes())
    }

    /// Moves a damaged blob out of the way, so that it counts as missing and is fetched again.
    ///
    /// # Errors
    /// [`BlobError::Missing`].
    pub fn quarantine(&self, hash: &BlobHash) -> Result<PathBuf, BlobError> {
        let dir = self.quarantine_dir();
        durable::create_dir(&dir).map_err(BlobError::io("create", &dir))?;
        let from = self.path(hash);
        let to = self.quarantine_path(hash);
        match fs::rename(&from, &to) {
            Ok(()) => Ok(to),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(BlobError::Missing(*hash)),
            Err(e) => Err(BlobError::io("move", &from)(e)),
        }
    }

    /// Where a blob lies.
    #[must_use]
    pub fn path(&self, hash: &BlobHash) -> PathBuf {
        let [first, ..] = *hash.as_bytes();
        self.fan(first).join(hash.to_string())
    }

    pub(crate) fn part_path(&self, hash: &BlobHash) -> PathBuf {
        self.tmp().join(format!("{hash}.part"))
    }

    /// Refuses bytes that would eat the room the key-value store needs to take note of them.
    pub(crate) fn admit_bytes(&self, bytes: u64) -> Result<(), BlobError> {
        let free = crate::kv::free_bytes(&self.dir)
            .map_err(BlobError::io("ask for the free space of", &self.dir))?;
        let need = bytes.saturating_add(BLOB_FLOOR_BYTES);
        if free < need {
            Err(BlobError::Full { free, need })
        } else {
            Ok(())
        }
    }

    /// The last steps of every put: sync the bytes, make the fan folder, give the name, sync the name.
    pub(crate) fn publish(
        &self,
        file: &File,
        from: &Path,
        hash: &BlobHash,
    ) -> Result<(), BlobError> {
        file.sync_data().map_err(BlobError::io("sync", from))?;
        file.set_permissions(Permissions::from_mode(0o400))
            .map_err(BlobError::io("protect", from))?;
        let to = self.path(hash);
        let [first, ..] = *hash.as_bytes();
        let fan = self.fan(first);
        durable::create_dir(&fan).map_err(BlobError::io("create", &fan))?;
        fs::rename(from, &to).map_err(BlobError::io("rename", from))?;
        durable::sync_dir(&fan).map_err(BlobError::io("sync", &fan))
    }

    fn admit(
        &self,
        tmp: tempfile::NamedTempFile,
        hash: BlobHash,
        bytes: u64,
    ) -> Result<BlobPut, BlobError> {
        self.publish(tmp.as_file(), tmp.path(), &hash)?;
        // The name has moved; were the temporary file's guard to run, it would find nothing.
        tmp.into_temp_path().keep().ok();
        Ok(BlobPut {
            hash,
            bytes,
            new: true,
        })
    }

    fn temporary(&self) -> Result<tempfile::NamedTempFile, BlobError> {
        let dir = self.tmp();
        tempfile::Builder::new()
            .prefix("put-")
            .tempfile_in(&dir)
            .map_err(BlobError::io("create a file in", &dir))
    }

    fn sweep(&self) -> io::Result<()> {
        let now = SystemTime::now();
        for entry in fs::read_dir(self.tmp())? {
            let entry = entry?;
            if erase::is_gone(&entry.path()) {
                erase::finish(&entry.path())?;
                continue;
            }
            let old = entry.metadata()?.modified()?;
            if now.duration_since(old).is_ok_and(|age| age > PART_AGE_MAX) {
                durable::remove(&entry.path())?;
            }
        }
        Ok(())
    }

    fn quarantine_dir(&self) -> PathBuf {
        self.dir.join("quarantine")
    }

    fn quarantine_path(&self, hash: &BlobHash) -> PathBuf {
        self.quarantine_dir().join(hash.to_string())
    }

    fn tmp(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    fn fan(&self, first: u8) -> PathBuf {
        self.dir.join(format!("{first:02x}"))
    }
}
