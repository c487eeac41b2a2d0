//! Undo and redo: every step a person made on this device, turned round in the order it was made. What another device
//! changed since is left as it is: only what still is as the step left it goes back. A turned step is itself a step, so
//! that redo is the same walk the other way.

use domain::document::settings::SettingsView;
use domain::document::{deck as deck_document, settings};
use domain::note::NoteType;
use domain::schedule::Epoch;
use domain::{CardId, Day, DeckId, EventId, Item, Kind};
use serde::Serialize;

use super::patch::CardPatch;
use super::view::Undone;
use super::write::Tx;
use super::{Vault, VaultError, VaultResult};
use crate::index::{CardRow, DeckRow, ReadRows, Rows, SettingsRow, damaged, key, read_events};
use crate::limit;
use crate::undo_log::{self, Done, Face, Heads, Stack, StepRow};

/// A step that can be taken back or made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepShown {
    /// What was done.
    pub words: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// What turning a part round came to.
#[derive(Debug, Default)]
struct Turned {
    changed: u64,
    left: u64,
    event: Option<EventId>,
    card: Option<CardId>,
}

impl Vault {
    /// Takes back this device's last step that was not taken back yet.
    ///
    /// # Errors
    /// There is none.
    pub fn undo(&mut self) -> VaultResult<Undone> {
        self.turn(Stack::Done, VaultError::NothingToUndo)
    }

    /// Makes the step again that was taken back last.
    ///
    /// # Errors
    /// There is none: a new step ends what could be made again.
    pub fn redo(&mut self) -> VaultResult<Undone> {
        self.turn(Stack::Undone, VaultError::NothingToRedo)
    }

    /// The steps that can be taken back, the last one first.
    ///
    /// # Errors
    /// The vault cannot be read.
    pub fn undo_steps(&self, count: usize) -> VaultResult<Vec<StepShown>> {
        self.steps(Stack::Done, count)
    }

    /// The steps that can be made again, the next one first.
    ///
    /// # Errors
    /// The vault cannot be read.
    pub fn redo_steps(&self, count: usize) -> VaultResult<Vec<StepShown>> {
        self.steps(Stack::Undone, count)
    }

    /// How many steps there are to take back.
    pub(crate) fn step_count(&self) -> VaultResult<u64> {
        Ok(Heads::read(&self.store)?.done)
    }

    fn steps(&self, stack: Stack, count: usize) -> VaultResult<Vec<StepShown>> {
        let mut steps = Vec::new();
        for number in (0..Heads::read(&self.store)?.of(stack)).rev().take(count) {
            let Some(step) = undo_log::step(&self.store, stack, number)? else {
                break;
            };
            steps.push(StepShown {
                words: step.words,
                at_ms: step.at_ms,
            });
        }
        Ok(steps)
    }

    /// Turns the last step of a stack round, a part in each commit, the last part first. Cut off on the way, the next call
    /// goes on with the same step.
    fn turn(&mut self, stack: Stack, none: VaultError) -> VaultResult<Undone> {
        let Some((number, step)) = undo_log::last(&self.store, stack)? else {
            return Err(none);
        };
        let mut all = Turned::default();
        for part in (0..step.parts).rev() {
            let turned = self.write(|tx| tx.turn_part(stack, number, part))?;
            all.changed += turned.changed;
            all.left += turned.left;
            all.event = all.event.or(turned.event);
            all.card = all.card.or(turned.card);
        }
        let row: Option<CardRow> = match all.card {
            Some(card) => self.store.read(&key::card(card))?,
            None => None,
        };
        Ok(Undone {
            words: step.words,
            changed: all.changed,
            left: all.left,
            event: all.event,
            card: all.card,
            box_after: row.as_ref().map(|row| row.state.box_number),
            due_day: row.and_then(|row| row.state.due().as_ref().map(Day::to_string)),
        })
    }

    /// A card in a few words, for the words of a step.
    pub(crate) fn card_words(&self, card: CardId) -> String {
        let row: Option<CardRow> = self.store.read(&key::card(card)).ok().flatten();
        let text = row.map(|row| row.first_words()).unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().count() > limit::STEP_LETTERS {
            let short: String = text.chars().take(limit::STEP_LETTERS).collect();
            format!("\"{short}...\"")
        } else {
            format!("\"{text}\"")
        }
    }
}

impl Tx<'_> {
    /// Keeps what was changed as a step, or as a further part of the batch's.
    pub(crate) fn keep_step(&mut self, words: &str) -> VaultResult<()> {
        let done = self.done.take().unwrap_or_default();
        if done.is_empty() {
            return Ok(());
        }
        let held = self.batch.as_ref().and_then(|batch| batch.number);
        let (number, mut step) = match held {
            Some(number) => (number, self.step_row(Stack::Done, number)?),
            None => {
                let heads = Heads::read(&self.writer)?;
                for number in 0..heads.undone {
                    undo_log::forget(&mut self.writer, Stack::Undone, number)?;
                }
                if let Some(oldest) = heads.done.checked_sub(limit::UNDO_STEPS_MAX) {
                    undo_log::forget(&mut self.writer, Stack::Done, oldest)?;
                }
                let heads = Heads { undone: 0, ..heads };
                heads.set(&mut self.writer, Stack::Done, heads.done + 1);
                let words = self
                    .batch
                    .as_ref()
                    .map_or(words, |batch| batch.words.as_str());
                (heads.done, self.new_step(words, None))
            }
        };
        if let Some(batch) = &mut self.batch {
            batch.number = Some(number);
        }
        undo_log::append(&mut self.writer, Stack::Done, number, &mut step, &done);
        Ok(())
    }

    fn new_step(&self, words: &str, of: Option<u64>) -> StepRow {
        StepRow {
            words: words.to_owned(),
            at_ms: self.now.at.0,
            parts: 0,
            of,
        }
    }

    fn step_row(&self, stack: Stack, number: u64) -> VaultResult<StepRow> {
        let key = key::step(stack.code(), number);
        self.writer.read(&key)?.ok_or_else(|| damaged(&key))
    }

    /// Turns one part of a step round: its changes go back, and what that changes becomes a part of the step on the other
    /// stack.
    fn turn_part(&mut self, stack: Stack, number: u64, part: u32) -> VaultResult<Turned> {
        let step = self.step_row(stack, number)?;
        let changes = undo_log::part(&self.writer, stack, number, part)?;
        self.done = Some(Vec::new());
        let turned = self.turn_changes(&changes)?;
        let done = self.done.take().unwrap_or_default();
        let other = stack.other();
        let heads = Heads::read(&self.writer)?;
        let begun = undo_log::last(&self.writer, other)?.filter(|(_, row)| row.of == Some(number));
        let (to, mut row) = match begun {
            Some(begun) => begun,
            None => (heads.of(other), self.new_step(&step.words, Some(number))),
        };
        heads.set(&mut self.writer, other, to + 1);
        row.of = (part > 0).then_some(number);
        row.at_ms = step.at_ms;
        undo_log::append(&mut self.writer, other, to, &mut row, &done);
        self.writer.set(key::part(stack.code(), number, part), None);
        let left = StepRow {
            parts: part,
            ..step
        };
        let rest = (part > 0).then(|| crate::index::row::encode(&left));
        if rest.is_none() {
            Heads::read(&self.writer)?.set(&mut self.writer, stack, number);
        }
        self.writer.set(key::step(stack.code(), number), rest);
        Ok(turned)
    }

    fn turn_changes(&mut self, changes: &[Done]) -> VaultResult<Turned> {
        let mut turned = Turned::default();
        let mut patches: Vec<(CardId, CardPatch)> = Vec::new();
        // After the cards: an edit of a card keeps its deck alive.
        let mut decks = Vec::new();
        for change in changes.iter().rev() {
            match change {
                Done::CardAdded(card) => patches.push((*card, CardPatch::visibility(false))),
                Done::Card(card, before, after) => {
                    // Later changes of the same cards are turned first.
                    if patches.iter().any(|(patched, _)| patched == card) {
                        turned.changed += self.patch_cards(&std::mem::take(&mut patches))?;
                    }
                    let row = self.card_row(*card)?;
                    let (patch, left) = back_to(before, after, &Face::from(row));
                    turned.left += u64::from(left);
                    patches.push((*card, patch));
                    turned.card = Some(*card);
                }
                Done::DeckAdded(_) | Done::Deck(..) => decks.push(change),
                Done::Settings(before, after) => {
                    self.settings_back(before, after)?;
                    turned.changed += 1;
                }
                Done::Event(card, event) => {
                    self.void(*card, *event)?;
                    turned.changed += 1;
                    (turned.event, turned.card) = (Some(*event), Some(*card));
                }
                Done::Voided(card, event) => {
                    turned.event = self.record_again(*card, *event)?;
                    turned.changed += 1;
                    turned.card = Some(*card);
                }
            }
        }
        turned.changed += self.patch_cards(&patches)?;
        for change in decks {
            match change {
                Done::DeckAdded(deck) => {
                    self.edit_deck(*deck, |doc, _| deck_document::remove(doc))?;
                }
                Done::Deck(deck, before, after) => self.deck_back(*deck, before, after)?,
                _ => continue,
            }
            turned.changed += 1;
        }
        Ok(turned)
    }

    fn void(&mut self, card: CardId, target: EventId) -> VaultResult<()> {
        let row = self.card_row(card)?;
        let moment = self.now;
        let day = self.day_of(moment, row.deck);
        let box_number = row.state.box_number;
        let event = self.event(card, Kind::Void { target }, moment, day, box_number)?;
        self.record(event)
    }

    /// Records a voided event once more, as a new one of the same day: a void is for ever.
    fn record_again(&mut self, card: CardId, event: EventId) -> VaultResult<Option<EventId>> {
        let events = read_events(&self.writer, card)?;
        let Some(found) = events.iter().find(|held| held.id == event) else {
            return Ok(None);
        };
        let again = domain::Event {
            id: self.event_id()?,
            device: self.device(),
            hlc: self.tick(),
            ..*found
        };
        self.record(again)?;
        Ok(Some(again.id))
    }

    fn deck_back(&mut self, deck: DeckId, before: &DeckRow, after: &DeckRow) -> VaultResult<()> {
        let now: DeckRow = self
            .writer
            .read(&key::deck(deck))?
            .ok_or_else(|| super::lookup::no_deck(&deck.to_string()))?;
        let before = before.clone();
        let after = after.clone();
        self.edit_deck(deck, |doc, device| {
            if before.visible && !now.visible {
                deck_document::restore(doc, device)?;
            }
            if before.name != after.name && now.name == after.name {
                deck_document::rename(doc, &before.name, device)?;
            }
            if before.description != after.description && now.description == after.description {
                deck_document::describe(doc, &before.description, device)?;
            }
            if before.archived != after.archived && now.archived == after.archived {
                deck_document::set_archived(doc, before.archived, device)?;
            }
            let new = three_way(&before.new_per_day, &after.new_per_day, &now.new_per_day);
            let reviews = three_way(
                &before.reviews_per_day,
                &after.reviews_per_day,
                &now.reviews_per_day,
            );
            deck_document::set_daily_limits(doc, new, reviews, device)?;
            let lapses = three_way(&before.leech_lapses, &after.leech_lapses, &now.leech_lapses);
            let stays = three_way(&before.leech_stays, &after.leech_stays, &now.leech_stays);
            deck_document::set_leech(doc, lapses, stays, device)?;
            if !before.visible && now.visible {
                deck_document::remove(doc)?;
            }
            Ok(())
        })
    }

    /// Figures go back; an epoch is followed by one that says what held before it.
    fn settings_back(&mut self, before: &SettingsRow, after: &SettingsRow) -> VaultResult<()> {
        let now = self.settings.view();
        let (before, after) = (before.view(), after.view());
        let new = three_way(&before.new_per_day, &after.new_per_day, &now.new_per_day);
        let reviews = three_way(
            &before.reviews_per_day,
            &after.reviews_per_day,
            &now.reviews_per_day,
        );
        let weights = three_way(&before.weights, &after.weights, &now.weights);
        let hour = three_way(
            &before.rollover_hour,
            &after.rollover_hour,
            &now.rollover_hour,
        );
        // What the step made goes, what it changed or took goes back, unless it was changed again since.
        let named = |view: &SettingsView, name: &str| -> Option<NoteType> {
            let found = view.note_types.iter().find(|kind| kind.name == name);
            found.cloned()
        };
        let (mut types_back, mut types_gone) = (Vec::new(), Vec::new());
        for kind in after.note_types.iter().chain(&before.note_types) {
            let [was, left, is] = [&before, &after, &now].map(|view| named(view, &kind.name));
            match was {
                was if was == left || is != left => {}
                Some(was) => types_back.push(was),
                None => types_gone.push(kind.name.clone()),
            }
        }
        let rules = domain::schedule::Rules::of(before.epochs.iter().copied());
        let mut epochs = Vec::new();
        for added in after
            .epochs
            .iter()
            .filter(|epoch| !before.epochs.contains(epoch))
        {
            let deck = added.deck.unwrap_or(DeckId::from_bytes([0; 16]));
            epochs.push(Epoch {
                hlc: self.tick(),
                scheduler: rules.scheduler(deck, added.day_from),
                inherits: added.deck.is_some_and(|deck| !rules.is_own(deck)),
                rollover_hour: domain::schedule::rollover_hour(&rules.epochs, deck, added.day_from),
                ..*added
            });
        }
        self.edit_settings(|doc| {
            settings::set_daily_limits(doc, new, reviews)?;
            settings::set_weights(doc, weights.as_ref())?;
            for kind in &types_gone {
                settings::remove_note_type(doc, kind)?;
            }
            for kind in &types_back {
                settings::put_note_type(doc, kind)?;
            }
            if let Some(hour) = hour {
                settings::set_rollover_hour(doc, hour)?;
            }
            epochs
                .iter()
                .try_for_each(|epoch| settings::add_epoch(doc, epoch))
        })
    }
}

/// What was before, unless it was changed again since.
fn three_way<T: Clone + PartialEq>(before: &T, after: &T, now: &T) -> T {
    if now == after { before } else { now }.clone()
}

/// What brings a card back to what it was, and whether something of it was changed since and stays.
fn back_to(before: &Face, after: &Face, now: &Face) -> (CardPatch, bool) {
    let mut left = false;
    let mut wanted = |changed: bool, as_left: bool| {
        left |= changed && !as_left;
        changed && as_left
    };
    let side = |stored: &[String]| stored.iter().map(|item| Item::parse(item)).collect();
    let mut patch = CardPatch::default();
    if wanted(before.front != after.front, now.front == after.front) {
        patch.front = Some(side(&before.front));
    }
    if wanted(before.back != after.back, now.back == after.back) {
        patch.back = Some(side(&before.back));
    }
    if wanted(before.fields != after.fields, now.fields == after.fields) {
        patch.fields = before.fields.clone();
        // A field that the change added goes back to nothing.
        for name in after.fields.keys() {
            patch.fields.entry(name.clone()).or_default();
        }
    }
    if wanted(
        before.suspended != after.suspended,
        now.suspended == after.suspended,
    ) {
        patch.suspended = Some(before.suspended);
    }
    if wanted(before.flag != after.flag, now.flag == after.flag) {
        patch.flag = Some(before.flag);
    }
    if wanted(before.deck != after.deck, now.deck == after.deck) {
        patch.deck = Some(before.deck);
    }
    if wanted(
        before.visible != after.visible,
        now.visible == after.visible,
    ) {
        patch.visible = Some(before.visible);
    }
    let gone = |from: &Face, to: &Face| -> Vec<domain::TagId> {
        let missing = from.tags.iter().filter(|tag| !to.tags.contains(tag));
        missing.copied().collect()
    };
    patch.tag = gone(before, after);
    patch.untag = gone(after, before);
    (patch, left)
}
