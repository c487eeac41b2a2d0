//! Keeps everything the index says of a card in step: its row, its place in the order of study, the blobs it names, its
//! conflicts, the counts and the digest of its deck, and what was studied on each day. One entrance for the two causes of a
//! change: what its document says (`card`) and what happened to it (`events`).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use domain::document::cards::CardView;
use domain::note::NoteTypes;
use domain::schedule::{self, Rules};
use domain::{BlobHash, CardId, Day, DeckId, Event, Item, Kind};

use super::row::{
    self, BlobRow, CardRow, ConflictsRow, Content, DayRow, ReferenceRow, SumRow, TotalsRow,
};
use super::{ReadRows, Rows, key};
use crate::limit;
use crate::vault::{VaultError, VaultResult};

/// Writes the rows that depend on cards and events.
pub(crate) struct Indexer<'a, R> {
    rows: &'a mut R,
    rules: &'a Rules,
    types: &'a NoteTypes,
    /// Blobs that gained their first or lost their last card.
    blobs: BTreeSet<BlobHash>,
    /// Sums of decks as they will be written: many cards of one deck follow each other.
    sums: BTreeMap<DeckId, SumRow>,
    /// Cards whose content changed, as they were and as they are, where somebody asked to note them.
    noted: Option<Vec<CardChange>>,
}

/// A card before and after a change of its document.
pub(crate) type CardChange = (CardId, Option<CardRow>, CardRow);

/// What an indexer found out besides.
#[derive(Default)]
pub(crate) struct Indexed {
    /// Blobs that gained their first or lost their last card.
    pub(crate) blobs: BTreeSet<BlobHash>,
    /// Cards whose content changed, where that was to be noted.
    pub(crate) cards: Vec<CardChange>,
}

impl<'a, R: Rows> Indexer<'a, R> {
    pub(crate) fn new(rows: &'a mut R, rules: &'a Rules, types: &'a NoteTypes) -> Self {
        Self {
            rows,
            rules,
            types,
            blobs: BTreeSet::new(),
            sums: BTreeMap::new(),
            noted: None,
        }
    }

    /// Notes which cards' content changes, and how.
    pub(crate) fn noting(mut self) -> Self {
        self.noted = Some(Vec::new());
        self
    }

    /// Ends the work, writes what was summed up, and tells what was found out.
    pub(crate) fn finish(mut self) -> Indexed {
        for (deck, sum) in std::mem::take(&mut self.sums) {
            self.put_or_forget(key::sum(deck), sum);
        }
        Indexed {
            blobs: self.blobs,
            cards: self.noted.unwrap_or_default(),
        }
    }

    /// Takes over what a card's document says. Of two pages that hold the same card the lesser id counts, everywhere.
    pub(crate) fn card(&mut self, content: &Content) -> VaultResult<()> {
        let rendered = content.rendered(self.types);
        let Content { view, row } = rendered.as_ref().unwrap_or(content);
        let old: Option<CardRow> = self.rows.read(&key::card(view.id))?;
        if let Some(old) = &old
            && (old.page < row.page || old.same_content(row))
        {
            return Ok(());
        }
        let events = read_events(self.rows, view.id)?;
        let new = if events.is_empty() {
            row.clone()
        } else {
            self.under(view, row.clone(), &events)
        };
        self.settle(view, new, old.as_ref(), [&events, &events])
    }

    /// Adds events of one card; those already known change nothing. They are kept also while the card itself is unknown.
    pub(crate) fn events(
        &mut self,
        card: CardId,
        new: impl IntoIterator<Item = Event>,
    ) -> VaultResult<()> {
        let before = read_events(self.rows, card)?;
        let mut after = before.clone();
        after.extend(new);
        if after.len() == before.len() {
            return Ok(());
        }
        self.write_events(card, &before, &after)?;
        let Some(old) = self.rows.read::<CardRow>(&key::card(card))? else {
            return Ok(());
        };
        let view = old.view(card);
        let new = self.under(&view, old.clone(), &after);
        self.settle(&view, new, Some(&old), [&before, &after])
    }

    /// Folds a card again under other settings.
    pub(crate) fn refold(&mut self, card: CardId, row: &CardRow) -> VaultResult<()> {
        let events = read_events(self.rows, card)?;
        let view = row.view(card);
        let new = self.under(&view, row.clone(), &events);
        self.settle(&view, new, Some(row), [&events, &events])
    }

    /// Says anew what a card's note says, after the types of notes changed.
    pub(crate) fn render(&mut self, card: CardId, row: &CardRow) -> VaultResult<()> {
        if row.note.is_some() {
            let view = row.view(card).unrendered();
            self.card(&Content::new(view, row.page))?;
        }
        Ok(())
    }

    /// A card's row with what these events make of it.
    fn under(&self, view: &CardView, row: CardRow, events: &BTreeSet<Event>) -> CardRow {
        let state = schedule::fold(events, self.rules, view.deck);
        row.with_events(view, events, state)
    }

    fn settle(
        &mut self,
        view: &CardView,
        new: CardRow,
        old: Option<&CardRow>,
        [before, after]: [&BTreeSet<Event>; 2],
    ) -> VaultResult<()> {
        if old == Some(&new) {
            return Ok(());
        }
        self.place(view.id, old, &new);
        self.sums(old, &new)?;
        self.days(old.map(|old| (old.deck, before)), (new.deck, after))?;
        if !old.is_some_and(|old| old.names_the_same(&new)) {
            self.references(view, old)?;
        }
        self.conflicts(view.id, old, &new);
        self.question(view.id, old, &new);
        if let Some(noted) = &mut self.noted
            && !old.is_some_and(|old| old.same_content(&new))
        {
            noted.push((view.id, old.cloned(), new.clone()));
        }
        self.rows.write(key::card(view.id), &new);
        Ok(())
    }

    /// The place in the order of study.
    fn place(&mut self, card: CardId, old: Option<&CardRow>, new: &CardRow) {
        let place = |row: &CardRow| {
            row.can_be_studied().then(|| match row.state.due() {
                Some(due) => key::due(row.deck, row.state.box_number, due, card),
                None => key::new(row.deck, row.created_ms, card),
            })
        };
        let (old, new) = (old.and_then(place), place(new));
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.rows.set(old, None);
        }
        if let Some(new) = new {
            self.rows.set(new, Some(Vec::new()));
        }
    }

    /// Counts and digest of the decks.
    fn sums(&mut self, old: Option<&CardRow>, new: &CardRow) -> VaultResult<()> {
        if let Some(old) = old.filter(|old| old.visible) {
            self.change_sum(old, false)?;
        }
        if new.visible {
            self.change_sum(new, true)?;
        }
        Ok(())
    }

    fn change_sum(&mut self, card: &CardRow, add: bool) -> VaultResult<()> {
        let sum = match self.sums.entry(card.deck) {
            Entry::Occupied(sum) => sum.into_mut(),
            Entry::Vacant(place) => {
                place.insert(self.rows.read(&key::sum(card.deck))?.unwrap_or_default())
            }
        };
        sum.count(card, add);
        Ok(())
    }

    /// What was studied on each day.
    fn days(
        &mut self,
        old: Option<(DeckId, &BTreeSet<Event>)>,
        new: (DeckId, &BTreeSet<Event>),
    ) -> VaultResult<()> {
        let mut changes: BTreeMap<(DeckId, Day), [i64; 2]> = BTreeMap::new();
        let mut count = |(deck, events): (DeckId, &BTreeSet<Event>), by: i64| {
            let [first, rest @ ..] = &*study_days(events) else {
                return;
            };
            changes.entry((deck, *first)).or_default()[0] += by;
            rest.iter()
                .for_each(|day| changes.entry((deck, *day)).or_default()[1] += by);
        };
        if let Some(old) = old {
            count(old, -1);
        }
        count(new, 1);
        for ((deck, day), [new, reviews]) in changes {
            if (new, reviews) == (0, 0) {
                continue;
            }
            let key = key::day(deck, day);
            let row: DayRow = self.rows.read(&key)?.unwrap_or_default();
            let add = |count: u32, by: i64| {
                u32::try_from(i64::from(count).saturating_add(by)).unwrap_or(0)
            };
            self.put_or_forget(
                key,
                DayRow {
                    new: add(row.new, new),
                    reviews: add(row.reviews, reviews),
                },
            );
        }
        Ok(())
    }

    /// Who names which blob, and what was made of which upload.
    fn references(&mut self, view: &CardView, old: Option<&CardRow>) -> VaultResult<()> {
        let card = view.id;
        let old: Vec<Item> = old
            .filter(|old| old.visible)
            .map(|old| old.items().collect())
            .unwrap_or_default();
        let new: Vec<&Item> = view.items().filter(|_| view.visible).collect();
        let sources = |items: &mut dyn Iterator<Item = &Item>| -> BTreeSet<BlobHash> {
            items.filter_map(Item::source).collect()
        };
        let (old_sources, new_sources) =
            (sources(&mut old.iter()), sources(&mut new.iter().copied()));
        for gone in old_sources.difference(&new_sources) {
            self.rows.set(key::source(*gone, card), None);
        }
        for come in new_sources.difference(&old_sources) {
            self.rows.set(key::source(*come, card), Some(Vec::new()));
        }
        let (old, new) = (ReferenceRow::all(&old), ReferenceRow::all(new));
        for (blob, reference) in &new {
            if old.get(blob) != Some(reference) {
                self.rows.write(key::reference(*blob, card), reference);
            }
            if !old.contains_key(blob) {
                self.count_blob(*blob, 1)?;
            }
        }
        for blob in old.keys().filter(|blob| !new.contains_key(blob)) {
            self.rows.set(key::reference(*blob, card), None);
            self.count_blob(*blob, -1)?;
        }
        Ok(())
    }

    /// The place among the cards that ask the same.
    fn question(&mut self, card: CardId, old: Option<&CardRow>, new: &CardRow) {
        if old.is_some_and(|old| (old.visible, &old.front) == (new.visible, &new.front)) {
            return;
        }
        if let Some(hash) = old.and_then(CardRow::question) {
            self.rows.set(key::question_of(hash, card), None);
        }
        if let Some(hash) = new.question() {
            self.rows
                .set(key::question_of(hash, card), Some(Vec::new()));
        }
    }

    fn count_blob(&mut self, blob: BlobHash, by: i32) -> VaultResult<()> {
        let key = key::blob(blob);
        let mut row: BlobRow = self.rows.read(&key)?.unwrap_or_default();
        let had = row.cards > 0;
        row.cards = row.cards.saturating_add_signed(by);
        let has = row.cards > 0;
        self.put_or_forget(key, row);
        if had != has {
            self.blobs.insert(blob);
            let mut totals = totals(self.rows)?;
            totals.blobs = totals.blobs.saturating_add_signed(if has { 1 } else { -1 });
            self.put_or_forget(key::TOTALS.to_vec(), totals);
        }
        Ok(())
    }

    fn conflicts(&mut self, card: CardId, old: Option<&CardRow>, new: &CardRow) {
        let count = |row: &CardRow| if row.visible { row.conflicts.len() } else { 0 };
        change_conflicts(
            self.rows,
            card.as_bytes(),
            false,
            old.map_or(0, count),
            count(new),
        );
    }

    fn put_or_forget<T: Default + PartialEq + minicbor::Encode<()>>(
        &mut self,
        key: key::Key,
        row: T,
    ) {
        if row == T::default() {
            self.rows.set(key, None);
        } else {
            self.rows.write(key, &row);
        }
    }

    fn write_events(
        &mut self,
        card: CardId,
        before: &BTreeSet<Event>,
        after: &BTreeSet<Event>,
    ) -> VaultResult<()> {
        let rows = |events: &BTreeSet<Event>| {
            let events: Vec<&Event> = events.iter().collect();
            events
                .chunks(limit::EVENTS_PER_ROW_MAX)
                .map(|row| row::encode_events(row.iter().copied()))
                .collect::<Vec<_>>()
        };
        let before = rows(before);
        for (number, new) in rows(after).into_iter().enumerate() {
            if before.get(number) != Some(&new) {
                let number = u16::try_from(number).map_err(|_| {
                    VaultError::Limit(format!(
                        "card {card} has more events than this version can hold"
                    ))
                })?;
                self.rows.set(key::events(card, number), Some(new));
            }
        }
        Ok(())
    }
}

/// All known events of a card.
pub(crate) fn read_events<R: ReadRows>(rows: &R, card: CardId) -> VaultResult<BTreeSet<Event>> {
    let mut events = BTreeSet::new();
    for number in 0..=u16::MAX {
        let key = key::events(card, number);
        let Some(bytes) = rows.row(&key)? else { break };
        let before = events.len();
        row::decode_events(&bytes, &mut events).map_err(|_| super::damaged(&key))?;
        if events.len() - before < limit::EVENTS_PER_ROW_MAX {
            break;
        }
    }
    Ok(events)
}

/// The figures over the whole vault.
pub(crate) fn totals<R: ReadRows>(rows: &R) -> VaultResult<TotalsRow> {
    Ok(rows.read(key::TOTALS)?.unwrap_or_default())
}

/// Notes how many texts of a card or a deck wait for a choice.
pub(crate) fn change_conflicts<R: Rows>(
    rows: &mut R,
    place: &[u8; 16],
    of_deck: bool,
    old: usize,
    new: usize,
) {
    if old == new {
        return;
    }
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let row = ConflictsRow {
        of_deck,
        count: count(new),
    };
    rows.set(key::conflicts(place), (new > 0).then(|| row::encode(&row)));
}

/// Days on which a card was answered so that it counts (`queue::done_by` for every day at once), ascending.
fn study_days(events: &BTreeSet<Event>) -> Vec<Day> {
    let undone: BTreeSet<_> = events
        .iter()
        .filter_map(|event| match event.kind {
            Kind::Void { target } => Some(target),
            _ => None,
        })
        .collect();
    let days: BTreeSet<Day> = events
        .iter()
        .filter(|event| event.kind.is_counted() && !undone.contains(&event.id))
        .map(|event| event.day)
        .collect();
    days.into_iter().collect()
}
