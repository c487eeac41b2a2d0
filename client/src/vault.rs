//! A person's data on this device: decks, cards, reviews, media, and what a sync needs of them. `Vault` is the door to all
//! of it; the files in `vault/` are its rooms. Every write is one atomic commit of documents, outbox, index and the device's
//! own records (`write`).
//!
//! Not here: sockets and the server's routes (`sync`, `account`), what is printed (`cli`), the rules (`domain`), the
//! disk (`storage`).

mod arrivals;
mod cards;
mod conflicts;
mod decks;
mod duplicates;
mod error;
mod input;
mod join;
mod lookup;
mod media_check;
mod media_shown;
mod new_media;
mod notes;
#[cfg(feature = "optimizer")]
mod optimize;
mod options;
mod patch;
mod placed;
mod rebuild;
mod refresh;
mod review;
mod safety;
mod search;
mod show;
mod statistics;
mod status;
mod sync_blobs;
mod sync_documents;
mod thumbnails;
mod undo;
mod unused;
mod verify;
mod view;
mod viewed;
mod why;
mod write;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use domain::document::{EditError, settings};
use domain::{Day, DeviceId, DocId, VaultId};
use storage::{BlobStore, LockKind, StoreOptions, VaultStore};

pub use domain::search::{Query, QueryError};
pub use error::{VaultError, VaultErrorKind, VaultResult};
pub(crate) use input::AnswerAs;
pub use input::{Answer, CardEdit, NewCard, NewItem, SideEdit};
pub use join::Joining;
pub use media_check::MediaReport;
pub use media_shown::{BlobInFull, BlobShown, UnusedShown};
pub use new_media::{MediaFile, MediaFileError, NewMedia};
pub use notes::NewNote;
#[cfg(feature = "optimizer")]
pub use optimize::Fitted;
pub use options::{DeckOptions, OptionsChange, OptionsPreview, SchedulerShown};
pub use patch::{BulkEdit, BulkReport, Replace};
pub use search::{Order, SortBy};
pub use thumbnails::ThumbnailSide;
pub use undo::StepShown;

pub use unused::{Restored, Stage, Swept, days_ms};
pub use view::{
    BlobNotTaken, CardPage, CardShown, ConflictShown, DayTold, DeckCounts, DeckSummary, EventTold,
    FieldShown, GradePreview, ImportReport, ItemShown, NoteShown, Repaired, Reviewed,
    SetAsideShown, SkippedRow, Status, StudyCounts, StudySummary, Undone, VerifyReport, Why,
};
pub use viewed::MediaWish;
pub(crate) use why::grade_name;

use crate::clock::{Clock, Moment};
use crate::index::{ReadRows, SettingsRow, key};
use crate::limit;
use crate::local_state::{self, LocalState};
use crate::undo_log::Batch;

/// How long a process means to keep the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// One command; others wait for it.
    Short,
    /// Until it is stopped; others are told so at once.
    Long,
}

/// Called with what is being done, how much of it is done, and how much there is; done with all of it at the end.
#[derive(Clone)]
pub struct ProgressWatch(pub Arc<dyn Fn(&'static str, u64, u64) + Send + Sync>);

impl std::fmt::Debug for ProgressWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProgressWatch")
    }
}

/// A person's data on this device. One process at a time has it open.
#[derive(Debug)]
pub struct Vault {
    dir: PathBuf,
    store: VaultStore,
    blobs: BlobStore,
    local: LocalState,
    settings: Arc<SettingsRow>,
    clock: Clock,
    /// The session under way is a repair that the server has not ended yet.
    repairing: bool,
    /// The session under way has said a next incarnation.
    turning: bool,
    /// The step to which all writes belong that are made meanwhile.
    batch: Option<Batch>,
    /// Commits since it was opened.
    writes: u64,
    /// Who wants to know how far long work is.
    progress: Option<ProgressWatch>,
    /// All cards as searches ask of them, in memory.
    table: Mutex<search::table::Table>,
    /// Whether it is worth to keep that table: the process lives longer than one command.
    keeps_table: bool,
}

impl Vault {
    /// Has long work tell how far it is.
    pub fn watch_progress(&mut self, watch: ProgressWatch) {
        self.progress = Some(watch);
    }

    /// Tells how far long work is.
    fn tell_progress(&self, what: &'static str, done: usize, total: usize) {
        if let Some(ProgressWatch(tell)) = &self.progress {
            let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
            tell(what, number(done), number(total));
        }
    }

    /// Makes a vault in a folder that holds none.
    ///
    /// # Errors
    /// There is a vault already, the name is empty or too long, or the disk refuses.
    pub fn init(dir: &Path, device_name: &str) -> VaultResult<Self> {
        if VaultStore::is_made(dir) {
            return Err(VaultError::Exists(dir.to_owned()));
        }
        let name = device_name.trim();
        if name.is_empty() || name.len() > domain::limit::NAME_BYTES_MAX {
            return Err(EditError::Name { bytes: name.len() }.into());
        }
        create_private(dir)?;
        let store = VaultStore::create(dir, &options("memoryvault init", Hold::Short))?;
        let blobs = BlobStore::open(&dir.join("blobs"))?;
        let clock = Clock::System;
        let local = LocalState::fresh(name, clock.now(0))?;
        let mut vault = Self {
            dir: dir.to_owned(),
            store,
            blobs,
            local,
            settings: Arc::default(),
            clock,
            repairing: false,
            turning: false,
            batch: None,
            writes: 0,
            progress: None,
            table: Mutex::default(),
            keeps_table: false,
        };
        vault.write(|tx| {
            local_state::write(&mut tx.writer, &tx.local);
            rebuild::note_layout(&mut tx.writer);
            tx.begin_settings()
        })?;
        vault.store.finish()?;
        Ok(vault)
    }

    /// Opens the vault of a folder. `who` is told to others who find it held; a short holder is waited for.
    ///
    /// # Errors
    /// There is no vault, another process holds it, or it is damaged (then [`Vault::repair`] helps).
    pub fn open(dir: &Path, who: &str, hold: Hold) -> VaultResult<Self> {
        if !VaultStore::is_made(dir) {
            return Err(VaultError::NoVault(dir.to_owned()));
        }
        let store = VaultStore::open(dir, &options(who, hold))?;
        let blobs = BlobStore::open(&dir.join("blobs"))?;
        let local = local_state::read(&store)?;
        let settings: Option<SettingsRow> = store.read(key::SETTINGS)?;
        let settings = Arc::new(settings.unwrap_or_default());
        let mut vault = Self {
            dir: dir.to_owned(),
            store,
            blobs,
            local,
            settings,
            clock: Clock::System,
            repairing: false,
            turning: false,
            batch: None,
            writes: 0,
            progress: None,
            table: Mutex::default(),
            keeps_table: hold == Hold::Long,
        };
        vault.resume_rebuild()?;
        // A short journal may wait: it is durable, and a change for every single review would cost more than it is worth.
        if vault.journal_len()? >= limit::JOURNAL_EVENTS_MAX {
            vault.fold_journal()?;
        }
        vault.copy_daily()?;
        Ok(vault)
    }

    /// Takes the time from somewhere else.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// The present instant by this vault's clock, corrected by what the server said of it.
    pub fn now(&self) -> Moment {
        self.clock.now(self.local.clock_ahead_ms)
    }

    /// The present study day.
    pub fn today(&self) -> Day {
        self.now().day(self.settings.rollover_hour())
    }

    /// The vault's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// This device.
    pub fn device_id(&self) -> DeviceId {
        self.local.device
    }

    /// What the person calls this device.
    pub fn device_name(&self) -> &str {
        &self.local.device_name
    }

    /// The vault: the account's, once joined.
    pub fn vault_id(&self) -> VaultId {
        self.local.vault
    }

    /// Counts the commits since the vault was opened.
    pub(crate) fn writes(&self) -> u64 {
        self.writes
    }

    pub(crate) fn store(&self) -> &VaultStore {
        &self.store
    }

    pub(crate) fn settings(&self) -> &SettingsRow {
        &self.settings
    }

    /// Pictures and sounds. Usable from many threads at once; what is put here is named by no card yet.
    pub fn blobs(&self) -> &BlobStore {
        &self.blobs
    }
}

impl write::Tx<'_> {
    /// Begins the settings document of the present vault id, and names this device in it.
    pub(crate) fn begin_settings(&mut self) -> VaultResult<()> {
        let document = DocId::settings(self.local.vault);
        self.writer
            .adopt(document, vec![settings::genesis().to_vec()])?;
        let (device, name) = (self.local.device, self.local.device_name.clone());
        self.edit_settings(|doc| settings::set_device_name(doc, device, &name))
    }
}

fn options(who: &str, hold: Hold) -> StoreOptions {
    StoreOptions {
        who: who.to_owned(),
        kind: match hold {
            Hold::Short => LockKind::Short,
            Hold::Long => LockKind::Long,
        },
        wait: limit::VAULT_WAIT,
        schema: |after, changes| {
            domain::intake::check_schema(after, changes).map_err(|why| why.to_string())
        },
        runtime_dir: None,
    }
}

/// Makes the vault's folder, readable by its owner only.
fn create_private(dir: &Path) -> VaultResult<()> {
    use std::os::unix::fs::DirBuilderExt;
    let failed = |source| VaultError::File {
        doing: "create",
        path: dir.to_owned(),
        source,
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed)
}
