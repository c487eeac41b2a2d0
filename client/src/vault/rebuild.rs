//! The whole index computed anew from documents, journal and blob files: to compare with the stored one, or to replace it.
//! The same documents give the same bytes.

use std::collections::BTreeSet;

use domain::{BlobHash, DeckId, DocId, Event, EventId};

use super::refresh::{self, Reading, Scope};
use super::{Vault, VaultResult};
use crate::index::{DeckRow, Indexer, ReadRows, Rows, Scratch, SettingsRow, damaged, key};
use crate::limit;

/// The index as the documents have it.
#[derive(Debug, Default)]
pub(crate) struct Computed {
    pub(crate) rows: Scratch,
    pub(crate) settings: SettingsRow,
    pub(crate) decks: Vec<(DeckId, DeckRow)>,
    pub(crate) cards: u64,
    pub(crate) events: u64,
    /// Documents that could not be read, and why.
    pub(crate) unreadable: Vec<(DocId, String)>,
}

/// Marks a rebuild that was begun, so that the next open finishes it.
const MARK: &str = "rebuilding";

impl Vault {
    /// Makes the index again from the documents and the journal.
    ///
    /// # Errors
    /// The store fails. A rebuild that was cut off is finished by the next open.
    pub fn rebuild_index(&mut self) -> VaultResult<()> {
        let computed = self.compute_index()?;
        let wanted = computed.rows;
        let mut changes: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
        for entry in self.store.scan(key::INDEX) {
            let (key, _) = entry?;
            if !wanted.contains_key(&key) {
                changes.push((key, None));
            }
        }
        changes.extend(wanted.into_iter().map(|(key, value)| (key, Some(value))));
        changes.extend(self.blob_lists()?);
        self.write(|tx| {
            tx.writer.set(key::local(MARK), Some(vec![1]));
            Ok(())
        })?;
        for some in changes.chunks(limit::REBUILD_ROWS_PER_COMMIT) {
            self.write(|tx| {
                some.iter()
                    .for_each(|(key, value)| tx.writer.set(key.clone(), value.clone()));
                Ok(())
            })?;
        }
        self.write(|tx| {
            tx.writer.set(key::local(MARK), None);
            Ok(())
        })?;
        self.settings = std::sync::Arc::new(computed.settings);
        Ok(())
    }

    /// Finishes a rebuild that was cut off.
    pub(crate) fn resume_rebuild(&mut self) -> VaultResult<()> {
        if self.store.row(&key::local(MARK))?.is_some() {
            self.rebuild_index()
        } else {
            Ok(())
        }
    }

    /// Computes the index in memory.
    pub(crate) fn compute_index(&self) -> VaultResult<Computed> {
        let settings_id = DocId::settings(self.local.vault);
        let mut computed = Computed::default();
        let mut readings = Vec::new();
        for document in self.store.document_ids()? {
            match self.store.load(document) {
                Ok(doc) => readings.push(refresh::read(&doc, document, settings_id, &Scope::Whole)),
                Err(why) => computed.unreadable.push((document, why.to_string())),
            }
        }
        readings.push(Reading::Events(self.journal()?));
        readings.sort_by_key(order);
        readings
            .into_iter()
            .try_for_each(|reading| computed.take(reading))?;
        Ok(computed)
    }

    /// What the lists of wanted and offered blobs should be, as changes of rows. A blob that was offered and taken stays off
    /// the list of offers.
    fn blob_lists(&self) -> VaultResult<Vec<(Vec<u8>, Option<Vec<u8>>)>> {
        let mut named = BTreeSet::new();
        for entry in self.store.scan(key::BLOBS) {
            let (key, _) = entry?;
            named.insert(
                key::last32(&key)
                    .map(BlobHash::from_bytes)
                    .ok_or_else(|| damaged(&key))?,
            );
        }
        let mut changes = Vec::new();
        for entry in self
            .store
            .scan(key::WANTS)
            .chain(self.store.scan(key::OFFERS))
        {
            let (key, _) = entry?;
            let blob = key::last32(&key)
                .map(BlobHash::from_bytes)
                .ok_or_else(|| damaged(&key))?;
            if !named.contains(&blob) {
                changes.push((key, None));
            }
        }
        for blob in named {
            let here = self.blobs.has(&blob)?.is_some();
            changes.push((key::want(blob), (!here).then(Vec::new)));
        }
        Ok(changes)
    }

    /// The events of the journal.
    fn journal(&self) -> VaultResult<Vec<Event>> {
        let mut events = Vec::new();
        for entry in self.store.scan(key::JOURNAL) {
            let (key, packed) = entry?;
            let id = key::last16(&key)
                .map(EventId::from_bytes)
                .ok_or_else(|| damaged(&key))?;
            events.push(Event::unpack(id, &packed).map_err(|_| damaged(&key))?);
        }
        Ok(events)
    }
}

impl Computed {
    fn take(&mut self, reading: Reading) -> VaultResult<()> {
        match reading {
            Reading::Settings(settings) => {
                self.rows.write(key::SETTINGS.to_vec(), &settings);
                self.settings = settings;
            }
            Reading::Deck(deck, row) => {
                refresh::put_deck(&mut self.rows, deck, &row)?;
                self.decks.push((deck, row));
            }
            Reading::Cards(page, cards) => {
                self.cards += count(cards.len());
                let epochs = self.settings.epochs();
                let mut index = Indexer::new(&mut self.rows, &epochs);
                cards.iter().try_for_each(|card| index.card(card, page))?;
            }
            Reading::Events(events) => {
                self.events += count(events.len());
                let epochs = self.settings.epochs();
                let mut index = Indexer::new(&mut self.rows, &epochs);
                let by_card = refresh::by_card(events);
                by_card
                    .into_iter()
                    .try_for_each(|(card, events)| index.events(card, events))?;
            }
            Reading::Nothing => {}
        }
        Ok(())
    }

    /// How the stored index differs: a sentence for each kind of row that does.
    pub(crate) fn differences(&self, vault: &Vault) -> VaultResult<Vec<String>> {
        let mut wrong = std::collections::BTreeMap::<String, u64>::new();
        let mut note = |key: &[u8]| *wrong.entry(kind(key)).or_default() += 1;
        let mut seen = 0;
        for entry in vault.store.scan(key::INDEX) {
            let (key, value) = entry?;
            match self.rows.get(&key) {
                Some(wanted) => {
                    seen += 1;
                    if *wanted != value {
                        note(&key);
                    }
                }
                None => note(&key),
            }
        }
        if seen < self.rows.len() {
            for key in self.rows.keys() {
                if vault.store.row(key)?.is_none() {
                    note(key);
                }
            }
        }
        let sentence = |(kind, count): (&String, &u64)| {
            format!(
                "{count} rows of the index ({kind}) differ from the documents; `memoryvault verify --rebuild` makes the index again"
            )
        };
        Ok(wrong.iter().map(sentence).collect())
    }
}

/// Settings first, because they say how cards are folded; cards before events, so that each card is folded once more only.
fn order(reading: &Reading) -> u8 {
    match reading {
        Reading::Settings(_) => 0,
        Reading::Deck(..) => 1,
        Reading::Cards(..) => 2,
        Reading::Events(_) => 3,
        Reading::Nothing => 4,
    }
}

fn kind(key: &[u8]) -> String {
    let name = match key.get(1) {
        Some(b'c') => "cards",
        Some(b'e') => "events",
        Some(b'd') => "order of study",
        Some(b'k') => "decks",
        Some(b's') => "sums of decks",
        Some(b'y') => "days",
        Some(b'r') => "references to blobs",
        Some(b'b') => "blobs",
        Some(b'f') => "conflicts",
        Some(b'z') => "settings",
        Some(b't') => "totals",
        _ => "unknown",
    };
    name.to_owned()
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// The bytes of a row, for tests that compare whole indexes.
#[cfg(test)]
pub(crate) fn stored(vault: &Vault) -> Scratch {
    vault
        .store
        .scan(key::INDEX)
        .collect::<Result<_, _>>()
        .expect("the store is readable")
}
