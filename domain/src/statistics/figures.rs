//! The figures as plain values. Their fields are the JSON that other programs rely on: ISO dates, units in the names, shares
//! as whole permille, no fractions, so that equal histories give equal bytes.

use serde::{Serialize, Serializer};

use crate::event::Grade;
use crate::id::DeviceId;
use crate::limit;
use crate::time::{Day, Month};

/// Statistics of some cards over some days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// The study day they were made on.
    #[serde(rename = "day", serialize_with = "iso")]
    pub today_day: Day,
    /// The first day looked back at.
    #[serde(serialize_with = "iso")]
    pub first_day: Day,
    /// Days from the first to this one, both included.
    pub days_looked_back: u32,
    /// Cards, suspended ones included.
    pub cards: u64,
    /// Cards kept out of study.
    pub suspended: u64,
    /// This day.
    pub today: Today,
    /// Days in a row.
    pub streak: Streak,
    /// All answers of the days looked back at.
    pub total: Tally,
    /// When cards fall due.
    pub forecast: Forecast,
    /// How far cards have come.
    pub boxes: Boxes,
    /// How much was still known.
    pub retention: Retention,
    /// How much was still known after how long.
    pub forgetting: Vec<ForgettingBucket>,
    /// Answers by the hour of the clock where they were given; 24 entries.
    pub hours: Vec<HourFigures>,
    /// Days with answers, oldest first.
    pub days: Vec<DayFigures>,
    /// Who answered where, most answers first.
    pub devices: Vec<DeviceLane>,
    /// Days on which one device went on with cards of another, oldest first.
    pub joins: Vec<Join>,
}

/// The present study day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Today {
    /// Answers given.
    #[serde(flatten)]
    pub answers: Tally,
    /// Known cards that are due still, late ones included; daily limits are not applied.
    pub due: u64,
    /// Cards never studied that could be; daily limits are not applied.
    pub new: u64,
}

/// Days in a row with answers, over the whole history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Streak {
    /// Up to today, or up to yesterday while today has no answer yet.
    pub current_days: u32,
    /// The longest ever.
    pub longest_days: u32,
    /// All days with answers.
    pub studied_days: u32,
}

/// Answers of all kinds, repeats and cramming included, undone ones not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All of them.
    pub answers: u64,
    /// Wrong ones.
    pub again: u64,
    /// Right with effort.
    pub hard: u64,
    /// Right.
    pub good: u64,
    /// Right at once.
    pub easy: u64,
    /// Time they took; an answer counts a minute at most.
    pub time_ms: u64,
}

/// A day with answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DayFigures {
    /// The study day.
    #[serde(serialize_with = "iso")]
    pub day: Day,
    /// Its answers.
    #[serde(flatten)]
    pub tally: Tally,
}

/// An hour of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HourFigures {
    /// From 0 to 23, by the clock of the place where the answer was given.
    pub hour: u32,
    /// Its answers.
    #[serde(flatten)]
    pub tally: Tally,
}

/// When cards fall due if nothing is studied before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Cards whose day has passed.
    pub late: u64,
    /// Today and the days after.
    pub days: Vec<ForecastDay>,
    /// Cards due after the last of these days.
    pub later: u64,
}

/// A day to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ForecastDay {
    /// The study day.
    #[serde(serialize_with = "iso")]
    pub day: Day,
    /// Cards that fall due on it.
    pub due: u64,
    /// Cards that would wait at its end if nothing were studied until then.
    pub backlog: u64,
}

/// How far cards have come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Boxes {
    /// At present.
    pub now: BoxCounts,
    /// Days between two samples.
    pub step_days: u32,
    /// At the ends of days, oldest first; the last is today.
    pub over_time: Vec<BoxSample>,
}

/// Cards by box.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BoxCounts {
    /// Never studied; suspended ones are left out.
    pub new: u64,
    /// In boxes 1 to 5.
    pub boxes: [u64; 5],
    /// Past the last box and not asked again.
    pub retired: u64,
}

/// Cards by box at the end of a day; cards not studied until then are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BoxSample {
    /// The study day.
    #[serde(serialize_with = "iso")]
    pub day: Day,
    /// In boxes 1 to 5.
    pub boxes: [u64; 5],
    /// Past the last box.
    pub retired: u64,
}

/// True retention: of cards known before a day, how many were known on it, by the first answer that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// Over all days looked back at.
    pub total: RetentionByAge,
    /// By month, oldest first; months without such answers are left out.
    pub months: Vec<MonthRetention>,
}

/// Retention of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MonthRetention {
    /// The month of the study days.
    #[serde(serialize_with = "iso")]
    pub month: Month,
    /// Its figures.
    #[serde(flatten)]
    pub by_age: RetentionByAge,
}

/// Retention by the interval that a card had before the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RetentionByAge {
    /// Of every card.
    pub all: Share,
    /// Of cards with an interval below 21 days.
    pub young: Share,
    /// Of the others.
    pub mature: Share,
}

/// Right answers among answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Right ones.
    pub right: u64,
    /// All.
    pub answers: u64,
    /// Right ones in a thousand, rounded; nothing where there is no answer.
    pub right_permille: Option<u64>,
}

/// Answers by the days since the card's last one that counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ForgettingBucket {
    /// Fewest days.
    pub days_min: u32,
    /// Most days; nothing for the last bucket.
    pub days_max: Option<u32>,
    /// How many were right.
    #[serde(flatten)]
    pub share: Share,
}

/// What was answered on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceLane {
    /// The device.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Answers on it.
    pub answers: u64,
    /// By day, oldest first; days without answers are left out.
    pub days: Vec<DeviceDay>,
}

/// A day on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DeviceDay {
    /// The study day.
    #[serde(serialize_with = "iso")]
    pub day: Day,
    /// Answers on it.
    pub answers: u64,
}

/// Cards that were answered on one device after they were last answered on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Join {
    /// Study day of the later answer.
    #[serde(serialize_with = "iso")]
    pub day: Day,
    /// Device of the earlier answer.
    pub from: DeviceId,
    /// Device of the later one.
    pub to: DeviceId,
    /// How many cards.
    pub cards: u64,
}

impl Tally {
    pub(super) fn add(&mut self, grade: Grade, response_ms: u32) {
        self.answers += 1;
        match grade {
            Grade::Again => self.again += 1,
            Grade::Hard => self.hard += 1,
            Grade::Good => self.good += 1,
            Grade::Easy => self.easy += 1,
        }
        self.time_ms += u64::from(response_ms.min(limit::RESPONSE_MS_MAX));
    }

    /// Right answers among these.
    pub fn share(&self) -> Share {
        Share::of(self.answers - self.again, self.answers)
    }

    /// These and others together.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        self.answers += other.answers;
        self.again += other.again;
        self.hard += other.hard;
        self.good += other.good;
        self.easy += other.easy;
        self.time_ms += other.time_ms;
        self
    }
}

impl Share {
    pub(super) fn of(right: u64, answers: u64) -> Self {
        Self {
            right,
            answers,
            right_permille: (right * 1_000 + answers / 2).checked_div(answers),
        }
    }

    pub(super) fn plus_one(self, right: bool) -> Self {
        Self::of(self.right + u64::from(right), self.answers + 1)
    }
}

impl BoxCounts {
    /// Cards that were studied.
    pub fn studied(&self) -> u64 {
        self.boxes.iter().sum::<u64>() + self.retired
    }
}

fn iso<S: Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}
