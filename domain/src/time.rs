//! Time as data: wall-clock milliseconds, the hybrid logical clock, study days and months. Nothing here reads a clock;
//! callers hand in what theirs says.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limit;

/// The hour at which a study day begins unless the vault says otherwise: late evenings belong to the day before.
pub const DEFAULT_ROLLOVER_HOUR: u8 = 4;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMs(pub i64);

/// Minutes that local time is ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OffsetMin(pub i16);

/// Hybrid logical clock: 48 bits of milliseconds, then a 16-bit counter. Made after seeing another, it never sorts before it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Hlc(u64);

/// A study day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

/// A civil month, written `2025-03`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(u32);

/// A text or number that is not the point in time asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not a civil date.
    #[error("not a date: write it as YYYY-MM-DD")]
    Date,
    /// Not a civil month.
    #[error("not a month: write it as YYYY-MM")]
    Month,
}

impl Hlc {
    /// The clock with this value, as stored in an event.
    pub const fn from_u64(value: u64) -> Self {
        Self(value)
    }

    /// The value to store.
    pub const fn to_u64(self) -> u64 {
        self.0
    }

    /// The milliseconds part: wall clock where clocks were sane.
    pub const fn unix_ms(self) -> u64 {
        self.0 >> 16
    }

    /// The next stamp of a device whose last one was `self` and whose wall clock says `wall`.
    #[must_use]
    pub fn tick(self, wall: UnixMs) -> Self {
        let wall_ms = u64::try_from(wall.0).unwrap_or(0).min(limit::HLC_MS_MAX);
        Self((wall_ms << 16).max(self.0.saturating_add(1)))
    }

    /// What a device remembers after it has seen a stamp of another.
    #[must_use]
    pub fn observe(self, seen: Self) -> Self {
        self.max(seen)
    }
}

impl Day {
    /// The study day of a moment: the civil date at the reviewing device, of the time less the rollover hour.
    pub fn of(at: UnixMs, offset: OffsetMin, rollover_hour: u8) -> Self {
        let local_ms =
            at.0.saturating_add(i64::from(offset.0) * MINUTE_MS)
                .saturating_sub(i64::from(rollover_hour) * HOUR_MS);
        let day = local_ms.div_euclid(DAY_MS);
        Self(i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX }))
    }

    /// The day `days` later.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// How many days this day is after `earlier`; negative when it is before.
    pub const fn since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }

    /// The day of a civil date of the proleptic Gregorian calendar, or nothing when there is no such date.
    pub fn from_civil(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(-9_999..=9_999).contains(&year) || !(1..=12).contains(&month) || day == 0 {
            return None;
        }
        let days = Self(days_from_civil(year, month, day));
        (days.civil() == (year, month, day)).then_some(days)
    }

    /// Year, month and day of month.
    pub fn civil(self) -> (i32, u32, u32) {
        // Howard Hinnant's civil_from_days, on years that begin in March; i64 so that no day overflows it.
        let shifted = i64::from(self.0) + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (
            i32::try_from(year).expect("an i32 of days spans under six million years"),
            u32::try_from(month).expect("1 to 12"),
            u32::try_from(day).expect("1 to 31"),
        )
    }

    /// The month the day lies in; days before year 0 or after 9999 count to the nearest month there is.
    pub fn month(self) -> Month {
        let (year, month, _) = self.civil();
        match u32::try_from(year) {
            Ok(year) if year <= 9_999 => Month(year * 100 + month),
            Ok(_) => Month(999_912),
            Err(_) => Month(1),
        }
    }
}

fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year.cast_signed();
    era * 146_097 + day_of_era - 719_468
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        if year < 0 {
            write!(f, "-{:04}-{month:02}-{day:02}", -year)
        } else {
            write!(f, "{year:04}-{month:02}-{day:02}")
        }
    }
}

impl FromStr for Day {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let mut parts = digits.splitn(3, '-');
        let mut number = |len: usize| {
            let part = parts
                .next()
                .filter(|part| part.len() == len && part.bytes().all(|b| b.is_ascii_digit()));
            part.and_then(|part| part.parse::<u32>().ok())
                .ok_or(TimeError::Date)
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        Self::from_civil(sign * year.cast_signed(), month, day).ok_or(TimeError::Date)
    }
}

impl Month {
    /// The month of a year from 0 to 9999, or nothing when there is no such month.
    pub fn new(year: u32, month: u32) -> Option<Self> {
        (year <= 9_999 && (1..=12).contains(&month)).then_some(Self(year * 100 + month))
    }

    /// The month as the number `yyyymm`.
    pub const fn yyyymm(self) -> u32 {
        self.0
    }

    /// The month of the number `yyyymm`.
    pub fn from_yyyymm(yyyymm: u32) -> Option<Self> {
        Self::new(yyyymm / 100, yyyymm % 100)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 100, self.0 % 100)
    }
}

impl FromStr for Month {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let (year, month) = text.split_once('-').ok_or(TimeError::Month)?;
        if year.len() != 4
            || month.len() != 2
            || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-')
        {
            return Err(TimeError::Month);
        }
        let year = year.parse().map_err(|_| TimeError::Month)?;
        let month = month.parse().map_err(|_| TimeError::Month)?;
        Self::new(year, month).ok_or(TimeError::Month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn days_of_moments() {
        // (UTC milliseconds, offset, rollover, date)
        let noon = 1_741_435_200_000; // 2025-03-08T12:00:00Z
        let cases = [
            (noon, 0, 4, "2025-03-08"),
            (noon + 15 * HOUR_MS, 0, 4, "2025-03-08"), // 03:00 next day
            (noon + 16 * HOUR_MS, 0, 4, "2025-03-09"), // 04:00 next day
            (noon + 16 * HOUR_MS - 1, 0, 4, "2025-03-08"), // a millisecond before
            (noon + 12 * HOUR_MS, 0, 0, "2025-03-09"), // rollover at midnight
            (noon, 14 * 60, 4, "2025-03-08"),          // 02:00 on the 9th in Kiribati
            (noon + 2 * HOUR_MS, 14 * 60, 4, "2025-03-09"), // 04:00 on the 9th there
            (noon, -12 * 60, 4, "2025-03-07"),         // 00:00 on the 8th at Baker Island
            (noon + 4 * HOUR_MS, -12 * 60, 4, "2025-03-08"), // 04:00 there
            (1_741_501_800_000, -5 * 60, 4, "2025-03-08"), // New York 01:30 EST before the clocks go forward
            (1_741_507_200_000, -4 * 60, 4, "2025-03-09"), // 04:00 EDT: the day has come an hour sooner
            (1_741_507_199_999, -4 * 60, 4, "2025-03-08"),
            (1_709_193_600_000, 0, 4, "2024-02-29"), // leap day 08:00
            (1_709_193_600_000 + DAY_MS, 0, 4, "2024-03-01"),
            (noon, 5 * 60 + 45, 4, "2025-03-08"), // Kathmandu
            (-1, 0, 0, "1969-12-31"),
        ];
        for (at, offset, rollover, date) in cases {
            assert_eq!(
                Day::of(UnixMs(at), OffsetMin(offset), rollover).to_string(),
                date,
                "{at} {offset} {rollover}"
            );
        }
        // The ends of the number line have a day too.
        assert_eq!(
            Day::of(UnixMs(i64::MAX), OffsetMin(i16::MAX), 0),
            Day(i32::MAX)
        );
        assert_eq!(
            Day::of(UnixMs(i64::MIN), OffsetMin(i16::MIN), 23),
            Day(i32::MIN)
        );
    }

    #[test]
    fn dates() {
        for (day, text) in [
            (0, "1970-01-01"),
            (-719_528, "0000-01-01"),
            (11_016, "2000-02-29"),
            (2_932_896, "9999-12-31"),
        ] {
            assert_eq!(Day(day).to_string(), text);
            assert_eq!(text.parse(), Ok(Day(day)));
        }
        for bad in [
            "",
            "2025-3-08",
            "2025-02-29",
            "2025-13-01",
            "2025-00-10",
            "2025-01-00",
            "+025-01-01",
            "2025-01-011",
        ] {
            assert_eq!(bad.parse::<Day>(), Err(TimeError::Date), "{bad}");
        }
        assert_eq!(Day(11_016).month().to_string(), "2000-02");
        assert_eq!("2000-02".parse(), Ok(Month(200_002)));
        for bad in ["2000-13", "2000-00", "200-001", "2000/01", "+200-01"] {
            assert_eq!(bad.parse::<Month>(), Err(TimeError::Month), "{bad}");
        }
        assert_eq!(
            (Day(i32::MAX).month(), Day(i32::MIN).month()),
            (Month(999_912), Month(1))
        );
    }

    #[test]
    fn the_clock_never_goes_back() {
        let first = Hlc::default().tick(UnixMs(1_000));
        assert_eq!(first.to_u64(), 1_000 << 16);
        let second = first.tick(UnixMs(1_000));
        let after_a_jump_back = second.tick(UnixMs(-5));
        assert!(first < second && second < after_a_jump_back);
        let seen = Hlc::from_u64(9_000 << 16 | 7);
        assert!(after_a_jump_back.observe(seen).tick(UnixMs(1_001)) > seen);
        assert_eq!(seen.tick(UnixMs(10_000)).unix_ms(), 10_000);
    }

    proptest! {
        #[test]
        fn civil_is_a_bijection(day in -3_652_424..2_932_896) {
            let (year, month, dom) = Day(day).civil();
            prop_assert_eq!(Day::from_civil(year, month, dom), Some(Day(day)));
            prop_assert_eq!(Day(day).to_string().parse(), Ok(Day(day)));
        }
    }
}
