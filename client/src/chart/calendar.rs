//! The calendar: a square a day, a column a week, darker (in a dark scheme lighter) the more was answered.

use domain::Day;
use domain::statistics::Statistics;
use std::collections::BTreeMap;

use super::Chart;
use super::drawing::{Anchor, Area, Colour, Drawing, Tenths, Tone, WIDTH};
use super::frame;
use super::words::{count, month};

/// Columns: a year and the week it ends in. A longer span shows its last year.
const WEEKS_MAX: i32 = 53;
const LEFT: Tenths = 330;
/// A column of a whole year; shorter spans keep the size.
const CELL: Tenths = (WIDTH - LEFT - 40) / WEEKS_MAX as Tenths;
const GAP: Tenths = 10;
const STEPS: u64 = 5;

pub(super) fn calendar(statistics: &Statistics) -> Chart {
    let (name, title) = ("calendar", "Answers day by day");
    if statistics.days.is_empty() {
        return frame::empty(name, title, "Nothing was answered in these days.");
    }
    let streak = &statistics.streak;
    let summary = format!(
        "{} in a row now, {} at best",
        count(streak.current_days.into(), "day", "days"),
        streak.longest_days
    );
    let mut drawing = Drawing::new(name, title);
    let top = frame::heading(&mut drawing, title, &summary, &[]) + 200;
    let by_day: BTreeMap<Day, u64> = statistics
        .days
        .iter()
        .map(|day| (day.day, day.tally.answers))
        .collect();
    let most = by_day.values().copied().max().unwrap_or(1);
    let today = statistics.today_day;
    let from = monday(today)
        .plus(-7 * (WEEKS_MAX - 1))
        .max(statistics.first_day);
    let mut last_label = None;
    for days in 0..=today.since(from) {
        let day = from.plus(days);
        let week = Tenths::from(monday(day).since(monday(from)) / 7);
        let row = Tenths::from(day.since(monday(day)));
        let answers = by_day.get(&day).copied().unwrap_or(0);
        let cell = Area {
            x: LEFT + week * CELL,
            y: top + row * CELL,
            width: CELL - GAP,
            height: CELL - GAP,
        };
        let note = format!("{day}: {}", count(answers, "answer", "answers"));
        drawing.rect(cell, Colour::Step(step(answers, most)), false, Some(&note));
        // A month is named where it begins, if its neighbour leaves room and so does the end.
        let room = last_label.is_none_or(|last| week - last >= 4) && week <= 50;
        if day.civil().2 <= 7 && row == 0 && room {
            drawing.text(cell.x, top - 60, Anchor::Start, Tone::Small, month(day));
            last_label = Some(week);
        }
    }
    for (row, label) in [(0, "Mon"), (3, "Thu"), (6, "Sun")] {
        let y = top + row * CELL + 75;
        drawing.text(LEFT - 40, y, Anchor::End, Tone::Small, label);
    }
    let bottom = top + 7 * CELL + 80;
    scale(&mut drawing, bottom, most);
    let description = format!(
        "{summary}. {} on {} since {}; the most on one day: {most}.",
        count(statistics.total.answers, "answer", "answers"),
        count(u64::try_from(by_day.len()).unwrap_or(0), "day", "days"),
        statistics.first_day
    );
    drawing.finish(bottom + 240, &description)
}

/// What the steps of lightness stand for.
fn scale(drawing: &mut Drawing, y: Tenths, most: u64) {
    drawing.text(LEFT, y + 110, Anchor::Start, Tone::Small, "0");
    for step in 0..=STEPS {
        let place = Tenths::try_from(step).unwrap_or(0);
        let cell = Area {
            x: LEFT + 130 + place * 140,
            y,
            width: 120,
            height: 120,
        };
        let colour = Colour::Step(u8::try_from(step).unwrap_or(u8::MAX));
        drawing.rect(cell, colour, false, None);
    }
    let x = LEFT + 130 + 6 * 140 + 40;
    let text = count(most, "answer", "answers");
    drawing.text(x, y + 110, Anchor::Start, Tone::Small, &text);
}

/// From 0 for none to 5 for the most.
fn step(answers: u64, most: u64) -> u8 {
    u8::try_from((answers * STEPS).div_ceil(most.max(1))).unwrap_or(u8::MAX)
}

/// The Monday on or before a day: 1970 began on a Thursday.
pub(super) fn monday(day: Day) -> Day {
    day.plus(-(day.0.saturating_add(3)).rem_euclid(7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_mondays_and_any_answer_is_seen() {
        let day: Day = "2026-11-25".parse().unwrap();
        assert_eq!(monday(day).to_string(), "2026-11-23");
        assert_eq!(monday(monday(day)), monday(day));
        assert_eq!(
            [0, 1, 20, 21, 100].map(|answers| step(answers, 100)),
            [0, 1, 1, 2, 5]
        );
    }
}
