//! After a document changed, brings the index up to date: reads what the change touched and hands it to the index. Used by
//! every write of this device and for everything that arrives; computing the whole index anew reads the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use automerge::{Automerge, Change};
use domain::document::cards::{self, CardView};
use domain::document::deck;
use domain::document::{self, DocKind, Source, events, settings};
use domain::{CardId, DeckId, DocId, Event, EventId};
use storage::Received;

use super::VaultResult;
use super::write::Tx;
use crate::index::row::decode;
use crate::index::{CardRow, Content, DeckRow, Rows, SettingsRow, change_conflicts, damaged, key};
use crate::undo_log::Done;

/// What of a document is to be read again.
#[derive(Debug, Clone, Default)]
pub(crate) enum Scope {
    /// Everything in it.
    #[default]
    Whole,
    /// These cards of a page.
    Cards(BTreeSet<CardId>),
    /// These events of a segment.
    Events(BTreeSet<EventId>),
}

/// What was read of a document, in the index's terms.
pub(crate) enum Reading {
    Settings(SettingsRow),
    Deck(DeckId, DeckRow),
    Cards(Vec<Content>),
    Events(Vec<Event>),
    /// No document of ours, or of a later version.
    Nothing,
}

/// Reads a whole document. `settings` is the id of the vault's settings document; other documents of that kind belong to
/// vault ids that were left.
pub(crate) fn read_whole<D: Source>(doc: &D, id: DocId, settings: DocId) -> Reading {
    match document::kind(doc) {
        Some(DocKind::Settings) if id == settings => {
            Reading::Settings(SettingsRow::from(&settings::read(doc)))
        }
        Some(DocKind::Deck) => {
            let deck = DeckId::from(id);
            Reading::Deck(deck, DeckRow::new(&deck::read(doc, deck)))
        }
        Some(DocKind::Cards) => contents(cards::read(doc).cards, id),
        Some(DocKind::Events) => Reading::Events(events::read(doc).events),
        _ => Reading::Nothing,
    }
}

/// Reads a document, or the part of it that is asked for.
pub(crate) fn read(doc: &Automerge, id: DocId, settings: DocId, scope: &Scope) -> Reading {
    match (document::kind(doc), scope) {
        (Some(DocKind::Cards), Scope::Cards(touched)) => contents(
            touched
                .iter()
                .filter_map(|card| cards::read_card(doc, *card)),
            id,
        ),
        (Some(DocKind::Events), Scope::Events(touched)) => Reading::Events(
            touched
                .iter()
                .filter_map(|event| events::read_one(doc, *event))
                .collect(),
        ),
        _ => read_whole(doc, id, settings),
    }
}

/// Cards of a page, ready for the index.
pub(crate) fn contents(views: impl IntoIterator<Item = CardView>, page: DocId) -> Reading {
    let content = |view| Content::new(view, page);
    Reading::Cards(views.into_iter().map(content).collect())
}

/// What of a document the changes that were taken in have touched; `sent` are the raw changes among which they are. Where
/// one of them is not, because it had waited, the whole document is read again.
pub(crate) fn scope_of(doc: &Automerge, received: &Received, sent: &[Vec<u8>]) -> Scope {
    if received.before.is_empty() {
        return Scope::Whole;
    }
    let applied: BTreeSet<[u8; 32]> = received
        .applied
        .iter()
        .map(|hash| hash.to_bytes())
        .collect();
    let changes: BTreeMap<[u8; 32], Change> = sent
        .iter()
        .filter_map(|raw| Change::from_bytes(raw.clone()).ok())
        .map(|change| (change.hash().0, change))
        .filter(|(hash, _)| applied.contains(hash))
        .collect();
    if changes.len() != applied.len() {
        return Scope::Whole;
    }
    let touched = document::touched(doc, &changes.into_values().collect::<Vec<_>>());
    match (document::kind(doc), touched.whole) {
        (Some(DocKind::Cards), false) => Scope::Cards(touched.cards),
        (Some(DocKind::Events), false) => Scope::Events(touched.events),
        _ => Scope::Whole,
    }
}

/// Events by card.
pub(crate) fn by_card(events: Vec<Event>) -> BTreeMap<CardId, Vec<Event>> {
    let mut by_card: BTreeMap<CardId, Vec<Event>> = BTreeMap::new();
    for event in events {
        by_card.entry(event.card).or_default().push(event);
    }
    by_card
}

/// Writes a deck's row; answers the one before.
pub(crate) fn put_deck<R: Rows>(
    rows: &mut R,
    deck: DeckId,
    new: &DeckRow,
) -> VaultResult<Option<DeckRow>> {
    let key = key::deck(deck);
    let old: Option<DeckRow> = rows.read(&key)?;
    if old.as_ref() == Some(new) {
        return Ok(old);
    }
    let count = |row: &DeckRow| if row.visible { row.conflicts.len() } else { 0 };
    change_conflicts(
        rows,
        deck.as_bytes(),
        true,
        old.as_ref().map_or(0, count),
        count(new),
    );
    rows.write(key, new);
    Ok(old)
}

impl Tx<'_> {
    /// Reads a document again, or a part of it, and brings the index up to date.
    pub(crate) fn refresh(&mut self, document: DocId, scope: &Scope) -> VaultResult<()> {
        let settings = DocId::settings(self.local.vault);
        let reading = read(self.writer.document(document)?, document, settings, scope);
        self.take(reading)
    }

    /// Brings the index up to date with what was read.
    pub(crate) fn take(&mut self, reading: Reading) -> VaultResult<()> {
        match reading {
            Reading::Settings(row) => self.take_settings(row),
            Reading::Deck(deck, row) => {
                let old = put_deck(&mut self.writer, deck, &row)?;
                if let Some(done) = &mut self.done
                    && old.as_ref() != Some(&row)
                {
                    done.push(Done::deck(deck, old, row));
                }
                Ok(())
            }
            Reading::Cards(cards) => {
                self.index(|index| cards.iter().try_for_each(|card| index.card(card)))
            }
            Reading::Events(events) => {
                if let Some(latest) = events.iter().map(|event| event.hlc).max() {
                    self.observe(latest);
                }
                self.index(|index| {
                    by_card(events)
                        .into_iter()
                        .try_for_each(|(card, events)| index.events(card, events))
                })
            }
            Reading::Nothing => Ok(()),
        }
    }

    /// Brings a deck's row up to date.
    pub(crate) fn refresh_deck(&mut self, document: DocId) -> VaultResult<()> {
        self.refresh(document, &Scope::Whole)
    }

    /// Takes over settings; other scheduler epochs fold every card again, other note types render every card of a note.
    fn take_settings(&mut self, row: SettingsRow) -> VaultResult<()> {
        if row == *self.settings {
            return Ok(());
        }
        let refold = !row.folds_alike(&self.settings);
        let render = !row.renders_alike(&self.settings);
        self.writer.write(key::SETTINGS.to_vec(), &row);
        if let Some(done) = &mut self.done {
            done.push(Done::settings(&self.settings, &row));
        }
        self.settings = Arc::new(row);
        if !refold && !render {
            return Ok(());
        }
        let rows = self.writer.scan(key::CARDS)?;
        self.index(|index| {
            for (key, bytes) in &rows {
                let row: CardRow = decode(bytes).map_err(|_| damaged(key))?;
                let card = key::last16(key)
                    .map(CardId::from_bytes)
                    .ok_or_else(|| damaged(key))?;
                if refold {
                    index.refold(card, &row)?;
                }
                if render {
                    index.render(card, &row)?;
                }
            }
            Ok(())
        })
    }
}
