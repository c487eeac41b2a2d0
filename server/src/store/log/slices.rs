//! A batch goes to the disk in slices that are a commit of one engine batch each: larger commits would go alone, through a file with
//! flushes of its own, and everybody behind them would wait. What one slice leaves out is known to the next. Only the whole batch is
//! answered; a crash in between leaves its beginning stored, which the device's next try finds known.

use std::collections::BTreeMap;

use domain::DocId;
use sync_protocol::server::{AppendRefusal, Appended};
use sync_protocol::{Cursor, DocHeads, LogEpoch};

use super::append::Written;
use super::judge::{Lost, Refusal};
use super::rows::Head;

/// What has become of a batch so far.
#[derive(Default)]
pub(super) struct Slices {
    /// Items dealt with.
    pub(super) items: usize,
    pub(super) lost: Lost,
    /// The first of the new entries and the log's end after the last of them, with nobody else's between.
    run: Option<(u64, Head)>,
    refused: Vec<(usize, Refusal)>,
    missing: BTreeMap<DocId, DocHeads>,
}

impl Slices {
    pub(super) fn add(&mut self, mut slice: Written) {
        let at = self.items;
        self.items += slice.items;
        self.lost.append(&mut slice.lost);
        let places = slice.refused.into_iter();
        self.refused
            .extend(places.map(|(place, refusal)| (at + place, refusal)));
        let told = slice.missing.into_iter();
        self.missing.extend(told.map(|heads| (heads.doc, heads)));
        if let Some(first) = slice.first_seq {
            let run = self.run.filter(|(_, end)| end.seq + 1 == first);
            self.run = Some((run.map_or(first, |(begin, _)| begin), slice.head));
        }
    }

    /// The answer, when all items are dealt with and the log ended there after the last slice.
    ///
    /// The machine takes everything from the first new entry up to the named end for the device's own. So with entries of another
    /// session between them only the last run is named, and the device is sent the rest of its own again.
    pub(super) fn answer(self, batch: u64, epoch: LogEpoch, end: Head) -> Appended {
        let end = self.run.map_or(end, |(_, end)| end);
        Appended {
            batch,
            first_seq: self.run.map(|(first, _)| first),
            head: Cursor {
                epoch,
                seq: end.seq,
                chain: end.chain,
            },
            refused: gather(self.refused),
            missing: self.missing.into_values().collect(),
        }
    }
}

/// Groups refusals of the same reason and words.
fn gather(refused: Vec<(usize, Refusal)>) -> Vec<AppendRefusal> {
    let mut groups: Vec<AppendRefusal> = Vec::new();
    for (index, refusal) in refused {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let same = groups
            .iter_mut()
            .find(|group| group.reason == refusal.reason && group.message == refusal.message);
        match same {
            Some(group) => group.items.push(index),
            None => groups.push(AppendRefusal {
                items: vec![index],
                reason: refusal.reason,
                quota: refusal.quota,
                message: refusal.message,
            }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use sync_protocol::Chain;

    use super::*;

    fn slice(first_seq: Option<u64>, end: u64) -> Written {
        Written {
            items: 10,
            first_seq,
            head: Head {
                seq: end,
                chain: Chain::START,
                documents: 0,
                document_bytes: 0,
            },
            refused: Vec::new(),
            lost: Lost::new(),
            missing: Vec::new(),
            full_tails: Vec::new(),
        }
    }

    /// The first entry and the end that the answer names.
    fn named(slices: [(Option<u64>, u64); 3]) -> (Option<u64>, u64) {
        let mut sum = Slices::default();
        for (first, end) in slices {
            sum.add(slice(first, end));
        }
        assert_eq!(sum.items, 30);
        let end = slice(None, slices[2].1).head;
        let answer = sum.answer(1, LogEpoch::from_bytes([0; 16]), end);
        (answer.first_seq, answer.head.seq)
    }

    #[test]
    fn nobody_elses_entries_are_named_as_the_devices_own() {
        let one_run = [(Some(5), 14), (Some(15), 24), (Some(25), 34)];
        assert_eq!(named(one_run), (Some(5), 34));
        let other_between = [(Some(5), 14), (Some(18), 24), (Some(25), 30)];
        assert_eq!(named(other_between), (Some(18), 30));
        let other_behind = [(Some(5), 14), (None, 20), (None, 20)];
        assert_eq!(named(other_behind), (Some(5), 14));
        let nothing_between = [(Some(5), 14), (None, 14), (Some(15), 20)];
        assert_eq!(named(nothing_between), (Some(5), 20));
        assert_eq!(named([(None, 4), (None, 6), (None, 6)]), (None, 6));
    }
}
