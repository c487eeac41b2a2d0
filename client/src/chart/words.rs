//! Numbers and days in the words of a chart.

use domain::Day;
use domain::statistics::Share;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Writes a number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 3 == first {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `1 card`, `12 345 cards`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    let word = if number == 1 { one } else { many };
    format!("{} {word}", grouped(number))
}

/// `87.5 %`, or that there is nothing to tell.
pub(super) fn percent(share: &Share) -> String {
    share.right_permille.map_or_else(
        || "no answers".to_owned(),
        |permille| format!("{}.{} %", permille / 10, permille % 10),
    )
}

/// `Mar`.
pub(super) fn month(day: Day) -> &'static str {
    let (_, month, _) = day.civil();
    let place = usize::try_from(month).unwrap_or(1).saturating_sub(1);
    MONTHS.get(place).copied().unwrap_or_default()
}

/// `14 Mar`.
pub(super) fn day_and_month(day: Day) -> String {
    format!("{} {}", day.civil().2, month(day))
}

/// `Mar 2026`.
pub(super) fn month_and_year(day: Day) -> String {
    format!("{} {}", month(day), day.civil().0)
}
