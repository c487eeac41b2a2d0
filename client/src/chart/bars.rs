//! Stacked bars: cards that fall due, answers by the hour. How a column is stacked is here for all charts that do it.

use domain::statistics::Statistics;

use super::Chart;
use super::drawing::{Area, Colour, Drawing};
use super::frame::{self, Plot, Scale, Series, SlotLabel};
use super::words::{count, day_and_month, grouped, percent};

/// Days after which the forecast's heading tells what would wait.
const BACKLOG_AFTER: [usize; 3] = [7, 30, 90];

/// One column of stacked bars.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Of each series, from the bottom up.
    pub(super) values: Vec<u64>,
    /// What a pointer that rests on it shows.
    pub(super) note: String,
}

/// Everything that one chart of stacked bars says.
#[derive(Debug)]
pub(super) struct Stacked<'a> {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) summary: &'a str,
    pub(super) description: &'a str,
    pub(super) unit: &'a str,
    pub(super) series: &'a [Series],
    pub(super) columns: &'a [Column],
    pub(super) labels: &'a [SlotLabel],
}

pub(super) fn stacked(chart: &Stacked<'_>) -> Chart {
    let mut drawing = Drawing::new(chart.name, chart.title);
    // One series needs no legend: the unit names it.
    let legend = if chart.series.len() > 1 {
        chart.series
    } else {
        &[]
    };
    let top = frame::heading(&mut drawing, chart.title, chart.summary, legend);
    let highest = chart
        .columns
        .iter()
        .map(|column| column.values.iter().sum());
    let scale = Scale::Count(highest.max().unwrap_or(0));
    let slots = chart.columns.len();
    let mut plot = Plot::begin(drawing, top, scale, chart.unit, slots, chart.labels);
    for (slot, column) in chart.columns.iter().enumerate() {
        let area = plot.slot(slot);
        // A gap where there is room for one.
        let width = if area.width > 30 {
            area.width - 10
        } else {
            area.width
        };
        let mut below = 0;
        for (series, value) in chart.series.iter().zip(&column.values) {
            if *value == 0 {
                continue;
            }
            let (bottom, y) = (plot.y(below), plot.y(below + value));
            let bar = Area {
                x: area.x,
                y,
                width,
                height: bottom - y,
            };
            plot.drawing
                .rect(bar, series.colour, series.marked, Some(&column.note));
            below += value;
        }
    }
    plot.finish(chart.description)
}

pub(super) fn forecast(statistics: &Statistics) -> Chart {
    let (name, title) = ("forecast", "Cards falling due");
    let forecast = &statistics.forecast;
    if forecast.late == 0 && forecast.days.iter().all(|day| day.due == 0) {
        return frame::empty(name, title, "No card falls due in the days to come.");
    }
    let waits = BACKLOG_AFTER.iter().filter_map(|days| {
        let at_end = forecast.days.get(days - 1)?;
        Some(format!("{} after {days}", grouped(at_end.backlog)))
    });
    let waits = waits.collect::<Vec<_>>().join(", ");
    let summary = format!("Waiting without study: {waits} days");
    let description = format!(
        "{} late, {} due today. If nothing were studied, so many would wait: {waits} days. {} fall due later.",
        count(forecast.late, "card", "cards"),
        forecast.days.first().map_or(0, |day| day.due),
        count(forecast.later, "card", "cards"),
    );
    let late = Series {
        label: "late",
        colour: Colour::Again,
        marked: true,
    };
    let due = Series {
        label: "due",
        colour: Colour::Easy,
        marked: false,
    };
    let columns: Vec<Column> = forecast
        .days
        .iter()
        .enumerate()
        .map(|(place, day)| {
            let late = if place == 0 { forecast.late } else { 0 };
            Column {
                values: vec![late, day.due],
                note: format!("{}: {} due, {late} late", day.day, day.due),
            }
        })
        .collect();
    let labels: Vec<SlotLabel> = forecast
        .days
        .iter()
        .enumerate()
        .filter(|(place, _)| *place > 0 && place % 14 == 0)
        .map(|(slot, day)| SlotLabel {
            slot,
            text: day_and_month(day.day),
        })
        .chain([SlotLabel {
            slot: 0,
            text: "today".to_owned(),
        }])
        .collect();
    stacked(&Stacked {
        name,
        title,
        summary: &summary,
        description: &description,
        unit: "cards a day",
        series: &[late, due],
        columns: &columns,
        labels: &labels,
    })
}

pub(super) fn hours(statistics: &Statistics) -> Chart {
    let (name, title) = ("hours", "Answers by the hour of the day");
    let busiest = statistics
        .hours
        .iter()
        .max_by_key(|hour| hour.tally.answers);
    let Some(busiest) = busiest.filter(|hour| hour.tally.answers > 0) else {
        return frame::empty(name, title, "Nothing was answered in these days.");
    };
    let summary = format!(
        "Busiest from {:02}:00: {}, {} right",
        busiest.hour,
        count(busiest.tally.answers, "answer", "answers"),
        percent(&busiest.tally.share())
    );
    let columns: Vec<Column> = statistics
        .hours
        .iter()
        .map(|hour| Column {
            values: vec![hour.tally.again, hour.tally.answers - hour.tally.again],
            note: format!(
                "{:02}:00: {}, {} right",
                hour.hour,
                count(hour.tally.answers, "answer", "answers"),
                percent(&hour.tally.share())
            ),
        })
        .collect();
    let labels: Vec<SlotLabel> = statistics
        .hours
        .iter()
        .enumerate()
        .filter(|(slot, _)| slot % 4 == 0)
        .map(|(slot, hour)| SlotLabel {
            slot,
            text: format!("{:02}:00", hour.hour),
        })
        .collect();
    let series = [
        Series {
            label: "wrong",
            colour: Colour::Again,
            marked: true,
        },
        Series {
            label: "right",
            colour: Colour::Good,
            marked: false,
        },
    ];
    stacked(&Stacked {
        name,
        title,
        summary: &summary,
        description: &format!("{summary}. By the clock of the place where they were given."),
        unit: "answers",
        series: &series,
        columns: &columns,
        labels: &labels,
    })
}
