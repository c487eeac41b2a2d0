//! Device lanes: a row a device with what was answered on it, and a line from row to row where one device went on with
//! cards of another.

use std::collections::BTreeMap;

use domain::statistics::{DeviceLane, Statistics};
use domain::{Day, DeviceId};

use super::Chart;
use super::drawing::{Anchor, Area, Colour, Drawing, Tenths, Tone, WIDTH};
use super::frame;
use super::over_time::day_labels;
use super::words::count;

/// Rows; of more devices the less used are counted in words.
const LANES_MAX: usize = 8;
/// Letters of a device's name that have room.
const NAME_LETTERS_MAX: usize = 40;
const LEFT: Tenths = 40;
const RIGHT: Tenths = WIDTH - 80;
const LANE: Tenths = 620;
const BAR: Tenths = 260;
/// Where in a lane its bars stand.
const FLOOR: Tenths = 520;

const COLOURS: [Colour; 4] = [Colour::Easy, Colour::Hard, Colour::Good, Colour::Again];

pub(super) fn devices(statistics: &Statistics) -> Chart {
    let (name, title) = ("devices", "Who answered where");
    if statistics.devices.is_empty() {
        return frame::empty(name, title, "Nothing was answered in these days.");
    }
    let lanes = statistics
        .devices
        .get(..LANES_MAX)
        .unwrap_or(&statistics.devices);
    let others = u64::try_from(statistics.devices.len() - lanes.len()).unwrap_or(0);
    let handed: u64 = statistics.joins.iter().map(|join| join.cards).sum();
    let summary = format!(
        "A line: cards of one device went on with on another ({})",
        count(handed, "time", "times")
    );
    let mut drawing = Drawing::new(name, title);
    let top = frame::heading(&mut drawing, title, &summary, &[]);
    draw_joins(&mut drawing, statistics, lanes, top);
    for (place, (lane, colour)) in lanes.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let y = top + LANE * Tenths::try_from(place).unwrap_or(0);
        draw_lane(&mut drawing, statistics, lane, *colour, y);
    }
    let mut bottom = top + LANE * Tenths::try_from(lanes.len()).unwrap_or(0);
    for label in day_labels(statistics) {
        let (x, _) = slot_edges(statistics, label.slot);
        let anchor = match x {
            _ if label.slot == 0 => Anchor::Start,
            x if x > WIDTH - 500 => Anchor::End,
            _ => Anchor::Middle,
        };
        let x = if anchor == Anchor::End { RIGHT } else { x };
        drawing.text(x, bottom + 120, anchor, Tone::Small, &label.text);
    }
    bottom += 220;
    if others > 0 {
        let text = format!("and {}", count(others, "more device", "more devices"));
        drawing.text(LEFT, bottom + 100, Anchor::Start, Tone::Small, &text);
        bottom += 200;
    }
    let told: Vec<String> = lanes
        .iter()
        .map(|lane| {
            format!(
                "{}: {}",
                lane.name,
                count(lane.answers, "answer", "answers")
            )
        })
        .collect();
    drawing.finish(bottom, &format!("{}. {summary}.", told.join("; ")))
}

fn draw_lane(
    drawing: &mut Drawing,
    statistics: &Statistics,
    lane: &DeviceLane,
    colour: Colour,
    y: Tenths,
) {
    let mut name: String = lane.name.chars().take(NAME_LETTERS_MAX).collect();
    if name.len() < lane.name.len() {
        name.push('\u{2026}');
    }
    let text = format!("{name}: {}", count(lane.answers, "answer", "answers"));
    drawing.text(LEFT, y + 180, Anchor::Start, Tone::Plain, &text);
    let floor = y + FLOOR;
    drawing.rule((LEFT, floor), (RIGHT, floor), true);
    let mut by_slot: BTreeMap<usize, u64> = BTreeMap::new();
    for day in &lane.days {
        if let Some(slot) = slot_of(statistics, day.day) {
            *by_slot.entry(slot).or_default() += day.answers;
        }
    }
    let most = by_slot.values().copied().max().unwrap_or(1).max(1);
    for (slot, answers) in by_slot {
        let (x, end) = slot_edges(statistics, slot);
        let part = u128::from(answers) * u128::from(BAR.unsigned_abs()) / u128::from(most);
        let height = Tenths::try_from(part).unwrap_or(BAR).max(15);
        let bar = Area {
            x,
            y: floor - height,
            width: (end - x - 10).max(10),
            height,
        };
        let day = statistics
            .boxes
            .over_time
            .get(slot)
            .map(|sample| sample.day);
        let day = day.map(|day| day.to_string()).unwrap_or_default();
        let note = format!("{day}: {}", count(answers, "answer", "answers"));
        drawing.rect(bar, colour, false, Some(&note));
    }
}

/// One line a slot and pair of devices, with a dot where the later device is.
fn draw_joins(drawing: &mut Drawing, statistics: &Statistics, lanes: &[DeviceLane], top: Tenths) {
    let floor_of = |device: DeviceId| {
        let place = lanes.iter().position(|lane| lane.device == device)?;
        Some(top + LANE * Tenths::try_from(place).ok()? + FLOOR)
    };
    let mut joins: BTreeMap<(usize, Tenths, Tenths), u64> = BTreeMap::new();
    for join in &statistics.joins {
        let ends = (
            slot_of(statistics, join.day),
            floor_of(join.from),
            floor_of(join.to),
        );
        if let (Some(slot), Some(from), Some(to)) = ends {
            *joins.entry((slot, from, to)).or_default() += join.cards;
        }
    }
    for ((slot, from, to), cards) in joins {
        let (x, end) = slot_edges(statistics, slot);
        let middle = (x + end) / 2;
        drawing.rule((middle, from), (middle, to), false);
        let note = count(cards, "card went on with here", "cards went on with here");
        drawing.dot((middle, to), Colour::Ink, &note);
    }
}

/// The sample that a day belongs to: the first at or after it.
fn slot_of(statistics: &Statistics, day: Day) -> Option<usize> {
    let samples = &statistics.boxes.over_time;
    let slot = samples.partition_point(|sample| sample.day < day);
    (slot < samples.len()).then_some(slot)
}

fn slot_edges(statistics: &Statistics, slot: usize) -> (Tenths, Tenths) {
    let slots = Tenths::try_from(statistics.boxes.over_time.len().max(1)).unwrap_or(1);
    let edge = |slot: Tenths| LEFT + (RIGHT - LEFT) * slot / slots;
    let slot = Tenths::try_from(slot).unwrap_or(0);
    (edge(slot), edge(slot + 1))
}
