//! Where cards stand now, and on which days they fall due.

use super::Span;
use super::boxes;
use super::figures::{BoxCounts, Forecast, ForecastDay};
use crate::limit;
use crate::schedule::CardState;

#[derive(Debug)]
pub(super) struct Outlook {
    span: Span,
    pub(super) cards: u64,
    pub(super) suspended: u64,
    pub(super) boxes: BoxCounts,
    /// Known cards that may be asked today.
    pub(super) due: u64,
    late: u64,
    /// From today on.
    by_day: Vec<u64>,
    later: u64,
}

impl Outlook {
    pub(super) fn new(span: Span) -> Self {
        Self {
            span,
            cards: 0,
            suspended: 0,
            boxes: BoxCounts::default(),
            due: 0,
            late: 0,
            by_day: (0..limit::FORECAST_DAYS).map(|_| 0).collect(),
            later: 0,
        }
    }

    pub(super) fn add(&mut self, state: &CardState, suspended: bool) {
        self.cards += 1;
        if suspended {
            self.suspended += 1;
        }
        match boxes::place(state) {
            None if suspended => {}
            None => self.boxes.new += 1,
            Some(place) => match self.boxes.boxes.get_mut(place) {
                Some(count) => *count += 1,
                None => self.boxes.retired += 1,
            },
        }
        let Some(due) = state.due.filter(|_| !suspended && !state.retired) else {
            return;
        };
        if state.is_due(self.span.today()) {
            self.due += 1;
        }
        let Ok(place) = usize::try_from(due.since(self.span.today())) else {
            self.late += 1;
            return;
        };
        match self.by_day.get_mut(place) {
            Some(count) => *count += 1,
            None => self.later += 1,
        }
    }

    pub(super) fn forecast(&self) -> Forecast {
        let mut backlog = self.late;
        let days = (0..).zip(&self.by_day).map(|(days, due)| {
            backlog += due;
            ForecastDay {
                day: self.span.today().plus(days),
                due: *due,
                backlog,
            }
        });
        Forecast {
            late: self.late,
            days: days.collect(),
            later: self.later,
        }
    }
}
