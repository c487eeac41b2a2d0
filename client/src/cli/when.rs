//! Times as a person reads them, in the time zone of this device.

use jiff::Timestamp;

/// `2026-03-01 09:30`; a dash for what is no time.
pub(crate) fn minute(unix_ms: i64) -> String {
    shown(unix_ms, "%Y-%m-%d %H:%M")
}

/// `09:30:05` of now.
pub(crate) fn clock() -> String {
    shown(Timestamp::now().as_millisecond(), "%H:%M:%S")
}

fn shown(unix_ms: i64, format: &str) -> String {
    match Timestamp::from_millisecond(unix_ms) {
        Ok(at) => client::zone().to_datetime(at).strftime(format).to_string(),
        Err(_) => "-".to_owned(),
    }
}
