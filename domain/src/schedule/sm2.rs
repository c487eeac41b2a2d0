//! SM-2: right answers multiply the interval by the card's ease, and every answer moves the ease. Whole hundredths, so that
//! every device computes the same bits.

use crate::event::Grade;
use crate::limit;

/// Ease of a card that was never answered, in hundredths.
pub(crate) const EASE_FIRST: u16 = 250;
/// Ease is never lower.
const EASE_MIN: u16 = 130;
/// Ease is never higher: with it an interval passes the longest there is after three answers.
const EASE_MAX: u16 = 2_000;
/// Days after the first right answer, and after the second.
const FIRST_DAYS: u16 = 1;
const SECOND_DAYS: u16 = 6;

/// The answer's quality in SM-2's terms, 0 to 5: how hard a wrong answer felt tells how wrong it was.
pub(crate) const fn quality(grade: Grade, difficulty: Option<u8>) -> u8 {
    match (grade, difficulty) {
        (Grade::Again, Some(5)) => 0,
        (Grade::Again, Some(4)) => 1,
        (Grade::Again, _) => 2,
        (Grade::Hard, _) => 3,
        (Grade::Good, _) => 4,
        (Grade::Easy, _) => 5,
    }
}

/// The ease after an answer: EF + 0.1 - (5 - q)(0.08 + (5 - q) 0.02).
pub(crate) fn next_ease(ease_percent: u16, quality: u8) -> u16 {
    let short = i32::from(5_u8.saturating_sub(quality));
    let moved = i32::from(ease_percent) + 10 - short * (8 + short * 2);
    u16::try_from(moved.clamp(i32::from(EASE_MIN), i32::from(EASE_MAX))).unwrap_or(EASE_MIN)
}

/// Days to the next answer after so many right ones in a row, from the interval before.
pub(crate) fn next_interval(successes: u16, interval_before: i32, ease_percent: u16) -> u16 {
    match successes {
        0 | 1 => FIRST_DAYS,
        2 => SECOND_DAYS,
        _ => {
            let before = i64::from(interval_before.max(1));
            let days = (before * i64::from(ease_percent) + 99).div_euclid(100);
            u16::try_from(days)
                .unwrap_or(u16::MAX)
                .min(limit::INTERVAL_DAYS_MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ease_moves_as_the_formula_says() {
        let by_quality = [170, 196, 218, 236, 250, 260];
        for (quality, wanted) in (0..).zip(by_quality) {
            assert_eq!(next_ease(250, quality), wanted, "quality {quality}");
        }
        assert_eq!(next_ease(140, 0), EASE_MIN);
        assert_eq!(next_ease(EASE_MAX, 5), EASE_MAX);
    }

    #[test]
    fn intervals_begin_with_one_and_six_and_are_rounded_up() {
        assert_eq!(next_interval(1, 0, 250), 1);
        assert_eq!(next_interval(2, 1, 250), 6);
        assert_eq!(next_interval(3, 6, 250), 15);
        assert_eq!(next_interval(4, 15, 236), 36);
        assert_eq!(next_interval(9, i32::MAX, 250), limit::INTERVAL_DAYS_MAX);
    }
}
