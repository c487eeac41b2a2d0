//! Cards per box at the ends of days. A card stands in one box from one of its days to the next: only the two ends of that
//! stay are noted, and a running sum gives the counts.

use super::Span;
use super::figures::BoxSample;
use crate::schedule::{BOX_COUNT, CardState, DayStep};
use crate::time::Day;

/// Five boxes, and the cards past the last.
const PLACES: usize = BOX_COUNT as usize + 1;

/// Longest span told day by day, and longest told week by week: both give about a hundred samples.
const DAILY_DAYS_MAX: u32 = 92;
const WEEKLY_DAYS_MAX: u32 = 731;

#[derive(Debug)]
pub(super) struct BoxHistory {
    span: Span,
    step_days: u32,
    /// Per sample, how many cards more (or fewer) stand in each place than at the sample before.
    changes: Vec<[i64; PLACES]>,
    /// Where the card at hand stands, and since which day.
    stay: Option<(Day, usize)>,
}

impl BoxHistory {
    pub(super) fn new(span: Span) -> Self {
        let step_days = match span.days() {
            days if days <= DAILY_DAYS_MAX => 1,
            days if days <= WEEKLY_DAYS_MAX => 7,
            _ => 28,
        };
        let samples = usize::try_from(span.days().div_ceil(step_days)).unwrap_or(0);
        Self {
            span,
            step_days,
            changes: vec![[0; PLACES]; samples],
            stay: None,
        }
    }

    pub(super) const fn step_days(&self) -> u32 {
        self.step_days
    }

    pub(super) fn begin_card(&mut self) {
        self.stay = None;
    }

    pub(super) fn add(&mut self, step: &DayStep<'_>) {
        let now = place(&step.after);
        if self.stay.map(|(_, place)| place) != now {
            self.end_stay(Some(step.day));
            self.stay = now.map(|place| (step.day, place));
        }
    }

    pub(super) fn end_card(&mut self) {
        self.end_stay(None);
    }

    /// Notes the stay from its first day to the day before `end`.
    fn end_stay(&mut self, end: Option<Day>) {
        let Some((since, place)) = self.stay.take() else {
            return;
        };
        let (first, last) = (
            self.sample_from(since),
            end.map(|end| self.sample_from(end)),
        );
        self.change(first, place, 1);
        if let Some(last) = last {
            self.change(last, place, -1);
        }
    }

    fn change(&mut self, sample: usize, place: usize, by: i64) {
        let sample = self.changes.get_mut(sample);
        if let Some(count) = sample.and_then(|sample| sample.get_mut(place)) {
            *count += by;
        }
    }

    /// The first sample taken on the day or after it.
    fn sample_from(&self, day: Day) -> usize {
        let days_left = self.span.today().since(day);
        if days_left < 0 {
            return self.changes.len();
        }
        let samples_left = days_left.cast_unsigned() / self.step_days;
        let from_last = usize::try_from(samples_left).unwrap_or(usize::MAX);
        self.changes
            .len()
            .saturating_sub(1)
            .saturating_sub(from_last)
    }

    pub(super) fn samples(&self) -> Vec<BoxSample> {
        let mut counts = [0_i64; PLACES];
        let ages = (0..self.changes.len()).rev();
        let samples = self.changes.iter().zip(ages).map(|(changes, age)| {
            counts
                .iter_mut()
                .zip(changes)
                .for_each(|(sum, by)| *sum += by);
            let [boxes @ .., retired] = counts.map(|count| u64::try_from(count).unwrap_or(0));
            let days_ago = i32::try_from(age)
                .unwrap_or(i32::MAX)
                .saturating_mul(self.step_days.cast_signed());
            BoxSample {
                day: self.span.today().plus(-days_ago),
                boxes,
                retired,
            }
        });
        samples.collect()
    }
}

/// Place of a card among boxes: from 0, the last one for retired cards; nothing for new ones.
pub(super) fn place(state: &CardState) -> Option<usize> {
    if state.retired {
        return Some(PLACES - 1);
    }
    let place = usize::from(state.box_number.clamp(1, BOX_COUNT) - 1);
    (!state.is_new()).then_some(place)
}
