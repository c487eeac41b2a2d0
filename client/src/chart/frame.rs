//! The frame that charts share: heading, legend, axis with few lines, labels below. What is drawn inside is the charts' own.

use super::Chart;
use super::drawing::{Anchor, Area, Colour, Drawing, Tenths, Tone, WIDTH};
use super::words::grouped;

/// Lines of an axis beside its base.
const TICKS_MAX: u64 = 4;
const LEFT: Tenths = 520;
const RIGHT: Tenths = WIDTH - 80;
const HEIGHT: Tenths = 1_500;
const HEADING: Tenths = 500;
const LEGEND_ROW: Tenths = 220;
/// An average letter of the legend.
const LETTER: Tenths = 74;

/// One of several things in one chart.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) label: &'static str,
    pub(super) colour: Colour,
    /// Told apart without colour: hatched bars, or square marks on a dashed line.
    pub(super) marked: bool,
}

/// What a scale counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// From nothing to this many.
    Count(u64),
    /// Permille, shown as percent, from this one to a thousand.
    PercentFrom(u64),
}

/// A label below the axis, at a slot.
#[derive(Debug, Clone)]
pub(super) struct SlotLabel {
    pub(super) slot: usize,
    pub(super) text: String,
}

/// The part of a chart in which values are drawn.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) drawing: Drawing,
    pub(super) top: Tenths,
    min: u64,
    max: u64,
    slots: usize,
}

/// Draws the heading and says how far down it reaches.
pub(super) fn heading(
    drawing: &mut Drawing,
    title: &str,
    summary: &str,
    series: &[Series],
) -> Tenths {
    drawing.text(40, 200, Anchor::Start, Tone::Head, title);
    drawing.text(40, 400, Anchor::Start, Tone::Small, summary);
    if series.is_empty() {
        return HEADING;
    }
    let (mut x, mut y) = (40, HEADING);
    for one in series {
        let letters = Tenths::try_from(one.label.chars().count()).unwrap_or(0);
        let wide = 180 + letters * LETTER + 120;
        if x + wide > WIDTH {
            (x, y) = (40, y + LEGEND_ROW);
        }
        let swatch = Area {
            x,
            y: y + 30,
            width: 120,
            height: 120,
        };
        drawing.rect(swatch, one.colour, one.marked, None);
        drawing.text(x + 180, y + 140, Anchor::Start, Tone::Small, one.label);
        x += wide;
    }
    y + LEGEND_ROW
}

/// A chart that has nothing to show, and says so.
pub(super) fn empty(name: &'static str, title: &'static str, why: &str) -> Chart {
    let mut drawing = Drawing::new(name, title);
    drawing.text(40, 200, Anchor::Start, Tone::Head, title);
    drawing.text(40, 480, Anchor::Start, Tone::Plain, why);
    drawing.finish(700, why)
}

impl Plot {
    /// Draws heading, axis and labels; `unit` stands at the top of the axis.
    pub(super) fn begin(
        mut drawing: Drawing,
        top: Tenths,
        scale: Scale,
        unit: &str,
        slots: usize,
        labels: &[SlotLabel],
    ) -> Self {
        let top = top + 260;
        let (min, max, step) = match scale {
            Scale::Count(max) => {
                let step = tick_step(max);
                (0, max.max(1).div_ceil(step).saturating_mul(step), step)
            }
            Scale::PercentFrom(min) => (min, 1_000, (1_000 - min) / TICKS_MAX),
        };
        drawing.text(40, top - 130, Anchor::Start, Tone::Small, unit);
        let plot = Self {
            drawing,
            top,
            min,
            max,
            slots: slots.max(1),
        };
        plot.with_axis(step, scale).with_labels(labels)
    }

    fn with_axis(mut self, step: u64, scale: Scale) -> Self {
        for line in 0..=TICKS_MAX {
            let value = self.min.saturating_add(step.saturating_mul(line));
            if value > self.max {
                break;
            }
            let y = self.y(value);
            self.drawing.rule((LEFT, y), (RIGHT, y), value == self.min);
            let text = match scale {
                Scale::Count(_) => grouped(value),
                Scale::PercentFrom(_) => (value / 10).to_string(),
            };
            self.drawing
                .text(LEFT - 70, y + 45, Anchor::End, Tone::Small, &text);
        }
        self
    }

    fn with_labels(mut self, labels: &[SlotLabel]) -> Self {
        for label in labels {
            let area = self.slot(label.slot);
            let half = Tenths::try_from(label.text.chars().count()).unwrap_or(0) * LETTER / 2;
            let middle = area.x + area.width / 2;
            // A label at an end of the axis stays inside the picture.
            let (x, anchor) = if middle + half > WIDTH {
                (RIGHT, Anchor::End)
            } else {
                (middle, Anchor::Middle)
            };
            let y = self.bottom() + 180;
            self.drawing.text(x, y, anchor, Tone::Small, &label.text);
        }
        self
    }

    pub(super) fn bottom(&self) -> Tenths {
        self.top + HEIGHT
    }

    /// Height of a value on the axis.
    pub(super) fn y(&self, value: u64) -> Tenths {
        let above = value.clamp(self.min, self.max) - self.min;
        let part = u128::from(above) * u128::from(HEIGHT.unsigned_abs())
            / u128::from((self.max - self.min).max(1));
        self.bottom() - Tenths::try_from(part).unwrap_or(HEIGHT)
    }

    /// The column of a slot.
    pub(super) fn slot(&self, slot: usize) -> Area {
        let edge = |slot: usize| {
            let slots = Tenths::try_from(self.slots).unwrap_or(1);
            LEFT + (RIGHT - LEFT) * Tenths::try_from(slot).unwrap_or(0) / slots
        };
        Area {
            x: edge(slot),
            y: self.top,
            width: edge(slot + 1) - edge(slot),
            height: HEIGHT,
        }
    }

    pub(super) fn finish(self, description: &str) -> Chart {
        let height = self.bottom() + 280;
        self.drawing.finish(height, description)
    }
}

/// A round step that leaves [`TICKS_MAX`] lines at most.
fn tick_step(max: u64) -> u64 {
    let mut power: u64 = 1;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if step.saturating_mul(TICKS_MAX) >= max {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        for (max, step) in [
            (0, 1),
            (1, 1),
            (4, 1),
            (5, 2),
            (8, 2),
            (9, 5),
            (21, 10),
            (1_000, 500),
            (u64::MAX, 5_000_000_000_000_000_000),
        ] {
            assert_eq!(tick_step(max), step, "{max}");
        }
    }
}
