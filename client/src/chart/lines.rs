//! Shares as lines with marks: retention by month, and the forgetting curve. What is missing leaves a gap in neither: a line
//! goes from one known mark to the next.

use domain::statistics::{ForgettingBucket, RetentionByAge, Share, Statistics};

use super::Chart;
use super::drawing::{Colour, Drawing};
use super::frame::{self, Plot, Scale, Series, SlotLabel};
use super::words::{count, grouped, percent};

/// Labels below an axis of months.
const MONTH_LABELS_MAX: usize = 6;

/// A share at a slot, and what a pointer that rests on it shows.
type Point = (usize, u64, String);

pub(super) fn retention(statistics: &Statistics) -> Chart {
    let (name, title) = ("retention", "True retention by month");
    let (months, total) = (&statistics.retention.months, statistics.retention.total);
    if months.is_empty() {
        let why = "No card that was known before was answered in these days.";
        return frame::empty(name, title, why);
    }
    let summary = format!(
        "{} right: young {}, mature {}",
        percent(&total.all),
        percent(&total.young),
        percent(&total.mature)
    );
    let description = format!(
        "{summary}. {} to cards that were known before; mature cards had an interval of 21 days or more.",
        count(total.all.answers, "first answer", "first answers")
    );
    let series = [
        Series {
            label: "young: under 21 days",
            colour: Colour::Easy,
            marked: false,
        },
        Series {
            label: "mature",
            colour: Colour::Again,
            marked: true,
        },
    ];
    let points = |of: fn(&RetentionByAge) -> Share, age: &str| -> Vec<Point> {
        let months = months.iter().enumerate();
        months
            .filter_map(|(slot, month)| {
                let share = of(&month.by_age);
                let note = format!(
                    "{}, {age}: {} of {}",
                    month.month,
                    percent(&share),
                    grouped(share.answers)
                );
                Some((slot, share.right_permille?, note))
            })
            .collect()
    };
    let lines = [
        points(|by_age| by_age.young, "young"),
        points(|by_age| by_age.mature, "mature"),
    ];
    let every = months.len().div_ceil(MONTH_LABELS_MAX);
    let labels: Vec<SlotLabel> = months
        .iter()
        .enumerate()
        .filter(|(slot, _)| slot % every == 0)
        .map(|(slot, month)| SlotLabel {
            slot,
            text: month.month.to_string(),
        })
        .collect();
    draw(
        name,
        title,
        [&summary, &description],
        &series,
        &lines,
        (months.len(), &labels),
    )
}

pub(super) fn forgetting(statistics: &Statistics) -> Chart {
    let (name, title) = ("forgetting", "Known after so many days");
    let buckets = &statistics.forgetting;
    let answers: u64 = buckets.iter().map(|bucket| bucket.share.answers).sum();
    let Some(last) = buckets.iter().rposition(|bucket| bucket.share.answers > 0) else {
        let why = "No card was answered twice on different days yet.";
        return frame::empty(name, title, why);
    };
    let shown = buckets.get(..=last).unwrap_or(buckets);
    let points: Vec<Point> = shown
        .iter()
        .enumerate()
        .filter_map(|(slot, bucket)| {
            let note = format!(
                "{} days: {} of {}",
                days(bucket),
                percent(&bucket.share),
                grouped(bucket.share.answers)
            );
            Some((slot, bucket.share.right_permille?, note))
        })
        .collect();
    let labels: Vec<SlotLabel> = shown
        .iter()
        .enumerate()
        .map(|(slot, bucket)| SlotLabel {
            slot,
            text: days(bucket),
        })
        .collect();
    let summary = format!(
        "{}, by days since the card's last one",
        count(answers, "first answer", "first answers")
    );
    let told: Vec<String> = points.iter().map(|(_, _, note)| note.clone()).collect();
    let description = format!("{summary}. {}.", told.join("; "));
    let series = [Series {
        label: "right",
        colour: Colour::Easy,
        marked: false,
    }];
    let slots = (shown.len(), labels.as_slice());
    draw(
        name,
        title,
        [&summary, &description],
        &series,
        &[points],
        slots,
    )
}

fn draw(
    name: &'static str,
    title: &'static str,
    [summary, description]: [&str; 2],
    series: &[Series],
    lines: &[Vec<Point>],
    (slots, labels): (usize, &[SlotLabel]),
) -> Chart {
    let mut drawing = Drawing::new(name, title);
    let legend = if series.len() > 1 { series } else { &[] };
    let top = frame::heading(&mut drawing, title, summary, legend);
    let lowest = lines
        .iter()
        .flatten()
        .map(|(_, permille, _)| *permille)
        .min();
    // The axis begins at a fifth of the whole below every mark: where much is known, differences are small.
    let from = (lowest.unwrap_or(0) / 200 * 200).min(800);
    let mut plot = Plot::begin(
        drawing,
        top,
        Scale::PercentFrom(from),
        "% right",
        slots,
        labels,
    );
    for (series, points) in series.iter().zip(lines) {
        let place = |(slot, permille, _): &Point| {
            let column = plot.slot(*slot);
            (column.x + column.width / 2, plot.y(*permille))
        };
        let places: Vec<_> = points.iter().map(place).collect();
        if places.len() > 1 {
            plot.drawing.line(&places, series.colour, series.marked);
        }
        for (at, (_, _, note)) in places.iter().zip(points) {
            plot.drawing.mark(*at, series.colour, series.marked, note);
        }
    }
    plot.finish(description)
}

fn days(bucket: &ForgettingBucket) -> String {
    match bucket.days_max {
        Some(max) if max == bucket.days_min => max.to_string(),
        // A later bucket is named by its end only: there is no room for both.
        Some(max) if max > 8 => format!("\u{2264}{max}"),
        Some(max) => format!("{}\u{2013}{max}", bucket.days_min),
        None => format!("{}+", bucket.days_min),
    }
}
