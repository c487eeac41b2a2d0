//! The whole index computed anew from documents, journal and blob files: to compare with the stored one, or to replace it.
//! The same documents give the same bytes.

use std::collections::BTreeSet;

use domain::note::NoteTypes;
use domain::schedule::Rules;
use domain::{BlobHash, DeckId, DocId, Event, EventId};

use super::refresh::{self, Reading};
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

/// A row to put or to remove.
type Change = (Vec<u8>, Option<Vec<u8>>);

/// Marks a rebuild that was begun, so that the next open finishes it.
const MARK: &str = "rebuilding";

/// The layout of the index, and where a vault notes it: one of another layout is made again.
const LAYOUT: u8 = 5;
const LAYOUT_KEY: &str = "index_layout";

/// Notes that the index has the present layout.
pub(crate) fn note_layout<R: Rows>(rows: &mut R) {
    rows.write(key::local(LAYOUT_KEY), &LAYOUT);
}

impl Vault {
    /// Makes the index again from the documents and the journal.
    ///
    /// # Errors
    /// The store fails. A rebuild that was cut off is finished by the next open.
    pub fn rebuild_index(&mut self) -> VaultResult<()> {
        self.table
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .forget();
        let computed = self.compute_index()?;
        let wanted = computed.rows;
        let mut changes: Vec<Change> = Vec::new();
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
        if !self.store.derived_is_whole()? {
            self.store.forget_derived()?;
        }
        for (number, some) in changes.chunks(limit::REBUILD_ROWS_PER_COMMIT).enumerate() {
            self.write(|tx| {
                some.iter()
                    .for_each(|(key, value)| tx.writer.set(key.clone(), value.clone()));
                Ok(())
            })?;
            let done = number * limit::REBUILD_ROWS_PER_COMMIT + some.len();
            self.tell_progress("Writing the index", done, changes.len());
        }
        self.write(|tx| {
            tx.writer.set(key::local(MARK), None);
            note_layout(&mut tx.writer);
            Ok(())
        })?;
        self.settings = std::sync::Arc::new(computed.settings);
        Ok(())
    }

    /// Finishes a rebuild that was cut off, and makes the index again when a file of it is lost or its layout is another.
    pub(crate) fn resume_rebuild(&mut self) -> VaultResult<()> {
        let layout: Option<u8> = self.store.read(&key::local(LAYOUT_KEY))?;
        let cut_off = self.store.row(&key::local(MARK))?.is_some();
        if cut_off || self.store.derived_lost() || layout != Some(LAYOUT) {
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
        let documents = self.store.document_ids()?;
        let count = documents.len();
        for (number, document) in documents.into_iter().enumerate() {
            self.tell_progress("Reading documents", number + 1, count);
            match self.store.load(document) {
                Ok(doc) => readings.push(refresh::read_whole(doc.as_ref(), document, settings_id)),
                Err(why) => computed.unreadable.push((document, why.to_string())),
            }
        }
        let mut events = self.journal()?;
        readings.retain_mut(|reading| match reading {
            Reading::Events(found) => {
                events.append(found);
                false
            }
            _ => true,
        });
        // All events of a card at once: a card's row is made once, however many segments it was answered in.
        computed.take(Reading::Events(events))?;
        readings.sort_by_key(order);
        readings
            .into_iter()
            .try_for_each(|reading| computed.take(reading))?;
        Ok(computed)
    }

    /// What the lists of wanted and offered blobs should be, as changes of rows. A blob that was offered and taken stays off
    /// the list of offers.
    fn blob_lists(&self) -> VaultResult<Vec<Change>> {
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
        for blob in &named {
            changes.push((key::unused(*blob), None));
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
            Reading::Cards(cards) => {
                self.cards += count(cards.len());
                let rules = self.settings.rules();
                let types = self.settings.note_types();
                let mut index = Indexer::new(&mut self.rows, &rules, &types);
                cards.iter().try_for_each(|card| index.card(card))?;
                index.finish();
            }
            Reading::Events(mut events) => {
                self.events += count(events.len());
                events.sort_unstable_by_key(|event| (event.card, event.id));
                let none = Rules::default();
                let types = NoteTypes::default();
                let mut index = Indexer::new(&mut self.rows, &none, &types);
                for of_card in events.chunk_by(|a, b| a.card == b.card) {
                    if let Some(first) = of_card.first() {
                        index.events(first.card, of_card.iter().copied())?;
                    }
                }
                index.finish();
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

/// Settings first, because they say how cards are folded. Events were taken before: no card is there yet that they would fold.
fn order(reading: &Reading) -> u8 {
    match reading {
        Reading::Settings(_) => 0,
        Reading::Deck(..) => 1,
        Reading::Cards(..) => 2,
        Reading::Events(_) | Reading::Nothing => 3,
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
        Some(b'q') => "questions",
        _ => "unknown",
    };
    name.to_owned()
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::{Answer, Hold, NewCard, NewItem};

    fn stored(vault: &Vault) -> Scratch {
        vault
            .store
            .scan(key::INDEX)
            .collect::<Result<_, _>>()
            .expect("the store reads")
    }

    fn vault(dir: &std::path::Path) -> Vault {
        let mut vault = Vault::init(dir, "test").expect("a vault");
        let deck = vault.deck_add("D").expect("a deck");
        let text = |text: &str| vec![NewItem::Text(text.to_owned())];
        let card = NewCard {
            deck,
            front: text("f"),
            back: text("b"),
            tags: vec!["t".to_owned()],
        };
        let cards = vault
            .add_cards(&[card.clone(), card.clone(), card])
            .expect("cards");
        vault
            .review(cards[0], Answer::now(domain::Grade::Good))
            .expect("a review");
        vault.card_remove(cards[1]).expect("a removal");
        vault
    }

    #[test]
    fn the_same_documents_give_the_same_bytes() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut vault = vault(dir.path());
        let before = stored(&vault);
        assert!(before.len() > 8);
        vault.rebuild_index().expect("a rebuild");
        assert_eq!(stored(&vault), before);
    }

    #[test]
    fn damage_of_any_row_is_told_and_made_good() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut vault = vault(dir.path());
        let before = stored(&vault);
        for (row, value) in &before {
            let mut other = value.clone();
            other.push(0);
            for damage in [None, Some(other)] {
                vault
                    .write(|tx| {
                        tx.writer.set(row.clone(), damage);
                        Ok(())
                    })
                    .expect("a damaged row");
                let told = vault
                    .compute_index()
                    .and_then(|computed| computed.differences(&vault))
                    .expect("a comparison");
                assert_eq!(told.len(), 1, "{row:?}");
                vault.rebuild_index().expect("a rebuild");
                assert_eq!(stored(&vault), before);
            }
        }
        vault
            .write(|tx| {
                tx.writer.set(
                    key::card(domain::CardId::from_bytes([9; 16])),
                    Some(vec![1]),
                );
                Ok(())
            })
            .expect("a row too many");
        vault.rebuild_index().expect("a rebuild");
        assert_eq!(stored(&vault), before);
    }

    #[test]
    fn a_rebuild_that_was_cut_off_is_finished_by_the_next_open() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut vault = vault(dir.path());
        let before = stored(&vault);
        vault
            .write(|tx| {
                tx.writer.set(key::local(MARK), Some(vec![1]));
                before
                    .keys()
                    .take(5)
                    .for_each(|row| tx.writer.set(row.clone(), None));
                Ok(())
            })
            .expect("half a rebuild");
        drop(vault);
        let vault = Vault::open(dir.path(), "test", Hold::Short).expect("an open");
        assert_eq!(stored(&vault), before);
    }
}
