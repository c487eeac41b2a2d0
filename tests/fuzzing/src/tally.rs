//! What became of the inputs, counted, and what a run cost.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Where an input ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Part of the document.
    Accepted,
    /// Part of it before.
    Known,
    /// Waits for another change.
    Waiting,
    /// Not one harmless change.
    Gate,
    /// Does not continue the document.
    Graph,
    /// Too many wait already.
    TooManyWait,
    /// The document would be too large.
    DocumentFull,
    /// Automerge refused it, or did not give it back as it was.
    Trial,
    /// Automerge panicked.
    Panic,
    /// Not one of our documents any more.
    Schema,
}

impl Fate {
    /// The fate told by the reason of a change set aside that passed the gate. Nothing for words this does not know: the
    /// table is to be kept in step with `storage` and `domain`.
    pub fn of_reason(reason: &str) -> Option<Self> {
        let table: [(&str, Self); 15] = [
            ("it needs change ", Self::TooManyWait),
            ("the change is number ", Self::Graph),
            ("the change starts at ", Self::Graph),
            ("the change is too far ", Self::Graph),
            ("the document would grow beyond ", Self::DocumentFull),
            ("it cannot be read", Self::Trial),
            ("it cannot be applied", Self::Trial),
            ("a change it needs is missing", Self::Trial),
            ("the document does not give it back ", Self::Trial),
            ("applying it failed inside Automerge", Self::Panic),
            ("the document would not be of ", Self::Schema),
            ("the change writes into an object ", Self::Schema),
            ("the change addresses a map ", Self::Schema),
            ("the change nests deeper ", Self::Schema),
            ("the change writes a key ", Self::Schema),
        ];
        let found = table.iter().find(|(words, _)| reason.starts_with(words));
        found.map(|(_, fate)| *fate)
    }
}

/// Counts over a run.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    fates: BTreeMap<Fate, u64>,
    /// Inputs in all.
    pub inputs: u64,
    /// Documents that were saved, loaded, read and edited after what they accepted.
    pub documents: u64,
    /// Inputs that the short way for whole documents took too.
    pub whole: u64,
    /// Vaults that were written, reopened and verified.
    pub vaults: u64,
    /// The longest one batch took, what it was tried on, and the changes of it.
    pub slowest: (Duration, &'static str, Vec<Vec<u8>>),
}

impl Tally {
    /// Counts one input.
    pub fn count(&mut self, fate: Fate) {
        self.inputs += 1;
        *self.fates.entry(fate).or_default() += 1;
    }

    /// How many inputs had this fate.
    pub fn of(&self, fate: Fate) -> u64 {
        self.fates.get(&fate).copied().unwrap_or(0)
    }

    /// Notes how long a batch took.
    pub fn took(&mut self, time: Duration, base: &'static str, batch: &[Vec<u8>]) {
        if time > self.slowest.0 {
            self.slowest = (time, base, batch.to_vec());
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>9} inputs", self.inputs)?;
        for (fate, count) in &self.fates {
            writeln!(f, "{count:>9} {fate:?}")?;
        }
        writeln!(
            f,
            "{:>9} documents saved, loaded, read and edited",
            self.documents
        )?;
        writeln!(f, "{:>9} inputs taken as part of a whole", self.whole)?;
        writeln!(f, "{:>9} vaults reopened and verified", self.vaults)?;
        let (time, base, batch) = &self.slowest;
        let bytes: usize = batch.iter().map(Vec::len).sum();
        write!(
            f,
            "slowest batch: {} ms, {} changes of {bytes} bytes, upon the {base}",
            time.as_millis(),
            batch.len()
        )
    }
}

/// The most memory this process has had, in KiB, as the kernel says.
pub fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
