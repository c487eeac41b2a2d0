//! Answers: recorded as events in the journal before anything else happens, taken back by further events, and folded into
//! the device's log documents when it is time.

use std::collections::BTreeMap;

use domain::document::events;
use domain::{
    CardId, CardState, Day, DeckId, DeviceId, DocId, Event, EventId, Grade, Kind, Month, schedule,
};

use super::input::{Answer, AnswerAs};
use super::view::{GradePreview, Reviewed};
use super::why::grade_name;
use super::write::Tx;
use super::{Vault, VaultError, VaultResult};
use crate::clock::Moment;
use crate::index::{CardRow, ReadRows, Rows, SettingsRow, damaged, key, read_events};
use crate::limit;
use crate::local_state;

/// All grades, in their order.
const GRADES: [Grade; 4] = [Grade::Again, Grade::Hard, Grade::Good, Grade::Easy];

impl Vault {
    /// Records an answer; when this returns it is durable.
    ///
    /// # Errors
    /// There is no such card, it was removed, or a figure of the answer is out of range.
    pub fn review(&mut self, card: CardId, answer: Answer) -> VaultResult<Reviewed> {
        self.answer(card, answer, AnswerAs::Scheduled)
    }

    /// As [`Vault::review`], for what the answer is to the schedule.
    pub(crate) fn answer(
        &mut self,
        card: CardId,
        answer: Answer,
        how: AnswerAs,
    ) -> VaultResult<Reviewed> {
        let words = format!(
            "answered {} to the card {}",
            grade_name(answer.grade),
            self.card_words(card)
        );
        self.step(&words, |tx| tx.answer(card, answer, how))
    }

    /// Turns the journal into changes of this device's log documents, so that they can be sent. Called before a sync and at
    /// the end of a sitting; the reviews themselves are durable before.
    ///
    /// # Errors
    /// A document cannot be read or written; the journal stays as it was.
    pub fn fold_journal(&mut self) -> VaultResult<()> {
        while self.store.last(key::JOURNAL)?.is_some() {
            self.write(|tx| tx.fold_some())?;
        }
        Ok(())
    }

    /// Events that are durable but in no document yet.
    pub(crate) fn journal_len(&self) -> VaultResult<u64> {
        let mut count = 0;
        for entry in self.store.scan(key::JOURNAL) {
            entry?;
            count += 1;
        }
        Ok(count)
    }
}

impl Vault {
    /// Where each grade would put a card if it were given now, in the order of the grades; nothing is recorded.
    ///
    /// # Errors
    /// There is no such card.
    pub(crate) fn previews(&self, card: CardId) -> VaultResult<Vec<GradePreview>> {
        let row: Option<CardRow> = self.store.read(&key::card(card))?;
        let row = row.ok_or_else(|| super::lookup::no_card(&card.to_string()))?;
        let events = read_events(&self.store, card)?;
        let moment = self.now();
        let day = day_of(self.settings(), moment, row.deck);
        let before = row.state.to_state();
        let rules = self.settings().rules();
        let unix_ms = u64::try_from(moment.at.0).unwrap_or(0);
        let answered = |grade| Event {
            id: EventId::v7(unix_ms, [u8::MAX; 10]),
            card,
            device: self.device_id(),
            hlc: local_state::read_clock(&self.store)
                .unwrap_or_default()
                .tick(moment.at),
            at: moment.at,
            offset_min: moment.offset,
            day,
            grade: Some(grade),
            difficulty: None,
            response_ms: 0,
            kind: before.kind_of_answer(day),
            prev_box: before.box_number,
            new_box: before.box_number,
        };
        let preview = |grade| {
            let after = schedule::next_state(&events, &answered(grade), &rules, row.deck);
            GradePreview {
                grade: grade_name(grade).to_owned(),
                box_after: after.box_number,
                due_day: after.due.as_ref().map(Day::to_string),
                days: after.due.map(|due| due.0.saturating_sub(day.0)),
            }
        };
        Ok(GRADES.into_iter().map(preview).collect())
    }
}

/// The study day of an instant in a deck.
fn day_of(settings: &SettingsRow, moment: Moment, deck: DeckId) -> Day {
    let day = moment.day(settings.rollover_hour());
    schedule::epoch_in_force(&settings.rules().epochs, deck, day)
        .map_or(day, |epoch| moment.day(epoch.rollover_hour))
}

impl Tx<'_> {
    fn answer(&mut self, card: CardId, answer: Answer, how: AnswerAs) -> VaultResult<Reviewed> {
        let row = self.card_row(card)?;
        if !row.visible {
            return Err(VaultError::Refused(format!(
                "card {card} was removed; restore it before reviewing it"
            )));
        }
        let before = row.state.to_state();
        let moment = answer.at.unwrap_or(self.now);
        let day = self.day_of(moment, row.deck);
        let kind = match how {
            AnswerAs::Scheduled => before.kind_of_answer(day),
            AnswerAs::Repeat => Kind::Learn,
            AnswerAs::Cram => Kind::Cram,
        };
        let mut event = self.event(card, kind, moment, day, before.box_number)?;
        event.grade = Some(answer.grade);
        event.difficulty = answer.difficulty;
        event.response_ms = answer.response_ms.unwrap_or(0);
        event.new_box = self.state_with(&row, &event)?.box_number;
        event
            .check()
            .map_err(|why| VaultError::Refused(format!("this answer cannot be recorded: {why}")))?;
        self.record(event)?;
        let after = self.card_row(card)?.state;
        let leech = after.lapses > before.lapses && self.is_leech(row.deck, after.lapses)?;
        if leech {
            self.set_leech(card, row.deck)?;
        }
        Ok(Reviewed {
            event: event.id,
            card,
            box_before: before.box_number,
            box_after: after.box_number,
            due_day: after.due().as_ref().map(Day::to_string),
            leech,
        })
    }

    fn state_with(&self, row: &CardRow, event: &Event) -> VaultResult<CardState> {
        let events = read_events(&self.writer, event.card)?;
        Ok(schedule::next_state(
            &events,
            event,
            &self.settings.rules(),
            row.deck,
        ))
    }

    /// An event of this device, complete but for its grade.
    pub(crate) fn event(
        &mut self,
        card: CardId,
        kind: Kind,
        moment: Moment,
        day: Day,
        box_number: u8,
    ) -> VaultResult<Event> {
        Ok(Event {
            id: self.event_id()?,
            card,
            device: self.device(),
            hlc: self.tick(),
            at: moment.at,
            offset_min: moment.offset,
            day,
            grade: None,
            difficulty: None,
            response_ms: 0,
            kind,
            prev_box: box_number,
            new_box: box_number,
        })
    }

    /// The study day of an instant in a deck.
    pub(crate) fn day_of(&self, moment: Moment, deck: DeckId) -> Day {
        day_of(&self.settings, moment, deck)
    }

    /// Folds as much of the journal as fits into one change of each month's document.
    pub(crate) fn fold_some(&mut self) -> VaultResult<()> {
        let mut by_month: BTreeMap<(DeviceId, Month), Vec<Event>> = BTreeMap::new();
        for (key, packed) in self
            .writer
            .scan(key::JOURNAL)?
            .into_iter()
            .take(limit::EVENTS_PER_CHANGE_MAX)
        {
            let id = key::last16(&key)
                .map(EventId::from_bytes)
                .ok_or_else(|| damaged(&key))?;
            let event = Event::unpack(id, &packed).map_err(|_| damaged(&key))?;
            let month = Day::of(event.at, domain::OffsetMin(0), 0).month();
            by_month
                .entry((event.device, month))
                .or_default()
                .push(event);
        }
        for ((device, month), events) in by_month {
            self.fold_month(device, month, &events)?;
        }
        Ok(())
    }

    fn fold_month(&mut self, device: DeviceId, month: Month, events: &[Event]) -> VaultResult<()> {
        let mut segment = local_state::open_segment(&self.writer, device, month.yyyymm())?;
        let mut rest = events;
        while !rest.is_empty() {
            let document = DocId::events(device, month, segment);
            let doc = self.writer.document(document)?;
            let (is_new, room) = (doc.get_heads().is_empty(), events::room(doc));
            let (now, later) = rest.split_at(room.min(rest.len()));
            if now.is_empty() {
                segment = segment.checked_add(1).ok_or_else(|| {
                    VaultError::Limit(format!(
                        "this device has recorded more in {month} than a vault can hold"
                    ))
                })?;
                continue;
            }
            self.edit(document, |doc| {
                if is_new {
                    events::create(doc, device, month)?;
                }
                events::append(doc, now)
            })?;
            now.iter()
                .for_each(|event| self.writer.set(key::journal(event.id), None));
            rest = later;
        }
        local_state::put_open_segment(&mut self.writer, device, month.yyyymm(), segment);
        Ok(())
    }
}
