//! The process that may die: does cases one after another and says after each what became of it.

use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use ::media::{Kind, Mime, Wishes};
use rustix::time::{ClockId, clock_gettime};

use super::{Seeds, mutation};
use crate::tally::peak_memory_kib;

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It came in.
    Prepared,
    /// It was refused with words.
    Refused,
    /// It came in, but what was made of it is not itself taken.
    Broken,
    /// A panic came through.
    Panicked,
}

const FATES: [(Fate, &str); 4] = [
    (Fate::Prepared, "prepared"),
    (Fate::Refused, "refused"),
    (Fate::Broken, "broken"),
    (Fate::Panicked, "panicked"),
];

/// What a child says of one case, in one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Number of the case.
    pub number: u64,
    /// What became of it.
    pub fate: Fate,
    /// Processor time it took.
    pub ms: u64,
    /// Most memory of the process while it ran; 0 where the system does not say.
    pub peak_kib: u64,
    /// Panics of decoders that `media` caught.
    pub caught: u64,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = FATES
            .iter()
            .find(|(fate, _)| *fate == self.fate)
            .map_or("", |(_, word)| word);
        let Self {
            number,
            ms,
            peak_kib,
            caught,
            ..
        } = self;
        write!(f, "{number} {fate} {ms} {peak_kib} {caught}")
    }
}

impl FromStr for Told {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let read = || {
            let mut words = line.split(' ');
            let number = words.next()?.parse().ok()?;
            let word = words.next()?;
            let (fate, _) = FATES.iter().find(|(_, known)| *known == word)?;
            let mut next = || words.next()?.parse().ok();
            Some(Self {
                number,
                fate: *fate,
                ms: next()?,
                peak_kib: next()?,
                caught: next()?,
            })
        };
        read().ok_or_else(|| format!("not a line of a child: {line}"))
    }
}

/// Processor time of this process so far.
fn processor_ms() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let ms = time.tv_sec * 1_000 + time.tv_nsec / 1_000_000;
    u64::try_from(ms).unwrap_or(0)
}

/// Does the cases from one number up to another and writes a line for each.
///
/// # Errors
/// When the seeds cannot be read or nobody listens any more.
pub fn serve(mime: Mime, seed: u64, from: u64, to: u64) -> io::Result<()> {
    static PANICS: AtomicU64 = AtomicU64::new(0);
    std::panic::set_hook(Box::new(|_| {
        PANICS.fetch_add(1, Ordering::Relaxed);
    }));
    let seeds = Seeds::read(mime)?;
    let mut out = io::stdout().lock();
    for number in from..to {
        let bytes = mutation::make(mime, &seeds, seed, number);
        forget_peak();
        let (begun_ms, before) = (processor_ms(), PANICS.load(Ordering::Relaxed));
        let fate = catch_unwind(AssertUnwindSafe(|| attempt(&bytes))).unwrap_or(Fate::Panicked);
        let told = Told {
            number,
            fate,
            ms: processor_ms().saturating_sub(begun_ms),
            peak_kib: peak_memory_kib().unwrap_or(0),
            caught: PANICS.load(Ordering::Relaxed) - before,
        };
        writeln!(out, "{told}")?;
        out.flush()?;
    }
    Ok(())
}

/// What a device does with an upload: prepare it, then show it.
fn attempt(bytes: &[u8]) -> Fate {
    let Ok(made) = ::media::prepare(bytes, "", Wishes::default()) else {
        return Fate::Refused;
    };
    let is_taken = match made.mime.kind() {
        Kind::Image => ::media::thumbnails(&made.bytes, &[400, 200]).is_ok(),
        Kind::Audio => ::media::inspect(&made.bytes, "").is_ok(),
    };
    if is_taken {
        Fate::Prepared
    } else {
        Fate::Broken
    }
}

/// Lets the peak that Linux tells begin anew. Where that cannot be, it is the peak of all cases so far: never too low.
fn forget_peak() {
    drop(std::fs::write("/proc/self/clear_refs", "5"));
}
