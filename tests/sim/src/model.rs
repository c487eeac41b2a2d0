//! The reference model: what each edit did, and what it had seen. From a set of edits it says what every device must show, without Automerge.
//!
//! A register (a card's text, a deck's name) shows what was written by edits that no other edit of it has seen. A card or a tag is there while an edit that
//! put it is not seen by one that took it away. Events and blobs are sets.

use std::collections::{BTreeMap, BTreeSet};

use domain::document::DocKind;
use domain::{BlobHash, CardId, ChangeHash, DocId, EventId, TagId};

use crate::graph::{Change, Graph};

/// What an edit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The text of a card's front or back.
    Text(CardId, bool),
    /// Whether a card is there.
    Alive(CardId),
    /// Whether a card has a tag.
    Tag(CardId, TagId),
    /// A deck's name.
    Name(DocId),
}

/// What an edit did to one key.
#[derive(Debug, Clone)]
pub enum Deed {
    Put(String),
    Clear,
}

#[derive(Debug)]
struct Write {
    edit: Edit,
    deed: Deed,
    /// Earlier writes of the key that the edit had seen.
    sees: Vec<Edit>,
}

/// An edit by the change it made.
pub type Edit = (DocId, ChangeHash);

/// What one party holds, as far as it was told so: edits and reviews that are durable there, blobs it has whole.
#[derive(Debug, Clone, Default)]
pub struct Own {
    pub changes: BTreeSet<Edit>,
    pub events: BTreeSet<EventId>,
    pub blobs: BTreeSet<BlobHash>,
}

/// Everything that was ever done.
#[derive(Debug, Default)]
pub struct Model {
    writes: BTreeMap<Key, Vec<Write>>,
    cards: BTreeMap<DocId, Vec<(CardId, ChangeHash)>>,
    events: BTreeMap<Edit, Vec<EventId>>,
    blobs: BTreeMap<ChangeHash, Vec<(CardId, BlobHash, u64)>>,
    setting_tags: BTreeMap<Edit, TagId>,
    /// Who wrote which number of which actor: never two changes.
    numbers: BTreeMap<(DocId, domain::ActorId, u64), ChangeHash>,
    kinds: BTreeMap<DocId, DocKind>,
    count: u64,
}

/// What every device must show.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shown {
    pub values: BTreeMap<Key, BTreeSet<String>>,
    pub present: BTreeSet<Key>,
    pub events: BTreeSet<EventId>,
    pub blobs: BTreeSet<(CardId, BlobHash)>,
    pub setting_tags: BTreeSet<TagId>,
}

impl Model {
    /// A number nobody had.
    pub fn fresh(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub fn kind(&self, doc: &DocId) -> Option<DocKind> {
        self.kinds.get(doc).copied()
    }

    pub fn set_kind(&mut self, doc: DocId, kind: DocKind) {
        self.kinds.insert(doc, kind);
    }

    /// How many edits were made.
    pub fn edits(&self) -> u64 {
        self.numbers.len() as u64
    }

    /// Notes a change. An actor's number that was used before would wedge the document for ever.
    pub fn note_change(&mut self, change: &Change) -> Result<(), String> {
        let number = (change.doc, change.meta.actor, change.meta.seq);
        match self.numbers.insert(number, change.hash) {
            Some(other) if other != change.hash => Err(format!(
                "actor {} wrote number {} of document {} twice",
                change.meta.actor, change.meta.seq, change.doc
            )),
            _ => Ok(()),
        }
    }

    /// Notes what a change did, made upon what `graph` holds.
    pub fn write(&mut self, change: &Change, graph: &Graph, key: Key, deed: Deed) {
        let writes = self.writes.entry(key).or_default();
        let seen = writes
            .iter()
            .map(|write| write.edit)
            .filter(|(_, hash)| graph.has(hash));
        let sees = seen.collect();
        writes.push(Write {
            edit: (change.doc, change.hash),
            deed,
            sees,
        });
    }

    pub fn add_card(&mut self, change: &Change, card: CardId) {
        self.cards
            .entry(change.doc)
            .or_default()
            .push((card, change.hash));
    }

    /// The cards of a page that a device with these changes knows.
    pub fn cards_in(&self, doc: &DocId, graph: &Graph) -> Vec<CardId> {
        let cards = self.cards.get(doc).map(Vec::as_slice).unwrap_or_default();
        cards
            .iter()
            .filter(|(_, hash)| graph.has(hash))
            .map(|(card, _)| *card)
            .collect()
    }

    pub fn add_events(&mut self, change: &Change, events: Vec<EventId>) {
        self.events.insert((change.doc, change.hash), events);
    }

    pub fn add_blob(&mut self, change: &Change, card: CardId, hash: BlobHash, bytes: u64) {
        self.blobs
            .entry(change.hash)
            .or_default()
            .push((card, hash, bytes));
    }

    pub fn add_setting_tag(&mut self, change: &Change, tag: TagId) {
        self.setting_tags.insert((change.doc, change.hash), tag);
    }

    /// The blobs a change names, with their lengths.
    pub fn blobs_named_by(&self, change: &ChangeHash) -> Vec<(BlobHash, u64)> {
        let named = self
            .blobs
            .get(change)
            .map(Vec::as_slice)
            .unwrap_or_default();
        named
            .iter()
            .map(|(_, hash, bytes)| (*hash, *bytes))
            .collect()
    }

    /// What follows from these edits.
    pub fn shown(&self, edits: &BTreeSet<Edit>) -> Shown {
        let mut shown = Shown::default();
        for (key, writes) in &self.writes {
            let known: Vec<&Write> = writes
                .iter()
                .filter(|write| edits.contains(&write.edit))
                .collect();
            if matches!(key, Key::Text(..) | Key::Name(_)) {
                let seen: BTreeSet<Edit> = known
                    .iter()
                    .flat_map(|write| &write.sees)
                    .copied()
                    .collect();
                let values: BTreeSet<String> = known
                    .iter()
                    .filter(|write| !seen.contains(&write.edit))
                    .filter_map(|write| match &write.deed {
                        Deed::Put(value) => Some(value.clone()),
                        Deed::Clear => None,
                    })
                    .collect();
                if !values.is_empty() {
                    shown.values.insert(*key, values);
                }
                continue;
            }
            let clears = known
                .iter()
                .filter(|write| matches!(write.deed, Deed::Clear));
            let cleared: BTreeSet<Edit> = clears.flat_map(|write| &write.sees).copied().collect();
            let is_put = |write: &&&Write| matches!(write.deed, Deed::Put(_));
            if known
                .iter()
                .filter(is_put)
                .any(|write| !cleared.contains(&write.edit))
            {
                shown.present.insert(*key);
            }
        }
        for (edit, events) in &self.events {
            if edits.contains(edit) {
                shown.events.extend(events);
            }
        }
        for (edit, tag) in &self.setting_tags {
            if edits.contains(edit) {
                shown.setting_tags.insert(*tag);
            }
        }
        for (_, hash) in edits {
            let named = self.blobs.get(hash).map(Vec::as_slice).unwrap_or_default();
            shown
                .blobs
                .extend(named.iter().map(|(card, blob, _)| (*card, *blob)));
        }
        shown
    }
}
