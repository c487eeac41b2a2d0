//! The figures for a terminal: headings and lines of at most 72 columns, with bars of block letters. Every bar stands beside
//! its number, so that nothing is lost to those who do not see it.

use std::collections::BTreeMap;

use domain::Day;
use domain::statistics::{BoxCounts, Statistics, Tally};

use super::words::{count, grouped, month, percent};

/// One line of the summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The name of what follows.
    Heading(String),
    /// Figures.
    Text(String),
}

/// Weeks of the calendar: half a year, two columns each.
const WEEKS: i32 = 26;
/// Days of the forecast, and of the list of months.
const FORECAST_DAYS: usize = 14;
const MONTHS: usize = 12;
const DEVICES_MAX: usize = 12;
const NAME_LETTERS_MAX: usize = 24;
/// Columns of the longest bar.
const BAR: u64 = 40;
const MINUTE_MS: u64 = 60_000;
const SHADES: [&str; 5] = [
    "\u{b7} ",
    "\u{2591}\u{2591}",
    "\u{2592}\u{2592}",
    "\u{2593}\u{2593}",
    "\u{2588}\u{2588}",
];

/// The whole summary. Names of devices are cleaned of what would steer a terminal.
pub fn plain(statistics: &Statistics) -> Vec<Line> {
    let mut page = Page::default();
    today(&mut page, statistics);
    calendar(&mut page, statistics);
    forecast(&mut page, statistics);
    boxes(&mut page, &statistics.boxes.now);
    if statistics.total.answers > 0 {
        retention(&mut page, statistics);
        hours(&mut page, statistics);
        devices(&mut page, statistics);
    }
    page.0
}

#[derive(Debug, Default)]
struct Page(Vec<Line>);

impl Page {
    fn heading(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.text(String::new());
        }
        self.0.push(Line::Heading(text.to_owned()));
    }

    fn text(&mut self, text: impl Into<String>) {
        self.0.push(Line::Text(text.into().trim_end().to_owned()));
    }

    /// Names, numbers and bars, each column as wide as its widest cell.
    fn bars(&mut self, rows: &[(String, u64, String)]) {
        let wide = |cell: fn(&(String, u64, String)) -> usize| rows.iter().map(cell).max();
        let names = wide(|row| row.0.chars().count()).unwrap_or(0);
        let numbers = wide(|row| grouped(row.1).len()).unwrap_or(0);
        let most = rows.iter().map(|row| row.1).max().unwrap_or(0);
        for (name, number, note) in rows {
            let bar = bar(*number, most);
            let note = if note.is_empty() {
                String::new()
            } else {
                format!("  {note}")
            };
            self.text(format!(
                "{name:<names$}  {:>numbers$}  {bar}{note}",
                grouped(*number)
            ));
        }
    }
}

fn today(page: &mut Page, statistics: &Statistics) {
    let (today, streak) = (&statistics.today, &statistics.streak);
    page.heading(&format!("Today, {}", statistics.today_day));
    page.text(if today.answers.answers == 0 {
        "Nothing answered yet.".to_owned()
    } else {
        answered(&today.answers)
    });
    let new = count(today.new, "new card", "new cards");
    page.text(format!(
        "{} still due, {new}.",
        count(today.due, "card", "cards")
    ));
    page.text(format!(
        "{} in a row, {} at best, {} in all.",
        count(streak.current_days.into(), "day", "days"),
        streak.longest_days,
        streak.studied_days
    ));
    page.heading(&format!(
        "Last {}",
        count(statistics.days_looked_back.into(), "day", "days")
    ));
    page.text(if statistics.total.answers == 0 {
        "Nothing was answered in these days.".to_owned()
    } else {
        answered(&statistics.total)
    });
}

fn answered(tally: &Tally) -> String {
    let minutes = (tally.time_ms + MINUTE_MS / 2) / MINUTE_MS;
    format!(
        "{} in {}, {} right.",
        count(tally.answers, "answer", "answers"),
        count(minutes, "minute", "minutes"),
        percent(&tally.share())
    )
}

fn calendar(page: &mut Page, statistics: &Statistics) {
    if statistics.days.is_empty() {
        return;
    }
    let days = statistics.days.iter();
    let by_day: BTreeMap<Day, u64> = days.map(|day| (day.day, day.tally.answers)).collect();
    let most = by_day.values().copied().max().unwrap_or(1).max(1);
    let today = statistics.today_day;
    let this_week = super::calendar::monday(today);
    let weeks = WEEKS.min(this_week.since(super::calendar::monday(statistics.first_day)) / 7 + 1);
    let first = this_week.plus(-7 * (weeks - 1));
    let mut months = " ".repeat(4);
    for week in 0..weeks {
        let monday = first.plus(7 * week);
        let at = 4 + usize::try_from(2 * week).unwrap_or(0);
        if monday.civil().2 <= 7 && months.chars().count() <= at {
            months.push_str(&" ".repeat(at - months.chars().count()));
            months.push_str(month(monday));
            months.push(' ');
        }
    }
    page.heading("Day by day");
    page.text(months);
    for (row, name) in (0..).zip(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]) {
        let cells = (0..weeks).map(|week| {
            let day = first.plus(7 * week + row);
            if day > today || day < statistics.first_day {
                return "  ";
            }
            let answers = by_day.get(&day).copied().unwrap_or(0);
            let shade = usize::try_from((answers * 4).div_ceil(most)).unwrap_or(0);
            SHADES.get(shade).copied().unwrap_or_default()
        });
        page.text(format!("{name} {}", cells.collect::<String>()));
    }
    page.text(format!(
        "    \u{b7} none  \u{2591} few  \u{2588} up to {}",
        count(most, "answer", "answers")
    ));
}

fn forecast(page: &mut Page, statistics: &Statistics) {
    let forecast = &statistics.forecast;
    page.heading("Falling due");
    if statistics.boxes.now.studied() == 0 {
        page.text("No card was studied yet.");
        return;
    }
    let late = ("late".to_owned(), forecast.late, String::new());
    let days = forecast.days.iter().take(FORECAST_DAYS);
    let days = days.map(|day| (day.day.to_string(), day.due, String::new()));
    let rows: Vec<_> = [late].into_iter().chain(days).collect();
    page.bars(&rows);
    let backlog = |days: usize| forecast.days.get(days - 1).map_or(0, |day| day.backlog);
    page.text(format!(
        "Without study {} would wait in 30 days, {} in 90.",
        count(backlog(30), "card", "cards"),
        grouped(backlog(90))
    ));
}

fn boxes(page: &mut Page, now: &BoxCounts) {
    page.heading("Boxes");
    let mut rows = vec![("new".to_owned(), now.new, String::new())];
    rows.extend(
        (1..)
            .zip(now.boxes)
            .map(|(number, cards): (u8, u64)| (format!("box {number}"), cards, String::new())),
    );
    if now.retired > 0 {
        rows.push(("retired".to_owned(), now.retired, String::new()));
    }
    page.bars(&rows);
}

fn retention(page: &mut Page, statistics: &Statistics) {
    let (months, total) = (&statistics.retention.months, &statistics.retention.total);
    if months.is_empty() {
        return;
    }
    page.heading("True retention (first answers to known cards)");
    let columns = ["", "all", "young", "mature", "answers"];
    let line = |cells: [&str; 5]| {
        let [name, all, young, mature, answers] = cells;
        format!("{name:<7}  {all:>10}  {young:>10}  {mature:>10}  {answers:>9}")
    };
    page.text(line(columns));
    let shown = months.len().saturating_sub(MONTHS);
    let months = months.get(shown..).unwrap_or(months);
    let rows = months
        .iter()
        .map(|month| (month.month.to_string(), month.by_age));
    for (name, by_age) in rows.chain([("total".to_owned(), *total)]) {
        page.text(line([
            &name,
            &percent(&by_age.all),
            &percent(&by_age.young),
            &percent(&by_age.mature),
            &grouped(by_age.all.answers),
        ]));
    }
}

fn hours(page: &mut Page, statistics: &Statistics) {
    page.heading("Hours");
    let hours = statistics
        .hours
        .iter()
        .filter(|hour| hour.tally.answers > 0);
    let rows: Vec<_> = hours
        .map(|hour| {
            let name = format!("{:02}:00", hour.hour);
            let right = format!("{} right", percent(&hour.tally.share()));
            (name, hour.tally.answers, right)
        })
        .collect();
    page.bars(&rows);
}

fn devices(page: &mut Page, statistics: &Statistics) {
    page.heading("Devices");
    let shown = statistics.devices.iter().take(DEVICES_MAX);
    let rows: Vec<_> = shown
        .map(|lane| {
            let letters = lane.name.chars().take(NAME_LETTERS_MAX);
            // Names come from other people: nothing in them may steer the terminal.
            let name = letters.map(|letter| match letter {
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
                _ if letter.is_control() => '\u{fffd}',
                _ => letter,
            });
            (name.collect(), lane.answers, String::new())
        })
        .collect();
    page.bars(&rows);
    if let Some(more) = statistics.devices.len().checked_sub(DEVICES_MAX + 1) {
        let more = u64::try_from(more + 1).unwrap_or(u64::MAX);
        page.text(format!(
            "and {}.",
            count(more, "more device", "more devices")
        ));
    }
    let cards: u64 = statistics.joins.iter().map(|join| join.cards).sum();
    if cards > 0 {
        page.text(format!(
            "{} a card was answered on another device than the time before.",
            count(cards, "time", "times")
        ));
    }
}

/// Blocks in proportion; anything above nothing is seen.
fn bar(number: u64, most: u64) -> String {
    let eighths = (number * BAR * 8).checked_div(most).unwrap_or(0);
    let eighths = if number > 0 { eighths.max(1) } else { 0 };
    let mut bar = "\u{2588}".repeat(usize::try_from(eighths / 8).unwrap_or(0));
    if let Some(part) = u32::try_from(eighths % 8).ok().filter(|part| *part > 0) {
        bar.extend(char::from_u32(0x2590 - part));
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion() {
        assert_eq!(bar(0, 10), "");
        assert_eq!(bar(10, 10).chars().count(), 40);
        assert_eq!(bar(1, 1_000_000), "\u{258f}");
        assert_eq!(bar(1, 80), "\u{258c}");
        assert_eq!(bar(0, 0), "");
    }
}
