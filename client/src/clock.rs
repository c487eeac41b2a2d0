//! What time it is, and where: the wall clock and the time zone of this device as one value. The only place of the
//! library that asks the system. The logical clock of events is `domain::Hlc`, kept by the vault.

use std::cell::RefCell;

use domain::{Day, OffsetMin, UnixMs};
use jiff::fmt::temporal::{DateTimeParser, DateTimePrinter};
use jiff::tz::TimeZone;

/// One instant with the device's offset from UTC at that instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970 in UTC.
    pub at: UnixMs,
    /// Minutes that the local clock is ahead of UTC.
    pub offset: OffsetMin,
}

impl Moment {
    /// The study day of this instant.
    pub fn day(self, rollover_hour: u8) -> Day {
        Day::of(self.at, self.offset, rollover_hour)
    }
}

/// Where a vault takes the time from.
#[derive(Debug, Clone, Copy, Default)]
pub enum Clock {
    /// The system's clock and time zone.
    #[default]
    System,
    /// Always this instant, for replays of a history and for tests of other days.
    Still(Moment),
}

impl Clock {
    /// The present instant, moved by `skew_ms`: what a server said our clock is behind.
    pub(crate) fn now(self, skew_ms: i64) -> Moment {
        let moment = match self {
            Clock::Still(moment) => return moment,
            Clock::System => system_now(),
        };
        Moment {
            at: UnixMs(moment.at.0.saturating_add(skew_ms)),
            ..moment
        }
    }
}

thread_local! {
    /// The zone of the person for whom this thread works, where that is not the zone of this process.
    static ZONE: RefCell<Option<TimeZone>> = const { RefCell::new(None) };
}

/// The time zone of the person for whom this thread works: the system's, unless it works for another process.
pub fn zone() -> TimeZone {
    ZONE.with_borrow(Clone::clone)
        .unwrap_or_else(TimeZone::system)
}

/// What another process calls this zone; none when it has no name.
pub fn zone_name() -> Option<String> {
    DateTimePrinter::new().time_zone_to_string(&zone()).ok()
}

/// Has this thread work in a zone of that name from now on; in the system's, when the name is not known here.
pub fn work_in_zone(name: &str) {
    let zone = DateTimeParser::new().parse_time_zone(name).ok();
    ZONE.set(zone);
}

/// The offset of the present time zone at an instant.
pub fn offset_at(at: UnixMs) -> OffsetMin {
    let zone = zone();
    let seconds =
        jiff::Timestamp::from_millisecond(at.0).map_or(0, |stamp| zone.to_offset(stamp).seconds());
    OffsetMin(i16::try_from(seconds / 60).unwrap_or(0))
}

/// Reads an instant as people and programs write it: RFC 3339 with an offset (`2026-03-01T09:30:00+01:00`).
///
/// # Errors
/// A sentence that shows the form, when the text is something else or the year is beyond 1970 to 9999.
pub fn parse_moment(text: &str) -> Result<Moment, String> {
    let refused = || {
        format!(
            "`{text}` is not a time; write it like 2026-03-01T09:30:00+01:00 or 2026-03-01T08:30:00Z"
        )
    };
    let stamp: jiff::Timestamp = text.trim().parse().map_err(|_| refused())?;
    let at = UnixMs(stamp.as_millisecond());
    if at.0 < 0 {
        return Err(refused());
    }
    let offset = jiff::fmt::temporal::Pieces::parse(text.trim())
        .ok()
        .and_then(|pieces| match pieces.offset() {
            Some(jiff::fmt::temporal::PiecesOffset::Numeric(numeric)) => Some(numeric.offset()),
            _ => None,
        })
        .map_or_else(
            || offset_at(at),
            |offset| OffsetMin(i16::try_from(offset.seconds() / 60).unwrap_or(0)),
        );
    Ok(Moment { at, offset })
}

fn system_now() -> Moment {
    let at = UnixMs(jiff::Timestamp::now().as_millisecond().max(0));
    Moment {
        at,
        offset: offset_at(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_time_keeps_its_own_offset() {
        let moment = parse_moment("2026-03-01T02:30:00+02:00").expect("a time");
        assert_eq!(moment.at, UnixMs(1_772_325_000_000));
        assert_eq!(moment.offset, OffsetMin(120));
        let utc = parse_moment("2026-03-01T00:30:00Z").expect("a time");
        assert_eq!(utc.at, moment.at);
    }

    #[test]
    fn what_is_no_time_is_refused_with_an_example() {
        for text in ["", "yesterday", "2026-03-01", "1950-01-01T00:00:00Z"] {
            let refused = parse_moment(text).expect_err("no time");
            assert!(refused.contains("2026-03-01T09:30"), "{refused}");
        }
    }
}
