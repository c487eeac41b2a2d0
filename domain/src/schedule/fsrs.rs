//! FSRS-6: how long a memory lasts (stability) and how hard the card is (difficulty), both moved by every answer; the card
//! is due when the chance to know it has fallen to the wished value. Computed with `libm` in f64, because the standard
//! library's `exp` and `powf` give other last bits on other machines. Formulas: the FSRS wiki, "The Algorithm"; tested
//! against the `fsrs` crate.

use libm::{exp, pow, round};
use serde::{Deserialize, Serialize};

use crate::event::Grade;
use crate::limit;
use crate::time::Day;

/// Number of weights.
const COUNT: usize = 21;
/// Weights are kept in units of a ten thousandth.
const UNITS: f64 = 10_000.0;
const STABILITY_MIN: f64 = 0.001;
const STABILITY_MAX: f64 = 36_500.0;
const DIFFICULTY_MIN: f64 = 1.0;
const DIFFICULTY_MAX: f64 = 10.0;
/// The retention at which the interval equals the stability.
const RETENTION_OF_STABILITY: f64 = 0.9;

/// The average person, from the makers of FSRS-6.
const AVERAGE: [u32; COUNT] = [
    2_120, 12_931, 23_065, 82_956, 64_133, 8_334, 30_194, 10, 18_722, 1_666, 7_960, 14_835, 614,
    2_629, 16_483, 6_014, 18_729, 5_425, 912, 658, 1_542,
];

/// Least and greatest value of each weight, as the `fsrs` crate clips them.
const RANGES: [(u32, u32); COUNT] = [
    (10, 1_000_000),
    (10, 1_000_000),
    (10, 1_000_000),
    (10, 1_000_000),
    (10_000, 100_000),
    (10, 40_000),
    (10, 40_000),
    (10, 7_500),
    (0, 45_000),
    (0, 8_000),
    (10, 35_000),
    (10, 50_000),
    (10, 2_500),
    (10, 9_000),
    (0, 40_000),
    (0, 10_000),
    (10_000, 60_000),
    (0, 20_000),
    (0, 20_000),
    (0, 8_000),
    (1_000, 8_000),
];

/// Settings of FSRS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fsrs {
    /// The chance to know a card on the day it is due, in thousandths.
    pub retention_permille: u16,
    /// Whether long intervals are moved a little, so that cards learned together come apart.
    #[serde(default)]
    pub fuzz: bool,
}

impl Default for Fsrs {
    fn default() -> Self {
        Self {
            retention_permille: 900,
            fuzz: true,
        }
    }
}

/// What FSRS assumes of a person's memory: 21 figures, each rounded to four places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weights([u32; COUNT]);

impl Default for Weights {
    fn default() -> Self {
        Self(AVERAGE)
    }
}

impl Weights {
    /// The weights of these figures, rounded to four places; nothing when there are not 21 or one is out of its range.
    pub fn new(figures: &[f64]) -> Option<Self> {
        let figures: [f64; COUNT] = figures.try_into().ok()?;
        let mut units = [0; COUNT];
        for ((unit, figure), (least, greatest)) in units.iter_mut().zip(figures).zip(RANGES) {
            let rounded = round(figure * UNITS);
            if !(f64::from(least)..=f64::from(greatest)).contains(&rounded) {
                return None;
            }
            // The comparison above keeps it among the whole numbers that u32 has.
            *unit = rounded as u32;
        }
        Some(Self(units))
    }

    /// The figures, in the order of the FSRS wiki.
    pub fn figures(&self) -> [f64; COUNT] {
        self.0.map(|unit| f64::from(unit) / UNITS)
    }
}

/// What is left of a card in memory. Never holds a number that is not one: weights and answers are bounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memory {
    /// Days until the chance to know the card has fallen to nine in ten.
    pub stability: f64,
    /// How hard the card is, 1 to 10.
    pub difficulty: f64,
    /// The day of the last answer that moved it.
    pub day: Day,
}

impl Eq for Memory {}

impl Memory {
    /// A memory that is known only by the interval a person or another program gave it.
    pub(crate) fn of_interval(weights: &Weights, days: i32, day: Day) -> Self {
        Self {
            stability: f64::from(days).clamp(STABILITY_MIN, STABILITY_MAX),
            difficulty: Model(weights.figures()).first_difficulty(Grade::Good),
            day,
        }
    }

    /// The chance to know the card on a day.
    pub fn retrievability(&self, weights: &Weights, on: Day) -> f64 {
        Model(weights.figures())
            .retrievability(f64::from(on.since(self.day).max(0)), self.stability)
    }

    /// The memory after the answers of one study day, in order: the first one moves it by the days since the last, the
    /// others as repeats within a day.
    pub(crate) fn after_day(
        before: Option<Self>,
        weights: &Weights,
        day: Day,
        grades: impl IntoIterator<Item = Grade>,
    ) -> Option<Self> {
        let model = Model(weights.figures());
        let mut memory = before;
        for grade in grades {
            memory = Some(match memory {
                None => model.first(grade, day),
                Some(memory) => model.next(memory, grade, day),
            });
        }
        memory
    }

    /// Days until the chance to know the card has fallen to the wished value, not rounded.
    pub(crate) fn days_until(&self, weights: &Weights, retention_permille: u16) -> f64 {
        let retention = f64::from(retention_permille) / 1_000.0;
        Model(weights.figures()).days_until(self.stability, retention)
    }
}

impl Fsrs {
    /// The interval after a memory's last answer. The seed moves a long one a little, where that is wanted.
    pub(crate) fn interval(&self, memory: &Memory, weights: &Weights, seed: u64) -> u16 {
        let longest = f64::from(limit::INTERVAL_DAYS_MAX);
        let days = memory
            .days_until(weights, self.retention_permille)
            .clamp(1.0, longest);
        let moved = if self.fuzz { fuzz(days, seed) } else { days };
        // Clamped to what u16 holds, and whole.
        round(moved).clamp(1.0, longest) as u16
    }
}

/// How far an interval may be moved: nothing below two and a half days, then a share of each stretch.
const FUZZ: [(f64, f64, f64); 3] = [
    (2.5, 7.0, 0.15),
    (7.0, 20.0, 0.10),
    (20.0, f64::INFINITY, 0.05),
];

fn fuzz(days: f64, seed: u64) -> f64 {
    if days < 2.5 {
        return days;
    }
    let reach = FUZZ.iter().fold(1.0, |reach, (from, to, share)| {
        reach + share * (days.min(*to) - from).max(0.0)
    });
    let (least, most) = (round(days - reach).max(2.0), round(days + reach));
    // Both are whole and at most a few thousand apart.
    let choices = (most - least).max(0.0) as u64 + 1;
    least + (seed % choices) as f64
}

/// The formulas, with the weights w0 to w20.
struct Model([f64; COUNT]);

impl Model {
    fn first(&self, grade: Grade, day: Day) -> Memory {
        let [again, hard, good, easy, ..] = self.0;
        let stability = match grade {
            Grade::Again => again,
            Grade::Hard => hard,
            Grade::Good => good,
            Grade::Easy => easy,
        };
        Memory {
            stability: stability.clamp(STABILITY_MIN, STABILITY_MAX),
            difficulty: self.first_difficulty(grade),
            day,
        }
    }

    fn next(&self, before: Memory, grade: Grade, day: Day) -> Memory {
        let days = day.since(before.day).max(0);
        let stability = if days == 0 {
            self.same_day(before.stability, grade)
        } else {
            let retrievability = self.retrievability(f64::from(days), before.stability);
            if grade.is_right() {
                self.after_right(&before, retrievability, grade)
            } else {
                self.after_wrong(&before, retrievability)
            }
        };
        Memory {
            stability: stability.clamp(STABILITY_MIN, STABILITY_MAX),
            difficulty: self.next_difficulty(before.difficulty, grade),
            day,
        }
    }

    fn retrievability(&self, days: f64, stability: f64) -> f64 {
        let (decay, factor) = self.curve();
        pow(1.0 + factor * days / stability, decay)
    }

    fn days_until(&self, stability: f64, retention: f64) -> f64 {
        let (decay, factor) = self.curve();
        stability / factor * (pow(retention, 1.0 / decay) - 1.0)
    }

    /// Exponent and scale of the forgetting curve, which passes nine in ten at the stability.
    fn curve(&self) -> (f64, f64) {
        let [.., w20] = self.0;
        let decay = -w20;
        (decay, pow(RETENTION_OF_STABILITY, 1.0 / decay) - 1.0)
    }

    fn first_difficulty(&self, grade: Grade) -> f64 {
        self.unbounded_first_difficulty(grade)
            .clamp(DIFFICULTY_MIN, DIFFICULTY_MAX)
    }

    fn unbounded_first_difficulty(&self, grade: Grade) -> f64 {
        let [_, _, _, _, w4, w5, ..] = self.0;
        w4 - exp(w5 * (f64::from(grade.number()) - 1.0)) + 1.0
    }

    fn next_difficulty(&self, before: f64, grade: Grade) -> f64 {
        let [_, _, _, _, _, _, w6, w7, ..] = self.0;
        let step = -w6 * (f64::from(grade.number()) - 3.0);
        let damped = before + (10.0 - before) * step / 9.0;
        let reverted = w7 * (self.unbounded_first_difficulty(Grade::Easy) - damped) + damped;
        reverted.clamp(DIFFICULTY_MIN, DIFFICULTY_MAX)
    }

    fn after_right(&self, before: &Memory, retrievability: f64, grade: Grade) -> f64 {
        let [
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            w8,
            w9,
            w10,
            _,
            _,
            _,
            _,
            w15,
            w16,
            ..,
        ] = self.0;
        let effort = match grade {
            Grade::Hard => w15,
            Grade::Easy => w16,
            Grade::Again | Grade::Good => 1.0,
        };
        let growth = exp(w8)
            * (11.0 - before.difficulty)
            * pow(before.stability, -w9)
            * (exp((1.0 - retrievability) * w10) - 1.0)
            * effort;
        before.stability * (1.0 + growth)
    }

    fn after_wrong(&self, before: &Memory, retrievability: f64) -> f64 {
        let [
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            w11,
            w12,
            w13,
            w14,
            _,
            _,
            w17,
            w18,
            ..,
        ] = self.0;
        let left = w11
            * pow(before.difficulty, -w12)
            * (pow(before.stability + 1.0, w13) - 1.0)
            * exp((1.0 - retrievability) * w14);
        left.min(before.stability / exp(w17 * w18))
    }

    fn same_day(&self, before: f64, grade: Grade) -> f64 {
        let [.., w17, w18, w19, _] = self.0;
        let growth = exp(w17 * (f64::from(grade.number()) - 3.0 + w18)) * pow(before, -w19);
        let growth = if grade.is_right() {
            growth.max(1.0)
        } else {
            growth
        };
        before * growth
    }
}
