//! What changes over the days looked back at: boxes, answers by grade, minutes. Long spans are told by weeks or by four
//! weeks, the same steps for all three.

use domain::Day;
use domain::statistics::{Statistics, Tally};

use super::Chart;
use super::bars::{Column, Stacked, stacked};
use super::drawing::Colour;
use super::frame::{self, Series, SlotLabel};
use super::words::{count, day_and_month, grouped, month_and_year};

/// Labels below an axis of days.
const DAY_LABELS: usize = 4;
const MINUTE_MS: u64 = 60_000;

pub(super) fn boxes(statistics: &Statistics) -> Chart {
    let (name, title) = ("boxes", "Cards by box");
    let boxes = &statistics.boxes;
    if boxes.now.studied() == 0 && boxes.over_time.iter().all(|sample| sample.boxes == [0; 5]) {
        return frame::empty(name, title, "No card was studied yet.");
    }
    let labels = ["box 1", "box 2", "box 3", "box 4", "box 5"];
    let mut series: Vec<Series> = (1..)
        .zip(labels)
        .map(|(step, label)| Series {
            label,
            colour: Colour::Step(step),
            marked: false,
        })
        .collect();
    series.push(Series {
        label: "retired",
        colour: Colour::Rest,
        marked: true,
    });
    let columns: Vec<Column> = boxes
        .over_time
        .iter()
        .map(|sample| {
            let [one, two, three, four, five] = sample.boxes;
            Column {
                values: vec![one, two, three, four, five, sample.retired],
                note: format!(
                    "{}: {one}, {two}, {three}, {four}, {five} in boxes 1 to 5",
                    sample.day
                ),
            }
        })
        .collect();
    let now = boxes.now.boxes.map(grouped).join(", ");
    let summary = format!("Now in boxes 1 to 5: {now}");
    let new = count(boxes.now.new, "card is new", "cards are new");
    let description = format!("{summary}. {} retired, {new}.", grouped(boxes.now.retired));
    stacked(&Stacked {
        name,
        title,
        summary: &summary,
        description: &description,
        unit: "cards",
        series: if boxes.over_time.iter().any(|sample| sample.retired > 0) {
            &series
        } else {
            series.get(..5).unwrap_or(&series)
        },
        columns: &columns,
        labels: &day_labels(statistics),
    })
}

pub(super) fn grades(statistics: &Statistics) -> Chart {
    let (name, title) = ("grades", "Answers by grade");
    let total = &statistics.total;
    if total.answers == 0 {
        return frame::empty(name, title, "Nothing was answered in these days.");
    }
    let series = [
        ("again", Colour::Again, true),
        ("hard", Colour::Hard, false),
        ("good", Colour::Good, false),
        ("easy", Colour::Easy, false),
    ]
    .map(|(label, colour, marked)| Series {
        label,
        colour,
        marked,
    });
    let columns: Vec<Column> = by_step(statistics)
        .iter()
        .map(|(day, tally)| Column {
            values: vec![tally.again, tally.hard, tally.good, tally.easy],
            note: format!(
                "{day}: {} again, {} hard, {} good, {} easy",
                tally.again, tally.hard, tally.good, tally.easy
            ),
        })
        .collect();
    let studied = u64::try_from(statistics.days.len()).unwrap_or(u64::MAX);
    let summary = format!(
        "{} on {}",
        count(total.answers, "answer", "answers"),
        count(studied, "day", "days")
    );
    let description = format!(
        "{summary}: {} again, {} hard, {} good, {} easy.",
        total.again, total.hard, total.good, total.easy
    );
    stacked(&Stacked {
        name,
        title,
        summary: &summary,
        description: &description,
        unit: &per_step("answers", statistics),
        series: &series,
        columns: &columns,
        labels: &day_labels(statistics),
    })
}

pub(super) fn minutes(statistics: &Statistics) -> Chart {
    let (name, title) = ("minutes", "Time spent");
    let total_ms = statistics.total.time_ms;
    if total_ms == 0 {
        return frame::empty(name, title, "No time was spent on answers in these days.");
    }
    let rounded = |time_ms: u64| (time_ms + MINUTE_MS / 2) / MINUTE_MS;
    let columns: Vec<Column> = by_step(statistics)
        .iter()
        .map(|(day, tally)| Column {
            values: vec![rounded(tally.time_ms)],
            note: format!(
                "{day}: {}",
                count(rounded(tally.time_ms), "minute", "minutes")
            ),
        })
        .collect();
    let days = u64::try_from(statistics.days.len())
        .unwrap_or(u64::MAX)
        .max(1);
    let summary = format!(
        "{} in all, {} on a day with answers",
        count(rounded(total_ms), "minute", "minutes"),
        grouped(rounded(total_ms / days))
    );
    let series = [Series {
        label: "minutes",
        colour: Colour::Step(3),
        marked: false,
    }];
    stacked(&Stacked {
        name,
        title,
        summary: &summary,
        description: &format!("{summary}. An answer counts a minute at most."),
        unit: &per_step("minutes", statistics),
        series: &series,
        columns: &columns,
        labels: &day_labels(statistics),
    })
}

/// Answers summed over the steps of the boxes' samples, each under its last day.
fn by_step(statistics: &Statistics) -> Vec<(Day, Tally)> {
    let mut days = statistics.days.iter().peekable();
    let samples = statistics.boxes.over_time.iter();
    samples
        .map(|sample| {
            let mut sum = Tally::default();
            while let Some(day) = days.next_if(|day| day.day <= sample.day) {
                sum = sum.plus(day.tally);
            }
            (sample.day, sum)
        })
        .collect()
}

fn per_step(what: &str, statistics: &Statistics) -> String {
    match statistics.boxes.step_days {
        1 => format!("{what} a day"),
        7 => format!("{what} a week"),
        days => format!("{what} in {days} days"),
    }
}

/// A few days below an axis whose slots are the samples of the boxes.
pub(super) fn day_labels(statistics: &Statistics) -> Vec<SlotLabel> {
    let samples = &statistics.boxes.over_time;
    let last = samples.len().saturating_sub(1);
    let mut slots: Vec<usize> = (0..=DAY_LABELS)
        .map(|label| last * label / DAY_LABELS)
        .collect();
    slots.dedup();
    slots
        .into_iter()
        .filter_map(|slot| {
            let day = samples.get(slot)?.day;
            let text = match statistics.days_looked_back {
                days if days <= 120 => day_and_month(day),
                _ => month_and_year(day),
            };
            Some(SlotLabel { slot, text })
        })
        .collect()
}
