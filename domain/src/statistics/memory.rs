//! How much is still known: the first answer that counts of each card and day, where the card was known before that day.

use std::collections::BTreeMap;

use super::Span;
use super::figures::{ForgettingBucket, MonthRetention, Retention, RetentionByAge, Share};
use crate::event::{Grade, Kind};
use crate::limit;
use crate::schedule::DayStep;
use crate::time::{Day, Month};

/// Most days of each bucket but the last: each twice as long as the one before, as intervals grow.
const BUCKET_DAYS_MAX: [u32; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

#[derive(Debug)]
pub(super) struct Memory {
    span: Span,
    total: RetentionByAge,
    by_month: BTreeMap<Month, RetentionByAge>,
    /// One more than [`BUCKET_DAYS_MAX`]: the last has no end.
    buckets: [Share; BUCKET_DAYS_MAX.len() + 1],
    /// The last day on which an answer of the card at hand counted.
    last_counted: Option<Day>,
}

/// A first answer of a day, to a card that was known before.
#[derive(Debug, Clone, Copy)]
struct FirstAnswer {
    right: bool,
    mature: bool,
}

impl Memory {
    pub(super) fn new(span: Span) -> Self {
        Self {
            span,
            total: RetentionByAge::default(),
            by_month: BTreeMap::new(),
            buckets: Default::default(),
            last_counted: None,
        }
    }

    pub(super) fn begin_card(&mut self) {
        self.last_counted = None;
    }

    pub(super) fn add(&mut self, step: &DayStep<'_>) {
        if let Some(first) = first_answer(step)
            && self.span.place(step.day).is_some()
        {
            self.total = self.total.plus_one(first);
            let month = self.by_month.entry(step.day.month()).or_default();
            *month = month.plus_one(first);
            let days = self.last_counted.map(|last| step.day.since(last));
            let days = days.and_then(|days| u32::try_from(days).ok());
            if let Some(bucket) = days.and_then(|days| self.buckets.get_mut(bucket_of(days))) {
                *bucket = bucket.plus_one(first.right);
            }
        }
        // A card that was reset is a new one: no time of forgetting begins with it.
        if step.after.is_new() {
            self.last_counted = None;
        } else if step.events.iter().any(|event| event.kind.is_counted()) {
            self.last_counted = Some(step.day);
        }
    }

    pub(super) fn finish(&self) -> (Retention, Vec<ForgettingBucket>) {
        let months = self.by_month.iter().map(|(month, by_age)| MonthRetention {
            month: *month,
            by_age: *by_age,
        });
        let retention = Retention {
            total: self.total,
            months: months.collect(),
        };
        let mins = [1].into_iter().chain(BUCKET_DAYS_MAX.map(|days| days + 1));
        let maxs = BUCKET_DAYS_MAX.map(Some).into_iter().chain([None]);
        let buckets = mins.zip(maxs).zip(&self.buckets);
        let forgetting = buckets.map(|((days_min, days_max), share)| ForgettingBucket {
            days_min,
            days_max,
            share: *share,
        });
        (retention, forgetting.collect())
    }
}

impl RetentionByAge {
    fn plus_one(mut self, first: FirstAnswer) -> Self {
        self.all = self.all.plus_one(first.right);
        let of_age = if first.mature {
            &mut self.mature
        } else {
            &mut self.young
        };
        *of_age = of_age.plus_one(first.right);
        self
    }
}

/// The first answer of the day that counts, unless the card was new to the person then.
fn first_answer(step: &DayStep<'_>) -> Option<FirstAnswer> {
    let mut known = !step.before.is_new();
    // A card past the last box has no interval any more: it had the longest.
    let mut interval_days = step.before.interval_days().unwrap_or(i32::MAX);
    for event in step.events {
        match event.kind {
            Kind::Reset => known = false,
            Kind::Manual { due, .. } => {
                known = true;
                interval_days = due.since(step.day);
            }
            kind if kind.is_counted() => {
                return known.then_some(FirstAnswer {
                    right: event.grade.is_some_and(Grade::is_right),
                    mature: interval_days >= limit::MATURE_INTERVAL_DAYS,
                });
            }
            _ => {}
        }
    }
    None
}

fn bucket_of(days: u32) -> usize {
    BUCKET_DAYS_MAX.partition_point(|max| *max < days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_double() {
        for (days, bucket) in [
            (1, 0),
            (2, 1),
            (3, 2),
            (4, 2),
            (5, 3),
            (8, 3),
            (9, 4),
            (512, 9),
            (513, 10),
            (u32::MAX, 10),
        ] {
            assert_eq!(bucket_of(days), bucket, "{days}");
        }
    }
}
