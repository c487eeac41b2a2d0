//! Charts: statistics in, SVG text out, without any input or output of their own. One module for whoever shows them:
//! `memoryvault stats --svg`, the page, a README. What is counted is `domain::statistics`'; words around a chart are here,
//! tables of the same figures are the caller's.
//!
//! Every chart is a picture with a title and a description for those who do not see it, follows the reader's light or
//! dark scheme, tells its series apart by label and lightness or hatching as well as by colour, and is laid out for a
//! width of 360 px. Coordinates are whole tenths, so that equal figures give equal bytes.

mod bars;
mod calendar;
mod drawing;
mod frame;
mod lanes;
mod lines;
mod over_time;
mod plain;
mod words;

use domain::statistics::Statistics;

pub use plain::{Line, plain};
pub use words::grouped;

/// One chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Short name, for a file or an id.
    pub name: &'static str,
    /// What a person calls it.
    pub title: &'static str,
    /// A whole SVG document.
    pub svg: String,
}

/// All charts, in the order in which they are best read.
pub fn all(statistics: &Statistics) -> Vec<Chart> {
    vec![
        calendar::calendar(statistics),
        bars::forecast(statistics),
        over_time::boxes(statistics),
        lines::retention(statistics),
        over_time::grades(statistics),
        over_time::minutes(statistics),
        bars::hours(statistics),
        lines::forgetting(statistics),
        lanes::devices(statistics),
    ]
}
