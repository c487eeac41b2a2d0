//! The documents of a device: raw changes as the truth, a saved document beside them as a cache, outbox, cursor and the client's own
//! rows, all in one store and committed together.
//!
//! A [`VaultStore`] is opened by one process at a time. Reading needs `&self`; every write goes through a [`Writer`], whose `commit`
//! makes changes, outbox and client rows durable at once, and whose drop leaves everything as it was.

mod actor;
mod arrival;
mod cache;
mod error;
mod export;
mod files;
mod graph;
mod intake;
mod outbox;
mod quiet;
mod repair;
mod rows;
mod seal;
mod trial;
mod verify;
mod waiting;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use automerge::{Automerge, Change};
use domain::{ChangeHash, DocId};

pub use arrival::Arrival;
pub use error::StoreError;
pub use repair::RepairReport;
pub use rows::DERIVED;
pub use verify::VerifyReport;
pub use writer::Writer;

use actor::Actor;
use cache::{Cache, Loaded};
use files::Files;
use rows::{ActorRow, Header};

use crate::durable;
use crate::kv::{Entry, Kv, KvError, KvOptions, Scan};
use crate::lock::{LockKind, VaultLock};
use crate::pack::{PackBounds, decode_pack};

/// Judges a document after foreign changes were applied to a clone of it; the reason of a refusal is told to a person.
pub type SchemaCheck = fn(&Automerge, &[Change]) -> Result<(), String>;

/// One server and account a vault syncs with; outbox and cursor are kept for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerKey(pub [u8; 16]);

/// How a vault is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Named to others who find the vault locked, for instance the command line.
    pub who: String,
    /// Whether others should wait for this process.
    pub kind: LockKind,
    /// How long to wait for a short holder.
    pub wait: Duration,
    /// The schema check of foreign changes.
    pub schema: SchemaCheck,
    /// Where the proof for reusing an actor is kept; `None` means the user's runtime folder.
    pub runtime_dir: Option<PathBuf>,
}

/// A change this device made and the server has not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxItem {
    /// Its place in the outbox, rising.
    pub lseq: u64,
    /// The document it belongs to.
    pub doc: DocId,
    /// Its hash.
    pub hash: ChangeHash,
    /// Its bytes.
    pub change: Vec<u8>,
}

/// What became of received changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// Now part of the document, those that had waited included, in order.
    pub applied: Vec<ChangeHash>,
    /// Were part of it before.
    pub known: usize,
    /// Wait for these changes, which nobody has sent yet.
    pub missing: Vec<ChangeHash>,
    /// How many wait.
    pub waiting: usize,
    /// Not taken, and kept apart for `verify`.
    pub set_aside: Vec<SetAside>,
    /// Heads before.
    pub before: Vec<ChangeHash>,
    /// Heads after.
    pub after: Vec<ChangeHash>,
}

/// A change that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The document it was sent for.
    pub doc: DocId,
    /// BLAKE3 of its bytes.
    pub bytes_hash: [u8; 32],
    /// Its length.
    pub bytes: usize,
    /// Why, in words for a person.
    pub reason: String,
}

/// A decoded pack, kept because the outbox reads one change after the other from it.
#[derive(Debug, Clone)]
struct Pack {
    doc: DocId,
    generation: u64,
    changes: Arc<Vec<Vec<u8>>>,
}

/// The documents of one vault.
#[derive(Debug)]
pub struct VaultStore {
    dir: PathBuf,
    kv: Kv,
    files: Files,
    schema: SchemaCheck,
    actor: Actor,
    server: Option<ServerKey>,
    cache: Mutex<Cache>,
    pack: Mutex<Option<Pack>>,
    /// Last, so that it is given back after the store has closed.
    _lock: VaultLock,
}

impl VaultStore {
    /// Whether `dir` holds a vault whose making was finished: `vault.toml` says so, and if that was lost, the daily copy that only a
    /// finished vault has.
    #[must_use]
    pub fn is_made(dir: &Path) -> bool {
        made_file(dir).exists() || export::exists(dir)
    }

    /// Makes an empty vault store in `dir`. It counts as a vault once [`VaultStore::finish`] is called; what an interrupted making
    /// left behind is moved aside.
    ///
    /// # Errors
    /// [`KvError::Exists`] when there is one already.
    pub fn create(dir: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        durable::create_dir(dir).map_err(StoreError::io("create", dir))?;
        let lock = VaultLock::acquire(dir, &options.who, options.kind, options.wait)?;
        if !Self::is_made(dir) && kv_dir(dir).exists() {
            let aside = durable::aside(dir);
            std::fs::rename(kv_dir(dir), &aside).map_err(StoreError::io("move aside", &aside))?;
        }
        let kv = Kv::create(&kv_dir(dir), kv_options())?;
        let store = Self::assemble(dir, options, kv, lock)?;
        store.mark_format()?;
        Ok(store)
    }

    /// Opens the vault store in `dir`.
    ///
    /// # Errors
    /// [`StoreError::Lock`] names the process that holds it; [`KvError::Damaged`] asks for [`VaultStore::repair`].
    pub fn open(dir: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        if !dir.is_dir() {
            return Err(KvError::Missing {
                dir: dir.to_path_buf(),
            }
            .into());
        }
        let lock = VaultLock::acquire(dir, &options.who, options.kind, options.wait)?;
        let kv = Kv::open(&kv_dir(dir), kv_options()).map_err(|e| match e {
            KvError::Missing { dir: gone } if Self::is_made(dir) => KvError::Damaged {
                dir: gone.clone(),
                moved_to: gone,
                reason: "its identity is gone".to_owned(),
            },
            other => other,
        })?;
        if kv.get(rows::FORMAT)?.as_deref() != Some(rows::FORMAT_NOW) {
            let reason = "it was never finished, or a later version wrote it".to_owned();
            return Err(KvError::Damaged {
                dir: dir.to_path_buf(),
                moved_to: dir.to_path_buf(),
                reason,
            }
            .into());
        }
        let store = Self::assemble(dir, options, kv, lock)?;
        if !made_file(dir).exists() {
            store.finish()?;
        }
        Ok(store)
    }

    /// Writes `vault.toml`, the sign that everything a vault begins with is on the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(&self) -> Result<(), StoreError> {
        let path = made_file(&self.dir);
        let text = format!(
            "# A MemoryVault vault. Made by `memoryvault init`; do not edit.\nformat = 1\nstore = \"{}\"\n",
            self.store_id()
        );
        durable::write(&path, text.as_bytes()).map_err(StoreError::io("write", &path))
    }

    /// Identity of the store, also in `vault.toml`.
    #[must_use]
    pub fn store_id(&self) -> &str {
        self.kv.store_id()
    }

    /// The vault's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts a write.
    pub fn begin(&mut self) -> Writer<'_> {
        Writer::new(self)
    }

    /// Every document, in id order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn document_ids(&self) -> Result<Vec<DocId>, StoreError> {
        self.kv
            .scan(rows::HEADERS)
            .map(|row| rows::document_in(&row?.0).ok_or_else(|| rows::corrupt("document header")))
            .collect()
    }

    /// Heads of a document, without loading it; empty when there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn heads(&self, doc: DocId) -> Result<Vec<ChangeHash>, StoreError> {
        Ok(self
            .header(doc)?
            .map(|header| header.heads)
            .unwrap_or_default())
    }

    /// The document; an empty one when there is none.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when neither snapshot nor changes can be read in full.
    pub fn load(&self, doc: DocId) -> Result<Arc<Automerge>, StoreError> {
        if let Some(loaded) = self.cache().get(doc) {
            return Ok(loaded);
        }
        let Some(header) = self.header(doc)? else {
            return Ok(Arc::new(Automerge::new()));
        };
        let loaded = Arc::new(self.load_from_disk(doc, &header)?);
        self.cache().put(
            doc,
            Loaded {
                doc: Arc::clone(&loaded),
                graph: None,
                bytes: header.bytes(),
            },
        );
        Ok(loaded)
    }

    /// Changes that are not ancestors of `heads` (unknown heads are ignored), dependencies first.
    ///
    /// # Errors
    /// When the document cannot be loaded.
    pub fn changes_after(
        &self,
        doc: DocId,
        heads: &[ChangeHash],
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let loaded = self.load(doc)?;
        trial::changes_again(&loaded, &known(&loaded, heads)).ok_or_else(|| StoreError::Damaged {
            doc,
            reason: "Automerge cannot give its changes back".to_owned(),
        })
    }

    /// All changes of a document, dependencies first.
    ///
    /// # Errors
    /// When the document cannot be read in full.
    pub fn changes_all(&self, doc: DocId) -> Result<Vec<Vec<u8>>, StoreError> {
        match self.header(doc)? {
            None => Ok(Vec::new()),
            Some(header) => match self.raw_changes(doc, &header)? {
                Some(changes) => Ok(changes),
                None => self.changes_after(doc, &[]),
            },
        }
    }

    /// Raw bytes of all changes of a document, without loading it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn document_bytes(&self, doc: DocId) -> Result<u64, StoreError> {
        Ok(self.header(doc)?.map_or(0, |header| header.bytes()))
    }

    /// A row of the client's own.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.kv.get(&rows::client_key(key))?)
    }

    /// The client's rows whose key starts with `prefix`, in key order; reversible.
    #[must_use]
    pub fn scan(&self, prefix: &[u8]) -> ClientScan<'_> {
        ClientScan(self.kv.scan(&rows::client_key(prefix)))
    }

    /// The client's rows whose key starts with `prefix` and is greater than `key`.
    #[must_use]
    pub fn scan_after(&self, prefix: &[u8], key: &[u8]) -> ClientScan<'_> {
        ClientScan(
            self.kv
                .scan_after(&rows::client_key(prefix), &rows::client_key(key)),
        )
    }

    /// The last of the client's rows whose key starts with `prefix`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn last(&self, prefix: &[u8]) -> Result<Option<Entry>, StoreError> {
        self.scan(prefix).next_back().transpose()
    }

    /// Whether derived rows were lost, so that the client has to make them again, beginning with [`VaultStore::forget_derived`].
    #[must_use]
    pub fn derived_lost(&self) -> bool {
        self.kv.derived_lost()
    }

    /// Reads what is packed of the derived rows; false where that is damaged.
    ///
    /// # Errors
    /// When the system cannot read.
    pub fn derived_is_whole(&self) -> Result<bool, StoreError> {
        Ok(self.kv.derived_is_whole()?)
    }

    /// Removes all derived rows, damaged or not.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn forget_derived(&mut self) -> Result<(), StoreError> {
        let mut batch = crate::kv::Batch::new();
        batch.forget_derived();
        Ok(self.kv.commit(batch)?)
    }

    /// Changes that were not taken and are kept for inspection.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn set_aside(&self) -> Result<Vec<SetAside>, StoreError> {
        intake::set_aside_rows(&self.kv)
    }

    /// Takes a fresh actor for everything written from now on; after the server said that this vault was copied or restored.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn renew_actor(&mut self) -> Result<(), StoreError> {
        self.actor
            .renew()
            .map_err(StoreError::io("draw a fresh actor for", &self.dir))
    }

    /// Bytes the rows take on the disk; packs, saved documents and blobs not counted.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub fn disk_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.kv.disk_bytes()?)
    }

    /// Bytes free on the disk that holds the vault.
    ///
    /// # Errors
    /// When the disk cannot be asked.
    pub fn free_bytes(&self) -> Result<u64, StoreError> {
        crate::kv::free_bytes(&self.dir)
            .map_err(StoreError::io("ask for the free space of", &self.dir))
    }

    fn assemble(
        dir: &Path,
        options: &StoreOptions,
        kv: Kv,
        lock: VaultLock,
    ) -> Result<Self, StoreError> {
        let row = kv.get(rows::ACTOR)?.and_then(|row| ActorRow::decode(&row));
        let actor = Actor::choose(dir, options.runtime_dir.as_deref(), row)
            .map_err(StoreError::io("choose an actor for", dir))?;
        let server = kv
            .get(rows::SERVER)?
            .and_then(|row| row.try_into().ok())
            .map(ServerKey);
        Ok(Self {
            dir: dir.to_path_buf(),
            kv,
            files: Files::new(dir),
            schema: options.schema,
            actor,
            server,
            cache: Mutex::new(Cache::default()),
            pack: Mutex::new(None),
            _lock: lock,
        })
    }

    fn mark_format(&self) -> Result<(), StoreError> {
        let mut batch = crate::kv::Batch::new();
        batch.put(rows::FORMAT, rows::FORMAT_NOW);
        Ok(self.kv.commit(batch)?)
    }

    fn header(&self, doc: DocId) -> Result<Option<Header>, StoreError> {
        self.kv
            .get(&rows::header_key(doc))?
            .map(|row| Header::decode(&row))
            .transpose()
    }

    /// The document as its rows and files say: the saved form and the tail, or, when that is damaged, every raw change.
    fn load_from_disk(&self, doc: DocId, header: &Header) -> Result<Automerge, StoreError> {
        let tail = self.tail(doc, header)?;
        if header.is_saved()
            && let Some(base) = self.load_saved(doc, header)?
        {
            match trial::apply(&base, &slices(&tail), None) {
                Ok(loaded) if same_heads(&loaded, header) => return Ok(loaded),
                Ok(_) => {
                    tracing::warn!(%doc, "the saved document lags behind its heads; rebuilding it from its changes")
                }
                Err(reason) => {
                    tracing::warn!(%doc, %reason, "the tail does not fit the saved document; rebuilding it")
                }
            }
        }
        let damaged = |reason: &str| StoreError::Damaged {
            doc,
            reason: reason.to_owned(),
        };
        let sealed = self
            .sealed(doc, header)?
            .ok_or_else(|| damaged("its saved document and its pack are both unreadable"))?;
        let mut all = slices(&sealed);
        all.extend(slices(&tail));
        let (loaded, _) = trial::apply_what_fits(Automerge::new(), &all, None);
        if same_heads(&loaded, header) {
            Ok(loaded)
        } else {
            Err(damaged("its changes do not lead to its heads"))
        }
    }

    fn load_saved(&self, doc: DocId, header: &Header) -> Result<Option<Automerge>, StoreError> {
        if header.sealed_count == 0 {
            return Ok(Some(Automerge::new()));
        }
        let path = self.files.saved(doc, header.generation);
        let loaded = self
            .files
            .read_verified(&path, &header.saved_hash)?
            .and_then(|saved| trial::load(&saved));
        if loaded.is_none() {
            tracing::warn!(path = %path.display(), "the saved document is damaged; using the pack");
        }
        Ok(loaded)
    }

    /// All raw changes in the order of their positions; `None` when the pack is damaged.
    fn raw_changes(&self, doc: DocId, header: &Header) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        let Some(sealed) = self.sealed(doc, header)? else {
            return Ok(None);
        };
        let mut all = sealed.as_ref().clone();
        all.extend(self.tail(doc, header)?);
        Ok(Some(all))
    }

    /// The changes of the pack; `None` when it is damaged.
    fn sealed(&self, doc: DocId, header: &Header) -> Result<Option<Arc<Vec<Vec<u8>>>>, StoreError> {
        if header.sealed_count == 0 {
            return Ok(Some(Arc::new(Vec::new())));
        }
        let mut slot = self.pack.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pack) = slot
            .as_ref()
            .filter(|pack| pack.doc == doc && pack.generation == header.generation)
        {
            return Ok(Some(Arc::clone(&pack.changes)));
        }
        let path = self.files.pack(doc, header.generation);
        let Some(bytes) = self.files.read_verified(&path, &header.pack_hash)? else {
            return Ok(None);
        };
        let changes = decode_pack(&bytes, PackBounds::default())
            .map_err(|source| StoreError::Pack { doc, source })?;
        let changes = Arc::new(changes);
        *slot = Some(Pack {
            doc,
            generation: header.generation,
            changes: Arc::clone(&changes),
        });
        Ok((changes.len() as u64 == header.sealed_count).then_some(changes))
    }

    fn tail(&self, doc: DocId, header: &Header) -> Result<Vec<Vec<u8>>, StoreError> {
        let tail: Vec<Vec<u8>> = self
            .kv
            .scan(&rows::tail_prefix(doc))
            .map(|row| row.map(|(_, raw)| raw))
            .collect::<Result<_, _>>()?;
        if tail.len() as u64 == header.tail_count {
            Ok(tail)
        } else {
            let reason = format!(
                "{} changes are in its tail, {} were written",
                tail.len(),
                header.tail_count
            );
            Err(StoreError::Damaged { doc, reason })
        }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A walk over the client's rows.
#[derive(Debug)]
pub struct ClientScan<'a>(Scan<'a>);

impl Iterator for ClientScan<'_> {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(strip)
    }
}

impl DoubleEndedIterator for ClientScan<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(strip)
    }
}

fn strip(row: Result<Entry, KvError>) -> Result<Entry, StoreError> {
    let (mut key, value) = row?;
    key.drain(..rows::CLIENT.len().min(key.len()));
    Ok((key, value))
}

fn made_file(vault: &Path) -> PathBuf {
    vault.join("vault.toml")
}

fn kv_options() -> KvOptions {
    KvOptions::device().deriving(rows::DERIVED_ROWS)
}

fn kv_dir(vault: &Path) -> PathBuf {
    vault.join("db")
}

fn slices(changes: &[Vec<u8>]) -> Vec<&[u8]> {
    changes.iter().map(Vec::as_slice).collect()
}

fn same_heads(doc: &Automerge, header: &Header) -> bool {
    heads_of(doc) == header.heads
}

fn heads_of(doc: &Automerge) -> Vec<ChangeHash> {
    doc.get_heads()
        .iter()
        .map(|head| ChangeHash::from_bytes(head.0))
        .collect()
}

/// Those of `heads` that the document has.
fn known(doc: &Automerge, heads: &[ChangeHash]) -> Vec<automerge::ChangeHash> {
    heads
        .iter()
        .map(|head| automerge::ChangeHash(head.to_bytes()))
        .filter(|head| doc.get_change_meta_by_hash(head).is_some())
        .collect()
}

/// A change as it is kept: plain, or deflated when it would be too large plain, as it then arrived.
fn kept(change: &Change) -> Vec<u8> {
    if change.raw_bytes().len() <= domain::limit::CHANGE_BYTES_MAX {
        change.raw_bytes().to_vec()
    } else {
        change.clone().bytes().into_owned()
    }
}
