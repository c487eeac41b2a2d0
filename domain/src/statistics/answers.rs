//! Answers by day, hour and device, the days in a row, and where one device went on with another's cards.

use std::collections::{BTreeMap, BTreeSet};

use super::Span;
use super::figures::{DayFigures, DeviceDay, DeviceLane, HourFigures, Join, Streak, Tally};
use crate::event::Event;
use crate::id::DeviceId;
use crate::schedule::DayStep;
use crate::time::Day;

const HOURS: i64 = 24;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

#[derive(Debug)]
pub(super) struct Answers {
    span: Span,
    /// By place in the span.
    by_day: Vec<Tally>,
    by_hour: Vec<Tally>,
    /// Of the whole history, days to come left out.
    studied: BTreeSet<Day>,
    /// By place in the span.
    by_device: BTreeMap<DeviceId, Vec<u64>>,
    joins: BTreeMap<(Day, DeviceId, DeviceId), u64>,
    /// Of the card at hand.
    last_device: Option<DeviceId>,
}

impl Answers {
    pub(super) fn new(span: Span) -> Self {
        Self {
            span,
            by_day: vec![Tally::default(); days_of(span)],
            by_hour: (0..HOURS).map(|_| Tally::default()).collect(),
            studied: BTreeSet::new(),
            by_device: BTreeMap::new(),
            joins: BTreeMap::new(),
            last_device: None,
        }
    }

    pub(super) fn begin_card(&mut self) {
        self.last_device = None;
    }

    pub(super) fn add(&mut self, step: &DayStep<'_>) {
        let answers = || step.events.iter().filter(|event| event.kind.is_answer());
        let Some(last) = answers().next_back() else {
            return;
        };
        if step.day <= self.span.today() {
            self.studied.insert(step.day);
        }
        match self.span.place(step.day) {
            Some(place) => answers().for_each(|event| self.add_answer(place, event)),
            None => self.last_device = Some(last.device),
        }
    }

    fn add_answer(&mut self, place: usize, event: &Event) {
        let Some(grade) = event.grade else { return };
        if let Some(tally) = self.by_day.get_mut(place) {
            tally.add(grade, event.response_ms);
        }
        let local_ms = event
            .at
            .0
            .saturating_add(i64::from(event.offset_min.0) * MINUTE_MS);
        let hour = local_ms.div_euclid(HOUR_MS).rem_euclid(HOURS);
        let hour = usize::try_from(hour).unwrap_or(0);
        if let Some(tally) = self.by_hour.get_mut(hour) {
            tally.add(grade, event.response_ms);
        }
        let days = days_of(self.span);
        let lane = self
            .by_device
            .entry(event.device)
            .or_insert_with(|| vec![0; days]);
        if let Some(count) = lane.get_mut(place) {
            *count += 1;
        }
        if let Some(from) = self
            .last_device
            .replace(event.device)
            .filter(|from| *from != event.device)
        {
            *self
                .joins
                .entry((event.day, from, event.device))
                .or_default() += 1;
        }
    }

    pub(super) fn today(&self) -> Tally {
        self.by_day.last().copied().unwrap_or_default()
    }

    pub(super) fn total(&self) -> Tally {
        self.by_day
            .iter()
            .fold(Tally::default(), |sum, tally| sum.plus(*tally))
    }

    pub(super) fn days(&self) -> Vec<DayFigures> {
        let days = self.by_day.iter().enumerate();
        days.filter(|(_, tally)| tally.answers > 0)
            .map(|(place, tally)| DayFigures {
                day: self.span.day_at(place),
                tally: *tally,
            })
            .collect()
    }

    pub(super) fn hours(&self) -> Vec<HourFigures> {
        let hours = (0..).zip(&self.by_hour);
        hours
            .map(|(hour, tally)| HourFigures {
                hour,
                tally: *tally,
            })
            .collect()
    }

    /// Today breaks no streak while it has no answer: it is not over.
    pub(super) fn streak(&self) -> Streak {
        let (mut longest, mut run, mut last) = (0, 0, None);
        for day in &self.studied {
            run = match last {
                Some(last) if day.since(last) == 1 => run + 1,
                _ => 1,
            };
            longest = longest.max(run);
            last = Some(*day);
        }
        let unbroken = last.is_some_and(|last| self.span.today().since(last) <= 1);
        Streak {
            current_days: if unbroken { run } else { 0 },
            longest_days: longest,
            studied_days: u32::try_from(self.studied.len()).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn lanes(
        &self,
        name_of: impl Fn(DeviceId) -> String,
    ) -> (Vec<DeviceLane>, Vec<Join>) {
        let mut lanes: Vec<DeviceLane> = self
            .by_device
            .iter()
            .map(|(device, counts)| DeviceLane {
                device: *device,
                name: name_of(*device),
                answers: counts.iter().sum(),
                days: counts
                    .iter()
                    .enumerate()
                    .filter(|(_, answers)| **answers > 0)
                    .map(|(place, answers)| DeviceDay {
                        day: self.span.day_at(place),
                        answers: *answers,
                    })
                    .collect(),
            })
            .collect();
        // Stable: of equally busy devices the one with the lesser id comes first.
        lanes.sort_by_key(|lane| std::cmp::Reverse(lane.answers));
        let joins = self.joins.iter().map(|((day, from, to), cards)| Join {
            day: *day,
            from: *from,
            to: *to,
            cards: *cards,
        });
        (lanes, joins.collect())
    }
}

fn days_of(span: Span) -> usize {
    usize::try_from(span.days()).unwrap_or(0)
}
