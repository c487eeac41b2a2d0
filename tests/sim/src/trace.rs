//! The last events, for whoever reads a failure.

use std::collections::VecDeque;

use sync_protocol::Frame;

/// How many are kept.
const EVENTS_MAX: usize = 60;

/// The last events of a world.
#[derive(Debug, Default)]
pub struct Trace {
    events: VecDeque<String>,
    /// Print each as it happens.
    pub loud: bool,
}

impl Trace {
    /// Notes an event.
    pub fn note(&mut self, now_us: u64, words: impl FnOnce() -> String) {
        let line = format!("{:>12.3} ms  {}", now_us as f64 / 1_000.0, words());
        if self.loud {
            eprintln!("{line}");
        }
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(line);
    }

    /// One event a line.
    pub fn lines(&self) -> String {
        self.events
            .iter()
            .fold(String::new(), |all, line| all + line + "\n")
    }
}

/// A frame in a few words.
pub fn words(frame: &Frame) -> String {
    match frame {
        Frame::BlobData(data) => format!(
            "BlobData {} {}+{} of {}",
            data.hash,
            data.offset,
            data.bytes.len(),
            data.total
        ),
        Frame::Push(push) => format!("Push {} of {}", push.batch, push.items.len()),
        Frame::Changes(changes) => format!(
            "Changes {} and {} parts, cursor {:?}",
            changes.items.len(),
            changes.packs.len(),
            changes.cursor.map(|cursor| cursor.seq)
        ),
        other => {
            let mut words = format!("{other:?}");
            words.truncate(
                words
                    .char_indices()
                    .nth(300)
                    .map_or(words.len(), |(at, _)| at),
            );
            words
        }
    }
}
