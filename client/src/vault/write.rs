//! One write in progress: documents, outbox, index and the device's own records, committed together or not at all. Every
//! operation that changes anything runs inside `Vault::write`; dropping a write halfway leaves the vault as it was.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use automerge::transaction::Transaction;
use domain::document::EditError;
use domain::{BlobHash, CardId, DeviceId, DocId, Event, EventId, Hlc, UnixMs};
use storage::{BlobStore, StoreError, Writer};

use super::{Vault, VaultResult, unused};
use crate::clock::Moment;
use crate::index::{Indexer, ReadRows, Rows, SettingsRow, key};
use crate::local_state::{self, LocalState};
use crate::undo_log::{Batch, Done};

/// A write in progress.
pub(crate) struct Tx<'v> {
    pub(crate) writer: Writer<'v>,
    pub(crate) blobs: &'v BlobStore,
    /// The device's state; written with the commit if it differs.
    pub(crate) local: LocalState,
    /// The settings, as the index has them.
    pub(crate) settings: Arc<SettingsRow>,
    pub(crate) now: Moment,
    clock: Hlc,
    /// What a person's step changes; none while nobody will want to take it back.
    pub(crate) done: Option<Vec<Done>>,
    /// The step under which the writes of one command are kept together.
    pub(crate) batch: Option<Batch>,
    /// Whether documents now name blobs that are not here.
    pub(crate) wants_grew: bool,
}

impl ReadRows for Writer<'_> {
    fn row(&self, key: &[u8]) -> VaultResult<Option<Vec<u8>>> {
        Ok(self.get(key)?)
    }
}

impl Rows for Writer<'_> {
    fn set(&mut self, key: key::Key, value: Option<Vec<u8>>) {
        match value {
            Some(value) => self.put(key, value),
            None => self.delete(key),
        }
    }
}

/// An edit of a document that failed: in the store, or in the document.
pub(crate) enum EditFailed {
    Store(StoreError),
    Edit(EditError),
}

impl From<StoreError> for EditFailed {
    fn from(source: StoreError) -> Self {
        Self::Store(source)
    }
}

impl From<EditError> for EditFailed {
    fn from(source: EditError) -> Self {
        Self::Edit(source)
    }
}

impl Vault {
    /// Runs a write and makes it durable.
    pub(crate) fn write<T>(
        &mut self,
        job: impl FnOnce(&mut Tx<'_>) -> VaultResult<T>,
    ) -> VaultResult<T> {
        let now = self.now();
        let clock = local_state::read_clock(&self.store)?;
        let mut tx = Tx {
            writer: self.store.begin(),
            blobs: &self.blobs,
            local: self.local.clone(),
            settings: Arc::clone(&self.settings),
            now,
            clock,
            done: None,
            batch: self.batch.clone(),
            wants_grew: false,
        };
        let done = job(&mut tx)?;
        let Tx {
            mut writer,
            local,
            settings,
            clock: clock_after,
            batch,
            ..
        } = tx;
        if local != self.local {
            local_state::write(&mut writer, &local);
        }
        if clock_after != clock {
            local_state::write_clock(&mut writer, clock_after);
        }
        let table = self.table.get_mut();
        table.unwrap_or_else(PoisonError::into_inner).note(&writer);
        writer.commit()?;
        self.writes += 1;
        self.local = local;
        self.settings = settings;
        self.batch = batch;
        Ok(done)
    }

    /// Runs a write that a person can take back, under these words.
    pub(crate) fn step<T>(
        &mut self,
        words: &str,
        job: impl FnOnce(&mut Tx<'_>) -> VaultResult<T>,
    ) -> VaultResult<T> {
        self.write(|tx| {
            tx.done = Some(Vec::new());
            let done = job(tx)?;
            tx.keep_step(words)?;
            Ok(done)
        })
    }

    /// Runs several writes that a person takes back as one step, under these words.
    pub(crate) fn as_one_step<T>(
        &mut self,
        words: &str,
        job: impl FnOnce(&mut Self) -> VaultResult<T>,
    ) -> VaultResult<T> {
        self.batch = Some(Batch::begin(words));
        let done = job(self);
        self.batch = None;
        done
    }
}

impl<'v> Tx<'v> {
    /// This device.
    pub(crate) fn device(&self) -> DeviceId {
        self.local.device
    }

    /// Edits a document as this device.
    pub(crate) fn edit<T>(
        &mut self,
        document: DocId,
        edit: impl FnOnce(&mut Transaction<'_>) -> Result<T, EditError>,
    ) -> VaultResult<T> {
        let time_s = self.now.at.0.div_euclid(1_000);
        self.writer
            .edit(document, time_s, |tx| edit(tx).map_err(EditFailed::Edit))
            .map_err(|failed| match failed {
                EditFailed::Store(source) => source.into(),
                EditFailed::Edit(source) => source.into(),
            })
    }

    /// Works on the index under the present settings, then notes which blobs are now wanted or to be offered.
    pub(crate) fn index<T>(
        &mut self,
        job: impl FnOnce(&mut Indexer<'_, Writer<'v>>) -> VaultResult<T>,
    ) -> VaultResult<T> {
        let settings = Arc::clone(&self.settings);
        let rules = settings.rules();
        let types = settings.note_types();
        let mut indexer = Indexer::new(&mut self.writer, &rules, &types);
        if self.done.is_some() {
            indexer = indexer.noting();
        }
        let done = job(&mut indexer)?;
        let found = indexer.finish();
        self.note_blobs(&found.blobs)?;
        if let Some(done) = &mut self.done {
            done.extend(found.cards.into_iter().map(Done::card));
        }
        Ok(done)
    }

    /// Keeps the lists of wanted and of offered blobs in step with who names them.
    fn note_blobs(&mut self, touched: &BTreeSet<BlobHash>) -> VaultResult<()> {
        for blob in touched {
            let named = self.writer.row(&key::blob(*blob))?.is_some();
            let here = self.blobs.has(blob)?.is_some();
            let (want, offer) = (named && !here, named && here);
            self.writer.set(key::want(*blob), want.then(Vec::new));
            self.writer.set(key::offer(*blob), offer.then(Vec::new));
            if named {
                self.writer.set(key::unused(*blob), None);
            } else if self.writer.row(&key::unused(*blob))?.is_none() {
                unused::keep(&mut self.writer, *blob, self.now.at.0);
            }
            if !want {
                self.writer.set(key::viewed(*blob), None);
            }
            self.wants_grew |= want;
        }
        Ok(())
    }

    /// A fresh id that sorts by the present time.
    pub(crate) fn fresh_ms(&self) -> u64 {
        u64::try_from(self.now.at.0).unwrap_or(0)
    }

    /// The logical clock, moved on for one event.
    pub(crate) fn tick(&mut self) -> Hlc {
        self.clock = self.clock.tick(self.now.at);
        self.clock
    }

    /// Takes note of a clock that was seen in an event from elsewhere.
    pub(crate) fn observe(&mut self, seen: Hlc) {
        let bound = u64::try_from(
            self.now
                .at
                .0
                .saturating_add(crate::limit::CLOCK_AHEAD_MS_MAX),
        )
        .unwrap_or(0);
        if seen.unix_ms() <= bound {
            self.clock = self.clock.observe(seen);
        }
    }

    /// Records an event: durable with this write in the journal, counted in the index at once.
    pub(crate) fn record(&mut self, event: Event) -> VaultResult<()> {
        self.writer.set(key::journal(event.id), Some(event.pack()));
        if let Some(done) = &mut self.done {
            done.push(Done::event(&event));
        }
        self.index(|index| index.events(event.card, [event]))
    }

    /// A new event's id.
    pub(crate) fn event_id(&self) -> VaultResult<EventId> {
        Ok(EventId::v7(self.fresh_ms(), local_state::random()?))
    }

    /// A new document's id.
    pub(crate) fn doc_id(&self) -> VaultResult<DocId> {
        Ok(DocId::v7(self.fresh_ms(), local_state::random()?))
    }

    /// Seconds and milliseconds of the write, as documents keep them.
    pub(crate) fn at(&self) -> UnixMs {
        self.now.at
    }

    /// The row of a card that must exist.
    pub(crate) fn card_row(&self, card: CardId) -> VaultResult<crate::index::CardRow> {
        self.writer
            .read(&key::card(card))?
            .ok_or_else(|| super::lookup::no_card(&card.to_string()))
    }
}

impl ReadRows for storage::VaultStore {
    fn row(&self, key: &[u8]) -> VaultResult<Option<Vec<u8>>> {
        Ok(self.get(key)?)
    }
}
