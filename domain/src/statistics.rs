//! Statistics: what the events of all cards add up to. A pure sum over cards, so that the order in which cards and events
//! come makes no difference and two devices that have seen the same show the same figures. Which events count is decided
//! by `schedule`; charts and words are the client's.

mod answers;
mod boxes;
mod figures;
mod memory;
mod outlook;

pub use figures::{
    BoxCounts, BoxSample, Boxes, DayFigures, DeviceDay, DeviceLane, Forecast, ForecastDay,
    ForgettingBucket, HourFigures, Join, MonthRetention, Retention, RetentionByAge, Share,
    Statistics, Streak, Tally, Today,
};

use crate::event::Event;
use crate::id::{DeckId, DeviceId};
use crate::limit;
use crate::schedule::{self, Rules};
use crate::time::Day;

use answers::Answers;
use boxes::BoxHistory;
use memory::Memory;
use outlook::Outlook;

/// The days that statistics tell of: some that end with today, and some to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    today: Day,
    days: u32,
}

impl Span {
    /// The last `days` days, today included: 1 at least, [`limit::STATISTICS_DAYS_MAX`] at most.
    pub fn new(today: Day, days: u32) -> Self {
        Self {
            today,
            days: days.clamp(1, limit::STATISTICS_DAYS_MAX),
        }
    }

    /// The present study day.
    pub const fn today(self) -> Day {
        self.today
    }

    /// The first of the days looked back at.
    pub fn first(self) -> Day {
        self.today.plus(1 - self.days.cast_signed())
    }

    /// Number of days looked back at.
    pub const fn days(self) -> u32 {
        self.days
    }

    /// Place of a day in the span, from 0; nothing for a day before it or still to come.
    fn place(self, day: Day) -> Option<usize> {
        let place = usize::try_from(day.since(self.first())).ok()?;
        (day <= self.today).then_some(place)
    }

    fn day_at(self, place: usize) -> Day {
        self.first().plus(i32::try_from(place).unwrap_or(i32::MAX))
    }
}

/// Takes the cards one after another, in any order, and gives their statistics.
#[derive(Debug)]
pub struct Gatherer {
    span: Span,
    answers: Answers,
    memory: Memory,
    boxes: BoxHistory,
    outlook: Outlook,
}

impl Gatherer {
    /// A gatherer that has seen no card.
    pub fn new(span: Span) -> Self {
        Self {
            span,
            answers: Answers::new(span),
            memory: Memory::new(span),
            boxes: BoxHistory::new(span),
            outlook: Outlook::new(span),
        }
    }

    /// Adds a card: once, with all its events, given in any order and any number of times. A suspended card's past counts
    /// as any other's; it is not expected in days to come.
    pub fn add<'a>(
        &mut self,
        events: impl IntoIterator<Item = &'a Event>,
        rules: &Rules,
        deck: DeckId,
        suspended: bool,
    ) {
        self.answers.begin_card();
        self.memory.begin_card();
        self.boxes.begin_card();
        let state = schedule::fold_by_day(events, rules, deck, |step| {
            self.answers.add(step);
            self.memory.add(step);
            self.boxes.add(step);
        });
        self.boxes.end_card();
        self.outlook.add(&state, suspended);
    }

    /// The figures. `name_of` names devices for a person.
    pub fn finish(self, name_of: impl Fn(DeviceId) -> String) -> Statistics {
        let (cards, boxes_now, due) = (self.outlook.cards, self.outlook.boxes, self.outlook.due);
        let today = Today {
            answers: self.answers.today(),
            due,
            new: boxes_now.new,
        };
        let (devices, joins) = self.answers.lanes(name_of);
        let (retention, forgetting) = self.memory.finish();
        Statistics {
            today_day: self.span.today,
            first_day: self.span.first(),
            days_looked_back: self.span.days,
            cards,
            suspended: self.outlook.suspended,
            today,
            streak: self.answers.streak(),
            total: self.answers.total(),
            forecast: self.outlook.forecast(),
            boxes: Boxes {
                now: boxes_now,
                step_days: self.boxes.step_days(),
                over_time: self.boxes.samples(),
            },
            retention,
            forgetting,
            hours: self.answers.hours(),
            days: self.answers.days(),
            devices,
            joins,
        }
    }
}
