//! The process that stays: gives batches to children, notices when one dies or falls silent, and counts.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use ::media::Mime;

use super::child::{Fate, Told};
use super::{CASE_KIB_MAX, CASE_MS_MAX};

/// Cases that one child does, unless it dies before.
const BATCH: u64 = 250;

/// How long a child may be silent before it is ended, in milliseconds: a busy machine takes longer than the bound.
const SILENCE_MS_MAX: u64 = 4 * CASE_MS_MAX;

/// What became of all cases of one type.
#[derive(Debug, Default)]
pub struct Count {
    fates: BTreeMap<Fate, u64>,
    caught: u64,
    slowest_ms: u64,
    peak_kib: u64,
    /// What must not be, with the numbers of the cases.
    pub bad: Vec<String>,
}

impl Count {
    fn add(&mut self, told: Told) {
        let Told {
            number,
            fate,
            ms,
            peak_kib,
            caught,
        } = told;
        *self.fates.entry(fate).or_default() += 1;
        self.caught += caught;
        self.slowest_ms = self.slowest_ms.max(ms);
        self.peak_kib = self.peak_kib.max(peak_kib);
        match fate {
            Fate::Panicked => self
                .bad
                .push(format!("case {number}: a panic came through")),
            Fate::Broken => self
                .bad
                .push(format!("case {number}: what was made of it is not taken")),
            Fate::Prepared | Fate::Refused => {}
        }
        if ms > CASE_MS_MAX {
            self.bad.push(format!("case {number}: took {ms} ms"));
        }
        if peak_kib > CASE_KIB_MAX {
            self.bad.push(format!("case {number}: held {peak_kib} KiB"));
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |fate| self.fates.get(&fate).copied().unwrap_or(0);
        write!(
            f,
            "{} prepared, {} refused, {} panics caught; slowest {} ms, peak {} MB",
            of(Fate::Prepared),
            of(Fate::Refused),
            self.caught,
            self.slowest_ms,
            self.peak_kib * 1_024 / 1_000_000
        )?;
        for bad in &self.bad {
            write!(f, "\n    FAILED {bad}")?;
        }
        Ok(())
    }
}

/// Tries so many cases of one type.
///
/// # Errors
/// When a child cannot be started or speaks nonsense.
pub fn run(mime: Mime, seed: u64, cases: u64) -> io::Result<Count> {
    let mut count = Count::default();
    let mut next = 0;
    while next < cases {
        let to = (next + BATCH).min(cases);
        next = batch(mime, seed, next, to, &mut count)?;
    }
    Ok(count)
}

/// Gives one batch to a child; tells which case comes next.
fn batch(mime: Mime, seed: u64, from: u64, to: u64, count: &mut Count) -> io::Result<u64> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["child", mime.short_name()])
        .args([seed, from, to].map(|number| number.to_string()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = listen(&mut child)?;
    let mut next = from;
    let mut silence = None;
    while next < to {
        match lines.recv_timeout(Duration::from_millis(SILENCE_MS_MAX)) {
            Ok(line) => {
                count.add(line.parse().map_err(io::Error::other)?);
                next += 1;
            }
            Err(RecvTimeoutError::Timeout) => {
                silence = Some(format!("case {next}: no end after {SILENCE_MS_MAX} ms"));
                break;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if silence.is_some() {
        child.kill()?;
    }
    let status = child.wait()?;
    if next < to {
        count.bad.push(
            silence.unwrap_or_else(|| format!("case {next}: the process ended with {status}")),
        );
        next += 1;
    }
    Ok(next)
}

/// Reads a child's lines in a thread of its own, which ends with the child.
fn listen(child: &mut Child) -> io::Result<Receiver<String>> {
    let (sender, receiver) = channel();
    let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    Ok(receiver)
}
