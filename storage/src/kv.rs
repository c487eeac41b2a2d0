//! The key-value store: ordered keys, atomic commits that survive power loss. The only file that names sled.
//!
//! Why it is wrapped at all: sled's writes do not reach the disk on Linux (the crate `sled-sync` sees to that), its large values are
//! never synced, a big batch eats gigabytes, and a store that lost its data opens empty without a word. So one thread writes
//! (`kv/writer.rs`): it applies what has queued up in batches of at most 100 small rows, flushes, and only then answers. Large values
//! are split (`kv/split.rs`), large commits go through a redo file (`kv/redo.rs`), opening checks identity and rows (`kv/open.rs`), and
//! a commit never starts without room to finish (`kv/space.rs`).
//!
//! It does not lock the folder against other processes: whoever opens it holds a [`crate::VaultLock`] first. The server builds its own
//! key layout on this; the device's is in `documents`.

mod batch;
mod error;
mod open;
mod redo;
mod run;
mod runs;
mod salvage;
mod space;
mod split;
mod totals;
mod turns;
mod view;
mod writer;

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

pub use batch::Batch;
pub use error::KvError;
pub(crate) use salvage::{salvage, set_aside};
pub(crate) use space::{Space, free_bytes};
pub use view::{Entry, Scan, View};

use open::{EngineError, Layout, Opened};
use runs::Runs;
use split::Physical;
use totals::Totals;
use writer::{Answer, Job, Writer};

use crate::limit::{
    CACHE_BYTES_DEVICE, CACHE_BYTES_SERVER, ENGINE_LOCK_WAIT, LOCK_POLL, QUEUE_JOBS_MAX,
};

/// How a store is opened.
#[derive(Debug, Clone, Copy)]
pub struct KvOptions {
    /// Memory for cached pages; real use is up to three times this.
    pub cache_bytes: u64,
    /// Prefix of rows that their owner can make again: they are kept in runs, packed. Empty for none.
    pub derived: &'static [u8],
}

impl KvOptions {
    /// For a person's device.
    #[must_use]
    pub fn device() -> Self {
        Self {
            cache_bytes: CACHE_BYTES_DEVICE,
            derived: &[],
        }
    }

    /// With rows under this prefix kept in runs.
    #[must_use]
    pub fn deriving(self, derived: &'static [u8]) -> Self {
        Self { derived, ..self }
    }

    /// For a server.
    #[must_use]
    pub fn server() -> Self {
        Self {
            cache_bytes: CACHE_BYTES_SERVER,
            derived: &[],
        }
    }
}

/// Whose commits take their turn together: where several wait, none delays another by more than a turn. The default is the store's user itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner(pub [u8; 16]);

/// What a full read of the store found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KvReport {
    /// Entries read.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// An open store. Share it behind an `Arc`; dropping it writes out and closes.
#[derive(Debug)]
pub struct Kv {
    layout: Layout,
    id: String,
    engine: Option<Arc<Engine>>,
    poison: Arc<Poison>,
    waiting: Arc<AtomicUsize>,
    jobs: Option<Sender<(Owner, Job)>>,
    thread: Option<JoinHandle<()>>,
}

impl Kv {
    /// Makes a store in `dir`, which may exist.
    ///
    /// # Errors
    /// [`KvError::Exists`] when one is there already.
    pub fn create(dir: &Path, options: KvOptions) -> Result<Self, KvError> {
        let layout = Layout::new(dir);
        if layout.id()?.is_some() {
            return Err(KvError::Exists {
                dir: dir.to_path_buf(),
            });
        }
        let id = open::fresh_id(dir)?;
        let opened = open::create(&layout, &id, options)?;
        Self::start(layout, id, opened)
    }

    /// Opens the store in `dir`: checks its identity, finishes interrupted commits and, unless it was closed in order, reads every row.
    ///
    /// # Errors
    /// [`KvError::Missing`] without a store; [`KvError::Damaged`] when it cannot be read, after its files were moved aside;
    /// [`KvError::Foreign`] when data and side file belong to different stores.
    pub fn open(dir: &Path, options: KvOptions) -> Result<Self, KvError> {
        let layout = Layout::new(dir);
        let id = layout.id()?.ok_or_else(|| KvError::Missing {
            dir: dir.to_path_buf(),
        })?;
        Space::new(dir).before_open()?;
        let opened = open::open(&layout, &id, options)?;
        Self::start(layout, id, opened)
    }

    /// Starts over after [`KvError::Damaged`], under the same identity if that still reads: an empty store that the caller fills from its
    /// other sources.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn recreate(dir: &Path, options: KvOptions) -> Result<Self, KvError> {
        let layout = Layout::new(dir);
        let id = match layout.id() {
            Ok(Some(id)) => id,
            Ok(None) | Err(KvError::Damaged { .. }) => open::fresh_id(dir)?,
            Err(e) => return Err(e),
        };
        let opened = open::create(&layout, &id, options)?;
        Self::start(layout, id, opened)
    }

    /// The store's identity, 32 hex digits, as in its `STORE` file.
    #[must_use]
    pub fn store_id(&self) -> &str {
        &self.id
    }

    /// Read access; see [`View`] for what a reader may see.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View::new(self.engine())
    }

    /// The value under `key`.
    ///
    /// # Errors
    /// [`KvError::Corrupt`] when the row is damaged.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        self.view().get(key)
    }

    /// Entries whose key starts with `prefix`, in key order.
    #[must_use]
    pub fn scan(&self, prefix: &[u8]) -> Scan<'_> {
        self.view().scan(prefix)
    }

    /// Entries whose key starts with `prefix` and is greater than `key`.
    #[must_use]
    pub fn scan_after(&self, prefix: &[u8], key: &[u8]) -> Scan<'_> {
        self.view().scan_after(prefix, key)
    }

    /// The last entry whose key starts with `prefix`.
    ///
    /// # Errors
    /// [`KvError::Corrupt`] when the row is damaged.
    pub fn last(&self, prefix: &[u8]) -> Result<Option<Entry>, KvError> {
        self.view().last(prefix)
    }

    /// Makes a batch durable: all of it or nothing, and durable when this returns.
    ///
    /// # Errors
    /// [`KvError::Full`] leaves everything as it was; [`KvError::Poisoned`] means nothing more will be accepted.
    pub fn commit(&self, batch: Batch) -> Result<(), KvError> {
        self.update(|_| Ok::<_, KvError>((batch, ())))
    }

    /// Runs `job` on the writer thread, where it sees every earlier commit and nothing moves under it, and makes its batch durable.
    ///
    /// # Errors
    /// What `job` returns (then nothing is written), or the store's own failure.
    pub fn update<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(View<'_>) -> Result<(Batch, T), E> + Send + 'static,
        T: Send + 'static,
        E: From<KvError> + Send + 'static,
    {
        self.update_for(Owner::default(), job)
    }

    /// As [`Kv::update`], in an owner's turn.
    ///
    /// # Errors
    /// As [`Kv::update`].
    pub fn update_for<T, E, F>(&self, owner: Owner, job: F) -> Result<T, E>
    where
        F: FnOnce(View<'_>) -> Result<(Batch, T), E> + Send + 'static,
        T: Send + 'static,
        E: From<KvError> + Send + 'static,
    {
        let (send, receive) = mpsc::sync_channel(1);
        self.submit_for(owner, job, move |result| {
            // The receiver waits below; were it gone there would be nobody to tell.
            send.send(result).ok();
        });
        receive
            .recv()
            .unwrap_or_else(|_| Err(KvError::NotRun.into()))
    }

    /// As [`Kv::update`] without waiting: `done` is called once, on the writer thread and therefore briefly, when the outcome is
    /// known; for a success that is after the flush. Neither closure may wait for another commit: it would wait for itself.
    pub fn submit<T, E, F, D>(&self, job: F, done: D)
    where
        F: FnOnce(View<'_>) -> Result<(Batch, T), E> + Send + 'static,
        D: FnOnce(Result<T, E>) + Send + 'static,
        T: Send + 'static,
        E: From<KvError> + Send + 'static,
    {
        self.submit_for(Owner::default(), job, done);
    }

    fn submit_for<T, E, F, D>(&self, owner: Owner, job: F, done: D)
    where
        F: FnOnce(View<'_>) -> Result<(Batch, T), E> + Send + 'static,
        D: FnOnce(Result<T, E>) + Send + 'static,
        T: Send + 'static,
        E: From<KvError> + Send + 'static,
    {
        let reply = Reply {
            done: Some(done),
            marker: std::marker::PhantomData,
        };
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE_JOBS_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return reply.send(Err(KvError::Busy.into()));
        }
        let job: Job = Box::new(move |view| match job(view) {
            Ok((batch, value)) => {
                let answer: Answer =
                    Box::new(move |outcome| reply.send(outcome.map(|()| value).map_err(E::from)));
                (Some(batch), answer)
            }
            Err(refused) => {
                let answer: Answer = Box::new(move |_| reply.send(Err(refused)));
                (None, answer)
            }
        });
        // A closed queue drops the job, and with it the reply, which then says so.
        if let Some(jobs) = &self.jobs {
            jobs.send((owner, job)).ok();
        }
    }

    /// Reads every entry, checking rows, large values and that none is missing. Commits wait meanwhile.
    ///
    /// # Errors
    /// The first [`KvError::Corrupt`].
    pub fn verify(&self) -> Result<KvReport, KvError> {
        // On the writer thread, where no commit moves the totals meanwhile.
        let engine = Arc::clone(
            self.engine
                .as_ref()
                .expect("the engine is taken out only by drop"),
        );
        self.update(move |view| {
            let totals =
                Totals::read(&engine, engine.runs.prefix())?.ok_or_else(open::no_totals)?;
            totals.check(&engine)?;
            let mut report = KvReport::default();
            for entry in view.scan(&[]) {
                let (key, value) = entry?;
                report.entries += 1;
                report.bytes += (key.len() + value.len()) as u64;
            }
            Ok((Batch::new(), report))
        })
    }

    /// Whether derived rows were lost with a damaged file, so that their owner has to make them again, beginning with
    /// [`Batch::forget_derived`].
    #[must_use]
    pub fn derived_lost(&self) -> bool {
        self.engine().runs.lost()
    }

    /// Reads every run; false where one is lost or damaged.
    ///
    /// # Errors
    /// When the system cannot read.
    pub fn derived_is_whole(&self) -> Result<bool, KvError> {
        let runs = &self.engine().runs;
        match runs.list().iter().try_for_each(|run| run.verify()) {
            Ok(()) => Ok(!runs.lost()),
            Err(KvError::Corrupt { .. }) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Bytes the store takes on the disk.
    ///
    /// # Errors
    /// When the engine cannot tell.
    pub fn disk_bytes(&self) -> Result<u64, KvError> {
        let engine = self.engine();
        Ok(engine.disk_bytes()? + engine.runs.disk_bytes())
    }

    /// Whether an earlier failure ended all writing.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poison.check().is_err()
    }

    fn start(layout: Layout, id: String, opened: Opened) -> Result<Self, KvError> {
        let engine = Arc::new(opened.engine);
        let poison = Arc::new(Poison::default());
        let waiting = Arc::new(AtomicUsize::new(0));
        let space = Space::new(&layout.dir);
        space.after_open()?;
        engine.runs.sweep();
        let next_piece = engine
            .last_key(split::PIECES)?
            .and_then(|key| split::piece_id(&key))
            .map_or(1, |id| id + 1);
        let writer = Writer {
            dir: layout.dir.clone(),
            engine: Arc::clone(&engine),
            poison: Arc::clone(&poison),
            space,
            waiting: Arc::clone(&waiting),
            next_piece,
            last_redo: opened.last_redo,
            totals: opened.totals,
            mark: opened.mark,
        };
        let (jobs, queue) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(KvError::io("start a thread for", &layout.dir))?;
        Ok(Self {
            layout,
            id,
            engine: Some(engine),
            poison,
            waiting,
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    fn engine(&self) -> &Engine {
        self.engine
            .as_deref()
            .expect("the engine is taken out only by drop")
    }
}

impl Drop for Kv {
    fn drop(&mut self) {
        drop(self.jobs.take());
        let ended = self
            .thread
            .take()
            .is_none_or(|thread| thread.join().is_ok());
        let healthy = ended && self.poison.check().is_ok();
        drop(self.engine.take());
        if healthy {
            open::mark_clean(&self.layout);
        }
    }
}

/// A completion that is called exactly once, also when its job is dropped unrun.
struct Reply<T, E: From<KvError>, D: FnOnce(Result<T, E>)> {
    done: Option<D>,
    marker: std::marker::PhantomData<fn() -> (T, E)>,
}

impl<T, E: From<KvError>, D: FnOnce(Result<T, E>)> Reply<T, E, D> {
    fn send(mut self, result: Result<T, E>) {
        if let Some(done) = self.done.take() {
            done(result);
        }
    }
}

impl<T, E: From<KvError>, D: FnOnce(Result<T, E>)> Drop for Reply<T, E, D> {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(Err(KvError::NotRun.into()));
        }
    }
}

/// Remembers the first failure after which nothing may be acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Poison {
    reason: Mutex<Option<String>>,
}

impl Poison {
    fn check(&self) -> Result<(), KvError> {
        match &*self.reason.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(reason) => Err(KvError::Poisoned {
                reason: reason.clone(),
            }),
        }
    }

    fn set(&self, why: String) -> KvError {
        let mut reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if reason.is_none() {
            tracing::error!(reason = %why, "the store accepts nothing more");
        }
        KvError::Poisoned {
            reason: reason.get_or_insert(why).clone(),
        }
    }
}

/// sled, every call guarded, because sled panics on some damage.
pub(crate) struct Engine {
    db: sled::Db,
    path: PathBuf,
    /// Rows below those of the engine.
    pub(crate) runs: Runs,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Engine {
    fn open(path: &Path, cache_bytes: u64) -> Result<Self, EngineError> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None)
            .mode(sled::Mode::LowSpace);
        let deadline = Instant::now() + ENGINE_LOCK_WAIT;
        let db = loop {
            match config.open() {
                Ok(db) => break db,
                Err(sled::Error::Io(e)) if e.to_string().contains("acquire lock") => {
                    if Instant::now() >= deadline {
                        return Err(EngineError::Refused(e));
                    }
                    std::thread::sleep(LOCK_POLL);
                }
                // With an error number nothing says that the files are bad.
                Err(sled::Error::Io(e)) if e.raw_os_error().is_some() => {
                    return Err(EngineError::Refused(e));
                }
                Err(e) => return Err(EngineError::Unreadable(e.to_string())),
            }
        };
        Ok(Self {
            db,
            path: path.to_path_buf(),
            runs: Runs::default(),
        })
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        guard(|| self.db.get(key)).map(|value| value.map(|v| v.to_vec()))
    }

    pub(crate) fn range(&self, from: Bound<Vec<u8>>, to: Bound<Vec<u8>>) -> EngineRange {
        EngineRange {
            iter: self.db.range::<Vec<u8>, _>((from, to)),
        }
    }

    fn last_key(&self, prefix: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        guard(|| self.db.scan_prefix(prefix).next_back().transpose())
            .map(|entry| entry.map(|(key, _)| key.to_vec()))
    }

    /// Applies at most one batch; not durable before [`Engine::flush`].
    pub(crate) fn apply(&self, ops: &[Physical]) -> Result<(), KvError> {
        let mut batch = sled::Batch::default();
        for op in ops {
            match op {
                Physical::Put(key, value) => batch.insert(key.as_slice(), value.as_slice()),
                Physical::Delete(key) => batch.remove(key.as_slice()),
            }
        }
        guard(|| self.db.apply_batch(batch))
    }

    /// Makes what was applied durable.
    pub(crate) fn flush(&self) -> Result<(), KvError> {
        guard(|| self.db.flush())?;
        if sled_sync::is_in_place() {
            return Ok(());
        }
        Err(KvError::io("sync", &self.path)(std::io::Error::other(
            "this program was built without sled-sync, so nothing it writes is safe from a power cut; build it anew",
        )))
    }

    fn disk_bytes(&self) -> Result<u64, KvError> {
        guard(|| self.db.size_on_disk())
    }
}

/// Rows in key order.
pub(crate) struct EngineRange {
    iter: sled::Iter,
}

impl std::fmt::Debug for EngineRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EngineRange")
    }
}

impl EngineRange {
    pub(crate) fn next(&mut self) -> Option<Result<Entry, KvError>> {
        guard(|| self.iter.next().transpose())
            .map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())))
            .transpose()
    }

    pub(crate) fn next_back(&mut self) -> Option<Result<Entry, KvError>> {
        guard(|| self.iter.next_back().transpose())
            .map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())))
            .transpose()
    }
}

fn guard<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, KvError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(e)) => Err(KvError::Corrupt {
            reason: e.to_string(),
        }),
        Err(_) => Err(KvError::Corrupt {
            reason: "the engine panicked".to_owned(),
        }),
    }
}
